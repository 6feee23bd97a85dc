//! [`Input`]: the records of a file or of stdin, one at a time.

mod container;
mod csv;
mod csv_records;
mod decompress;
mod format;
mod gzip;
mod jsonl;
mod lines;

pub(crate) use format::Format;

use crate::row::{Row, RowError};
use decompress::decompress;
use std::{
    io::{self, Read},
    path::{Path, PathBuf},
};

/// Where the records come from and how they are read: `[input]` of a configuration file, and the flags over it.
#[derive(Debug, Clone)]
pub(crate) struct InputOptions {
    /// The file, or `-` for stdin. `.gz` and `.zst` are decompressed, and so is what begins as they do.
    pub(crate) path: PathBuf,
    /// The format. Defaults to that of the file's name (`.txt`, `.jsonl`, `.csv`), and to lines on stdin.
    pub(crate) format: Option<Format>,
    /// The field that the key is taken from. Defaults to none: every key is null.
    pub(crate) key: Option<String>,
    /// The text that stands for null in CSV. Defaults to none.
    pub(crate) null: Option<String>,
    /// The longest record in bytes, its line's end not counted. A longer one is a [`RowError`], and is not held in memory.
    pub(crate) max_record: usize,
}

impl InputOptions {
    /// What the input is called in messages.
    fn name(&self) -> String {
        if self.path == Path::new("-") { "stdin".to_owned() } else { self.path.display().to_string() }
    }
}

/// The records of a file or of stdin, one at a time, in reused buffers.
pub(crate) struct Input {
    name: String,
    rows: Rows,
}

enum Rows {
    Lines(lines::Lines),
    Jsonl(jsonl::Jsonl),
    Csv(Box<csv::Csv>),
}

/// What comes next in an input.
#[derive(Debug)]
pub(crate) enum Step<'a> {
    /// A record.
    Row(Row<'a>),
    /// A record that cannot be sent; the input goes on behind it.
    Bad(RowError),
    /// There is no more.
    End,
}

/// Why there is no input, or no more of it. What was read before stands.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InputError {
    /// The file cannot be opened.
    #[error("{name}: cannot be opened")]
    Open {
        /// The file.
        name: String,
        /// Why not.
        source: io::Error,
    },
    /// Reading failed, or the archive is damaged or truncated.
    #[error("{name}: line {line} cannot be read, nor what is behind it")]
    Read {
        /// The file.
        name: String,
        /// The first line that was not read whole, from 1.
        line: u64,
        /// What went wrong.
        source: io::Error,
    },
    /// The options do not fit together, or not with this input.
    #[error("{name}: {message}")]
    Usage {
        /// The file.
        name: String,
        /// What does not fit, and what to do.
        message: String,
    },
}

/// A failure to read, with the first line that was not read whole.
#[derive(Debug)]
struct ReadError {
    line: u64,
    source: io::Error,
}

impl Input {
    /// Checks what can be checked of the options without the input.
    ///
    /// # Errors
    /// The format is not known; a key or a null that this format does not have; the name is that of a container that is not read.
    pub(crate) fn check(options: &InputOptions) -> Result<Format, InputError> {
        let stdin = options.path == Path::new("-");
        let usage = |message: String| InputError::Usage { name: options.name(), message };
        let format = options
            .format
            .or_else(|| if stdin { Some(Format::Lines) } else { Format::of_path(&options.path) })
            .ok_or_else(|| match container::of_name(&options.path) {
                Some(container) => usage(container.refusal()),
                None => usage("its name does not tell the format: give --format lines, jsonl or csv".to_owned()),
            })?;
        if options.null.is_some() && format != Format::Csv {
            return Err(usage(format!("`null` is for csv, and this is {format}: leave it out")));
        }
        if format == Format::Lines && options.key.is_some() {
            return Err(usage(
                "lines have no fields to take a key from: leave `key` out, or give --format jsonl or csv".to_owned(),
            ));
        }
        Ok(format)
    }

    /// Reads `source` as if it had the path of the options.
    ///
    /// # Errors
    /// As [`check`](Self::check); its beginning cannot be read, or is that of a container that is not supported; a CSV header without
    /// the key's column.
    pub(crate) fn read(source: Box<dyn Read + Send>, options: &InputOptions) -> Result<Self, InputError> {
        let format = Self::check(options)?;
        let name = options.name();
        let usage = |message: String| InputError::Usage { name: name.clone(), message };
        let source = decompress(source, &options.path).map_err(|source| match source.kind() {
            io::ErrorKind::Unsupported => usage(source.to_string()),
            _ => InputError::Read { name: name.clone(), line: 1, source },
        })?;
        let rows = match format {
            Format::Lines => Rows::Lines(lines::Lines::new(source, options.max_record)),
            Format::Jsonl => {
                let lines = lines::Lines::new(source, options.max_record);
                Rows::Jsonl(jsonl::Jsonl::new(lines, options.key.as_deref()))
            }
            Format::Csv => {
                let csv = csv::Csv::new(source, options.max_record, options.key.as_deref(), options.null.as_deref());
                Rows::Csv(Box::new(csv.map_err(|error| match error {
                    csv::HeaderError::Read(error) => {
                        InputError::Read { name: name.clone(), line: error.line, source: error.source }
                    }
                    csv::HeaderError::Wrong(message) => usage(message),
                })?))
            }
        };
        Ok(Self { name, rows })
    }

    /// The next record.
    ///
    /// # Errors
    /// Reading failed, or the archive is damaged or truncated: there will be no more. The records before it were whole.
    pub(crate) fn next(&mut self) -> Result<Step<'_>, InputError> {
        let step = match &mut self.rows {
            Rows::Lines(lines) => lines.next(),
            Rows::Jsonl(jsonl) => jsonl.next(),
            Rows::Csv(csv) => csv.next(),
        };
        step.map_err(|error| InputError::Read { name: self.name.clone(), line: error.line, source: error.source })
    }
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Input").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod differential;
#[cfg(test)]
mod tests;
