//! Seeks, pauses and queries.

use super::*;
use ottla::{
    ErrorKind, TopicPartition,
    testing::{ApiKey, BrokerError},
};

#[test]
fn seek_drops_records_that_were_read_ahead() {
    let kafka = kafka(1);
    write(&kafka, 0, 0..100);
    let consumer = subscribed(&kafka, &[]);
    assert_eq!(values(&take(&consumer, 2)), [0, 1]);
    block_on(consumer.seek(("orders", 0), 50)).unwrap();
    assert_eq!(consumer.position(("orders", 0)), Some(50));
    assert_eq!(values(&take(&consumer, 2)), [50, 51]);
    block_on(consumer.seek(("orders", 0), 10)).unwrap();
    assert_eq!(values(&take(&consumer, 2)), [10, 11]);
    block_on(consumer.seek_to_beginning([("orders", 0)])).unwrap();
    assert_eq!(values(&take(&consumer, 2)), [0, 1]);
    block_on(consumer.seek_to_end([("orders", 0)])).unwrap();
    assert!(is_quiet(&consumer));
    write(&kafka, 0, 100..101);
    assert_eq!(values(&take(&consumer, 1)), [100]);
}

#[test]
fn seek_right_after_assign_waits_for_the_partition() {
    let kafka = kafka(2);
    write(&kafka, 1, 0..10);
    let consumer = builder(&kafka, &[]).build().unwrap();
    block_on(async {
        consumer.assign([("orders", 1)]).await.unwrap();
        consumer.seek(("orders", 1), 7).await.unwrap();
        assert_eq!(consumer.assignment(), [TopicPartition::new("orders", 1)]);
        let error = consumer.seek(("orders", 0), 7).await.unwrap_err();
        assert!(error.to_string().starts_with("topic orders, partition 0: not assigned"), "{error}");
        let error = consumer.seek(("orders", 1), -1).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    });
    assert_eq!(values(&take(&consumer, 3)), [7, 8, 9]);
}

/// A consumer of one partition with 40 records, whose first lookup of an offset by time takes a second.
fn with_a_slow_lookup(reset: &str) -> (EmbeddedKafka, Text) {
    let kafka = kafka(1);
    write(&kafka, 0, 0..40);
    kafka.fail_next_on(1, ApiKey::ListOffsets, &[(BrokerError::NONE, Duration::from_secs(1))]).unwrap();
    let consumer = builder(&kafka, &[("auto.offset.reset", reset)]).build().unwrap();
    block_on(consumer.assign([("orders", 0)])).unwrap();
    (kafka, consumer)
}

#[test]
fn seek_while_the_first_offset_is_looked_up_is_kept() {
    let (_kafka, consumer) = with_a_slow_lookup("latest");
    // librdkafka sends the request after 100 ms.
    std::thread::sleep(Duration::from_millis(300));
    block_on(consumer.seek(("orders", 0), 10)).unwrap();
    block_on(consumer.pause([("orders", 0)])).unwrap();
    // librdkafka repeats an outdated lookup after half a second.
    std::thread::sleep(Duration::from_millis(2500));
    block_on(consumer.resume([("orders", 0)])).unwrap();
    assert_eq!(values(&take(&consumer, 30)), (10..40).collect::<Vec<_>>());
}

#[test]
fn pause_while_the_first_offset_is_looked_up_returns_no_record_twice() {
    let (_kafka, consumer) = with_a_slow_lookup("earliest");
    std::thread::sleep(Duration::from_millis(300));
    block_on(consumer.pause([("orders", 0)])).unwrap();
    block_on(consumer.resume([("orders", 0)])).unwrap();
    assert_eq!(values(&take(&consumer, 40)), (0..40).collect::<Vec<_>>());
    // Now librdkafka continues at another offset than the one that it has looked up, and looks it up once more.
    block_on(consumer.pause([("orders", 0)])).unwrap();
    block_on(consumer.resume([("orders", 0)])).unwrap();
    assert!(consumer.blocking().poll(Duration::from_millis(2500)).is_empty(), "records were returned twice");
}

#[test]
fn seek_to_end_is_kept_when_a_pause_follows() {
    let kafka = kafka(1);
    write(&kafka, 0, 0..40);
    let consumer = subscribed(&kafka, &[]);
    assert_eq!(values(&take(&consumer, 2)), [0, 1]);
    kafka.fail_next_on(1, ApiKey::ListOffsets, &[(BrokerError::NONE, Duration::from_secs(1))]).unwrap();
    block_on(consumer.seek_to_end([("orders", 0)])).unwrap();
    block_on(consumer.pause([("orders", 0)])).unwrap();
    write(&kafka, 0, 40..42);
    std::thread::sleep(Duration::from_millis(2500));
    block_on(consumer.resume([("orders", 0)])).unwrap();
    assert_eq!(values(&take(&consumer, 2)), [40, 41]);
}

#[test]
fn paused_partition_returns_and_loses_no_records() {
    let kafka = kafka(2);
    write(&kafka, 0, 0..10);
    let consumer = subscribed(&kafka, &[]);
    assert_eq!(values(&take(&consumer, 3)), [0, 1, 2]);
    block_on(consumer.pause([("orders", 0)])).unwrap();
    assert_eq!(consumer.paused(), [TopicPartition::new("orders", 0)]);
    write(&kafka, 1, 100..102);
    assert_eq!(values(&take(&consumer, 2)), [100, 101]);
    assert!(is_quiet(&consumer));
    block_on(consumer.resume([("orders", 0)])).unwrap();
    assert_eq!(consumer.paused(), []);
    assert_eq!(values(&take(&consumer, 7)), [3, 4, 5, 6, 7, 8, 9]);
}

