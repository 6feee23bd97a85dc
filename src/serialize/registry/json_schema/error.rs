//! [`JsonSchemaError`]: why a JSON Schema cannot be used, or what a value breaks of it.

use super::super::SchemaType;

/// Why a JSON Schema cannot be used, or what a value breaks of it. It names places and rules, never what is in a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonSchemaError {
    /// The schema's text is not JSON.
    #[error("the schema is not JSON: line {line} column {column}: {reason}")]
    NotJson {
        /// The line of the text where it went wrong, from 1.
        line: usize,
        /// The column of that line, from 1.
        column: usize,
        /// What went wrong there.
        reason: String,
    },
    /// The schema is JSON, but no schema, or refers to one that is not there.
    #[error("the schema is no JSON Schema at {place:?}: {reason}")]
    NotSchema {
        /// Where in the schema, as a JSON pointer.
        place: String,
        /// What is wrong there.
        reason: String,
    },
    /// The schema is of another language.
    #[error("expected a schema of JSON, got one of {found}")]
    OtherLanguage {
        /// The language that it is of.
        found: SchemaType,
    },
    /// The value is not as the schema wants it.
    #[error("the value at {place:?} breaks the rule {rule:?} of the schema{}", named(.property))]
    Invalid {
        /// Where in the value, as a JSON pointer (RFC 6901): empty for the whole value.
        place: String,
        /// Which rule, as a JSON pointer into the schema: `/properties/quantity/minimum`.
        rule: String,
        /// The property that the schema wants and the value lacks.
        property: Option<String>,
    },
}

fn named(property: &Option<String>) -> String {
    property.as_ref().map(|property| format!(": it lacks the property {property:?}")).unwrap_or_default()
}
