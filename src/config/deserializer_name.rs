//! `key.deserializer` and `value.deserializer`: each names what the serializer of the same name has written.

use crate::serialize::SerializerName;

const SHORT: &str = "string, bytes, short, integer, long, float, double, boolean, uuid, void, avro, protobuf and json-schema";

/// What is to be read, by Java's class name, with or without its package, or the short name. The error does not repeat the name.
pub(crate) fn parse(name: &str) -> Result<SerializerName, String> {
    let written = match name.strip_suffix("Deserializer") {
        Some(format) => format!("{format}Serializer").parse().ok(),
        None if name.ends_with("Serializer") => {
            return Err("is a serializer, which writes; give the deserializer that reads what it wrote".to_owned());
        }
        None => name.parse().ok(),
    };
    written.ok_or_else(|| {
        format!(
            "is no deserializer that can be chosen by name; there are {SHORT}, and Java's classes of these (StringDeserializer, ..); give \
             any other to the consumer's builder"
        )
    })
}

/// The check of the table's rows.
pub(crate) fn check(name: &str) -> Result<(), String> {
    parse(name).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_serializer_wrote_is_read_under_its_name() {
        for (name, wanted) in [
            ("org.apache.kafka.common.serialization.StringDeserializer", SerializerName::String),
            ("ByteBufferDeserializer", SerializerName::Bytes),
            ("UUIDDeserializer", SerializerName::Uuid),
            ("LONG", SerializerName::Long),
        ] {
            assert_eq!(parse(name), Ok(wanted), "{name}");
        }
        for short in SHORT.split(", ").flat_map(|names| names.split(" and ")) {
            assert!(parse(short).is_ok(), "{short}");
        }
    }

    #[test]
    fn others_are_refused_and_not_repeated() {
        assert!(parse("StringSerializer").unwrap_err().contains("reads what it wrote"));
        for name in ["com.acme.OwnDeserializer", "", "Deserializer", "stringDeserializer"] {
            let error = parse(name).unwrap_err();
            assert!(error.contains("there are string, bytes") && !error.contains("acme"), "{name}: {error}");
        }
    }
}
