//! Producers with an in-process broker.

use std::{sync::mpsc, thread, time::Duration};

use ottla::{Producer, ProducerConfig, testing::EmbeddedKafka};

/// One broker with a topic `orders`.
pub fn kafka(partitions: i32) -> EmbeddedKafka {
    EmbeddedKafka::builder().brokers(1).topic("orders", partitions).start().unwrap()
}

pub fn config(kafka: &EmbeddedKafka) -> ProducerConfig {
    ProducerConfig::new().set("bootstrap.servers", kafka.bootstrap_servers()).unwrap().set("linger.ms", "0").unwrap()
}

/// A producer of strings with these additional settings.
pub fn producer(kafka: &EmbeddedKafka, settings: &[(&str, &str)]) -> Producer<str, str> {
    let config = settings.iter().fold(config(kafka), |config, (name, value)| config.set(name, value).unwrap());
    Producer::builder(config).drop_timeout(Duration::from_secs(10)).build().unwrap()
}

/// Runs `code` on a new thread, and fails if it does not end within two minutes.
pub fn ends(code: impl FnOnce() + Send + 'static) {
    let (sender, receiver) = mpsc::channel();
    let running = thread::spawn(move || {
        code();
        sender.send(()).unwrap();
    });
    match receiver.recv_timeout(Duration::from_secs(120)) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("timeout"),
        _ => running.join().unwrap(),
    }
}
