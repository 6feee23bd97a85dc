//! Processed records: pauses, panics, and records that are marked as done in any order.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{super::ends, *};
use futures::StreamExt;
use ottla::{ErrorKind, Offsets};

/// Settings for automatic commits.
const AUTOMATIC: [(&str, &str); 2] = [("enable.auto.commit", "true"), ("auto.commit.interval.ms", "50")];

fn explicit(kafka: &EmbeddedKafka, settings: &[(&str, &str)]) -> Text {
    let consumer = builder(kafka, settings).explicit_done(true).build().unwrap();
    block_on(consumer.subscribe(&["orders"])).unwrap();
    consumer
}

fn committed(consumer: &Text, partition: i32) -> Option<i64> {
    block_on(consumer.committed([("orders", partition)])).unwrap().next("orders", partition)
}

/// Waits until the group has committed the offset.
fn wait_until_committed(consumer: &Text, wanted: Option<i64>) {
    for _ in 0..1200 {
        if committed(consumer, 0) == wanted {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("timeout: {:?} is committed, expected {wanted:?}", committed(consumer, 0));
}

/// Yields to the other futures of the task.
async fn yields() {
    let mut has_yielded = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut has_yielded, true) {
            return std::task::Poll::Ready(());
        }
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

#[test]
fn pause_does_not_mark_the_record_as_processed() {
    let kafka = kafka(1);
    write(&kafka, 0, 0..10);
    let consumer = subscribed(&kafka, &AUTOMATIC);
    take(&consumer, 3);
    wait_until_committed(&consumer, Some(2));
    block_on(consumer.pause([("orders", 0)])).unwrap();
    std::thread::sleep(Duration::from_millis(700));
    assert_eq!(committed(&consumer, 0), Some(2));
    drop(consumer);
    assert_eq!(values(&take(&subscribed(&kafka, &[]), 1)), [2]);
}

#[test]
fn record_of_a_panicking_task_is_read_again() {
    let kafka = kafka(1);
    write(&kafka, 0, 0..10);
    let task = || {
        let consumer = subscribed(&kafka, &AUTOMATIC);
        take(&consumer, 3);
        panic!("while processing the third record");
    };
    assert!(catch_unwind(AssertUnwindSafe(task)).is_err());
    assert_eq!(values(&take(&subscribed(&kafka, &[]), 1)), [2]);
}

#[test]
fn record_of_a_cancelled_task_is_read_again() {
    let kafka = kafka(1);
    write(&kafka, 0, 0..10);
    let consumer = subscribed(&kafka, &AUTOMATIC);
    take(&consumer, 3);
    drop(consumer);
    assert_eq!(values(&take(&subscribed(&kafka, &[]), 1)), [2]);
}

#[test]
fn done_records_are_committed_up_to_the_first_gap() {
    let kafka = kafka(1);
    write(&kafka, 0, 0..10);
    let consumer = explicit(&kafka, &AUTOMATIC);
    let records = take(&consumer, 8);
    [1, 2, 4, 7].into_iter().for_each(|index| records[index].done());
    block_on(async {
        // No record before the first gap is done yet.
        consumer.commit().await.unwrap();
        assert!(consumer.taken().is_empty());
    });
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(committed(&consumer, 0), None);
    records[0].done();
    wait_until_committed(&consumer, Some(3));
    records[0].clone().done();
    records[3].done();
    wait_until_committed(&consumer, Some(5));
    assert_eq!(consumer.taken().next("orders", 0), Some(5));
    // A record that is not done when the consumer is closed is not committed.
    block_on(consumer.close(Duration::from_secs(60))).unwrap();
    records[5].done();
    assert_eq!(values(&take(&subscribed(&kafka, &[]), 1)), [5]);
}

#[test]
fn interrupted_parallel_processing_loses_no_record() {
    let kafka = kafka(2);
    write(&kafka, 0, 0..100);
    write(&kafka, 1, 100..200);
    let consumer = explicit(&kafka, &AUTOMATIC);
    let mut processed = block_on(async {
        let records = (&consumer).take(150).map(|item| async {
            let record = item.unwrap();
            let value: u32 = record.value().parse().unwrap();
            // Some take longer than others, and some never end.
            for _ in 0..value % 7 {
                yields().await;
            }
            if value % 40 == 39 {
                return None;
            }
            record.done();
            Some(value)
        });
        records.buffer_unordered(16).filter_map(futures::future::ready).collect::<Vec<_>>().await
    });
    drop(consumer);
    let rest = subscribed(&kafka, &[]);
    let mut missing: std::collections::BTreeSet<_> = (0..200).collect();
    missing.retain(|value| !processed.contains(value));
    assert!(!missing.is_empty());
    while !missing.is_empty() {
        let value = values(&take(&rest, 1))[0];
        missing.remove(&value);
        processed.push(value);
    }
}

#[test]
fn record_that_cannot_be_deserialized_can_be_done() {
    let kafka = kafka(1);
    let writer: Producer<str, Vec<u8>> = Producer::builder(super::super::config(&kafka)).build().unwrap();
    block_on(async {
        for value in [b"0".to_vec(), vec![0xff], b"2".to_vec()] {
            writer.send(ProducerRecord::to("orders").partition(0).value(&value)).await.unwrap().await.unwrap();
        }
    });
    let consumer = explicit(&kafka, &[]);
    let items: Vec<_> = (0..3).map(|_| block_on(soon(consumer.recv())).unwrap()).collect();
    items.iter().flatten().for_each(|record| record.done());
    assert_eq!(consumer.taken().next("orders", 0), Some(1));
    items[1].as_ref().unwrap_err().done();
    assert_eq!(consumer.taken().next("orders", 0), Some(3));
}

#[test]
fn rebalance_waits_for_records_that_are_not_done() {
    let kafka = kafka(2);
    write(&kafka, 0, 0..4);
    write(&kafka, 1, 0..4);
    ends(move || {
        // The embedded broker waits for this time minus one second for members to rejoin. Kafka waits for max.poll.interval.ms.
        let settings = [AUTOMATIC[0], AUTOMATIC[1], ("session.timeout.ms", "10000")];
        let first = explicit(&kafka, &settings);
        let records = take(&first, 8);
        let second = subscribed(&kafka, &settings);
        // The first member requests records and gets none: its records are not done.
        for _ in 0..10 {
            assert!(first.blocking().poll(Duration::from_millis(100)).is_empty());
            assert!(second.blocking().poll(Duration::from_millis(100)).is_empty());
        }
        assert_eq!(first.assignment().len(), 2);
        records.iter().for_each(ConsumerRecord::done);
        for _ in 0..600 {
            for consumer in [&first, &second] {
                // Kafka accepts a commit of a member that has not rejoined yet. The embedded broker rejects it, and the records are read again.
                consumer.blocking().poll(Duration::from_millis(50)).iter().flatten().for_each(|record| record.done());
            }
            if (first.assignment().len(), second.assignment().len()) == (1, 1) {
                return;
            }
        }
        panic!("{:?} {:?}", first.assignment(), second.assignment());
    });
}

#[test]
fn commit_after_losing_partitions_fails() {
    let kafka = kafka(1);
    write(&kafka, 0, 0..10);
    ends(move || {
        let consumer = subscribed(&kafka, &[("max.poll.interval.ms", "2000")]);
        take(&consumer, 3);
        while !consumer.assignment().is_empty() {
            std::thread::sleep(Duration::from_millis(50));
        }
        let mut offsets = Offsets::new();
        offsets.set_next("orders", 0, 3);
        block_on(async {
            for error in [consumer.commit().await.unwrap_err(), consumer.commit_offsets(&offsets).await.unwrap_err()] {
                assert_eq!(error.kind(), ErrorKind::CommitFailed, "{error:?}");
                assert_eq!(error.java_exception(), Some("CommitFailedException"));
                assert!(!error.is_retriable() && !error.is_fatal() && !error.is_abortable(), "{error:?}");
                assert!(error.to_string().starts_with("group readers: "), "{error}");
            }
        });
        // It rejoins, reads the records again, and commits them.
        assert_eq!(values(&take(&consumer, 2)), [0, 1]);
        block_on(consumer.commit()).unwrap();
        assert_eq!(committed(&consumer, 0), Some(2));
    });
}

#[test]
fn rejected_commit_has_the_reason() {
    use ottla::testing::{ApiKey, BrokerError};
    let kafka = kafka(1);
    write(&kafka, 0, 0..10);
    let consumer = subscribed(&kafka, &[]);
    take(&consumer, 3);
    kafka.fail_next(ApiKey::OffsetCommit, &[BrokerError::UNKNOWN_MEMBER_ID]).unwrap();
    let error = block_on(consumer.commit()).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::CommitFailed, Some(25)), "{error:?}");
}

#[test]
fn calls_after_close_return_closed() {
    let kafka = kafka(1);
    write(&kafka, 0, 0..10);
    let consumer = subscribed(&kafka, &[]);
    take(&consumer, 3);
    block_on(async {
        consumer.close(Duration::from_secs(60)).await.unwrap();
        let nothing = [("orders", 0); 0];
        for error in [
            consumer.commit().await.unwrap_err(),
            consumer.commit_offsets(&Offsets::new()).await.unwrap_err(),
            consumer.committed([("orders", 0)]).await.unwrap_err(),
            consumer.end_offsets([("orders", 0)]).await.unwrap_err(),
            consumer.partitions_for("orders").await.unwrap_err(),
            consumer.group_metadata().await.unwrap_err(),
            consumer.pause(nothing).await.unwrap_err(),
            consumer.resume(nothing).await.unwrap_err(),
            consumer.seek_to_end(nothing).await.unwrap_err(),
            consumer.assign(nothing).await.unwrap_err(),
            consumer.unsubscribe().await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Closed, "{error:?}");
        }
    });
}
