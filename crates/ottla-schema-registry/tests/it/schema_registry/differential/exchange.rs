//! Values as JSON with type annotations, for tests/python/differential.py.

use apache_avro::{Decimal, types::Value};
use ottla_schema_registry::apache_avro;
use serde_json::{Value as Json, json};

use super::schema::Type;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn unscaled(number: &Decimal) -> i128 {
    let bytes = Vec::<u8>::try_from(number).unwrap();
    let sign = if bytes.first().is_some_and(|byte| byte & 0x80 != 0) { -1 } else { 0 };
    bytes.iter().fold(sign, |number, byte| (number << 8) | i128::from(*byte))
}

/// Converts a value. Bytes, dates and similar types become objects with one key; a union's record, enum or fixed gets its name.
pub(super) fn exchanged(kind: &Type, value: &Value) -> Json {
    match (kind, value) {
        (Type::Union(branches), Value::Union(place, value)) => {
            let kind = &branches[*place as usize];
            let json = exchanged(kind, value);
            kind.name().map_or_else(|| json.clone(), |name| json!({"union": [name.full(), json]}))
        }
        (Type::Array(items), Value::Array(values)) => values.iter().map(|value| exchanged(items, value)).collect(),
        (Type::Map(values), Value::Map(entries)) => {
            json!({"map": entries.iter().map(|(key, value)| (key.clone(), exchanged(values, value))).collect::<serde_json::Map<_, _>>()})
        }
        (Type::Record(_, fields), Value::Record(values)) => {
            let values = fields.iter().zip(values).map(|(field, (name, value))| (name.clone(), exchanged(&field.kind, value)));
            json!({"map": values.collect::<serde_json::Map<_, _>>()})
        }
        (Type::Decimal { scale, .. }, Value::Decimal(number)) => json!({"decimal": [unscaled(number).to_string(), scale]}),
        (_, Value::Null) => Json::Null,
        (_, Value::Boolean(value)) => json!(value),
        (_, Value::Int(value)) => json!(value),
        (_, Value::Long(value)) => json!(value),
        (_, Value::Float(value)) => json!(f64::from(*value)),
        (_, Value::Double(value)) => json!(value),
        (_, Value::String(text) | Value::Enum(_, text)) => json!(text),
        (_, Value::Bytes(bytes) | Value::Fixed(_, bytes)) => json!({"bytes": hex(bytes)}),
        (_, Value::Date(days)) => json!({"date": days}),
        (_, Value::TimeMillis(time)) => json!({"time": time}),
        (_, Value::TimestampMillis(time)) => json!({"timestamp": time * 1000}),
        (_, Value::TimestampMicros(time)) => json!({"timestamp": time}),
        (_, Value::Uuid(uuid)) => json!({"uuid": uuid.to_string()}),
        (kind, value) => unreachable!("{kind:?} {value:?}"),
    }
}
