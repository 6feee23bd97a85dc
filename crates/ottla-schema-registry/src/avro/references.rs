//! [`inline_references`]: merges a schema and its references into one text, with each definition at the first use of its name.

use std::collections::HashMap;

use serde_json::{Map, Value};

/// Placeholders for the logical types `duration` and `uuid` of a fixed: `apache-avro` drops the name of the first and writes the second as a
/// string.
pub(super) const FIXED_DURATION: &str = "ottla-fixed-duration";
pub(super) const FIXED_UUID: &str = "ottla-fixed-uuid";

/// Deeper than any real schema.
const DEEPEST: usize = 200;

/// Replaces the names of referenced types by their definitions. Returns text that is not JSON unchanged, so that the parser reports the error.
pub(super) fn inline_references<'t>(text: &str, used: impl IntoIterator<Item = &'t str>) -> String {
    let mut definitions = HashMap::new();
    for definition in used.into_iter().filter_map(|text| serde_json::from_str::<Value>(text).ok()) {
        if let Some(name) = definition.as_object().map(|object| full_name(object, "")) {
            definitions.insert(name, definition);
        }
    }
    match serde_json::from_str(text) {
        Ok(mut schema) => {
            if !definitions.is_empty() {
                put(&mut schema, "", &mut definitions, 0);
            }
            preserve_fixed(&mut schema, 0);
            schema.to_string()
        }
        Err(_) => text.to_owned(),
    }
}

/// Replaces the logical types that would make `apache-avro` drop the fixed type.
fn preserve_fixed(schema: &mut Value, depth: usize) {
    if depth > DEEPEST {
        return;
    }
    match schema {
        Value::Array(types) => types.iter_mut().for_each(|schema| preserve_fixed(schema, depth + 1)),
        Value::Object(object) => {
            let is_fixed = object.get("type").is_some_and(|kind| kind == "fixed");
            let size = object.get("size").and_then(Value::as_u64);
            if let (true, Some(logical)) = (is_fixed, object.get_mut("logicalType")) {
                match (logical.as_str(), size) {
                    (Some("duration"), Some(12)) => *logical = FIXED_DURATION.into(),
                    (Some("uuid"), Some(16)) => *logical = FIXED_UUID.into(),
                    _ => {}
                }
            }
            for key in ["type", "items", "values", "fields"] {
                object.get_mut(key).into_iter().for_each(|schema| preserve_fixed(schema, depth + 1));
            }
        }
        _ => {}
    }
}

/// The full name of a named type in an enclosing namespace (Avro specification: "Names").
fn full_name(object: &Map<String, Value>, enclosing: &str) -> String {
    let text = |key| object.get(key).and_then(Value::as_str);
    match (text("name").unwrap_or_default(), text("namespace").unwrap_or(enclosing)) {
        (name, namespace) if name.contains('.') || namespace.is_empty() => name.to_owned(),
        (name, namespace) => format!("{namespace}.{name}"),
    }
}

fn put(schema: &mut Value, namespace: &str, definitions: &mut HashMap<String, Value>, depth: usize) {
    if depth > DEEPEST {
        return;
    }
    match schema {
        Value::String(name) => {
            let full = if name.contains('.') || namespace.is_empty() { name.clone() } else { format!("{namespace}.{name}") };
            if let Some(mut definition) = definitions.remove(&full) {
                if let Value::Object(object) = &mut definition {
                    // The enclosing namespace must not apply to the inserted definition.
                    object.entry("namespace").or_insert_with(|| Value::String(String::new()));
                }
                put(&mut definition, "", definitions, depth + 1);
                *schema = definition;
            }
        }
        Value::Array(types) => types.iter_mut().for_each(|schema| put(schema, namespace, definitions, depth + 1)),
        Value::Object(object) => match object.get("type").and_then(Value::as_str) {
            Some("record" | "error" | "enum" | "fixed") => {
                let full = full_name(object, namespace);
                definitions.remove(&full);
                let inner = full.rsplit_once('.').map_or("", |(namespace, _)| namespace);
                let fields = object.get_mut("fields").and_then(Value::as_array_mut);
                for field in fields.into_iter().flatten().filter_map(|field| field.get_mut("type")) {
                    put(field, inner, definitions, depth + 1);
                }
            }
            _ => {
                for key in ["type", "items", "values"] {
                    object.get_mut(key).into_iter().for_each(|schema| put(schema, namespace, definitions, depth + 1));
                }
            }
        },
        _ => {}
    }
}
