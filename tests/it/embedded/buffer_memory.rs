//! `buffer.memory`: waiting for it, in order, and not for ever.

use std::{future::Future, pin::pin, task::Context};

use futures::{executor::block_on, task::noop_waker_ref};
use ottla::{ErrorKind, ProducerRecord, testing::EmbeddedKafka};

use super::{kafka, producer};
use crate::log;

/// Room for a few records of a kilobyte, and a broker that takes none of them yet.
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
fn a_full_buffer_hands_the_record_back_to_those_who_do_not_wait() {
    let (kafka, producer, accepted) = full(&[]);
    let refused = producer.try_send(record(7)).unwrap_err();
    assert_eq!(refused.error().kind(), ErrorKind::BufferFull);
    assert!(refused.error().is_retriable());
    let refused = producer.send_with(refused.into_record(), |_| panic!("not accepted, so not reported")).unwrap_err();
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
fn waiting_senders_are_served_in_the_order_in_which_they_came() {
    let (kafka, producer, accepted) = full(&[]);
    let waiting: Vec<_> = (1..=50).map(|n| producer.send(record(n))).collect();
    kafka.broker_up(1).unwrap();
    block_on(async {
        // Awaited backwards: the order of the log is that of the calls all the same.
        for sending in waiting.into_iter().rev() {
            sending.await.unwrap().await.unwrap();
        }
    });
    let values: Vec<usize> =
        log::read(kafka.bootstrap_servers(), "orders").iter().map(|found| found.value_text().parse().unwrap()).collect();
    assert_eq!(values[accepted.len()..], (1..=50).collect::<Vec<_>>());
}

#[test]
fn a_send_that_is_dropped_while_it_waits_is_withdrawn() {
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
fn waiting_ends_with_max_block_ms_and_the_record_was_not_sent() {
    let (kafka, producer, accepted) = full(&[("max.block.ms", "200")]);
    let error = block_on(producer.send(record(1))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BufferTimeout);
    assert!(error.to_string().contains("max.block.ms (200 ms)"), "{error}");
    kafka.broker_up(1).unwrap();
    block_on(producer.flush()).unwrap();
    assert_eq!(log::read(kafka.bootstrap_servers(), "orders").len(), accepted.len());
}

#[test]
fn there_is_room_again_when_everything_is_reported() {
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
fn a_record_that_the_whole_buffer_cannot_hold_is_refused_at_once() {
    let kafka = kafka(1);
    let producer = producer(&kafka, &[("buffer.memory", "1000")]);
    let error = block_on(producer.send(record(1))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RecordTooLarge);
    assert!(error.to_string().contains("buffer.memory"), "{error}");
}

#[test]
fn a_send_with_room_is_ready_at_its_first_poll() {
    let kafka = kafka(1);
    let producer = producer(&kafka, &[]);
    let sending = pin!(producer.send(record(1)));
    assert!(sending.poll(&mut Context::from_waker(noop_waker_ref())).is_ready());
}
