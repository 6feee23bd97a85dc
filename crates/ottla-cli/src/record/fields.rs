//! [`FieldNames`]: the fields that a configuration uses. [`RowFields`]: their content in a row.

use std::ops::Range;

use super::settings::Origin;
use crate::{
    input::{Scalar, append_scalar},
    row::Columns,
};

/// The fields that the configuration uses, each once.
#[derive(Debug, Default)]
pub(super) struct FieldNames {
    names: Vec<String>,
    /// The first setting that uses each field.
    users: Vec<Origin>,
}

impl FieldNames {
    /// Adds a field that a setting uses, and returns its index.
    pub(super) fn add(&mut self, name: &str, user: &Origin) -> usize {
        self.names.iter().position(|known| known == name).unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.users.push(user.clone());
            self.names.len() - 1
        })
    }

    /// The names, by index.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// The names, each with the first setting that uses it.
    pub(super) fn with_users(&self) -> impl Iterator<Item = (&str, &Origin)> {
        self.names.iter().map(String::as_str).zip(&self.users)
    }
}

/// A field from which a part of the record cannot be produced.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FieldFault {
    /// The field, by its index in [`FieldNames`].
    pub(super) field: usize,
    /// What is wrong, without the field's content.
    pub(super) message: &'static str,
    /// Whether the field is missing.
    pub(super) is_missing: bool,
}

impl FieldFault {
    pub(super) fn new(field: usize, message: &'static str) -> Self {
        Self { field, message, is_missing: false }
    }
}

/// The content of the fields of one row.
#[derive(Clone, Copy)]
pub(super) enum RowFields<'a> {
    /// A CSV row. `indexes` has the column of each field.
    Columns { columns: Columns<'a>, indexes: &'a [usize] },
    /// A JSON object. `found` has the position of each field in `object`.
    Json { object: &'a str, found: &'a [Option<Range<usize>>] },
    /// A line, which has no fields. The configuration then has none either.
    Line,
}

impl<'a> RowFields<'a> {
    /// The JSON of a field; `None` if it is missing, or if this is no JSON object.
    pub(super) fn json(&self, field: usize) -> Option<&'a str> {
        match self {
            Self::Json { object, found } => object.get(found.get(field)?.clone()?),
            Self::Columns { .. } | Self::Line => None,
        }
    }

    /// Appends the text of a field. Returns whether it has one; it has none if it is null.
    ///
    /// # Errors
    /// The field is missing, or is an object or an array.
    pub(super) fn append(&self, field: usize, text: &mut Vec<u8>) -> Result<bool, FieldFault> {
        if let Self::Columns { columns, indexes } = self {
            let content = indexes.get(field).and_then(|&column| columns.get(column));
            text.extend_from_slice(content.unwrap_or_default());
            return Ok(content.is_some());
        }
        let Some(json) = self.json(field) else {
            return Err(FieldFault { field, message: "is missing", is_missing: true });
        };
        match append_scalar(json, text) {
            Ok(Scalar::Text) => Ok(true),
            Ok(Scalar::Null) => Ok(false),
            Ok(Scalar::Structured("an array")) => {
                Err(FieldFault::new(field, "is an array; it must be a string, a number or a boolean"))
            }
            Ok(Scalar::Structured(_)) => Err(FieldFault::new(field, "is an object; it must be a string, a number or a boolean")),
            Err(_) => Err(FieldFault::new(field, "is a string with an invalid escape")),
        }
    }
}
