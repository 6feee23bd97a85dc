//! [`Json`]: reads JSON objects that span lines, one after the other or in arrays.

use super::{
    FieldPath, ReadError, Step,
    jsonl::{Fault, Position, has_key},
    lines::{READ_SIZE, too_large},
    position::{Continued, InputPosition},
    text_encoding::TextEncoding,
};
use crate::row::{Row, RowError, RowErrorKind, RowHeaders, RowTarget};
use std::io::{self, BufRead, BufReader, Read};

/// JSON objects with white space between them, and arrays of objects, of any size. Each object is a record. The reader finds the end of
/// each value by its brackets and quotes, so that only one value is in memory, and only up to the record limit.
///
/// A value that is not valid is an error of its record, unless its end cannot be found: then the input ends after it.
pub(super) struct Json {
    source: BufReader<Box<dyn Read + Send>>,
    max_record: usize,
    key: Option<FieldPath>,
    key_text: Vec<u8>,
    encoding: Option<TextEncoding>,
    /// The line of the next byte, counted from 1, and the number of bytes before it in the line.
    line: u64,
    column: usize,
    /// The number of bytes before the next one.
    offset: u64,
    place: Place,
    /// The position after the last value whose end was found.
    reached: InputPosition,
    /// How many bytes of a byte order mark are read.
    mark: usize,
    /// The value as read, up to the record limit.
    value: Vec<u8>,
    /// The value without white space between its tokens.
    compact: Vec<u8>,
    /// The error after the last value.
    failed: Option<ReadError>,
}

/// Where the next byte is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Outside of arrays.
    Top,
    /// After the `[` of an array that begins in this line.
    Begun(u64),
    /// After a comma.
    Element(u64),
    /// After an element.
    Between(u64),
}

/// A value that was read.
struct Scanned {
    /// The number of bytes; only the first are kept.
    length: usize,
    /// Why the end of the value was not found.
    torn: Option<&'static str>,
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The maximum nesting, which is serde_json's.
const MAX_DEPTH: usize = 128;

impl Json {
    /// Creates the reader. Each value may be up to `max_record` bytes long; the field at the path `key` is the record's key.
    pub(super) fn new(
        source: Box<dyn Read + Send>,
        max_record: usize,
        key: Option<&str>,
        encoding: Option<TextEncoding>,
    ) -> Self {
        Self {
            source: BufReader::with_capacity(READ_SIZE, source),
            max_record,
            key: key.map(FieldPath::new),
            key_text: Vec::new(),
            encoding,
            line: 1,
            column: 0,
            offset: 0,
            place: Place::Top,
            reached: InputPosition::new(0, 1),
            mark: 0,
            value: Vec::new(),
            compact: Vec::new(),
            failed: None,
        }
    }

    /// Continues elsewhere in the input.
    pub(super) fn resume(&mut self, continued: Continued) {
        let Continued { bytes, position, .. } = continued;
        self.source = BufReader::with_capacity(READ_SIZE, bytes);
        (self.offset, self.line, self.reached) = (position.offset, position.line, position);
        self.column = usize::try_from(position.column).unwrap_or(usize::MAX);
        self.place = position.array.map_or(Place::Top, Place::Between);
        self.mark = BYTE_ORDER_MARK.len();
        self.failed = None;
    }

    /// The position after the last value. A value whose end was not found is read again from there.
    pub(super) fn position(&self) -> InputPosition {
        self.reached
    }

