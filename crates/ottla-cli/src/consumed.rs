//! The output format of a consumed record.

use std::{
    borrow::Cow,
    io::{self, Write},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use ottla::{
    ConsumerRecord,
    consumer::{RawRecord, TimestampType},
    record::{Header, Headers},
};
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::value::RawValue;

use crate::decoder::Decoded;

/// Writes the record as a JSON object and a line break:
/// `{"topic":"t","partition":0,"offset":7,"timestamp":1700000000000,"key":null,"value":"v","headers":[{"key":"h","value":"x"}]}`.
///
/// Data with a schema is written as JSON. Bytes that are not UTF-8 are base64, marked by `"key_encoding":"base64"`,
/// `"value_encoding":"base64"`, or in a header `"encoding":"base64"`.
pub(crate) fn write_json(output: &mut impl Write, record: &ConsumerRecord<Decoded, Decoded>) -> io::Result<()> {
    let (key, value) = (Part::from(record.key()), Part::from(record.value()));
    serde_json::to_writer(&mut *output, &Consumed { record, key, value, error: None })?;
    output.write_all(b"\n")
}

/// Writes a record that could not be decoded, as [`write_json`] does with bytes, and the reason in `"error"`.
pub(crate) fn write_undecoded(output: &mut impl Write, record: &RawRecord, error: &str) -> io::Result<()> {
    let (key, value) = (Part::of(record.key().as_deref()), Part::of(record.value().as_deref()));
    serde_json::to_writer(&mut *output, &Consumed { record, key, value, error: Some(error) })?;
    output.write_all(b"\n")
}

/// A record whose key and value are bytes. The format `record` reads it.
pub(crate) struct PlainRecord<'a> {
    pub(crate) topic: &'a str,
    /// `None`: the partitioner chooses it.
    pub(crate) partition: Option<i32>,
    /// `None`: the time at which the record is sent.
    pub(crate) timestamp: Option<i64>,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) headers: &'a Headers,
    /// The offset and the clock of the timestamp, if the record was consumed.
    pub(crate) origin: Option<(i64, Option<TimestampType>)>,
}

/// Writes a record in the format `record`: as [`write_json`] does, with the clock of the timestamp, and without an offset if it was not consumed.
pub(crate) fn write_plain(output: &mut impl Write, record: &PlainRecord<'_>) -> io::Result<()> {
    serde_json::to_writer(&mut *output, record)?;
    output.write_all(b"\n")
}

/// Writes a consumed record in the format `record`.
pub(crate) fn write_record(output: &mut impl Write, record: &ConsumerRecord<Decoded, Decoded>) -> io::Result<()> {
    let plain = PlainRecord {
        topic: record.topic(),
        partition: Some(record.partition()),
        timestamp: record.timestamp(),
        key: record.key().bytes(),
        value: record.value().bytes(),
        headers: record.headers(),
        origin: Some((record.offset(), record.timestamp_type())),
    };
    write_plain(output, &plain)
}

/// Writes the value and a line break: bytes unchanged, data with a schema as JSON, null as an empty line.
pub(crate) fn write_value(output: &mut impl Write, value: &Decoded) -> io::Result<()> {
    output.write_all(value.bytes().unwrap_or_default())?;
    output.write_all(b"\n")
}

struct Consumed<'a, K, V> {
    record: &'a ConsumerRecord<K, V>,
    key: Part<'a>,
    value: Part<'a>,
    error: Option<&'a str>,
}

/// A key or a value.
enum Part<'a> {
    Text(Option<Cow<'a, str>>, Option<&'static str>),
    Json(&'a RawValue),
}

impl<'a> Part<'a> {
    fn of(bytes: Option<&'a [u8]>) -> Self {
        let (text, encoding) = text(bytes);
        Self::Text(text, encoding)
    }

