//! Reports of records, compared with the log.

use std::{num::NonZeroU32, sync::mpsc, time::Duration};

use futures::{FutureExt, executor::block_on};
use ottla::{
    ErrorKind, Persistence, Producer, ProducerRecord, Report,
    partition::partition_for,
    testing::{ApiKey, BrokerError},
};

use super::{config, kafka, producer};
use crate::log;

#[test]
fn metadata_has_the_position_in_the_log() {
    let kafka = kafka(6);
    let producer = producer(&kafka, &[]);
    let metadata: Vec<_> = block_on(async {
        let mut deliveries = Vec::new();
        for n in 0..500 {
            let key = format!("key-{n}");
            deliveries.push(producer.send(ProducerRecord::to("orders").key(&*key).value(&*format!("value {n}"))).await.unwrap());
        }
        let mut metadata = Vec::new();
        for delivery in deliveries {
            metadata.push(delivery.await.unwrap());
        }
        metadata
    });
    let found = log::read(kafka.bootstrap_servers(), "orders");
    assert_eq!(found.len(), 500);
    for (n, metadata) in metadata.iter().enumerate() {
        let key = format!("key-{n}");
        assert_eq!(metadata.topic(), "orders");
        assert_eq!(metadata.partition(), partition_for(key.as_bytes(), NonZeroU32::new(6).unwrap()), "{key}: Java's partition");
        assert_eq!(metadata.serialized_key_size(), Some(key.len()));
        assert!(metadata.timestamp().is_some());
        let record = found
            .iter()
            .find(|found| (found.partition, Some(found.offset)) == (metadata.partition(), metadata.offset()))
            .unwrap();
        assert_eq!((record.key.as_deref(), record.value_text()), (Some(key.as_bytes()), &*format!("value {n}")));
    }
}

#[test]
fn a_delivery_can_be_shared_by_several_tasks() {
    let kafka = kafka(1);
    let producer = producer(&kafka, &[]);
    block_on(async {
        let delivery = producer.send(ProducerRecord::to("orders").value("v")).await.unwrap().shared();
        let (one, other) = futures::join!(delivery.clone(), delivery);
        assert_eq!((one.unwrap().offset(), other.unwrap().offset()), (Some(0), Some(0)));
        kafka.fail_next(ApiKey::Produce, &[BrokerError::INVALID_RECORD]).unwrap();
        let delivery = producer.send(ProducerRecord::to("orders").value("v")).await.unwrap().shared();
        let (one, other) = futures::join!(delivery.clone(), delivery);
        assert_eq!((one.unwrap_err().kind(), other.unwrap_err().kind()), (ErrorKind::InvalidRecord, ErrorKind::InvalidRecord));
    });
}

#[test]
fn send_is_eager_and_send_all_lazy() {
    let kafka = kafka(1);
    let producer = producer(&kafka, &[]);
    let record = |value: &'static str| ProducerRecord::to("orders").value(value);
    drop(producer.send(record("never awaited")));
    drop(producer.send_all([record("never polled")]));
    let mut polled_once = producer.send_all(["polled once", "and that was enough"].map(record));
    assert!((&mut polled_once).now_or_never().is_some());
    drop(polled_once);
    block_on(producer.flush()).unwrap();
    let values: Vec<_> =
        log::read(kafka.bootstrap_servers(), "orders").iter().map(|found| found.value_text().to_owned()).collect();
    assert_eq!(values, ["never awaited", "polled once", "and that was enough"]);
}

#[test]
fn null_and_empty_are_different_in_the_log() {
    let kafka = kafka(1);
    let producer = producer(&kafka, &[]);
    let records = [
        ProducerRecord::to("orders"),
        ProducerRecord::to("orders").key("").value(""),
        ProducerRecord::to("orders").key("k"),
        ProducerRecord::to("orders").value("v"),
    ];
    block_on(async {
        for record in records {
            producer.send(record).await.unwrap().await.unwrap();
        }
    });
    let found: Vec<_> =
        log::read(kafka.bootstrap_servers(), "orders").into_iter().map(|found| (found.key, found.value)).collect();
    let bytes = |text: &str| Some(text.as_bytes().to_vec());
    assert_eq!(found, [(None, None), (bytes(""), bytes("")), (bytes("k"), None), (None, bytes("v"))]);
}

