//! Metrics and cluster metadata with a real Kafka.

use std::{
    process::{self, Command},
    sync::mpsc,
    thread,
    time::Duration,
};

use futures::executor::block_on;
use ottla::{Producer, ProducerRecord};

use super::{bootstrap_servers, config, topic};
use crate::log;

/// Sends this many records of this size and flushes.
fn send(producer: &Producer<str, str>, topic: &str, count: usize, size: usize) {
    let value = "x".repeat(size);
    for _ in 0..count {
        producer.blocking().send(ProducerRecord::to(topic).value(&*value)).map(drop).unwrap();
    }
    block_on(producer.flush()).unwrap();
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn counts_equal_the_log() {
    let topic = topic("metrics", 3, &[]);
    let producer: Producer<str, str> = Producer::builder(config()).build().unwrap();
    send(&producer, &topic, 20_000, 50);
    let metrics = producer.metrics();
    let found = log::read(&bootstrap_servers(), &topic);
    assert_eq!(metrics.value("record-send-total"), Some(found.len() as f64));
    let bytes: usize = found.iter().map(|record| record.value_text().len()).sum();
    assert_eq!(metrics.topic_value(&topic, "byte-total"), Some(bytes as f64));
    assert_eq!((metrics.value("record-size-avg"), metrics.value("record-size-max")), (Some(50.0), Some(50.0)));
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn quota_is_visible_as_throttle_time() {
    let client = format!("throttled-{}", process::id());
    let quota = ["configs", "--alter", "--add-config", "producer_byte_rate=20000", "--entity-type", "clients", "--entity-name"];
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/kafka");
    let status = Command::new(script).args(quota).arg(&client).status().unwrap();
    assert!(status.success(), "{status}");
    let topic = topic("throttled", 1, &[]);
    let config = config().set("client.id", &client).unwrap().set("librdkafka.statistics.interval.ms", "200").unwrap();
    let (tells, told) = mpsc::channel();
    let builder = Producer::<str, str>::builder(config).on_throttle(move |throttle| drop(tells.send(throttle.clone())));
    let producer = builder.build().unwrap();
    let value = "x".repeat(1000);
    // A broker throttles only after a window of some seconds. A throttle time belongs to one interval, so check often enough.
    for _ in 0..2000 {
        for _ in 0..5 {
            producer.blocking().send(ProducerRecord::to(&*topic).value(&*value)).map(drop).unwrap();
        }
        let metrics = producer.metrics();
        let (average, maximum) = (metrics.value("produce-throttle-time-avg"), metrics.value("produce-throttle-time-max"));
        if maximum > Some(0.0) {
            assert!(average > Some(0.0) && average <= maximum, "{average:?}, {maximum:?}");
            let throttle = told.try_recv().unwrap();
            assert!(!throttle.time().is_zero() && throttle.node_id() > 0, "{throttle:?}");
            assert!(bootstrap_servers().split(',').any(|server| server == throttle.broker()), "{throttle:?}");
            producer.blocking().close(Duration::ZERO).map(drop).unwrap();
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("never throttled:\n{}", producer.metrics().to_prometheus());
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn cluster_returns_the_real_metadata() {
    let producer: Producer<str, str> = Producer::builder(config()).build().unwrap();
    let cluster = block_on(producer.cluster()).unwrap();
    assert!(cluster.id().is_some_and(|id| !id.is_empty()), "{cluster:?}");
    let ids: Vec<_> = cluster.brokers().iter().map(|broker| broker.id()).collect();
    assert!(cluster.controller().is_some_and(|controller| ids.contains(&controller)), "{cluster:?}");
    let servers = bootstrap_servers();
    for broker in cluster.brokers() {
        assert!(servers.split(',').any(|server| server.ends_with(&format!(":{}", broker.port()))), "{broker:?} of {servers}");
        assert_eq!(broker.rack(), None);
    }
    assert_eq!(cluster.brokers().len(), servers.split(',').count(), "{cluster:?}");
}
