//! [`Cell`]: a JSON value of a row, before a schema determines its type.

use std::{borrow::Cow, fmt};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A JSON value that borrows the row. Numbers keep their digits, because a schema may require a decimal.
#[derive(Debug)]
pub(super) enum Cell<'a> {
    Null,
    Boolean(bool),
    Number(&'a str),
    /// A JSON string, or a CSV field.
    Text(Cow<'a, str>),
    Array(Vec<&'a RawValue>),
    Object(Object<'a>),
}

/// The fields of a JSON object, in order.
#[derive(Debug)]
pub(super) struct Object<'a>(pub(super) Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Cell<'a> {
    /// Parses a JSON text.
    ///
    /// # Errors
    /// The error of serde_json, without the text.
    pub(super) fn parse(json: &'a str) -> Result<Self, serde_json::Error> {
        Ok(match json.trim_start().as_bytes().first() {
            Some(b'n') => serde_json::from_str::<()>(json).map(|()| Self::Null)?,
            Some(b't' | b'f') => Self::Boolean(serde_json::from_str(json)?),
            Some(b'"') => Self::Text(serde_json::from_str::<Text<'a>>(json)?.0),
            Some(b'[') => Self::Array(serde_json::from_str(json)?),
            Some(b'{') => Self::Object(serde_json::from_str(json)?),
            _ => Self::Number(serde_json::from_str::<&RawValue>(json)?.get()),
        })
    }

    /// Converts a part of a row that is known to be valid JSON.
    pub(super) fn of(raw: &'a RawValue) -> Self {
        let json = raw.get();
        // Fast path: most values are strings without escapes.
        match json.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
            Some(text) if !text.contains('\\') => Self::Text(Cow::Borrowed(text)),
            _ => Self::parse(json).unwrap_or(Self::Null),
        }
    }

    /// The JSON type, for messages.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }

    /// The digits of a number, given as a number or a string.
    pub(super) fn digits(&self) -> Option<&str> {
        match self {
            Self::Number(digits) => Some(digits),
            Self::Text(text) => Some(text.trim()),
            _ => None,
        }
    }

    pub(super) fn boolean(&self) -> Option<bool> {
        match self {
            Self::Boolean(boolean) => Some(*boolean),
            Self::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// A string that is copied only if it has escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrow;
        impl<'de> Visitor<'de> for Borrow {
            type Value = Cow<'de, str>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(text))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Cow::Owned(text.to_owned()))
            }
        }
        deserializer.deserialize_str(Borrow).map(Text)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::with_capacity(map.size_hint().unwrap_or(32));
                while let Some((Text(name), value)) = map.next_entry()? {
                    fields.push((name, value));
                }
                Ok(Object(fields))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_have_json_types_and_numbers_keep_their_digits() {
        assert!(matches!(Cell::parse(" null"), Ok(Cell::Null)));
        assert!(matches!(Cell::parse("true"), Ok(Cell::Boolean(true))));
        assert!(matches!(Cell::parse("12.30"), Ok(Cell::Number("12.30"))));
        assert!(matches!(Cell::parse(r#""a""#), Ok(Cell::Text(Cow::Borrowed("a")))));
        assert!(matches!(Cell::parse(r#""a\n""#), Ok(Cell::Text(Cow::Owned(text))) if text == "a\n"));
        let Ok(Cell::Object(Object(fields))) = Cell::parse(r#"{"b":1,"a":[2]}"#) else { panic!() };
        assert_eq!(fields.iter().map(|(name, value)| (&**name, value.get())).collect::<Vec<_>>(), [("b", "1"), ("a", "[2]")]);
        for wrong in ["", "nul", "12a", "{", "\"", "[1,]"] {
            assert!(Cell::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
