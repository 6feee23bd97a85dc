//! [`AvroJson`]: converts Avro values to JSON that [`AvroRows`](super::AvroRows) accepts.

use std::collections::HashMap;

use apache_avro::{
    Decimal, Schema,
    schema::{Name, Namespace},
    types::Value,
};
use num_bigint::BigInt;
use serde_json::{Number, Value as Json};

use super::temporal::{Count, date_text, local_timestamp_text, time_text, timestamp_text};

/// Converts the values of one schema to JSON.
///
/// A union becomes the value of its branch, without the branch name. Bytes become a string with one character per byte, decimals
/// a string of digits, dates and times ISO 8601, and numbers that JSON lacks a string.
#[derive(Debug)]
pub(crate) struct AvroJson {
    schema: Schema,
    /// The named types, including those of referenced schemas.
    names: HashMap<Name, Schema>,
}

impl AvroJson {
    /// Creates the converter for `schema`; `names` are the types that it references.
    pub(crate) fn new(schema: Schema, names: HashMap<Name, Schema>) -> Self {
        Self { schema, names }
    }

    /// Converts a value; the fields of records are in the schema's order.
    pub(crate) fn of(&self, value: &Value) -> String {
        let mut json = String::new();
        self.write(&self.schema, &None, value, &mut json);
        json
    }

    fn write(&self, schema: &Schema, namespace: &Namespace, value: &Value, json: &mut String) {
        match (schema, value) {
            (Schema::Ref { name }, value) => {
                let full = name.fully_qualified_name(namespace);
                match self.names.get(&full) {
                    Some(schema) => self.write(schema, &full.namespace, value, json),
                    None => json.push_str("null"),
                }
            }
            (Schema::Union(union), Value::Union(branch, value)) => {
                match usize::try_from(*branch).ok().and_then(|branch| union.variants().get(branch)) {
                    Some(schema) => self.write(schema, namespace, value, json),
                    None => json.push_str("null"),
                }
            }
            (Schema::Record(record), Value::Record(fields)) => {
                let namespace = record.name.fully_qualified_name(namespace).namespace;
                let fields = record.fields.iter().zip(fields).map(|(field, (name, value))| (&field.schema, name, value));
                self.object(fields, &namespace, json);
            }
            (Schema::Map(map), Value::Map(entries)) => {
                // Sorted by key, since a map has no order.
                let mut sorted: Vec<_> = entries.iter().collect();
                sorted.sort_unstable_by_key(|(name, _)| *name);
                self.object(sorted.into_iter().map(|(name, value)| (&*map.types, name, value)), namespace, json);
            }
            (Schema::Array(array), Value::Array(items)) => {
                json.push('[');
                for (index, item) in items.iter().enumerate() {
                    json.push_str(if index == 0 { "" } else { "," });
                    self.write(&array.items, namespace, item, json);
                }
                json.push(']');
            }
            (Schema::Decimal(schema), Value::Decimal(decimal)) => {
                json.push_str(&Json::String(digits(decimal, schema.scale)).to_string());
            }
            (_, value) => json.push_str(&plain(value).to_string()),
        }
    }

    fn object<'a>(
        &self,
        fields: impl Iterator<Item = (&'a Schema, &'a String, &'a Value)>,
        namespace: &Namespace,
        json: &mut String,
    ) {
        json.push('{');
        for (index, (schema, name, value)) in fields.enumerate() {
            json.push_str(if index == 0 { "" } else { "," });
            json.push_str(&Json::String(name.clone()).to_string());
            json.push(':');
            self.write(schema, namespace, value, json);
        }
        json.push('}');
    }
}

