//! The typed consumer.

mod commit;
mod control;
mod done;
mod ending;
mod errors;
mod group;
mod round_trip;
mod slow;
mod state;

use std::{future::Future, time::Duration};

use futures::executor::block_on;
use ottla::{
    ConsumeError, Consumer, ConsumerBuilder, ConsumerConfig, ConsumerRecord, Producer, ProducerRecord, testing::EmbeddedKafka,
};

use ottla_test_support::consumer::{builder, config, soon};

use super::{kafka, producer};

type Record = ConsumerRecord<Option<String>, String>;
type Text = Consumer<Option<String>, String>;

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

/// Whether no item arrives for many times longer than a record usually takes.
fn is_quiet(consumer: &Text) -> bool {
    consumer.blocking().poll(Duration::from_millis(700)).is_empty()
}
