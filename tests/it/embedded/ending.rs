//! Flush, close and drop: no accepted record is lost silently.

use std::{
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use futures::{FutureExt, executor::block_on};
use ottla::{Delivery, ErrorKind, Persistence, Producer, ProducerBuilder, ProducerRecord, testing::EmbeddedKafka};

use super::{config, ends, kafka, producer};
use crate::log;

fn record(n: usize) -> ProducerRecord<'static, str, str> {
    ProducerRecord::to("orders").key(format!("{n}")).value(format!("value {n}"))
}

#[test]
fn flush_sends_lingering_records_and_waits_for_them() {
    let kafka = kafka(6);
    // Lingering alone would take 15 minutes.
    let producer = producer(&kafka, &[("linger.ms", "900000"), ("delivery.timeout.ms", "1000000")]);
    ends(move || {
        block_on(async {
            for n in 0..100 {
                drop(producer.send(record(n)).await.unwrap());
            }
            producer.flush().await.unwrap();
        });
    });
    assert_eq!(log::read(kafka.bootstrap_servers(), "orders").len(), 100);
}

#[test]
fn flush_without_records_is_ready_and_concurrent_flushes_end() {
    let kafka = kafka(1);
    let producer = producer(&kafka, &[]);
    block_on(async {
        producer.flush().await.unwrap();
        let flushes: Vec<_> = (0..20)
            .map(|n| {
                drop(producer.try_send(record(n)).unwrap());
                producer.flush()
            })
            .collect();
        for flush in futures::future::join_all(flushes).await {
            flush.unwrap();
        }
    });
    assert_eq!(log::read(kafka.bootstrap_servers(), "orders").len(), 20);
}

#[test]
fn close_delivers_accepted_records() {
    let kafka = kafka(6);
    let producer = producer(&kafka, &[("linger.ms", "60000"), ("delivery.timeout.ms", "120000")]);
    let unsent = block_on(async {
        for n in 0..1000 {
            drop(producer.send(record(n)).await.unwrap());
        }
        producer.close(Duration::from_secs(30)).await.unwrap()
    });
    assert!(unsent.is_empty());
    assert_eq!(log::read(kafka.bootstrap_servers(), "orders").len(), 1000);
}

#[test]
fn close_returns_undelivered_records_unchanged() {
    let kafka = kafka(6);
    let producer = producer(&kafka, &[]);
    block_on(producer.partitions_for("orders")).unwrap();
    kafka.broker_down(1).unwrap();
    let (mut unsent, deliveries) = block_on(async {
        let mut deliveries = Vec::new();
        for n in 0..10 {
            deliveries.push(producer.send(record(n).header("n", n.to_string()).timestamp(1000)).await.unwrap());
        }
        (producer.close(Duration::from_millis(100)).await.unwrap(), deliveries)
    });
    assert_eq!(unsent.len(), 10);
    unsent.sort_by_key(|unsent| unsent.record().key_ref().map(<[u8]>::to_vec));
    for (n, unsent) in unsent.iter().enumerate() {
        let record = unsent.record();
        assert_eq!(record.topic(), "orders");
        assert_eq!(record.key_ref(), Some(n.to_string().as_bytes()));
        assert_eq!(record.value_ref(), Some(format!("value {n}").as_bytes()));
        assert_eq!(record.explicit_timestamp(), Some(1000));
        assert_eq!(record.headers_ref().last("n").unwrap().value(), Some(n.to_string().as_bytes()));
        assert_eq!(unsent.error().kind(), ErrorKind::GivenUp);
    }
    for delivery in deliveries {
        assert_eq!(block_on(delivery).unwrap_err().kind(), ErrorKind::GivenUp);
    }
}

