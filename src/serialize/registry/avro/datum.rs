//! [`Datum`]: a generic value, for serde.

use apache_avro::types::Value;
use serde::{
    Serialize, Serializer,
    ser::{Error, SerializeMap, SerializeSeq},
};

/// A generic value as the [`Encoder`](super::encoder::Encoder) takes it.
pub(super) struct Datum<'v> {
    pub(super) value: &'v Value,
    /// Whether a union's value says which of the union's types it has. It does not in what `apache_avro::to_value` makes.
    pub(super) knows_branch: bool,
}

impl Serialize for Datum<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let inner = |value| Datum { value, knows_branch: self.knows_branch };
        match self.value {
            Value::Null => serializer.serialize_none(),
            Value::Boolean(value) => serializer.serialize_bool(*value),
            Value::Int(value) | Value::Date(value) | Value::TimeMillis(value) => serializer.serialize_i32(*value),
            Value::Long(value)
            | Value::TimeMicros(value)
            | Value::TimestampMillis(value)
            | Value::TimestampMicros(value)
            | Value::TimestampNanos(value)
            | Value::LocalTimestampMillis(value)
            | Value::LocalTimestampMicros(value)
            | Value::LocalTimestampNanos(value) => serializer.serialize_i64(*value),
            Value::Float(value) => serializer.serialize_f32(*value),
            Value::Double(value) => serializer.serialize_f64(*value),
            Value::Bytes(value) | Value::Fixed(_, value) => serializer.serialize_bytes(value),
            Value::String(value) | Value::Enum(_, value) => serializer.serialize_str(value),
            Value::Uuid(value) => serializer.serialize_bytes(value.as_bytes()),
            Value::Decimal(value) => {
                let bytes = Vec::<u8>::try_from(value).map_err(|_| S::Error::custom("the decimal has no bytes"))?;
                serializer.serialize_bytes(&bytes)
            }
            Value::Duration(value) => serializer.serialize_bytes(&<[u8; 12]>::from(*value)),
            Value::BigDecimal(_) => Err(S::Error::custom("a big-decimal cannot be written; use a decimal")),
            // The name is not looked at, the place in the union is.
            Value::Union(branch, value) if self.knows_branch => {
                serializer.serialize_newtype_variant("", *branch, "of a union", &inner(value))
            }
            Value::Union(_, value) => inner(value).serialize(serializer),
            Value::Array(values) => {
                let mut items = serializer.serialize_seq(Some(values.len()))?;
                values.iter().try_for_each(|value| items.serialize_element(&inner(value)))?;
                items.end()
            }
            Value::Map(values) => {
                let mut entries = serializer.serialize_map(Some(values.len()))?;
                values.iter().try_for_each(|(key, value)| entries.serialize_entry(key, &inner(value)))?;
                entries.end()
            }
            Value::Record(fields) => {
                let mut entries = serializer.serialize_map(Some(fields.len()))?;
                fields.iter().try_for_each(|(name, value)| entries.serialize_entry(name, &inner(value)))?;
                entries.end()
            }
        }
    }
}
