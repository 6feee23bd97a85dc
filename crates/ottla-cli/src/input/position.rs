//! [`InputPosition`]: a place between two records of an input. [`seek`] and [`skip`] read an input from there.

use std::io::{self, Cursor, Read, Seek, SeekFrom};

use super::Format;

/// A place between two records of an input, where a later run can continue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InputPosition {
    /// The number of bytes before it, after decompression and conversion to UTF-8.
    pub(crate) offset: u64,
    /// One more than the number of line ends before it: the line of the next record.
    pub(crate) line: u64,
    /// In JSON, where records do not end with lines: the number of bytes before it in its line.
    pub(crate) column: u64,
    /// In JSON within an array: the line where the array begins.
    pub(crate) array: Option<u64>,
}

impl InputPosition {
    /// A position at the beginning of a line.
    pub(crate) const fn new(offset: u64, line: u64) -> Self {
        Self { offset, line, column: 0, array: None }
    }
}

/// Why an input cannot be read from a position.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResumeError {
    /// The input ends before the position.
    #[error("ends after {length} bytes, but its checkpoint is at byte {offset}, line {line}")]
    Shrank {
        /// The length of the input, after decompression and conversion.
        length: u64,
        /// The position.
        offset: u64,
        /// The position's line.
        line: u64,
    },
    /// The last record before the position has become longer.
    #[error("line {line}, the last one before its checkpoint, had no line end and is longer now")]
    Grew {
        /// The record's line.
        line: u64,
    },
    /// Reading failed.
    #[error("cannot be read up to its checkpoint at line {line}")]
    Read {
        /// The position's line.
        line: u64,
        /// The cause.
        source: io::Error,
    },
}

/// The bytes of an input from a position on.
pub(super) struct Continued {
    pub(super) bytes: Box<dyn Read + Send>,
    pub(super) position: InputPosition,
    /// Whether the byte before is a `\r`, whose line end may continue with a `\n`.
    pub(super) is_after_return: bool,
}

/// Moves `source`, the plain bytes of an input, to a position.
pub(super) fn seek<R: Read + Seek + Send + 'static>(
    mut source: R,
    position: InputPosition,
    format: Format,
) -> Result<Continued, ResumeError> {
    let InputPosition { offset, line, .. } = position;
    let failed = |source| ResumeError::Read { line, source };
    let length = source.seek(SeekFrom::End(0)).map_err(failed)?;
    if length < offset {
        return Err(ResumeError::Shrank { length, offset, line });
    }
    source.seek(SeekFrom::Start(offset.saturating_sub(1))).map_err(failed)?;
    continue_after(Box::new(source), position, format)
}

/// Reads `bytes`, the whole input after decompression and conversion, up to a position. It keeps none of the bytes before.
pub(super) fn skip(mut bytes: Box<dyn Read + Send>, position: InputPosition, format: Format) -> Result<Continued, ResumeError> {
    let InputPosition { offset, line, .. } = position;
    let wanted = offset.saturating_sub(1);
    let length = io::copy(&mut (&mut bytes).take(wanted), &mut io::sink());
    let length = length.map_err(|source| ResumeError::Read { line, source })?;
    if length < wanted {
        return Err(ResumeError::Shrank { length, offset, line });
    }
    continue_after(bytes, position, format)
}

/// Reads the byte before the position, and the line end after it that the last record did not have when it was read.
fn continue_after(mut bytes: Box<dyn Read + Send>, position: InputPosition, format: Format) -> Result<Continued, ResumeError> {
    let InputPosition { offset, line, .. } = position;
    let failed = |source| ResumeError::Read { line, source };
    let last = read_up_to(&mut bytes, 1).map_err(failed)?;
    let is_csv = format == Format::Csv;
    let Some(&last) = last.first() else { return Err(ResumeError::Shrank { length: offset - 1, offset, line }) };
    if format == Format::Json || last == b'\n' || (is_csv && last == b'\r') {
        return Ok(Continued { bytes, position, is_after_return: last == b'\r' });
    }
    let next = read_up_to(&mut bytes, 2).map_err(failed)?;
    let length = match &next[..] {
        [] => 0,
        [b'\n', ..] => 1,
        [b'\r', b'\n'] => 2,
        [b'\r', ..] if is_csv => 1,
        _ => return Err(ResumeError::Grew { line }),
    };
    let position = InputPosition::new(offset + length as u64, line + u64::from(length > 0));
    let is_after_return = length == 1 && next[0] == b'\r';
    let rest = Cursor::new(next).chain(bytes);
    let mut bytes: Box<dyn Read + Send> = Box::new(rest);
    io::copy(&mut (&mut bytes).take(length as u64), &mut io::sink()).map_err(failed)?;
    Ok(Continued { bytes, position, is_after_return })
}

fn read_up_to(bytes: &mut impl Read, length: u64) -> io::Result<Vec<u8>> {
    let mut read = Vec::new();
    bytes.take(length).read_to_end(&mut read)?;
    Ok(read)
}