#[test]
fn close_with_zero_timeout_gives_up_at_once_and_a_second_close_returns_nothing() {
    let kafka = kafka(1);
    let producer = producer(&kafka, &[]);
    kafka.broker_down(1).unwrap();
    drop(producer.try_send(record(1)).unwrap());
    let other = producer.clone();
    let unsent = block_on(producer.close(Duration::ZERO)).unwrap();
    assert_eq!(unsent.len(), 1);
    assert_eq!(unsent[0].error().persistence(), Persistence::NotPersisted);
    assert_eq!(block_on(other.send(record(2))).unwrap_err().kind(), ErrorKind::Closed);
    assert!(block_on(other.close(Duration::from_secs(60))).unwrap().is_empty());
}

#[test]
fn close_fails_waiting_senders() {
    let kafka = kafka(1);
    let producer = producer(&kafka, &[("buffer.memory", "1000")]);
    kafka.broker_down(1).unwrap();
    let mut waiting = Vec::new();
    while waiting.is_empty() {
        if let Err(refused) = producer.try_send(record(1)) {
            waiting.push(producer.send(refused.into_record()));
        }
    }
    let unsent = block_on(producer.clone().close(Duration::ZERO)).unwrap();
    assert!(!unsent.is_empty());
    for sending in waiting {
        assert_eq!(block_on(sending).unwrap_err().kind(), ErrorKind::Closed);
    }
}

#[test]
fn dropping_the_last_handle_delivers_records() {
    let kafka = kafka(6);
    let producer = producer(&kafka, &[("linger.ms", "60000"), ("delivery.timeout.ms", "120000")]);
    let clone = producer.clone();
    for n in 0..1000 {
        drop(clone.blocking().send(record(n)).unwrap());
    }
    drop(clone);
    drop(producer);
    assert_eq!(log::read(kafka.bootstrap_servers(), "orders").len(), 1000);
}

#[test]
fn drop_gives_up_after_the_timeout_and_calls_all_callbacks() {
    let kafka = kafka(1);
    let producer: Producer<str, str> =
        Producer::builder(config(&kafka)).drop_timeout(Duration::from_millis(100)).build().unwrap();
    kafka.broker_down(1).unwrap();
    let reports = Arc::new(Mutex::new(Vec::new()));
    for n in 0..10 {
        let reports = Arc::clone(&reports);
        producer.send_with(record(n), move |report| reports.lock().unwrap().push(report)).unwrap();
    }
    drop(producer);
    let reports = reports.lock().unwrap();
    assert_eq!(reports.len(), 10);
    assert!(reports.iter().all(|report| report.as_ref().unwrap_err().kind() == ErrorKind::GivenUp));
}

/// A producer that has delivered one record and accepted another one, which waits for its broker.
fn waiting(kafka: &EmbeddedKafka, builder: ProducerBuilder<str, str>) -> (Producer<str, str>, Delivery) {
    let producer = builder.drop_timeout(Duration::from_secs(60)).build().unwrap();
    block_on(producer.send_and_wait(record(0))).unwrap();
    kafka.broker_down(1).unwrap();
    let delivery = block_on(producer.send(record(1))).unwrap();
    (producer, delivery)
}

#[cfg(feature = "tokio")]
#[tokio::test]
async fn drop_in_a_tokio_runtime_does_not_block_it() {
    let kafka = kafka(1);
    let (producer, delivery) = waiting(&kafka, Producer::builder(config(&kafka)));
    // A drop that blocked would give the record up.
    drop(producer);
    kafka.broker_up(1).unwrap();
    assert_eq!(delivery.await.unwrap().offset(), Some(1));
}

