//! [`RecordLines`]: reads the format `record`, which `ottla consume --format record` writes.

use super::{
    ReadError, Step,
    json_scalar::append_scalar,
    jsonl::{Fault, Position, has_key, syntax},
    lines::Lines,
    position::{Continued, InputPosition},
};
use crate::row::{HeaderPlace, Row, RowError, RowErrorKind, RowHeaders, RowTarget};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::Deserialize;
use serde_json::{error::Category, value::RawValue};
use std::ops::Range;

/// The maximum size of a line, for records of at most `max_record` bytes: a byte is at most six characters in JSON, as `\u0000` is.
pub(super) fn max_line(max_record: usize) -> usize {
    max_record.saturating_mul(6).saturating_add(64 * 1024)
}

/// One record per line: a JSON object with its key, value, headers, timestamp, partition and topic. Blank lines are skipped.
pub(super) struct RecordLines {
    lines: Lines,
    record: Record,
}

/// The parts of the current record.
#[derive(Default)]
struct Record {
    /// The bytes of all parts.
    texts: Vec<u8>,
    topic: Option<Range<usize>>,
    partition: Option<i32>,
    timestamp: Option<i64>,
    key: Option<Range<usize>>,
    value: Option<Range<usize>>,
    headers: Vec<HeaderPlace>,
}

/// The members of a line. `offset`, `timestamp_type` and `error` describe where the record was read, and are ignored.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Members<'a> {
    #[serde(borrow)]
    topic: Option<&'a RawValue>,
    #[serde(borrow)]
    partition: Option<&'a RawValue>,
    #[serde(borrow, rename = "offset")]
    _offset: Option<&'a RawValue>,
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow, rename = "timestamp_type")]
    _timestamp_type: Option<&'a RawValue>,
    /// Required, so that a mistake in a name does not make the record a tombstone.
    key: &'a RawValue,
    #[serde(borrow)]
    key_encoding: Option<&'a RawValue>,
    value: &'a RawValue,
    #[serde(borrow)]
    value_encoding: Option<&'a RawValue>,
    #[serde(borrow)]
    headers: Option<&'a RawValue>,
    #[serde(borrow, rename = "error")]
    _error: Option<&'a RawValue>,
}

/// The members of a header.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderMembers<'a> {
    key: &'a RawValue,
    value: &'a RawValue,
    #[serde(borrow)]
    encoding: Option<&'a RawValue>,
}

/// A member that is not as the format has it.
struct Wrong {
    kind: RowErrorKind,
    member: &'static str,
    /// What the member must be.
    message: &'static str,
}

impl RecordLines {
    /// Reads the records of `lines`.
    pub(super) fn new(lines: Lines) -> Self {
        Self { lines, record: Record::default() }
    }

    /// Continues elsewhere in the input.
    pub(super) fn resume(&mut self, continued: Continued) {
        self.lines.resume(continued);
    }

    /// The position after the last record.
    pub(super) fn position(&self) -> InputPosition {
        self.lines.position()
    }

    /// Reads the next record.
    pub(super) fn next(&mut self) -> Result<Step<'_>, ReadError> {
        if let Some(step) = self.lines.advance_to_text()?.without_line() {
            return Ok(step);
        }
        let (line, raw) = (self.lines.number(), self.lines.text());
        let bad = |kind, message, field| Step::Bad(RowError { line, kind, message, field, record: raw.to_vec(), letter: None });
        let members = match members(self.lines.json()) {
            Ok(members) => members,
            Err(Fault(kind, message)) => return Ok(bad(kind, message, None)),
        };
        Ok(match self.record.read(&members) {
            Ok(()) => Step::Row(self.record.row(line, raw)),
            Err(Wrong { kind, member, message }) => bad(kind, format!("`{member}` {message}"), Some(member.to_owned())),
        })
    }
}

