//! [`Lines`]: reads one record per line.

use super::{
    ReadError, Step,
    line_parts::LineDialect,
    position::{Continued, InputPosition},
    text_encoding::TextEncoding,
};
use crate::row::{HeaderPlace, Row, RowError, RowErrorKind, RowHeaders, RowTarget};
use std::io::{BufRead, BufReader, ErrorKind, Read};

/// How much is read at a time, in bytes.
pub(super) const READ_SIZE: usize = 256 * 1024;

/// The lines of a source, without their `\n` or `\r\n`; the last line may lack it. A line may hold any bytes, and may be empty.
pub(super) struct Lines {
    source: BufReader<Box<dyn Read + Send>>,
    text: Text,
    /// The line, if it is not in the source's buffer.
    buffer: Vec<u8>,
    line: u64,
    /// Where the next line begins.
    next: InputPosition,
    max_record: usize,
    /// The encoding that the records must have; `None` accepts any bytes.
    encoding: Option<TextEncoding>,
    dialect: LineDialect,
    headers: Vec<HeaderPlace>,
}

/// Where the text of a line is.
#[derive(Clone, Copy)]
enum Text {
    /// In [`Lines::buffer`].
    Copied,
    /// At the beginning of the source's buffer, with this length, and with this length with the line end.
    Read { length: usize, with_end: usize },
}

/// The result of [`Lines::advance`].
pub(super) enum Advance {
    /// A line, available as [`Lines::text`].
    Line,
    /// A line over the limit.
    TooLong(RowError),
    /// The end of the input.
    End,
}

impl Advance {
    /// What there is instead of a line; `None` for a line.
    pub(super) fn without_line(self) -> Option<Step<'static>> {
        match self {
            Self::Line => None,
            Self::TooLong(error) => Some(Step::Bad(error)),
            Self::End => Some(Step::End),
        }
    }
}

impl Lines {
    /// Creates the reader. Each line may be up to `max_record` bytes long. With an encoding, the records of [`next`](Self::next)
    /// must be valid in it. The dialect says which parts of a record they have.
    pub(super) fn new(
        source: Box<dyn Read + Send>,
        max_record: usize,
        encoding: Option<TextEncoding>,
        dialect: LineDialect,
    ) -> Self {
        let source = BufReader::with_capacity(READ_SIZE, source);
        let next = InputPosition::new(0, 1);
        Self { source, text: Text::Copied, buffer: Vec::new(), line: 0, next, max_record, encoding, dialect, headers: Vec::new() }
    }

    /// Continues elsewhere in the input.
    pub(super) fn resume(&mut self, continued: Continued) {
        self.source = BufReader::with_capacity(READ_SIZE, continued.bytes);
        self.text = Text::Copied;
        self.next = continued.position;
        self.line = self.next.line - 1;
    }

    /// The position after the last line that [`advance`](Self::advance) returned.
    pub(super) fn position(&self) -> InputPosition {
        self.next
    }

