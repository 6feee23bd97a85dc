//! The deserializers of Java's names, and the default deserializer of a type.

use super::{BigEndian, Boolean, Bytes, Deserializer, Optional, SerializerName, Utf8, Void};
use std::{
    any::{Any, type_name},
    sync::Arc,
};

/// The default deserializer of `T`: [`Utf8`] for text, [`Bytes`] for bytes, [`BigEndian`] for numbers, and so on, or [`Optional`] around
/// one of these for an `Option`. `None` if `T` has none.
pub(crate) fn natural_deserializer<T: 'static>() -> Option<Box<dyn Deserializer<T>>> {
    NAMES.iter().find_map(|&(name, _)| of_name(name)).or_else(of_other_number)
}

/// The deserializer with this name for a `T`.
///
/// # Errors
/// A text that says which types this deserializer reads, if `T` is not one of them.
pub(crate) fn named_deserializer<T: 'static>(name: SerializerName) -> Result<Box<dyn Deserializer<T>>, String> {
    of_name(name).ok_or_else(|| {
        let class = name.java_class().replace("Serializer", "Deserializer");
        let reads = NAMES.iter().find(|(known, _)| *known == name).map_or("", |(_, reads)| reads);
        if name == SerializerName::Uuid && cfg!(not(feature = "uuid")) {
            format!("{class} needs ottla's feature `uuid`")
        } else if name.has_schema() {
            format!("{class} needs a schema: pass a deserializer of the crate ottla-schema-registry to the builder")
        } else {
            format!("{class} reads {reads}, not {}", type_name::<T>())
        }
    })
}

/// The names and the Rust types that they read.
const NAMES: [(SerializerName, &str); 10] = [
    (SerializerName::String, "String, Box<str> or Arc<str>"),
    (SerializerName::Bytes, "Vec<u8>, Box<[u8]> or Arc<[u8]>"),
    (SerializerName::Short, "i16"),
    (SerializerName::Integer, "i32"),
    (SerializerName::Long, "i64"),
    (SerializerName::Float, "f32"),
    (SerializerName::Double, "f64"),
    (SerializerName::Boolean, "bool"),
    (SerializerName::Uuid, "uuid::Uuid"),
    (SerializerName::Void, "()"),
];

/// The deserializer for the first type that is `T`, or whose `Option` is `T`.
macro_rules! first {
    ($deserializer:expr; $($type:ty),*) => {
        None$(
            .or_else(|| of_type::<$type, T>($deserializer))
            .or_else(|| of_type::<Option<$type>, T>(Optional($deserializer)))
        )*
    };
}

fn of_name<T: 'static>(name: SerializerName) -> Option<Box<dyn Deserializer<T>>> {
    match name {
        SerializerName::String => first!(Utf8; String, Box<str>, Arc<str>),
        SerializerName::Bytes => first!(Bytes; Vec<u8>, Box<[u8]>, Arc<[u8]>),
        SerializerName::Short => first!(BigEndian; i16),
        SerializerName::Integer => first!(BigEndian; i32),
        SerializerName::Long => first!(BigEndian; i64),
        SerializerName::Float => first!(BigEndian; f32),
        SerializerName::Double => first!(BigEndian; f64),
        SerializerName::Boolean => first!(Boolean; bool),
        #[cfg(feature = "uuid")]
        SerializerName::Uuid => first!(super::UuidText; uuid::Uuid),
        #[cfg(not(feature = "uuid"))]
        SerializerName::Uuid => None,
        SerializerName::Void => of_type::<(), T>(Void),
        SerializerName::Avro | SerializerName::Protobuf | SerializerName::JsonSchema => None,
    }
}

/// Numbers without a Java name.
fn of_other_number<T: 'static>() -> Option<Box<dyn Deserializer<T>>> {
    first!(BigEndian; i8, i128, u8, u16, u32, u64, u128)
}

/// The deserializer of a `U`, if `U` and `T` are the same type.
fn of_type<U: 'static, T: 'static>(deserializer: impl Deserializer<U>) -> Option<Box<dyn Deserializer<T>>> {
    let boxed: Box<dyn Deserializer<U>> = Box::new(deserializer);
    let any: Box<dyn Any> = Box::new(boxed);
    any.downcast::<Box<dyn Deserializer<T>>>().ok().map(|same| *same)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{record::Headers, serialize::DeserializeContext};

    fn read<T: 'static>(deserializer: &dyn Deserializer<T>, data: Option<&[u8]>) -> T {
        deserializer.deserialize(data, &DeserializeContext::new("t", &Headers::new(), false)).unwrap()
    }

    fn natural<T: 'static>(data: Option<&[u8]>) -> T {
        read(&*natural_deserializer::<T>().unwrap(), data)
    }

    #[test]
    fn types_have_natural_deserializers() {
        assert_eq!(natural::<String>(Some(b"a")), "a");
        assert_eq!(*natural::<Arc<str>>(Some(b"a")), *"a");
        assert_eq!(natural::<Option<Box<str>>>(None), None);
        assert_eq!(natural::<Vec<u8>>(Some(&[1])), [1]);
        assert_eq!(natural::<Option<Arc<[u8]>>>(Some(&[1])), Some([1].into()));
        assert_eq!(natural::<i64>(Some(&[0xff; 8])), -1);
        assert_eq!(natural::<Option<u16>>(Some(&[1, 2])), Some(258));
        assert_eq!(natural::<f32>(Some(&[0x3f, 0xc0, 0, 0])).to_bits(), 1.5_f32.to_bits());
        assert!(natural::<bool>(Some(&[1])));
        natural::<()>(None);
        assert!(natural_deserializer::<Vec<u16>>().is_none());
    }

    #[test]
    fn named_deserializer_must_read_the_type() {
        assert_eq!(read(&*named_deserializer::<i32>(SerializerName::Integer).unwrap(), Some(&[0, 0, 0, 1])), 1);
        let refusal = |name| named_deserializer::<u8>(name).err().unwrap();
        assert_eq!(refusal(SerializerName::Long), "LongDeserializer reads i64, not u8");
        assert_eq!(refusal(SerializerName::Bytes), "ByteArrayDeserializer reads Vec<u8>, Box<[u8]> or Arc<[u8]>, not u8");
        let uuid = if cfg!(feature = "uuid") { "reads uuid::Uuid, not u8" } else { "needs ottla's feature `uuid`" };
        assert_eq!(refusal(SerializerName::Uuid), format!("UUIDDeserializer {uuid}"));
    }
}
