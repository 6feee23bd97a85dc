//! [`SerializerName`]: Java's serializers by name, and the default serializer of a type.

use super::{BigEndian, Boolean, Bytes, Serializer, Utf8, Void};
use std::{
    any::{Any, type_name},
    fmt,
    str::FromStr,
};

/// A serializer that can be named in the settings `key.serializer` and `value.serializer`.
///
/// It is parsed from Java's class name, with or without its package, or from the short name that `Display` shows. Case is ignored in short
/// names.
///
/// ```
/// use ottla::serialize::SerializerName;
///
/// let name: SerializerName = "org.apache.kafka.common.serialization.StringSerializer".parse()?;
/// assert_eq!(name, SerializerName::String);
/// assert_eq!(name, "string".parse()?);
/// assert_eq!(name.java_class(), "StringSerializer");
/// # Ok::<(), ottla::serialize::UnknownSerializer>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SerializerName {
    /// `string`: UTF-8 text, [`Utf8`].
    String,
    /// `bytes`: bytes, unchanged, [`Bytes`]. In Java: `ByteArraySerializer`, `BytesSerializer` and `ByteBufferSerializer`.
    Bytes,
    /// `short`: an `i16`, [`BigEndian`].
    Short,
    /// `integer`: an `i32`, [`BigEndian`].
    Integer,
    /// `long`: an `i64`, [`BigEndian`].
    Long,
    /// `float`: an `f32`, [`BigEndian`].
    Float,
    /// `double`: an `f64`, [`BigEndian`].
    Double,
    /// `boolean`: a `bool`, [`Boolean`].
    Boolean,
    /// `uuid`: a UUID as text, `UuidText` (feature `uuid`).
    Uuid,
    /// `void`: always null, [`Void`].
    Void,
    /// `avro`: Avro with a schema in a registry, `Avro` of the crate `ottla-schema-registry`. Only the command accepts this name and the next
    /// two; a program passes the serializer to the builder.
    Avro,
    /// `protobuf`: Protobuf with a schema in a registry.
    Protobuf,
    /// `json-schema`: JSON with a JSON Schema in a registry.
    JsonSchema,
}

/// The error of parsing an unknown [`SerializerName`]. `Display` lists the known names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownSerializer(String);

/// The packages of Java's and Confluent's serializers. Longer ones come first.
const PACKAGES: [&str; 4] = [
    "org.apache.kafka.common.serialization.",
    "io.confluent.kafka.serializers.protobuf.",
    "io.confluent.kafka.serializers.json.",
    "io.confluent.kafka.serializers.",
];

/// Name, short name, Java class, other Java classes that write the same, and the Rust types.
const NAMES: [(SerializerName, &str, &str, &[&str], &str); 13] = [
    (SerializerName::String, "string", "StringSerializer", &[], "str or String"),
    (SerializerName::Bytes, "bytes", "ByteArraySerializer", &["BytesSerializer", "ByteBufferSerializer"], "[u8] or Vec<u8>"),
    (SerializerName::Short, "short", "ShortSerializer", &[], "i16"),
    (SerializerName::Integer, "integer", "IntegerSerializer", &[], "i32"),
    (SerializerName::Long, "long", "LongSerializer", &[], "i64"),
    (SerializerName::Float, "float", "FloatSerializer", &[], "f32"),
    (SerializerName::Double, "double", "DoubleSerializer", &[], "f64"),
    (SerializerName::Boolean, "boolean", "BooleanSerializer", &[], "bool"),
    (SerializerName::Uuid, "uuid", "UUIDSerializer", &[], "uuid::Uuid"),
    (SerializerName::Void, "void", "VoidSerializer", &[], "()"),
    (SerializerName::Avro, "avro", "KafkaAvroSerializer", &[], ""),
    (SerializerName::Protobuf, "protobuf", "KafkaProtobufSerializer", &[], ""),
    (SerializerName::JsonSchema, "json-schema", "KafkaJsonSchemaSerializer", &[], ""),
];

impl SerializerName {
    /// The Java class, without its package.
    pub fn java_class(self) -> &'static str {
        self.row().2
    }

    /// Whether a schema in a registry defines the bytes.
    pub fn has_schema(self) -> bool {
        matches!(self, Self::Avro | Self::Protobuf | Self::JsonSchema)
    }

    fn row(self) -> &'static (Self, &'static str, &'static str, &'static [&'static str], &'static str) {
        // `NAMES` has the order of the enum; a test checks it.
        &NAMES[self as usize]
    }
}

