//! A record of a transaction that ends without an acknowledgement, for whatever reason, fails the transaction.

use std::time::Duration;

use futures::{FutureExt, SinkExt, executor::block_on};
use ottla::{
    Error, ErrorKind, Partitioner, Producer, ProducerRecord, Serializer, Transaction,
    partition::PartitionContext,
    serialize::{BoxError, Deferred, SerializeContext, Serialized},
    testing::EmbeddedKafka,
};

use super::{assert_abortable, source};
use crate::embedded::{config, ends, kafka};

/// A serializer that fails, panics or defers as the value says.
struct Obeys;

impl Serializer<str> for Obeys {
    fn serialize(&self, data: &str, _: &mut SerializeContext<'_>, buffer: &mut Vec<u8>) -> Result<Serialized, BoxError> {
        match data {
            "fail" => return Err("not serializable".into()),
            "panic" => panic!("in a serializer"),
            _ => buffer.extend_from_slice(data.as_bytes()),
        }
        Ok(Serialized::Bytes)
    }

    fn may_defer(&self) -> bool {
        true
    }

    fn defer(&self, data: &str, _: &SerializeContext<'_>) -> Result<Option<Deferred>, BoxError> {
        let Some(data) = data.strip_prefix("later ") else { return Ok(None) };
        let data = data.to_owned();
        Ok(Some(Deferred::new(async move {
            match &*data {
                "never" => std::future::pending::<()>().await,
                "fail" => return Err("not serializable".into()),
                "panic" => panic!("in a deferred value"),
                _ => {}
            }
            let finish = move |_: &mut SerializeContext<'_>, buffer: &mut Vec<u8>| {
                buffer.extend_from_slice(data.as_bytes());
                Ok(Serialized::Bytes)
            };
            Ok(Box::new(finish) as _)
        })))
    }
}

/// Panics for the key "panic", and returns other keys as the partition.
struct Answers;

impl Partitioner for Answers {
    fn partition(&self, record: &PartitionContext<'_>) -> i32 {
        let key = record.key().map(String::from_utf8_lossy).unwrap_or_default();
        assert_ne!(key, "panic", "in a partitioner");
        key.parse().unwrap_or(0)
    }
}

/// A producer that is ready for transactions.
fn ready(kafka: &EmbeddedKafka, settings: &[(&str, &str)]) -> Producer<str, str> {
    let config = config(kafka).transactional_id("refusal");
    let config = settings.iter().fold(config, |config, (name, value)| config.set(name, value).unwrap());
    let builder = Producer::builder(config).value_serializer(Obeys).partitioner(Answers);
    let producer = builder.drop_timeout(Duration::from_secs(10)).build().unwrap();
    patiently(|| block_on(producer.init_transactions())).unwrap();
    producer
}

/// Repeats a call while its error is retriable.
fn patiently<T>(mut call: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
    loop {
        match call() {
            Err(error) if error.is_retriable() && !error.is_abortable() => {}
            result => return result,
        }
    }
}

fn record(value: &str) -> ProducerRecord<'static, str, str> {
    ProducerRecord::to("orders").value(value.to_owned())
}

/// A transaction with one acknowledged record.
fn begin(producer: &Producer<str, str>) -> Transaction<str, str> {
    let transaction = patiently(|| block_on(producer.begin_transaction())).unwrap();
    block_on(block_on(transaction.send(record("good"))).unwrap()).unwrap();
    transaction
}

/// Checks that a transaction in which `act` sends cannot be committed, but the next one can.
#[track_caller]
fn assert_fails(producer: &Producer<str, str>, what: &str, act: impl FnOnce(&Transaction<str, str>)) {
    let transaction = begin(producer);
    act(&transaction);
    let committed = patiently(|| block_on(transaction.commit()));
    let error = committed.expect_err(what);
    assert_abortable(&error);
    assert!(!source(&error).is_empty(), "{what}: {error:?}");
    patiently(|| block_on(transaction.abort())).unwrap();
    let transaction = begin(producer);
    patiently(|| block_on(transaction.commit())).unwrap_or_else(|error| panic!("after {what}: {error:?}"));
}

#[test]
fn deferred_record_that_is_rejected_fails_its_transaction() {
    let kafka = kafka(1);
    ends(move || {
        let producer = ready(&kafka, &[("max.block.ms", "3000")]);
        for partition in [1, 99] {
            assert_fails(&producer, "a missing partition", |transaction| {
                drop(block_on(transaction.send(record("later sent").partition(partition))));
            });
        }
        for value in ["later fail", "later panic"] {
            assert_fails(&producer, value, |transaction| drop(block_on(transaction.send(record(value)))));
        }
    });
}

#[test]
fn record_that_waited_for_the_buffer_and_is_rejected_fails_its_transaction() {
    let kafka = kafka(1);
    ends(move || {
        let producer = ready(&kafka, &[("buffer.memory", "3000"), ("max.block.ms", "5000")]);
        kafka.set_round_trip_time(1, Duration::from_millis(100)).unwrap();
        let large = "x".repeat(2000);
        for partition in [1, 99] {
            assert_fails(&producer, "a missing partition", |transaction| {
                drop(block_on(transaction.send(record(&large))).unwrap());
                let mut sending = transaction.send(record(&large).partition(partition));
                assert!((&mut sending).now_or_never().is_none(), "the send did not wait");
                drop(block_on(sending));
            });
        }
        assert_fails(&producer, "a partitioner that panics", |transaction| {
            drop(block_on(transaction.send(record(&large))).unwrap());
            drop(block_on(transaction.send(record(&large).key("panic"))));
        });
    });
}