    /// Reads the next object.
    pub(super) fn next(&mut self) -> Result<Step<'_>, ReadError> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        if !self.find_value()? {
            return Ok(Step::End);
        }
        let (line, column) = (self.line, self.column);
        let Scanned { length, torn } = self.scan().map_err(|source| ReadError { line: self.line, source })?;
        let record = || self.value[..self.value.len().min(self.max_record)].to_vec();
        let bad = |kind, message, field| Ok(Step::Bad(RowError { line, kind, message, field, record: record(), letter: None }));
        if let Some(reason) = torn {
            let message = format!("the value {reason} in line {}", self.line);
            // At the end of the input there is nothing else to read.
            let unread = format!("the end of the value that begins in line {line} was not found, because it {reason}");
            self.failed = (reason != CUT_OFF).then(|| self.invalid(unread));
            return bad(RowErrorKind::InvalidJson, message, None);
        }
        let array = if let Place::Between(line) = self.place { Some(line) } else { None };
        self.reached = InputPosition { offset: self.offset, line: self.line, column: self.column as u64, array };
        if length > self.max_record {
            return Ok(Step::Bad(too_large(line, length as u64, self.max_record, record())));
        }
        match has_key(&self.value, self.key.as_ref(), &mut self.key_text, Position::InFile { line, column }) {
            Ok(has_key) => {
                compact(&self.value, &mut self.compact);
                let (raw, value, headers) = (&*self.value, Some(&*self.compact), RowHeaders::default());
                let key = has_key.then_some(&*self.key_text);
                Ok(Step::Row(Row { line, raw, key, value, headers, columns: None, target: RowTarget::default(), letter: None }))
            }
            Err(Fault(RowErrorKind::InvalidUtf8, _)) if self.encoding.is_some() => {
                let (kind, invalid) = TextEncoding::invalid(self.encoding);
                bad(kind, format!("the value {invalid}"), None)
            }
            Err(Fault(kind, message)) => {
                let about_key = matches!(kind, RowErrorKind::MissingKey | RowErrorKind::InvalidKey);
                bad(kind, message, self.key.as_ref().filter(|_| about_key).map(|key| key.text.clone()))
            }
        }
    }

    /// Moves to the first byte of the next value; `false` at the end of the input.
    fn find_value(&mut self) -> Result<bool, ReadError> {
        loop {
            let Some(byte) = self.peek().map_err(|source| ReadError { line: self.line, source })? else {
                return match self.place {
                    Place::Top => Ok(false),
                    Place::Begun(line) | Place::Element(line) | Place::Between(line) => {
                        Err(self.invalid(format!("the array that begins in line {line} has no end")))
                    }
                };
            };
            match (self.place, byte) {
                (_, b' ' | b'\t' | b'\r' | b'\n') => {}
                (Place::Top, byte) if self.mark < BYTE_ORDER_MARK.len() && byte == BYTE_ORDER_MARK[self.mark] => {
                    self.mark += 1;
                    self.consume(1, 0);
                    // It is not a column of the text.
                    self.column = 0;
                    continue;
                }
                (Place::Top, b'[') => self.place = Place::Begun(self.line),
                (Place::Begun(_) | Place::Between(_), b']') => self.place = Place::Top,
                (Place::Between(line), b',') => self.place = Place::Element(line),
                (Place::Between(_), _) => return Err(self.unexpected(byte, "a comma or the end of the array is missing")),
                (Place::Element(_), b',' | b']') | (Place::Begun(_), b',') => {
                    return Err(self.unexpected(byte, "an element of the array is missing"));
                }
                (Place::Top, b',' | b']' | b'}') | (_, b'}') => return Err(self.unexpected(byte, "no value begins with it")),
                (Place::Top, _) => return Ok(true),
                (Place::Begun(line) | Place::Element(line), _) => {
                    self.place = Place::Between(line);
                    return Ok(true);
                }
            }
            self.mark = BYTE_ORDER_MARK.len();
            self.consume(1, usize::from(byte == b'\n'));
        }
    }

    /// Reads the value that begins here.
    fn scan(&mut self) -> io::Result<Scanned> {
        self.value.clear();
        let mut scanner = Scanner::default();
        let mut length: usize = 0;
        self.mark = BYTE_ORDER_MARK.len();
        loop {
            if self.peek()?.is_none() {
                let torn = (!scanner.is_bare()).then_some(CUT_OFF);
                return Ok(Scanned { length, torn });
            }
            let buffer = self.source.buffer();
            let (used, end) = scanner.scan(buffer);
            let read = &buffer[..used];
            let kept = used.min(self.max_record.saturating_sub(self.value.len()));
            self.value.extend_from_slice(&read[..kept]);
            length = length.saturating_add(used);
            let lines = read.iter().filter(|&&byte| byte == b'\n').count();
            self.consume(used, lines);
            match end {
                None => {}
                Some(Ok(())) => return Ok(Scanned { length, torn: None }),
                Some(Err(reason)) => return Ok(Scanned { length, torn: Some(reason) }),
            }
        }
    }

    /// The next byte; `None` at the end of the input.
    fn peek(&mut self) -> io::Result<Option<u8>> {
        loop {
            match self.source.fill_buf() {
                Ok(buffer) => return Ok(buffer.first().copied()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Moves over buffered bytes, which have this number of line ends.
    fn consume(&mut self, bytes: usize, lines: usize) {
        let read = &self.source.buffer()[..bytes];
        match read.iter().rposition(|&byte| byte == b'\n').filter(|_| lines > 0) {
            Some(last) => (self.line, self.column) = (self.line + lines as u64, bytes - last - 1),
            None => self.column += bytes,
        }
        self.offset += bytes as u64;
        self.source.consume(bytes);
    }

    fn unexpected(&self, byte: u8, reason: &str) -> ReadError {
        self.invalid(format!("unexpected `{}` at column {}: {reason}", byte.escape_ascii(), self.column + 1))
    }

    fn invalid(&self, message: String) -> ReadError {
        ReadError { line: self.line, source: io::Error::new(io::ErrorKind::InvalidData, message) }
    }
}

/// Why the end of a value is not found at the end of the input.
const CUT_OFF: &str = "is cut off by the end of the input";

/// Finds the end of a value.
#[derive(Default)]
struct Scanner {
    /// The opening brackets without their closing ones.
    open: Vec<u8>,
    is_string: bool,
    is_escaped: bool,
    /// Whether the value is a number, `true`, `false` or `null`, or a text that is no value.
    is_bare: bool,
}

impl Scanner {
    /// Reads bytes of the value. Returns their number, and whether the value ends after them, or why its end cannot be found; `None` if
    /// more bytes are needed.
    fn scan(&mut self, bytes: &[u8]) -> (usize, Option<Result<(), &'static str>>) {
        for (index, &byte) in bytes.iter().enumerate() {
            let used = index + 1;
            if self.is_string {
                match byte {
                    _ if self.is_escaped => self.is_escaped = false,
                    b'\\' => self.is_escaped = true,
                    b'"' => {
                        self.is_string = false;
                        if self.open.is_empty() {
                            return (used, Some(Ok(())));
                        }
                    }
                    _ => {}
                }
                if byte == b'\n' {
                    return (used - 1, Some(Err("has a string that does not end")));
                }
                continue;
            }
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' | b',' | b']' | b'}' if self.is_bare => return (index, Some(Ok(()))),
                _ if self.is_bare => {}
                b'"' => self.is_string = true,
                b'{' | b'[' if self.open.len() == MAX_DEPTH => {
                    return (used, Some(Err("is nested deeper than 128 levels")));
                }
                b'{' | b'[' => self.open.push(byte),
                b'}' | b']' => {
                    let opening = if byte == b'}' { b'{' } else { b'[' };
                    if self.open.pop() != Some(opening) {
                        return (used, Some(Err("has a bracket that closes another kind of bracket")));
                    }
                    if self.open.is_empty() {
                        return (used, Some(Ok(())));
                    }
                }
                _ => self.is_bare = self.open.is_empty(),
            }
        }
        (bytes.len(), None)
    }

    /// Whether the end of the input ends the value.
    fn is_bare(&self) -> bool {
        self.is_bare
    }
}

/// Copies a valid value without the white space between its tokens.
fn compact(value: &[u8], text: &mut Vec<u8>) {
    text.clear();
    let (mut is_string, mut is_escaped) = (false, false);
    for &byte in value {
        if is_string {
            (is_string, is_escaped) = (byte != b'"' || is_escaped, byte == b'\\' && !is_escaped);
        } else if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
            continue;
        } else {
            is_string = byte == b'"';
        }
        text.push(byte);
    }
}
