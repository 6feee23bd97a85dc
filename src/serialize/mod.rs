//! Serializers and deserializers: how keys and values become bytes, and bytes values.

use crate::record::Headers;

/// What a serializer or deserializer may fail with; it becomes the [`source`](std::error::Error::source) of an [`Error`](crate::Error).
pub type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// Turns a `T` into the bytes of a record's key or value.
///
/// The bytes are appended to the buffer that is given: it belongs to the record that is being sent, so that
/// serializing is the one copy made on the way. A serializer must not remove what is in it.
pub trait Serializer<T: ?Sized>: Send + Sync + 'static {
    /// Appends `data` to `buffer`, or says that it is null.
    ///
    /// # Errors
    /// Whatever makes this value impossible to serialize: the record is refused with
    /// [`ErrorKind::Serialization`](crate::ErrorKind::Serialization), and nothing of it is sent. A panic counts as such an error.
    fn serialize(&self, data: &T, context: &mut SerializeContext<'_>, buffer: &mut Vec<u8>) -> Result<Serialized, BoxError>;
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

/// Turns the bytes of a record's key or value into a `T`.
pub trait Deserializer<T>: Send + Sync + 'static {
    /// Reads a `T` from `data`, which is `None` for a null key or value.
    ///
    /// # Errors
    /// Whatever makes these bytes no `T`.
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
}
