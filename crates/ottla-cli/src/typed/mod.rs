//! Rows typed by a schema: the texts of CSV and the values of JSON become what the schema says they are.

mod avro;
mod avro_json;
mod cell;
mod json_schema;
mod protobuf;
mod temporal;

use std::{ops::Deref, str::FromStr};

pub(crate) use avro::AvroRows;
pub(crate) use avro_json::AvroJson;
use cell::{Cell, Object};
pub(crate) use json_schema::JsonRows;
pub(crate) use protobuf::ProtobufRows;

/// What of a row its schema does not take.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Misfit {
    /// Where it is, as `departure.time` or `stops[2]`; empty for the row itself.
    pub(crate) field: String,
    /// What was expected, without the row's content.
    pub(crate) message: String,
}

/// What is done with a field of a row that the schema does not have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// The row does not fit.
    #[default]
    Refuse,
    /// It is left out.
    Ignore,
}

impl FromStr for Unknown {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "refuse" => Ok(Self::Refuse),
            "ignore" => Ok(Self::Ignore),
            _ => Err("is neither refuse nor ignore".to_owned()),
        }
    }
}

impl Misfit {
    fn here(message: impl Into<String>) -> Self {
        Self { field: String::new(), message: message.into() }
    }

    fn not_in_schema() -> Self {
        Self::here("is not in the schema: add it there, or leave such fields out with unknown = \"ignore\"")
    }

    fn expected(what: &str, cell: &Cell<'_>) -> Self {
        let message = match cell {
            Cell::Text(_) | Cell::Number(_) => format!("is not {what}"),
            other => format!("is {}, not {what}", other.kind()),
        };
        Self::here(message)
    }

    /// The same, seen from the object whose field this is.
    fn in_field(mut self, name: &str) -> Self {
        let dot = if self.field.is_empty() || self.field.starts_with('[') { "" } else { "." };
        self.field = format!("{name}{dot}{}", self.field);
        self
    }

    /// The same, seen from the array whose item this is.
    fn in_item(mut self, index: usize) -> Self {
        let dot = if self.field.is_empty() || self.field.starts_with('[') { "" } else { "." };
        self.field = format!("[{index}]{dot}{}", self.field);
        self
    }
}

/// The structure that a text spells in JSON, or the cell itself.
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

/// A whole number, or whatever else `T` is parsed from.
fn number<T: FromStr>(cell: &Cell<'_>) -> Option<T> {
    cell.digits()?.parse().ok()
}

/// An infinity is one only if it is spelled out.
fn float<T: FromStr + Copy>(cell: &Cell<'_>, is_finite: fn(T) -> bool) -> Option<T> {
    let digits = cell.digits()?;
    let parsed: T = digits.parse().ok()?;
    (is_finite(parsed) || !digits.contains(|c: char| c.is_ascii_digit())).then_some(parsed)
}
