//! [`GenericAvro`]: values that only their schema describes.

use apache_avro::types::Value;

use super::{Codec, Datum, Owned};
use crate::serialize::{
    BoxError, Deferred, DeserializeContext, Deserializer, SerializeContext, Serialized, Serializer,
    registry::{Schema, SchemaRegistry},
};

/// An [`apache_avro::types::Value`] in Avro, with the schema in a registry: for programs that learn the schema while they run.
///
/// A value is written as the type of the schema at its place: the fields of a record by their names, a union's by the number in
/// [`Value::Union`], or by the type that it fits best. A record without that number must have the fields of one record alone. It is read as
/// [`Avro`](super::Avro) reads it.
#[derive(Debug)]
pub struct GenericAvro(Codec);

impl GenericAvro {
    /// Avro with this schema, which may use others. A schema that is none is an error of the records.
    pub fn with_schema(registry: &SchemaRegistry, schema: Schema) -> Self {
        Self(Codec::new(registry, Some(schema)))
    }

    /// Avro with the schema that is registered: the subject's latest version, or what `use.schema.id` says. Records are read as they were
    /// written.
    pub fn from_registry(registry: &SchemaRegistry) -> Self {
        Self(Codec::new(registry, None))
    }

    crate::serialize::registry::choices!(0);
}

impl Serializer<Value> for GenericAvro {
    fn serialize(&self, data: &Value, context: &mut SerializeContext<'_>, buffer: &mut Vec<u8>) -> Result<Serialized, BoxError> {
        self.0.write(&Datum { value: data }, context, buffer)
    }

    fn may_defer(&self) -> bool {
        true
    }

    fn defer(&self, data: &Value, context: &SerializeContext<'_>) -> Result<Option<Deferred>, BoxError> {
        self.0.defer(&Datum { value: data }, context, || Ok(Owned::Generic(data.clone())))
    }
}

impl Deserializer<Value> for GenericAvro {
    fn deserialize(&self, data: Option<&[u8]>, context: &DeserializeContext<'_>) -> Result<Value, BoxError> {
        self.0.read(data, context).map(|read| read.value)
    }
}
