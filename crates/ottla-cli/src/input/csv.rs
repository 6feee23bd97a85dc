//! [`Csv`]: reads CSV rows as JSON objects.

use super::{
    ReadError, Step,
    csv_records::{CsvAdvance, CsvRecords},
};
use crate::row::{Row, RowError, RowErrorKind};
use std::{
    collections::{HashMap, hash_map::Entry},
    io::{self, Read},
};

/// CSV with a header. Each row becomes a JSON object with the columns in order; every value is a string, or null if it equals the
/// null marker. The key is the text of one column, or null if it equals the null marker.
pub(super) struct Csv {
    records: CsvRecords,
    columns: Vec<Column>,
    key: Option<usize>,
    null: Option<Vec<u8>>,
    json: Vec<u8>,
}

/// The maximum number of columns named in a message.
const MAX_NAMED: usize = 50;

struct Column {
    name: String,
    /// The JSON before its value: `{"name":` or `,"name":`.
    prefix: Vec<u8>,
}

/// Why the header was rejected.
pub(super) enum HeaderError {
    /// The header cannot be read.
    Read(ReadError),
    /// The header is invalid, or lacks the key column.
    Wrong(String),
}

impl From<ReadError> for HeaderError {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

impl Csv {
    /// Reads the header of `source`. Each row may be up to `max_record` bytes long.
    ///
    /// # Errors
    /// The header is missing, not UTF-8, has a duplicate column, or lacks the key column.
    pub(super) fn new(
        source: Box<dyn Read + Send>,
        max_record: usize,
        key: Option<&str>,
        null: Option<&str>,
    ) -> Result<Self, HeaderError> {
        let mut records = CsvRecords::new(source, max_record);
        let wrong = |message: String| Err(HeaderError::Wrong(message));
        match records.advance()? {
            CsvAdvance::Record => {}
            CsvAdvance::Wrong(_, message) => return wrong(format!("invalid header in line {}: {message}", records.line())),
            CsvAdvance::End => return wrong("the input is empty; CSV must begin with a header".to_owned()),
        }
        let mut columns: Vec<Column> = Vec::new();
        let mut known: HashMap<&str, usize> = HashMap::new();
        for (index, name) in split(records.fields()).enumerate() {
            let Ok(name) = std::str::from_utf8(name) else {
                return wrong(format!("column {} of the header is not UTF-8; convert the file to UTF-8", index + 1));
            };
            match known.entry(name) {
                Entry::Occupied(first) => {
                    let first = first.get() + 1;
                    return wrong(format!("duplicate column `{name}` in the header: columns {first} and {}", index + 1));
                }
                Entry::Vacant(place) => drop(place.insert(index)),
            }
            let mut prefix = if index == 0 { b"{".to_vec() } else { b",".to_vec() };
            push_string(&mut prefix, name).map_err(|source| ReadError { line: records.line(), source })?;
            prefix.push(b':');
            columns.push(Column { name: name.to_owned(), prefix });
        }
        let key = match key.map(|key| (key, known.get(key).copied())) {
            None => None,
            Some((_, Some(index))) => Some(index),
            Some((key, None)) => {
                let names: Vec<_> = columns.iter().take(MAX_NAMED).map(|column| column.name.as_str()).collect();
                let more = columns.len() - names.len();
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                return wrong(format!("the header has no key column `{key}`; its columns are {}{more}", names.join(", ")));
            }
        };
        if columns.len() == 1 {
            records.take_blank_lines();
        }
        Ok(Self { records, columns, key, null: null.map(|null| null.as_bytes().to_vec()), json: Vec::new() })
    }

    /// Reads the next row.
    pub(super) fn next(&mut self) -> Result<Step<'_>, ReadError> {
        let advance = self.records.advance()?;
        let line = self.records.line();
        let (kind, message, field) = match advance {
            CsvAdvance::End => return Ok(Step::End),
            CsvAdvance::Wrong(kind, message) => (kind, message, None),
            CsvAdvance::Record => {
                let (fields, ends) = self.records.fields();
                match to_json(&self.columns, self.null.as_deref(), fields, ends, &mut self.json) {
                    Ok(()) => {
                        let key = self.key.and_then(|key| split((fields, ends)).nth(key));
                        let key = key.filter(|&key| self.null.as_deref() != Some(key));
                        return Ok(Step::Row(Row { line, raw: self.records.raw(), key, value: &self.json }));
                    }
                    Err(Fault::Columns) => {
                        let message = format!("{} columns, but the header has {}", ends.len(), self.columns.len());
                        (RowErrorKind::ColumnCount, message, None)
                    }
                    Err(Fault::NotUtf8(column)) => {
                        let message = format!("column `{}` is not UTF-8", column.name);
                        (RowErrorKind::InvalidUtf8, message, Some(column.name.clone()))
                    }
                    Err(Fault::Write(source)) => return Err(ReadError { line, source }),
                }
            }
        };
        Ok(Step::Bad(RowError { line, kind, message, field, record: self.records.raw().to_vec() }))
    }
}

enum Fault<'a> {
    Columns,
    NotUtf8(&'a Column),
    Write(io::Error),
}

/// Writes the JSON object of these fields to `json`.
fn to_json<'a>(
    columns: &'a [Column],
    null: Option<&[u8]>,
    fields: &[u8],
    ends: &[usize],
    json: &mut Vec<u8>,
) -> Result<(), Fault<'a>> {
    if ends.len() != columns.len() {
        return Err(Fault::Columns);
    }
    json.clear();
    // The row is validated as a whole; fields are validated one by one only if that fails.
    let text = std::str::from_utf8(fields).ok();
    let mut start = 0;
    for (column, &end) in columns.iter().zip(ends) {
        json.extend_from_slice(&column.prefix);
        let field = &fields[start..end];
        if null == Some(field) {
            json.extend_from_slice(b"null");
        } else {
            let field = match text {
                Some(text) => text.get(start..end),
                None => std::str::from_utf8(field).ok(),
            };
            push_string(json, field.ok_or(Fault::NotUtf8(column))?).map_err(Fault::Write)?;
        }
        start = end;
    }
    json.push(b'}');
    Ok(())
}

fn push_string(json: &mut Vec<u8>, text: &str) -> io::Result<()> {
    Ok(serde_json::to_writer(json, text)?)
}

fn split<'a>((fields, ends): (&'a [u8], &'a [usize])) -> impl Iterator<Item = &'a [u8]> {
    ends.iter().scan(0, move |start, &end| Some(&fields[std::mem::replace(start, end)..end]))
}
