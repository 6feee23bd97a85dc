//! Consumers on an in-process broker.

use std::{future::Future, time::Duration};

use ottla::{Consumer, ConsumerBuilder, ConsumerConfig, testing::EmbeddedKafka};

pub fn config(kafka: &EmbeddedKafka, settings: &[(&str, &str)]) -> ConsumerConfig {
    let usual = [
        ("bootstrap.servers", kafka.bootstrap_servers()),
        ("group.id", "readers"),
        ("auto.offset.reset", "earliest"),
        ("enable.auto.commit", "false"),
        // The embedded broker waits this long in a rebalance, even if all members have joined.
        ("session.timeout.ms", "2000"),
        ("heartbeat.interval.ms", "200"),
    ];
    settings.iter().fold(ConsumerConfig::from_pairs(usual).unwrap(), |config, (name, value)| config.set(name, value).unwrap())
}

pub fn builder(kafka: &EmbeddedKafka, settings: &[(&str, &str)]) -> ConsumerBuilder<Option<String>, String> {
    Consumer::builder(config(kafka, settings)).drop_timeout(Duration::from_secs(10))
}

/// Fails instead of waiting for more than a minute.
pub async fn soon<T>(future: impl Future<Output = T>) -> T {
    let (sender, receiver) = futures::channel::oneshot::channel::<()>();
    std::thread::spawn(move || {
        // Ends early when the receiver is gone.
        for _ in 0..600 {
            if sender.is_canceled() {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let _ = sender.send(());
    });
    futures::pin_mut!(future);
    match futures::future::select(future, receiver).await {
        futures::future::Either::Left((output, _)) => output,
        futures::future::Either::Right(_) => panic!("timeout"),
    }
}
