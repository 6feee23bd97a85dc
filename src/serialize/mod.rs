//! Serializers and deserializers: how keys and values become bytes, and bytes values.
//!
//! | Type | Serializer and deserializer | In Java |
//! |---|---|---|
//! | whatever is `AsRef<[u8]>`: `[u8]`, `Vec<u8>`, .. | [`Bytes`] | `ByteArraySerializer`, `BytesSerializer`, `ByteBufferSerializer` |
//! | whatever is `AsRef<str>`: `str`, `String`, .. | [`Utf8`] | `StringSerializer` |
//! | `i16` `i32` `i64`, and every other integer | [`BigEndian`] | `ShortSerializer`, `IntegerSerializer`, `LongSerializer` |
//! | `f32` `f64` | [`BigEndian`] | `FloatSerializer`, `DoubleSerializer` |
//! | `bool` | [`Boolean`] | `BooleanSerializer` |
//! | `uuid::Uuid` (feature `uuid`) | `UuidText` | `UUIDSerializer` |
//! | `()` | [`Void`] | `VoidSerializer` |
//! | whatever serde can serialize | [`Json`] | |
//! | whatever serde can serialize, in Avro (feature `schema-registry`) | `registry::Avro` | Confluent's `KafkaAvroSerializer` |
//! | `Option<T>`, `None` being null | [`Optional`] around one of them | every one |
//!
//! They write the bytes that the Java class of the same row writes. A closure is a serializer or a deserializer too, and so is a
//! `Box` or an `Arc` of one:
//!
//! ```
//! use ottla::Serializer;
//! use ottla::record::Headers;
//! use ottla::serialize::{SerializeContext, Serialized};
//! use std::fmt;
//!
//! struct Celsius(f32);
//!
//! let serializer = |temperature: &Celsius, buffer: &mut Vec<u8>| -> fmt::Result {
//!     buffer.extend_from_slice(format!("{:.1}", temperature.0).as_bytes());
//!     Ok(())
//! };
//! let mut headers = Headers::new();
//! let mut context = SerializeContext::new("temperatures", &mut headers, false);
//! let mut buffer = Vec::new();
//! assert_eq!(serializer.serialize(&Celsius(21.46), &mut context, &mut buffer)?, Serialized::Bytes);
//! assert_eq!(buffer, b"21.5");
//! # Ok::<(), ottla::serialize::BoxError>(())
//! ```

mod big_endian;
mod boolean;
mod by_name;
mod bytes;
mod closure;
#[cfg(test)]
mod conformance;
mod deferred;
mod dynamic;
mod error;
mod json;
#[cfg(feature = "consumer")]
mod natural_deserializer;
mod optional;
mod outage;
#[cfg(feature = "schema-registry")]
pub mod registry;
mod utf8;
#[cfg(feature = "uuid")]
mod uuid_text;
mod void;

pub use big_endian::BigEndian;
pub use boolean::Boolean;
pub use by_name::{SerializerName, UnknownSerializer};
pub(crate) use by_name::{named, natural};
pub use bytes::Bytes;
pub use deferred::{Deferred, Finish};
pub use error::DeserializeError;
pub use json::Json;
#[cfg(feature = "consumer")]
pub(crate) use natural_deserializer::{named_deserializer, natural_deserializer};
pub use optional::Optional;
#[cfg(feature = "consumer")]
pub(crate) use outage::Outage;
#[cfg(feature = "schema-registry")]
pub(crate) use outage::SchemaPending;
pub(crate) use outage::outage;
pub use utf8::Utf8;
#[cfg(feature = "uuid")]
pub use uuid_text::UuidText;
pub use void::Void;

use crate::record::Headers;

