//! [`FilePosition`]: how far a file was read, and how to recognize the file.

use std::{collections::BTreeMap, fs::File, io, os::unix::fs::FileExt as _, path::Path};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    file_identity::FileIdentity,
    input::{InputOptions, InputPosition},
};

/// How many bytes of a file's beginning are compared.
pub(crate) const BEGINNING: u64 = 64 * 1024;

/// How far each input was read, by its path. A path is absolute and has no symbolic links.
pub(crate) type Positions = BTreeMap<String, FilePosition>;

/// How far a file was read, and how to recognize the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FilePosition {
    /// The number of bytes that were read, after decompression and conversion to UTF-8.
    pub(crate) offset: u64,
    /// The line of the next record, counted from 1.
    pub(crate) line: u64,
    /// In JSON: the number of bytes before the position in its line, and the line where the array around it begins.
    #[serde(default)]
    column: u64,
    #[serde(default)]
    array: Option<u64>,
    /// The topic of the records; if it comes from data, the setting's text.
    topic: String,
    format: String,
    /// The encoding, if one is set.
    encoding: Option<String>,
    /// The size of the file in bytes.
    size: u64,
    /// The number of bytes at the beginning that `sha256` is computed from.
    beginning: u64,
    sha256: String,
    device: u64,
    inode: u64,
    /// Whether it was followed to its end, which nothing more is expected after.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    complete: bool,
    /// The path where it was when it was followed to its end, if this is not the position of a path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path: Option<String>,
}

/// Why a file is not the one of a checkpoint.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Mismatch {
    /// The setting, its present value, and the checkpoint's.
    Setting(&'static str, String, String),
    /// The file is shorter than the compared beginning.
    Shrank { size: u64, wanted: u64 },
    /// The beginning is another one, of this many bytes.
    Beginning(u64),
}

