//! The real Kafka at `KAFKA_BOOTSTRAP_SERVERS`.

use std::{
    env, process,
    sync::atomic::{AtomicU32, Ordering},
};

use futures::executor::block_on;
use ottla::ProducerConfig;
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication},
    client::DefaultClientContext,
};

pub fn bootstrap_servers() -> String {
    env::var("KAFKA_BOOTSTRAP_SERVERS").expect("tier 3 needs KAFKA_BOOTSTRAP_SERVERS: run it with make test-broker")
}

pub fn config() -> ProducerConfig {
    ProducerConfig::new().set("bootstrap.servers", bootstrap_servers()).unwrap()
}

/// Creates a new topic for a test.
pub fn topic(name: &str, partitions: i32, settings: &[(&str, &str)]) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let topic = format!("{name}-{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let admin = admin();
    let mut new = NewTopic::new(&topic, partitions, TopicReplication::Fixed(1));
    for (name, value) in settings {
        new = new.set(name, value);
    }
    for result in block_on(admin.create_topics([&new], &AdminOptions::new())).unwrap() {
        result.unwrap();
    }
    topic
}

/// Increases the number of partitions of a topic.
pub fn add_partitions(topic: &str, partitions: usize) {
    for result in block_on(admin().create_partitions([&NewPartitions::new(topic, partitions)], &AdminOptions::new())).unwrap() {
        result.unwrap();
    }
}

pub fn admin() -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", bootstrap_servers()).create().unwrap()
}
