//! [`CsvRecords`]: splits CSV into records and fields.

use super::{
    ReadError,
    byte_places::push_places,
    dialect::Marks,
    lines::READ_SIZE,
    position::{Continued, InputPosition},
};
use crate::row::RowErrorKind;
use memchr::{memchr, memchr_iter, memchr2};
use std::{
    io::{self, Read},
    ops::Range,
};

/// The records of a CSV source: fields, raw bytes and line number of each. A line ends with `\n`, `\r\n` or `\r`. Blank lines
/// are skipped unless there is only one column, and so are comments.
///
/// It is as strict as Python's `csv` with `strict=True`: a closing quote must be followed by a delimiter or a line end, and every
/// quote must be closed before the end of the input. Of a malformed record only the first line is dropped, and the following
/// lines are parsed again; otherwise one quote too many or too few would also drop valid records. No crate keeps the raw bytes
/// and detects these errors. The buffer never exceeds four times the record limit (and at least 256 KiB).
pub(super) struct CsvRecords {
    source: Box<dyn Read + Send>,
    marks: Marks,
    max_record: usize,
    buffer: Vec<u8>,
    /// The offset of `buffer[0]` in the input.
    base: u64,
    /// `buffer[start..end]` is read and not yet returned; the parser has consumed it up to `parsed`.
    start: usize,
    parsed: usize,
    end: usize,
    at_end: bool,
    /// Whether nothing has been returned yet: a byte order mark may come first.
    at_beginning: bool,
    /// The line of `buffer[start]`, counted from 1.
    line: u64,
    /// Whether the byte before `buffer[start]` is a `\r`: a `\n` at `start` then belongs to the same line end.
    is_after_return: bool,
    state: State,
    blank_lines_are_records: bool,
    /// The position while the parser is in a record that is not returned, or after one that the end of the input cut off: before that record.
    held: Option<InputPosition>,
    /// Whether the end of the input cut off a record or a comment, which may be complete in a later run.
    is_cut_off: bool,
    fields: Vec<u8>,
    ends: Vec<usize>,
    /// The number of bytes between two fields in `fields`.
    gap: usize,
    /// The indexes of quoted fields; `None` if they are not recorded.
    quoted: Option<Vec<usize>>,
    /// The places in `fields` of bytes after an escape outside of quotes; `None` if they are not recorded.
    escaped: Option<Vec<usize>>,
    raw: Range<usize>,
}

/// The parser's position in a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    RecordStart,
    FieldStart,
    Unquoted,
    Quoted,
    /// After a quote in a quoted field: either the closing quote, or the first of an escaped pair.
    Closed,
    /// After an escape outside of quotes, and in a quoted field.
    Escaped,
    QuotedEscaped,
    /// In a line that is not a record.
    Comment,
}

/// The result of [`CsvRecords::advance`].
pub(super) enum CsvAdvance {
    /// A record; its fields, raw bytes and line are available.
    Record,
    /// A malformed record; its raw bytes and line are available.
    Wrong(RowErrorKind, String),
    /// The end of the input.
    End,
}

/// The result of parsing the buffered bytes.
enum Parsed {
    /// A record that ends before this index.
    Record(usize),
    /// Only a line end, or a comment.
    Nothing,
    /// Text after a closing quote, at this index.
    Misquoted(usize),
    /// More bytes are needed.
    More,
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

impl CsvRecords {
    /// Creates the reader. Each record may be up to `max_record` bytes long.
    pub(super) fn new(source: Box<dyn Read + Send>, marks: Marks, max_record: usize) -> Self {
        Self {
            source,
            marks,
            max_record,
            buffer: vec![0; READ_SIZE],
            base: 0,
            start: 0,
            parsed: 0,
            end: 0,
            at_end: false,
            at_beginning: true,
            line: 1,
            is_after_return: false,
            state: State::RecordStart,
            blank_lines_are_records: false,
            held: None,
            is_cut_off: false,
            fields: Vec::with_capacity(4096),
            ends: Vec::with_capacity(64),
            gap: 0,
            quoted: None,
            escaped: None,
            raw: 0..0,
        }
    }

