//! [`ParsedSchema`]: a parsed schema, for writing and reading.

use std::sync::Arc;

use apache_avro::{Schema, types::Value};
use serde::de::DeserializeOwned;

use super::{AvroError, decoder::decode, deserializer::Typed, encoder::put_bytes, plan::Plan, references::inline_references};
use crate::{RegistryError, RegistryErrorKind, SchemaType, client::SchemaWithReferences, error::About, panic::contain};

/// A parsed schema, including its references.
#[derive(Debug, Clone)]
pub(super) struct ParsedSchema {
    pub(super) plan: Arc<Plan>,
}

impl ParsedSchema {
    pub(super) fn new<'t>(text: &str, used: impl IntoIterator<Item = &'t str>) -> Result<Self, AvroError> {
        let text = inline_references(text, used);
        let schema = contain(|| Schema::parse_str(&text))
            .map_err(|_| AvroError::new("the schema cannot be parsed"))?
            .map_err(|error| AvroError::new(format!("the schema cannot be parsed: {error}")))?;
        Ok(Self { plan: Arc::new(Plan::new(&schema)?) })
    }

    /// Parses a registered schema.
    pub(super) fn of(whole: &SchemaWithReferences, about: &About) -> Result<Self, RegistryError> {
        let unusable = |message: String| RegistryError::new(RegistryErrorKind::UnusableSchema, about, message);
        match whole.schema.schema().schema_type() {
            SchemaType::Avro => {
                let used = whole.references.iter().map(|(_, used)| used.schema().text());
                Self::new(whole.schema.schema().text(), used).map_err(|error| unusable(error.to_string()))
            }
            other => Err(unusable(format!("expected a schema of type AVRO, got {other}"))),
        }
    }

    /// Reads a value that was written with this schema, and resolves it to `reader` if that is given.
    pub(super) fn read(&self, payload: &[u8], reader: Option<&Self>) -> Result<Value, AvroError> {
        let mut framed = Vec::new();
        let bytes = if self.plan.is_raw() {
            put_bytes(payload, &mut framed);
            &framed
        } else {
            payload
        };
        self.plan.validate(bytes).map_err(|malformed| {
            AvroError::new(format!("{} bytes are not a value of the writer's schema: {}", payload.len(), malformed.text()))
        })?;
        decode(&self.plan, reader.map_or(&self.plan, |reader| &reader.plan), bytes)
    }

    /// Converts a value of this schema to a `T`.
    pub(super) fn typed<T: DeserializeOwned>(&self, value: &Value) -> Result<T, AvroError> {
        let panicked =
            || AvroError::new(format!("the implementation of Deserialize for {} panicked", std::any::type_name::<T>()));
        contain(|| T::deserialize(Typed::new(&self.plan, value))).map_err(|_| panicked())?
    }
}
