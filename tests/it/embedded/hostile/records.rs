//! Records at and beyond every limit: `send` rejects invalid ones with the reason, and the others are written unchanged.

use futures::executor::block_on;
use ottla::{ErrorKind, Headers, Producer, ProducerRecord};

use super::super::{kafka, producer};
use crate::{
    hostile::{Row, Table, send},
    log,
};

/// Java's upper bound of a record's size (`AbstractRecords.estimateSizeInBytesUpperBound`), implemented again: the batch header, the record's
/// integers at their longest, and each part after its length.
fn bound(key: Option<usize>, value: Option<usize>, headers: &[(&str, usize)]) -> usize {
    let number = |value: usize| (1..).find(|bytes| value < 1 << (7 * bytes - 1)).unwrap();
    let part = |size: Option<usize>| size.map_or(1, |size| number(size) + size);
    let headers: usize =
        number(headers.len()) + headers.iter().map(|(name, value)| part(Some(name.len())) + part(Some(*value))).sum::<usize>();
    61 + 21 + part(key) + part(value) + headers
}

#[test]
fn max_request_size_is_exact() {
    let kafka = kafka(1);
    let long = "h".repeat(70);
    let mut table = Table::default();
    for (input, limit, key, headers) in [
        ("one byte more than max.request.size", 1_048_576, None, &[][..]),
        ("one byte more than max.request.size, with a key", 100_000, Some(8_192), &[]),
        ("one byte more than max.request.size, with headers", 5_000, Some(3), &[("", 0), ("ключ", 64), (&*long, 1_000)]),
    ] {
        let producer = producer(&kafka, &[("max.request.size", &limit.to_string())]);
        let value = (0..limit).rev().find(|value| bound(key, Some(*value), headers) <= limit).unwrap();
        assert_eq!(bound(key, Some(value), headers), limit, "a value that just fits");
        let key = key.map(|size| "k".repeat(size));
        let record = |more: isize| {
            let mut record = ProducerRecord::to("orders").value("v".repeat(value.checked_add_signed(more).unwrap()));
            for (name, size) in headers {
                record = record.header(*name, vec![0; *size]);
            }
            if let Some(key) = &key { record.key(&**key) } else { record }
        };
        let sent = send(&producer, [-1, 0, 1].map(record));
        assert_eq!((sent.accepted, sent.acknowledged.len(), sent.refused.len()), (2, 2, 1), "{input}: {}", sent.told());
        assert_eq!(sent.refused[0].kind(), ErrorKind::RecordTooLarge);
        let told = sent.told().replace(&(limit + 1).to_string(), "N + 1").replace(&limit.to_string(), "N");
        table.add(Row { input, accepted: 2, acknowledged: 2, failed: 0, lost: 0, told });
    }
    table.finish();
    assert_eq!(log::read(kafka.bootstrap_servers(), "orders").len(), 6);
}

#[test]
fn buffer_memory_is_exact() {
    let kafka = kafka(1);
    const MEMORY: usize = 100_000;
    let producer = producer(&kafka, &[("buffer.memory", &MEMORY.to_string())]);
    // The overhead of a record in the buffer is not documented, so it is searched for.
    let fits = |size: usize| {
        block_on(async {
            let delivery = producer.send(ProducerRecord::to("orders").value(&*"v".repeat(size))).await?;
            delivery.await
        })
    };
    let largest = (MEMORY - 1_000..=MEMORY).rev().find(|size| fits(*size).is_ok()).unwrap();
    let error = fits(largest + 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RecordTooLarge);
    assert_eq!(producer.buffer_available_bytes(), MEMORY, "rejected and reported records use no buffer memory");
    let mut table = Table::default();
    let told = error.to_string();
    table.add(Row { input: "one byte more than buffer.memory", accepted: 1, acknowledged: 1, failed: 0, lost: 0, told });
    table.finish();
}

