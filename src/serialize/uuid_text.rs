//! [`UuidText`]: UUIDs as text.

use super::{BoxError, DeserializeContext, DeserializeError, Deserializer, SerializeContext, Serialized, Serializer};
use uuid::Uuid;

/// A UUID as 36 characters of lower-case text, as with Java's `UUIDSerializer`.
///
/// As a deserializer it accepts both cases, but only the form with four hyphens. (Java's `UUID.fromString` also accepts shorter groups.)
/// Null is an error, see [`Optional`](super::Optional).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UuidText;

const EXPECTED: &str = "a UUID as text of 36 bytes";

impl Serializer<Uuid> for UuidText {
    fn serialize(&self, data: &Uuid, _: &mut SerializeContext<'_>, buffer: &mut Vec<u8>) -> Result<Serialized, BoxError> {
        let mut text = Uuid::encode_buffer();
        buffer.extend_from_slice(data.hyphenated().encode_lower(&mut text).as_bytes());
        Ok(Serialized::Bytes)
    }
}

impl Deserializer<Uuid> for UuidText {
    fn deserialize(&self, data: Option<&[u8]>, _: &DeserializeContext<'_>) -> Result<Uuid, BoxError> {
        let data = data.ok_or(DeserializeError::Null { expected: EXPECTED })?;
        // The other forms that `uuid` parses (no hyphens, braces, urn:uuid:) have other lengths.
        if data.len() != uuid::fmt::Hyphenated::LENGTH {
            return Err(DeserializeError::Length { expected: EXPECTED, length: data.len() }.into());
        }
        Uuid::try_parse_ascii(data).map_err(|_| DeserializeError::Content { expected: EXPECTED, length: data.len() }.into())
    }
}
