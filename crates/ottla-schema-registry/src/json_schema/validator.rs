//! [`Validator`]: a compiled JSON Schema.

use std::{collections::HashMap, error::Error as StdError, fmt};

use jsonschema::{Retrieve, Uri, error::ValidationErrorKind};
use serde_json::Value;

use super::{super::client::SchemaWithReferences, error::JsonSchemaError};
use crate::SchemaType;

/// A compiled schema, including its references.
pub(super) struct Validator(jsonschema::Validator);

/// The references of a schema, by name. Nothing is fetched from elsewhere.
struct References(HashMap<String, Value>);

impl Validator {
    pub(super) fn new(whole: &SchemaWithReferences) -> Result<Self, JsonSchemaError> {
        let schema = whole.schema.schema();
        if schema.schema_type() != SchemaType::Json {
            return Err(JsonSchemaError::OtherLanguage { found: schema.schema_type() });
        }
        let references = whole.references.iter().map(|(name, used)| Ok((name.clone(), parsed(used.schema().text())?)));
        let references = References(references.collect::<Result<_, JsonSchemaError>>()?);
        let validator = jsonschema::options().with_base_uri(NO_BASE).with_retriever(references).build(&parsed(schema.text())?);
        validator.map(Self).map_err(|error| JsonSchemaError::NotSchema {
            place: error.instance_path().as_str().to_owned(),
            reason: error.to_string(),
        })
    }

    /// Validates a value.
    pub(super) fn check(&self, value: &Value) -> Result<(), JsonSchemaError> {
        self.0.validate(value).map_err(|error| JsonSchemaError::Invalid {
            place: error.instance_path().as_str().to_owned(),
            rule: error.schema_path().as_str().to_owned(),
            property: match error.kind() {
                ValidationErrorKind::Required { property } => property.as_str().map(str::to_owned),
                _ => None,
            },
        })
    }
}

impl fmt::Debug for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Validator(..)")
    }
}

/// Parses the text of a schema.
pub(super) fn parsed(text: &str) -> Result<Value, JsonSchemaError> {
    serde_json::from_str(text).map_err(|error| {
        let (reason, line, column) = (error.to_string(), error.line(), error.column());
        let reason = reason.rsplit_once(" at line ").map_or(reason.clone(), |(reason, _)| reason.to_owned());
        JsonSchemaError::NotJson { line, column, reason }
    })
}

/// The base URI of a schema without `$id`, so that its relative references can be resolved too.
const NO_BASE: &str = "registry:///";

impl Retrieve for References {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn StdError + Send + Sync>> {
        let uri = uri.as_str();
        let name = uri.strip_prefix(NO_BASE).unwrap_or(uri);
        // `jsonschema` resolves a relative reference against the `$id` of the schema that contains it.
        let found = self.0.get(name).or_else(|| {
            let relative = |known: &str| uri.strip_suffix(known).is_some_and(|base| base.ends_with('/'));
            self.0.iter().find(|(known, _)| relative(known)).map(|(_, schema)| schema)
        });
        found.cloned().ok_or_else(|| format!("no reference of the schema is named {name}").into())
    }
}