#[test]
fn headers_and_timestamp_are_written() {
    let kafka = kafka(1);
    let producer = producer(&kafka, &[]);
    let record = ProducerRecord::to("orders")
        .value("v")
        .header("trace", b"1")
        .null_header("nothing")
        .header("empty", b"")
        .header("trace", [0, 255])
        .timestamp(1_234_567_890_123);
    block_on(async { producer.send(record).await.unwrap().await.unwrap() });
    let found = log::read(kafka.bootstrap_servers(), "orders").remove(0);
    assert_eq!(found.timestamp, Some(1_234_567_890_123));
    let header = |name: &str, value: Option<&[u8]>| (name.to_owned(), value.map(<[u8]>::to_vec));
    assert_eq!(
        found.headers,
        [header("trace", Some(b"1")), header("nothing", None), header("empty", Some(b"")), header("trace", Some(&[0, 255]))]
    );
}

#[test]
fn explicit_partition_is_used_and_a_missing_one_fails() {
    let kafka = kafka(3);
    let producer = producer(&kafka, &[("max.block.ms", "500")]);
    block_on(async {
        for partition in 0..3 {
            let record = ProducerRecord::to("orders").key("same").value("v").partition(partition);
            assert_eq!(producer.send(record).await.unwrap().await.unwrap().partition(), partition);
        }
        let error = match producer.send(ProducerRecord::to("orders").value("v").partition(3)).await {
            Ok(delivery) => delivery.await.unwrap_err(),
            Err(error) => error,
        };
        assert_eq!(error.kind(), ErrorKind::UnknownTopicOrPartition);
        assert_eq!(error.persistence(), Persistence::NotPersisted);
    });
}

#[test]
fn records_that_java_rejects_are_rejected_before_sending() {
    let kafka = kafka(1);
    let producer = producer(&kafka, &[]);
    let long = "t".repeat(250);
    for (record, says) in [
        (ProducerRecord::to("orders").partition(-1), "partition -1"),
        (ProducerRecord::to("orders").timestamp(0), "timestamp 0"),
        (ProducerRecord::to("orders").timestamp(-5), "timestamp -5"),
        (ProducerRecord::to(""), "must not be empty"),
        (ProducerRecord::to(".."), "\"..\""),
        (ProducerRecord::to("a b"), "ASCII"),
        (ProducerRecord::to("nul\0"), "ASCII"),
        (ProducerRecord::to(&*long), "249"),
    ] {
        let error = block_on(producer.send(record)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRecord);
        assert!(error.to_string().contains(says), "{error}");
    }
    let available = producer.buffer_available_bytes();
    assert_eq!(available, 32 * 1024 * 1024, "a rejected record uses no buffer memory");
}

#[test]
fn record_over_max_request_size_is_rejected() {
    let kafka = kafka(1);
    let producer = producer(&kafka, &[("max.request.size", "2000")]);
    block_on(async {
        let small = producer.send(ProducerRecord::to("orders").value("small")).await.unwrap();
        let error = producer.send(ProducerRecord::to("orders").value(&*"x".repeat(2000))).await.unwrap_err();
        assert_eq!((error.kind(), error.persistence()), (ErrorKind::RecordTooLarge, Persistence::NotPersisted));
        assert!(error.to_string().contains("max.request.size allows (2000)"), "{error}");
        // Java's upper bound: 61 bytes for the batch, 21 for the record, 1 + 1 + 2 for lengths.
        producer.send(ProducerRecord::to("orders").value(&*"x".repeat(2000 - 86))).await.unwrap().await.unwrap();
        small.await.unwrap();
    });
}

