//! `TestTopics`: topics that tests create and delete.

use std::{
    error::Error as _,
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use futures::executor::block_on;
use ottla::{
    Error, ErrorKind, Producer, ProducerRecord,
    testing::{NewTopic, TestTopics},
};

use super::config;

fn name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("test-topics-{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Checks that the error names the topic and has this code and a reason.
#[track_caller]
fn check(error: &Error, topic: &str, code: &str) {
    assert_eq!(error.name(), Some(code), "{error:?}");
    assert!(error.to_string().starts_with(&format!("topic {topic}: not ")), "{error}");
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn topics_are_created_as_configured_and_deleted() {
    let topics = TestTopics::connect(config()).unwrap();
    let topic = name();
    let new = NewTopic::new(&topic).partitions(6).replication_factor(1).config("max.message.bytes", "54321");
    topics.create(new.clone()).unwrap();
    let producer: Producer<str, str> = Producer::builder(config()).build().unwrap();
    assert_eq!(block_on(producer.partitions_for(&topic)).unwrap().len(), 6);
    assert_eq!(block_on(producer.max_message_bytes(&topic)).unwrap(), 54321);
    let config = |name| block_on(producer.topic_config(&topic, name)).unwrap();
    assert_eq!(config("max.message.bytes").as_deref(), Some("54321"));
    assert_eq!((config("cleanup.policy").as_deref(), config("no.such.name")), (Some("delete"), None));
    let configs = block_on(producer.topic_configs(&topic)).unwrap();
    let own: Vec<_> =
        configs.iter().filter(|config| config.is_set_on_topic()).map(|config| (config.name(), config.value())).collect();
    assert_eq!(own, [("max.message.bytes", Some("54321"))]);
    check(&block_on(producer.create_topic(new.clone())).unwrap_err(), &topic, "TOPIC_ALREADY_EXISTS");
    check(&topics.create(new).unwrap_err(), &topic, "TOPIC_ALREADY_EXISTS");
    drop(producer);
    topics.delete(&topic).unwrap();
    let error = topics.delete(&topic).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownTopicOrPartition);
    check(&error, &topic, "UNKNOWN_TOPIC_OR_PARTITION");
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn topics_without_options_have_the_brokers_defaults() {
    let topics = TestTopics::connect(config()).unwrap();
    let topic = name();
    topics.create(NewTopic::new(&topic)).unwrap();
    topics.delete(&topic).unwrap();
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn refused_topics_are_reported_with_the_reason() {
    let topics = TestTopics::connect(config()).unwrap();
    let topic = name();
    let new = || NewTopic::new(&topic).partitions(1).replication_factor(1);
    for (new, code, reason) in [
        (new().replication_factor(100), "INVALID_REPLICATION_FACTOR", "100"),
        (new().config("cleanup.policy", "never"), "INVALID_CONFIG", "cleanup.policy"),
        (new().config("no.such.config", "1"), "INVALID_CONFIG", "no.such.config"),
    ] {
        let error = topics.create(new).unwrap_err();
        check(&error, &topic, code);
        assert!(error.source().unwrap().to_string().contains(reason), "{error:?}");
    }
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn topics_are_deleted_on_drop_if_asked_for() {
    let [kept, deleted, gone] = [(); 3].map(|()| name());
    let create = |topics: &TestTopics, name: &str| topics.create(NewTopic::new(name).partitions(1)).unwrap();
    let topics = TestTopics::connect(config()).unwrap();
    create(&topics, &kept);
    drop(topics);
    let topics = TestTopics::connect(config()).unwrap().delete_on_drop(true);
    create(&topics, &deleted);
    create(&topics, &gone);
    topics.delete(&gone).unwrap();
    drop(topics);
    let topics = TestTopics::connect(config()).unwrap();
    assert_eq!(topics.delete(&deleted).unwrap_err().kind(), ErrorKind::UnknownTopicOrPartition);
    topics.delete(&kept).unwrap();
}

/// A new producer's first records for a topic that was just created are neither lost nor doubted.
#[test]
#[ignore = "needs Kafka: make test-broker"]
fn new_topic_accepts_the_first_records_of_a_new_producer() {
    let topics = TestTopics::connect(config()).unwrap().delete_on_drop(true);
    for _ in 0..6 {
        let name = name();
        topics.create(NewTopic::new(&name).partitions(6).replication_factor(1)).unwrap();
        let producer: Producer<str, [u8]> = Producer::builder(config().set("linger.ms", "0").unwrap()).build().unwrap();
        let value = vec![7; 1_000_000];
        let record = |n| ProducerRecord::to(&*name).partition(n % 6).value(&value[..]);
        let deliveries: Vec<_> = (0..30).map(|n| block_on(producer.send(record(n))).unwrap()).collect();
        for delivery in deliveries {
            block_on(delivery).unwrap();
        }
    }
}
