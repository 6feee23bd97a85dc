//! Converts values in Avro's JSON encoding (Avro specification: "JSON Encoding") to those of `apache_avro`.

use std::collections::HashMap;

use ottla_schema_registry::apache_avro::types::Value;
use serde_json::Value as Json;

use super::Vector;

/// The value of a vector without logical types: a date is an `Int`.
pub(crate) fn avro(vector: &Vector) -> Value {
    let mut names = Names(HashMap::new());
    let texts = vector.referred();
    let schemas: Vec<Json> =
        texts.values().copied().chain([vector.schema.as_str()]).map(|text| serde_json::from_str(text).unwrap()).collect();
    schemas.iter().for_each(|schema| names.collect(schema, ""));
    names.value(schemas.last().unwrap(), &vector.value)
}

/// Removes the logical types of a value that was read.
pub(crate) fn plain(value: Value) -> Value {
    match value {
        Value::Date(value) | Value::TimeMillis(value) => Value::Int(value),
        Value::TimeMicros(value) | Value::TimestampMillis(value) | Value::TimestampMicros(value) => Value::Long(value),
        Value::Decimal(value) => Value::Bytes(shortest(Vec::try_from(&value).unwrap())),
        Value::Fixed(_, value) => Value::Bytes(value),
        Value::Uuid(value) => Value::String(value.to_string()),
        Value::Union(branch, value) => Value::Union(branch, Box::new(plain(*value))),
        Value::Array(values) => Value::Array(values.into_iter().map(plain).collect()),
        Value::Map(entries) => Value::Map(entries.into_iter().map(|(key, value)| (key, plain(value))).collect()),
        Value::Record(fields) => Value::Record(fields.into_iter().map(|(name, value)| (name, plain(value))).collect()),
        value => value,
    }
}

/// Removes the redundant bytes of a number in two's complement.
fn shortest(mut bytes: Vec<u8>) -> Vec<u8> {
    while let [sign @ (0 | 0xff), next, ..] = bytes[..] {
        if (sign & 0x80) != (next & 0x80) {
            break;
        }
        bytes.remove(0);
    }
    bytes
}

/// The named types, by full name and by short name. Short names are unique in the vectors.
struct Names<'s>(HashMap<String, &'s Json>);

fn full_name(schema: &Json) -> Option<String> {
    let name = schema["name"].as_str()?;
    Some(schema["namespace"].as_str().map_or_else(|| name.to_owned(), |namespace| format!("{namespace}.{name}")))
}

impl<'s> Names<'s> {
    fn collect(&mut self, schema: &'s Json, namespace: &str) {
        let namespace = schema["namespace"].as_str().unwrap_or(namespace);
        if let Some(name) = schema["name"].as_str().filter(|_| schema["type"].is_string()) {
            self.0.insert(name.to_owned(), schema);
            self.0.insert(format!("{namespace}.{name}"), schema);
        }
        for part in [&schema["type"], &schema["items"], &schema["values"]] {
            if part.is_object() || part.is_array() {
                self.collect(part, namespace);
            }
        }
        schema["fields"].as_array().into_iter().flatten().for_each(|field| self.collect(&field["type"], namespace));
        schema.as_array().into_iter().flatten().for_each(|branch| self.collect(branch, namespace));
    }

    /// Whether the JSON of a union's value names this type.
    fn is_named(schema: &Json, name: &str) -> bool {
        match schema {
            Json::String(own) => own == name,
            schema => full_name(schema).is_some_and(|own| own == name) || schema["type"] == name,
        }
    }

    fn value(&self, schema: &Json, json: &Json) -> Value {
        let bytes = || json.as_str().unwrap().chars().map(|letter| u8::try_from(u32::from(letter)).unwrap()).collect::<Vec<_>>();
        let kind = match schema {
            Json::Array(branches) => {
                let (name, json) = match json {
                    Json::Null => ("null", json),
                    json => json.as_object().unwrap().iter().next().map(|(name, json)| (name.as_str(), json)).unwrap(),
                };
                let branch = branches.iter().position(|branch| Self::is_named(branch, name)).unwrap();
                return Value::Union(u32::try_from(branch).unwrap(), Box::new(self.value(&branches[branch], json)));
            }
            Json::String(kind) => kind,
            schema => match &schema["type"] {
                Json::String(kind) => kind,
                inner => return self.value(inner, json),
            },
        };
        match kind.as_str() {
            "null" => Value::Null,
            "boolean" => Value::Boolean(json.as_bool().unwrap()),
            "int" => Value::Int(i32::try_from(json.as_i64().unwrap()).unwrap()),
            "long" => Value::Long(json.as_i64().unwrap()),
            "float" => Value::Float(json.to_string().parse().unwrap()),
            "double" => Value::Double(json.as_f64().unwrap()),
            "bytes" | "fixed" if schema["logicalType"] == "decimal" => Value::Bytes(shortest(bytes())),
            "bytes" | "fixed" => Value::Bytes(bytes()),
            "string" => Value::String(json.as_str().unwrap().to_owned()),
            "enum" => {
                let symbols = schema["symbols"].as_array().unwrap();
                let position = symbols.iter().position(|symbol| symbol == json).unwrap();
                Value::Enum(u32::try_from(position).unwrap(), json.as_str().unwrap().to_owned())
            }
            "array" => Value::Array(json.as_array().unwrap().iter().map(|item| self.value(&schema["items"], item)).collect()),
            "map" => {
                let entries = json.as_object().unwrap().iter();
                Value::Map(entries.map(|(key, value)| (key.clone(), self.value(&schema["values"], value))).collect())
            }
            "record" => {
                let field = |field: &Json| {
                    let name = field["name"].as_str().unwrap();
                    (name.to_owned(), self.value(&field["type"], &json[name]))
                };
                Value::Record(schema["fields"].as_array().unwrap().iter().map(field).collect())
            }
            name => self.value(self.0[name], json),
        }
    }
}
