//! [`Row`]: one record of the input, and [`RowError`], one that cannot be sent.

use std::fmt;

/// One record of the input. It borrows the reader's buffers, so it is gone at the next one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row<'a> {
    /// The line of the input where it begins, from 1.
    pub(crate) line: u64,
    /// The record as it was read, without the end of its line: what a dead letter carries.
    pub(crate) raw: &'a [u8],
    /// The key's text; `None` is a null key.
    pub(crate) key: Option<&'a [u8]>,
    /// The value: the line or the JSON object as it came in, or the JSON object made of a CSV row.
    pub(crate) value: &'a [u8],
}

/// A record of the input that cannot be sent. It does not end the input.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RowError {
    /// The line of the input where the record begins, from 1.
    pub(crate) line: u64,
    /// What kind of error it is.
    pub(crate) kind: RowErrorKind,
    /// What is wrong, without the record's content.
    pub(crate) message: String,
    /// The field or column that is wrong, where it is one.
    pub(crate) field: Option<String>,
    /// The record as it was read, without the end of its line; of one that is too large, the beginning.
    pub(crate) record: Vec<u8>,
}

/// The kinds of error that reading a record has. The names are those in dead letters and reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum RowErrorKind {
    /// The record is longer than a record may be.
    RecordTooLarge,
    /// Text that is not UTF-8, in JSON or CSV.
    InvalidUtf8,
    /// A line that is not one JSON object.
    InvalidJson,
    /// A CSV row with more or fewer columns than the header.
    ColumnCount,
    /// A CSV row with a quoted field that does not end.
    UnclosedQuote,
    /// A CSV row with text between a closing quote and the next comma.
    TextAfterQuote,
    /// A JSON object without the field that the key is taken from.
    MissingKey,
    /// A key that is an object or an array.
    InvalidKey,
    /// A key or a value that its serializer does not take, such as a word for an integer.
    Serialization,
    /// The schema registry could not be asked for the record's schema: the record may be as good as any.
    SchemaRegistry,
}

impl RowErrorKind {
    /// The name, as in dead letters and reports.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::RecordTooLarge => "RecordTooLarge",
            Self::InvalidUtf8 => "InvalidUtf8",
            Self::InvalidJson => "InvalidJson",
            Self::ColumnCount => "ColumnCount",
            Self::UnclosedQuote => "UnclosedQuote",
            Self::TextAfterQuote => "TextAfterQuote",
            Self::MissingKey => "MissingKey",
            Self::InvalidKey => "InvalidKey",
            Self::Serialization => "Serialization",
            Self::SchemaRegistry => "SchemaRegistry",
        }
    }
}

impl fmt::Display for RowErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Line, kind and message; the record itself goes to the dead letters only.
impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}: {}", self.line, self.kind, self.message)
    }
}

impl std::error::Error for RowError {}

impl fmt::Debug for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RowError({self}; {} bytes)", self.record.len())
    }
}

/// Shows sizes only.
impl fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Row")
            .field("line", &self.line)
            .field("raw", &self.raw.len())
            .field("key", &self.key.map(<[u8]>::len))
            .field("value", &self.value.len())
            .finish()
    }
}
