//! [`DeadLetters`]: the file of unacknowledged records.

use crate::{
    dead_letter_source::LetterSource,
    file_identity::FileIdentity,
    row::{RowError, RowErrorKind},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Serialize;
use std::{
    borrow::Cow,
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

/// An unacknowledged record: one JSON object, one line, with all that is needed to send it again.
#[derive(Serialize)]
pub(crate) struct DeadLetter<'a> {
    /// The input.
    input: &'a str,
    /// The input line where the record begins, counted from 1.
    line: u64,
    /// The kind of error, as counted in the report.
    kind: &'a str,
    /// The error message.
    message: &'a str,
    /// The field that the error is about, or null.
    field: Option<&'a str>,
    /// The record as read; base64 if it is not UTF-8.
    record: Cow<'a, str>,
    /// `base64` if `record` is base64; absent if it is text.
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding: Option<&'static str>,
    /// Whether `record` is only the beginning of a record that was too large; absent if not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
    /// The format of the input.
    format: String,
    /// The columns of CSV; absent for other formats.
    #[serde(skip_serializing_if = "Option::is_none")]
    columns: Option<&'a [String]>,
    /// How often the record has failed.
    attempts: u64,
}

impl<'a> DeadLetter<'a> {
    /// Creates a letter for a record, which failed for this reason.
    pub(crate) fn new(origin: RecordOrigin<'a>, reason: &Reason<'a>) -> Self {
        let RecordOrigin { source, line, attempts, record } = origin;
        let (record, encoding) = match std::str::from_utf8(record) {
            Ok(text) => (Cow::Borrowed(text), None),
            Err(_) => (Cow::Owned(BASE64_STANDARD.encode(record)), Some("base64")),
        };
        let Reason { kind, message, field, truncated } = *reason;
        let LetterSource { input, format, columns } = source;
        let (format, columns) = (format.to_string(), columns.as_deref());
        Self { input, line, kind, message, field, record, encoding, truncated, format, columns, attempts }
    }
}

/// Where a record that failed comes from.
#[derive(Clone, Copy)]
pub(crate) struct RecordOrigin<'a> {
    pub(crate) source: &'a LetterSource,
    /// The line of the source where the record begins, counted from 1.
    pub(crate) line: u64,
    /// How often the record has failed.
    pub(crate) attempts: u64,
    /// The record as read.
    pub(crate) record: &'a [u8],
}

/// Why a record failed.
#[derive(Clone, Copy)]
pub(crate) struct Reason<'a> {
    /// The kind of error, as counted in the report.
    pub(crate) kind: &'a str,
    pub(crate) message: &'a str,
    /// The field that the error is about.
    pub(crate) field: Option<&'a str>,
    /// Whether only the beginning of the record was read.
    pub(crate) truncated: bool,
}

impl<'a> From<&'a RowError> for Reason<'a> {
    fn from(error: &'a RowError) -> Self {
        // A letter that was sent again has the whole record.
        let truncated = error.kind == RowErrorKind::RecordTooLarge && error.letter.is_none();
        Self { kind: error.kind.name(), message: &error.message, field: error.field.as_deref(), truncated }
    }
}

/// The dead-letter file. It is opened for the first letter; letters are appended to existing content.
///
/// [`write`](Self::write) writes each letter to the file in one call before it returns, so the letter survives the process.
pub(crate) struct DeadLetters {
    target: Target,
    output: Option<Output>,
    /// The file that is open for writing, for other threads.
    open_file: Arc<OnceLock<FileIdentity>>,
    /// The files that must not be written to, each with its description for messages.
    forbidden: Vec<(&'static str, FileIdentity)>,
    /// Whether the last write may have left an incomplete letter.
    is_torn: bool,
    buffer: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    Stdout,
    File(PathBuf),
}

enum Output {
    Stdout(io::Stdout),
    File(File),
}

impl DeadLetters {
    /// Creates dead letters for this path; `-`, or a path of the file that stdout writes to, means stdout. `forbidden` are the
    /// files that the run reads.
    ///
    /// # Errors
    /// The path is a directory, in a directory that does not exist, or one of the forbidden files. This is found before the first
    /// record is read.
    pub(crate) fn at(path: &Path, forbidden: Vec<(&'static str, FileIdentity)>) -> io::Result<Self> {
        let target = if path == Path::new("-") || is_stdout(path) { Target::Stdout } else { Target::File(path.to_owned()) };
        let mut letters = Self { target, output: None, open_file: Arc::default(), forbidden, is_torn: false, buffer: Vec::new() };
        let Target::File(path) = &letters.target else {
            // A socket has two independent streams, so it may also be stdin. stderr may share stdout's file.
            if let Some(stdout) = FileIdentity::of_stdout().filter(|stdout| !stdout.is_socket()) {
                letters.check("dead-letter file - (stdout)", stdout)?;
            }
            return Ok(letters);
        };
        letters.forbidden.extend(FileIdentity::of_stderr().map(|stderr| ("where stderr is written to", stderr)));
        if path.is_dir() {
            let message = format!("dead-letter file {}: is a directory; give a file", path.display());
            return Err(io::Error::new(io::ErrorKind::IsADirectory, message));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
            let message = format!("dead-letter file {}: the directory {} does not exist", path.display(), folder.display());
            return Err(io::Error::new(io::ErrorKind::NotFound, message));
        }
        if let Some(identity) = FileIdentity::of_path(path) {
            letters.check(&named(path), identity)?;
        }
        Ok(letters)
    }

    /// Whether the letters go to stdout.
    pub(crate) fn is_stdout(&self) -> bool {
        self.target == Target::Stdout
    }

    /// The file that the letters are written to, whatever its name is, from the first letter on.
    pub(crate) fn open_file(&self) -> Arc<OnceLock<FileIdentity>> {
        Arc::clone(&self.open_file)
    }

    /// Writes a letter. It is in the file when this returns.
    ///
    /// # Errors
    /// The file cannot be opened or written; the message names the path.
    pub(crate) fn write(&mut self, letter: &DeadLetter<'_>) -> io::Result<()> {
        self.add(letter).map_err(|error| match &self.target {
            Target::Stdout => io::Error::new(error.kind(), format!("dead-letter file - (stdout): {error}")),
            Target::File(path) => at_path(path, &error),
        })
    }

    fn add(&mut self, letter: &DeadLetter<'_>) -> io::Result<()> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        if std::mem::take(&mut self.is_torn) {
            buffer.push(b'\n');
        }
        let added = self.write_line(letter, &mut buffer);
        self.buffer = buffer;
        added
    }

