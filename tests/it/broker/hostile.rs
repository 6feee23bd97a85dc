//! Hostile input with a real broker.

use std::thread;

use ottla::{ErrorKind, Headers, Persistence, Producer, ProducerRecord};

use super::{bootstrap_servers, config, topic};
use crate::{
    hostile::{CorruptingProxy, Corruption, Row, Table, lost, send},
    log,
};

const PRODUCE: i16 = 0;
const RECORDS: usize = 1_000;

/// Sends records through a proxy that corrupts the first acknowledgements, each of a batch that was written.
fn heal(input: &'static str, corruption: Corruption) -> Row {
    let topic = topic("hostile", 1, &[]);
    let proxy = CorruptingProxy::start(&bootstrap_servers());
    proxy.corrupt(PRODUCE, corruption, 3);
    let config = [
        ("bootstrap.servers", proxy.bootstrap_servers().as_str()),
        ("request.timeout.ms", "2000"),
        ("retry.backoff.ms", "20"),
        ("librdkafka.batch.num.messages", "100"),
    ]
    .into_iter()
    .fold(config(), |config, (name, value)| config.set(name, value).unwrap());
    let producer: Producer<str, str> = Producer::builder(config).build().unwrap();
    let values: Vec<_> = (0..RECORDS).map(|n| n.to_string()).collect();
    let sent = send(&producer, values.iter().map(|value| ProducerRecord::to(&*topic).value(&**value)));
    assert_eq!(proxy.left(), 0, "{input}: not all responses were corrupted");
    for error in &sent.failed {
        assert_eq!(error.persistence(), Persistence::PossiblyPersisted, "{input}: {error}");
    }
    let log = log::read(&bootstrap_servers(), &topic);
    let found: Vec<usize> = log.iter().map(|found| found.value_text().parse().unwrap()).collect();
    // Every batch was written exactly once, whatever happened to its acknowledgement.
    assert_eq!(found, (0..RECORDS).collect::<Vec<_>>(), "{input}");
    let (acknowledged, failed, lost) = (sent.acknowledged.len(), sent.failed.len(), lost(&sent.acknowledged, &log));
    Row { input, accepted: sent.accepted, acknowledged, failed, lost, told: sent.told() }
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn corrupted_acknowledgements_neither_lose_nor_duplicate_records() {
    let mut table = Table::default();
    thread::scope(|scope| {
        let rows: Vec<_> = [
            ("acknowledgements that are garbage, three times", Corruption::Garbage(4)),
            ("half an acknowledgement, three times", Corruption::HalfFrame),
            ("acknowledgements that are too short, three times", Corruption::CutShort),
            ("no acknowledgement, three times", Corruption::Silence),
            ("another's acknowledgement, three times", Corruption::WrongId),
            ("acknowledgements of 2147483647 bytes, three times", Corruption::Length(i32::MAX)),
        ]
        .map(|(input, corruption)| scope.spawn(move || heal(input, corruption)))
        .into();
        rows.into_iter().for_each(|row| table.add(row.join().unwrap()));
    });
    table.finish();
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn max_message_bytes_is_the_largest_record_written() {
    let topic = topic("hostile", 1, &[("max.message.bytes", "10000")]);
    // A batch's header, and a record's fields beside its value: length, attributes, timestamp, offset, no key, length, no headers.
    let largest = 10_000 - 61 - (3 + 1 + 1 + 1 + 1 + 3 + 1);
    let mut table = Table::default();
    let producer: Producer<str, str> = Producer::builder(config()).build().unwrap();
    let values = [largest, largest + 1].map(|size| "v".repeat(size));
    let sent = send(&producer, [ProducerRecord::to(&*topic).value(&*values[0])]);
    assert_eq!(sent.acknowledged.len(), 1, "{}", sent.told());
    let sent = send(&producer, [ProducerRecord::to(&*topic).value(&*values[1])]);
    assert_eq!((sent.accepted, sent.failed.len()), (1, 1));
    assert_eq!((sent.failed[0].kind(), sent.failed[0].code()), (ErrorKind::RecordTooLarge, Some(10)));
    let told = sent.told().replace(&topic, "TOPIC");
    table.add(Row {
        input: "one byte more than the topic's max.message.bytes",
        accepted: 1,
        acknowledged: 0,
        failed: 1,
        lost: 0,
        told,
    });
    table.finish();
    assert_eq!(log::read(&bootstrap_servers(), &topic).len(), 1);
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn unusual_records_are_written_unchanged() {
    let topic = topic("hostile", 1, &[]);
    let producer: Producer<[u8], [u8]> = Producer::builder(config()).build().unwrap();
    let many: Headers =
        (0..10_000).map(|n| (if n % 3 == 0 { String::new() } else { format!("ключ {n}") }, Some([0xff]))).collect();
    let large: Headers = [("", Some(vec![1; 100_000])), ("", None), ("empty", Some(Vec::new()))].into_iter().collect();
    let record = || ProducerRecord::<[u8], [u8]>::to(&*topic);
    let records = [
        record(),
        record().key(&b""[..]).value(&b""[..]),
        record().key(&b"\0\xff"[..]),
        record().headers(many),
        record().headers(large),
    ];
    let sent = send(&producer, records.clone());
    assert_eq!(sent.acknowledged.len(), records.len(), "{}", sent.told());
    let found = log::read(&bootstrap_servers(), &topic);
    assert_eq!(found.len(), records.len());
    for (found, record) in found.iter().zip(&records) {
        assert_eq!((found.key.as_deref(), found.value.as_deref()), (record.key_ref(), record.value_ref()), "{record:?}");
        let wanted: Vec<_> =
            record.headers_ref().iter().map(|header| (header.name().to_owned(), header.value().map(<[u8]>::to_vec))).collect();
        assert!(found.headers == wanted, "{} headers", found.headers.len());
    }
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn a_timestamp_in_the_far_future_is_rejected() {
    let topic = topic("hostile", 1, &[]);
    let producer: Producer<[u8], [u8]> = Producer::builder(config()).build().unwrap();
    let sent = send(&producer, [ProducerRecord::to(&*topic).timestamp(i64::MAX)]);
    let mut table = Table::default();
    let told = sent.told().replace(&topic, "TOPIC");
    let (acknowledged, failed) = (sent.acknowledged.len(), sent.failed.len());
    table.add(Row {
        input: "a timestamp of i64::MAX, on a real Kafka",
        accepted: sent.accepted,
        acknowledged,
        failed,
        lost: 0,
        told,
    });
    table.finish();
}
