//! [`RunProgress`]: what only the reading thread knows of a run, for the thread that serves metrics.

use std::{
    collections::HashSet,
    fs::File,
    sync::{
        Arc, Mutex, OnceLock, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use crate::{file_identity::FileIdentity, lock::lock};

/// The progress of a run beside the counts of its rows.
#[derive(Debug)]
pub(crate) struct RunProgress {
    pub(super) started: SystemTime,
    /// The number of bytes read of the inputs.
    read: Arc<AtomicU64>,
    /// The interval of checkpoints, if there are any.
    pub(super) interval: Option<Duration>,
    checkpoints: AtomicU64,
    saved: Mutex<Instant>,
    /// A file is closed when it is not followed any more.
    followed: Mutex<Vec<Weak<FileProgress>>>,
    /// The files that were followed to their ends, as long as the reading thread remembers them.
    finished: Mutex<HashSet<FileIdentity>>,
    waiting: OnceLock<Waiting>,
}

/// The function that returns the files that were found and are not followed yet, such as while the brokers do not answer.
struct Waiting(Box<dyn Fn() -> Vec<WaitingFile> + Send + Sync>);

/// A file that was found and is not followed yet.
#[derive(Debug)]
pub(crate) struct WaitingFile {
    /// The name of its input.
    pub(crate) name: String,
    pub(crate) identity: FileIdentity,
    /// Its size in bytes.
    pub(crate) size: u64,
}

/// How far a followed file was read.
#[derive(Debug)]
pub(crate) struct FileProgress {
    pub(super) input: usize,
    file: Arc<File>,
    read: AtomicU64,
}

impl RunProgress {
    pub(crate) fn new(read: Arc<AtomicU64>, interval: Option<Duration>) -> Arc<Self> {
        Arc::new(Self {
            started: SystemTime::now(),
            read,
            interval,
            checkpoints: AtomicU64::new(0),
            saved: Mutex::new(Instant::now()),
            followed: Mutex::default(),
            finished: Mutex::default(),
            waiting: OnceLock::new(),
        })
    }

    /// Counts a checkpoint that was written.
    pub(crate) fn count_checkpoint(&self) {
        self.checkpoints.fetch_add(1, Ordering::Relaxed);
        self.note_saved();
    }

    /// Every row that was read is in a checkpoint.
    pub(crate) fn note_saved(&self) {
        *lock(&self.saved) = Instant::now();
    }

    /// A file of this input is followed, until the result is dropped.
    pub(crate) fn follow(&self, input: usize, file: Arc<File>) -> Arc<FileProgress> {
        let progress = Arc::new(FileProgress { input, file, read: AtomicU64::new(0) });
        // A later file may have its inode.
        if let Some(identity) = FileIdentity::of_file(&progress.file) {
            lock(&self.finished).remove(&identity);
        }
        let mut followed = lock(&self.followed);
        followed.retain(|file| file.strong_count() > 0);
        followed.push(Arc::downgrade(&progress));
        progress
    }

    /// A file was followed to its end.
    pub(crate) fn finish(&self, file: FileIdentity) {
        lock(&self.finished).insert(file);
    }

    /// The reading thread remembers a finished file no longer.
    pub(crate) fn forget(&self, file: FileIdentity) {
        lock(&self.finished).remove(&file);
    }

    /// Sets the function that returns the files that were found and are not followed yet.
    pub(crate) fn wait_for(&self, waiting: impl Fn() -> Vec<WaitingFile> + Send + Sync + 'static) {
        let _ = self.waiting.set(Waiting(Box::new(waiting)));
    }

    /// The files that were found and are not followed yet. Those that were renamed are not among them.
    pub(crate) fn waiting(&self) -> Vec<WaitingFile> {
        let Some(waiting) = self.waiting.get() else { return Vec::new() };
        let waiting = waiting.0();
        let mut known: HashSet<_> = self.followed().iter().filter_map(|followed| FileIdentity::of_file(&followed.file)).collect();
        let finished = lock(&self.finished);
        waiting.into_iter().filter(|file| !finished.contains(&file.identity) && known.insert(file.identity)).collect()
    }

    pub(super) fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    pub(super) fn checkpoints(&self) -> u64 {
        self.checkpoints.load(Ordering::Relaxed)
    }

    /// The time since the last checkpoint, or since no row was left that is in none.
    pub(super) fn age(&self) -> Duration {
        lock(&self.saved).elapsed()
    }

    /// The files that are followed.
    pub(super) fn followed(&self) -> Vec<Arc<FileProgress>> {
        lock(&self.followed).iter().filter_map(Weak::upgrade).collect()
    }
}

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Waiting")
    }
}

impl FileProgress {
    /// The file was read up to this offset, as it is stored.
    pub(crate) fn read_to(&self, offset: u64) {
        self.read.store(offset, Ordering::Relaxed);
    }

    /// The number of bytes that are not read yet.
    pub(super) fn lag(&self) -> u64 {
        let size = self.file.metadata().map_or(0, |metadata| metadata.len());
        size.saturating_sub(self.read.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn the_lag_is_what_a_file_has_beyond_its_place() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let progress = RunProgress::new(Arc::default(), None);
        let followed = progress.follow(3, Arc::new(file.reopen().unwrap()));
        file.write_all(b"0123456789").unwrap();
        followed.read_to(4);
        let lags = || progress.followed().iter().map(|file| (file.input, file.lag())).collect::<Vec<_>>();
        assert_eq!(lags(), [(3, 6)]);
        followed.read_to(11);
        assert_eq!(lags(), [(3, 0)]);
        drop(followed);
        assert_eq!(lags(), []);
    }

    #[test]
    fn files_that_are_followed_or_finished_do_not_wait() {
        let files: Vec<_> = (0..3).map(|_| tempfile::NamedTempFile::new().unwrap()).collect();
        let identity = |index: usize| FileIdentity::of_path(files[index].path()).unwrap();
        let progress = RunProgress::new(Arc::default(), None);
        let all = [0, 0, 1, 2].map(identity);
        progress.wait_for(move || {
            all.iter().map(|identity| WaitingFile { name: "a.log".to_owned(), identity: *identity, size: 7 }).collect()
        });
        let count = || progress.waiting().len();
        assert_eq!(count(), 3, "a file that was renamed before it is followed waits once");
        let followed = progress.follow(0, Arc::new(files[0].reopen().unwrap()));
        assert_eq!(count(), 2);
        progress.finish(identity(0));
        drop(followed);
        progress.finish(identity(1));
        assert_eq!(count(), 1);
        progress.forget(identity(0));
        assert_eq!(count(), 2, "a file that is not remembered is found again as a new one");
    }
}
