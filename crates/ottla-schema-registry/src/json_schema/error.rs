//! [`JsonSchemaError`]: the error of a JSON Schema, or of a value that violates it.

use super::super::SchemaType;

/// Why a JSON Schema cannot be used, or which rule a value violates. Contains locations and rules, but no content of a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonSchemaError {
    /// The schema's text is not JSON.
    #[error("the schema is not JSON: line {line} column {column}: {reason}")]
    NotJson {
        /// The line of the error, from 1.
        line: usize,
        /// The column of the error, from 1.
        column: usize,
        /// The reason.
        reason: String,
    },
    /// The schema is JSON, but not a valid JSON Schema, or one of its references is missing.
    #[error("the schema is not a valid JSON Schema at {place:?}: {reason}")]
    NotSchema {
        /// The location in the schema, as a JSON pointer.
        place: String,
        /// The reason.
        reason: String,
    },
    /// The schema is in another schema language.
    #[error("expected a schema of type JSON, got {found}")]
    OtherLanguage {
        /// The language of the schema.
        found: SchemaType,
    },
    /// The value violates the schema.
    #[error("the value at {place:?} violates {rule:?} of the schema{}", named(.property))]
    Invalid {
        /// The location in the value, as a JSON pointer (RFC 6901): empty for the whole value.
        place: String,
        /// The rule, as a JSON pointer into the schema: `/properties/quantity/minimum`.
        rule: String,
        /// The required property that the value lacks.
        property: Option<String>,
    },
}

fn named(property: &Option<String>) -> String {
    property.as_ref().map(|property| format!(": missing property {property:?}")).unwrap_or_default()
}
