//! The producer with a real Kafka.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU32,
    process::{self, Command},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::{FutureExt, executor::block_on};
use ottla::{Acknowledgement, ErrorKind, Interceptor, Persistence, Producer, ProducerRecord, partition::partition_for};

use super::{add_partitions, bootstrap_servers, config, topic};
use crate::{examples, log};

/// Sends `count` records with keys and waits for all reports.
fn send(producer: &Producer<str, str>, topic: &str, count: usize) {
    block_on(async {
        let mut deliveries = Vec::new();
        for n in 0..count {
            let (key, value) = (format!("key {}", n % 100), format!("{n}"));
            deliveries.push(producer.send(ProducerRecord::to(topic).key(&*key).value(&*value)).await.unwrap());
        }
        for delivery in deliveries {
            delivery.await.unwrap();
        }
    });
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn all_codecs_are_written_in_order_to_the_partitions_of_java() {
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let topic = topic(codec, 7, &[]);
        let producer = Producer::builder(config().set("compression.type", codec).unwrap()).build().unwrap();
        send(&producer, &topic, 10_000);
        let mut last = BTreeMap::new();
        let found = log::read(&bootstrap_servers(), &topic);
        assert_eq!(found.len(), 10_000, "{codec}");
        for record in found {
            let key = record.key.clone().unwrap();
            assert_eq!(record.partition, partition_for(&key, NonZeroU32::new(7).unwrap()), "{codec}");
            let n: usize = record.value_text().parse().unwrap();
            assert!(last.insert(key, n).is_none_or(|before| before < n), "{codec}: {n} is out of order");
        }
    }
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn acknowledged_records_are_in_a_topic_that_is_being_created() {
    let producer: Producer<str, str> =
        Producer::builder(config().set("librdkafka.batch.num.messages", "1").unwrap()).build().unwrap();
    let (mut acknowledged, mut unconfirmed) = (BTreeSet::new(), 0);
    let topics: Vec<_> = (0..100).map(|n| format!("new-{}-{n}", process::id())).collect();
    for topic in &topics {
        let deliveries: Vec<_> =
            (0..20).map(|n| producer.try_send(ProducerRecord::to(topic).value(&*n.to_string())).unwrap()).collect();
        for (n, delivery) in deliveries.into_iter().enumerate() {
            match block_on(delivery) {
                Ok(_) => drop(acknowledged.insert((topic.clone(), n.to_string()))),
                Err(error) if error.kind() == ErrorKind::Unconfirmed => unconfirmed += 1,
                Err(error) => panic!("{error}"),
            }
        }
    }
    println!("{unconfirmed} of {} records are not confirmed", 20 * topics.len());
    for topic in &topics {
        for found in log::read(&bootstrap_servers(), topic) {
            acknowledged.remove(&(topic.clone(), found.value_text().to_owned()));
        }
    }
    assert!(acknowledged.is_empty(), "acknowledged but not in the log: {acknowledged:?}");
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn metadata_equals_the_log() {
    let topic = topic("metadata", 1, &[]);
    for (acks, idempotent, offsets) in [("all", "true", true), ("1", "false", true), ("0", "false", false)] {
        let config = config().set("acks", acks).unwrap().set("enable.idempotence", idempotent).unwrap();
        let producer: Producer<str, str> = Producer::builder(config).build().unwrap();
        let sent = block_on(async { producer.send(ProducerRecord::to(&*topic).value("v").timestamp(12_345)).await?.await });
        let metadata = sent.unwrap();
        assert_eq!(metadata.offset().is_some(), offsets, "acks={acks}");
        assert_eq!(metadata.timestamp(), Some(12_345));
    }
    assert_eq!(log::read(&bootstrap_servers(), &topic).len(), 3);
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn error_quotes_the_broker() {
    let compacted = topic("compacted", 1, &[("cleanup.policy", "compact")]);
    let small = topic("small", 1, &[("max.message.bytes", "500")]);
    let producer: Producer<str, str> = Producer::builder(config()).build().unwrap();
    block_on(async {
        let error = producer.send(ProducerRecord::to(&*compacted).value("no key")).await.unwrap().await.unwrap_err();
        assert_eq!((error.kind(), error.persistence()), (ErrorKind::InvalidRecord, Persistence::NotPersisted));
        assert!(error.broker_message().is_some_and(|text| text.contains("key")), "{error:?}");
        let error = producer.send(ProducerRecord::to(&*small).value(&*"x".repeat(600))).await.unwrap().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RecordTooLarge);
        producer.send(ProducerRecord::to(&*compacted).key("k").value("v")).await.unwrap().await.unwrap();
        producer.send(ProducerRecord::to(&*small).value("x")).await.unwrap().await.unwrap();
    });
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn batch_too_large_does_not_blame_the_record() {
    let topic = topic("batches", 1, &[("max.message.bytes", "51200")]);
    let value = "x".repeat(1024);
    let send = |settings: &[(&str, &str)]| {
        let settings = settings.iter().fold(config(), |config, (name, value)| config.set(name, *value).unwrap());
        let producer: Producer<str, str> = Producer::builder(settings.linger(Duration::from_secs(1))).build().unwrap();
        block_on(producer.partitions_for(&topic)).unwrap();
        let deliveries: Vec<_> =
            (0..200).map(|_| producer.try_send(ProducerRecord::to(&*topic).value(&*value)).unwrap()).collect();
        let errors = deliveries.into_iter().filter_map(|delivery| block_on(delivery).err()).collect::<Vec<_>>();
        (producer, errors)
    };
    let (producer, errors) = send(&[]);
    assert_eq!(errors.len(), 200);
    for error in errors {
        assert_eq!((error.kind(), error.persistence()), (ErrorKind::BatchTooLarge, Persistence::NotPersisted), "{error}");
        assert!(error.to_string().contains("its batch of 200 records"), "{error}");
    }
    // Each record fits, and so do batches of the topic's limit.
    block_on(async { producer.send(ProducerRecord::to(&*topic).value(&*value)).await.unwrap().await.unwrap() });
    let limit = block_on(producer.max_message_bytes(&topic)).unwrap();
    assert_eq!(limit, 51200);
    assert!(send(&[("batch.size", &limit.to_string())]).1.is_empty());
    let error = block_on(producer.max_message_bytes("there-is-no-such-topic")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownTopicOrPartition, "{error}");
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn valid_records_of_a_rejected_batch_can_be_sent_again() {
    let topic = topic("timestamps", 1, &[("message.timestamp.before.max.ms", "3600000")]);
    let producer: Producer<str, str> = Producer::builder(config().linger(Duration::from_secs(1))).build().unwrap();
    block_on(producer.partitions_for(&topic)).unwrap();
    // With one invalid record, and with two.
    for bad in [&[3][..], &[1, 4]] {
        let record = |n| {
            if bad.contains(&n) {
                ProducerRecord::to(&*topic).value("bad").timestamp(1)
            } else {
                ProducerRecord::to(&*topic).value("good")
            }
        };
        let deliveries: Vec<_> = (0..6).map(|n| producer.try_send(record(n)).unwrap()).collect();
        for (n, delivery) in deliveries.into_iter().enumerate() {
            let error = block_on(delivery).unwrap_err();
            let kind = if bad.contains(&n) { ErrorKind::InvalidRecord } else { ErrorKind::BatchRejected };
            assert_eq!((error.kind(), error.persistence()), (kind, Persistence::NotPersisted), "{n}: {error}");
            assert_eq!(error.is_retriable(), kind == ErrorKind::BatchRejected, "{n}: {error}");
            assert_eq!(error.broker_message().is_some(), kind == ErrorKind::InvalidRecord, "{n}: {error}");
        }
        block_on(async { producer.send(record(0)).await.unwrap().await.unwrap() });
    }
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn added_partition_can_be_used_at_once() {
    let topic = topic("growing", 1, &[]);
    let producer: Producer<str, str> = Producer::builder(config()).build().unwrap();
    let record = |partition| ProducerRecord::to(&*topic).value("v").partition(partition);
    block_on(async { producer.send(record(0)).await.unwrap().await.unwrap() });
    // Before it is added, and right after.
    let mut early = producer.send(record(1));
    assert!((&mut early).now_or_never().is_none());
    add_partitions(&topic, 2);
    assert_eq!(block_on(async { early.await.unwrap().await.unwrap() }).partition(), 1);
    add_partitions(&topic, 3);
    assert_eq!(block_on(async { producer.send(record(2)).await.unwrap().await.unwrap() }).partition(), 2);
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn keyless_records_are_spread_over_all_partitions() {
    let topic = topic("keyless", 6, &[]);
    let producer: Producer<str, [u8]> = Producer::builder(config()).build().unwrap();
    block_on(async {
        for _ in 0..20_000 {
            drop(producer.send(ProducerRecord::to(&*topic).value(&[7u8; 100][..])).await.unwrap());
        }
        producer.flush().await.unwrap();
    });
    let mut counts = [0; 6];
    for record in log::read(&bootstrap_servers(), &topic) {
        counts[record.partition as usize] += 1;
    }
    assert_eq!(counts.iter().sum::<usize>(), 20_000);
    assert!(counts.iter().all(|&count| count > 500), "{counts:?}");
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn panic_in_user_code_fails_one_record_at_most() {
    struct Panics;
    impl Interceptor<str, str> for Panics {
        fn on_send(&self, record: &mut ProducerRecord<'_, str, str>) {
            assert!(record.key_ref() != Some("interceptor"), "in on_send");
        }
        fn on_acknowledgement(&self, acknowledgement: &Acknowledgement<'_>) {
            assert!(acknowledgement.headers.is_empty(), "in on_acknowledgement");
        }
    }
    let topic = topic("panics", 3, &[]);
    let serializer = |data: &str, buffer: &mut Vec<u8>| -> Result<(), String> {
        assert!(data != "serializer", "in a serializer");
        buffer.extend_from_slice(data.as_bytes());
        Ok(())
    };
    let producer: Producer<str, str> =
        Producer::builder(config()).value_serializer(serializer).interceptor(Panics).build().unwrap();
    let record = |key, value| ProducerRecord::to(&*topic).key(key).value(value);
    producer.blocking().send_with(record("callback", "1"), |_| panic!("in a callback")).unwrap();
    producer.blocking().send(record("interceptor", "2").header("h", "v")).unwrap().wait().unwrap();
    assert_eq!(block_on(producer.send(record("k", "serializer"))).unwrap_err().kind(), ErrorKind::Serialization);
    send(&producer, &topic, 1000);
    assert_eq!(log::read(&bootstrap_servers(), &topic).len(), 1002);
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn threads_share_a_producer_and_each_record_is_reported_once() {
    let topic = topic("threads", 6, &[]);
    let producer: Producer<str, str> = Producer::builder(config().set("buffer.memory", "200000").unwrap()).build().unwrap();
    let reports = Arc::new(AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (producer, reports, topic) = (producer.clone(), Arc::clone(&reports), &topic);
            scope.spawn(move || {
                for n in 0..5000 {
                    let reports = Arc::clone(&reports);
                    let (key, value) = (format!("{thread}"), format!("{n}"));
                    let record = ProducerRecord::to(&**topic).key(&*key).value(&*value);
                    producer
                        .blocking()
                        .send_with(record, move |report| {
                            report.unwrap();
                            reports.fetch_add(1, Ordering::Relaxed);
                        })
                        .unwrap();
                }
            });
        }
    });
    producer.blocking().flush().unwrap();
    assert_eq!(reports.load(Ordering::Relaxed), 40_000);
    let mut next = [0usize; 8];
    for record in log::read(&bootstrap_servers(), &topic) {
        let thread: usize = std::str::from_utf8(&record.key.clone().unwrap()).unwrap().parse().unwrap();
        assert_eq!(record.value_text(), next[thread].to_string(), "the records of thread {thread} are out of order");
        next[thread] += 1;
    }
    assert_eq!(next, [5000; 8]);
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn returning_from_main_without_flush_or_close_loses_no_record() {
    let topic = topic("return-from-main", 6, &[]);
    let output = Command::new(&examples::built()["return_from_main"]).arg(&topic).output().unwrap();
    assert!(output.status.success() && output.stdout == b"accepted: 10000\n", "{output:?}");
    let values: BTreeSet<_> = log::read(&bootstrap_servers(), &topic).iter().map(|found| found.value_text().to_owned()).collect();
    assert_eq!(values.len(), 10_000);
}
