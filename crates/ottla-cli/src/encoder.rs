//! [`Encoder`]: serializes keys or values, with or without a schema.

use apache_avro::types::Value as AvroValue;
use ottla::{
    Headers, Serializer,
    serialize::{BoxError, SerializeContext, Serialized, Unavailable},
};
use ottla_schema_registry::{GenericAvro, JsonSchema, Protobuf, RegistryError, SchemaType, prost_reflect::DynamicMessage};

use crate::{
    avro_names::parsed,
    encoding::{Encoding, Part, Unfit, utf8},
    exit::{Failure, chain},
    input::Format,
    row::{Columns, RowErrorKind},
    schema_source::SchemaSource,
    typed::{AvroColumns, AvroRows, JsonRows, Misfit, ProtobufRows, Unknown},
};

/// How the keys or the values of a run become bytes.
pub(crate) enum Encoder {
    /// Unchanged.
    AsIs,
    Plain(Encoding),
    Avro(Box<AvroRows>, GenericAvro),
    Protobuf(ProtobufRows, Protobuf<DynamicMessage>),
    Json(JsonRows, JsonSchema<serde_json::Value>),
}

/// The position of a text: part, topic and input format.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) part: Part,
    pub(crate) topic: &'a str,
    /// Keys and the values of the format `lines` are plain text; other values are JSON.
    pub(crate) format: Format,
}

impl Encoder {
    /// Creates the encoder for `encoding`; `source` finds the schema if there is one.
    ///
    /// # Errors
    /// The schema does not exist, cannot be used, or the registry rejects it.
    pub(crate) fn open(
        encoding: Option<Encoding>,
        unknown: Unknown,
        place: Place<'_>,
        source: impl FnOnce(SchemaType) -> Result<SchemaSource, Failure>,
    ) -> Result<Self, Failure> {
        match encoding {
            None => Ok(Self::AsIs),
            Some(Encoding::WithSchema(schema_type)) => Self::with_schema(schema_type, unknown, place, &source(schema_type)?),
            Some(plain) => Ok(Self::Plain(plain)),
        }
    }

    fn with_schema(schema_type: SchemaType, unknown: Unknown, place: Place<'_>, source: &SchemaSource) -> Result<Self, Failure> {
        let registry = source.registry();
        Ok(match schema_type {
            SchemaType::Avro => {
                let (schema, names) = parsed(source.schema().text(), source.uses().iter().map(|(_, text)| text.as_str()))
                    .map_err(|error| Failure::usage(format!("{source}: invalid Avro schema: {error}")))?;
                let serializer = match source.file() {
                    Some(schema) => GenericAvro::with_schema(registry, schema.clone()),
                    None => GenericAvro::from_registry(registry),
                };
                Self::Avro(Box::new(AvroRows::new(schema, names, unknown)), serializer)
            }
            SchemaType::Protobuf => {
                let (message, serializer) = (source.message()?, Protobuf::dynamic(registry));
                // Serializing one message registers the schema with its imports.
                let mut headers = Headers::new();
                let mut context = SerializeContext::new(place.topic, &mut headers, place.part == Part::Key);
                let tried = serializer.serialize(&DynamicMessage::new(message.clone()), &mut context, &mut Vec::new());
                tried.map_err(|error| match cause(error).downcast::<RegistryError>() {
                    Ok(error) => Failure::from(*error),
                    Err(error) => Failure::usage(format!("{source}: {}", chain(&*error))),
                })?;
                Self::Protobuf(ProtobufRows::new(message, unknown), serializer)
            }
            SchemaType::Json => {
                let schema = serde_json::from_str(source.schema().text())
                    .map_err(|error| Failure::usage(format!("{source}: invalid JSON: {error}")))?;
                let serializer = match source.file() {
                    Some(schema) => JsonSchema::with_schema(registry, schema.clone()),
                    None => JsonSchema::from_registry(registry),
                };
                Self::Json(JsonRows::new(schema), serializer)
            }
        })
    }