    fn write<M: SerializeMap>(&self, map: &mut M, name: &str, encoding_name: &str) -> Result<(), M::Error> {
        match self {
            Self::Json(json) => map.serialize_entry(name, json),
            Self::Text(text, encoding) => {
                map.serialize_entry(name, text)?;
                encoding.map_or(Ok(()), |encoding| map.serialize_entry(encoding_name, encoding))
            }
        }
    }
}

impl<'a> From<&'a Decoded> for Part<'a> {
    fn from(decoded: &'a Decoded) -> Self {
        match decoded {
            Decoded::Null => Self::of(None),
            Decoded::Bytes(bytes) => Self::of(Some(bytes)),
            Decoded::Typed(json) => Self::Json(json),
        }
    }
}

impl<K, V> Serialize for Consumed<'_, K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let record = self.record;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("topic", record.topic())?;
        map.serialize_entry("partition", &record.partition())?;
        map.serialize_entry("offset", &record.offset())?;
        map.serialize_entry("timestamp", &record.timestamp())?;
        self.key.write(&mut map, "key", "key_encoding")?;
        self.value.write(&mut map, "value", "value_encoding")?;
        map.serialize_entry("headers", &header_lines(record.headers()))?;
        if let Some(error) = self.error {
            map.serialize_entry("error", error)?;
        }
        map.end()
    }
}

impl Serialize for PlainRecord<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("topic", self.topic)?;
        map.serialize_entry("partition", &self.partition)?;
        if let Some((offset, _)) = &self.origin {
            map.serialize_entry("offset", offset)?;
        }
        map.serialize_entry("timestamp", &self.timestamp)?;
        if let Some((_, timestamp_type)) = &self.origin {
            let name = timestamp_type.map(|timestamp_type| match timestamp_type {
                TimestampType::CreateTime => "CreateTime",
                TimestampType::LogAppendTime => "LogAppendTime",
            });
            map.serialize_entry("timestamp_type", &name)?;
        }
        Part::of(self.key).write(&mut map, "key", "key_encoding")?;
        Part::of(self.value).write(&mut map, "value", "value_encoding")?;
        map.serialize_entry("headers", &header_lines(self.headers))?;
        map.end()
    }
}

fn header_lines(headers: &Headers) -> Vec<HeaderLine<'_>> {
    headers.iter().map(HeaderLine::from).collect()
}

#[derive(Serialize)]
struct HeaderLine<'a> {
    key: &'a str,
    value: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding: Option<&'static str>,
}

impl<'a> From<&'a Header> for HeaderLine<'a> {
    fn from(header: &'a Header) -> Self {
        let (value, encoding) = text(header.value());
        Self { key: header.name(), value, encoding }
    }
}

/// Returns the bytes as text, and the encoding if they are not UTF-8.
fn text(bytes: Option<&[u8]>) -> (Option<Cow<'_, str>>, Option<&'static str>) {
    match bytes.map(|bytes| (bytes, std::str::from_utf8(bytes))) {
        None => (None, None),
        Some((_, Ok(text))) => (Some(Cow::Borrowed(text)), None),
        Some((bytes, Err(_))) => (Some(Cow::Owned(BASE64_STANDARD.encode(bytes))), Some("base64")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn non_utf8_bytes_are_marked_as_base64() {
        let mut headers = Headers::new();
        headers.push("h", Some(b"\xff"));
        headers.push("h", None);
        let lines = serde_json::to_value(header_lines(&headers)).unwrap();
        assert_eq!(lines[0], serde_json::json!({"key": "h", "value": "/w==", "encoding": "base64"}));
        assert_eq!(lines[1], serde_json::json!({"key": "h", "value": null}));
    }

    #[test]
    fn lines_hold_only_values() {
        let mut output = Vec::new();
        for value in [
            Decoded::Bytes(b"\xffx".to_vec()),
            Decoded::Null,
            Decoded::Typed(RawValue::from_string("{\"a\":1}".to_owned()).unwrap()),
        ] {
            write_value(&mut output, &value).unwrap();
        }
        assert_eq!(output, b"\xffx\n\n{\"a\":1}\n");
    }
}