/// Converts a value that needs no schema.
fn plain(value: &Value) -> Json {
    match value {
        Value::Boolean(boolean) => Json::Bool(*boolean),
        Value::Int(int) => (*int).into(),
        Value::Long(long) => (*long).into(),
        Value::Float(float) => number(f64::from(*float), float),
        Value::Double(double) => number(*double, double),
        Value::Bytes(bytes) | Value::Fixed(_, bytes) => Json::String(bytes.iter().map(|&byte| char::from(byte)).collect()),
        Value::String(text) | Value::Enum(_, text) => Json::String(text.clone()),
        Value::BigDecimal(decimal) => Json::String(decimal.to_string()),
        Value::Uuid(uuid) => Json::String(uuid.to_string()),
        Value::Date(days) => date_text(*days),
        Value::TimeMillis(time) => time_text((*time).into(), Count::Milliseconds),
        Value::TimeMicros(time) => time_text(*time, Count::Microseconds),
        Value::TimestampMillis(time) => timestamp_text(*time, Count::Milliseconds),
        Value::TimestampMicros(time) => timestamp_text(*time, Count::Microseconds),
        Value::TimestampNanos(time) => timestamp_text(*time, Count::Nanoseconds),
        Value::LocalTimestampMillis(time) => local_timestamp_text(*time, Count::Milliseconds),
        Value::LocalTimestampMicros(time) => local_timestamp_text(*time, Count::Microseconds),
        Value::LocalTimestampNanos(time) => local_timestamp_text(*time, Count::Nanoseconds),
        Value::Duration(duration) => serde_json::json!({
            "months": u32::from(duration.months()),
            "days": u32::from(duration.days()),
            "millis": u32::from(duration.millis()),
        }),
        Value::Null | Value::Union(..) | Value::Array(_) | Value::Map(_) | Value::Record(_) | Value::Decimal(_) => Json::Null,
    }
}

/// JSON has neither infinities nor NaN. `shown` has only as many digits as the float type.
fn number(number: f64, shown: &impl ToString) -> Json {
    match shown.to_string().parse::<Number>() {
        Ok(number) => Json::Number(number),
        Err(_) => Number::from_f64(number).map_or_else(|| Json::String(number.to_string()), Json::Number),
    }
}

/// The digits of an unscaled number, with `scale` of them after the point.
fn digits(decimal: &Decimal, scale: usize) -> String {
    let unscaled = Vec::<u8>::try_from(decimal).map(|bytes| BigInt::from_signed_bytes_be(&bytes)).unwrap_or_default();
    let text = format!("{:0>width$}", unscaled.magnitude().to_string(), width = scale + 1);
    let sign = if unscaled.sign() == num_bigint::Sign::Minus { "-" } else { "" };
    let (whole, fraction) = text.split_at(text.len() - scale);
    if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::typed::{AvroRows, Unknown};

    #[test]
    fn json_output_is_accepted_as_input() {
        let schema = r#"{"type":"record","name":"R","namespace":"n","fields":[
            {"name":"i","type":"int"},{"name":"l","type":["null","long"]},{"name":"f","type":"float"},{"name":"s","type":"string"},
            {"name":"b","type":"bytes"},{"name":"e","type":{"type":"enum","name":"E","symbols":["A","B"]}},
            {"name":"d","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},
            {"name":"day","type":{"type":"int","logicalType":"date"}},
            {"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},
            {"name":"clock","type":{"type":"int","logicalType":"time-millis"}},
            {"name":"local","type":{"type":"long","logicalType":"local-timestamp-micros"}},
            {"name":"a","type":{"type":"array","items":"E"}},{"name":"m","type":{"type":"map","values":"double"}}]}"#;
        let schema = Schema::parse_str(schema).unwrap();
        let Schema::Record(record) = &schema else { panic!() };
        let names = HashMap::from([(Name::new("n.E").unwrap(), record.fields[5].schema.clone())]);
        let row = concat!(
            r#"{"i":-1,"l":null,"f":0.1,"s":"é","b":"ÿ\u0000","e":"B","d":"-0.05","day":"2013-01-31","at":"2013-01-01T10:00:00Z","#,
            r#""clock":"23:59:59.5","local":"2013-01-01T10:00:00.000001","a":["A","B"],"m":{"x":1.5,"y":"NaN"}}"#
        );
        let value = AvroRows::new(schema.clone(), names.clone(), Unknown::Refuse).value(row).unwrap();
        assert_eq!(AvroJson::new(schema, names).of(&value), row);
    }
}
