//! [`FollowedFile`]: a file that is followed, under whatever name. [`FinishedFile`]: one that was read to its end.

use std::{
    fs::{self, File, Metadata},
    io,
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Instant, SystemTime},
};

use crate::{
    checkpoint::{BEGINNING, digest, has_beginning},
    file_identity::FileIdentity,
    input::{FollowSettings, Input, InputPosition, decompressed, is_compressed},
    monitoring::FileProgress,
};

use super::tail::Tail;

/// How much longer than `rotate_wait_ms` a file may be unchanged that was renamed, while no file has its path.
const RENAMED_WAIT: u32 = 60;

/// A file that is followed.
pub(super) struct FollowedFile {
    /// The path where it was found.
    path: PathBuf,
    /// Another path where it has appeared.
    other_path: Option<PathBuf>,
    tail: Tail,
    identity: FileIdentity,
    /// The number of the file in this run.
    id: usize,
    /// Where reading begins, unless at the beginning.
    position: Option<InputPosition>,
    is_compressed: bool,
    /// Whether it was replaced before this run.
    was_replaced: bool,
    size: u64,
    modified: Option<SystemTime>,
    /// Since when it has this size and time.
    unchanged_since: Instant,
    /// Since when another file is at its path, or none.
    replaced_since: Option<Instant>,
    /// The size at which its position could not be continued yet, and whether it had ended.
    waited_at: Option<(u64, bool)>,
    progress: Option<Arc<FileProgress>>,
}

impl FollowedFile {
    pub(super) fn new(path: PathBuf, tail: Tail, identity: FileIdentity) -> Self {
        let mut first = [0; 16];
        // A file that cannot be read fails when it is opened for reading.
        let length = tail.file().read_at(&mut first, 0).unwrap_or(0);
        let is_compressed = is_compressed(&path, &first[..length]);
        if is_compressed {
            tail.end();
        }
        let metadata = tail.file().metadata().ok();
        let modified = metadata.as_ref().and_then(|metadata| metadata.modified().ok());
        let (now, age) = (Instant::now(), modified.and_then(|modified| modified.elapsed().ok()));
        Self {
            path,
            other_path: None,
            tail,
            identity,
            id: 0,
            position: None,
            is_compressed,
            was_replaced: false,
            size: metadata.map_or(0, |metadata| metadata.len()),
            modified,
            unchanged_since: age.and_then(|age| now.checked_sub(age)).unwrap_or(now),
            replaced_since: None,
            waited_at: None,
            progress: None,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn tail(&self) -> &Tail {
        &self.tail
    }

    pub(super) fn identity(&self) -> FileIdentity {
        self.identity
    }

    pub(super) fn id(&self) -> usize {
        self.id
    }

    pub(super) fn set_id(&mut self, id: usize) {
        self.id = id;
    }

    pub(super) fn position(&self) -> Option<InputPosition> {
        self.position
    }

    /// Reading begins at this position.
    pub(super) fn continue_at(&mut self, position: Option<InputPosition>) {
        self.position = position;
    }

    pub(super) fn is_compressed(&self) -> bool {
        self.is_compressed
    }

    /// It has appeared at this path too.
    pub(super) fn note_path(&mut self, path: &Path) {
        self.other_path = (path != self.path).then(|| path.to_owned());
    }

    /// It is read as the file of this path from now on.
    pub(super) fn move_to(&mut self, path: PathBuf) {
        (self.path, self.other_path) = (path, None);
        (self.was_replaced, self.replaced_since) = (false, None);
    }

    /// The path of the inputs where it is now, if that is not where it was found.
    pub(super) fn other_path(&self) -> Option<&Path> {
        self.other_path.as_deref().filter(|path| FileIdentity::of_path(path) == Some(self.identity))
    }

    /// Whether it is at this other path now.
    pub(super) fn is_at_other_path(&self, path: &Path) -> bool {
        self.other_path.as_deref() == Some(path) && self.other_path().is_some()
    }

    /// Whether another file has this path now.
    pub(super) fn is_replaced_at(&self, path: &Path) -> bool {
        FileIdentity::of_path(path).is_some_and(|identity| identity != self.identity)
    }

    /// Reports there how far it is read.
    pub(super) fn report_to(&mut self, progress: Arc<FileProgress>) {
        self.progress = Some(progress);
    }

    /// It was read up to this position of the input.
    pub(super) fn note_read(&self, input: &Input) {
        if let Some(progress) = &self.progress {
            progress.read_to(if input.is_plain() { input.position().offset } else { self.tail.offset() });
        }
    }

    /// Another file has its path now.
    pub(super) fn note_replaced(&mut self) {
        self.replaced_since.get_or_insert_with(Instant::now);
    }

    /// Another file had its path before this run.
    pub(super) fn note_replaced_before(&mut self) {
        self.was_replaced = true;
    }

    /// Whether its size and time have been the same for the time in the settings.
    pub(super) fn is_unchanged(&mut self, settings: FollowSettings) -> bool {
        drop(self.look());
        self.unchanged_since.elapsed() >= settings.rotate_wait
    }

    fn look(&mut self) -> io::Result<Metadata> {
        let metadata = self.tail.file().metadata()?;
        let (size, modified) = (metadata.len(), metadata.modified().ok());
        if (size, modified) != (self.size, self.modified) {
            (self.size, self.modified, self.unchanged_since) = (size, modified, Instant::now());
        }
        Ok(metadata)
    }

    /// Whether nothing more is expected in it: it was replaced or deleted, and has not grown since then for the time in the settings.
    pub(super) fn is_complete(&mut self, path: &Path, has_next: bool, settings: FollowSettings) -> bool {
        let Ok(metadata) = self.look() else { return false };
        if !has_next && (self.may_be_at(path) || self.other_path().is_some()) {
            self.replaced_since = None;
            return false;
        }
        let is_gone = has_next || metadata.nlink() == 0;
        let wait = if is_gone { settings.rotate_wait } else { settings.rotate_wait.saturating_mul(RENAMED_WAIT) };
        let since = *self.replaced_since.get_or_insert_with(Instant::now);
        self.unchanged_since.elapsed() >= wait && (self.was_replaced || since.elapsed() >= wait)
    }

    /// Whether it has the path, or whether that cannot be found out.
    fn may_be_at(&self, path: &Path) -> bool {
        match fs::metadata(path) {
            Ok(metadata) => FileIdentity::of(&metadata) == Some(self.identity),
            Err(error) => !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory),
        }
    }

    /// It cannot be continued at its position as it is now.
    pub(super) fn note_waiting(&mut self) {
        self.waited_at = self.tail.size().ok().map(|size| (size, self.tail.has_ended()));
    }

    /// Whether it has not changed since [`note_waiting`](Self::note_waiting).
    pub(super) fn is_waiting(&self) -> bool {
        let now = || Some((self.tail.size().ok()?, self.tail.has_ended()));
        self.waited_at.is_some() && self.waited_at == now()
    }

    /// Whether its decompressed bytes are those of another file, read or not, or at least begin with its first 64 KiB.
    pub(super) fn is_copy_of(&self, other: &Self) -> bool {
        let is_copy = || {
            let length = other.tail.size()?.min(BEGINNING);
            self.has_content(length, &digest(other.tail.file(), length)?)
        };
        !other.is_compressed && is_copy().unwrap_or(false)
    }

    /// Whether its decompressed bytes begin with these. Fewer than 64 KiB must be all of them: short files may begin alike by chance.
    fn has_content(&self, length: u64, sha256: &str) -> io::Result<bool> {
        if length == 0 {
            return Ok(false);
        }
        let source = self.tail.clone();
        source.restart();
        has_beginning(decompressed(Box::new(source), &self.path)?, length, sha256, true)
    }
}

/// A file that was read to its end.
#[derive(Debug)]
pub(super) struct FinishedFile {
    pub(super) path: PathBuf,
    identity: FileIdentity,
    /// The number of bytes at the beginning that `sha256` is computed from.
    beginning: u64,
    sha256: String,
    is_compressed: bool,
    age: Age,
}

/// Distinguishes a file from a later one with the same inode.
#[derive(Debug, PartialEq)]
enum Age {
    Created(SystemTime),
    /// The size and the last modification, where the file system does not keep the time of creation.
    Modified(u64, Option<SystemTime>),
}

impl Age {
    fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(metadata.created().map_or_else(|_| Self::Modified(metadata.len(), metadata.modified().ok()), Self::Created))
    }
}