impl FilePosition {
    /// The beginning of a file.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn beginning_of(file: &File, options: &InputOptions, format: impl ToString, topic: &str) -> io::Result<Self> {
        let encoding = options.settings.encoding.map(|encoding| encoding.to_string());
        Ok(Self { format: format.to_string(), encoding, ..Self::of_copy(file, topic)? })
    }

    /// A file that is not read, because it is a copy of another one.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn of_copy(file: &File, topic: &str) -> io::Result<Self> {
        let metadata = file.metadata()?;
        let beginning = metadata.len().min(BEGINNING);
        let (device, inode) = FileIdentity::of(&metadata).map_or((0, 0), FileIdentity::numbers);
        Ok(Self {
            offset: 0,
            line: 1,
            column: 0,
            array: None,
            topic: topic.to_owned(),
            format: String::new(),
            encoding: None,
            size: metadata.len(),
            beginning,
            sha256: digest(file, beginning)?,
            device,
            inode,
            complete: false,
            path: None,
        })
    }

    /// The topic of the records; if it comes from data, the setting's text.
    pub(crate) fn topic(&self) -> &str {
        &self.topic
    }

    /// Whether it was followed to its end.
    pub(crate) fn is_complete(&self) -> bool {
        self.complete
    }

    /// The same file, which nothing more is expected in after this many bytes, as they are stored.
    pub(super) fn completed(self, size: u64) -> Self {
        Self { complete: true, size, ..self }
    }

    /// The position of the file itself, which is at this path now.
    pub(super) fn at_path(self, path: String) -> Self {
        Self { path: Some(path), ..self }
    }

    /// The path of a file that was followed to its end.
    pub(super) fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// The key of a file that was followed to its end, whatever its path is.
    pub(super) fn key(&self) -> String {
        let Self { device, inode, sha256, .. } = self;
        format!("complete:{device}:{inode}:{}", sha256.get(..16).unwrap_or(sha256))
    }

    /// Whether this is the position of the same file, by its inode.
    pub(super) fn has_inode_of(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }

    /// Whether the file has no bytes after those that were read when it was followed to its end.
    pub(crate) fn has_size(&self, size: u64) -> bool {
        self.size == size
    }

    /// The file with the content that it has now.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn begun_again(self, file: &File) -> io::Result<Self> {
        let now = Self::of_copy(file, &self.topic)?;
        Ok(Self { format: self.format, encoding: self.encoding, ..now })
    }

    /// Whether more than this many bytes were read when it was followed to its end.
    pub(super) fn is_larger(&self, size: u64) -> bool {
        self.size > size
    }

    /// The position for the path of the file.
    pub(super) fn without_path(&self) -> Self {
        Self { path: None, ..self.clone() }
    }

    pub(super) fn inode(&self) -> (u64, u64) {
        (self.device, self.inode)
    }

    /// Whether the file had this identity.
    pub(crate) fn is_of(&self, identity: FileIdentity) -> bool {
        identity.numbers() == (self.device, self.inode)
    }

    /// Whether nothing of the file was known.
    pub(crate) fn is_empty(&self) -> bool {
        self.offset == 0 && self.beginning == 0
    }

    /// Whether a file has the same beginning.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn begins(&self, file: &File) -> io::Result<bool> {
        Ok(file.metadata()?.len() >= self.beginning && digest(file, self.beginning)? == self.sha256)
    }

    /// Whether these bytes, such as a decompressed file, begin as the file. With `exactly`, fewer than 64 KiB must be all bytes.
    ///
    /// # Errors
    /// The bytes cannot be read.
    pub(crate) fn begins_bytes(&self, bytes: impl io::Read, exactly: bool) -> io::Result<bool> {
        has_beginning(bytes, self.beginning, &self.sha256, exactly)
    }

    /// The same file, read up to this position.
    pub(crate) fn at(&self, position: InputPosition) -> Self {
        let InputPosition { offset, line, column, array } = position;
        Self { offset, line, column, array, ..self.clone() }
    }

    /// Compares more of a file that has grown since it was opened: the bytes before the position, up to the maximum. Without this, any file
    /// would be accepted that begins with the few bytes that there were at first, such as a CSV header.
    ///
    /// `path` is the file's, which is left as it is if another file has the path now. `offset` must be a position in the stored bytes.
    pub(crate) fn extend(&mut self, path: &Path, offset: u64) {
        if offset.min(BEGINNING) > self.beginning {
            if let Ok(file) = File::open(path) {
                self.extend_with(&file, offset);
            }
        }
    }

    /// [`extend`](Self::extend) with an open file.
    pub(super) fn extend_with(&mut self, file: &File, offset: u64) {
        let beginning = offset.min(BEGINNING);
        if beginning <= self.beginning {
            return;
        }
        let Ok(metadata) = file.metadata() else { return };
        let is_same = FileIdentity::of(&metadata).is_some_and(|identity| identity.numbers() == (self.device, self.inode));
        if !is_same || metadata.len() < beginning {
            return;
        }
        if let Ok(sha256) = digest(file, beginning) {
            (self.beginning, self.sha256, self.size) = (beginning, sha256, metadata.len());
        }
    }

    /// Checks numbers that are read from a checkpoint, which may have been edited.
    ///
    /// # Errors
    /// A number is out of range.
    pub(crate) fn check(&self) -> Result<(), String> {
        let Self { offset, line, column, array, beginning, .. } = self;
        // Each line before the position has at least its line end.
        if *line < 1 || *line > offset.saturating_add(1) {
            return Err(format!("`line` is {line}, but must be from 1 to {} at byte {offset}", offset.saturating_add(1)));
        }
        if column > offset {
            return Err(format!("`column` is {column}, but must be at most {offset} at byte {offset}"));
        }
        if let Some(array) = array.filter(|array| *array < 1 || array > line) {
            return Err(format!("`array` is {array}, but must be from 1 to {line} in line {line}"));
        }
        if *beginning > BEGINNING {
            return Err(format!("`beginning` is {beginning}, but must be at most {BEGINNING}"));
        }
        Ok(())
    }

    /// The position in the file.
    pub(crate) fn position(&self) -> InputPosition {
        InputPosition { offset: self.offset, line: self.line, column: self.column, array: self.array }
    }

    /// The first setting that is another one now.
    pub(super) fn other_setting(&self, now: &Self) -> Option<Mismatch> {
        let encoding = |position: &Self| position.encoding.clone().unwrap_or_else(|| "none".to_owned());
        let settings = [
            ("topic", now.topic.clone(), self.topic.clone()),
            ("input.format", now.format.clone(), self.format.clone()),
            ("input.encoding", encoding(now), encoding(self)),
        ];
        settings.into_iter().find(|(_, now, then)| now != then).map(|(name, now, then)| Mismatch::Setting(name, now, then))
    }

    /// Compares the checkpoint with the file that now has its path, which `now` describes. Returns whether the file was copied or replaced:
    /// it has the same beginning, but another inode.
    ///
    /// # Errors
    /// The file cannot be read; the inner one is why it is not the checkpoint's.
    pub(crate) fn compare(&self, now: &Self, file: &File) -> io::Result<Result<bool, Mismatch>> {
        if let Some(mismatch) = self.other_setting(now) {
            return Ok(Err(mismatch));
        }
        if now.size < self.beginning {
            return Ok(Err(Mismatch::Shrank { size: now.size, wanted: self.size }));
        }
        let same = if self.beginning == now.beginning {
            now.sha256 == self.sha256
        } else {
            digest(file, self.beginning)? == self.sha256
        };
        if !same {
            return Ok(Err(Mismatch::Beginning(self.beginning)));
        }
        Ok(Ok((self.device, self.inode) != (now.device, now.inode)))
    }
}

