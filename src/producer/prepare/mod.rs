//! Preparation of a record in `send`: serializes key and value into the record's buffer and checks the size.
//!
//! A serializer may have to wait, usually for a schema. The rest is then a [`PendingSerialization`](pending_serialization::PendingSerialization).

pub(super) mod pending_serialization;
pub(super) mod record_size;
pub(super) mod serializers;
