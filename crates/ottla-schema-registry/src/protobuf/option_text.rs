//! [`set_options`]: options and their values, as in .proto text.

use std::fmt::Write as _;

use prost_reflect::{DynamicMessage, Kind, MapKey, Value};

/// The options that are set, including extensions.
pub(super) fn set_options(options: &DynamicMessage) -> impl Iterator<Item = (String, String)> {
    let own = options.fields().filter(|(field, _)| field.name() != "uninterpreted_option");
    let own = own.map(|(field, value)| (field.name().to_owned(), field.kind(), value.clone()));
    let extensions = options.extensions();
    let extensions =
        extensions.map(|(extension, value)| (format!("({})", extension.full_name()), extension.kind(), value.clone()));
    let all: Vec<_> = own.chain(extensions).collect();
    all.into_iter().flat_map(|(name, kind, value)| {
        let values = match value {
            Value::List(values) => values,
            value => vec![value],
        };
        values.into_iter().map(move |value| (name.clone(), constant(&value, &kind)))
    })
}

pub(super) fn constant(value: &Value, kind: &Kind) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::I32(value) => value.to_string(),
        Value::I64(value) => value.to_string(),
        Value::U32(value) => value.to_string(),
        Value::U64(value) => value.to_string(),
        Value::F32(value) => value.to_string().to_lowercase(),
        Value::F64(value) => value.to_string().to_lowercase(),
        Value::String(value) => quoted(value.as_bytes()),
        Value::Bytes(value) => quoted(value),
        Value::EnumNumber(number) => match kind {
            Kind::Enum(each) => each.get_value(*number).map_or_else(|| number.to_string(), |value| value.name().to_owned()),
            _ => number.to_string(),
        },
        Value::Message(message) => aggregate(message),
        // `set_options` and `aggregate` flatten lists and maps.
        Value::List(values) => values.iter().map(|value| constant(value, kind)).collect::<Vec<_>>().join(", "),
        Value::Map(_) => String::new(),
    }
}

/// A message as the value of an option: `{ name: "x" items: 1 items: 2 }`.
fn aggregate(message: &DynamicMessage) -> String {
    let mut text = "{".to_owned();
    for (field, value) in message.fields() {
        let mut push = |value: String| {
            let _ = write!(text, " {}: {value}", field.name());
        };
        match value {
            Value::List(values) => values.iter().for_each(|value| push(constant(value, &field.kind()))),
            Value::Map(entries) => {
                if let Kind::Message(entry) = field.kind() {
                    let value_kind = entry.map_entry_value_field().kind();
                    entries.iter().for_each(|(key, value)| {
                        push(format!("{{ key: {} value: {} }}", map_key(key), constant(value, &value_kind)));
                    });
                }
            }
            value => push(constant(value, &field.kind())),
        }
    }
    text.push_str(" }");
    text
}

fn map_key(key: &MapKey) -> String {
    match key {
        MapKey::Bool(key) => key.to_string(),
        MapKey::I32(key) => key.to_string(),
        MapKey::I64(key) => key.to_string(),
        MapKey::U32(key) => key.to_string(),
        MapKey::U64(key) => key.to_string(),
        MapKey::String(key) => quoted(key.as_bytes()),
    }
}

/// A string literal, with octal escapes for bytes that are not printable ASCII.
pub(super) fn quoted(bytes: &[u8]) -> String {
    let mut text = "\"".to_owned();
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => text.extend(['\\', char::from(byte)]),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => {
                let _ = write!(text, "\\{byte:03o}");
            }
        }
    }
    text.push('"');
    text
}