    /// Continues elsewhere in the input.
    pub(super) fn resume(&mut self, continued: Continued) {
        let Continued { bytes, position, is_after_return } = continued;
        self.source = bytes;
        (self.base, self.line, self.is_after_return) = (position.offset, position.line, is_after_return);
        (self.start, self.parsed, self.end) = (0, 0, 0);
        (self.at_end, self.at_beginning) = (false, false);
        (self.held, self.is_cut_off) = (None, false);
    }

    /// The position after the last record that [`advance`](Self::advance) returned. A record that the end of the input cut off, and what is read
    /// after its first line, are read again from there.
    pub(super) fn position(&self) -> InputPosition {
        if let Some(held) = self.held {
            return held;
        }
        let read = &self.buffer[self.start..self.parsed];
        InputPosition::new(self.base + self.parsed as u64, self.line + line_ends(read, self.is_after_return))
    }

    /// Sets whether blank lines are records of one empty field, as they are in input with one column.
    pub(super) fn take_blank_lines(&mut self, are_records: bool) {
        self.blank_lines_are_records = are_records;
    }

    /// Records which fields are quoted, for [`quoted`](Self::quoted).
    pub(super) fn record_quotes(&mut self) {
        self.quoted = Some(Vec::new());
    }

    /// Records which bytes follow an escape, for [`escaped`](Self::escaped).
    pub(super) fn record_escapes(&mut self) {
        self.escaped = Some(Vec::new());
    }

    /// The places in the bytes of the fields where a byte follows an escape outside of quotes, if they are recorded.
    pub(super) fn escaped(&self) -> &[usize] {
        self.escaped.as_deref().unwrap_or_default()
    }

    /// Skips this many lines, before the first record.
    pub(super) fn skip_lines(&mut self, mut lines: u64) -> Result<(), ReadError> {
        self.skip_byte_order_mark()?;
        while lines > 0 {
            match self.buffer[self.start..self.end].iter().position(ends_line) {
                Some(at) => {
                    let is_rest = at == 0 && self.is_after_return && self.buffer[self.start] == b'\n';
                    lines -= u64::from(!is_rest);
                    self.parsed = self.start + at + 1;
                    self.pass(self.parsed);
                }
                None => {
                    self.parsed = self.end;
                    self.pass(self.end);
                    if self.at_end {
                        return Ok(());
                    }
                    self.fill()?;
                }
            }
        }
        Ok(())
    }

    /// The indexes of the quoted fields, if they are recorded.
    pub(super) fn quoted(&self) -> &[usize] {
        self.quoted.as_deref().unwrap_or_default()
    }

    /// The bytes of the fields, the end index of each, and the number of bytes between two of them.
    pub(super) fn fields(&self) -> (&[u8], &[usize], usize) {
        (&self.fields, &self.ends, self.gap)
    }

    /// The record as read, without its last line end.
    pub(super) fn raw(&self) -> &[u8] {
        &self.buffer[self.raw.clone()]
    }

    /// The line where the record begins, counted from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Moves to the next record. If the source fails, an incomplete record is not returned.
    pub(super) fn advance(&mut self) -> Result<CsvAdvance, ReadError> {
        self.pass(self.parsed);
        self.held.get_or_insert(InputPosition::new(self.base + self.start as u64, self.line));
        let read = self.read_record();
        if matches!(&read, Err(error) if error.source.kind() == io::ErrorKind::WouldBlock) {
            // The source grows, and the record is parsed again when there is more of it.
            self.parsed = self.start;
        }
        let advance = read?;
        if !self.is_cut_off {
            self.held = None;
        }
        Ok(advance)
    }

    fn read_record(&mut self) -> Result<CsvAdvance, ReadError> {
        self.restart();
        self.skip_byte_order_mark()?;
        loop {
            match self.parse() {
                Parsed::Record(end) => return self.whole(end),
                Parsed::Nothing => self.pass(self.parsed),
                Parsed::Misquoted(at) => return self.misquoted(at),
                // A comment may have any length, and is not kept.
                Parsed::More if self.state == State::Comment => {
                    self.pass(self.parsed);
                    if self.at_end {
                        self.is_cut_off = true;
                        return Ok(CsvAdvance::End);
                    }
                    self.fill()?;
                }
                // The two extra bytes are the line end of a record of maximum length.
                Parsed::More if self.end - self.start > self.max_record.saturating_add(2) => return self.too_long(),
                Parsed::More if !self.at_end => self.fill()?,
                // The last line may lack a line end.
                Parsed::More => match self.state {
                    State::RecordStart | State::Comment => return Ok(CsvAdvance::End),
                    State::Quoted | State::QuotedEscaped => return Ok(self.unclosed()),
                    State::Escaped => return Ok(self.unfinished_escape()),
                    State::FieldStart | State::Unquoted | State::Closed => {
                        self.ends.push(self.fields.len());
                        return self.whole(self.end);
                    }
                },
            }
        }
    }

