//! [`Encoding`]: how the text of a key or a value becomes bytes.

use std::{fmt, str::FromStr};

use ottla::serialize::SerializerName;
use ottla_schema_registry::SchemaType;
use serde::de::IgnoredAny;

use crate::{input::Format, row::RowErrorKind};

/// How the text of a key or a value becomes bytes: `serializer` in a configuration's `[key]` and `[value]`, and Java's settings
/// `key.serializer` and `value.serializer`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// The bytes that Java's serializer writes for the value parsed from the text.
    Java(SerializerName),
    /// JSON: a value is JSON and stays unchanged, a key becomes a JSON string.
    Json,
    /// Avro, Protobuf or JSON with a schema from a registry.
    WithSchema(SchemaType),
}

/// The part of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The key.
    Key,
    /// The value.
    Value,
}

/// A text that the encoding rejects.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unfit {
    /// The kind of error.
    pub(crate) kind: RowErrorKind,
    /// What was expected; does not show the text.
    pub(crate) message: String,
    /// The field that is wrong, if a single field is.
    pub(crate) field: Option<String>,
}

impl FromStr for Encoding {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        if name.eq_ignore_ascii_case("json") || name == "JsonSerializer" {
            return Ok(Self::Json);
        }
        let named = name.parse::<SerializerName>().map(|name| match name {
            SerializerName::Avro => Self::WithSchema(SchemaType::Avro),
            SerializerName::Protobuf => Self::WithSchema(SchemaType::Protobuf),
            SerializerName::JsonSchema => Self::WithSchema(SchemaType::Json),
            name => Self::Java(name),
        });
        named.map_err(|_| {
            "must be one of json, avro, protobuf, json-schema, string, bytes, short, integer, long, float, double, \
             boolean, uuid, void"
                .to_owned()
        })
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Java(name) => name.fmt(f),
            Self::Json => f.pad("json"),
            Self::WithSchema(SchemaType::Protobuf) => SerializerName::Protobuf.fmt(f),
            Self::WithSchema(SchemaType::Json) => SerializerName::JsonSchema.fmt(f),
            Self::WithSchema(_) => SerializerName::Avro.fmt(f),
        }
    }
}

impl Encoding {
    /// Whether the encoding accepts values of this input format: `long` does not accept JSON objects.
    pub(crate) fn takes_values_of(self, format: Format) -> bool {
        use SerializerName::{Bytes, String, Void};
        // The values of dead letters are checked one by one.
        matches!(format, Format::Lines | Format::DeadLetters)
            || matches!(self, Self::Json | Self::WithSchema(_) | Self::Java(String | Bytes | Void))
    }

    /// Returns the bytes of `text`: `text` itself, or `buffer` with the serialized form; `None` is null.
    ///
    /// # Errors
    /// The text does not match the encoding. The error does not show the text.
    pub(crate) fn encode<'a>(self, part: Part, text: &'a [u8], buffer: &'a mut Vec<u8>) -> Result<Option<&'a [u8]>, Unfit> {
        buffer.clear();
        match self {
            Self::Java(SerializerName::Bytes) => return Ok(Some(text)),
            Self::Java(SerializerName::Void) => return Ok(None),
            Self::Java(SerializerName::String) => {
                utf8(part, text)?;
                return Ok(Some(text));
            }
            Self::Json if part == Part::Value => {
                if serde_json::from_slice::<IgnoredAny>(text).is_err() {
                    return Err(Unfit {
                        kind: RowErrorKind::InvalidJson,
                        message: "the value is not JSON".to_owned(),
                        field: None,
                    });
                }
                return Ok(Some(text));
            }
            Self::Json => {
                let text = utf8(part, text)?;
                serde_json::to_writer(&mut *buffer, text).map_err(|_| unfit(part, "text"))?;
            }
            Self::Java(SerializerName::Short) => buffer.extend(parse::<i16>(part, text, "a short")?.to_be_bytes()),
            Self::Java(SerializerName::Integer) => buffer.extend(parse::<i32>(part, text, "an integer")?.to_be_bytes()),
            Self::Java(SerializerName::Long) => buffer.extend(parse::<i64>(part, text, "a long")?.to_be_bytes()),
            Self::Java(SerializerName::Float) => buffer.extend(parse::<f32>(part, text, "a float")?.to_be_bytes()),
            Self::Java(SerializerName::Double) => buffer.extend(parse::<f64>(part, text, "a double")?.to_be_bytes()),
            Self::Java(SerializerName::Boolean) => buffer.push(parse::<bool>(part, text, "true or false")?.into()),
            Self::Java(SerializerName::Uuid) => uuid(part, text, buffer)?,
            // `Encoder` handles encodings with a schema. `Plan` rejects names that only a later version of the library has.
            Self::WithSchema(_) | Self::Java(_) => return Err(unfit(part, "for a known serializer")),
        }
        Ok(Some(buffer))
    }

    /// Whether [`encode`](Self::encode) implements it.
    pub(crate) fn is_known(self) -> bool {
        use SerializerName::{Boolean, Bytes, Double, Float, Integer, Long, Short, String, Uuid, Void};
        matches!(
            self,
            Self::Json
                | Self::WithSchema(_)
                | Self::Java(Boolean | Bytes | Double | Float | Integer | Long | Short | String | Uuid | Void)
        )
    }
}