#[test]
fn empty_and_large_records_are_written_unchanged() {
    let kafka = kafka(1);
    let producer: Producer<[u8], [u8]> = Producer::builder(super::super::config(&kafka)).build().unwrap();
    let many: Headers =
        (0..10_000).map(|n| (if n % 3 == 0 { String::new() } else { format!("ключ {n}") }, Some([0xff]))).collect();
    let large: Headers = [("", Some(vec![1; 100_000])), ("", None), ("empty", Some(Vec::new()))].into_iter().collect();
    let headers = [Headers::new(), Headers::new(), Headers::new(), many, large, Headers::new()];
    let record = || ProducerRecord::<[u8], [u8]>::to("orders");
    let records = [
        ("a record without anything", record()),
        ("a record of empty key and empty value", record().key(&b""[..]).value(&b""[..])),
        ("a record of a key alone", record().key(&b"\0\xff"[..])),
        ("10,000 headers, a third without a name", record().headers(headers[3].clone())),
        ("a header of 100 KB, one of null, one of nothing", record().headers(headers[4].clone())),
        ("a timestamp of i64::MAX", record().timestamp(i64::MAX)),
    ];
    let mut table = Table::default();
    for (input, record) in records.clone() {
        let sent = send(&producer, [record]);
        let row = Row { input, accepted: 1, acknowledged: 1, failed: 0, lost: 0, told: sent.told() };
        assert_eq!((sent.accepted, sent.acknowledged.len()), (1, 1), "{input}: {}", sent.told());
        table.add(row);
    }
    let found = log::read(kafka.bootstrap_servers(), "orders");
    for ((found, (input, record)), headers) in found.iter().zip(&records).zip(&headers) {
        assert_eq!((found.key.as_deref(), found.value.as_deref()), (record.key_ref(), record.value_ref()), "{input}");
        let wanted: Vec<_> =
            headers.iter().map(|header| (header.name().to_owned(), header.value().map(<[u8]>::to_vec))).collect();
        assert!(found.headers == wanted, "{input}: {} headers", found.headers.len());
    }
    assert_eq!(found[5].timestamp, Some(i64::MAX));
    table.finish();
}

#[test]
fn send_rejects_what_brokers_reject() {
    let kafka = kafka(1);
    let producer = producer(&kafka, &[("max.block.ms", "500")]);
    let (longest, longer) = ("t".repeat(249), "t".repeat(250));
    let to = |topic: &'static str| ProducerRecord::to(topic).value("v");
    let mut table = Table::default();
    for (input, record) in [
        ("a topic without a name", to("")),
        ("a topic named .", to(".")),
        ("a topic named ..", to("..")),
        ("a topic's name of 250 characters", ProducerRecord::to(&*longer)),
        ("a topic's name with NUL", to("a\0b")),
        ("a topic's name with /", to("../etc/passwd")),
        ("a topic's name with blanks and line ends", to("a b\r\nc")),
        ("a topic's name that is not ASCII", to("заказы")),
        ("partition -1", to("orders").partition(-1)),
        ("a timestamp of -1", to("orders").timestamp(-1)),
        ("a timestamp of i64::MIN", to("orders").timestamp(i64::MIN)),
        ("a timestamp of 0", to("orders").timestamp(0)),
    ] {
        let sent = send(&producer, [record]);
        assert_eq!((sent.accepted, sent.refused[0].kind()), (0, ErrorKind::InvalidRecord), "{input}");
        table.add(Row::refused(input, sent.told()));
    }
    let sent = send(&producer, [ProducerRecord::to(&*longest).value("v")]);
    assert_eq!(sent.acknowledged.len(), 1, "{}", sent.told());
    let told = sent.told();
    table.add(Row { input: "a topic's name of 249 characters", accepted: 1, acknowledged: 1, failed: 0, lost: 0, told });
    // The partitions are known by now, or only after the record was accepted.
    block_on(producer.partitions_for("orders")).unwrap();
    let sent = send(&producer, [to("orders").partition(i32::MAX)]);
    assert_eq!(sent.acknowledged.len(), 0);
    let (failed, accepted) = (sent.failed.len(), sent.accepted);
    table.add(Row { input: "partition 2147483647", accepted, acknowledged: 0, failed, lost: 0, told: sent.told() });
    table.finish();
}
