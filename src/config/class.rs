//! Java's class names that choose a serializer or a partitioner: [`SerializerName`] and [`PartitionerName`].

use std::{fmt, str::FromStr};

/// A serializer chosen by name: Java's class name, its last part, or a short name.
///
/// ```
/// use ottla::config::SerializerName;
///
/// let name: SerializerName = "org.apache.kafka.common.serialization.StringSerializer".parse()?;
/// assert_eq!(name, SerializerName::String);
/// assert_eq!("long".parse(), Ok(SerializerName::Long));
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SerializerName {
    /// UTF-8 text: `string`, `StringSerializer`.
    String,
    /// Bytes as they are: `bytes`, `ByteArraySerializer`, `ByteBufferSerializer`, `BytesSerializer`.
    Bytes,
    /// A big-endian `i16`: `short`, `ShortSerializer`.
    Short,
    /// A big-endian `i32`: `integer`, `IntegerSerializer`.
    Integer,
    /// A big-endian `i64`: `long`, `LongSerializer`.
    Long,
    /// A big-endian `f32`: `float`, `FloatSerializer`.
    Float,
    /// A big-endian `f64`: `double`, `DoubleSerializer`.
    Double,
    /// A UUID as text: `uuid`, `UUIDSerializer`.
    Uuid,
    /// Nothing, whatever is given: `void`, `VoidSerializer`.
    Void,
    /// JSON: `json`, `JsonSerializer`.
    Json,
}

/// A partitioner chosen by name: Java's class name, its last part, or librdkafka's name.
///
/// ```
/// use ottla::config::PartitionerName;
///
/// assert_eq!("org.apache.kafka.clients.producer.RoundRobinPartitioner".parse(), Ok(PartitionerName::RoundRobin));
/// assert_eq!("consistent_random".parse(), Ok(PartitionerName::Native("consistent_random")));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PartitionerName {
    /// Java's own: murmur2 of the key, KIP-794 without one. `DefaultPartitioner` of older Java clients is this too.
    BuiltIn,
    /// `RoundRobinPartitioner`: one available partition after the other, whatever the key.
    RoundRobin,
    /// One of librdkafka's.
    Native(&'static str),
}

const SERIALIZERS: &[(SerializerName, &str, &[&str])] = &[
    (SerializerName::String, "string", &["StringSerializer"]),
    (SerializerName::Bytes, "bytes", &["ByteArraySerializer", "ByteBufferSerializer", "BytesSerializer"]),
    (SerializerName::Short, "short", &["ShortSerializer"]),
    (SerializerName::Integer, "integer", &["IntegerSerializer"]),
    (SerializerName::Long, "long", &["LongSerializer"]),
    (SerializerName::Float, "float", &["FloatSerializer"]),
    (SerializerName::Double, "double", &["DoubleSerializer"]),
    (SerializerName::Uuid, "uuid", &["UUIDSerializer"]),
    (SerializerName::Void, "void", &["VoidSerializer"]),
    (SerializerName::Json, "json", &["JsonSerializer"]),
];

const JAVA_SERIALIZERS: &[&str] = &[
    "org.apache.kafka.common.serialization.",
    "org.apache.kafka.connect.json.",
    "org.springframework.kafka.support.serializer.",
];
const JAVA_PARTITIONERS: &[&str] = &["org.apache.kafka.clients.producer.internals.", "org.apache.kafka.clients.producer."];
const NATIVE_PARTITIONERS: &[&str] =
    &["random", "consistent", "consistent_random", "murmur2", "murmur2_random", "fnv1a", "fnv1a_random"];

/// The last part of a class name, if the rest is one of `packages` or nothing.
fn simple<'a>(name: &'a str, packages: &[&str]) -> Option<&'a str> {
    let name = name.strip_prefix("class ").unwrap_or(name).trim();
    packages.iter().find_map(|package| name.strip_prefix(package)).or(Some(name)).filter(|name| !name.contains('.'))
}

impl SerializerName {
    /// The short name.
    pub fn as_str(self) -> &'static str {
        SERIALIZERS.iter().find(|(name, ..)| *name == self).map_or("", |(_, short, _)| short)
    }
}