#[cfg(feature = "tokio")]
#[test]
fn tokio_runtime_waits_for_dropped_producers_when_it_ends() {
    let kafka = kafka(1);
    kafka.set_round_trip_time(1, Duration::from_millis(200)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    #[expect(clippy::async_yields_async, reason = "the producer is dropped inside the runtime, and the delivery outlives it")]
    let delivery = runtime.block_on(async {
        let producer = producer(&kafka, &[]);
        producer.send(record(0)).await.unwrap()
    });
    drop(runtime);
    assert!(delivery.now_or_never().unwrap().is_ok());
}

#[test]
fn drop_on_moves_the_wait_to_another_thread() {
    let kafka = kafka(1);
    let (sender, receiver) = mpsc::channel();
    let builder = Producer::builder(config(&kafka)).drop_on(move |wait| sender.send(wait).unwrap());
    let (producer, delivery) = waiting(&kafka, builder);
    drop(producer);
    kafka.broker_up(1).unwrap();
    receiver.recv().unwrap()();
    assert_eq!(delivery.now_or_never().unwrap().unwrap().offset(), Some(1));

    // A wait that is not called, or that panics before, happens where it is dropped.
    let dropped: Producer<str, str> = Producer::builder(config(&kafka)).drop_on(drop).build().unwrap();
    let panics: Producer<str, str> = Producer::builder(config(&kafka)).drop_on(|_| panic!("no thread")).build().unwrap();
    for producer in [dropped, panics] {
        let delivery = block_on(producer.send(record(2))).unwrap();
        drop(producer);
        assert!(delivery.now_or_never().unwrap().is_ok());
    }
}

#[test]
fn flush_timeout_returns_an_error_and_loses_nothing() {
    let kafka = kafka(1);
    let (producer, delivery) = waiting(&kafka, Producer::builder(config(&kafka)));
    let error = producer.blocking().flush_timeout(Duration::from_millis(20)).unwrap_err();
    assert!(error.kind() == ErrorKind::FlushTimeout && error.is_retriable(), "{error:?}");
    assert_eq!(producer.outstanding(), 1);
    kafka.broker_up(1).unwrap();
    producer.blocking().flush_timeout(Duration::from_secs(60)).unwrap();
    assert_eq!((producer.outstanding(), delivery.now_or_never().unwrap().unwrap().offset()), (0, Some(1)));
    assert!(producer.fatal_error().is_none());

    // As in Java.
    block_on(producer.clone().close(Duration::ZERO)).unwrap();
    block_on(producer.flush()).unwrap();
}

#[test]
fn delivery_outlives_its_producer() {
    let kafka = kafka(1);
    let producer = producer(&kafka, &[]);
    let delivery = producer.try_send(record(1)).unwrap();
    drop(producer);
    assert_eq!(block_on(delivery).unwrap().offset(), Some(0));
}

#[test]
fn last_handle_can_be_dropped_in_a_callback() {
    let kafka = kafka(1);
    let producer = producer(&kafka, &[]);
    let (sender, receiver) = mpsc::channel();
    let held = producer.clone();
    for n in 0..100 {
        drop(producer.try_send(record(n)).unwrap());
    }
    producer
        .send_with(record(100), move |report| {
            drop(held);
            sender.send(report.map(drop)).unwrap();
        })
        .unwrap();
    // The callback's handle must be the last: drop this one before the report.
    std::mem::drop(producer);
    receiver.recv_timeout(Duration::from_secs(30)).unwrap().unwrap();
    assert_eq!(log::read(kafka.bootstrap_servers(), "orders").len(), 101);
}

#[test]
fn blocking_call_in_a_callback_returns_would_deadlock() {
    let kafka = kafka(1);
    let producer = producer(&kafka, &[]);
    let (sender, receiver) = mpsc::channel();
    let inner = producer.clone();
    producer
        .send_with(record(1), move |_| {
            let blocking = inner.blocking();
            let delivery = blocking.send(record(2)).unwrap();
            let kinds = [
                blocking.flush().unwrap_err().kind(),
                blocking.close(Duration::from_secs(1)).unwrap_err().kind(),
                delivery.wait().unwrap_err().kind(),
            ];
            sender.send(kinds).unwrap();
        })
        .unwrap();
    let kinds = receiver.recv_timeout(Duration::from_secs(30)).unwrap();
    assert_eq!(kinds, [ErrorKind::WouldDeadlock; 3]);
}
