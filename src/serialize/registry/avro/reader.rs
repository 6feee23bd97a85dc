//! [`Reader`]: reads what was written with a schema, as another schema has it.

use apache_avro::{Schema, from_avro_datum_reader_schemata, from_value, types::Value};
use serde::de::DeserializeOwned;

use super::AvroError;
use crate::{
    panic::contain,
    serialize::registry::{RegistryError, RegistryErrorKind, SchemaType, client::Whole, error::About},
};

/// A schema and those that it uses, parsed.
#[derive(Debug, Clone)]
pub(super) struct Parsed {
    pub(super) schema: Schema,
    pub(super) used: Vec<Schema>,
}

impl Parsed {
    pub(super) fn new<'t>(text: &str, used: impl IntoIterator<Item = &'t str>) -> Result<Self, AvroError> {
        let (schema, used) = contain(|| Schema::parse_str_with_list(text, used))
            .map_err(|_| AvroError::new("the schema cannot be parsed"))?
            .map_err(|error| AvroError::new(format!("the schema cannot be parsed: {error}")))?;
        Ok(Self { schema, used })
    }

    /// Parses what a registry gave.
    pub(super) fn of(whole: &Whole, about: &About) -> Result<Self, RegistryError> {
        let unusable = |message: String| RegistryError::new(RegistryErrorKind::UnusableSchema, about, message);
        match whole.schema.schema().schema_type() {
            SchemaType::Avro => {
                // One that is used by two others stands there twice.
                let mut texts: Vec<&str> = whole.references.iter().map(|(_, used)| used.schema().text()).collect();
                texts.sort_unstable();
                texts.dedup();
                Self::new(whole.schema.schema().text(), texts).map_err(|error| unusable(error.to_string()))
            }
            other => Err(unusable(format!("it is of type {other}, not AVRO"))),
        }
    }

    /// The schema and all that it uses: what names are looked up in.
    fn all(&self) -> Vec<&Schema> {
        std::iter::once(&self.schema).chain(&self.used).collect()
    }

    /// Reads a value; `reader` is how it is wanted, if that is not how it was written.
    pub(super) fn read(&self, mut payload: &[u8], reader: Option<&Self>) -> Result<Value, AvroError> {
        if matches!(self.schema, Schema::Bytes) {
            return Ok(Value::Bytes(payload.to_vec()));
        }
        let length = payload.len();
        let wanted = reader.map(|reader| &reader.schema);
        // Names in what is wanted are looked up there alone.
        let names = reader.map(|reader| reader.used.iter().collect()).unwrap_or_default();
        let read = || from_avro_datum_reader_schemata(&self.schema, self.all(), &mut payload, wanted, names);
        match contain(read) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                Err(AvroError::new(format!("{length} bytes that are not written with this schema ({})", what(&error))))
            }
            Err(_) => Err(AvroError::new(format!("{length} bytes that are not written with this schema"))),
        }
    }
}

/// Makes a `T` of a value.
pub(super) fn typed<T: DeserializeOwned>(value: &Value) -> Result<T, AvroError> {
    let failed = |reason: &str| AvroError::new(format!("the value is no {}: {reason}", std::any::type_name::<T>()));
    match contain(|| from_value::<T>(value)) {
        Ok(Ok(typed)) => Ok(typed),
        Ok(Err(error)) => Err(failed(&what(&error))),
        Err(_) => Err(failed("its Deserialize panicked")),
    }
}

/// What `apache-avro` found wrong, without the data that its text quotes: the name of its error, and of a missing field.
fn what(error: &apache_avro::Error) -> String {
    let text = error.to_string();
    if let Some(field) = text.find("missing field `").and_then(|start| text.get(start..)?.split_inclusive('`').nth(1)) {
        return format!("missing field `{field}");
    }
    let details = format!("{:?}", error.details());
    details.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default().to_owned()
}
