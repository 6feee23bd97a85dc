//! [`Csv`]: reads CSV rows as JSON objects.

use super::{
    ReadError, Step,
    blank_lines::BlankLines,
    csv_object::{Column, Fault, PADDING, are_texts, push_string, to_json},
    csv_records::{CsvAdvance, CsvRecords},
    dialect::{CsvDialect, Header},
    position::{Continued, InputPosition},
    text_encoding::TextEncoding,
};
use crate::row::{Columns, Row, RowError, RowErrorKind, RowHeaders, RowTarget};
use std::{
    collections::{HashMap, hash_map::Entry},
    io::Read,
};

/// CSV with named columns. Each row becomes a JSON object with the columns in order; every value is a string, or null if it equals
/// the column's null marker. The key is the text of one column, or null if it equals the null marker.
pub(super) struct Csv {
    records: CsvRecords,
    columns: Vec<Column>,
    /// Where the columns come from, for messages.
    named_by: &'static str,
    key: Option<usize>,
    quoted_null: bool,
    /// The text that means null in each column.
    nulls: Vec<Option<Vec<u8>>>,
    /// The same for texts with an escape, such as `\N`.
    escaped_nulls: Vec<Option<EscapedText>>,
    /// The fields of the current row that are null because of `escaped_nulls`.
    null_fields: Vec<usize>,
    encoding: Option<TextEncoding>,
    /// Whether the current record was read to count the columns and is not returned yet.
    is_pending: bool,
    /// The blank lines before that record, which are rows if it has one column.
    blank_lines: BlankLines,
    warning: Option<String>,
    /// Whether rows become JSON objects.
    builds_objects: bool,
    json: Vec<u8>,
}

/// The maximum number of columns named in a message.
const MAX_NAMED: usize = 50;

/// The usual delimiters.
const DELIMITERS: [u8; 4] = *b",;\t|";

/// A text with escapes outside of quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct EscapedText {
    /// The text without its escapes.
    text: Vec<u8>,
    /// The places in the text of the bytes after an escape.
    escaped: Vec<usize>,
}

impl EscapedText {
    fn new(written: &[u8], escape: u8) -> Self {
        let (mut text, mut escaped) = (Vec::new(), Vec::new());
        let mut bytes = written.iter();
        while let Some(&byte) = bytes.next() {
            if byte == escape {
                escaped.push(text.len());
                text.extend(bytes.next());
            } else {
                text.push(byte);
            }
        }
        Self { text, escaped }
    }
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
    /// Reads up to the first row of `source`. Each row may be up to `max_record` bytes long. `delimiter` is the dialect's default.
    ///
    /// # Errors
    /// The header is missing, not UTF-8, has a duplicate column, or lacks the key column or a column with a null marker.
    pub(super) fn new(
        source: Box<dyn Read + Send>,
        max_record: usize,
        key: Option<&str>,
        dialect: &CsvDialect,
        delimiter: u8,
        encoding: Option<TextEncoding>,
    ) -> Result<Self, HeaderError> {
        let marks = dialect.marks(delimiter);
        let mut records = CsvRecords::new(source, marks, max_record);
        if !dialect.quoted_null {
            records.record_quotes();
        }
        if dialect.null.texts().any(|null| marks.escape.is_some_and(|escape| null.as_bytes().contains(&escape))) {
            records.record_escapes();
        }
        records.skip_lines(dialect.skip_lines)?;
        let mut blank_lines = BlankLines::default();
        let (names, named_by, is_pending) = match &dialect.header {
            Header::Names(names) => (names.clone(), "`header`", false),
            Header::FirstRow => (header(&mut records, encoding)?, "the header", false),
            Header::Numbered => {
                let columns = first_row(&mut records, &mut blank_lines)?;
                ((1..=columns).map(|number| format!("column{number}")).collect(), "the first row", columns > 0)
            }
        };
        let mut columns: Vec<Column> = Vec::new();
        let mut known: HashMap<&str, usize> = HashMap::new();
        for (index, name) in names.iter().enumerate() {
            match known.entry(name) {
                Entry::Occupied(first) => {
                    let first = first.get() + 1;
                    return wrong(format!("duplicate column `{name}` in {named_by}: columns {first} and {}", index + 1));
                }
                Entry::Vacant(place) => drop(place.insert(index)),
            }
            let mut prefix = if index == 0 { b"{".to_vec() } else { b",".to_vec() };
            push_string(&mut prefix, name).map_err(|source| ReadError { line: records.line(), source })?;
            prefix.extend_from_slice(b":\"");
            let mut padded_prefix = prefix.clone();
            padded_prefix.resize(prefix.len().max(PADDING), 0);
            columns.push(Column { name: name.clone(), prefix, padded_prefix });
        }
        let mut nulls = vec![dialect.null.all.clone().map(String::into_bytes); columns.len()];
        // An input without a row has no columns to compare with.
        let is_empty = columns.is_empty();
        let column = |name: &str, missing: &str| match known.get(name) {
            Some(index) => Ok(Some(*index)),
            None if is_empty => Ok(None),
            None => {
                let named: Vec<_> = names.iter().take(MAX_NAMED).map(String::as_str).collect();
                let more = names.len() - named.len();
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                wrong(format!("{named_by} has no {missing}; its columns are {}{more}", named.join(", ")))
            }
        };
        let key = key.map(|key| column(key, &format!("key column `{key}`"))).transpose()?.flatten();
        for (name, null) in &dialect.null.columns {
            if let Some(index) = column(name, &format!("column `{name}`, which `null` names"))? {
                nulls[index] = Some(null.clone().into_bytes());
            }
        }
        let escape = |null: &Vec<u8>| marks.escape.filter(|escape| null.contains(escape));
        let take = |null: &mut Option<Vec<u8>>| {
            let escape = null.as_ref().and_then(escape)?;
            null.take().map(|null| EscapedText::new(&null, escape))
        };
        let escaped_nulls = nulls.iter_mut().map(take).collect();
        let warning = match &columns[..] {
            [only] if dialect.header == Header::FirstRow => other_delimiter(&only.name, marks.delimiter),
            _ => None,
        };
        records.take_blank_lines(columns.len() == 1);
        Ok(Self {
            records,
            columns,
            named_by,
            key,
            quoted_null: dialect.quoted_null,
            nulls,
            escaped_nulls,
            null_fields: Vec::new(),
            encoding,
            is_pending,
            blank_lines: blank_lines.complete(),
            warning,
            builds_objects: true,
            json: Vec::new(),
        })
    }

