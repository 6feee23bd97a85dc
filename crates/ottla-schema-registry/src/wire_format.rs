//! Confluent's wire format: how a record carries the id of its schema.
//!
//! Version 0 puts a byte 0 and the id in four bytes, big-endian, in front of the payload. Version 1 puts a byte 1 and the GUID in sixteen bytes
//! into the header `__key_schema_id` or `__value_schema_id`, and leaves the payload unchanged (Confluent: "Wire format").

use std::fmt;

use ottla::{
    Headers,
    serialize::{BoxError, SerializeContext},
};
use uuid::Uuid;

use super::serializer_cache::Resolved;

const MAGIC_V0: u8 = 0;
const MAGIC_V1: u8 = 1;

/// Where a record carries the id of its schema (`key.schema.id.serializer`, `value.schema.id.serializer`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SchemaIdLocation {
    /// In front of the payload, where all of Confluent's deserializers read it: `PrefixSchemaIdSerializer`.
    #[default]
    Prefix,
    /// In a header, as a GUID: `HeaderSchemaIdSerializer`. Requires a registry with GUIDs, and consumers that read the header.
    Header,
}

/// The id of a schema in a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WireId {
    /// In front of the payload.
    Id(i32),
    /// In a header.
    Guid(Uuid),
}

/// The parts of a key or value in the wire format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WireFormat<'a> {
    pub(crate) id: WireId,
    /// The bytes behind an id in a header: Protobuf's message indexes follow the id wherever it is. `None` for an id in front of the payload.
    pub(crate) behind_id: Option<&'a [u8]>,
    pub(crate) payload: &'a [u8],
}

/// Why bytes are not in the wire format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireFormatError {
    /// The bytes are shorter than a schema id.
    #[error("expected a schema id and a payload, got {length} bytes: not written with a schema registry, or truncated")]
    Truncated {
        /// The number of bytes.
        length: usize,
    },
    /// The first byte is not that of the wire format.
    #[error("expected the byte {expected} in front of a schema id, got {found}: not written with a schema registry")]
    Magic {
        /// The byte that the wire format begins with.
        expected: u8,
        /// The actual byte.
        found: u8,
    },
    /// Null instead of bytes.
    #[error("expected a schema id and a payload, got null; use the deserializer Optional to accept null")]
    Null,
}

impl WireId {
    /// Reads the id of a key's (`is_key`) or a value's schema: for programs that choose a deserializer by schema.
    ///
    /// # Errors
    /// [`WireFormatError`] if the bytes were not written with a schema registry.
    pub fn read(data: &[u8], headers: &Headers, is_key: bool) -> Result<Self, WireFormatError> {
        read(data, headers, is_key).map(|frame| frame.id)
    }

    pub(super) fn about(self) -> super::error::About {
        match self {
            Self::Id(id) => super::error::About::Id(id),
            Self::Guid(guid) => super::error::About::Guid(guid),
        }
    }
}

impl fmt::Display for WireId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.about().fmt(f)
    }
}

pub(super) fn header(is_key: bool) -> &'static str {
    if is_key { "__key_schema_id" } else { "__value_schema_id" }
}

/// Writes the id of the schema and the bytes behind it to the buffer or the header. The caller then appends the payload to the buffer.
pub(crate) fn begin<W>(
    location: SchemaIdLocation,
    resolved: &Resolved<W>,
    behind_id: &[u8],
    context: &mut SerializeContext<'_>,
    buffer: &mut Vec<u8>,
) -> Result<(), BoxError> {
    match location {
        SchemaIdLocation::Prefix => {
            buffer.push(MAGIC_V0);
            buffer.extend_from_slice(&resolved.id.to_be_bytes());
            buffer.extend_from_slice(behind_id);
        }
        SchemaIdLocation::Header => {
            let guid = resolved.guid.ok_or_else(|| {
                format!(
                    "schema id {}: the registry returned no GUID, which HeaderSchemaIdSerializer requires; use PrefixSchemaIdSerializer",
                    resolved.id
                )
            })?;
            let mut value = Vec::with_capacity(17 + behind_id.len());
            value.push(MAGIC_V1);
            value.extend_from_slice(guid.as_bytes());
            value.extend_from_slice(behind_id);
            context.headers.push(header(context.is_key), Some(&value));
        }
    }
    Ok(())
}

/// Reads the id of a key's or a value's schema from its header, or from the front of its bytes if it has no such header.
pub(crate) fn read<'a>(data: &'a [u8], headers: &'a Headers, is_key: bool) -> Result<WireFormat<'a>, WireFormatError> {
    if let Some(value) = headers.last(header(is_key)) {
        let value = value.value().unwrap_or_default();
        let truncated = WireFormatError::Truncated { length: value.len() };
        return match value.split_first().ok_or(truncated.clone())? {
            (&MAGIC_V1, rest) => {
                let (guid, behind_id) = rest.split_first_chunk::<16>().ok_or(truncated)?;
                Ok(WireFormat { id: WireId::Guid(Uuid::from_bytes(*guid)), behind_id: Some(behind_id), payload: data })
            }
            (&found, _) => Err(WireFormatError::Magic { expected: MAGIC_V1, found }),
        };
    }
    let truncated = WireFormatError::Truncated { length: data.len() };
    match data.split_first().ok_or(truncated.clone())? {
        (&MAGIC_V0, rest) => {
            let (id, payload) = rest.split_first_chunk::<4>().ok_or(truncated)?;
            Ok(WireFormat { id: WireId::Id(i32::from_be_bytes(*id)), behind_id: None, payload })
        }
        (&found, _) => Err(WireFormatError::Magic { expected: MAGIC_V0, found }),
    }
}
