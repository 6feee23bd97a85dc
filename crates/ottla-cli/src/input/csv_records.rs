//! [`CsvRecords`]: where a CSV record begins and ends, and its fields.

use super::{ReadError, lines::READ_SIZE};
use crate::row::RowErrorKind;
use std::{
    io::{self, Read},
    ops::Range,
};

/// The records of a CSV source (RFC 4180), each with its fields, its bytes as they were read, and its line. A line ends with `\n`, `\r\n` or
/// `\r`. Blank lines are skipped unless they are records of one column.
///
/// It is as strict as Python's `csv` with `strict=True`: behind a closing quote there is a comma or the end of the line, and a quote is
/// closed before the input ends. A record that is not so costs its first line: what follows is read again, since one quote too many or
/// too few would otherwise take records along that are good. No crate keeps the raw bytes and finds these errors; the buffer is never
/// longer than four times a record's limit (and at least 256 KiB).
pub(super) struct CsvRecords {
    source: Box<dyn Read + Send>,
    max_record: usize,
    buffer: Vec<u8>,
    /// What is read and not given out: `buffer[start..end]`, of which the parser has seen what is before `parsed`.
    start: usize,
    parsed: usize,
    end: usize,
    at_end: bool,
    /// Whether nothing has been given out: a byte order mark may stand here.
    at_beginning: bool,
    /// The line of `buffer[start]`, from 1.
    line: u64,
    /// Whether a `\r` is before `buffer[start]`: then a `\n` there belongs to it.
    is_after_return: bool,
    state: State,
    blank_lines_are_records: bool,
    fields: Vec<u8>,
    ends: Vec<usize>,
    raw: Range<usize>,
}

/// Where in a record the parser is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    RecordStart,
    FieldStart,
    Unquoted,
    Quoted,
    /// Behind a quote in a quoted field: it closes the field, or is the first of two that stand for one.
    Closed,
}

/// What [`CsvRecords::advance`] came to.
pub(super) enum CsvAdvance {
    /// A record: its fields, its bytes and its line can be asked for.
    Record,
    /// A record that is wrong in itself: its bytes and its line can be asked for.
    Wrong(RowErrorKind, String),
    /// There is no more.
    End,
}

/// What the parser came to in what is read.
enum Parsed {
    /// A record that ends before this index.
    Record(usize),
    /// Nothing but a line's end.
    Nothing,
    /// Text behind a closing quote, at this index.
    Misquoted(usize),
    /// It needs more.
    More,
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

impl CsvRecords {
    /// The records of `source`, each at most `max_record` bytes long.
    pub(super) fn new(source: Box<dyn Read + Send>, max_record: usize) -> Self {
        Self {
            source,
            max_record,
            buffer: vec![0; READ_SIZE],
            start: 0,
            parsed: 0,
            end: 0,
            at_end: false,
            at_beginning: true,
            line: 1,
            is_after_return: false,
            state: State::RecordStart,
            blank_lines_are_records: false,
            fields: Vec::with_capacity(4096),
            ends: Vec::with_capacity(64),
            raw: 0..0,
        }
    }

    /// From here on a blank line is a record of one empty field: there is one column.
    pub(super) fn take_blank_lines(&mut self) {
        self.blank_lines_are_records = true;
    }

    /// The fields' bytes, one behind the other, and where each ends.
    pub(super) fn fields(&self) -> (&[u8], &[usize]) {
        (&self.fields, &self.ends)
    }

    /// The record as it was read, without the end of its last line.
    pub(super) fn raw(&self) -> &[u8] {
        &self.buffer[self.raw.clone()]
    }

    /// The line where the record begins, from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Goes to the next record. One that was begun when the source failed is not given out.
    pub(super) fn advance(&mut self) -> Result<CsvAdvance, ReadError> {
        self.pass(self.parsed);
        self.restart();
        self.skip_byte_order_mark()?;
        loop {
            match self.parse() {
                Parsed::Record(end) => return self.whole(end),
                Parsed::Nothing => self.pass(self.parsed),
                Parsed::Misquoted(at) => return self.misquoted(at),
                // Two bytes more, for the end of a line that just fits.
                Parsed::More if self.end - self.start > self.max_record.saturating_add(2) => return self.too_long(),
                Parsed::More if !self.at_end => self.fill()?,
                // The last line's end may be missing.
                Parsed::More => match self.state {
                    State::RecordStart => return Ok(CsvAdvance::End),
                    State::Quoted => return Ok(self.unclosed()),
                    State::FieldStart | State::Unquoted | State::Closed => {
                        self.ends.push(self.fields.len());
                        return self.whole(self.end);
                    }
                },
            }
        }
    }

