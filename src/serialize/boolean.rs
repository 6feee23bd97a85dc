//! [`Boolean`]: one byte, 1 or 0.

use super::{BoxError, DeserializeContext, DeserializeError, Deserializer, SerializeContext, Serialized, Serializer};

/// A `bool` as one byte, 1 for true and 0 for false, as with Java's `BooleanSerializer`.
///
/// As a deserializer it rejects other bytes. Null is an error, see [`Optional`](super::Optional).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Boolean;

const EXPECTED: &str = "a bool of 1 byte, 0 or 1";

impl Serializer<bool> for Boolean {
    fn serialize(&self, data: &bool, _: &mut SerializeContext<'_>, buffer: &mut Vec<u8>) -> Result<Serialized, BoxError> {
        buffer.push(u8::from(*data));
        Ok(Serialized::Bytes)
    }
}

impl Deserializer<bool> for Boolean {
    fn deserialize(&self, data: Option<&[u8]>, _: &DeserializeContext<'_>) -> Result<bool, BoxError> {
        match data {
            Some([0]) => Ok(false),
            Some([1]) => Ok(true),
            Some([_]) => Err(DeserializeError::Content { expected: EXPECTED, length: 1 }.into()),
            Some(data) => Err(DeserializeError::Length { expected: EXPECTED, length: data.len() }.into()),
            None => Err(DeserializeError::Null { expected: EXPECTED }.into()),
        }
    }
}