    /// Parses from `parsed` to the end of the record or of the buffered bytes.
    fn parse(&mut self) -> Parsed {
        if let Some(end) = self.parse_plain_line() {
            return Parsed::Record(end);
        }
        // The compiler knows the characters of the most common dialect, so that the others cost it nothing.
        if self.marks == Marks::RFC_4180 { self.parse_with::<true>() } else { self.parse_with::<false>() }
    }

    /// Parses a record that is one line without quotes and escapes, as most are, and returns its end. `None` if it is not, or if not all of it is
    /// buffered: then nothing is parsed.
    fn parse_plain_line(&mut self) -> Option<usize> {
        let Marks { delimiter, quote, escape, comment } = self.marks;
        if self.state != State::RecordStart || escape.is_some() {
            return None;
        }
        let rest = &self.buffer[self.parsed..self.end];
        // The `\n` of a `\r\n` is handled with the next record.
        let line = &rest[..memchr2(b'\n', b'\r', rest)?];
        let first = *line.first()?;
        if Some(first) == comment || quote.is_some_and(|quote| memchr(quote, line).is_some()) {
            return None;
        }
        self.fields.extend_from_slice(line);
        push_places(delimiter, line, &mut self.ends);
        self.ends.push(line.len());
        self.gap = 1;
        let end = self.parsed + line.len();
        self.parsed = end + 1;
        Some(end)
    }

    fn parse_with<const IS_RFC_4180: bool>(&mut self) -> Parsed {
        let Marks { delimiter, quote, escape, comment } = if IS_RFC_4180 { Marks::RFC_4180 } else { self.marks };
        let buffer = &self.buffer[..self.end];
        let mut at = self.parsed;
        while let Some(&byte) = buffer.get(at) {
            match self.state {
                State::RecordStart if matches!(byte, b'\n' | b'\r') => {
                    self.parsed = at + 1;
                    let is_rest = byte == b'\n' && self.is_after_return;
                    if is_rest || !self.blank_lines_are_records {
                        return Parsed::Nothing;
                    }
                    self.ends.push(0);
                    return Parsed::Record(at);
                }
                State::RecordStart if Some(byte) == comment => self.state = State::Comment,
                State::RecordStart => self.state = State::FieldStart,
                State::FieldStart if Some(byte) == quote => {
                    (self.state, at) = (State::Quoted, at + 1);
                    if let Some(quoted) = &mut self.quoted {
                        quoted.push(self.ends.len());
                    }
                }
                State::FieldStart | State::Unquoted => {
                    let rest = &buffer[at..];
                    let ends = |byte: &u8| *byte == delimiter || matches!(byte, b'\n' | b'\r') || Some(*byte) == escape;
                    let length = rest.iter().position(ends).unwrap_or(rest.len());
                    self.fields.extend_from_slice(&rest[..length]);
                    at += length;
                    self.state = match rest.get(length) {
                        None => State::Unquoted,
                        Some(&byte) if byte == delimiter => {
                            self.ends.push(self.fields.len());
                            at += 1;
                            State::FieldStart
                        }
                        Some(&byte) if Some(byte) == escape => {
                            if let Some(escaped) = &mut self.escaped {
                                escaped.push(self.fields.len());
                            }
                            at += 1;
                            State::Escaped
                        }
                        // The line end is handled as after a closing quote.
                        Some(_) => State::Closed,
                    };
                }
                State::Quoted => {
                    let rest = &buffer[at..];
                    let end = rest.iter().position(|&byte| Some(byte) == quote || Some(byte) == escape);
                    let length = end.unwrap_or(rest.len());
                    self.fields.extend_from_slice(&rest[..length]);
                    at += length;
                    match (rest.get(length), rest.get(length + 1)) {
                        (None, _) => {}
                        (Some(&byte), _) if Some(byte) == escape => (self.state, at) = (State::QuotedEscaped, at + 1),
                        (Some(_), Some(&after)) if after == delimiter => {
                            self.ends.push(self.fields.len());
                            (self.state, at) = (State::FieldStart, at + 2);
                        }
                        (Some(_), _) => (self.state, at) = (State::Closed, at + 1),
                    }
                }
                State::Closed if byte == delimiter => {
                    self.ends.push(self.fields.len());
                    (self.state, at) = (State::FieldStart, at + 1);
                }
                State::Closed if matches!(byte, b'\n' | b'\r') => {
                    self.ends.push(self.fields.len());
                    self.parsed = at + 1;
                    return Parsed::Record(at);
                }
                State::Closed if Some(byte) == quote => {
                    self.fields.push(byte);
                    (self.state, at) = (State::Quoted, at + 1);
                }
                State::Closed => return Parsed::Misquoted(at),
                State::Escaped | State::QuotedEscaped => {
                    self.fields.push(byte);
                    self.state = if self.state == State::Escaped { State::Unquoted } else { State::Quoted };
                    at += 1;
                }
                State::Comment => {
                    let end = buffer[at..].iter().position(ends_line);
                    at = end.map_or(buffer.len(), |end| at + end + 1);
                    if end.is_some() {
                        self.state = State::RecordStart;
                        self.parsed = at;
                        return Parsed::Nothing;
                    }
                }
            }
        }
        self.parsed = at;
        Parsed::More
    }

