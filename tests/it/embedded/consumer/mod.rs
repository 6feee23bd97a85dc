//! The typed consumer.

mod commit;
mod control;
mod done;
mod ending;
mod errors;
mod group;
mod outage;
mod round_trip;
#[cfg(all(feature = "protobuf", feature = "json-schema"))]
mod schemas;
mod slow;
mod state;

use std::{future::Future, time::Duration};

use futures::executor::block_on;
use ottla::{
    ConsumeError, Consumer, ConsumerBuilder, ConsumerConfig, ConsumerRecord, Producer, ProducerRecord, testing::EmbeddedKafka,
};

use super::{kafka, producer};

type Record = ConsumerRecord<Option<String>, String>;
type Text = Consumer<Option<String>, String>;

fn config(kafka: &EmbeddedKafka, settings: &[(&str, &str)]) -> ConsumerConfig {
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

fn builder(kafka: &EmbeddedKafka, settings: &[(&str, &str)]) -> ConsumerBuilder<Option<String>, String> {
    Consumer::builder(config(kafka, settings)).drop_timeout(Duration::from_secs(10))
}

/// A consumer of strings that is subscribed to `orders`.
fn subscribed(kafka: &EmbeddedKafka, settings: &[(&str, &str)]) -> Text {
    let consumer = builder(kafka, settings).build().unwrap();
    block_on(consumer.subscribe(&["orders"])).unwrap();
    consumer
}

/// Writes values `0`, `1`, .. to one partition.
fn write(kafka: &EmbeddedKafka, partition: i32, values: std::ops::Range<u32>) {
    let producer = producer(kafka, &[]);
    let records = values.map(|n| ProducerRecord::to("orders").partition(partition).value(n.to_string()));
    block_on(async { producer.send_all(records).await.unwrap().await.unwrap() });
}

/// The next `count` items, which must be records.
fn take(consumer: &Text, count: usize) -> Vec<Record> {
    (0..count).map(|_| block_on(soon(consumer.recv())).unwrap().unwrap()).collect()
}

fn values(records: &[Record]) -> Vec<u32> {
    records.iter().map(|record| record.value().parse().unwrap()).collect()
}

fn offsets(records: &[Record]) -> Vec<i64> {
    records.iter().map(ConsumerRecord::offset).collect()
}

/// Fails instead of waiting for more than a minute.
async fn soon<T>(future: impl Future<Output = T>) -> T {
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

/// Whether no item arrives for many times longer than a record usually takes.
fn is_quiet(consumer: &Text) -> bool {
    consumer.blocking().poll(Duration::from_millis(700)).is_empty()
}
