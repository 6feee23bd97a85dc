//! [`Input`]: reads the records of a file or of stdin.

mod avro_container;
mod blank_lines;
mod byte_places;
mod container;
mod csv;
mod csv_object;
mod csv_records;
mod decompress;
mod dialect;
mod field_path;
mod format;
mod gzip;
mod json;
mod json_scalar;
mod jsonl;
mod keep;
mod letters;
mod line_parts;
mod lines;
mod lz4;
mod position;
mod record_lines;
mod setting_table;
mod settings;
mod text_encoding;

pub(crate) use decompress::{decompressed, is_compressed};
pub(crate) use field_path::FieldPath;
pub(crate) use format::Format;
pub(crate) use json_scalar::{Scalar, append_scalar};
pub(crate) use keep::Keep;
pub(crate) use position::{InputPosition, ResumeError};
pub(crate) use setting_table::{INPUT_SETTINGS, InputSetting};
pub(crate) use settings::{FollowSettings, GivenSetting, InputSettings};

use crate::{
    dead_letter_source::LetterSource,
    row::{Row, RowError},
};
use avro_container::AvroContainer;
use decompress::{Decompressed, decompress};
use format::delimiter_of_path;
use line_parts::LineDialect;
use position::Continued;
use std::{
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

/// The source and format of the records: `[input]` of a configuration file, overridden by flags.
#[derive(Debug, Clone)]
pub(crate) struct InputOptions {
    /// The file, or `-` for stdin. gzip, zstd, xz and lz4 data are decompressed, whatever the file extension.
    pub(crate) path: PathBuf,
    /// The format. Defaults to the one of the file extension (`.txt`, `.jsonl`, `.json`, `.csv`, `.avro`), and to lines on stdin. No extension means
    /// `record`.
    pub(crate) format: Option<Format>,
    /// The field to take keys from. Defaults to none: every key is null.
    pub(crate) key: Option<String>,
    /// The format of the records of dead letters that do not name it.
    pub(crate) letters_format: Option<Format>,
    /// The dialect and the encoding.
    pub(crate) settings: InputSettings,
    /// The maximum size of a record in bytes, without its line end. A longer one is a [`RowError`], and is not held in memory.
    pub(crate) max_record: usize,
}

impl InputOptions {
    /// The format that was given, or the one that follows from the path; `None` if the path has none.
    pub(crate) fn known_format(&self) -> Option<Format> {
        let of_path = || if self.path == Path::new("-") { Some(Format::Lines) } else { Format::of_path(&self.path) };
        self.format.or_else(of_path)
    }

    /// Whether the rest of a file that is read with these options can be read with the others: their paths determine the same format.
    pub(crate) fn reads_as(&self, other: &Self) -> bool {
        let marks = |options: &Self| options.settings.csv.marks(delimiter_of_path(&options.path));
        let format = self.known_format();
        format == other.known_format() && (format != Some(Format::Csv) || marks(self) == marks(other))
    }

    /// The input's name in messages.
    pub(crate) fn name(&self) -> String {
        Self::name_of(&self.path)
    }

    /// The name of an input at this path in messages.
    pub(crate) fn name_of(path: &Path) -> String {
        if path == Path::new("-") { "stdin".to_owned() } else { path.display().to_string() }
    }
}

/// The records of a file or of stdin, read one at a time into reused buffers.
pub(crate) struct Input {
    name: String,
    rows: Rows,
    /// Whether the bytes are neither decompressed nor converted.
    is_plain: bool,
}

enum Rows {
    Lines(lines::Lines),
    Jsonl(jsonl::Jsonl),
    Json(json::Json),
    Csv(Box<csv::Csv>),
    Record(record_lines::RecordLines),
    Letters(Box<letters::Letters>),
}

/// The result of reading one record.
#[derive(Debug)]
pub(crate) enum Step<'a> {
    /// A record.
    Row(Row<'a>),
    /// A record that cannot be sent; reading goes on after it.
    Bad(RowError),
    /// The records that follow have another [`row_format`](Input::row_format) or other [`columns`](Input::columns) than those before. Only
    /// in dead letters, and before their first record.
    Layout,
    /// The end of the input.
    End,
    /// No record for now: the input grows, and its next record is not complete.
    Wait,
}

/// Why the input cannot be read, or not further. Records read before remain valid.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InputError {
    /// The file cannot be opened.
    #[error("{name}: cannot be opened")]
    Open {
        /// The file.
        name: String,
        /// The cause.
        source: io::Error,
    },
    /// Reading failed, or the archive is damaged or truncated.
    #[error("{name}: cannot read line {line} or anything after it")]
    Read {
        /// The file.
        name: String,
        /// The first line that was not read completely, counted from 1.
        line: u64,
        /// The cause.
        source: io::Error,
    },
    /// The options conflict with each other or with this input.
    #[error("{name}: {message}")]
    Usage {
        /// The file.
        name: String,
        /// The conflict, and what to do.
        message: String,
    },
}

