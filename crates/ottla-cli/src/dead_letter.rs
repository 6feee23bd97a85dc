//! [`DeadLetters`]: the file of unacknowledged records.

use crate::{file_identity::FileIdentity, row::RowError};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Serialize;
use std::{
    borrow::Cow,
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write},
    path::{Path, PathBuf},
};

/// An unacknowledged record: one JSON object, one line.
#[derive(Serialize)]
pub(crate) struct DeadLetter<'a> {
    /// The input, if there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<&'a str>,
    /// The input line where the record begins, counted from 1.
    line: u64,
    /// The kind of error, as counted in the report.
    kind: &'a str,
    /// The error message.
    message: Cow<'a, str>,
    /// The field that the error is about, or null.
    field: Option<&'a str>,
    /// The record as read; base64 if it is not UTF-8.
    record: Cow<'a, str>,
    /// `base64` if `record` is base64; absent if it is text.
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding: Option<&'static str>,
}

impl<'a> DeadLetter<'a> {
    /// Creates a letter for the input text `record`.
    pub(crate) fn new(
        line: u64,
        kind: &'a str,
        message: impl Into<Cow<'a, str>>,
        field: Option<&'a str>,
        record: &'a [u8],
    ) -> Self {
        let (record, encoding) = match std::str::from_utf8(record) {
            Ok(text) => (Cow::Borrowed(text), None),
            Err(_) => (Cow::Owned(BASE64_STANDARD.encode(record)), Some("base64")),
        };
        Self { input: None, line, kind, message: message.into(), field, record, encoding }
    }

    /// Adds the name of the input, if there are several.
    pub(crate) fn with_input(self, input: Option<&'a str>) -> Self {
        Self { input, ..self }
    }
}

impl<'a> From<&'a RowError> for DeadLetter<'a> {
    fn from(error: &'a RowError) -> Self {
        Self::new(error.line, error.kind.name(), &*error.message, error.field.as_deref(), &error.record)
    }
}

/// The dead-letter file. It is opened for the first letter; letters are appended to existing content.
///
/// [`write`](Self::write) writes each letter to the file in one call before it returns, so the letter survives the process.
pub(crate) struct DeadLetters {
    target: Target,
    output: Option<Output>,
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
        let mut letters = Self { target, output: None, forbidden, is_torn: false, buffer: Vec::new() };
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
    use crate::row::RowErrorKind;

    fn letters(path: &Path) -> DeadLetters {
        DeadLetters::at(path, Vec::new()).unwrap()
    }

    fn letter() -> DeadLetter<'static> {
        DeadLetter::new(1, "k", "m", None, b"r")
    }

    const LETTER: &str = "{\"line\":1,\"kind\":\"k\",\"message\":\"m\",\"field\":null,\"record\":\"r\"}\n";

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
        };
        letters.write(&DeadLetter::from(&error)).unwrap();
        letters.write(&DeadLetter::new(8, "RecordTooLarge", "m", None, b"\xff\x00")).unwrap();
        letters.sync().unwrap();
        assert_eq!(
            std::fs::read_to_string(path).unwrap(),
            concat!(
                r#"{"line":7,"kind":"MissingKey","message":"no field","field":"id","record":"{\"a\":\"lineé\"}"}"#,
                "\n",
                r#"{"line":8,"kind":"RecordTooLarge","message":"m","field":null,"record":"/wA=","encoding":"base64"}"#,
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
        letters.write(&letter()).unwrap();
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
            letters(&path).write(&letter()).unwrap();
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
        let error = letters.write(&letter()).unwrap_err().to_string();
        assert!(
            error.starts_with("dead-letter file ") && error.ends_with("later.jsonl: is the input; give another file"),
            "{error}"
        );
        assert_eq!(std::fs::read_to_string(&input).unwrap(), "row\n");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_write_error_names_the_path() {
        let error = letters(Path::new("/dev/full")).write(&letter()).unwrap_err().to_string();
        assert!(error.starts_with("dead-letter file /dev/full: "), "{error}");
    }
}