    fn write_line(&mut self, letter: &DeadLetter<'_>, buffer: &mut Vec<u8>) -> io::Result<()> {
        if self.output.is_none() {
            let output = match &self.target {
                Target::Stdout => Output::Stdout(io::stdout()),
                Target::File(path) => {
                    let file = OpenOptions::new().append(true).create(true).open(path)?;
                    // The file may have been created after `at` checked the path.
                    if let Some(identity) = FileIdentity::of_file(&file) {
                        self.check(&named(path), identity)?;
                        // The file is opened once.
                        let _ = self.open_file.set(identity);
                    }
                    if ends_with_incomplete_line(path) {
                        buffer.push(b'\n');
                    }
                    Output::File(file)
                }
            };
            self.output = Some(output);
        }
        serde_json::to_writer(&mut *buffer, letter)?;
        buffer.push(b'\n');
        let written = match &mut self.output {
            Some(Output::File(file)) => file.write_all(buffer),
            Some(Output::Stdout(stdout)) => {
                let mut stdout = stdout.lock();
                stdout.write_all(buffer).and_then(|()| stdout.flush())
            }
            None => Ok(()),
        };
        self.is_torn = written.is_err();
        written
    }

    /// Syncs the file to disk.
    ///
    /// # Errors
    /// The sync fails; the message names the path.
    pub(crate) fn sync(&self) -> io::Result<()> {
        let (Some(Output::File(file)), Target::File(path)) = (&self.output, &self.target) else { return Ok(()) };
        match file.sync_data() {
            // A pipe or a device cannot be synced.
            Err(error) if error.kind() != io::ErrorKind::InvalidInput => Err(at_path(path, &error)),
            _ => Ok(()),
        }
    }

    /// From now on the file can neither be written nor synced.
    #[cfg(all(test, target_os = "linux"))]
    pub(crate) fn fail(&mut self) -> io::Result<()> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let unusable = OpenOptions::new().read(true).custom_flags(nix::libc::O_PATH).open("/")?;
        self.output = Some(Output::File(unusable));
        Ok(())
    }

    /// Returns an error for a forbidden file; `name` is its name in the message.
    fn check(&self, name: &str, identity: FileIdentity) -> io::Result<()> {
        match self.forbidden.iter().find(|(_, forbidden)| *forbidden == identity) {
            Some((what, _)) => {
                let message = format!("{name}: is {what}; give another file");
                Err(io::Error::new(io::ErrorKind::InvalidInput, message))
            }
            None => Ok(()),
        }
    }
}

/// Whether stdout writes to the file, pipe or socket at this path, as with `/dev/stdout`. If such a file were opened again, it
/// would be overwritten from its beginning.
fn is_stdout(path: &Path) -> bool {
    FileIdentity::of_stdout().is_some_and(|stdout| FileIdentity::of_path(path) == Some(stdout))
}

/// Whether the file's last line has no line break: a run was killed, or the disk was full.
fn ends_with_incomplete_line(path: &Path) -> bool {
    if !path.is_file() {
        return false;
    }
    let mut last = [b'\n'];
    let read = File::open(path).and_then(|mut file| {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)
    });
    read.is_ok() && last != [b'\n']
}

/// Adds the path to the message, unless `check` has put it there.
fn at_path(path: &Path, error: &io::Error) -> io::Error {
    let text = error.to_string();
    if text.starts_with("dead-letter file ") {
        return io::Error::new(error.kind(), text);
    }
    io::Error::new(error.kind(), format!("{}: {text}", named(path)))
}

