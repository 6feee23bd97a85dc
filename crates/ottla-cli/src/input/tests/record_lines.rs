//! The format `record`.

use ottla::{consumer::TimestampType, record::Headers};

use super::*;
use crate::{
    consumed::{PlainRecord, write_plain},
    row::RowTarget,
};

type Bytes = Option<Vec<u8>>;

/// A record with all its parts.
#[derive(Debug, Clone, PartialEq)]
struct Whole {
    partition: Option<i32>,
    timestamp: Option<i64>,
    key: Bytes,
    value: Bytes,
    headers: Vec<(String, Bytes)>,
}

fn written(record: &Whole, origin: Option<(i64, Option<TimestampType>)>) -> Vec<u8> {
    let Whole { partition, timestamp, key, value, headers } = record;
    let (key, value) = (key.as_deref(), value.as_deref());
    let headers = &headers.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect::<Headers>();
    let plain = PlainRecord { topic: "orders", partition: *partition, timestamp: *timestamp, key, value, headers, origin };
    let mut line = Vec::new();
    write_plain(&mut line, &plain).unwrap();
    assert!(line.iter().position(|&byte| byte == b'\n') == Some(line.len() - 1), "a record is one line");
    line
}

fn record_options() -> InputOptions {
    InputOptions { format: Some(Format::Record), ..options("-") }
}

fn read(data: Vec<u8>, piece: usize) -> Vec<Whole> {
    let mut input = Input::read(Box::new(Pieces(data, 0, piece)), &record_options()).unwrap();
    let mut found = Vec::new();
    loop {
        match input.next().unwrap() {
            Step::Row(Row { key, value, headers, target: RowTarget { topic, partition, timestamp }, .. }) => {
                assert_eq!(topic, Some("orders"));
                let headers = headers.iter().map(|(name, value)| (name.to_owned(), value.map(<[u8]>::to_vec))).collect();
                let (key, value) = (key.map(<[u8]>::to_vec), value.map(<[u8]>::to_vec));
                found.push(Whole { partition, timestamp, key, value, headers });
            }
            Step::Bad(error) => panic!("{error}"),
            Step::Layout | Step::End | Step::Wait => return found,
        }
    }
}

fn part() -> impl Strategy<Value = Bytes> {
    let text = "[\\PC\u{0}-\u{1f}\u{7f}\u{2028}\u{feff}\"\\\\/]{0,12}".prop_map(String::into_bytes);
    let bytes = proptest::collection::vec(any::<u8>(), 0..12);
    prop_oneof![Just(None), Just(Some(Vec::new())), text.prop_map(Some), bytes.prop_map(Some)]
}

fn whole() -> impl Strategy<Value = Whole> {
    let name = prop_oneof![Just("same".to_owned()), Just(String::new()), "[\\PC\n\"]{1,6}"];
    let headers = proptest::collection::vec((name, part()), 0..4);
    let number = prop_oneof![Just(None), Just(Some(1)), Just(Some(i64::MAX)), any::<i64>().prop_map(Some)];
    let partition = proptest::option::of(any::<i32>());
    (partition, number, part(), part(), headers).prop_map(|(partition, timestamp, key, value, headers)| Whole {
        partition,
        timestamp,
        key,
        value,
        headers,
    })
}

proptest! {
    #[test]
    fn written_records_are_read_back_byte_for_byte(records in proptest::collection::vec(whole(), 1..6), offset: i64, append: bool, piece in 1..50_usize) {
        let clock = if append { TimestampType::LogAppendTime } else { TimestampType::CreateTime };
        let origins = [None, Some((offset, None)), Some((offset, Some(clock)))];
        let mut data = Vec::new();
        for (index, record) in records.iter().enumerate() {
            data.extend(written(record, origins[index % 3]));
        }
        prop_assert_eq!(read(data, piece), records);
    }
}

#[test]
fn a_record_of_the_maximum_size_fits_however_it_is_escaped() {
    for byte in [0, b'"', 0xff, b'a'] {
        let value = Some(vec![byte; record_options().max_record]);
        let record = Whole { partition: None, timestamp: None, key: None, value, headers: Vec::new() };
        assert_eq!(read(written(&record, None), usize::MAX), [record]);
    }
}

#[test]
fn headers_timestamp_partition_and_topic_may_be_absent() {
    let mut input = Input::read(Box::new(Cursor::new(b"\n {\"value\":\"v\",\"key\":null} \n")), &record_options()).unwrap();
    let Step::Row(row) = input.next().unwrap() else { panic!("no row") };
    assert_eq!((row.line, row.key, row.value), (2, None, Some(&b"v"[..])));
    assert!(row.headers.iter().next().is_none() && row.target == RowTarget::default());
}

#[test]
fn a_line_that_is_not_a_record_is_a_dead_letter_without_its_content() {
    for (line, kind, field, wanted) in [
        ("{\"key\":null}", InvalidRecord, None, "missing field `value`"),
        ("{\"key\":null,\"vlaue\":\"hunter2\",\"value\":null}", InvalidRecord, None, "unknown field `vlaue`"),
        ("{\"key\":null,\"key\":\"hunter2\",\"value\":null}", InvalidRecord, None, "duplicate field `key`"),
        ("\"hunter2\"", InvalidJson, None, "a line must be a JSON object, but this is a string"),
        ("{\"key\":\"hunter2", InvalidJson, None, "EOF while parsing"),
        ("{\"key\":{\"a\":\"hunter2\"},\"value\":null}", InvalidKey, Some("key"), "`key` must be a text or null"),
        ("{\"key\":null,\"value\":17}", InvalidValue, Some("value"), "`value` must be a text or null"),
        (
            "{\"key\":null,\"value\":\"hunter2\",\"value_encoding\":\"base64\"}",
            InvalidValue,
            Some("value"),
            "`value` is not base64",
        ),
        ("{\"key\":null,\"value\":\"\",\"value_encoding\":\"hex\"}", InvalidValue, Some("value"), "`value` has an encoding"),
        (
            "{\"key\":null,\"value\":null,\"partition\":\"hunter2\"}",
            InvalidPartition,
            Some("partition"),
            "must be a whole number",
        ),
        ("{\"key\":null,\"value\":null,\"partition\":2147483648}", InvalidPartition, Some("partition"), "must be a whole number"),
        ("{\"key\":null,\"value\":null,\"timestamp\":1.5}", InvalidTimestamp, Some("timestamp"), "must be a whole number"),
        ("{\"key\":null,\"value\":null,\"topic\":[]}", InvalidTopic, Some("topic"), "`topic` must be a text or null"),
        (
            "{\"key\":null,\"value\":null,\"headers\":{\"a\":\"hunter2\"}}",
            InvalidHeader,
            Some("headers"),
            "must be an array of objects",
        ),
        (
            "{\"key\":null,\"value\":null,\"headers\":[{\"key\":\"a\"}]}",
            InvalidHeader,
            Some("headers"),
            "must be an array of objects",
        ),
        (
            "{\"key\":null,\"value\":null,\"headers\":[{\"key\":null,\"value\":null}]}",
            InvalidHeader,
            Some("headers"),
            "must be an array",
        ),
    ] {
        let data = format!("{line}\n");
        assert_eq!(read_all(data.as_bytes(), &record_options()), [bad(1, kind, field, line)]);
        let message = message(data.as_bytes(), &record_options());
        assert!(message.contains(wanted) && !message.contains("hunter2"), "{line}: {message}");
    }
}
