//! [`Row`]: one record of the input. [`RowError`]: a record that cannot be sent.

use std::{fmt, ops::Range};

use crate::dead_letter_source::EarlierLetter;

/// One record of the input. It borrows the reader's buffers until the next row is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row<'a> {
    /// The input line where the record begins, counted from 1.
    pub(crate) line: u64,
    /// The record as read, without the line break; written to the dead-letter file.
    pub(crate) raw: &'a [u8],
    /// The key's text; `None` is a null key.
    pub(crate) key: Option<&'a [u8]>,
    /// The value: the line or JSON object as read, or the JSON object built from a CSV row; `None` is null.
    pub(crate) value: Option<&'a [u8]>,
    /// The headers of a line or of a record; empty for other formats.
    pub(crate) headers: RowHeaders<'a>,
    /// The fields of a CSV row; `None` for other formats.
    pub(crate) columns: Option<Columns<'a>>,
    /// Where a row of the format `record` goes; empty for other formats.
    pub(crate) target: RowTarget<'a>,
    /// The dead letter that the row was read from; `None` for other formats.
    pub(crate) letter: Option<&'a EarlierLetter>,
}

/// The parts of a record of the format `record` beside key, value and headers. `None` is null.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct RowTarget<'a> {
    pub(crate) topic: Option<&'a str>,
    pub(crate) partition: Option<i32>,
    /// Milliseconds since 1970 in UTC.
    pub(crate) timestamp: Option<i64>,
}

/// The headers of a row.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct RowHeaders<'a> {
    /// The line, or the texts of a record.
    pub(crate) text: &'a [u8],
    /// Where the headers are in the text.
    pub(crate) places: &'a [HeaderPlace],
}

/// Where a header is in its text.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct HeaderPlace {
    /// The name, which is UTF-8.
    pub(crate) name: Range<usize>,
    /// The value; `None` is null.
    pub(crate) value: Option<Range<usize>>,
}

impl<'a> RowHeaders<'a> {
    /// The name and the value of each header; `None` is null.
    pub(crate) fn iter(self) -> impl Iterator<Item = (&'a str, Option<&'a [u8]>)> {
        let text = move |place: &Range<usize>| self.text.get(place.clone()).unwrap_or_default();
        let name = move |place| std::str::from_utf8(text(place)).unwrap_or_default();
        self.places.iter().map(move |HeaderPlace { name: place, value }| (name(place), value.as_ref().map(text)))
    }
}

/// The fields of a CSV row, in the order of the header's columns.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Columns<'a> {
    /// The texts of all fields, which are UTF-8, one after another.
    pub(crate) texts: &'a [u8],
    /// The end of each field in `texts`.
    pub(crate) ends: &'a [usize],
    /// The number of bytes between two fields in `texts`: 1 if they are the line as read, with its delimiters.
    pub(crate) gap: usize,
    /// The text that means null in each column.
    pub(crate) nulls: &'a [Option<Vec<u8>>],
    /// The indexes of the fields that are not null because they are quoted.
    pub(crate) quoted: &'a [usize],
    /// The indexes of the fields that are null whatever their text is.
    pub(crate) null_fields: &'a [usize],
}

impl<'a> Columns<'a> {
    /// The text of a column; `None` is null.
    pub(crate) fn get(self, column: usize) -> Option<&'a [u8]> {
        self.place(column).map(|place| self.texts.get(place).unwrap_or_default())
    }

    /// Where the text of a column is in `texts`; `None` is null.
    pub(crate) fn place(self, column: usize) -> Option<Range<usize>> {
        let start = column.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |end| end + self.gap);
        let place = start..self.ends.get(column).copied().unwrap_or(start);
        let text = self.texts.get(place.clone()).unwrap_or_default();
        (!self.is_null(column, text)).then_some(place)
    }

    /// Whether a column, which has this text, is null.
    #[inline]
    pub(crate) fn is_null(self, column: usize, text: &[u8]) -> bool {
        let null = self.nulls.get(column).and_then(Option::as_deref);
        // The first bytes first: calls that compare all texts of the same length cost more.
        let is_null_text = null.is_some_and(|null| null.first() == text.first() && null == text);
        (is_null_text && !self.quoted.contains(&column)) || self.null_fields.contains(&column)
    }
}

/// A record of the input that cannot be sent. Reading goes on after it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RowError {
    /// The input line where the record begins, counted from 1.
    pub(crate) line: u64,
    /// The kind of error.
    pub(crate) kind: RowErrorKind,
    /// The error message, without the record's content.
    pub(crate) message: String,
    /// The field or column that is wrong, if a single one is.
    pub(crate) field: Option<String>,
    /// The record as read, without the line break; only the beginning if it is too large.
    pub(crate) record: Vec<u8>,
    /// The dead letter that the record was read from; `None` for other formats.
    pub(crate) letter: Option<EarlierLetter>,
}

/// The kinds of row errors. The names appear in dead letters and reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum RowErrorKind {
    /// The record exceeds the maximum size.
    RecordTooLarge,
    /// Text that is not UTF-8, in JSON or CSV.
    InvalidUtf8,
    /// Bytes that are not valid in the encoding of the input.
    InvalidEncoding,
    /// A line that is not one JSON object.
    InvalidJson,
    /// A line that is not a record of the format `record`.
    InvalidRecord,
    /// A CSV row with more or fewer columns than the header.
    ColumnCount,
    /// A CSV row with an unterminated quoted field.
    UnclosedQuote,
    /// A CSV row at the end of the input that ends with an escape.
    UnfinishedEscape,
    /// A CSV row with text between a closing quote and the next delimiter.
    TextAfterQuote,
    /// A JSON object without the key field, or a line without the separator after the key.
    MissingKey,
    /// A key that cannot be produced, such as one that is an object.
    InvalidKey,
    /// A topic that cannot be produced, or that the configuration does not allow.
    InvalidTopic,
    /// A partition that cannot be produced, or that the topic does not have.
    InvalidPartition,
    /// A timestamp that cannot be produced.
    InvalidTimestamp,
    /// A header that cannot be produced.
    InvalidHeader,
    /// A value that cannot be produced, such as a word in a column of numbers.
    InvalidValue,
    /// A key or value that its serializer rejects, such as a word for an integer.
    Serialization,
    /// The schema registry did not answer; the record itself may be valid.
    SchemaRegistry,
}

impl RowErrorKind {
    /// The name used in dead letters and reports.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::RecordTooLarge => "RecordTooLarge",
            Self::InvalidUtf8 => "InvalidUtf8",
            Self::InvalidEncoding => "InvalidEncoding",
            Self::InvalidJson => "InvalidJson",
            Self::InvalidRecord => "InvalidRecord",
            Self::ColumnCount => "ColumnCount",
            Self::UnclosedQuote => "UnclosedQuote",
            Self::UnfinishedEscape => "UnfinishedEscape",
            Self::TextAfterQuote => "TextAfterQuote",
            Self::MissingKey => "MissingKey",
            Self::InvalidKey => "InvalidKey",
            Self::InvalidTopic => "InvalidTopic",
            Self::InvalidPartition => "InvalidPartition",
            Self::InvalidTimestamp => "InvalidTimestamp",
            Self::InvalidHeader => "InvalidHeader",
            Self::InvalidValue => "InvalidValue",
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

/// Shows line, kind and message. The record's content appears only in dead letters.
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
            .field("value", &self.value.map(<[u8]>::len))
            .finish()
    }
}