pub(crate) fn utf8(part: Part, text: &[u8]) -> Result<&str, Unfit> {
    std::str::from_utf8(text).map_err(|error| Unfit {
        kind: RowErrorKind::InvalidUtf8,
        message: format!("the {part} is not valid UTF-8 from byte {} on", error.valid_up_to()),
        field: None,
    })
}

fn parse<T: FromStr>(part: Part, text: &[u8], expected: &str) -> Result<T, Unfit> {
    std::str::from_utf8(text).ok().and_then(|text| text.trim().parse().ok()).ok_or_else(|| unfit(part, expected))
}

/// Writes the canonical text, as Java's `UUIDSerializer` does.
fn uuid(part: Part, text: &[u8], buffer: &mut Vec<u8>) -> Result<(), Unfit> {
    let text = text.trim_ascii();
    let canonical = text.len() == 36
        && text.iter().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    if !canonical {
        return Err(unfit(part, "a UUID such as 123e4567-e89b-12d3-a456-426614174000"));
    }
    buffer.extend(text.iter().map(u8::to_ascii_lowercase));
    Ok(())
}

fn unfit(part: Part, expected: &str) -> Unfit {
    Unfit { kind: RowErrorKind::Serialization, message: format!("the {part} is not {expected}"), field: None }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Key => "key",
            Self::Value => "value",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(name: &str, part: Part, text: &[u8]) -> Result<Option<Vec<u8>>, Unfit> {
        let encoding: Encoding = name.parse().unwrap();
        assert!(encoding.is_known(), "{name}");
        let mut buffer = b"left over".to_vec();
        encoding.encode(part, text, &mut buffer).map(|bytes| bytes.map(<[u8]>::to_vec))
    }

    #[test]
    fn encodings_write_the_bytes_of_javas_serializers() {
        for (name, text, bytes) in [
            ("string", "aé", "aé".as_bytes()),
            ("org.apache.kafka.common.serialization.StringSerializer", "a", b"a"),
            ("bytes", "a", b"a"),
            ("short", "-2", &[0xff, 0xfe]),
            ("integer", " 258 ", &[0, 0, 1, 2]),
            ("long", "-1", &[0xff; 8]),
            ("float", "1.5", &[0x3f, 0xc0, 0, 0]),
            ("double", "1.5", &[0x3f, 0xf8, 0, 0, 0, 0, 0, 0]),
            ("boolean", "true", &[1]),
            ("uuid", "123E4567-e89b-12d3-a456-426614174000", b"123e4567-e89b-12d3-a456-426614174000"),
        ] {
            for part in [Part::Key, Part::Value] {
                assert_eq!(encode(name, part, text.as_bytes()), Ok(Some(bytes.to_vec())), "{name}");
            }
        }
        assert_eq!(encode("void", Part::Value, b"x"), Ok(None));
        assert_eq!(encode("bytes", Part::Key, b"\xff"), Ok(Some(vec![0xff])));
        assert_eq!(encode("json", Part::Value, b" {\"a\": 1}"), Ok(Some(b" {\"a\": 1}".to_vec())));
        assert_eq!(encode("json", Part::Key, b"a\"b"), Ok(Some(br#""a\"b""#.to_vec())));
    }

    #[test]
    fn errors_name_the_expected_type_and_hide_the_text() {
        for (name, text) in [
            ("string", b"hunter2\xff".as_slice()),
            ("json", b"hunter2"),
            ("short", b"40000"),
            ("integer", b"hunter2"),
            ("long", b""),
            ("float", b"hunter2"),
            ("boolean", b"TRUE"),
            ("uuid", b"123e4567e89b12d3a456426614174000"),
            ("uuid", b"123e4567-e89b-12d3-a456-42661417400g"),
        ] {
            let unfit = encode(name, Part::Value, text).unwrap_err();
            assert!(unfit.message.starts_with("the value is not ") && !unfit.message.contains("hunter2"), "{name}: {unfit:?}");
        }
        assert_eq!(encode("string", Part::Key, b"a\xff").unwrap_err().kind, RowErrorKind::InvalidUtf8);
        assert_eq!(encode("integer", Part::Key, b"a").unwrap_err().kind, RowErrorKind::Serialization);
    }

    #[test]
    fn unknown_names_list_the_known_ones() {
        for name in ["Avro", "KafkaAvroSerializer", "io.confluent.kafka.serializers.KafkaAvroSerializer"] {
            assert_eq!(name.parse(), Ok(Encoding::WithSchema(SchemaType::Avro)), "{name}");
        }
        assert!("strng".parse::<Encoding>().unwrap_err().contains("string"));
    }

    #[test]
    fn only_lines_can_be_numbers() {
        let long: Encoding = "long".parse().unwrap();
        assert!(long.takes_values_of(Format::Lines) && !long.takes_values_of(Format::Csv));
        assert!(Encoding::Json.takes_values_of(Format::Jsonl));
    }
}
