//! `buffer.memory`: senders wait for it in order, with a timeout.

use std::{future::Future, pin::pin, task::Context};

use futures::{executor::block_on, task::noop_waker_ref};
use ottla::{ErrorKind, ProducerRecord, testing::EmbeddedKafka};

use super::{kafka, producer};
use crate::log;

/// A producer with a buffer for a few records of 1 kB, and a broker that does not accept them yet.
fn full(settings: &[(&str, &str)]) -> (EmbeddedKafka, ottla::Producer<str, str>, Vec<ottla::Delivery>) {
    let kafka = kafka(1);
    let mut all = vec![("buffer.memory", "4000")];
    all.extend_from_slice(settings);
    let producer = producer(&kafka, &all);
    block_on(producer.partitions_for("orders")).unwrap();
    kafka.broker_down(1).unwrap();
    let mut accepted = Vec::new();
    while let Ok(delivery) = producer.try_send(record(0)) {
        accepted.push(delivery);
    }
    assert!((1..4).contains(&accepted.len()), "{}", accepted.len());
    (kafka, producer, accepted)
}

fn record(n: usize) -> ProducerRecord<'static, str, str> {
    ProducerRecord::to("orders").value(format!("{n:0>1000}"))
}

#[test]
fn try_send_returns_the_record_if_the_buffer_is_full() {
    let (kafka, producer, accepted) = full(&[]);
    let refused = producer.try_send(record(7)).unwrap_err();
    assert_eq!(refused.error().kind(), ErrorKind::BufferFull);
    assert!(refused.error().is_retriable());
    let refused = producer.send_with(refused.into_record(), |_| panic!("called for a rejected record")).unwrap_err();
    kafka.broker_up(1).unwrap();
    block_on(async {
        for delivery in accepted {
            delivery.await.unwrap();
        }
        producer.send(refused.into_record()).await.unwrap().await.unwrap();
    });
    let found = log::read(kafka.bootstrap_servers(), "orders");
    assert_eq!(found.last().unwrap().value_text(), format!("{:0>1000}", 7));
}

#[test]
fn waiting_senders_are_served_in_order() {
    let (kafka, producer, accepted) = full(&[]);
    let waiting: Vec<_> = (1..=50).map(|n| producer.send(record(n))).collect();
    kafka.broker_up(1).unwrap();
    block_on(async {
        // Awaited in reverse order: the log still has the order of the calls.
        for sending in waiting.into_iter().rev() {
            sending.await.unwrap().await.unwrap();
        }
    });
    let values: Vec<usize> =
        log::read(kafka.bootstrap_servers(), "orders").iter().map(|found| found.value_text().parse().unwrap()).collect();
    assert_eq!(values[accepted.len()..], (1..=50).collect::<Vec<_>>());
}

#[test]
fn dropped_send_that_waits_is_withdrawn() {
    let (kafka, producer, accepted) = full(&[]);
    let first = producer.send(record(1));
    let second = producer.send(record(2));
    drop(first);
    kafka.broker_up(1).unwrap();
    block_on(async { second.await.unwrap().await.unwrap() });
    let values: Vec<usize> =
        log::read(kafka.bootstrap_servers(), "orders").iter().map(|found| found.value_text().parse().unwrap()).collect();
    assert_eq!(values[accepted.len()..], [2]);
}

#[test]
fn send_fails_after_max_block_ms_and_the_record_is_not_sent() {
    let (kafka, producer, accepted) = full(&[("max.block.ms", "200")]);
    let error = block_on(producer.send(record(1))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BufferTimeout);
    assert!(error.to_string().contains("max.block.ms (200 ms)"), "{error}");
    kafka.broker_up(1).unwrap();
    block_on(producer.flush()).unwrap();
    assert_eq!(log::read(kafka.bootstrap_servers(), "orders").len(), accepted.len());
}

#[test]
fn reports_free_the_buffer() {
    let kafka = kafka(6);
    let producer = producer(&kafka, &[("buffer.memory", "100000")]);
    block_on(async {
        for n in 0..2000 {
            drop(producer.send(record(n)).await.unwrap());
        }
        producer.flush().await.unwrap();
    });
    assert_eq!(producer.buffer_available_bytes(), 100_000);
    assert_eq!(log::read(kafka.bootstrap_servers(), "orders").len(), 2000);
}

#[test]
fn record_larger_than_the_buffer_is_rejected_at_once() {
    let kafka = kafka(1);
    let producer = producer(&kafka, &[("buffer.memory", "1000")]);
    let error = block_on(producer.send(record(1))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RecordTooLarge);
    assert!(error.to_string().contains("buffer.memory"), "{error}");
}

#[test]
fn send_with_room_is_ready_at_the_first_poll() {
    let kafka = kafka(1);
    let producer = producer(&kafka, &[]);
    let sending = pin!(producer.send(record(1)));
    assert!(sending.poll(&mut Context::from_waker(noop_waker_ref())).is_ready());
}
