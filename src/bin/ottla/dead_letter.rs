//! [`DeadLetters`]: the file of the records that were not acknowledged.

use crate::row::RowError;
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Serialize;
use std::{
    borrow::Cow,
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

/// One record that was not acknowledged: one JSON object, one line.
#[derive(Serialize)]
pub(crate) struct DeadLetter<'a> {
    /// The line of the input where the record begins, from 1.
    line: u64,
    /// The kind of error, as the report counts it.
    kind: &'a str,
    /// What was wrong.
    message: Cow<'a, str>,
    /// The field that was wrong, or null.
    field: Option<&'a str>,
    /// The record as it was read; base64 if that is not UTF-8.
    record: Cow<'a, str>,
    /// `base64` if the record is, and absent if it is text.
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding: Option<&'static str>,
}

impl<'a> DeadLetter<'a> {
    /// A letter about the record that was read as `record`.
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
        Self { line, kind, message: message.into(), field, record, encoding }
    }
}

impl<'a> From<&'a RowError> for DeadLetter<'a> {
    fn from(error: &'a RowError) -> Self {
        Self::new(error.line, error.kind.name(), &*error.message, error.field.as_deref(), &error.record)
    }
}

/// The dead-letter file. It is created, in place of one of the same name, when the first letter comes.
///
/// What is still buffered is written when it is dropped; only [`finish`](Self::finish) tells whether that went well.
#[derive(Debug)]
pub(crate) struct DeadLetters {
    path: PathBuf,
    file: Option<BufWriter<File>>,
    count: u64,
}

impl DeadLetters {
    /// Dead letters for this path.
    ///
    /// # Errors
    /// The path is a directory, or in a directory that does not exist: found before a record is read, not when one is lost.
    pub(crate) fn at(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        if path.is_dir() {
            let message = format!("dead-letter file {}: is a directory; name a file", path.display());
            return Err(io::Error::new(io::ErrorKind::IsADirectory, message));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
            let message = format!("dead-letter file {}: the directory {} does not exist", path.display(), folder.display());
            return Err(io::Error::new(io::ErrorKind::NotFound, message));
        }
        Ok(Self { path, file: None, count: 0 })
    }

    /// Adds a letter.
    ///
    /// # Errors
    /// The file cannot be created or written; the path is in the message.
    pub(crate) fn write(&mut self, letter: &DeadLetter<'_>) -> io::Result<()> {
        let Self { path, file, count } = self;
        let file = match file {
            Some(file) => file,
            None => file.insert(BufWriter::new(File::create(&*path).map_err(|error| at_path(path, &error))?)),
        };
        serde_json::to_writer(&mut *file, letter)
            .map_err(io::Error::from)
            .and_then(|()| file.write_all(b"\n"))
            .map_err(|error| at_path(path, &error))?;
        *count += 1;
        Ok(())
    }

    /// Writes out what is buffered, and gives the number of letters.
    ///
    /// # Errors
    /// The file cannot be written; the path is in the message.
    pub(crate) fn finish(mut self) -> io::Result<u64> {
        if let Some(mut file) = self.file.take() {
            file.flush().map_err(|error| at_path(&self.path, &error))?;
        }
        Ok(self.count)
    }
}

fn at_path(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("dead-letter file {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::RowErrorKind;

    #[test]
    fn a_letter_is_one_json_object_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dead.jsonl");
        let mut letters = DeadLetters::at(&path).unwrap();
        let error = RowError {
            line: 7,
            kind: RowErrorKind::MissingKey,
            message: "no field".into(),
            field: Some("id".into()),
            record: b"{\"a\":\"line\xc3\xa9\"}".to_vec(),
        };
        letters.write(&DeadLetter::from(&error)).unwrap();
        letters.write(&DeadLetter::new(8, "RecordTooLarge", "m", None, b"\xff\x00")).unwrap();
        assert_eq!(letters.finish().unwrap(), 2);
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
    fn without_a_letter_there_is_no_file_and_a_drop_writes_the_buffer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dead.jsonl");
        assert_eq!(DeadLetters::at(&path).unwrap().finish().unwrap(), 0);
        assert!(!path.exists());
        let mut letters = DeadLetters::at(&path).unwrap();
        letters.write(&DeadLetter::new(1, "k", "m", None, b"r")).unwrap();
        drop(letters);
        assert!(std::fs::read_to_string(path).unwrap().ends_with("\"r\"}\n"));
    }

    #[test]
    fn a_path_that_cannot_be_written_is_found_early() {
        let folder = tempfile::tempdir().unwrap();
        assert!(DeadLetters::at(folder.path()).unwrap_err().to_string().contains("is a directory"));
        let error = DeadLetters::at(folder.path().join("no/dead.jsonl")).unwrap_err().to_string();
        assert!(error.contains("no/dead.jsonl") && error.contains("does not exist"), "{error}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_that_is_full_is_an_error_with_its_path() {
        let mut letters = DeadLetters::at("/dev/full").unwrap();
        letters.write(&DeadLetter::new(1, "k", "m", None, b"r")).unwrap();
        let error = letters.finish().unwrap_err().to_string();
        assert!(error.starts_with("dead-letter file /dev/full: "), "{error}");
    }
}
