//! A consumer reads what a producer of the same types writes.

use super::*;
use futures::StreamExt;
use ottla::{
    Deserializer, ErrorKind, Headers, Serializer,
    consumer::TimestampType,
    serialize::{Json, Optional},
};
use serde::{Deserialize, Serialize};

/// Sends keys and values, and reads them with default or given deserializers.
fn both_ways<K, V>(
    records: &[(K, V)],
    build: impl FnOnce(ottla::ProducerBuilder<K, V>, ConsumerBuilder<K, V>) -> (Producer<K, V>, Consumer<K, V>),
) where
    K: PartialEq + std::fmt::Debug + Send + 'static,
    V: PartialEq + std::fmt::Debug + Send + 'static,
{
    let kafka = kafka(1);
    let consumer = Consumer::builder(config(&kafka, &[]));
    let (producer, consumer) = build(Producer::builder(super::super::config(&kafka)), consumer);
    block_on(async {
        for (key, value) in records {
            producer.send(ProducerRecord::to("orders").key(key).value(value)).await.unwrap().await.unwrap();
        }
        consumer.subscribe(&["orders"]).await.unwrap();
        for (key, value) in records {
            let record = soon(consumer.recv()).await.unwrap().unwrap();
            assert_eq!((record.key(), record.value()), (key, value));
        }
    });
}

fn naturally<K, V>(records: &[(K, V)])
where
    K: PartialEq + std::fmt::Debug + Send + 'static,
    V: PartialEq + std::fmt::Debug + Send + 'static,
{
    both_ways(records, |producer, consumer| (producer.build().unwrap(), consumer.build().unwrap()));
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    id: String,
    cents: u32,
}

#[test]
fn types_with_a_default_serializer_round_trip() {
    naturally(&[("é".to_owned(), vec![0_u8, 255]), (String::new(), vec![])]);
    naturally(&[(i16::MIN, i32::MAX), (-1, 1)]);
    naturally(&[(i64::MIN, 1.5_f32), (0, -0.0)]);
    naturally(&[(2.5_f64, true), (0.0, false)]);
    naturally(&[(u8::MAX, i128::MIN), (1, 1)]);
    naturally(&[((), "with no key".to_owned())]);
}

#[test]
fn given_serializers_round_trip() {
    let order = |id: &str| Order { id: id.to_owned(), cents: 1250 };
    both_ways(&[(Some(1_i64), Some(order("o-1"))), (None, None)], |producer, consumer| {
        (
            producer
                .key_serializer(Optional(ottla::serialize::BigEndian))
                .value_serializer(Optional(Json::new()))
                .build()
                .unwrap(),
            consumer.value_deserializer(Optional(Json::new())).build().unwrap(),
        )
    });
    let write = |value: &u32, buffer: &mut Vec<u8>| -> std::fmt::Result {
        buffer.extend_from_slice(format!("{value:08}").as_bytes());
        Ok(())
    };
    let read = |data: Option<&[u8]>| String::from_utf8_lossy(data.unwrap_or_default()).parse::<u32>();
    fn serializer(it: impl Serializer<u32>) -> impl Serializer<u32> {
        it
    }
    fn deserializer(it: impl Deserializer<u32>) -> impl Deserializer<u32> {
        it
    }
    both_ways(&[((), 7_u32)], |producer, consumer| {
        (
            producer.value_serializer(serializer(write)).build().unwrap(),
            consumer.value_deserializer(deserializer(read)).build().unwrap(),
        )
    });
}

#[test]
fn deserializers_can_be_set_by_java_name() {
    let kafka = kafka(1);
    write(&kafka, 0, 0..1);
    let settings =
        [("key.deserializer", "org.apache.kafka.common.serialization.StringDeserializer"), ("value.deserializer", "bytes")];
    let consumer: Consumer<Option<String>, Vec<u8>> = Consumer::builder(config(&kafka, &settings)).build().unwrap();
    block_on(consumer.subscribe(&["orders"])).unwrap();
    let record = block_on(soon(consumer.recv())).unwrap().unwrap();
    assert_eq!(record.into_parts(), (None, b"0".to_vec()));
    let wrong = Consumer::<String, i32>::builder(config(&kafka, &settings)).build().unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::Config);
    assert!(wrong.to_string().contains("value.deserializer: ByteArrayDeserializer reads"), "{wrong}");
}

