//! Serializers and deserializers of keys and values.
//!
//! | Type | Serializer and deserializer | Java class |
//! |---|---|---|
//! | any `AsRef<[u8]>`: `[u8]`, `Vec<u8>`, .. | [`Bytes`] | `ByteArraySerializer`, `BytesSerializer`, `ByteBufferSerializer` |
//! | any `AsRef<str>`: `str`, `String`, .. | [`Utf8`] | `StringSerializer` |
//! | `i16` `i32` `i64`, and every other integer | [`BigEndian`] | `ShortSerializer`, `IntegerSerializer`, `LongSerializer` |
//! | `f32` `f64` | [`BigEndian`] | `FloatSerializer`, `DoubleSerializer` |
//! | `bool` | [`Boolean`] | `BooleanSerializer` |
//! | `uuid::Uuid` (feature `uuid`) | `UuidText` | `UUIDSerializer` |
//! | `()` | [`Void`] | `VoidSerializer` |
//! | any `serde::Serialize` | [`Json`] | |
//! | any `serde::Serialize`, as Avro | `Avro` of the crate `ottla-schema-registry` | Confluent's `KafkaAvroSerializer` |
//! | `Option<T>`, with `None` as null | [`Optional`] around one of these | all of them |
//!
//! Each serializer writes the same bytes as the Java class in its row. A closure can be a serializer or a deserializer, and so can a `Box`
//! or an `Arc` of one:
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
mod serializer_name;
mod unavailable;
mod utf8;
#[cfg(feature = "uuid")]
mod uuid_text;
mod void;

pub use big_endian::BigEndian;
pub use boolean::Boolean;
pub use bytes::Bytes;
pub use deferred::{Deferred, Finish};
pub use error::DeserializeError;
pub use json::Json;
#[cfg(feature = "consumer")]
pub(crate) use natural_deserializer::{named_deserializer, natural_deserializer};
pub use optional::Optional;
pub use serializer_name::{SerializerName, UnknownSerializer};
pub(crate) use serializer_name::{named, natural};
pub use unavailable::Unavailable;
pub use utf8::Utf8;
#[cfg(feature = "uuid")]
pub use uuid_text::UuidText;
pub use void::Void;

use crate::record::Headers;

/// The error of a serializer or deserializer. It becomes the [`source`](std::error::Error::source) of an [`Error`](crate::Error).
pub type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// Turns a `T` into the bytes of a record's key or value.
///
/// The bytes are appended to the buffer of the record that is being sent, without another copy. A serializer must not remove bytes that are
/// already in the buffer.
///
/// ```
/// use ottla::Serializer;
/// use ottla::serialize::{BoxError, SerializeContext, Serialized};
///
/// /// ASCII text, with the encoding in a header.
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
    /// Appends `data` to `buffer`, or returns [`Serialized::Null`].
    ///
    /// # Errors
    /// Any error means that the value cannot be serialized: `send` fails with [`ErrorKind::Serialization`](crate::ErrorKind::Serialization)
    /// and the record is not sent. A panic counts as an error. [`Unavailable`] becomes
    /// [`ErrorKind::SchemaRegistry`](crate::ErrorKind::SchemaRegistry). The caller discards the bytes that were appended before the error.
    fn serialize(&self, data: &T, context: &mut SerializeContext<'_>, buffer: &mut Vec<u8>) -> Result<Serialized, BoxError>;

    /// Whether this serializer may wait, for a schema registry for example. If it returns true, [`defer`](Self::defer) is called before
    /// [`serialize`](Self::serialize). A producer calls this once, when it is built. A serializer that wraps another one forwards the call.
    ///
    /// Defaults to false.
    fn may_defer(&self) -> bool {
        false
    }

    /// Returns a [`Deferred`] if `data` cannot be serialized without waiting, and starts the wait. Returns `None` if
    /// [`serialize`](Self::serialize) can serialize it now.
    ///
    /// A producer holds a deferred record back, in the order of its topic, without blocking a thread. A caller that skips this method blocks in
    /// [`serialize`](Self::serialize).
    ///
    /// # Errors
    /// See [`serialize`](Self::serialize).
    fn defer(&self, data: &T, context: &SerializeContext<'_>) -> Result<Option<Deferred>, BoxError> {
        let _ = (data, context);
        Ok(None)
    }
}

/// The result of a serializer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Serialized {
    /// The bytes are in the buffer. There may be none.
    Bytes,
    /// The key or value is null, which is not the same as zero bytes.
    Null,
}

/// The parts of the record that a serializer may see besides the value.
#[derive(Debug)]
#[non_exhaustive]
pub struct SerializeContext<'a> {
    /// The topic of the record.
    pub topic: &'a str,
    /// The record's headers. A serializer may add to them, as those that put a schema id into a header do.
    pub headers: &'a mut Headers,
    /// Whether the key is being serialized, not the value.
    pub is_key: bool,
}

impl<'a> SerializeContext<'a> {
    /// The context of a key (`is_key`) or value of a record for `topic`. The producer creates it; tests of serializers may, too.
    pub const fn new(topic: &'a str, headers: &'a mut Headers, is_key: bool) -> Self {
        Self { topic, headers, is_key }
    }
}

/// Turns the bytes of a record's key or value into a `T`.
pub trait Deserializer<T>: Send + Sync + 'static {
    /// Reads a `T` from `data`, which is `None` for a null key or value.
    ///
    /// # Errors
    /// Any error means that these bytes are not a `T`. The exception is [`Unavailable`]: a consumer then reads the record
    /// again.
    fn deserialize(&self, data: Option<&[u8]>, context: &DeserializeContext<'_>) -> Result<T, BoxError>;
}

/// The parts of the record that a deserializer may see besides the bytes.
#[derive(Debug)]
#[non_exhaustive]
pub struct DeserializeContext<'a> {
    /// The topic of the record.
    pub topic: &'a str,
    /// The record's headers.
    pub headers: &'a Headers,
    /// Whether the key is being deserialized, not the value.
    pub is_key: bool,
    max_block: Option<std::time::Duration>,
}

impl<'a> DeserializeContext<'a> {
    /// The context of a key (`is_key`) or value of a record of `topic`. The consumer creates it; tests of deserializers may, too.
    pub const fn new(topic: &'a str, headers: &'a Headers, is_key: bool) -> Self {
        Self { topic, headers, is_key, max_block: None }
    }

    /// Sets how long the deserializer may block the thread. Defaults to no limit.
    #[must_use]
    pub const fn with_max_block(mut self, max_block: std::time::Duration) -> Self {
        self.max_block = Some(max_block);
        self
    }

    /// How long the deserializer may block the thread while it asks a service, such as a schema registry; `None` for no limit. A deserializer
    /// that needs longer fails with [`Unavailable::pending`], goes on asking, and is called again with the same bytes.
    ///
    /// A consumer gives 200 ms, because its deserializers run on the thread that polls.
    pub const fn max_block(&self) -> Option<std::time::Duration> {
        self.max_block
    }
}