    /// Continues elsewhere in the input, with the columns that the header has.
    pub(super) fn resume(&mut self, continued: Continued) {
        self.is_pending = false;
        self.blank_lines = BlankLines::default();
        self.records.resume(continued);
    }

    /// The position after the last row that was returned; that after the header before the first row.
    pub(super) fn position(&self) -> InputPosition {
        if !self.is_pending {
            return self.records.position();
        }
        self.blank_lines.position().unwrap_or(InputPosition::new(0, 1))
    }

    /// A likely mistake in the dialect, for the user.
    pub(super) fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }

    /// The names of the columns.
    pub(super) fn columns(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// From now on the value of a row is empty, for a caller that needs only the fields.
    pub(super) fn build_no_objects(&mut self) {
        self.builds_objects = false;
        self.json.clear();
    }

    /// Reads the next row.
    pub(super) fn next(&mut self) -> Result<Step<'_>, ReadError> {
        if let Some(line) = self.blank_lines.next() {
            self.null_fields.clear();
            let row = Columns { texts: b"", ends: &[0], gap: 0, nulls: &self.nulls, quoted: &[], null_fields: &[] };
            // An empty text is valid.
            if self.builds_objects && to_json(&self.columns, row, &mut self.json).is_err() {
                return Ok(Step::End);
            }
            let (headers, target) = (RowHeaders::default(), RowTarget::default());
            let (key, value) = (self.key.and_then(|key| row.get(key)), Some(&*self.json));
            return Ok(Step::Row(Row { line, raw: b"", key, value, headers, columns: Some(row), target, letter: None }));
        }
        let advance = if std::mem::take(&mut self.is_pending) { CsvAdvance::Record } else { self.records.advance()? };
        let line = self.records.line();
        let (kind, message, field) = match advance {
            CsvAdvance::End => return Ok(Step::End),
            CsvAdvance::Wrong(kind, message) => (kind, message, None),
            CsvAdvance::Record => {
                let (fields, ends, gap) = self.records.fields();
                let quoted = if self.quoted_null { &[] } else { self.records.quoted() };
                null_fields(&self.escaped_nulls, (fields, ends, gap), self.records.escaped(), &mut self.null_fields);
                let row = Columns { texts: fields, ends, gap, nulls: &self.nulls, quoted, null_fields: &self.null_fields };
                let is_valid = !self.builds_objects && ends.len() == self.columns.len() && are_texts(fields, ends);
                match if is_valid { Ok(()) } else { to_json(&self.columns, row, &mut self.json) } {
                    Ok(()) => {
                        let key = self.key.and_then(|key| row.get(key));
                        let (raw, value, columns) = (self.records.raw(), Some(&*self.json), Some(row));
                        let (headers, target) = (RowHeaders::default(), RowTarget::default());
                        return Ok(Step::Row(Row { line, raw, key, value, headers, columns, target, letter: None }));
                    }
                    Err(Fault::Columns) => {
                        let message = format!("{} columns, but {} has {}", ends.len(), self.named_by, self.columns.len());
                        (RowErrorKind::ColumnCount, message, None)
                    }
                    Err(Fault::NotUtf8(column)) => {
                        let (kind, invalid) = TextEncoding::invalid(self.encoding);
                        (kind, format!("column `{}` {invalid}", column.name), Some(column.name.clone()))
                    }
                    Err(Fault::Write(source)) => return Err(ReadError { line, source }),
                }
            }
        };
        Ok(Step::Bad(RowError { line, kind, message, field, record: self.records.raw().to_vec(), letter: None }))
    }
}