    /// Returns the record that ends before `end`.
    fn whole(&mut self, end: usize) -> Result<CsvAdvance, ReadError> {
        self.raw = self.start..end;
        if self.raw.len() > self.max_record { self.too_long() } else { Ok(CsvAdvance::Record) }
    }

    /// Handles a record over the limit. If its first line alone is over the limit, the rest of that line is skipped. If it has
    /// several lines, an unclosed quote is likely, and only the first line is dropped.
    fn too_long(&mut self) -> Result<CsvAdvance, ReadError> {
        if self.buffer[self.start..self.end].iter().take(self.max_record.saturating_add(1)).any(ends_line) {
            self.first_line();
            return Ok(CsvAdvance::Wrong(
                RowErrorKind::RecordTooLarge,
                format!(
                    "the record exceeds the limit of {} bytes and has several lines: is a quote not closed? \
                     Only its first line is skipped",
                    self.max_record
                ),
            ));
        }
        let first: Vec<u8> = self.buffer[self.start..self.end].iter().copied().take(self.max_record).collect();
        let mut length = 0;
        loop {
            let unread = &self.buffer[self.start..self.end];
            if let Some(rest) = unread.iter().position(ends_line) {
                length += rest as u64;
                self.start += rest;
                break;
            }
            length += unread.len() as u64;
            self.start = self.end;
            if self.at_end {
                break;
            }
            self.parsed = self.end;
            self.fill()?;
        }
        // The beginning of the record is put back before the unread bytes, for `raw`.
        let unread = self.buffer[self.start..self.end].to_vec();
        self.base = self.base + self.start as u64 - first.len() as u64;
        self.buffer.clear();
        self.buffer.extend_from_slice(&first);
        self.buffer.extend_from_slice(&unread);
        self.end = self.buffer.len();
        self.buffer.resize(self.end.max(READ_SIZE), 0);
        self.raw = 0..first.len();
        (self.start, self.parsed) = (0, (first.len() + 1).min(self.end));
        Ok(CsvAdvance::Wrong(
            RowErrorKind::RecordTooLarge,
            format!("the record has {length} bytes, but the limit is {0}; the first {0} are kept", self.max_record),
        ))
    }

    /// Handles a quote that is not closed before the end of the input.
    fn unclosed(&mut self) -> CsvAdvance {
        self.is_cut_off = true;
        self.first_line();
        CsvAdvance::Wrong(
            RowErrorKind::UnclosedQuote,
            "unclosed quote in this line: close it, or double a quote that belongs to the text".to_owned(),
        )
    }

    /// Handles an escape at the end of the input.
    fn unfinished_escape(&mut self) -> CsvAdvance {
        self.is_cut_off = true;
        self.first_line();
        CsvAdvance::Wrong(
            RowErrorKind::UnfinishedEscape,
            "the input ends after an escape: double an escape that belongs to the text".to_owned(),
        )
    }