fn named(path: &Path) -> String {
    format!("dead-letter file {}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Format;

    fn letters(path: &Path) -> DeadLetters {
        DeadLetters::at(path, Vec::new()).unwrap()
    }

    fn source(columns: Option<Vec<String>>) -> LetterSource {
        LetterSource { input: "a.csv".to_owned(), format: if columns.is_some() { Format::Csv } else { Format::Jsonl }, columns }
    }

    fn write(letters: &mut DeadLetters) -> io::Result<()> {
        let reason = Reason { kind: "k", message: "m", field: None, truncated: false };
        letters.write(&DeadLetter::new(RecordOrigin { source: &source(None), line: 1, attempts: 1, record: b"r" }, &reason))
    }

    const LETTER: &str = "{\"input\":\"a.csv\",\"line\":1,\"kind\":\"k\",\"message\":\"m\",\"field\":null,\"record\":\"r\",\"format\":\"jsonl\",\"attempts\":1}\n";

    #[test]
    fn a_letter_is_one_json_object_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dead.jsonl");
        let mut letters = letters(&path);
        let error = RowError {
            line: 7,
            kind: RowErrorKind::MissingKey,
            message: "no field".into(),
            field: Some("id".into()),
            record: b"{\"a\":\"line\xc3\xa9\"}".to_vec(),
            letter: None,
        };
        let json = source(None);
        let origin = RecordOrigin { source: &json, line: error.line, attempts: 2, record: &error.record };
        letters.write(&DeadLetter::new(origin, &Reason::from(&error))).unwrap();
        let csv = source(Some(vec!["id".to_owned(), "é".to_owned()]));
        let origin = RecordOrigin { source: &csv, line: 8, attempts: 1, record: b"\xff\x00" };
        let reason = Reason { kind: "RecordTooLarge", message: "m", field: None, truncated: true };
        letters.write(&DeadLetter::new(origin, &reason)).unwrap();
        letters.sync().unwrap();
        assert_eq!(
            std::fs::read_to_string(path).unwrap(),
            concat!(
                r#"{"input":"a.csv","line":7,"kind":"MissingKey","message":"no field","field":"id","record":"{\"a\":\"lineé\"}","#,
                r#""format":"jsonl","attempts":2}"#,
                "\n",
                r#"{"input":"a.csv","line":8,"kind":"RecordTooLarge","message":"m","field":null,"record":"/wA=","encoding":"base64","#,
                r#""truncated":true,"format":"csv","columns":["id","é"],"attempts":1}"#,
                "\n"
            )
        );
    }

    #[test]
    fn the_file_is_created_by_the_first_letter_which_is_written_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dead.jsonl");
        letters(&path).sync().unwrap();
        assert!(!path.exists());
        let mut letters = letters(&path);
        write(&mut letters).unwrap();
        assert_eq!(std::fs::read_to_string(path).unwrap(), LETTER, "before it is closed");
    }

    #[test]
    fn letters_are_appended_to_existing_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dead.jsonl");
        for (before, wanted) in [
            ("", LETTER.to_owned()),
            ("{\"line\":9}\n", format!("{{\"line\":9}}\n{LETTER}")),
            ("{\"line\":9,\"ki", format!("{{\"line\":9,\"ki\n{LETTER}")),
        ] {
            std::fs::write(&path, before).unwrap();
            write(&mut letters(&path)).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), wanted);
        }
    }

    #[test]
    fn unusable_paths_are_rejected_before_the_first_letter() {
        let folder = tempfile::tempdir().unwrap();
        let error = |path: &Path| DeadLetters::at(path, Vec::new()).map(drop).unwrap_err().to_string();
        assert!(error(folder.path()).contains("is a directory"));
        let error = error(&folder.path().join("no/dead.jsonl"));
        assert!(error.contains("no/dead.jsonl") && error.contains("does not exist"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn forbidden_files_are_rejected_under_any_name_and_at_any_time() {
        let folder = tempfile::tempdir().unwrap();
        let [input, hard, soft, later] =
            ["in.jsonl", "hard.jsonl", "soft.jsonl", "later.jsonl"].map(|name| folder.path().join(name));
        std::fs::write(&input, "row\n").unwrap();
        std::fs::hard_link(&input, &hard).unwrap();
        std::os::unix::fs::symlink(&input, &soft).unwrap();
        let forbidden = || vec![("the input", FileIdentity::of_path(&input).unwrap())];
        for name in [&input, &hard, &soft] {
            let error = DeadLetters::at(name, forbidden()).map(drop).unwrap_err().to_string();
            assert!(error.ends_with("is the input; give another file"), "{error}");
        }
        let mut letters = DeadLetters::at(&later, forbidden()).unwrap();
        std::fs::hard_link(&input, &later).unwrap();
        let error = write(&mut letters).unwrap_err().to_string();
        assert!(
            error.starts_with("dead-letter file ") && error.ends_with("later.jsonl: is the input; give another file"),
            "{error}"
        );
        assert_eq!(std::fs::read_to_string(&input).unwrap(), "row\n");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_write_error_names_the_path() {
        let error = write(&mut letters(Path::new("/dev/full"))).unwrap_err().to_string();
        assert!(error.starts_with("dead-letter file /dev/full: "), "{error}");
    }
}