/// The members of a line.
fn members(line: &[u8]) -> Result<Members<'_>, Fault> {
    serde_json::from_slice(line).map_err(|error| match has_key(line, None, &mut Vec::new(), Position::Line) {
        Err(fault) => fault,
        // The message names a member of the object, and shows no content.
        Ok(_) => Fault(
            match error.classify() {
                Category::Data => RowErrorKind::InvalidRecord,
                Category::Io | Category::Syntax | Category::Eof => RowErrorKind::InvalidJson,
            },
            syntax(&error, Position::Line),
        ),
    })
}

impl Record {
    fn row<'a>(&'a self, line: u64, raw: &'a [u8]) -> Row<'a> {
        let text = |place: &Option<Range<usize>>| place.clone().and_then(|place| self.texts.get(place));
        let topic = text(&self.topic).and_then(|topic| std::str::from_utf8(topic).ok());
        Row {
            line,
            raw,
            key: text(&self.key),
            value: text(&self.value),
            headers: RowHeaders { text: &self.texts, places: &self.headers },
            columns: None,
            target: RowTarget { topic, partition: self.partition, timestamp: self.timestamp },
            letter: None,
        }
    }

    fn read(&mut self, members: &Members<'_>) -> Result<(), Wrong> {
        self.texts.clear();
        self.headers.clear();
        self.key = self.text(RowErrorKind::InvalidKey, "key", Some(members.key), members.key_encoding)?;
        self.value = self.text(RowErrorKind::InvalidValue, "value", Some(members.value), members.value_encoding)?;
        self.topic = self.text(RowErrorKind::InvalidTopic, "topic", members.topic, None)?;
        self.partition = number(RowErrorKind::InvalidPartition, "partition", members.partition)?;
        self.timestamp = number(RowErrorKind::InvalidTimestamp, "timestamp", members.timestamp)?;
        let Some(headers) = members.headers.filter(|headers| headers.get() != "null") else { return Ok(()) };
        let wrong = || Wrong {
            kind: RowErrorKind::InvalidHeader,
            member: "headers",
            message: "must be an array of objects with `key`, `value` and, for base64, `encoding`",
        };
        let headers: Vec<HeaderMembers<'_>> = serde_json::from_str(headers.get()).map_err(|_| wrong())?;
        for header in headers {
            let name = self.text(RowErrorKind::InvalidHeader, "headers", Some(header.key), None)?.ok_or_else(wrong)?;
            let value = self.text(RowErrorKind::InvalidHeader, "headers", Some(header.value), header.encoding)?;
            self.headers.push(HeaderPlace { name, value });
        }
        Ok(())
    }

    /// Appends the bytes of a member, which is a text or null.
    fn text(
        &mut self,
        kind: RowErrorKind,
        member: &'static str,
        json: Option<&RawValue>,
        encoding: Option<&RawValue>,
    ) -> Result<Option<Range<usize>>, Wrong> {
        let wrong = |message| Wrong { kind, member, message };
        let Some(json) = json.map(RawValue::get).filter(|json| *json != "null") else { return Ok(None) };
        if !json.starts_with('"') {
            return Err(wrong("must be a text or null, as `ottla consume --format record` writes it"));
        }
        let start = self.texts.len();
        append_scalar(json, &mut self.texts).map_err(|_| wrong("is not a valid text"))?;
        match encoding.map(RawValue::get) {
            None | Some("null") => {}
            Some("\"base64\"") => {
                let decoded = BASE64_STANDARD.decode(&self.texts[start..]).map_err(|_| wrong("is not base64"))?;
                self.texts.truncate(start);
                self.texts.extend_from_slice(&decoded);
            }
            Some(_) => return Err(wrong("has an encoding that is not \"base64\"")),
        }
        Ok(Some(start..self.texts.len()))
    }
}

/// A number or null.
fn number<T: std::str::FromStr>(kind: RowErrorKind, member: &'static str, json: Option<&RawValue>) -> Result<Option<T>, Wrong> {
    let Some(json) = json.map(RawValue::get).filter(|json| *json != "null") else { return Ok(None) };
    json.parse().map(Some).map_err(|_| Wrong { kind, member, message: "must be a whole number or null" })
}
