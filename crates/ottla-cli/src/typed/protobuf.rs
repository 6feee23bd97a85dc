//! [`ProtobufRows`]: converts rows to Protobuf messages.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use prost_reflect::{Cardinality, DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value};

use super::{Cell, Misfit, Object, Unknown, number, structured};

/// Converts rows to Protobuf messages.
///
/// A field is found by its `.proto` name or its JSON name. A string is parsed as the field's type: a number, `true` or `false`,
/// an enum name; bytes are base64, and well-known types follow Protobuf's JSON mapping. Null leaves a field unset.
#[derive(Debug)]
pub(crate) struct ProtobufRows {
    descriptor: MessageDescriptor,
    unknown: Unknown,
}

impl ProtobufRows {
    /// Creates the converter for this message type.
    pub(crate) fn new(descriptor: MessageDescriptor, unknown: Unknown) -> Self {
        Self { descriptor, unknown }
    }

    /// Converts a row, which is JSON.
    ///
    /// # Errors
    /// The field that does not match the message, and why.
    pub(crate) fn value(&self, row: &str) -> Result<DynamicMessage, Misfit> {
        let cell = Cell::parse(row).map_err(|_| Misfit::here("is not JSON"))?;
        self.message(&self.descriptor, &cell)
    }

    fn message(&self, descriptor: &MessageDescriptor, cell: &Cell<'_>) -> Result<DynamicMessage, Misfit> {
        if descriptor.parent_file().package_name() == "google.protobuf" {
            return well_known(descriptor, cell);
        }
        let structured = structured(cell);
        let Cell::Object(Object(cells)) = &*structured else { return Err(Misfit::expected("an object", cell)) };
        let mut message = DynamicMessage::new(descriptor.clone());
        for (name, raw) in cells {
            let Some(field) = descriptor.get_field_by_name(name).or_else(|| descriptor.get_field_by_json_name(name)) else {
                if self.unknown == Unknown::Ignore {
                    continue;
                }
                return Err(Misfit::not_in_schema().in_field(name));
            };
            let cell = Cell::of(raw);
            if matches!(cell, Cell::Null) && !takes_null(&field) {
                continue;
            }
            if let Some(other) = field.containing_oneof().and_then(|oneof| oneof.fields().find(|other| message.has_field(other)))
            {
                return Err(Misfit::here(format!(
                    "is set together with {}, but only one field of a oneof may be set",
                    other.name()
                ))
                .in_field(name));
            }
            let value = self.field(&field, &cell).map_err(|misfit| misfit.in_field(name))?;
            message.set_field(&field, value);
        }
        let missing = |field: &FieldDescriptor| field.cardinality() == Cardinality::Required && !message.has_field(field);
        match descriptor.fields().find(missing) {
            Some(field) => Err(Misfit::here("is required but missing").in_field(field.name())),
            None => Ok(message),
        }
    }

    fn field(&self, field: &FieldDescriptor, cell: &Cell<'_>) -> Result<Value, Misfit> {
        if let (true, Kind::Message(entry)) = (field.is_map(), field.kind()) {
            let structured = structured(cell);
            let Cell::Object(Object(cells)) = &*structured else { return Err(Misfit::expected("an object", cell)) };
            let (key_field, value_field) = (entry.map_entry_key_field(), entry.map_entry_value_field());
            let entry = |(name, raw): &(std::borrow::Cow<'_, str>, &serde_json::value::RawValue)| {
                let key = map_key(&key_field.kind(), name);
                let key = key.ok_or_else(|| Misfit::here("is not a valid key for this map"));
                let value = self.single(&value_field.kind(), &Cell::of(raw));
                key.and_then(|key| Ok((key, value?))).map_err(|misfit| misfit.in_field(name))
            };
            return cells.iter().map(entry).collect::<Result<_, _>>().map(Value::Map);
        }
        if field.is_list() {
            let structured = structured(cell);
            let Cell::Array(items) = &*structured else { return Err(Misfit::expected("an array", cell)) };
            let item = |(index, raw): (usize, &&serde_json::value::RawValue)| {
                self.single(&field.kind(), &Cell::of(raw)).map_err(|misfit| misfit.in_item(index))
            };
            return items.iter().enumerate().map(item).collect::<Result<_, _>>().map(Value::List);
        }
        self.single(&field.kind(), cell)
    }

    fn single(&self, kind: &Kind, cell: &Cell<'_>) -> Result<Value, Misfit> {
        let misfit = |what: &str| Misfit::expected(what, cell);
        Ok(match kind {
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(number(cell).ok_or_else(|| misfit("an int32"))?),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(number(cell).ok_or_else(|| misfit("an int64"))?),
            Kind::Uint32 | Kind::Fixed32 => Value::U32(number(cell).ok_or_else(|| misfit("a uint32"))?),
            Kind::Uint64 | Kind::Fixed64 => Value::U64(number(cell).ok_or_else(|| misfit("a uint64"))?),
            Kind::Float => Value::F32(super::float(cell, f32::is_finite).ok_or_else(|| misfit("a float"))?),
            Kind::Double => Value::F64(super::float(cell, f64::is_finite).ok_or_else(|| misfit("a double"))?),
            Kind::Bool => Value::Bool(cell.boolean().ok_or_else(|| misfit("true or false"))?),
            Kind::String => Value::String(cell.text().ok_or_else(|| misfit("a string"))?.to_owned()),
            Kind::Bytes => {
                let bytes = cell.text().and_then(|text| BASE64_STANDARD.decode(text).ok());
                Value::Bytes(bytes.ok_or_else(|| misfit("base64"))?.into())
            }
            Kind::Enum(descriptor) => {
                let by_name = cell.text().and_then(|text| descriptor.get_value_by_name(text)).map(|value| value.number());
                let names = || descriptor.values().map(|value| value.name().to_owned()).collect::<Vec<_>>().join(", ");
                Value::EnumNumber(by_name.or_else(|| number(cell)).ok_or_else(|| misfit(&format!("one of {}", names())))?)
            }
            Kind::Message(descriptor) => Value::Message(self.message(descriptor, cell)?),
        })
    }
}