#[test]
fn record_has_all_metadata() {
    let kafka = kafka(3);
    let headers: Headers = [("trace", Some("4bf9")), ("tag", None), ("tag", Some(""))].into_iter().collect();
    let producer = producer(&kafka, &[]);
    let record = ProducerRecord::to("orders").partition(2).key("k-1").value("paid").timestamp(1_700_000_000_123);
    let sent = block_on(async { producer.send(record.headers(headers.clone())).await.unwrap().await.unwrap() });

    let record = &take(&subscribed(&kafka, &[]), 1)[0];
    assert_eq!((record.topic(), record.partition(), Some(record.offset())), ("orders", 2, sent.offset()));
    assert_eq!((record.timestamp(), record.timestamp_type()), (Some(1_700_000_000_123), Some(TimestampType::CreateTime)));
    assert_eq!(record.headers(), &headers);
    assert_eq!((record.key().as_deref(), record.value().as_str()), (Some("k-1"), "paid"));
    assert_eq!((record.serialized_key_size(), record.serialized_value_size()), (Some(3), Some(4)));
    let shown = format!("{record:?}");
    assert!(shown.contains("orders") && !shown.contains("paid") && !shown.contains("4bf9"), "{shown}");
}

#[test]
fn invalid_record_is_an_item_and_the_next_ones_follow() {
    let kafka = kafka(1);
    let producer: Producer<str, [u8]> = Producer::builder(super::super::config(&kafka)).build().unwrap();
    let send = |value: &[u8]| {
        block_on(async { producer.send(ProducerRecord::to("orders").key("k").value(value)).await.unwrap().await.unwrap() });
    };
    send(br#"{"id":"o-1","cents":1}"#);
    send(b"\xff\xfe not JSON");
    send(b"panic");
    send(br#"{"id":"o-2","cents":2}"#);

    let deserializer = |data: Option<&[u8]>| -> Result<Order, serde_json::Error> {
        assert_ne!(data, Some(&b"panic"[..]), "cannot be read");
        serde_json::from_slice(data.unwrap_or_default())
    };
    let builder = Consumer::<String, Order>::builder(config(&kafka, &[])).value_deserializer(deserializer);
    let mut consumer = builder.build().unwrap();
    block_on(async {
        consumer.subscribe(&["orders"]).await.unwrap();
        let items: Vec<Result<_, ConsumeError>> = soon(consumer.by_ref().take(4).collect()).await;
        let [Ok(first), Err(garbage), Err(panicked), Ok(last)] = &items[..] else { panic!("{items:?}") };
        assert_eq!((first.value().cents, last.value().cents), (1, 2));
        for (error, offset, bytes) in [(garbage, 1, &b"\xff\xfe not JSON"[..]), (panicked, 2, b"panic")] {
            assert_eq!((error.kind(), error.error().is_fatal()), (ErrorKind::Deserialization, false));
            let raw = error.record().unwrap();
            assert_eq!((raw.topic(), raw.partition(), raw.offset()), ("orders", 0, offset));
            assert_eq!((raw.key().as_deref(), raw.value().as_deref()), (Some(&b"k"[..]), Some(bytes)));
            assert!(error.to_string().starts_with(&format!("topic orders, partition 0, offset {offset}: the value")), "{error}");
        }
        // They count as taken: a commit is after them.
        assert_eq!(consumer.taken().next("orders", 0), Some(4));
    });
}

#[test]
fn batches_have_at_most_max_poll_records_in_order() {
    let kafka = kafka(1);
    write(&kafka, 0, 0..1000);
    let consumer = subscribed(&kafka, &[("max.poll.records", "7")]);
    let mut found = Vec::new();
    while found.len() < 1000 {
        let batch = consumer.blocking().poll(Duration::from_secs(60));
        assert!((1..=7).contains(&batch.len()), "{}", batch.len());
        found.extend(batch.into_iter().map(Result::unwrap));
    }
    assert_eq!(values(&found), (0..1000).collect::<Vec<_>>());
    assert_eq!(offsets(&found), (0..1000).collect::<Vec<_>>());
}
