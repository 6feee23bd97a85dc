//! [`Reader`]: reads what was written with a schema, as another schema has it.

use std::sync::Arc;

use apache_avro::{Decimal, Schema, from_avro_datum, from_value, types::Value};
use serde::de::DeserializeOwned;

use super::{AvroError, inline::inline, plan::Plan};
use crate::{
    panic::contain,
    serialize::registry::{RegistryError, RegistryErrorKind, SchemaType, client::Whole, error::About},
};

/// A schema with all that it uses in it, parsed.
#[derive(Debug, Clone)]
pub(super) struct Parsed {
    schema: Schema,
    pub(super) plan: Arc<Plan>,
}

impl Parsed {
    pub(super) fn new<'t>(text: &str, used: impl IntoIterator<Item = &'t str>) -> Result<Self, AvroError> {
        let text = inline(text, used);
        let schema = contain(|| Schema::parse_str(&text))
            .map_err(|_| AvroError::new("the schema cannot be parsed"))?
            .map_err(|error| AvroError::new(format!("the schema cannot be parsed: {error}")))?;
        let plan = Arc::new(Plan::new(&schema)?);
        Ok(Self { schema, plan })
    }

    /// Parses what a registry gave.
    pub(super) fn of(whole: &Whole, about: &About) -> Result<Self, RegistryError> {
        let unusable = |message: String| RegistryError::new(RegistryErrorKind::UnusableSchema, about, message);
        match whole.schema.schema().schema_type() {
            SchemaType::Avro => {
                let used = whole.references.iter().map(|(_, used)| used.schema().text());
                Self::new(whole.schema.schema().text(), used).map_err(|error| unusable(error.to_string()))
            }
            other => Err(unusable(format!("it is of type {other}, not AVRO"))),
        }
    }

    /// Reads a value; `reader` is how it is wanted, if that is not how it was written.
    pub(super) fn read(&self, payload: &[u8], reader: Option<&Self>) -> Result<Value, AvroError> {
        if matches!(self.schema, Schema::Bytes) {
            return Ok(Value::Bytes(payload.to_vec()));
        }
        let unreadable =
            |why: &str| AvroError::new(format!("{} bytes that are not written with this schema{why}", payload.len()));
        self.plan.measure(payload).map_err(|flaw| unreadable(&format!(": {}", flaw.text())))?;
        match contain(|| resolved(&self.schema, payload, reader)) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(unreadable(&format!(" ({})", what(&error)))),
            Err(_) => Err(unreadable("")),
        }
    }
}

fn resolved(writer: &Schema, mut payload: &[u8], reader: Option<&Parsed>) -> Result<Value, apache_avro::Error> {
    let value = from_avro_datum(writer, &mut payload, None)?;
    match reader {
        Some(reader) => widened(value).resolve(&reader.schema),
        None => Ok(value),
    }
}

/// A value whose decimals have so many bytes that `apache-avro` resolves them: it takes their length for the greatest precision that they
/// have, and writers leave out what a number does not need.
fn widened(value: Value) -> Value {
    match value {
        Value::Decimal(decimal) => match Vec::<u8>::try_from(&decimal) {
            Ok(bytes) => {
                let sign = if bytes.first().is_some_and(|byte| *byte >= 0x80) { 0xff } else { 0 };
                let missing = DECIMAL_BYTES.saturating_sub(bytes.len());
                Value::Decimal(Decimal::from([vec![sign; missing], bytes].concat()))
            }
            Err(_) => Value::Decimal(decimal),
        },
        Value::Union(branch, value) => Value::Union(branch, Box::new(widened(*value))),
        Value::Array(values) => Value::Array(values.into_iter().map(widened).collect()),
        Value::Map(entries) => Value::Map(entries.into_iter().map(|(key, value)| (key, widened(value))).collect()),
        Value::Record(fields) => Value::Record(fields.into_iter().map(|(name, value)| (name, widened(value))).collect()),
        value => value,
    }
}

/// Enough for a precision of 76 digits.
const DECIMAL_BYTES: usize = 32;

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
