//! [`GenericAvro`]: values without a Rust type of their own.

use apache_avro::types::Value;
use ottla::serialize::{BoxError, Deferred, DeserializeContext, Deserializer, SerializeContext, Serialized, Serializer};

use super::{Codec, Datum, PendingValue};
use crate::{Schema, SchemaRegistry};

/// Serializes and deserializes an [`apache_avro::types::Value`] as Avro, with the schema in a registry: for programs that learn the schema at
/// run time.
///
/// A value is written as the schema's type: the fields of a record by name, a value of a union by the index in [`Value::Union`], or else by
/// the type that fits best. A record of a union without an index must have the fields of exactly one record. Values are read as
/// [`Avro`](super::Avro) reads them.
#[derive(Debug)]
pub struct GenericAvro(Codec);

impl GenericAvro {
    /// Creates a serializer with this schema, which may have references. An invalid schema fails the records, not this call.
    pub fn with_schema(registry: &SchemaRegistry, schema: Schema) -> Self {
        Self(Codec::new(registry, Some(schema)))
    }

    /// Creates a serializer with the registered schema: the subject's latest version, or that of `use.schema.id`. Records are read with the
    /// schema they were written with.
    pub fn from_registry(registry: &SchemaRegistry) -> Self {
        Self(Codec::new(registry, None))
    }

    crate::lookup_options!(0);
}

impl Serializer<Value> for GenericAvro {
    fn serialize(&self, data: &Value, context: &mut SerializeContext<'_>, buffer: &mut Vec<u8>) -> Result<Serialized, BoxError> {
        self.0.write(|plan, buffer| plan.write_generic(data, buffer), context, buffer)
    }

    fn may_defer(&self) -> bool {
        true
    }

    fn defer(&self, data: &Value, context: &SerializeContext<'_>) -> Result<Option<Deferred>, BoxError> {
        self.0.defer(&Datum { value: data }, context, || Ok(PendingValue::Generic(data.clone())))
    }
}

impl Deserializer<Value> for GenericAvro {
    fn deserialize(&self, data: Option<&[u8]>, context: &DeserializeContext<'_>) -> Result<Value, BoxError> {
        self.0.read(data, context).map(|read| read.value)
    }
}
