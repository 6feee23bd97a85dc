//! [`Datum`]: a generic value with `serde::Serialize`.

use apache_avro::types::Value;
use serde::{
    Serialize, Serializer,
    ser::{Error, SerializeMap, SerializeSeq},
};

use super::integers::{int_value, long_value};

/// The newtype name of a record. Its fields are serialized as a map, because serde requires static field names for a struct.
pub(super) const RECORD: &str = "apache_avro::types::Value::Record";

/// The newtype name of an enum's symbol.
pub(super) const SYMBOL: &str = "apache_avro::types::Value::Enum";

/// The enum name of a value of a union. The variant index is the index in the union.
pub(super) const BRANCH: &str = "apache_avro::types::Value::Union";

/// A generic value in the form that [`Encoder`](super::encoder::Encoder) expects.
pub(super) struct Datum<'v> {
    pub(super) value: &'v Value,
}

/// The fields of a record.
struct Record<'v>(&'v [(String, Value)]);

impl Serialize for Record<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut entries = serializer.serialize_map(Some(self.0.len()))?;
        self.0.iter().try_for_each(|(name, value)| entries.serialize_entry(name, &Datum { value }))?;
        entries.end()
    }
}

impl Serialize for Datum<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let inner = |value| Datum { value };
        match self.value {
            Value::Null => serializer.serialize_none(),
            Value::Boolean(value) => serializer.serialize_bool(*value),
            int_value!(value) => serializer.serialize_i32(*value),
            long_value!(value) => serializer.serialize_i64(*value),
            Value::Float(value) => serializer.serialize_f32(*value),
            Value::Double(value) => serializer.serialize_f64(*value),
            Value::Bytes(value) | Value::Fixed(_, value) => serializer.serialize_bytes(value),
            Value::String(value) => serializer.serialize_str(value),
            Value::Enum(_, value) => serializer.serialize_newtype_struct(SYMBOL, value),
            Value::Uuid(value) => serializer.serialize_bytes(value.as_bytes()),
            Value::Decimal(value) => {
                let bytes = Vec::<u8>::try_from(value).map_err(|_| S::Error::custom("the decimal is too long"))?;
                serializer.serialize_bytes(&bytes)
            }
            Value::Duration(value) => serializer.serialize_bytes(&<[u8; 12]>::from(*value)),
            Value::BigDecimal(value) => serializer.serialize_str(&value.to_string()),
            Value::Union(branch, value) => serializer.serialize_newtype_variant(BRANCH, *branch, BRANCH, &inner(value)),
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
            Value::Record(fields) => serializer.serialize_newtype_struct(RECORD, &Record(fields)),
        }
    }
}
