//! Tier 2: on brokers inside the process.

mod account;
mod added_partition;
mod admission;
mod batch;
mod buffer_memory;
mod cluster;
mod command;
mod consumer;
mod delivery;
mod ending;
mod hostile;
mod intercept;
mod metrics;
mod natural_calls;
mod panics;
mod partitioners;
mod refused_batch;
mod reports;
mod schema_registry;
mod state;
mod transaction;
mod user_code;

use std::{sync::mpsc, thread, time::Duration};

use ottla::{Producer, ProducerConfig, testing::EmbeddedKafka};

/// One broker with one topic, named `orders`.
fn kafka(partitions: i32) -> EmbeddedKafka {
    EmbeddedKafka::builder().brokers(1).topic("orders", partitions).start().unwrap()
}

fn config(kafka: &EmbeddedKafka) -> ProducerConfig {
    ProducerConfig::new().set("bootstrap.servers", kafka.bootstrap_servers()).unwrap().set("linger.ms", "0").unwrap()
}

/// A producer of text with these settings beside the usual ones.
fn producer(kafka: &EmbeddedKafka, settings: &[(&str, &str)]) -> Producer<str, str> {
    let config = settings.iter().fold(config(kafka), |config, (name, value)| config.set(name, value).unwrap());
    Producer::builder(config).drop_timeout(Duration::from_secs(10)).build().unwrap()
}

/// Runs `code` on a thread of its own, so that what would never end fails instead. No measure of speed: two minutes are ages.
fn ends(code: impl FnOnce() + Send + 'static) {
    let (sender, receiver) = mpsc::channel();
    let running = thread::spawn(move || {
        code();
        sender.send(()).unwrap();
    });
    match receiver.recv_timeout(Duration::from_secs(120)) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it does not end"),
        _ => running.join().unwrap(),
    }
}