/// Reads the header.
fn header(records: &mut CsvRecords, encoding: Option<TextEncoding>) -> Result<Vec<String>, HeaderError> {
    match records.advance()? {
        CsvAdvance::Record => {}
        CsvAdvance::Wrong(_, message) => return wrong(format!("invalid header in line {}: {message}", records.line())),
        CsvAdvance::End => return wrong("the input is empty; CSV must begin with a header".to_owned()),
    }
    let name = |(index, name): (usize, &[u8])| match std::str::from_utf8(name) {
        Ok(name) => Ok(name.to_owned()),
        Err(_) => {
            let (_, invalid) = TextEncoding::invalid(encoding);
            wrong(format!("column {} of the header {invalid}; set `encoding` to the file's, or convert the file", index + 1))
        }
    };
    split(records.fields()).enumerate().map(name).collect()
}

/// Reads the first row of an input without a header that is not blank, and returns the number of its columns; 0 if there is none. The blank
/// lines before it are rows if it has one column.
fn first_row(records: &mut CsvRecords, blank_lines: &mut BlankLines) -> Result<usize, HeaderError> {
    records.take_blank_lines(true);
    loop {
        match records.advance()? {
            CsvAdvance::Record if records.raw().is_empty() => blank_lines.add(records.position()),
            CsvAdvance::Record => {
                let columns = records.fields().1.len();
                if columns > 1 {
                    *blank_lines = BlankLines::default();
                }
                return Ok(columns);
            }
            CsvAdvance::Wrong(_, message) => {
                return wrong(format!(
                    "invalid first row in line {}: {message}; without a header it determines the columns: correct it, or set `header` to \
                     their names",
                    records.line()
                ));
            }
            CsvAdvance::End => {
                *blank_lines = BlankLines::default();
                return Ok(0);
            }
        }
    }
}

/// The warning for the only column, if its name contains another delimiter.
fn other_delimiter(name: &str, delimiter: u8) -> Option<String> {
    let other = DELIMITERS.into_iter().find(|other| *other != delimiter && name.as_bytes().contains(other))?;
    let [other, delimiter] = [other, delimiter].map(|delimiter| char::from(delimiter).escape_default().to_string());
    Some(format!(
        "the header is a single column that contains \"{other}\", and the delimiter is \"{delimiter}\"; if \"{other}\" separates \
         columns, set delimiter = \"{other}\" in [input]"
    ))
}

fn wrong<T>(message: String) -> Result<T, HeaderError> {
    Err(HeaderError::Wrong(message))
}

/// Finds the fields that are null because their text has the escapes of a null marker. `escaped` has the places of bytes after an escape.
fn null_fields(nulls: &[Option<EscapedText>], row: (&[u8], &[usize], usize), escaped: &[usize], found: &mut Vec<usize>) {
    found.clear();
    if escaped.is_empty() {
        return;
    }
    let mut start = 0;
    for (index, (field, null)) in split(row).zip(nulls).enumerate() {
        let within = escaped.iter().filter(|place| (start..start + field.len()).contains(place)).map(|place| place - start);
        if null.as_ref().is_some_and(|null| null.text == field && within.eq(null.escaped.iter().copied())) {
            found.push(index);
        }
        start += field.len() + row.2;
    }
}

fn split<'a>((fields, ends, gap): (&'a [u8], &'a [usize], usize)) -> impl Iterator<Item = &'a [u8]> {
    ends.iter().scan(0, move |start, &end| Some(&fields[std::mem::replace(start, end + gap)..end]))
}