impl fmt::Display for SerializerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for SerializerName {
    type Err = String;

    /// Gives the serializer of a name; the error lists the names that are known.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        simple(name, JAVA_SERIALIZERS)
            .and_then(|name| {
                SERIALIZERS.iter().find(|(_, short, classes)| short.eq_ignore_ascii_case(name) || classes.contains(&name))
            })
            .map(|(serializer, ..)| *serializer)
            .ok_or_else(|| {
                let known: Vec<&str> = SERIALIZERS.iter().map(|(_, short, _)| *short).collect();
                format!(
                    "is no serializer that can be chosen by name; known are {}, and Java's classes of these; give any other to the \
                     producer's builder",
                    known.join(", ")
                )
            })
    }
}

impl fmt::Display for PartitionerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BuiltIn => "DefaultPartitioner",
            Self::RoundRobin => "RoundRobinPartitioner",
            Self::Native(name) => name,
        })
    }
}

impl FromStr for PartitionerName {
    type Err = String;

    /// Gives the partitioner of a name; the error says what can be used instead.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match simple(name, JAVA_PARTITIONERS) {
            Some("DefaultPartitioner") => Ok(Self::BuiltIn),
            Some("RoundRobinPartitioner") => Ok(Self::RoundRobin),
            Some("UniformStickyPartitioner") => {
                Err("is gone since Kafka 4.0: leave partitioner.class out and set partitioner.ignore.keys=true".to_owned())
            }
            name => NATIVE_PARTITIONERS.iter().find(|native| Some(**native) == name).map(|native| Self::Native(native)).ok_or_else(|| {
                format!(
                    "is no partitioner that can be chosen by name; known are RoundRobinPartitioner, DefaultPartitioner and librdkafka's {}; \
                     give a partitioner of your own to the producer's builder",
                    NATIVE_PARTITIONERS.join(", ")
                )
            }),
        }
    }
}

/// The check of `key.serializer` and `value.serializer`.
pub(crate) fn check_serializer(name: &str) -> Result<(), String> {
    name.parse::<SerializerName>().map(|_| ())
}

/// The check of `partitioner.class`.
pub(crate) fn check_partitioner(name: &str) -> Result<(), String> {
    name.parse::<PartitionerName>().map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_serializer_has_its_java_class_its_simple_name_and_its_short_name() {
        for (serializer, short, classes) in SERIALIZERS {
            assert_eq!(short.parse(), Ok(*serializer));
            assert_eq!(serializer.to_string(), *short);
            for class in *classes {
                assert_eq!(class.parse(), Ok(*serializer));
                assert_eq!(format!("org.apache.kafka.common.serialization.{class}").parse(), Ok(*serializer));
            }
        }
    }

    #[test]
    fn another_class_of_the_same_last_name_is_not_taken_for_it() {
        for name in ["com.acme.StringSerializer", "io.confluent.kafka.serializers.KafkaAvroSerializer", "", "avro"] {
            let error = name.parse::<SerializerName>().unwrap_err();
            assert!(error.contains("string, bytes, short") && error.contains("builder"), "{error}");
        }
    }

    #[test]
    fn partitioners() {
        for (name, wanted) in [
            ("org.apache.kafka.clients.producer.RoundRobinPartitioner", PartitionerName::RoundRobin),
            ("RoundRobinPartitioner", PartitionerName::RoundRobin),
            ("org.apache.kafka.clients.producer.internals.DefaultPartitioner", PartitionerName::BuiltIn),
            ("fnv1a_random", PartitionerName::Native("fnv1a_random")),
        ] {
            assert_eq!(name.parse(), Ok(wanted));
        }
        let sticky = "org.apache.kafka.clients.producer.UniformStickyPartitioner".parse::<PartitionerName>().unwrap_err();
        assert!(sticky.contains("partitioner.ignore.keys=true"), "{sticky}");
        assert!("com.acme.RoundRobinPartitioner".parse::<PartitionerName>().unwrap_err().contains("murmur2_random"));
    }
}