impl FromStr for SerializerName {
    type Err = UnknownSerializer;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let class = PACKAGES.iter().find_map(|package| name.strip_prefix(package)).unwrap_or(name);
        NAMES
            .iter()
            .find(|(_, short, java, others, _)| {
                // A package may precede a class, not a short name.
                (short.eq_ignore_ascii_case(name)) || *java == class || others.contains(&class)
            })
            .map(|row| row.0)
            .ok_or_else(|| UnknownSerializer(name.to_owned()))
    }
}

/// The short name.
impl fmt::Display for SerializerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.row().1)
    }
}

impl fmt::Display for UnknownSerializer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.0, Self::reason())
    }
}

impl UnknownSerializer {
    /// The error without the unknown name.
    pub(crate) fn reason() -> String {
        let known: Vec<String> = NAMES.iter().map(|(_, short, java, ..)| format!("{short} ({java})")).collect();
        format!(
            "is not a serializer name: must be one of {}; pass any other serializer to the producer's builder",
            known.join(", ")
        )
    }
}

impl std::error::Error for UnknownSerializer {}

/// The default serializer of `T`: [`Utf8`] for text, [`Bytes`] for bytes, [`BigEndian`] for numbers, and so on. `None` if `T` has none.
pub(crate) fn natural<T: ?Sized + 'static>() -> Option<Box<dyn Serializer<T>>> {
    NAMES
        .iter()
        .find_map(|row| of_name(row.0))
        .or_else(|| of_type::<i8, T>(BigEndian))
        .or_else(|| of_type::<i128, T>(BigEndian))
        .or_else(|| of_type::<u8, T>(BigEndian))
        .or_else(|| of_type::<u16, T>(BigEndian))
        .or_else(|| of_type::<u32, T>(BigEndian))
        .or_else(|| of_type::<u64, T>(BigEndian))
        .or_else(|| of_type::<u128, T>(BigEndian))
}

/// The serializer with this name for a `T`.
///
/// # Errors
/// A text that says which types this serializer writes, if `T` is not one of them.
pub(crate) fn named<T: ?Sized + 'static>(name: SerializerName) -> Result<Box<dyn Serializer<T>>, String> {
    of_name(name).ok_or_else(|| {
        let &(_, _, class, _, writes) = name.row();
        if name == SerializerName::Uuid && cfg!(not(feature = "uuid")) {
            format!("{class} needs ottla's feature `uuid`")
        } else if name.has_schema() {
            format!("{class} needs a schema: pass a serializer of the crate ottla-schema-registry to the builder")
        } else {
            format!("{class} writes {writes}, not {}", type_name::<T>())
        }
    })
}

fn of_name<T: ?Sized + 'static>(name: SerializerName) -> Option<Box<dyn Serializer<T>>> {
    match name {
        SerializerName::String => of_type::<str, T>(Utf8).or_else(|| of_type::<String, T>(Utf8)),
        #[cfg(feature = "bytes")]
        SerializerName::Bytes => {
            of_type::<[u8], T>(Bytes).or_else(|| of_type::<Vec<u8>, T>(Bytes)).or_else(|| of_type::<bytes::Bytes, T>(Bytes))
        }
        #[cfg(not(feature = "bytes"))]
        SerializerName::Bytes => of_type::<[u8], T>(Bytes).or_else(|| of_type::<Vec<u8>, T>(Bytes)),
        SerializerName::Short => of_type::<i16, T>(BigEndian),
        SerializerName::Integer => of_type::<i32, T>(BigEndian),
        SerializerName::Long => of_type::<i64, T>(BigEndian),
        SerializerName::Float => of_type::<f32, T>(BigEndian),
        SerializerName::Double => of_type::<f64, T>(BigEndian),
        SerializerName::Boolean => of_type::<bool, T>(Boolean),
        #[cfg(feature = "uuid")]
        SerializerName::Uuid => of_type::<uuid::Uuid, T>(super::UuidText),
        #[cfg(not(feature = "uuid"))]
        SerializerName::Uuid => None,
        SerializerName::Void => of_type::<(), T>(Void),
        SerializerName::Avro | SerializerName::Protobuf | SerializerName::JsonSchema => None,
    }
}

