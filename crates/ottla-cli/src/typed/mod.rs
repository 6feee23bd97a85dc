//! Rows typed by a schema: CSV texts and JSON values are converted to the schema's types.

mod avro;
mod avro_columns;
mod avro_json;
mod cell;
mod json_schema;
mod protobuf;
mod temporal;

use std::{ops::Deref, str::FromStr};

pub(crate) use avro::AvroRows;
pub(crate) use avro_columns::AvroColumns;
pub(crate) use avro_json::AvroJson;
use cell::{Cell, Object};
pub(crate) use json_schema::JsonRows;
pub(crate) use protobuf::ProtobufRows;

/// The field of a row that does not match its schema.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Misfit {
    /// The path of the field, such as `departure.time` or `stops[2]`; empty for the row itself.
    pub(crate) field: String,
    /// What was expected, without the row's content.
    pub(crate) message: String,
}

/// How to handle a field of a row that the schema does not have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// The row is rejected.
    #[default]
    Refuse,
    /// The field is dropped.
    Ignore,
}

impl FromStr for Unknown {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "refuse" => Ok(Self::Refuse),
            "ignore" => Ok(Self::Ignore),
            _ => Err("must be one of refuse, ignore".to_owned()),
        }
    }
}

impl Misfit {
    fn here(message: impl Into<String>) -> Self {
        Self { field: String::new(), message: message.into() }
    }

    fn not_in_schema() -> Self {
        Self::here("is not in the schema: add it there, or drop unknown fields with unknown = \"ignore\"")
    }

    fn expected(what: &str, cell: &Cell<'_>) -> Self {
        let message = match cell {
            Cell::Text(_) | Cell::Number(_) => format!("is not {what}"),
            other => format!("is {}, not {what}", other.kind()),
        };
        Self::here(message)
    }

    /// Prefixes the path with the name of the field that holds it.
    fn in_field(mut self, name: &str) -> Self {
        let dot = if self.field.is_empty() || self.field.starts_with('[') { "" } else { "." };
        self.field = format!("{name}{dot}{}", self.field);
        self
    }

    /// Prefixes the path with the index of the item that holds it.
    fn in_item(mut self, index: usize) -> Self {
        let dot = if self.field.is_empty() || self.field.starts_with('[') { "" } else { "." };
        self.field = format!("[{index}]{dot}{}", self.field);
        self
    }
}

/// The JSON value that a string holds, or the cell itself.
fn structured<'a>(cell: &'a Cell<'a>) -> Structured<'a> {
    match cell {
        Cell::Text(text) => Cell::parse(text).map_or(Structured::Given(cell), Structured::Spelled),
        other => Structured::Given(other),
    }
}

enum Structured<'a> {
    Given(&'a Cell<'a>),
    Spelled(Cell<'a>),
}

impl<'a> Deref for Structured<'a> {
    type Target = Cell<'a>;

    fn deref(&self) -> &Cell<'a> {
        match self {
            Self::Given(cell) => cell,
            Self::Spelled(cell) => cell,
        }
    }
}

/// Parses a number of type `T`.
fn number<T: FromStr>(cell: &Cell<'_>) -> Option<T> {
    cell.digits()?.parse().ok()
}

/// Parses a float. Digits that overflow to infinity are rejected; a spelled-out infinity is accepted.
fn float<T: FromStr + Copy>(cell: &Cell<'_>, is_finite: fn(T) -> bool) -> Option<T> {
    let digits = cell.digits()?;
    let parsed: T = digits.parse().ok()?;
    (is_finite(parsed) || !digits.contains(|c: char| c.is_ascii_digit())).then_some(parsed)
}
