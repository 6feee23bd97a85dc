//! The real Kafka at `KAFKA_BOOTSTRAP_SERVERS`.

use std::{
    env, process,
    sync::atomic::{AtomicU32, Ordering},
};

use futures::executor::block_on;
use ottla::{
    ProducerConfig,
    testing::{NewTopic, TestTopics},
};
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewPartitions},
    client::DefaultClientContext,
};

pub fn bootstrap_servers() -> String {
    env::var("KAFKA_BOOTSTRAP_SERVERS").expect("tier 3 needs KAFKA_BOOTSTRAP_SERVERS: run it with make test-broker")
}

pub fn config() -> ProducerConfig {
    ProducerConfig::new().set("bootstrap.servers", bootstrap_servers()).unwrap()
}

/// The topics of a Kafka that may be busy: creating one may take ten minutes.
pub fn patient_topics(bootstrap_servers: &str) -> TestTopics {
    let config = ProducerConfig::new().set("bootstrap.servers", bootstrap_servers).unwrap();
    TestTopics::connect(config.set("max.block.ms", "600000").unwrap()).unwrap()
}

/// Creates a new topic for a test.
pub fn topic(name: &str, partitions: i32, settings: &[(&str, &str)]) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let topic = format!("{name}-{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let new = NewTopic::new(&topic).partitions(partitions.try_into().unwrap()).replication_factor(1);
    let new = settings.iter().fold(new, |new, (name, value)| new.config(*name, *value));
    patient_topics(&bootstrap_servers()).create(new).unwrap();
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
