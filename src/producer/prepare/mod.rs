//! What `send` does before it returns: a record's key and value are serialized into its buffer, and its size is checked.
//!
//! A serializer may have to wait, for a schema most often; what is left to serialize is then a [`PendingSerialization`](pending_serialization::PendingSerialization).

pub(super) mod pending_serialization;
pub(super) mod record_size;
pub(super) mod serializers;
