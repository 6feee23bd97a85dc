//! [`Utf8`]: text.

use super::{BoxError, DeserializeContext, DeserializeError, Deserializer, SerializeContext, Serialized, Serializer};
use std::sync::Arc;

/// Text in UTF-8, as Java's `StringSerializer`: `str`, `String`, `Arc<str>` and whatever else is `AsRef<str>`.
///
/// As a deserializer it gives `String`, `Box<str>` or `Arc<str>`. Null is an error, see [`Optional`](super::Optional); so are bytes
/// that are not UTF-8, where Java's `StringDeserializer` puts replacement characters.
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