/// The SHA-256 of the first bytes of a file, wherever it is read. A file that has become shorter gives another one.
pub(crate) fn digest(file: &File, length: u64) -> io::Result<String> {
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
    let mut read = 0;
    while read < bytes.len() {
        match file.read_at(&mut bytes[read..], read as u64) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(digest_of(&bytes[..read]))
}

/// Whether bytes begin with as many as `length`, which have this SHA-256. With `exactly`, fewer than 64 KiB must be all bytes: short files may
/// begin alike by chance.
///
/// # Errors
/// The bytes cannot be read.
pub(crate) fn has_beginning(bytes: impl io::Read, length: u64, sha256: &str, exactly: bool) -> io::Result<bool> {
    let mut first = Vec::new();
    io::Read::read_to_end(&mut bytes.take(length + 1), &mut first)?;
    let wanted = usize::try_from(length).unwrap_or(usize::MAX);
    let fits = if exactly && length < BEGINNING { first.len() == wanted } else { first.len() >= wanted };
    Ok(fits && digest_of(&first[..wanted]) == sha256)
}

/// The SHA-256 of these bytes, as hexadecimal digits.
fn digest_of(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::input::InputSettings;

    fn options() -> InputOptions {
        InputOptions {
            path: "a.csv".into(),
            format: None,
            key: None,
            letters_format: None,
            settings: InputSettings::default(),
            max_record: 1000,
        }
    }

    fn of(path: &std::path::Path) -> (FilePosition, File) {
        let file = File::open(path).unwrap();
        (FilePosition::beginning_of(&file, &options(), "csv", "orders").unwrap(), file)
    }

    #[test]
    fn a_file_is_recognized_by_its_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        let long = "x".repeat(100_000);
        fs::write(&path, &long).unwrap();
        let (then, _) = of(&path);
        assert_eq!((then.beginning, then.size), (65_536, 100_000));
        let compare = |path| {
            let (now, file) = of(path);
            then.compare(&now, &file).unwrap()
        };
        assert_eq!(compare(&path), Ok(false));
        fs::write(&path, long.clone() + "more").unwrap();
        assert_eq!(compare(&path), Ok(false), "it grew");
        let copy = folder.path().join("b.csv");
        fs::write(&copy, &long).unwrap();
        assert_eq!(compare(&copy), Ok(true), "a copy");
        fs::write(&path, "y".to_owned() + &long).unwrap();
        assert_eq!(compare(&path), Err(Mismatch::Beginning(65_536)));
        fs::write(&path, "x").unwrap();
        assert_eq!(compare(&path), Err(Mismatch::Shrank { size: 1, wanted: 100_000 }));
    }

    #[test]
    fn a_short_file_may_grow() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        fs::write(&path, "a\n1\n").unwrap();
        let (then, _) = of(&path);
        for (content, wanted) in [("a\n1\n2\n", Ok(false)), ("a\n2\n3\n", Err(Mismatch::Beginning(4)))] {
            fs::write(&path, content).unwrap();
            let (now, file) = of(&path);
            assert_eq!(then.compare(&now, &file).unwrap(), wanted, "{content:?}");
        }
    }

    #[test]
    fn a_file_that_grows_while_it_is_read_is_recognized_by_all_that_was_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        fs::write(&path, "a\n").unwrap();
        let (mut then, _) = of(&path);
        fs::write(&path, "a\n1\n2\n3\n").unwrap();
        then.extend(&path, 6);
        assert_eq!((then.beginning, then.size), (6, 8));
        for (content, wanted) in [("a\n1\n2\n4\n", Ok(false)), ("a\n1\n3\n", Err(Mismatch::Beginning(6)))] {
            fs::write(&path, content).unwrap();
            let (now, file) = of(&path);
            assert_eq!(then.compare(&now, &file).unwrap(), wanted, "{content:?}");
        }
        // Another file has the path, or the file is shorter than the position.
        let before = then.clone();
        then.extend(&path, 8);
        fs::write(folder.path().join("b.csv"), "a\n9\n9\n9\n9\n").unwrap();
        fs::rename(folder.path().join("b.csv"), &path).unwrap();
        then.extend(&path, 10);
        assert_eq!(then, before);
        let long = "x".repeat(100_000);
        fs::write(&path, "x").unwrap();
        let (mut then, _) = of(&path);
        fs::write(&path, long).unwrap();
        then.extend(&path, 90_000);
        assert_eq!((then.beginning, then.size), (65_536, 100_000));
    }

    #[test]
    fn another_topic_format_or_encoding_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        fs::write(&path, "a\n1\n").unwrap();
        let (then, file) = of(&path);
        let mut options = options();
        let now = |options: &InputOptions, format: &str, topic: &str| {
            let now = FilePosition::beginning_of(&file, options, format, topic).unwrap();
            then.compare(&now, &file).unwrap().unwrap_err()
        };
        let wrong = |name, now: &str, then: &str| Mismatch::Setting(name, now.to_owned(), then.to_owned());
        assert_eq!(now(&options, "csv", "states"), wrong("topic", "states", "orders"));
        assert_eq!(now(&options, "lines", "orders"), wrong("input.format", "lines", "csv"));
        options.settings.put("encoding", "latin-1", 1).unwrap();
        assert_eq!(now(&options, "csv", "orders"), wrong("input.encoding", "latin-1", "none"));
    }
}
