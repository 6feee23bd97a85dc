//! [`AvroError`]: why a value and a schema do not go together.

use std::fmt;

/// Why a value cannot be written with an Avro schema, or bytes cannot be read with one. It names the field, never what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AvroError {
    /// The fields from the root on, the innermost first.
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

    /// The field that is wrong, from the root on: `order.items`; empty for the root itself.
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
