//! `consume --format record` and `produce --format record` on a real Kafka.

use std::fs;

use ottla::{Producer, ProducerRecord, record::Headers};
use ottla_test_support::{
    broker::{bootstrap_servers, config, topic},
    folder::Folder,
};
use serde_json::{Value, json};

use crate::{
    arguments,
    command::run,
    log::{self, Found},
};

const RECORDS: usize = 100_000;
const PARTITIONS: i32 = 4;

/// Null, empty, text with characters that JSON escapes, and bytes that are not UTF-8. Each index gives another text.
fn part(kind: usize, index: usize) -> Option<Vec<u8>> {
    match kind % 6 {
        0 => None,
        1 => Some(Vec::new()),
        2 => Some(format!("text {index}").into_bytes()),
        3 => Some(format!("\u{0}\n\r\t\"\\/é\u{2028}\u{1f600}\u{feff}{index}").into_bytes()),
        4 => Some((0..=255).map(|byte: u8| byte.wrapping_add(index.to_le_bytes()[0])).collect()),
        _ => Some(format!("{{\"index\":{index}}}").into_bytes()),
    }
}

fn timestamp(index: usize) -> Option<i64> {
    match index % 5 {
        0 => None,
        1 => Some(1),
        2 => Some(1_356_998_400_000 + i64::try_from(index).unwrap()),
        3 => Some(1_700_000_000_123),
        _ => Some(999),
    }
}

fn headers(index: usize) -> Headers {
    let mut headers = Headers::new();
    for number in 0..index % 4 {
        let name = ["same", "same", "é \"name\""][number];
        headers.push(name, part(index / 4 + number, index).as_deref());
    }
    headers
}

/// The records of a topic without their offsets, by partition in order.
fn found(topic: &str) -> Vec<Found> {
    log::read(&bootstrap_servers(), topic).into_iter().map(|found| Found { offset: 0, ..found }).collect()
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn records_are_equal_after_two_round_trips() {
    let keeps_old = [("retention.ms", "-1")];
    let [first, second, third] = ["original", "copied", "copied-again"].map(|name| topic(name, PARTITIONS, &keeps_old));
    let producer: Producer<[u8], [u8]> = Producer::builder(config()).build().unwrap();
    for index in 0..RECORDS {
        let (key, value) = (part(index, index), part(index / 6, index));
        let partition = i32::try_from(index % 4).unwrap();
        let mut record = ProducerRecord::to(&*first).partition(partition).headers(headers(index));
        if let Some(key) = &key {
            record = record.key(&key[..]);
        }
        if let Some(value) = &value {
            record = record.value(&value[..]);
        }
        if let Some(timestamp) = timestamp(index) {
            record = record.timestamp(timestamp);
        }
        producer.blocking().send_with(record, |report| drop(report.unwrap())).unwrap();
    }
    producer.blocking().flush().unwrap();

    let folder = Folder::new();
    let servers = bootstrap_servers();
    let consume = |topic: &str| {
        let count = RECORDS.to_string();
        let arguments = ["consume", "-b", &servers, "-t", topic, "--from-beginning", "--format", "record", "--max", &count];
        run(arguments).with(0).stdout
    };
    for (from, to) in [(&first, &second), (&second, &third)] {
        let text = consume(from);
        assert_eq!(text.lines().count(), RECORDS);
        let file = folder.file("copy.record", &text);
        let arguments = arguments!["produce", "-b", servers, "-t", to, "--format", "record", "--input", file, "--report", "json"];
        let report = run(arguments).with(0).report();
        assert_eq!((&report["acknowledged"], &report["failed"]), (&json!(RECORDS), &json!(0)));
    }
    // Topic and offset differ, the order of the partitions may.
    let lines = |topic: &str| {
        let text = consume(topic);
        let without_place = |line: &str| {
            let mut record: Value = serde_json::from_str(line).unwrap();
            for name in ["topic", "offset"] {
                record.as_object_mut().unwrap().remove(name);
            }
            (record["partition"].as_i64(), record)
        };
        let mut records: Vec<_> = text.lines().map(without_place).collect();
        records.sort_by_key(|(partition, _)| *partition);
        records
    };
    let original = found(&first);
    assert_eq!(original.len(), RECORDS);
    assert!(found(&second) == original && found(&third) == original, "a record differs");
    assert!(lines(&third) == lines(&first), "a line differs");

    let count = |what: &dyn Fn(&Found) -> bool| original.iter().filter(|found| what(found)).count();
    let is_text = |bytes: &Option<Vec<u8>>| bytes.as_ref().is_some_and(|bytes| std::str::from_utf8(bytes).is_ok());
    for (name, what) in [
        ("records", (&|_: &Found| true) as &dyn Fn(&Found) -> bool),
        ("null keys", &|found| found.key.is_none()),
        ("empty keys", &|found| found.key.as_ref().is_some_and(Vec::is_empty)),
        ("null values", &|found| found.value.is_none()),
        ("empty values", &|found| found.value.as_ref().is_some_and(Vec::is_empty)),
        ("values that are not UTF-8", &|found| found.value.is_some() && !is_text(&found.value)),
        ("without headers", &|found| found.headers.is_empty()),
        ("with repeated header names", &|found| found.headers.len() > 1 && found.headers[0].0 == found.headers[1].0),
        ("with null headers", &|found| found.headers.iter().any(|(_, value)| value.is_none())),
        ("with headers that are not UTF-8", &|found| found.headers.iter().any(|(_, value)| value.is_some() && !is_text(value))),
        ("with timestamp 1", &|found| found.timestamp == Some(1)),
    ] {
        let count = count(what);
        assert!(count > 0, "{name}");
        println!("{count:>7} {name}");
    }
    drop(fs::remove_file(folder.path("copy.record")));
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn timestamps_of_the_broker_become_creation_times() {
    let appended = topic("appended", 1, &[("message.timestamp.type", "LogAppendTime")]);
    let copy = topic("of-appended", 1, &[]);
    let servers = bootstrap_servers();
    let produce = ["produce", "-b", &servers, "-t", &appended];
    crate::command::run_with_stdin(produce, b"one\n").with(0);
    let consume = |topic: &str| {
        let arguments = ["consume", "-b", &servers, "-t", topic, "--from-beginning", "--format", "record", "--max", "1"];
        run(arguments).with(0).stdout
    };
    let text = consume(&appended);
    let record: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(record["timestamp_type"], "LogAppendTime");
    crate::command::run_with_stdin(["produce", "-b", &servers, "-t", &copy, "--format", "record"], text.as_bytes()).with(0);
    let copied: Value = serde_json::from_str(&consume(&copy)).unwrap();
    assert_eq!((&copied["timestamp_type"], &copied["timestamp"]), (&json!("CreateTime"), &record["timestamp"]));
}