    /// Returns the bytes of `text`: `text` itself, or `buffer` with the serialized form; `None` is null. Waits for the registry
    /// if needed.
    ///
    /// # Errors
    /// The text does not match the encoding. The error does not show the text.
    pub(crate) fn encode<'a>(
        &self,
        place: Place<'_>,
        text: &'a [u8],
        headers: &mut Headers,
        buffer: &'a mut Vec<u8>,
    ) -> Result<Option<&'a [u8]>, Unfit> {
        if let Self::AsIs = self { Ok(Some(text)) } else { self.serialize(place, text, headers, buffer) }
    }

    /// As [`encode`](Self::encode), which does without this large function for the most frequent encoder.
    #[inline(never)]
    fn serialize<'a>(
        &self,
        place: Place<'_>,
        text: &'a [u8],
        headers: &mut Headers,
        buffer: &'a mut Vec<u8>,
    ) -> Result<Option<&'a [u8]>, Unfit> {
        let written = match self {
            Self::AsIs => return Ok(Some(text)),
            Self::Plain(encoding) => return encoding.encode(place.part, text, buffer),
            Self::Avro(rows, serializer) => {
                let row = utf8(place.part, text)?;
                let value = if place.is_json() { rows.value(row) } else { rows.value_of_text(row) };
                return place.write_avro((rows, serializer), value, headers, buffer);
            }
            Self::Protobuf(rows, serializer) => {
                let value = rows.value(utf8(place.part, text)?);
                place.write(serializer, &place.fitting(value)?, headers, buffer)
            }
            Self::Json(rows, serializer) => {
                let row = utf8(place.part, text)?;
                let value = if place.is_json() { rows.value(row) } else { rows.value_of_text(row) };
                place.write(serializer, &place.fitting(value)?, headers, buffer)
            }
        };
        Ok(match written? {
            Serialized::Bytes => Some(buffer),
            Serialized::Null => None,
        })
    }

    /// Finds the fields of the values among the columns of a CSV input, for [`encode_columns`](Self::encode_columns). `None` if the values are
    /// made of JSON.
    pub(crate) fn columns(&self, names: &[&str]) -> Option<AvroColumns> {
        if let Self::Avro(rows, _) = self { rows.columns(names) } else { None }
    }

    /// Serializes a CSV row as [`encode`](Self::encode) serializes its JSON object. `text` is for encoders without columns.
    ///
    /// # Errors
    /// As for [`encode`](Self::encode).
    pub(crate) fn encode_columns<'a>(
        &self,
        place: Place<'_>,
        (columns, row): (&AvroColumns, Columns<'_>),
        text: &'a [u8],
        headers: &mut Headers,
        buffer: &'a mut Vec<u8>,
    ) -> Result<Option<&'a [u8]>, Unfit> {
        let Self::Avro(rows, serializer) = self else { return self.encode(place, text, headers, buffer) };
        place.write_avro((rows, serializer), rows.value_of_columns(columns, row), headers, buffer)
    }
}

impl Place<'_> {
    fn is_json(self) -> bool {
        self.part == Part::Value && self.format != Format::Lines
    }

    fn fitting<T>(self, value: Result<T, Misfit>) -> Result<T, Unfit> {
        value.map_err(|Misfit { field, message }| {
            let field = Some(field).filter(|field| !field.is_empty());
            let message = match &field {
                Some(field) => format!("`{field}` {message}"),
                None => format!("the {} {message}", self.part),
            };
            Unfit { kind: RowErrorKind::Serialization, message, field }
        })
    }

    fn write_avro<'a>(
        self,
        (rows, serializer): (&AvroRows, &GenericAvro),
        value: Result<AvroValue, Misfit>,
        headers: &mut Headers,
        buffer: &'a mut Vec<u8>,
    ) -> Result<Option<&'a [u8]>, Unfit> {
        let value = self.fitting(value)?;
        let written = self.write::<AvroValue>(serializer, &value, headers, buffer);
        rows.reuse(value);
        Ok(match written? {
            Serialized::Bytes => Some(buffer),
            Serialized::Null => None,
        })
    }

    fn write<T>(
        self,
        serializer: &impl Serializer<T>,
        value: &T,
        headers: &mut Headers,
        buffer: &mut Vec<u8>,
    ) -> Result<Serialized, Unfit> {
        buffer.clear();
        let mut context = SerializeContext::new(self.topic, headers, self.part == Part::Key);
        serializer.serialize(value, &mut context, buffer).map_err(|error: BoxError| {
            let (kind, message) = if error.is::<Unavailable>() {
                (RowErrorKind::SchemaRegistry, format!("the schema registry was unavailable: {}", chain(&*error)))
            } else {
                (RowErrorKind::Serialization, chain(&*error))
            };
            Unfit { kind, message, field: None }
        })
    }
}

/// The registry's own error, if the registry is unavailable.
fn cause(error: BoxError) -> BoxError {
    match error.downcast::<Unavailable>() {
        Ok(unavailable) => unavailable.into_inner(),
        Err(error) => error,
    }
}

#[cfg(test)]
mod tests {
    use ottla_schema_registry::{
        Schema, SchemaRegistry, SchemaRegistryConfig,
        testing::{EmbeddedRegistry, RegistryFault},
    };

    use super::*;

    #[test]
    fn a_registry_outage_is_not_a_serialization_error() {
        let embedded = EmbeddedRegistry::start().unwrap();
        let settings = [("schema.registry.url", embedded.url()), ("max.retries", "0")];
        let registry = SchemaRegistry::new(&SchemaRegistryConfig::from_pairs(settings).unwrap()).unwrap();
        let serializer = GenericAvro::with_schema(&registry, Schema::new(SchemaType::Avro, "\"long\""));
        let place = Place { part: Part::Value, topic: "orders", format: Format::Jsonl };
        let write = |value| place.write(&serializer, &value, &mut Headers::new(), &mut Vec::new()).unwrap_err();
        embedded.fail(Some(RegistryFault::Status(500)));
        let unfit = write(AvroValue::Long(7));
        assert_eq!(unfit.kind, RowErrorKind::SchemaRegistry, "{}", unfit.message);
        assert!(unfit.message.starts_with("the schema registry was unavailable: "), "{}", unfit.message);
        embedded.fail(None);
        assert_eq!(write(AvroValue::Boolean(true)).kind, RowErrorKind::Serialization);
    }
}