/// The serializer of a `U`, if `U` and `T` are the same type.
fn of_type<U: ?Sized + 'static, T: ?Sized + 'static>(serializer: impl Serializer<U>) -> Option<Box<dyn Serializer<T>>> {
    let boxed: Box<dyn Serializer<U>> = Box::new(serializer);
    let any: Box<dyn Any> = Box::new(boxed);
    any.downcast::<Box<dyn Serializer<T>>>().ok().map(|same| *same)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{record::Headers, serialize::SerializeContext};

    fn written<T: ?Sized + 'static>(serializer: &dyn Serializer<T>, data: &T) -> Vec<u8> {
        let mut headers = Headers::new();
        let mut buffer = Vec::new();
        serializer.serialize(data, &mut SerializeContext::new("t", &mut headers, false), &mut buffer).unwrap();
        buffer
    }

    #[test]
    fn names_have_the_order_of_the_enum() {
        for (index, row) in NAMES.iter().enumerate() {
            assert_eq!(row.0 as usize, index);
        }
    }

    #[test]
    fn from_str_accepts_all_forms() {
        for (name, short, java, others, _) in NAMES {
            assert_eq!(short.parse(), Ok(name));
            assert_eq!(short.to_uppercase().parse(), Ok(name));
            assert_eq!(name.to_string(), short);
            for class in others.iter().chain([&java]) {
                assert_eq!(class.parse(), Ok(name));
                assert_eq!(format!("{}{class}", PACKAGES[0]).parse(), Ok(name));
            }
        }
        for (class, name) in [
            ("KafkaAvroSerializer", SerializerName::Avro),
            ("protobuf.KafkaProtobufSerializer", SerializerName::Protobuf),
            ("json.KafkaJsonSchemaSerializer", SerializerName::JsonSchema),
        ] {
            assert_eq!(format!("io.confluent.kafka.serializers.{class}").parse(), Ok(name));
        }
    }

    #[test]
    fn unknown_name_error_lists_the_known_names() {
        for name in ["", "strin", "com.example.StringSerializer", "org.apache.kafka.common.serialization.string"] {
            let error = name.parse::<SerializerName>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("{name:?} is not a serializer name")), "{error}");
            assert!(error.contains("string (StringSerializer)") && error.contains("void (VoidSerializer)"), "{error}");
        }
    }

    #[test]
    fn types_have_natural_serializers() {
        assert_eq!(written(&*natural::<str>().unwrap(), "é"), [0xc3, 0xa9]);
        assert_eq!(written(&*natural::<String>().unwrap(), &"a".to_owned()), b"a");
        assert_eq!(written(&*natural::<[u8]>().unwrap(), &[1, 2]), [1, 2]);
        assert_eq!(written(&*natural::<Vec<u8>>().unwrap(), &vec![3]), [3]);
        assert_eq!(written(&*natural::<u16>().unwrap(), &258), [1, 2]);
        assert_eq!(written(&*natural::<i64>().unwrap(), &-1), [0xff; 8]);
        assert_eq!(written(&*natural::<f32>().unwrap(), &1.5), [0x3f, 0xc0, 0, 0]);
        assert_eq!(written(&*natural::<bool>().unwrap(), &true), [1]);
        assert!(written(&*natural::<()>().unwrap(), &()).is_empty());
        assert!(natural::<Vec<u16>>().is_none());
    }

    #[test]
    fn named_serializer_must_write_the_type() {
        assert_eq!(written(&*named::<i32>(SerializerName::Integer).unwrap(), &1), [0, 0, 0, 1]);
        assert_eq!(written(&*named::<String>(SerializerName::String).unwrap(), &"x".to_owned()), b"x");
        let refusal = |result: Result<Box<dyn Serializer<i32>>, String>| result.err().unwrap();
        assert_eq!(refusal(named(SerializerName::String)), "StringSerializer writes str or String, not i32");
        assert_eq!(refusal(named(SerializerName::Bytes)), "ByteArraySerializer writes [u8] or Vec<u8>, not i32");
        let uuid = refusal(named(SerializerName::Uuid));
        let expected = if cfg!(feature = "uuid") { "writes uuid::Uuid, not i32" } else { "needs ottla's feature `uuid`" };
        assert_eq!(uuid, format!("UUIDSerializer {expected}"));
        let avro = refusal(named(SerializerName::Avro));
        assert!(avro.starts_with("KafkaAvroSerializer needs a schema: pass a serializer"), "{avro}");
    }
}
