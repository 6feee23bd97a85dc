//! A topic that is deleted and created again while records are sent.

use std::{thread, time::Duration};

use ottla::ErrorKind;

use super::stage::{Stage, await_that, await_watched, recovers};

pub(super) fn partitions_added(stage: &Stage) {
    let topic = "partitions-added";
    let traffic = stage.traffic(topic, stage.config().set("metadata.max.age.ms", "500").unwrap());
    stage.grow(topic, 12);
    traffic.account().fault_ended();
    await_watched(&traffic, 12);
    assert_eq!(stage.settle("partitions added", traffic).failed, 0);
}

pub(super) fn topic_recreated(stage: &Stage) {
    let topic = "recreated";
    let config = stage.config().set("metadata.max.age.ms", "500").unwrap();
    // By default librdkafka assumes for 30 s that a missing topic is being created.
    let config = config.set("librdkafka.topic.metadata.propagation.max.ms", "1000").unwrap();
    let traffic = stage.traffic(topic, config);
    stage.delete(topic);
    await_that("records fail", || traffic.account().failures().contains_key(&ErrorKind::UnknownTopicOrPartition));
    // The acknowledged records are deleted with the topic; their reports have arrived long before.
    thread::sleep(Duration::from_millis(500));
    traffic.account().write_off();
    stage.create(topic, 6);
    recovers(&traffic);
    let row = stage.settle("topic deleted and recreated", traffic);
    let kinds: Vec<_> = row.failures.keys().copied().collect();
    assert_eq!(kinds, [ErrorKind::UnknownTopicOrPartition]);
}