    /// Handles text after a closing quote, at this index.
    fn misquoted(&mut self, at: usize) -> Result<CsvAdvance, ReadError> {
        let column = self.ends.len() + 1;
        // The limit applies independently of how much is read at a time.
        if at - self.start > self.max_record.saturating_add(2) {
            return self.too_long();
        }
        let at = at - self.start;
        while !self.at_end && !self.buffer[self.start..self.end].iter().any(ends_line) {
            if self.end - self.start > self.max_record.saturating_add(2) {
                return self.too_long();
            }
            self.fill()?;
        }
        let at = self.start + at;
        let further = line_ends(&self.buffer[self.start..at], self.is_after_return);
        let line = self.line + further;
        self.first_line();
        if self.raw.len() > self.max_record {
            return self.too_long();
        }
        if further > 0 {
            return Ok(CsvAdvance::Wrong(
                RowErrorKind::UnclosedQuote,
                format!(
                    "the quote of column {column} is not closed on its line, and line {line} has text after the next quote: close it, \
                     or double a quote that belongs to the text"
                ),
            ));
        }
        Ok(CsvAdvance::Wrong(
            RowErrorKind::TextAfterQuote,
            format!(
                "text after the closing quote of column {column}: quote the whole column, and double a quote that belongs to the text"
            ),
        ))
    }

    /// Makes the first line the record, and parsing continues on the next line.
    fn first_line(&mut self) {
        let unread = &self.buffer[self.start..self.end];
        let line = unread.iter().position(ends_line);
        let length = line.unwrap_or(unread.len());
        self.raw = self.start..self.start + length;
        self.parsed = self.start + length + usize::from(line.is_some());
    }

    /// Resets the parser to the start of a record.
    fn restart(&mut self) {
        self.state = State::RecordStart;
        self.fields.clear();
        self.ends.clear();
        self.gap = 0;
        if let Some(quoted) = &mut self.quoted {
            quoted.clear();
        }
        if let Some(escaped) = &mut self.escaped {
            escaped.clear();
        }
    }

    /// Skips a byte order mark at the beginning. Waits for more bytes only while it may still be one.
    fn skip_byte_order_mark(&mut self) -> Result<(), ReadError> {
        while std::mem::take(&mut self.at_beginning) {
            let first = &self.buffer[..self.end];
            if first.starts_with(BYTE_ORDER_MARK) {
                (self.start, self.parsed) = (BYTE_ORDER_MARK.len(), BYTE_ORDER_MARK.len());
            } else if BYTE_ORDER_MARK.starts_with(first) && !self.at_end {
                self.at_beginning = true;
                self.fill()?;
            }
        }
        Ok(())
    }

    /// Moves `start` to `to`, and counts the lines in between.
    fn pass(&mut self, to: usize) {
        let passed = &self.buffer[self.start..to];
        self.line += line_ends(passed, self.is_after_return);
        if let Some(last) = passed.last() {
            self.is_after_return = *last == b'\r';
        }
        self.start = to;
    }

    /// Reads more bytes after `end`, growing or compacting the buffer if it is full.
    fn fill(&mut self) -> Result<(), ReadError> {
        if self.end == self.buffer.len() {
            self.buffer.copy_within(self.start.., 0);
            self.base += self.start as u64;
            self.parsed -= self.start;
            self.end -= self.start;
            self.start = 0;
            if self.end > self.buffer.len() / 2 {
                self.buffer.resize(self.buffer.len() * 2, 0);
            }
        }
        loop {
            match self.source.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.at_end = true,
                Ok(read) => self.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(ReadError { line: self.line, source }),
            }
            return Ok(());
        }
    }
}

fn ends_line(byte: &u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// Counts the line ends in these bytes; a `\n` after a `\r` is no line end of its own.
fn line_ends(bytes: &[u8], mut is_after_return: bool) -> u64 {
    if !is_after_return && memchr(b'\r', bytes).is_none() {
        return memchr_iter(b'\n', bytes).count() as u64;
    }
    let mut ends = 0;
    for &byte in bytes {
        ends += u64::from(byte == b'\r' || (byte == b'\n' && !is_after_return));
        is_after_return = byte == b'\r';
    }
    ends
}