impl FinishedFile {
    /// # Errors
    /// The file cannot be read.
    pub(super) fn of(file: &FollowedFile) -> io::Result<Self> {
        let beginning = file.tail.size()?.min(BEGINNING);
        Ok(Self {
            path: file.path.clone(),
            identity: file.identity,
            beginning,
            sha256: digest(file.tail.file(), beginning)?,
            is_compressed: file.is_compressed,
            age: Age::of(file.tail.file())?,
        })
    }

    pub(super) fn identity(&self) -> FileIdentity {
        self.identity
    }

    /// Whether a file is this one, with whatever name, and not another one that has got its inode.
    pub(super) fn is(&self, identity: FileIdentity, file: &File) -> bool {
        self.beginning > 0
            && self.identity == identity
            && Age::of(file).is_ok_and(|age| age == self.age)
            && digest(file, self.beginning).is_ok_and(|sha256| sha256 == self.sha256)
    }

    /// Whether a compressed file has the content of this one.
    pub(super) fn has_copy(&self, file: &FollowedFile) -> bool {
        !self.is_compressed && file.has_content(self.beginning, &self.sha256).unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use std::{thread, time::Duration};

    use super::*;

    #[test]
    fn a_later_file_with_the_inode_and_the_beginning_of_a_finished_one_is_another_file() {
        let folder = tempfile::tempdir().unwrap();
        let create = |name: &str| {
            let path = folder.path().join(name);
            fs::write(&path, "id,name\n").unwrap();
            let file = File::open(&path).unwrap();
            let identity = FileIdentity::of_file(&file).unwrap();
            (path, file, identity)
        };
        let (path, file, identity) = create("a.csv");
        let tail = Tail::new(Arc::new(file.try_clone().unwrap()), Arc::default());
        let finished = FinishedFile::of(&FollowedFile::new(path.clone(), tail, identity)).unwrap();
        fs::rename(path, folder.path().join("a.csv.1")).unwrap();
        assert!(finished.is(identity, &file), "the same file with another name");
        thread::sleep(Duration::from_millis(50));
        let (_, later, _) = create("b.csv");
        assert!(!finished.is(identity, &later));
    }
}
