//! `key.deserializer` and `value.deserializer`: each reads the format of the serializer of the same name.

use crate::serialize::SerializerName;

const SHORT: &str = "string, bytes, short, integer, long, float, double, boolean, uuid, void, avro, protobuf, json-schema";

/// Parses Java's class name, with or without its package, or the short name. The error does not show the name.
pub(crate) fn parse(name: &str) -> Result<SerializerName, String> {
    let written = match name.strip_suffix("Deserializer") {
        Some(format) => format!("{format}Serializer").parse().ok(),
        None if name.ends_with("Serializer") => {
            return Err("is a serializer; set the matching deserializer".to_owned());
        }
        None => name.parse().ok(),
    };
    written.ok_or_else(|| {
        format!(
            "is not a known deserializer; must be one of {SHORT}, or one of Java's classes for these (StringDeserializer, ..); pass any other deserializer to the \
             consumer's builder"
        )
    })
}

/// The check for the settings.
pub(crate) fn check(name: &str) -> Result<(), String> {
    parse(name).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deserializers_are_parsed_by_class_and_short_name() {
        for (name, wanted) in [
            ("org.apache.kafka.common.serialization.StringDeserializer", SerializerName::String),
            ("ByteBufferDeserializer", SerializerName::Bytes),
            ("UUIDDeserializer", SerializerName::Uuid),
            ("LONG", SerializerName::Long),
        ] {
            assert_eq!(parse(name), Ok(wanted), "{name}");
        }
        for short in SHORT.split(", ") {
            assert!(parse(short).is_ok(), "{short}");
        }
    }

    #[test]
    fn unknown_names_are_rejected_and_not_shown() {
        assert!(parse("StringSerializer").unwrap_err().contains("matching deserializer"));
        for name in ["com.acme.OwnDeserializer", "", "Deserializer", "stringDeserializer"] {
            let error = parse(name).unwrap_err();
            assert!(error.contains("must be one of string, bytes") && !error.contains("acme"), "{name}: {error}");
        }
    }
}