#[test]
fn broker_error_reaches_the_delivery_with_its_meaning() {
    let kafka = kafka(1);
    let producer = producer(&kafka, &[]);
    block_on(producer.partitions_for("orders")).unwrap();
    kafka.fail_next(ApiKey::Produce, &[BrokerError::MESSAGE_TOO_LARGE]).unwrap();
    let error = block_on(async { producer.send(ProducerRecord::to("orders").value("v")).await.unwrap().await.unwrap_err() });
    assert_eq!((error.kind(), error.code()), (ErrorKind::RecordTooLarge, Some(10)));
    assert!(!error.is_retriable() && !error.is_fatal());
    assert!(error.to_string().starts_with("topic orders, partition 0: "), "{error}");
    block_on(async { producer.send(ProducerRecord::to("orders").value("v")).await.unwrap().await.unwrap() });
}

#[test]
fn retriable_error_is_retried() {
    let kafka = kafka(1);
    let producer = producer(&kafka, &[("retry.backoff.ms", "1")]);
    kafka.fail_next(ApiKey::Produce, &[BrokerError::NOT_ENOUGH_REPLICAS, BrokerError::NOT_ENOUGH_REPLICAS]).unwrap();
    block_on(async { producer.send(ProducerRecord::to("orders").value("v")).await.unwrap().await.unwrap() });
    assert_eq!(log::read(kafka.bootstrap_servers(), "orders").len(), 1);
}

#[test]
fn implicit_acknowledgement_is_not_a_success() {
    let kafka = kafka(1);
    // Each record has its own batch, and the second one is sent before the response to the first.
    kafka.set_round_trip_time(1, Duration::from_millis(300)).unwrap();
    let producer = producer(&kafka, &[("librdkafka.batch.num.messages", "1"), ("retry.backoff.ms", "2000")]);
    // Like a broker that learns between the two of the topic's creation.
    kafka.fail_next(ApiKey::Produce, &[BrokerError::NOT_LEADER_OR_FOLLOWER]).unwrap();
    let [first, second] = block_on(async {
        let first = producer.send(ProducerRecord::to("orders").value("first")).await.unwrap();
        let second = producer.send(ProducerRecord::to("orders").value("second")).await.unwrap();
        [first.await, second.await]
    });
    second.unwrap();
    let error = first.unwrap_err();
    assert_eq!((error.kind(), error.persistence()), (ErrorKind::Unconfirmed, Persistence::PossiblyPersisted));
    assert!(!error.is_retriable() && !error.is_fatal(), "{error}");
    assert_eq!(log::read(kafka.bootstrap_servers(), "orders").len(), 1, "the record was written");
}

#[test]
fn unknown_offset_is_not_reported() {
    let kafka = kafka(1);
    let offsets = |settings: &[(&str, &str)], records: usize| -> Vec<Option<i64>> {
        let producer = producer(&kafka, &[&[("linger.ms", "500")], settings].concat());
        let (sender, receiver) = mpsc::channel();
        for _ in 0..records {
            let sender = sender.clone();
            let callback = move |report: Report| sender.send(report.unwrap().offset()).unwrap();
            producer.send_with(ProducerRecord::to("orders").value("v"), callback).unwrap();
        }
        block_on(producer.flush()).unwrap();
        receiver.try_iter().collect()
    };
    // librdkafka counts from -1001, so that the later records of a large batch would get the offsets of others.
    let without_response = offsets(&[("acks", "0"), ("enable.idempotence", "false")], 3000);
    assert_eq!(without_response, [None; 3000]);
    // librdkafka counts from -1.
    kafka.fail_next(ApiKey::Produce, &[BrokerError::DUPLICATE_SEQUENCE_NUMBER]).unwrap();
    assert_eq!(offsets(&[], 3), [None; 3]);
}

#[test]
fn record_without_a_broker_times_out_and_names_the_address() {
    let kafka = kafka(1);
    let address = kafka.bootstrap_servers().to_owned();
    let producer = producer(&kafka, &[("delivery.timeout.ms", "1500"), ("request.timeout.ms", "1000"), ("max.block.ms", "500")]);
    drop(kafka);
    let error = block_on(producer.partitions_for("orders")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MetadataTimeout);
    assert!(error.to_string().contains(&address), "{error}");
    let error = block_on(async { producer.send(ProducerRecord::to("orders").value("v")).await.unwrap().await.unwrap_err() });
    assert_eq!((error.kind(), error.persistence()), (ErrorKind::DeliveryTimeout, Persistence::NotPersisted));
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains(&address), "{cause}");
}

