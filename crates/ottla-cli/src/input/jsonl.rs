//! [`Jsonl`]: reads one JSON object per line.

use super::{
    FieldPath, ReadError, Step,
    json_scalar::{Scalar, append_scalar, type_of},
    lines::{Advance, Lines},
    text_encoding::TextEncoding,
};
use crate::row::{Row, RowError, RowErrorKind, RowHeaders};
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

/// The error of a line.
struct Fault(RowErrorKind, String);

impl Jsonl {
    /// Reads the objects of `lines`; the field at the path `key` is the record's key.
    pub(super) fn new(lines: Lines, key: Option<&str>, encoding: Option<TextEncoding>) -> Self {
        Self { lines, key: key.map(FieldPath::new), key_text: Vec::new(), encoding }
    }

    /// Reads the next object.
    pub(super) fn next(&mut self) -> Result<Step<'_>, ReadError> {
        loop {
            match self.lines.advance()? {
                Advance::Line if self.lines.text().trim_ascii().is_empty() => {}
                Advance::Line => break,
                Advance::TooLong(error) => return Ok(Step::Bad(error)),
                Advance::End => return Ok(Step::End),
            }
        }
        let (line, raw) = (self.lines.number(), self.lines.text());
        // Only the first line can have a byte order mark.
        let object = if line == 1 { raw.strip_prefix(b"\xef\xbb\xbf").unwrap_or(raw) } else { raw };
        Ok(match has_key(object, self.key.as_ref(), &mut self.key_text) {
            Ok(has_key) => {
                let key = has_key.then_some(&*self.key_text);
                Step::Row(Row { line, raw, key, value: Some(object), headers: RowHeaders::default(), columns: None })
            }
            Err(Fault(RowErrorKind::InvalidUtf8, _)) if self.encoding.is_some() => {
                let (kind, invalid) = TextEncoding::invalid(self.encoding);
                Step::Bad(RowError { line, kind, message: format!("the line {invalid}"), field: None, record: raw.to_vec() })
            }
            Err(Fault(kind, message)) => {
                let about_key = matches!(kind, RowErrorKind::MissingKey | RowErrorKind::InvalidKey);
                let field = self.key.as_ref().filter(|_| about_key).map(|key| key.text.clone());
                Step::Bad(RowError { line, kind, message, field, record: raw.to_vec() })
            }
        })
    }
}

/// Checks that `line` is a JSON object and writes the text of its key to `key_text`. Returns whether there is a key other than
/// null.
fn has_key(line: &[u8], path: Option<&FieldPath>, key_text: &mut Vec<u8>) -> Result<bool, Fault> {
    let line = std::str::from_utf8(line)
        .map_err(|error| Fault(RowErrorKind::InvalidUtf8, format!("not UTF-8 from byte {} on", error.valid_up_to() + 1)))?;
    let invalid = |error: serde_json::Error| Fault(RowErrorKind::InvalidJson, syntax(&error));
    let Some(path) = path else {
        serde_json::from_str::<IgnoredAny>(line).map_err(invalid)?;
        is_object(line)?;
        return Ok(false);
    };
    let mut value = line;
    for (depth, name) in path.names.iter().enumerate() {
        if !value.trim_ascii_start().starts_with('{') {
            if depth == 0 {
                serde_json::from_str::<IgnoredAny>(line).map_err(invalid)?;
                is_object(line)?;
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

fn is_object(json: &str) -> Result<(), Fault> {
    match type_of(json) {
        "an object" => Ok(()),
        other => Err(Fault(RowErrorKind::InvalidJson, format!("a line must be a JSON object, but this is {other}"))),
    }
}

/// The message of serde_json without the line, which is always 1. It shows a position, but no content.
fn syntax(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
    format!("{what} at column {}", error.column())
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
