//! [`Jsonl`]: reads one JSON object per line.

use super::{
    FieldPath, ReadError, Step,
    json_scalar::{Scalar, append_scalar, type_of},
    lines::Lines,
    position::{Continued, InputPosition},
    text_encoding::TextEncoding,
};
use crate::row::{Row, RowError, RowErrorKind, RowHeaders, RowTarget};
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// One JSON object per line, returned unchanged. Blank lines are skipped.
pub(super) struct Jsonl {
    lines: Lines,
    key: Option<FieldPath>,
    key_text: Vec<u8>,
    encoding: Option<TextEncoding>,
}

/// The error of a record.
pub(super) struct Fault(pub(super) RowErrorKind, pub(super) String);

/// Where a record begins, for the position of an error.
#[derive(Clone, Copy)]
pub(super) enum Position {
    /// At the beginning of the line that the error is about.
    Line,
    /// After this number of bytes of a line of the input.
    InFile { line: u64, column: usize },
}

impl Jsonl {
    /// Reads the objects of `lines`; the field at the path `key` is the record's key.
    pub(super) fn new(lines: Lines, key: Option<&str>, encoding: Option<TextEncoding>) -> Self {
        Self { lines, key: key.map(FieldPath::new), key_text: Vec::new(), encoding }
    }

    /// Continues elsewhere in the input.
    pub(super) fn resume(&mut self, continued: Continued) {
        self.lines.resume(continued);
    }

    /// The position after the last object.
    pub(super) fn position(&self) -> InputPosition {
        self.lines.position()
    }

    /// Reads the next object.
    pub(super) fn next(&mut self) -> Result<Step<'_>, ReadError> {
        if let Some(step) = self.lines.advance_to_text()?.without_line() {
            return Ok(step);
        }
        let (line, raw, object) = (self.lines.number(), self.lines.text(), self.lines.json());
        Ok(match has_key(object, self.key.as_ref(), &mut self.key_text, Position::Line) {
            Ok(has_key) => {
                let key = has_key.then_some(&*self.key_text);
                let (headers, target) = (RowHeaders::default(), RowTarget::default());
                Step::Row(Row { line, raw, key, value: Some(object), headers, columns: None, target, letter: None })
            }
            Err(Fault(RowErrorKind::InvalidUtf8, _)) if self.encoding.is_some() => {
                let (kind, invalid) = TextEncoding::invalid(self.encoding);
                Step::Bad(RowError {
                    line,
                    kind,
                    message: format!("the line {invalid}"),
                    field: None,
                    record: raw.to_vec(),
                    letter: None,
                })
            }
            Err(Fault(kind, message)) => {
                let about_key = matches!(kind, RowErrorKind::MissingKey | RowErrorKind::InvalidKey);
                let field = self.key.as_ref().filter(|_| about_key).map(|key| key.text.clone());
                Step::Bad(RowError { line, kind, message, field, record: raw.to_vec(), letter: None })
            }
        })
    }
}

/// Checks that `object` is a JSON object and writes the text of its key to `key_text`. Returns whether there is a key other than
/// null.
pub(super) fn has_key(
    object: &[u8],
    path: Option<&FieldPath>,
    key_text: &mut Vec<u8>,
    position: Position,
) -> Result<bool, Fault> {
    let object = std::str::from_utf8(object)
        .map_err(|error| Fault(RowErrorKind::InvalidUtf8, format!("not UTF-8 from byte {} on", error.valid_up_to() + 1)))?;
    let invalid = |error: serde_json::Error| Fault(RowErrorKind::InvalidJson, syntax(&error, position));
    let Some(path) = path else {
        serde_json::from_str::<IgnoredAny>(object).map_err(invalid)?;
        is_object(object, position)?;
        return Ok(false);
    };
    let mut value = object;
    for (depth, name) in path.names.iter().enumerate() {
        if !value.trim_ascii_start().starts_with('{') {
            if depth == 0 {
                serde_json::from_str::<IgnoredAny>(object).map_err(invalid)?;
                is_object(object, position)?;
            }
            return Err(missing(path));
        }
        value = field(value, name).map_err(invalid)?.ok_or_else(|| missing(path))?;
    }
    key_text.clear();
    match append_scalar(value, key_text).map_err(invalid)? {
        Scalar::Null => Ok(false),
        Scalar::Text => Ok(true),
        Scalar::Structured(kind) => {
            let message = format!("the key `{}` is {kind}; it must be a string, a number or a boolean", path.text);
            Err(Fault(RowErrorKind::InvalidKey, message))
        }
    }
}

fn missing(path: &FieldPath) -> Fault {
    Fault(RowErrorKind::MissingKey, format!("missing key field `{}`", path.text))
}

fn is_object(json: &str, position: Position) -> Result<(), Fault> {
    let (what, remedy) = match (position, type_of(json)) {
        (_, "an object") => return Ok(()),
        (Position::Line, "an array") => ("line", "; for an array of records use the format json"),
        (Position::Line, _) => ("line", ""),
        (Position::InFile { .. }, _) => ("record", ""),
    };
    let message = format!("a {what} must be a JSON object, but this is {}{remedy}", type_of(json));
    Err(Fault(RowErrorKind::InvalidJson, message))
}

/// The message of serde_json with the position in the input. It shows no content.
pub(super) fn syntax(error: &serde_json::Error, position: Position) -> String {
    let text = error.to_string();
    let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
    match position {
        Position::Line => format!("{what} at column {}", error.column()),
        Position::InFile { line, column } => {
            let before = if error.line() == 1 { column } else { 0 };
            format!("{what} at line {} column {}", line + error.line().saturating_sub(1) as u64, before + error.column())
        }
    }
}

/// The JSON text of the field `name` of `object`, the last one if it is duplicate. Validates the whole object.
fn field<'a>(object: &'a str, name: &str) -> serde_json::Result<Option<&'a str>> {
    let mut json = serde_json::Deserializer::from_str(object);
    let found = (&mut json).deserialize_map(Field { name })?;
    json.end()?;
    Ok(found)
}

struct Field<'n> {
    name: &'n str,
}

impl<'de> Visitor<'de> for Field<'_> {
    type Value = Option<&'de str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(is_it) = map.next_key_seed(IsName(self.name))? {
            if is_it {
                found = Some(map.next_value::<&RawValue>()?.get());
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// Compares a field's name without copying it.
struct IsName<'n>(&'n str);

impl<'de> serde::de::DeserializeSeed<'de> for IsName<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, name: D) -> Result<bool, D::Error> {
        name.deserialize_str(self)
    }
}

impl Visitor<'_> for IsName<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<bool, E> {
        Ok(name == self.0)
    }
}
