//! [`Utf8`]: UTF-8 text.

use super::{BoxError, DeserializeContext, DeserializeError, Deserializer, SerializeContext, Serialized, Serializer};
use std::sync::Arc;

/// UTF-8 text, as with Java's `StringSerializer`: `str`, `String`, `Arc<str>` and any other `AsRef<str>`.
///
/// As a deserializer it returns `String`, `Box<str>` or `Arc<str>`. Null is an error, see [`Optional`](super::Optional). Invalid UTF-8 is an
/// error; Java's `StringDeserializer` inserts replacement characters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Utf8;

impl<T: AsRef<str> + ?Sized> Serializer<T> for Utf8 {
    fn serialize(&self, data: &T, _: &mut SerializeContext<'_>, buffer: &mut Vec<u8>) -> Result<Serialized, BoxError> {
        buffer.extend_from_slice(data.as_ref().as_bytes());
        Ok(Serialized::Bytes)
    }
}

fn text(data: Option<&[u8]>) -> Result<&str, DeserializeError> {
    let data = data.ok_or(DeserializeError::Null { expected: "UTF-8 text" })?;
    std::str::from_utf8(data).map_err(|error| DeserializeError::Utf8 { length: data.len(), valid_up_to: error.valid_up_to() })
}

impl Deserializer<String> for Utf8 {
    fn deserialize(&self, data: Option<&[u8]>, _: &DeserializeContext<'_>) -> Result<String, BoxError> {
        Ok(text(data)?.to_owned())
    }
}

impl Deserializer<Box<str>> for Utf8 {
    fn deserialize(&self, data: Option<&[u8]>, _: &DeserializeContext<'_>) -> Result<Box<str>, BoxError> {
        Ok(text(data)?.into())
    }
}

impl Deserializer<Arc<str>> for Utf8 {
    fn deserialize(&self, data: Option<&[u8]>, _: &DeserializeContext<'_>) -> Result<Arc<str>, BoxError> {
        Ok(text(data)?.into())
    }
}