    /// Reads on from `parsed`, up to the end of the record or of what is there.
    fn parse(&mut self) -> Parsed {
        let buffer = &self.buffer[..self.end];
        let mut at = self.parsed;
        while let Some(&byte) = buffer.get(at) {
            match (self.state, byte) {
                (State::RecordStart, b'\n' | b'\r') => {
                    self.parsed = at + 1;
                    let is_rest = byte == b'\n' && self.is_after_return;
                    if is_rest || !self.blank_lines_are_records {
                        return Parsed::Nothing;
                    }
                    self.ends.push(0);
                    return Parsed::Record(at);
                }
                (State::RecordStart, _) => self.state = State::FieldStart,
                (State::FieldStart, b'"') => (self.state, at) = (State::Quoted, at + 1),
                (State::FieldStart, _) => self.state = State::Unquoted,
                (State::Unquoted, _) => {
                    let rest = &buffer[at..];
                    let length = rest.iter().position(|byte| matches!(byte, b',' | b'\n' | b'\r')).unwrap_or(rest.len());
                    self.fields.extend_from_slice(&rest[..length]);
                    at += length;
                    if at < buffer.len() {
                        // What ends it is looked at as behind a quote.
                        self.state = State::Closed;
                    }
                }
                (State::Quoted, _) => {
                    let rest = &buffer[at..];
                    let quote = rest.iter().position(|&byte| byte == b'"');
                    let length = quote.unwrap_or(rest.len());
                    self.fields.extend_from_slice(&rest[..length]);
                    at += length;
                    if quote.is_some() {
                        (self.state, at) = (State::Closed, at + 1);
                    }
                }
                (State::Closed, b'"') => {
                    self.fields.push(b'"');
                    (self.state, at) = (State::Quoted, at + 1);
                }
                (State::Closed, b',') => {
                    self.ends.push(self.fields.len());
                    (self.state, at) = (State::FieldStart, at + 1);
                }
                (State::Closed, b'\n' | b'\r') => {
                    self.ends.push(self.fields.len());
                    self.parsed = at + 1;
                    return Parsed::Record(at);
                }
                (State::Closed, _) => return Parsed::Misquoted(at),
            }
        }
        self.parsed = at;
        Parsed::More
    }

    /// A record that ends before `end`.
    fn whole(&mut self, end: usize) -> Result<CsvAdvance, ReadError> {
        self.raw = self.start..end;
        if self.raw.len() > self.max_record { self.too_long() } else { Ok(CsvAdvance::Record) }
    }

    /// More than a record may have. If that begins with one long line, the rest of the line is skipped. If it is several, most
    /// likely a quote was left open.
    fn too_long(&mut self) -> Result<CsvAdvance, ReadError> {
        if self.buffer[self.start..self.end].iter().take(self.max_record.saturating_add(1)).any(ends_line) {
            self.first_line();
            return Ok(CsvAdvance::Wrong(
                RowErrorKind::RecordTooLarge,
                format!(
                    "more than the {} bytes that a record may have, over several lines: is a quote not closed? \
                     The first line is taken as the record",
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
        // The record's beginning goes back in front of what is unread, where `raw` is looked for.
        let unread = self.buffer[self.start..self.end].to_vec();
        self.buffer.clear();
        self.buffer.extend_from_slice(&first);
        self.buffer.extend_from_slice(&unread);
        self.end = self.buffer.len();
        self.buffer.resize(self.end.max(READ_SIZE), 0);
        self.raw = 0..first.len();
        (self.start, self.parsed) = (0, (first.len() + 1).min(self.end));
        Ok(CsvAdvance::Wrong(
            RowErrorKind::RecordTooLarge,
            format!("{length} bytes, and a record may have {0}: the first {0} are kept", self.max_record),
        ))
    }

    /// A quote that is not closed before the end of the input.
    fn unclosed(&mut self) -> CsvAdvance {
        self.first_line();
        CsvAdvance::Wrong(
            RowErrorKind::UnclosedQuote,
            "a quoted field of this line is never closed: close it, or double a quote that belongs to the text".to_owned(),
        )
    }

    /// Text behind a quote that closes a field, at this index.
    fn misquoted(&mut self, at: usize) -> Result<CsvAdvance, ReadError> {
        let column = self.ends.len() + 1;
        // However much was read at a time.
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
                    "the quote of column {column} is not closed on its line, and line {line} has text after the next quote: close it, or \
                     double a quote that belongs to the text"
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

    /// Makes the first line the record, and has what follows read again.
    fn first_line(&mut self) {
        let unread = &self.buffer[self.start..self.end];
        let line = unread.iter().position(ends_line);
        let length = line.unwrap_or(unread.len());
        self.raw = self.start..self.start + length;
        self.parsed = self.start + length + usize::from(line.is_some());
    }

    /// Puts the parser before a record.
    fn restart(&mut self) {
        self.state = State::RecordStart;
        self.fields.clear();
        self.ends.clear();
    }

    /// Skips a byte order mark at the beginning, for which it waits only as long as it may be one.
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

    /// Moves `start` to `to`, and counts the lines on the way.
    fn pass(&mut self, to: usize) {
        let passed = &self.buffer[self.start..to];
        self.line += line_ends(passed, self.is_after_return);
        if let Some(last) = passed.last() {
            self.is_after_return = *last == b'\r';
        }
        self.start = to;
    }

    /// Reads more behind `end`, after making room.
    fn fill(&mut self) -> Result<(), ReadError> {
        if self.end == self.buffer.len() {
            self.buffer.copy_within(self.start.., 0);
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

/// How many lines end in these bytes; a `\n` behind a `\r` ends none.
fn line_ends(bytes: &[u8], mut is_after_return: bool) -> u64 {
    let mut ends = 0;
    for &byte in bytes {
        ends += u64::from(byte == b'\r' || (byte == b'\n' && !is_after_return));
        is_after_return = byte == b'\r';
    }
    ends
}
