//! Producers on a broker inside the process.

use std::{sync::mpsc, thread, time::Duration};

use ottla::{Producer, ProducerConfig, testing::EmbeddedKafka};

/// One broker with one topic, named `orders`.
pub fn kafka(partitions: i32) -> EmbeddedKafka {
    EmbeddedKafka::builder().brokers(1).topic("orders", partitions).start().unwrap()
}

pub fn config(kafka: &EmbeddedKafka) -> ProducerConfig {
    ProducerConfig::new().set("bootstrap.servers", kafka.bootstrap_servers()).unwrap().set("linger.ms", "0").unwrap()
}

/// A producer of text with these settings beside the usual ones.
pub fn producer(kafka: &EmbeddedKafka, settings: &[(&str, &str)]) -> Producer<str, str> {
    let config = settings.iter().fold(config(kafka), |config, (name, value)| config.set(name, value).unwrap());
    Producer::builder(config).drop_timeout(Duration::from_secs(10)).build().unwrap()
}

/// Runs `code` on a thread of its own, so that what would never end fails instead. No measure of speed: two minutes are ages.
pub fn ends(code: impl FnOnce() + Send + 'static) {
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