/// Reads ahead all records; then librdkafka stops the partition because its offset seems to be out of range.
fn with_a_stopped_partition(kafka: &EmbeddedKafka, settings: &[(&str, &str)]) -> Text {
    let consumer = builder(kafka, settings).build().unwrap();
    block_on(async {
        let mut first = ottla::Offsets::new();
        first.set_next("orders", 0, 0);
        consumer.commit_offsets(&first).await.unwrap();
        consumer.assign([("orders", 0)]).await.unwrap();
    });
    assert_eq!(values(&take(&consumer, 2)), [0, 1]);
    kafka.fail_next(ApiKey::Fetch, &[BrokerError::OFFSET_OUT_OF_RANGE; 3]).unwrap();
    std::thread::sleep(Duration::from_secs(2));
    consumer
}

/// The records, without the error of the stopped partition.
fn take_records(consumer: &Text, count: usize) -> Vec<u32> {
    let items = std::iter::from_fn(|| block_on(soon(consumer.recv())));
    items.filter_map(Result::ok).take(count).map(|record| record.value().parse().unwrap()).collect()
}

#[test]
fn pause_keeps_records_that_were_read_ahead() {
    let kafka = kafka(1);
    write(&kafka, 0, 0..10);
    let consumer = with_a_stopped_partition(&kafka, &[("auto.offset.reset", "none")]);
    block_on(consumer.pause([("orders", 0)])).unwrap();
    assert_eq!(consumer.position(("orders", 0)), Some(2));
    block_on(consumer.resume([("orders", 0)])).unwrap();
    assert_eq!(take_records(&consumer, 8), [2, 3, 4, 5, 6, 7, 8, 9]);
}

#[test]
fn failed_seek_skips_no_record() {
    let kafka = kafka(1);
    write(&kafka, 0, 0..10);
    let settings = [("auto.offset.reset", "none"), ("default.api.timeout.ms", "1000")];
    let consumer = with_a_stopped_partition(&kafka, &settings);
    let error = block_on(consumer.seek(("orders", 0), 5)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MetadataTimeout, "{error:?}");
    assert_eq!(take_records(&consumer, 8), [2, 3, 4, 5, 6, 7, 8, 9]);
}

#[test]
fn revoked_partition_is_not_paused_when_it_is_assigned_again() {
    let kafka = kafka(1);
    write(&kafka, 0, 0..10);
    let consumer = subscribed(&kafka, &[]);
    assert_eq!(values(&take(&consumer, 2)), [0, 1]);
    block_on(async {
        consumer.pause([("orders", 0)]).await.unwrap();
        consumer.unsubscribe().await.unwrap();
    });
    for _ in 0..600 {
        if consumer.assignment().is_empty() {
            break;
        }
        assert!(consumer.blocking().poll(Duration::from_millis(100)).is_empty());
    }
    block_on(consumer.subscribe(&["orders"])).unwrap();
    assert_eq!(values(&take(&consumer, 10)), (0..10).collect::<Vec<_>>());
}

#[test]
fn topic_name_with_nul_is_rejected() {
    let kafka = kafka(1);
    write(&kafka, 0, 0..1);
    let consumer = subscribed(&kafka, &[]);
    block_on(async {
        for error in [
            consumer.subscribe(&["a\0b"]).await.unwrap_err(),
            consumer.committed([("a\0b", 0)]).await.unwrap_err(),
            consumer.offsets_for_times([(("a\0b", 0), 1)]).await.unwrap_err(),
            consumer.end_offsets([("a\0b", 0)]).await.unwrap_err(),
            consumer.partitions_for("a\0b").await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error:?}");
        }
    });
    assert_eq!(values(&take(&consumer, 1)), [0]);
}

#[test]
fn offsets_and_partitions_can_be_queried() {
    let kafka = kafka(2);
    write(&kafka, 1, 0..10);
    let consumer = builder(&kafka, &[]).build().unwrap();
    block_on(async {
        let both = [("orders", 0), ("orders", 1)];
        let beginning = consumer.beginning_offsets(both).await.unwrap();
        let end = consumer.end_offsets(both).await.unwrap();
        assert_eq!((beginning.next("orders", 0), beginning.next("orders", 1)), (Some(0), Some(0)));
        assert_eq!((end.next("orders", 0), end.next("orders", 1)), (Some(0), Some(10)));
        let partitions = consumer.partitions_for("orders").await.unwrap();
        assert_eq!(partitions.iter().map(|partition| partition.partition()).collect::<Vec<_>>(), [0, 1]);
        assert!(partitions.iter().all(|partition| partition.leader() == Some(1)), "{partitions:?}");
    });
}

#[test]
fn assign_and_subscribe_replace_each_other() {
    let kafka = kafka(2);
    write(&kafka, 0, 0..2);
    write(&kafka, 1, 10..12);
    let consumer = builder(&kafka, &[]).build().unwrap();
    block_on(consumer.assign([("orders", 0)])).unwrap();
    assert_eq!(values(&take(&consumer, 1)), [0]);
    block_on(consumer.assign([("orders", 1)])).unwrap();
    assert_eq!(values(&take(&consumer, 1)), [10]);
    block_on(consumer.subscribe(&["^ord.*"])).unwrap();
    assert_eq!(consumer.subscription(), ["^ord.*"]);
    let mut all = values(&take(&consumer, 4));
    all.sort_unstable();
    assert_eq!(all, [0, 1, 10, 11]);
    assert!(
        block_on(consumer.assign([("orders", 1)]))
            .unwrap_err()
            .to_string()
            .starts_with("assign: the consumer has a subscription")
    );
    block_on(consumer.unsubscribe()).unwrap();
    assert_eq!(consumer.subscription(), [""; 0]);
}
