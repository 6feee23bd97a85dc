//! [`Bytes`]: bytes, unchanged.

use super::{BoxError, DeserializeContext, DeserializeError, Deserializer, SerializeContext, Serialized, Serializer};
use std::sync::Arc;

/// Bytes, unchanged, as with Java's `ByteArraySerializer`: `[u8]`, `Vec<u8>`, `[u8; N]`, `Arc<[u8]>` and any other `AsRef<[u8]>`.
///
/// As a deserializer it returns `Vec<u8>`, `Box<[u8]>` or `Arc<[u8]>`. Null is an error, see [`Optional`](super::Optional).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bytes;

impl<T: AsRef<[u8]> + ?Sized> Serializer<T> for Bytes {
    fn serialize(&self, data: &T, _: &mut SerializeContext<'_>, buffer: &mut Vec<u8>) -> Result<Serialized, BoxError> {
        buffer.extend_from_slice(data.as_ref());
        Ok(Serialized::Bytes)
    }
}

fn not_null(data: Option<&[u8]>) -> Result<&[u8], DeserializeError> {
    data.ok_or(DeserializeError::Null { expected: "bytes" })
}

impl Deserializer<Vec<u8>> for Bytes {
    fn deserialize(&self, data: Option<&[u8]>, _: &DeserializeContext<'_>) -> Result<Vec<u8>, BoxError> {
        Ok(not_null(data)?.to_vec())
    }
}

impl Deserializer<Box<[u8]>> for Bytes {
    fn deserialize(&self, data: Option<&[u8]>, _: &DeserializeContext<'_>) -> Result<Box<[u8]>, BoxError> {
        Ok(not_null(data)?.into())
    }
}

impl Deserializer<Arc<[u8]>> for Bytes {
    fn deserialize(&self, data: Option<&[u8]>, _: &DeserializeContext<'_>) -> Result<Arc<[u8]>, BoxError> {
        Ok(not_null(data)?.into())
    }
}