/// Whether null is a value of the field's type.
fn takes_null(field: &FieldDescriptor) -> bool {
    match field.kind() {
        Kind::Message(descriptor) => descriptor.full_name() == "google.protobuf.Value",
        Kind::Enum(descriptor) => descriptor.full_name() == "google.protobuf.NullValue",
        _ => false,
    }
}

/// Converts a well-known type by Protobuf's JSON mapping. In addition a string is accepted for a `BoolValue`, and a space for the
/// `T` of a time.
fn well_known(descriptor: &MessageDescriptor, cell: &Cell<'_>) -> Result<DynamicMessage, Misfit> {
    let what = || Misfit::expected(&format!("a {} in Protobuf's JSON mapping", descriptor.full_name()), cell);
    let json = match (descriptor.full_name(), cell) {
        ("google.protobuf.BoolValue", cell) => cell.boolean().ok_or_else(what)?.to_string(),
        (_, Cell::Null) => "null".to_owned(),
        (_, Cell::Boolean(boolean)) => boolean.to_string(),
        (_, Cell::Number(digits)) => (*digits).to_owned(),
        (_, Cell::Text(text)) => serde_json::to_string(text).map_err(|_| what())?,
        (_, Cell::Array(items)) => serde_json::to_string(items).map_err(|_| what())?,
        (_, Cell::Object(Object(fields))) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(name, raw)| serde_json::to_string(name).map(|name| format!("{name}:{raw}")))
                .collect::<Result<_, _>>()
                .map_err(|_| what())?;
            format!("{{{}}}", fields.join(","))
        }
    };
    let mut deserializer = serde_json::Deserializer::from_str(&json);
    DynamicMessage::deserialize(descriptor.clone(), &mut deserializer).map_err(|_| what())
}

fn map_key(kind: &Kind, name: &str) -> Option<MapKey> {
    Some(match kind {
        Kind::String => MapKey::String(name.to_owned()),
        Kind::Bool => MapKey::Bool(name.parse().ok()?),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => MapKey::I32(name.parse().ok()?),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => MapKey::I64(name.parse().ok()?),
        Kind::Uint32 | Kind::Fixed32 => MapKey::U32(name.parse().ok()?),
        Kind::Uint64 | Kind::Fixed64 => MapKey::U64(name.parse().ok()?),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use ottla_schema_registry::compile_proto;

    use super::*;

    fn rows(unknown: Unknown) -> ProtobufRows {
        let text = r#"syntax = "proto3"; package t; import "google/protobuf/wrappers.proto"; import "google/protobuf/timestamp.proto";
            enum Colour { RED = 0; BLUE = 1; }
            message Stop { int32 minutes = 1; }
            message Row {
                int64 id = 1; bool open = 2; bytes data = 3; Colour colour = 4; repeated Stop stops = 5; map<int32, double> prices = 6;
                google.protobuf.BoolValue maybe = 7; google.protobuf.Timestamp at = 8; optional string some_text = 9;
                oneof either { string left = 10; string right = 11; }
            }"#;
        let pool = compile_proto([("t.proto", text)]).unwrap();
        ProtobufRows::new(pool.get_message_by_name("t.Row").unwrap(), unknown)
    }

    fn shown(row: &str) -> Result<String, Misfit> {
        rows(Unknown::Refuse).value(row).map(|message| serde_json::to_string(&message).unwrap())
    }

    #[test]
    fn strings_are_converted_to_the_fields_type() {
        let row = r#"{"id":"7","open":"true","data":"AAE=","colour":"BLUE","stops":"[{\"minutes\":\"3\"}]","prices":{"1":"1.5"},
            "maybe":"false","at":"2013-01-01T10:00:00Z","some_text":"x","left":null}"#;
        let wanted = r#"{"id":"7","open":true,"data":"AAE=","colour":"BLUE","stops":[{"minutes":3}],"prices":{"1":1.5},"maybe":false,"at":"2013-01-01T10:00:00Z","someText":"x"}"#;
        assert_eq!(shown(row).as_deref(), Ok(wanted));
        assert_eq!(shown(r#"{"someText":"y"}"#).as_deref(), Ok(r#"{"someText":"y"}"#), "the JSON name of the field");
    }

    #[test]
    fn errors_name_the_field_and_hide_the_value() {
        for (row, field, message) in [
            (r#"{"id":"hunter2"}"#, "id", "is not an int64"),
            (r#"{"stops":[{"minutes":1},{"minutes":1.5}]}"#, "stops[1].minutes", "is not an int32"),
            (r#"{"prices":{"x":1}}"#, "prices.x", "is not a valid key for this map"),
            (r#"{"colour":"GREEN"}"#, "colour", "is not one of RED, BLUE"),
            (r#"{"data":"?"}"#, "data", "is not base64"),
            (r#"{"at":"hunter2"}"#, "at", "is not a google.protobuf.Timestamp in Protobuf's JSON mapping"),
            (r#"{"left":"a","right":"b"}"#, "right", "is set together with left, but only one field of a oneof may be set"),
            ("[]", "", "is an array, not an object"),
        ] {
            assert_eq!(shown(row), Err(Misfit { field: field.to_owned(), message: message.to_owned() }), "{row}");
        }
        assert!(shown(r#"{"other":1}"#).unwrap_err().message.starts_with("is not in the schema"));
        assert!(rows(Unknown::Ignore).value(r#"{"other":1}"#).is_ok());
    }
}
