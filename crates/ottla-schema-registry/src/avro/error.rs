//! [`AvroError`]: the error of a value that does not match an Avro schema.

use std::fmt;

use serde::de::{Expected, Unexpected};

/// Why a value cannot be written with an Avro schema, or bytes cannot be read with one. Names the field, but not its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AvroError {
    /// The path of fields, the innermost first.
    path: Vec<String>,
    problem: String,
}

impl AvroError {
    pub(super) fn new(problem: impl Into<String>) -> Self {
        Self { path: Vec::new(), problem: problem.into() }
    }

    pub(super) fn at(mut self, field: &str) -> Self {
        self.path.push(field.to_owned());
        self
    }

    /// The path of the field from the root: `order.items`; empty for the root itself.
    pub fn field(&self) -> String {
        self.path.iter().rev().map(String::as_str).collect::<Vec<_>>().join(".")
    }
}

impl fmt::Display for AvroError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "field {}: ", self.field())?;
        }
        f.write_str(&self.problem)
    }
}

impl std::error::Error for AvroError {}

impl serde::ser::Error for AvroError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }
}

/// A custom message may contain the value, so it is replaced; the others name only kinds.
impl serde::de::Error for AvroError {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::new("the value was rejected by the Deserialize implementation of its type")
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!("expected {expected}, got {}", kind(unexpected)))
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!("expected {expected}, got {} out of its range", kind(unexpected)))
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        Self::new(format!("expected {expected}, got {length} items"))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("expected one of {}, got another variant", expected.join(", ")))
    }

    fn unknown_field(_: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("expected one of the fields {}, got another field", expected.join(", ")))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new("missing in the reader's schema, but required by the type").at(field)
    }
}

fn kind(unexpected: Unexpected<'_>) -> &str {
    match unexpected {
        Unexpected::Bool(_) => "a boolean",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "an integer",
        Unexpected::Float(_) => "a floating-point number",
        Unexpected::Char(_) | Unexpected::Str(_) => "a string",
        Unexpected::Bytes(_) => "bytes",
        Unexpected::Unit | Unexpected::Option => "null",
        Unexpected::Seq => "a sequence",
        Unexpected::Map => "a map or a record",
        Unexpected::Other(other) => other,
        _ => "an enum",
    }
}