/// What a serializer or deserializer may fail with; it becomes the [`source`](std::error::Error::source) of an [`Error`](crate::Error).
pub type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// Turns a `T` into the bytes of a record's key or value.
///
/// The bytes are appended to the buffer that is given: it belongs to the record that is being sent, so that
/// serializing is the one copy made on the way. A serializer must not remove what is in it.
///
/// ```
/// use ottla::Serializer;
/// use ottla::serialize::{BoxError, SerializeContext, Serialized};
///
/// /// Text in ASCII, with the encoding told in a header.
/// struct Ascii;
///
/// impl Serializer<str> for Ascii {
///     fn serialize(&self, data: &str, context: &mut SerializeContext<'_>, buffer: &mut Vec<u8>) -> Result<Serialized, BoxError> {
///         if !data.is_ascii() {
///             return Err("the text is not ASCII".into());
///         }
///         context.headers.push("encoding", Some(b"ascii"));
///         buffer.extend_from_slice(data.as_bytes());
///         Ok(Serialized::Bytes)
///     }
/// }
/// # let mut headers = ottla::Headers::new();
/// # let mut context = SerializeContext::new("notes", &mut headers, false);
/// # assert!(Ascii.serialize("é", &mut context, &mut Vec::new()).is_err());
/// # assert_eq!(Ascii.serialize("e", &mut context, &mut Vec::new())?, Serialized::Bytes);
/// # assert_eq!(headers.len(), 1);
/// # Ok::<(), BoxError>(())
/// ```
pub trait Serializer<T: ?Sized>: Send + Sync + 'static {
    /// Appends `data` to `buffer`, or says that it is null.
    ///
    /// # Errors
    /// Whatever makes this value impossible to serialize: the record is refused with
    /// [`ErrorKind::Serialization`](crate::ErrorKind::Serialization), and nothing of it is sent. A panic counts as such an error. A
    /// `RegistryError` of a registry that is out of reach becomes [`ErrorKind::SchemaRegistry`](crate::ErrorKind::SchemaRegistry).
    /// What was appended before the error is cut off by the caller.
    fn serialize(&self, data: &T, context: &mut SerializeContext<'_>, buffer: &mut Vec<u8>) -> Result<Serialized, BoxError>;

    /// Whether [`defer`](Self::defer) is to be asked before [`serialize`](Self::serialize): true for a serializer that sometimes has to
    /// wait, as one that asks a schema registry. A producer asks this once, when it is built. A serializer around another one hands
    /// on its answer.
    ///
    /// Defaults to false.
    fn may_defer(&self) -> bool {
        false
    }

    /// Gives a [`Deferred`] if `data` cannot be serialized without waiting, and starts what is waited for; `None` if
    /// [`serialize`](Self::serialize) does not wait now.
    ///
    /// A producer then holds the record back, in the order of its topic, and blocks no thread. Who calls
    /// [`serialize`](Self::serialize) without asking is made to wait there.
    ///
    /// # Errors
    /// As [`serialize`](Self::serialize).
    fn defer(&self, data: &T, context: &SerializeContext<'_>) -> Result<Option<Deferred>, BoxError> {
        let _ = (data, context);
        Ok(None)
    }
}

/// What a serializer made of its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Serialized {
    /// The bytes stand in the buffer, be it none at all.
    Bytes,
    /// The key or value is null: no bytes, which is not the same as zero bytes.
    Null,
}

/// What a serializer may see of the record beside the value.
#[derive(Debug)]
#[non_exhaustive]
pub struct SerializeContext<'a> {
    /// The topic that the record goes to.
    pub topic: &'a str,
    /// The record's headers; a serializer may add to them (as schema registries' ids in headers do).
    pub headers: &'a mut Headers,
    /// Whether it is the key that is serialized, not the value.
    pub is_key: bool,
}

impl<'a> SerializeContext<'a> {
    /// The context of one key (`is_key`) or value of a record for `topic`: what the producer gives, and a serializer's tests need.
    pub const fn new(topic: &'a str, headers: &'a mut Headers, is_key: bool) -> Self {
        Self { topic, headers, is_key }
    }
}

/// Turns the bytes of a record's key or value into a `T`.
pub trait Deserializer<T>: Send + Sync + 'static {
    /// Reads a `T` from `data`, which is `None` for a null key or value.
    ///
    /// # Errors
    /// Whatever makes these bytes no `T`. A `RegistryError` of a registry that is out of reach says nothing of the bytes: a consumer reads
    /// the record again.
    fn deserialize(&self, data: Option<&[u8]>, context: &DeserializeContext<'_>) -> Result<T, BoxError>;
}

/// What a deserializer may see of the record beside the bytes.
#[derive(Debug)]
#[non_exhaustive]
pub struct DeserializeContext<'a> {
    /// The topic that the record came from.
    pub topic: &'a str,
    /// The record's headers.
    pub headers: &'a Headers,
    /// Whether it is the key that is deserialized, not the value.
    pub is_key: bool,
    /// How long a lookup in a schema registry may hold up the thread; `None` for as long as it takes.
    #[cfg_attr(not(feature = "schema-registry"), allow(dead_code, reason = "only a registry is waited for"))]
    pub(crate) patience: Option<std::time::Duration>,
}

impl<'a> DeserializeContext<'a> {
    /// The context of one key (`is_key`) or value of a record of `topic`: what the consumer gives, and a deserializer's tests need.
    pub const fn new(topic: &'a str, headers: &'a Headers, is_key: bool) -> Self {
        Self { topic, headers, is_key, patience: None }
    }
}
