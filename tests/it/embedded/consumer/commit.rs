//! Commits, and where the next consumer continues.

use super::*;
use ottla::{ErrorKind, OffsetAndMetadata, Offsets};

#[test]
fn next_consumer_continues_after_the_commit() {
    let kafka = kafka(1);
    write(&kafka, 0, 0..10);
    let consumer = subscribed(&kafka, &[]);
    assert_eq!(consumer.position(("orders", 0)), None);
    assert_eq!(values(&take(&consumer, 4)), [0, 1, 2, 3]);
    assert_eq!(consumer.position(("orders", 0)), Some(4));
    block_on(async {
        assert!(consumer.committed([("orders", 0)]).await.unwrap().is_empty());
        consumer.commit().await.unwrap();
        assert_eq!(consumer.committed([("orders", 0)]).await.unwrap().next("orders", 0), Some(4));
        consumer.close(Duration::from_secs(60)).await.unwrap();
    });
    let next = subscribed(&kafka, &[]);
    assert_eq!(values(&take(&next, 6)), [4, 5, 6, 7, 8, 9]);
}

#[test]
fn commit_offsets_commits_given_offsets() {
    let kafka = kafka(2);
    write(&kafka, 0, 0..10);
    let consumer = builder(&kafka, &[]).build().unwrap();
    block_on(async {
        consumer.assign([("orders", 0), ("orders", 1)]).await.unwrap();
        let mut offsets = Offsets::new();
        offsets.set("orders", 0, OffsetAndMetadata::new(8).with_metadata("é"));
        offsets.set_next("orders", 1, 0);
        consumer.commit_offsets(&offsets).await.unwrap();
        let committed = consumer.committed([("orders", 0), ("orders", 1)]).await.unwrap();
        let kept = |offsets: &Offsets| {
            let kept = offsets.entries().map(|(_, partition, next)| (partition, next.offset(), next.metadata().to_owned()));
            kept.collect::<Vec<_>>()
        };
        assert_eq!(kept(&committed), kept(&offsets));
        consumer.commit_offsets(&Offsets::new()).await.unwrap();
        consumer.close(Duration::from_secs(60)).await.unwrap();
    });
    assert_eq!(values(&take(&subscribed(&kafka, &[]), 2)), [8, 9]);
}

#[test]
fn close_commits_taken_records_automatically() {
    let kafka = kafka(1);
    write(&kafka, 0, 0..10);
    let consumer = subscribed(&kafka, &[("enable.auto.commit", "true")]);
    take(&consumer, 3);
    block_on(consumer.close(Duration::from_secs(60))).unwrap();
    assert_eq!(values(&take(&subscribed(&kafka, &[]), 1)), [3]);
}

#[test]
fn automatic_commit_is_one_record_behind() {
    let kafka = kafka(1);
    write(&kafka, 0, 0..10);
    let consumer = subscribed(&kafka, &[("enable.auto.commit", "true"), ("auto.commit.interval.ms", "50")]);
    take(&consumer, 3);
    let committed = || block_on(consumer.committed([("orders", 0)])).unwrap().next("orders", 0);
    // The third record may still be processed.
    while committed().is_none() {
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(committed(), Some(2));
    // Requesting the next record marks the others as processed.
    take(&consumer, 1);
    while committed() == Some(2) {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(committed(), Some(3));
}

#[test]
fn nothing_is_committed_without_a_group() {
    let kafka = kafka(1);
    write(&kafka, 0, 0..3);
    let settings = [("bootstrap.servers", kafka.bootstrap_servers()), ("auto.offset.reset", "earliest")];
    let consumer: Text = Consumer::builder(ConsumerConfig::from_pairs(settings).unwrap()).build().unwrap();
    block_on(async {
        for refused in [
            consumer.subscribe(&["orders"]).await.unwrap_err(),
            consumer.commit().await.unwrap_err(),
            consumer.group_metadata().await.unwrap_err(),
            consumer.committed([("orders", 0)]).await.unwrap_err(),
        ] {
            assert_eq!(refused.kind(), ErrorKind::Config);
            assert!(refused.to_string().starts_with("the consumer has no group.id"), "{refused}");
        }
        consumer.assign([("orders", 0)]).await.unwrap();
    });
    assert_eq!(values(&take(&consumer, 3)), [0, 1, 2]);
}