impl InputError {
    /// Why reading failed, if it did.
    pub(crate) fn read_error(&self) -> Option<&io::Error> {
        if let Self::Read { source, .. } = self { Some(source) } else { None }
    }
}

/// A read error, with the first line that was not read completely.
#[derive(Debug)]
struct ReadError {
    line: u64,
    source: io::Error,
}

impl Input {
    /// Checks the options as far as possible without the input.
    ///
    /// # Errors
    /// The format is unknown or does not support a key or a setting; the file extension is that of an unsupported container.
    pub(crate) fn check(options: &InputOptions) -> Result<Format, InputError> {
        let usage = |message: String| InputError::Usage { name: options.name(), message };
        let format = options.known_format().ok_or_else(|| match container::of_name(&options.path) {
            Some(container) => usage(container.refusal()),
            None => usage("unknown file extension; pass --format lines, jsonl, json, csv, avro or record".to_owned()),
        })?;
        if format == Format::DeadLetters {
            // The settings are those of the records, whose format is in their letters.
            return Ok(format);
        }
        if format == Format::Record && options.key.is_some() {
            return Err(usage("records have a key, so `key` does not apply; remove it, or pass --key".to_owned()));
        }
        if format == Format::Lines && options.key.is_some() {
            return Err(usage(
                "lines have no fields, so `key` does not apply; remove it, set `parse_key`, or pass --format jsonl, json or csv"
                    .to_owned(),
            ));
        }
        if let Some((given, formats)) = options.settings.inapplicable(format) {
            let name = &given.name;
            return Err(usage(format!("`{name}` applies only to {formats}, but the format is {format}; remove it")));
        }
        if let Some(name) = options.settings.csv.marks(delimiter_of_path(&options.path)).equals_delimiter() {
            let message = format!("`{name}` must differ from the delimiter; set `delimiter` or another `{name}` in [input]");
            return Err(usage(message));
        }
        Ok(format)
    }

    /// Reads `source` as the input that the options describe.
    ///
    /// # Errors
    /// As for [`check`](Self::check); the first bytes cannot be read or belong to an unsupported container; the CSV header lacks
    /// the key column.
    pub(crate) fn read(source: Box<dyn Read + Send>, options: &InputOptions) -> Result<Self, InputError> {
        Self::check(options)?;
        let name = options.name();
        let Decompressed { bytes, is_plain } = Self::decode(source, options).map_err(|source| match source.kind() {
            io::ErrorKind::Unsupported => InputError::Usage { name: name.clone(), message: source.to_string() },
            _ => InputError::Read { name: name.clone(), line: 1, source },
        })?;
        Ok(Self { is_plain, ..Self::of_text(bytes, options)? })
    }