#[test]
fn record_that_times_out_fails_its_transaction() {
    let kafka = kafka(1);
    ends(move || {
        let producer = ready(&kafka, &[("buffer.memory", "3000"), ("max.block.ms", "300")]);
        assert_fails(&producer, "a serializer that never ends", |transaction| {
            let error = block_on(transaction.send(record("later never"))).unwrap_err();
            assert!(error.kind() == ErrorKind::SchemaTimeout && error.is_abortable(), "{error:?}");
        });
        kafka.set_round_trip_time(1, Duration::from_millis(1500)).unwrap();
        let transaction = patiently(|| block_on(producer.begin_transaction())).unwrap();
        let large = "x".repeat(2000);
        drop(block_on(transaction.send(record(&large))).unwrap());
        // The record waits during the commit, and its future is not polled.
        let sending = transaction.send(record(&large));
        assert_abortable(&patiently(|| block_on(transaction.commit())).unwrap_err());
        let error = block_on(sending).unwrap_err();
        assert!(error.kind() == ErrorKind::BufferTimeout && error.is_abortable(), "{error:?}");
    });
}

#[test]
fn record_that_is_rejected_at_once_fails_its_transaction() {
    let kafka = kafka(1);
    ends(move || {
        let producer = ready(&kafka, &[("max.request.size", "1000"), ("max.block.ms", "5000")]);
        let large = "x".repeat(2000);
        type Bad = fn() -> ProducerRecord<'static, str, str>;
        let bad: [(&str, Bad); 7] = [
            ("the topic's name", || ProducerRecord::to("topic abc").value("one")),
            ("no topic's name", || ProducerRecord::to("").value("one")),
            ("the partition", || record("one").partition(-1)),
            ("the timestamp", || record("one").timestamp(-1)),
            ("a serializer's error", || record("fail")),
            ("a serializer's panic", || record("panic")),
            ("the partitioner's panic", || record("one").key("panic")),
        ];
        for (what, bad) in bad {
            // The result is dropped.
            assert_fails(&producer, what, |transaction| drop(transaction.send(bad())));
        }
        assert_fails(&producer, "the size", |transaction| drop(transaction.send(record(&large))));
        let bad = || ProducerRecord::to("topic abc").value("one");
        assert_fails(&producer, "try_send", |_| drop(producer.try_send(bad())));
        assert_fails(&producer, "send_with", |_| drop(producer.send_with(bad(), |_| {})));
        assert_fails(&producer, "a blocking send", |_| drop(producer.blocking().send(bad())));
        assert_fails(&producer, "send_all", |_| drop(block_on(producer.send_all([bad()]))));
        assert_fails(&producer, "a sink", |_| drop(block_on(producer.sink().send(bad()))));
    });
}

#[test]
fn returned_withdrawn_and_other_records_do_not_fail_the_transaction() {
    let kafka = kafka(1);
    ends(move || {
        let producer = ready(&kafka, &[("buffer.memory", "3000"), ("max.block.ms", "60000")]);
        kafka.set_round_trip_time(1, Duration::from_millis(100)).unwrap();
        let large = "x".repeat(2000);
        let before = block_on(producer.send(ProducerRecord::to("topic abc").value("before"))).unwrap_err();
        assert_eq!(before.kind(), ErrorKind::TransactionState);
        let transaction = begin(&producer);
        let delivery = block_on(transaction.send(record(&large))).unwrap();
        let error = Error::from(producer.try_send(record(&large)).unwrap_err());
        assert!(error.kind() == ErrorKind::BufferFull && !error.is_abortable(), "{error:?}");
        let error = Error::from(producer.try_send(record("later one")).unwrap_err());
        assert!(error.kind() == ErrorKind::SchemaPending && !error.is_abortable(), "{error:?}");
        for value in [&*large, "later never"] {
            let mut sending = transaction.send(record(value));
            assert!((&mut sending).now_or_never().is_none());
            drop(sending);
        }
        let mut committing = Box::pin(transaction.commit());
        assert!((&mut committing).now_or_never().is_none());
        // Too late to belong to the transaction.
        let late = block_on(producer.send(ProducerRecord::to("topic abc").value("late"))).unwrap_err();
        assert!(late.kind() == ErrorKind::TransactionState && !late.is_abortable(), "{late:?}");
        block_on(committing).unwrap();
        block_on(delivery).unwrap();
    });
}

#[test]
fn close_does_not_commit_a_transaction_without_rejected_records() {
    let kafka = kafka(1);
    ends(move || {
        let producer = ready(&kafka, &[("buffer.memory", "3000")]);
        kafka.set_round_trip_time(1, Duration::from_millis(300)).unwrap();
        let large = "x".repeat(2000);
        let transaction = begin(&producer);
        drop(block_on(transaction.send(record(&large))).unwrap());
        let waiting = transaction.send(record(&large));
        let mut committing = Box::pin(transaction.commit());
        assert!((&mut committing).now_or_never().is_none());
        let closing = producer.clone();
        drop(block_on(closing.close(Duration::from_secs(60))).unwrap());
        assert_eq!(block_on(waiting).unwrap_err().kind(), ErrorKind::Closed);
        assert!(block_on(committing).is_err(), "the commit succeeded without one of the records");
    });
}