#[test]
fn partitions_for_returns_the_partitions() {
    let kafka = kafka(3);
    let producer = producer(&kafka, &[]);
    let partitions = block_on(producer.partitions_for("orders")).unwrap();
    assert_eq!(
        partitions.iter().map(|partition| (partition.partition(), partition.leader())).collect::<Vec<_>>(),
        [(0, Some(1)), (1, Some(1)), (2, Some(1))]
    );
}

#[test]
fn partitions_for_waits_for_slow_brokers() {
    let kafka = kafka(3);
    // Longer than the first attempt.
    kafka.set_round_trip_time(1, Duration::from_millis(1200)).unwrap();
    let producer = producer(&kafka, &[]);
    assert_eq!(block_on(producer.partitions_for("orders")).unwrap().len(), 3);
}

#[test]
fn types_with_a_default_serializer_are_sent() {
    let kafka = kafka(1);
    let producer: Producer<i64, [u8]> = Producer::builder(config(&kafka)).build().unwrap();
    let sent = block_on(async { producer.send(ProducerRecord::to("orders").key(-2).value(&[1u8, 2][..])).await.unwrap().await });
    assert_eq!(sent.unwrap().serialized_key_size(), Some(8));
    let found = log::read(kafka.bootstrap_servers(), "orders").remove(0);
    assert_eq!(found.key.as_deref(), Some((-2i64).to_be_bytes().as_slice()));
}

#[test]
fn missing_topic_gives_the_same_error_each_time() {
    let kafka = kafka(1);
    kafka.set_topic_error("orders", BrokerError::UNKNOWN_TOPIC_OR_PARTITION).unwrap();
    let settings = [("librdkafka.topic.metadata.propagation.max.ms", "0"), ("max.block.ms", "500")];
    let producer = producer(&kafka, &settings);
    // The first is accepted because librdkafka does not know the topic yet; it rejects the second.
    for attempt in 0..2 {
        let error = block_on(async { producer.send(ProducerRecord::to("orders").value("v")).await?.await }).unwrap_err();
        assert_eq!((error.kind(), error.persistence()), (ErrorKind::UnknownTopicOrPartition, Persistence::NotPersisted));
        assert!(error.is_retriable() && error.is_abortable() && !error.is_fatal(), "{attempt}: {error:?}");
        assert!(error.to_string().starts_with("topic orders: "), "{attempt}: {error}");
    }
}

#[test]
fn failed_records_come_back_with_their_errors_if_the_producer_returns_them() {
    let kafka = kafka(2);
    let returning: Producer<str, str> = Producer::builder(config(&kafka)).return_failed_records(true).build().unwrap();
    let plain = producer(&kafka, &[]);
    // librdkafka copies the first value, and refers to the second one.
    let large = "x".repeat(5000);
    for value in ["v", large.as_str()] {
        let given = ProducerRecord::to("orders").key("k").value(value).header("a", "1").partition(1).timestamp(7);
        let wanted: ProducerRecord<'_, [u8], [u8]> =
            ProducerRecord::to("orders").key("k").value(value).header("a", "1").partition(1).timestamp(7);
        let fails = || kafka.fail_next(ApiKey::Produce, &[BrokerError::INVALID_RECORD]).unwrap();
        fails();
        let error = block_on(async { returning.send(given.clone()).await.unwrap().await }).unwrap_err();
        assert_eq!((error.kind(), error.record()), (ErrorKind::InvalidRecord, Some(wanted.clone())));
        assert!(!format!("{error:?}{error}").contains("xxx"));
        fails();
        let batch = block_on(async { returning.send_all([given.clone()]).await.unwrap().await }).unwrap_err();
        assert_eq!(batch.failures()[0].1.record(), Some(wanted));
        fails();
        let error = block_on(async { plain.send(given).await.unwrap().await }).unwrap_err();
        assert!(error.record().is_none());
    }
}
