//! [`Letters`]: reads the format `dead-letters`: the records in dead letters, each as the input that it was read from.

use super::{
    Format, Input, InputError, InputOptions, ReadError, Step,
    dialect::{CsvDialect, Header},
    lines::Lines,
    position::{Continued, InputPosition},
    text_encoding::TextEncoding,
};
use crate::{
    dead_letter_source::{EarlierLetter, LetterSource},
    row::{Row, RowError, RowErrorKind},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::Deserialize;
use std::{
    io::Cursor,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The maximum size of a letter, for records of at most `max_record` bytes: one that is a JSON line itself is escaped twice.
pub(super) fn max_letter(max_record: usize) -> usize {
    max_record.saturating_mul(16).saturating_add(256 * 1024)
}

/// The records of a dead-letter file. Blank lines are skipped.
pub(super) struct Letters {
    lines: Lines,
    /// The options of the run's input, which say how the records are read.
    options: InputOptions,
    /// The reader of the current letter's record.
    reader: Option<(Arc<LetterSource>, Input)>,
    /// The position before the current letter, if it has another source than the one before and is not returned yet.
    pending: Option<InputPosition>,
    letter: Letter,
}

/// A dead letter.
struct Letter {
    /// The line of the dead-letter file.
    line: u64,
    record: Vec<u8>,
    earlier: EarlierLetter,
}

/// The members of a letter. Older versions wrote only `line`, `kind`, `message`, `field`, `record`, `encoding`, and `input` if there were several.
#[derive(Deserialize)]
struct Members {
    input: Option<String>,
    line: u64,
    kind: Option<String>,
    message: Option<String>,
    record: String,
    encoding: Option<String>,
    format: Option<String>,
    columns: Option<Vec<String>>,
    attempts: Option<u64>,
    #[serde(default)]
    truncated: bool,
}

/// Why a letter cannot be read.
struct Unreadable(RowErrorKind, String, Option<&'static str>);

impl Letters {
    /// Reads the letters of `lines`.
    pub(super) fn new(lines: Lines, options: InputOptions) -> Self {
        let source = LetterSource { input: options.name(), format: Format::DeadLetters, columns: None };
        let earlier = EarlierLetter { source: Arc::new(source), line: 0, attempts: 0 };
        let letter = Letter { line: 0, record: Vec::new(), earlier };
        Self { lines, options, reader: None, pending: None, letter }
    }

    /// Continues elsewhere in the input.
    pub(super) fn resume(&mut self, continued: Continued) {
        self.pending = None;
        self.lines.resume(continued);
    }

    /// The position after the last letter that was returned.
    pub(super) fn position(&self) -> InputPosition {
        self.pending.unwrap_or_else(|| self.lines.position())
    }

    /// The name of the input that the current letter's record was read from; `None` before the first one.
    pub(super) fn input_name(&self) -> Option<&str> {
        self.reader.as_ref().map(|(source, _)| source.input.as_str())
    }

    /// The reader of the current letter's record; `None` before the first one.
    pub(super) fn reader(&self) -> Option<&Input> {
        self.reader.as_ref().map(|(_, input)| input)
    }

    /// The same, to change how it reads.
    pub(super) fn reader_mut(&mut self) -> Option<&mut Input> {
        self.reader.as_mut().map(|(_, input)| input)
    }

    /// Reads the next record. [`Step::Layout`] comes before a record whose source has another format or other columns than that of the record
    /// before.
    pub(super) fn next(&mut self) -> Result<Step<'_>, ReadError> {
        if self.pending.take().is_none() {
            let before = self.lines.position();
            if let Some(step) = self.lines.advance_to_text()?.without_line() {
                return Ok(step);
            }
            let line = self.lines.number();
            match self.read_letter(line) {
                Ok(true) => {
                    self.pending = Some(before);
                    return Ok(Step::Layout);
                }
                Ok(false) => {}
                // The letter itself is the record of the next letter.
                Err(Unreadable(kind, message, field)) => {
                    let (field, record) = (field.map(str::to_owned), self.lines.text().to_vec());
                    return Ok(Step::Bad(RowError { line, kind, message, field, record, letter: None }));
                }
            }
        }
        let Letter { line, record, earlier } = &self.letter;
        let bad = |kind, message: String, field| {
            let (record, letter) = (record.clone(), Some(earlier.clone()));
            Ok(Step::Bad(RowError { line: *line, kind, message, field, record, letter }))
        };
        let Some((_, input)) = &mut self.reader else { return Ok(Step::End) };
        if let Err(message) = check_single(input, record) {
            return bad(RowErrorKind::InvalidRecord, message, None);
        }
        input.restart(Cursor::new(text_of(record, input.format())));
        Ok(match input.next() {
            Ok(Step::Row(row)) => Step::Row(Row { line: *line, raw: record, letter: Some(earlier), ..row }),
            // The reader keeps less of a malformed record than the letter has.
            Ok(Step::Bad(error)) => {
                Step::Bad(RowError { line: *line, record: record.clone(), letter: Some(earlier.clone()), ..error })
            }
            Ok(Step::Layout | Step::End | Step::Wait) => return bad(RowErrorKind::InvalidRecord, EMPTY.to_owned(), None),
            Err(error) => return bad(RowErrorKind::InvalidRecord, reason(error), None),
        })
    }

    /// Reads the current line as a letter. Returns whether its source has another format or other columns than the one before.
    fn read_letter(&mut self, line: u64) -> Result<bool, Unreadable> {
        let mut members = members(self.lines.json())?;
        while members.format.as_deref() == Some("dead-letters") {
            members = self::members(members.record.as_bytes())?;
        }
        let is_cut_off = members.truncated || is_old_and_cut_off(&members);
        if is_cut_off {
            let message = "the letter has only the beginning of a record that was too large; correct `record` and remove `truncated` and \
                           `kind`, or send the record from its input";
            return Err(Unreadable(RowErrorKind::RecordTooLarge, message.to_owned(), Some("record")));
        }
        let record = match members.encoding.as_deref() {
            None => members.record.into_bytes(),
            Some("base64") => BASE64_STANDARD.decode(members.record).map_err(|_| wrong("`record` is not base64", "record"))?,
            Some(_) => return Err(wrong("`encoding` must be \"base64\" or absent", "encoding")),
        };
        let input = members.input.unwrap_or_else(|| "an input".to_owned());
        let format = match members.format {
            Some(name) => name.parse().map_err(|error: String| wrong(&error, "format"))?,
            None => self.options.letters_format.or_else(|| Format::of_path(Path::new(&input))).ok_or_else(|| {
                wrong(
                    "an older version wrote the letter without `format`; set `format` in [input] of the configuration",
                    "format",
                )
            })?,
        };
        let same = self.reader.as_ref().map(|(source, _)| source);
        let same = same.filter(|same| same.input == input && same.format == format && same.columns == members.columns);
        let is_new = same.is_none();
        let source = match same {
            Some(same) => Arc::clone(same),
            None => {
                let source = LetterSource { input, format, columns: members.columns };
                let reader = self.open(&source, &record)?;
                let source = Arc::new(source);
                self.reader = Some((Arc::clone(&source), reader));
                source
            }
        };
        let earlier = EarlierLetter { source, line: members.line, attempts: members.attempts.unwrap_or(1) };
        self.letter = Letter { line, record, earlier };
        Ok(is_new)
    }

    /// Opens a reader for the records of a source.
    fn open(&self, source: &LetterSource, record: &[u8]) -> Result<Input, Unreadable> {
        let mut options =
            InputOptions { format: Some(source.format), path: PathBuf::from(&source.input), ..self.options.clone() };
        // Records are converted before they become letters.
        options.settings.encoding = options.settings.encoding.map(|_| TextEncoding::Utf8);
        let csv = &mut options.settings.csv;
        *csv = CsvDialect { skip_lines: 0, comment: None, ..csv.clone() };
        match &source.columns {
            Some(columns) => csv.header = Header::Names(columns.clone()),
            None if source.format == Format::Csv && csv.header == Header::FirstRow => {
                let message = "an older version wrote the letter without `columns`; set `header` in [input] of the configuration to the names \
                               of the columns";
                return Err(wrong(message, "columns"));
            }
            None => {}
        }
        options.settings.restrict_to(source.format);
        if !source.format.has_fields() {
            options.key = None;
        }
        let reader = Input::of_text(Box::new(Cursor::new(text_of(record, source.format))), &options);
        reader.map_err(|error| Unreadable(RowErrorKind::InvalidRecord, reason(error), Some("record")))
    }
}

const EMPTY: &str = "`record` has no record";

fn members(letter: &[u8]) -> Result<Members, Unreadable> {
    serde_json::from_slice(letter).map_err(|error| {
        let position = error.column();
        let message =
            format!("the line is not a dead letter: an object with `line` and the text `record` is expected, column {position}");
        Unreadable(RowErrorKind::InvalidJson, message, None)
    })
}

/// Whether an older version wrote the letter, with a record that was too large for the reader.
fn is_old_and_cut_off(members: &Members) -> bool {
    let is_reason = |message: &String| message.starts_with("the record has ") && message.ends_with(" are kept");
    let is_old = members.format.is_none() && members.kind.as_deref() == Some("RecordTooLarge");
    is_old && members.message.as_ref().is_some_and(is_reason)
}

fn wrong(message: &str, field: &'static str) -> Unreadable {
    Unreadable(RowErrorKind::InvalidRecord, message.to_owned(), Some(field))
}

/// Checks that a text is exactly one record, so that a corrected letter does not lose others.
fn check_single(input: &mut Input, record: &[u8]) -> Result<(), String> {
    input.restart(Cursor::new(text_of(record, input.format())));
    match input.next() {
        Ok(Step::End) => return Err(EMPTY.to_owned()),
        // What is wrong with the record is reported when it is read again.
        Ok(Step::Bad(_)) | Err(_) => return Ok(()),
        Ok(Step::Row(_) | Step::Layout | Step::Wait) => {}
    }
    match input.next() {
        Ok(Step::End) => Ok(()),
        _ => Err("`record` has more than one record; give each a letter of its own".to_owned()),
    }
}

/// Why a record cannot be read.
fn reason(error: InputError) -> String {
    match error {
        InputError::Usage { message, .. } => message,
        InputError::Read { source, .. } | InputError::Open { source, .. } => source.to_string(),
    }
}

/// The text of a record for its reader: with a line end of two characters, so that a carriage return at its end is kept. In CSV, where an escape
/// at the end would take the line end for text, only a blank line has one.
fn text_of(record: &[u8], format: Format) -> Vec<u8> {
    let end: &[u8] = if format == Format::Csv && !record.is_empty() { b"" } else { b"\r\n" };
    [record, end].concat()
}
