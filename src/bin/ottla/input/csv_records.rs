//! [`CsvRecords`]: where a CSV record begins and ends, and its fields.

use super::{ReadError, lines::READ_SIZE};
use crate::row::RowErrorKind;
use csv_core::{ReadRecordResult, Reader};
use std::io::{self, Read};

/// The records of a CSV source (RFC 4180, blank lines skipped), each with its fields, its bytes as they were read, and its line.
///
/// The `csv` crate keeps no raw bytes and reads a quote that is never closed into memory to the end of the file; this
/// drives the parser beneath it over a buffer of its own, which is never longer than four times a record's limit (and at least 256 KiB).
pub(super) struct CsvRecords {
    source: Box<dyn Read + Send>,
    parser: Reader,
    max_record: usize,
    buffer: Vec<u8>,
    /// What is read and not given out: `buffer[start..end]`, of which the parser has seen what is before `parsed`.
    start: usize,
    parsed: usize,
    end: usize,
    at_end: bool,
    /// The line of `buffer[start]`, from 1.
    line: u64,
    fields: Vec<u8>,
    ends: Vec<usize>,
    count: usize,
    raw: std::ops::Range<usize>,
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

impl CsvRecords {
    /// The records of `source`, each at most `max_record` bytes long.
    pub(super) fn new(source: Box<dyn Read + Send>, max_record: usize) -> Self {
        Self {
            source,
            parser: Reader::new(),
            max_record,
            buffer: vec![0; READ_SIZE],
            start: 0,
            parsed: 0,
            end: 0,
            at_end: false,
            line: 1,
            fields: vec![0; 4096],
            ends: vec![0; 64],
            count: 0,
            raw: 0..0,
        }
    }

    /// The fields' bytes, one behind the other, and where each ends.
    pub(super) fn fields(&self) -> (&[u8], &[usize]) {
        let ends = &self.ends[..self.count];
        (&self.fields[..ends.last().copied().unwrap_or(0)], ends)
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
        self.count = 0;
        let mut written = 0;
        loop {
            let last = self.parsed == self.end;
            if last {
                self.skip_blank_lines();
                // Two bytes more, for the end of a line that just fits.
                if self.end - self.start > self.max_record.saturating_add(2) {
                    return self.too_long();
                }
                if !self.at_end {
                    self.fill()?;
                    continue;
                }
                if self.start == self.end {
                    return Ok(CsvAdvance::End);
                }
            }
            // The last line's end may be missing. Only where a quote is open does one more not end the record.
            let input = if last { b"\n".as_slice() } else { &self.buffer[self.parsed..self.end] };
            let (result, read, wrote, ended) =
                self.parser.read_record(input, &mut self.fields[written..], &mut self.ends[self.count..]);
            self.parsed += if last { 0 } else { read };
            written += wrote;
            self.count += ended;
            match result {
                ReadRecordResult::OutputFull => self.fields.resize(self.fields.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::InputEmpty if last => return Ok(self.unclosed()),
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::Record => return self.whole(),
                ReadRecordResult::End => return Ok(CsvAdvance::End),
            }
        }
    }

    /// A record that ends at `parsed`.
    fn whole(&mut self) -> Result<CsvAdvance, ReadError> {
        self.skip_blank_lines();
        let mut end = self.parsed;
        while end > self.start && matches!(self.buffer[end - 1], b'\n' | b'\r') {
            end -= 1;
        }
        self.raw = self.start..end;
        if self.raw.len() > self.max_record { self.too_long() } else { Ok(CsvAdvance::Record) }
    }

    /// More than a record may have. If that begins with one long line, the rest of the line is skipped. If it is several, most
    /// likely a quote was left open.
    fn too_long(&mut self) -> Result<CsvAdvance, ReadError> {
        if self.buffer[self.start..].iter().take(self.max_record.saturating_add(1)).any(|&byte| byte == b'\n') {
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
            if let Some(rest) = unread.iter().position(|&byte| byte == b'\n') {
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
        (self.start, self.parsed) = (0, first.len());
        self.restart();
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

    /// Makes the first line the record, and has what follows read anew: else one quote too many would take all records behind it
    /// along.
    fn first_line(&mut self) {
        let unread = &self.buffer[self.start..self.end];
        let line = unread.iter().position(|&byte| byte == b'\n');
        let length = line.unwrap_or(unread.len());
        let text = &unread[..length];
        self.raw = self.start..self.start + text.strip_suffix(b"\r").unwrap_or(text).len();
        self.parsed = self.start + length + usize::from(line.is_some());
        self.restart();
    }

    /// Puts the parser before a record. It looks for a byte order mark in its first input, which a blank line is here.
    fn restart(&mut self) {
        self.parser.reset();
        let _ = self.parser.read_record(b"\n", &mut [0], &mut [0]);
    }

    /// Moves `start` over the ends of lines before the record.
    fn skip_blank_lines(&mut self) {
        let blank = self.buffer[self.start..self.parsed].iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
        self.pass(self.start + blank);
    }

    /// Moves `start` to `to`, and counts the lines on the way.
    fn pass(&mut self, to: usize) {
        self.line += self.buffer[self.start..to].iter().map(|&byte| u64::from(byte == b'\n')).sum::<u64>();
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
                Err(source) => {
                    self.skip_blank_lines();
                    return Err(ReadError { line: self.line, source });
                }
            }
            // The parser looks for a byte order mark in its first input only.
            if self.at_end || self.end - self.start >= 3 {
                return Ok(());
            }
        }
    }
}