    /// Reads a text that is already decompressed and converted.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    fn of_text(source: Box<dyn Read + Send>, options: &InputOptions) -> Result<Self, InputError> {
        let format = Self::check(options)?;
        let name = options.name();
        let usage = |message: String| InputError::Usage { name: name.clone(), message };
        let encoding = options.settings.encoding;
        let rows = match format {
            Format::Lines => Rows::Lines(lines::Lines::new(source, options.max_record, encoding, options.settings.lines.clone())),
            Format::Jsonl | Format::Avro => {
                let lines = lines::Lines::new(source, options.max_record, None, LineDialect::default());
                Rows::Jsonl(jsonl::Jsonl::new(lines, options.key.as_deref(), encoding))
            }
            Format::Json => Rows::Json(json::Json::new(source, options.max_record, options.key.as_deref(), encoding)),
            Format::Record => {
                let max_line = record_lines::max_line(options.max_record);
                let lines = lines::Lines::new(source, max_line, None, LineDialect::default());
                Rows::Record(record_lines::RecordLines::new(lines))
            }
            Format::DeadLetters => {
                let lines = lines::Lines::new(source, letters::max_letter(options.max_record), None, LineDialect::default());
                Rows::Letters(Box::new(letters::Letters::new(lines, options.clone())))
            }
            Format::Csv => {
                let delimiter = delimiter_of_path(&options.path);
                let (key, dialect) = (options.key.as_deref(), &options.settings.csv);
                let csv = csv::Csv::new(source, options.max_record, key, dialect, delimiter, encoding);
                Rows::Csv(Box::new(csv.map_err(|error| match error {
                    csv::HeaderError::Read(error) => {
                        InputError::Read { name: name.clone(), line: error.line, source: error.source }
                    }
                    csv::HeaderError::Wrong(message) => usage(message),
                })?))
            }
        };
        Ok(Self { name, rows, is_plain: true })
    }

    /// Decompresses a source and converts it to UTF-8, an Avro file to lines of JSON.
    fn decode(source: Box<dyn Read + Send>, options: &InputOptions) -> io::Result<Decompressed> {
        if options.known_format() == Some(Format::Avro) {
            return Ok(Decompressed { bytes: Box::new(AvroContainer::new(source)?), is_plain: false });
        }
        let Decompressed { bytes, is_plain } = decompress(source, &options.path)?;
        let Some(encoding) = options.settings.encoding else { return Ok(Decompressed { bytes, is_plain }) };
        Ok(Decompressed { bytes: encoding.transcode(bytes), is_plain: is_plain && encoding.is_utf8() })
    }

    /// Whether the bytes are neither decompressed nor converted.
    pub(crate) fn is_plain(&self) -> bool {
        self.is_plain
    }

    /// The position after the last record that [`next`](Self::next) returned, also after an error. It does not move with a record that the end of
    /// the input cut off.
    pub(crate) fn position(&self) -> InputPosition {
        match &self.rows {
            Rows::Lines(lines) => lines.position(),
            Rows::Jsonl(jsonl) => jsonl.position(),
            Rows::Json(json) => json.position(),
            Rows::Csv(csv) => csv.position(),
            Rows::Record(records) => records.position(),
            Rows::Letters(letters) => letters.position(),
        }
    }

    /// Continues at a position of an earlier run; a CSV header is already read. `source` is the input that was given to
    /// [`read`](Self::read), wherever it is. Plain text is seeked in; other inputs are read up to the position, and not kept.
    ///
    /// # Errors
    /// The input ends before the position, or cannot be read up to it.
    pub(crate) fn resume<R>(&mut self, mut source: R, position: InputPosition, options: &InputOptions) -> Result<(), ResumeError>
    where
        R: Read + Seek + Send + 'static,
    {
        let format = self.format();
        let failed = |source| ResumeError::Read { line: position.line, source };
        let continued = if self.is_plain {
            position::seek(source, position, format)?
        } else {
            source.seek(SeekFrom::Start(0)).map_err(failed)?;
            let decoded = Self::decode(Box::new(source), options).map_err(failed)?;
            position::skip(decoded.bytes, position, format)?
        };
        self.continue_with(continued);
        Ok(())
    }

    /// Begins another text, with the columns of the first one.
    fn restart(&mut self, bytes: impl Read + Send + 'static) {
        self.continue_with(Continued { bytes: Box::new(bytes), position: InputPosition::new(0, 1), is_after_return: false });
    }

    fn continue_with(&mut self, continued: Continued) {
        match &mut self.rows {
            Rows::Lines(lines) => lines.resume(continued),
            Rows::Jsonl(jsonl) => jsonl.resume(continued),
            Rows::Json(json) => json.resume(continued),
            Rows::Csv(csv) => csv.resume(continued),
            Rows::Record(records) => records.resume(continued),
            Rows::Letters(letters) => letters.resume(continued),
        }
    }

    /// A likely mistake in the settings, for the user.
    pub(crate) fn warning(&self) -> Option<String> {
        let Rows::Csv(csv) = &self.rows else { return None };
        csv.warning().map(|warning| format!("warning: {}: {warning}", self.name))
    }

    /// The format; that of an Avro file is [`Format::Jsonl`], as which its records are read.
    pub(crate) fn format(&self) -> Format {
        match self.rows {
            Rows::Lines(_) => Format::Lines,
            Rows::Jsonl(_) => Format::Jsonl,
            Rows::Json(_) => Format::Json,
            Rows::Csv(_) => Format::Csv,
            Rows::Record(_) => Format::Record,
            Rows::Letters(_) => Format::DeadLetters,
        }
    }

    /// The format of the rows: that of the input, except in dead letters, where it is known after [`Step::Layout`].
    pub(crate) fn row_format(&self) -> Format {
        match &self.rows {
            Rows::Letters(letters) => letters.reader().map_or(Format::DeadLetters, Self::row_format),
            _ => self.format(),
        }
    }

    /// The name of the input that the rows of dead letters were read from. It is known after [`Step::Layout`].
    pub(crate) fn name_in_letters(&self) -> Option<&str> {
        if let Rows::Letters(letters) = &self.rows { letters.input_name() } else { None }
    }

    /// The input as dead letters name it.
    pub(crate) fn letter_source(&self) -> LetterSource {
        let columns = self.columns().map(|columns| columns.into_iter().map(str::to_owned).collect());
        LetterSource { input: self.name.clone(), format: self.format(), columns }
    }

    /// The names of the columns, if this is CSV.
    pub(crate) fn columns(&self) -> Option<Vec<&str>> {
        match &self.rows {
            Rows::Csv(csv) => Some(csv.columns().collect()),
            Rows::Letters(letters) => letters.reader().and_then(Self::columns),
            Rows::Lines(_) | Rows::Jsonl(_) | Rows::Json(_) | Rows::Record(_) => None,
        }
    }

    /// From now on the value of a CSV row is empty, for a caller that needs only the fields.
    pub(crate) fn build_no_objects(&mut self) {
        match &mut self.rows {
            Rows::Csv(csv) => csv.build_no_objects(),
            Rows::Letters(letters) => letters.reader_mut().into_iter().for_each(Self::build_no_objects),
            Rows::Lines(_) | Rows::Jsonl(_) | Rows::Json(_) | Rows::Record(_) => {}
        }
    }

    /// Reads the next record.
    ///
    /// # Errors
    /// Reading failed, or the archive is damaged or truncated. No more records follow; those before are complete.
    pub(crate) fn next(&mut self) -> Result<Step<'_>, InputError> {
        let step = match &mut self.rows {
            Rows::Lines(lines) => lines.next(),
            Rows::Jsonl(jsonl) => jsonl.next(),
            Rows::Json(json) => json.next(),
            Rows::Csv(csv) => csv.next(),
            Rows::Record(records) => records.next(),
            Rows::Letters(letters) => letters.next(),
        };
        match step {
            Ok(step) => Ok(step),
            Err(error) if error.source.kind() == io::ErrorKind::WouldBlock => Ok(Step::Wait),
            Err(error) => Err(InputError::Read { name: self.name.clone(), line: error.line, source: error.source }),
        }
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