    /// Reads the next line as a record.
    pub(super) fn next(&mut self) -> Result<Step<'_>, ReadError> {
        Ok(match self.advance()? {
            Advance::Line if self.encoding.is_some() && std::str::from_utf8(self.text()).is_err() => {
                let (kind, invalid) = TextEncoding::invalid(self.encoding);
                let message = format!("the line {invalid}");
                Step::Bad(RowError { line: self.line, kind, message, field: None, record: self.text().to_vec(), letter: None })
            }
            Advance::Line => {
                let (line, raw) = (self.line, text(self.text, &self.source, &self.buffer));
                let parts =
                    if self.dialect.is_plain() { Ok((None, Some(raw))) } else { self.dialect.split(raw, &mut self.headers) };
                match parts {
                    Ok((key, value)) => {
                        let headers = RowHeaders { text: raw, places: &self.headers };
                        Step::Row(Row {
                            line,
                            raw,
                            key,
                            value,
                            headers,
                            columns: None,
                            target: RowTarget::default(),
                            letter: None,
                        })
                    }
                    Err((kind, message)) => {
                        Step::Bad(RowError { line, kind, message, field: None, record: raw.to_vec(), letter: None })
                    }
                }
            }
            Advance::TooLong(error) => Step::Bad(error),
            Advance::End => Step::End,
        })
    }

    /// Moves to the next line. If the source fails, an incomplete line is not returned.
    pub(super) fn advance(&mut self) -> Result<Advance, ReadError> {
        self.line += 1;
        if let Text::Read { with_end, .. } = std::mem::replace(&mut self.text, Text::Copied) {
            self.source.consume(with_end);
        }
        if self.advance_in_buffer() {
            return Ok(Advance::Line);
        }
        self.buffer.clear();
        let line = self.line;
        let failed = |source| ReadError { line, source };
        // The two extra bytes are the line end of a record of maximum length.
        let limit = (self.max_record as u64).saturating_add(2);
        let read = match (&mut self.source).take(limit).read_until(b'\n', &mut self.buffer) {
            Ok(0) => {
                self.line -= 1;
                return Ok(Advance::End);
            }
            Ok(read) => read,
            Err(source) => {
                // A source that grows has only complete lines, so that none of this one is read yet.
                self.line -= u64::from(source.kind() == ErrorKind::WouldBlock);
                return Err(failed(source));
            }
        };
        // The position moves only to the end of a line that is returned, and not into one whose end cannot be read.
        let mut next = self.next;
        next.offset += read as u64;
        let ended = self.buffer.last() == Some(&b'\n');
        if ended {
            next.line += 1;
            self.buffer.pop();
            if self.buffer.last() == Some(&b'\r') {
                self.buffer.pop();
            }
        }
        if self.buffer.len() <= self.max_record {
            self.next = next;
            return Ok(Advance::Line);
        }
        let skipped = if ended { 0 } else { skip_line(&mut self.source, &mut next).map_err(failed)? };
        self.next = next;
        let length = (self.buffer.len() as u64).saturating_add(skipped);
        self.buffer.truncate(self.max_record);
        Ok(Advance::TooLong(too_large(line, length, self.max_record, std::mem::take(&mut self.buffer))))
    }

    /// Moves to the next line if all of it is in the source's buffer, so that it need not be copied.
    fn advance_in_buffer(&mut self) -> bool {
        let read = self.source.buffer();
        let Some(end) = memchr::memchr(b'\n', read) else { return false };
        let length = end - usize::from(read[..end].ends_with(b"\r"));
        if length > self.max_record {
            return false;
        }
        let with_end = end + 1;
        self.text = Text::Read { length, with_end };
        self.next.offset += with_end as u64;
        self.next.line += 1;
        true
    }

    /// Moves to the next line that is not blank.
    pub(super) fn advance_to_text(&mut self) -> Result<Advance, ReadError> {
        loop {
            match self.advance()? {
                Advance::Line if self.text().trim_ascii().is_empty() => {}
                advance => return Ok(advance),
            }
        }
    }

    /// The line read by [`advance`](Self::advance), without a byte order mark, which only the first line can have.
    pub(super) fn json(&self) -> &[u8] {
        let text = self.text();
        if self.line == 1 { text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text) } else { text }
    }

    /// The line read by [`advance`](Self::advance).
    pub(super) fn text(&self) -> &[u8] {
        text(self.text, &self.source, &self.buffer)
    }

    /// The line's number, counted from 1.
    pub(super) fn number(&self) -> u64 {
        self.line
    }
}

fn text<'a>(text: Text, source: &'a BufReader<Box<dyn Read + Send>>, copied: &'a [u8]) -> &'a [u8] {
    match text {
        Text::Copied => copied,
        Text::Read { length, .. } => source.buffer().get(..length).unwrap_or_default(),
    }
}

/// The error of a record with more than `limit` bytes; `kept` are the first.
pub(super) fn too_large(line: u64, length: u64, limit: usize, kept: Vec<u8>) -> RowError {
    let message = format!("the record has {length} bytes, but the limit is {limit}; the first {limit} are kept");
    RowError { line, kind: RowErrorKind::RecordTooLarge, message, field: None, record: kept, letter: None }
}

/// Skips the rest of a line and returns its length without the line end. Moves `next` by what is read.
fn skip_line(source: &mut impl BufRead, next: &mut InputPosition) -> std::io::Result<u64> {
    let mut skipped = 0;
    let mut last = None;
    loop {
        let buffer = source.fill_buf()?;
        let end = buffer.iter().position(|&byte| byte == b'\n');
        let rest = &buffer[..end.unwrap_or(buffer.len())];
        last = rest.last().copied().or(last);
        skipped += rest.len() as u64;
        let (read, done) = (rest.len() + usize::from(end.is_some()), end.is_some() || buffer.is_empty());
        source.consume(read);
        next.offset += read as u64;
        next.line += u64::from(end.is_some());
        if done {
            return Ok(skipped - u64::from(end.is_some() && last == Some(b'\r')));
        }
    }
}
