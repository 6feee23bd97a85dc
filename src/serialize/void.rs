//! [`Void`]: always null.

use super::{BoxError, DeserializeContext, DeserializeError, Deserializer, SerializeContext, Serialized, Serializer};

/// Null, as with Java's `VoidSerializer`: for records that never have a key, or never have a value. Its type is `()`.
///
/// As a deserializer it accepts only null.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Void;

impl Serializer<()> for Void {
    fn serialize(&self, (): &(), _: &mut SerializeContext<'_>, _: &mut Vec<u8>) -> Result<Serialized, BoxError> {
        Ok(Serialized::Null)
    }
}

impl Deserializer<()> for Void {
    fn deserialize(&self, data: Option<&[u8]>, _: &DeserializeContext<'_>) -> Result<(), BoxError> {
        match data {
            None => Ok(()),
            Some(data) => Err(DeserializeError::Length { expected: "null", length: data.len() }.into()),
        }
    }
}
