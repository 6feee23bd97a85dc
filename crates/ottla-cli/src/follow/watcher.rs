//! [`Watcher`]: finds files that appear at the paths of the inputs.

use std::{
    collections::HashSet,
    fs::{self, File, OpenOptions},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock},
    thread,
    time::Duration,
};

use crate::{
    exit::{Exit, Failure},
    file_identity::FileIdentity,
    input::InputOptions,
    inputs::{InputPath, existing_of},
    interrupt::Interrupt,
    lock::lock,
    monitoring::WaitingFile,
};

/// A file that has appeared at a path: a new one, or a known one that was renamed.
#[derive(Debug)]
pub(super) struct Appeared {
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) identity: FileIdentity,
}

/// What a scan finds.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) files: Vec<Appeared>,
    /// The paths that cannot be scanned and the files that cannot be opened, with the reason, once for each.
    pub(super) errors: Vec<(PathBuf, String)>,
}

/// Looks for files at the paths of the inputs, a scan at a time.
#[derive(Debug)]
pub(super) struct Scanner {
    paths: Vec<InputPath>,
    /// The files that the run writes or has as configuration.
    never: Vec<PathBuf>,
    /// The files that have been at these paths, such as dead letters that were renamed. The handles keep others from getting their inodes.
    never_files: Vec<(FileIdentity, File)>,
    /// The file that dead letters are written to, once it is open.
    letters: Arc<OnceLock<FileIdentity>>,
    /// The files at each of the paths in the last scan.
    present: Vec<HashSet<(PathBuf, FileIdentity)>>,
    told: HashSet<String>,
}

impl Scanner {
    pub(super) fn new(paths: Vec<InputPath>, never: Vec<PathBuf>) -> Self {
        Self {
            present: vec![HashSet::new(); paths.len()],
            paths,
            never,
            never_files: Vec::new(),
            letters: Arc::default(),
            told: HashSet::new(),
        }
    }

    /// The file that dead letters are written to is not found, also if it is renamed before a scan.
    pub(super) fn leave_out(&mut self, letters: Arc<OnceLock<FileIdentity>>) {
        self.letters = letters;
    }

    /// Opens the files that were not at their paths in the scan before, in the order of the inputs.
    pub(super) fn scan(&mut self) -> Found {
        let mut found = Found::default();
        self.look_at_never();
        let identities: Vec<_> = self.never_files.iter().map(|(identity, _)| *identity).collect();
        let identities: Vec<_> =
            identities.into_iter().chain(FileIdentity::of_stdout()).chain(FileIdentity::of_stderr()).collect();
        // A file that is replaced as a whole, such as a checkpoint, has another identity than a moment ago.
        let never: Vec<_> = self.never.iter().filter_map(|path| absolute(path)).collect();
        let mut seen = HashSet::new();
        for index in 0..self.paths.len() {
            let (files, errors) = existing_of(&self.paths[index], &identities);
            let mut present = HashSet::new();
            if !errors.is_empty() {
                // What is not found now may still be there.
                let is_there = |(path, identity): &&(PathBuf, FileIdentity)| FileIdentity::of_path(path) == Some(*identity);
                present.extend(self.present[index].iter().filter(is_there).cloned());
            }
            for error in errors {
                let path = self.paths[index].whole();
                self.report(&mut found, path, error);
            }
            for path in files {
                let Ok(metadata) = fs::metadata(&path) else { continue };
                let Some(identity) = FileIdentity::of(&metadata) else { continue };
                let is_never = self.is_never(identity) || absolute(&path).is_some_and(|path| never.contains(&path));
                if is_never || !seen.insert(identity) {
                    continue;
                }
                let place = (path, identity);
                if self.present.iter().any(|present| present.contains(&place)) {
                    present.insert(place);
                    continue;
                }
                let (path, _) = place;
                // A pipe is not opened: its writer would take this for its reader.
                if !metadata.is_file() {
                    let error = format!("{}: is not a regular file, and cannot be followed", path.display());
                    self.report(&mut found, path, error);
                    continue;
                }
                match open(&path).and_then(|file| Ok((file.metadata()?, file))) {
                    Ok((metadata, file)) if metadata.is_file() => {
                        // Another file may have the path by now.
                        let Some(identity) = FileIdentity::of(&metadata) else { continue };
                        present.insert((path.clone(), identity));
                        found.files.push(Appeared { path, file, identity });
                    }
                    Ok(_) => {}
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                    Err(error) => {
                        let error = format!("{}: cannot be opened: {error}", path.display());
                        self.report(&mut found, path, error);
                    }
                }
            }
            self.present[index] = present;
        }
        found
    }

    /// Notes the files that must not be followed, and forgets those that were deleted.
    fn look_at_never(&mut self) {
        self.never_files.retain(|(_, file)| file.metadata().is_ok_and(|metadata| metadata.nlink() > 0));
        for path in &self.never {
            let is_known = FileIdentity::of_path(path).is_none_or(|identity| self.is_never(identity));
            // A pipe would get another reader.
            if is_known || !path.is_file() {
                continue;
            }
            let Ok(file) = open(path) else { continue };
            self.never_files.extend(FileIdentity::of_file(&file).map(|identity| (identity, file)));
        }
    }

    fn is_never(&self, identity: FileIdentity) -> bool {
        self.letters.get() == Some(&identity) || self.never_files.iter().any(|(never, _)| *never == identity)
    }

    /// The names of the paths that have no file now.
    pub(super) fn missing(&self) -> Vec<String> {
        let is_missing = |path: &&InputPath| existing_of(path, &[]).0.is_empty();
        self.paths.iter().filter(is_missing).map(|path| InputOptions::name_of(&path.whole())).collect()
    }

    fn report(&mut self, found: &mut Found, path: PathBuf, error: String) {
        if self.told.len() < 1000 && self.told.insert(error.clone()) {
            found.errors.push((path, error));
        }
    }
}

/// Opens a file for reading. A pipe that has got the path meanwhile does not block.
fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).custom_flags(nix::libc::O_NONBLOCK).open(path)
}

/// The path without symbolic links in its folder; the file itself may be absent.
pub(super) fn absolute(path: &Path) -> Option<PathBuf> {
    let path = std::path::absolute(path).ok()?;
    Some(path.parent()?.canonicalize().ok()?.join(path.file_name()?))
}

/// A thread that scans. It opens each file as soon as it appears, so that it can be read to its end if it is renamed or deleted while the
/// brokers do not answer.
#[derive(Debug)]
pub(super) struct Watcher(Arc<Mutex<Found>>);

impl Watcher {
    /// Scans until the interrupt.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(super) fn start(mut scanner: Scanner, interval: Duration, interrupt: &Interrupt) -> Result<Self, Failure> {
        let found = Arc::new(Mutex::new(Found::default()));
        let (shared, interrupt) = (Arc::clone(&found), interrupt.clone());
        let scan = move || {
            while !interrupt.is_pressed() {
                let Found { files, errors } = scanner.scan();
                let mut found = lock(&shared);
                found.files.extend(files);
                found.errors.extend(errors);
                drop(found);
                interrupt.sleep(interval);
            }
        };
        let started = thread::Builder::new().name("ottla-watcher".to_owned()).spawn(scan);
        started.map_err(|error| Failure::new(Exit::Failed, format!("cannot start the thread that finds new files: {error}")))?;
        Ok(Self(found))
    }

    /// Returns the files that were found and not taken yet, with their sizes then.
    pub(super) fn waiting(&self) -> impl Fn() -> Vec<WaitingFile> + Send + Sync + use<> {
        let found = Arc::clone(&self.0);
        move || {
            let of = |Appeared { path, file, identity }: &Appeared| {
                let size = file.metadata().map_or(0, |metadata| metadata.len());
                WaitingFile { name: InputOptions::name_of(path), identity: *identity, size }
            };
            lock(&found).files.iter().map(of).collect()
        }
    }

    /// What was found since the last call.
    pub(super) fn take(&self) -> Found {
        std::mem::take(&mut *lock(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(scanner: &mut Scanner) -> Vec<String> {
        let found = scanner.scan();
        assert_eq!(found.errors, []);
        found.files.iter().map(|found| found.path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn each_scan_finds_what_has_appeared() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let paths = vec![InputPath::new(at("*.log*")), InputPath::new(at("late.txt"))];
        let mut scanner = Scanner::new(paths, vec![at("b.log"), at("c.log.tmp")]);
        assert_eq!(names(&mut scanner), [""; 0]);
        fs::write(at("a.log"), "").unwrap();
        fs::write(at("b.log"), "").unwrap();
        assert_eq!(names(&mut scanner), ["a.log"]);
        assert_eq!(names(&mut scanner), [""; 0]);
        fs::rename(at("a.log"), at("a.log.1")).unwrap();
        fs::write(at("a.log"), "").unwrap();
        fs::write(at("c.log.tmp"), "").unwrap();
        assert_eq!(names(&mut scanner), ["a.log", "a.log.1"], "a new file, and the old one with its new name");
        fs::remove_file(at("a.log")).unwrap();
        fs::write(at("late.txt"), "").unwrap();
        assert_eq!(names(&mut scanner), ["late.txt"]);
    }

    #[test]
    fn a_file_of_the_run_is_not_found_after_it_was_renamed() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("dead.jsonl"), "{}\n").unwrap();
        let mut scanner = Scanner::new(vec![InputPath::new(at("*.jsonl*"))], vec![at("dead.jsonl"), at("run.ckpt")]);
        assert_eq!(names(&mut scanner), [""; 0]);
        fs::rename(at("dead.jsonl"), at("dead.jsonl.1")).unwrap();
        fs::write(at("dead.jsonl"), "{}\n").unwrap();
        assert_eq!(names(&mut scanner), [""; 0]);
        fs::rename(at("dead.jsonl"), at("dead.jsonl.2")).unwrap();
        fs::write(at("a.jsonl"), "{}\n").unwrap();
        assert_eq!(names(&mut scanner), ["a.jsonl"]);
        // It is renamed before a scan.
        fs::write(at("late.jsonl"), "{}\n").unwrap();
        let letters = Arc::new(OnceLock::from(FileIdentity::of_path(&at("late.jsonl")).unwrap()));
        scanner.leave_out(letters);
        assert_eq!(names(&mut scanner), [""; 0]);
        fs::remove_file(at("dead.jsonl.1")).unwrap();
        scanner.scan();
        assert_eq!(scanner.never_files.len(), 1, "a deleted file is not kept open");
    }

    #[test]
    fn found_files_wait_until_they_are_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        fs::write(&path, "12345").unwrap();
        let found = Scanner::new(vec![InputPath::new(&path)], Vec::new()).scan();
        let watcher = Watcher(Arc::new(Mutex::new(found)));
        let waiting = watcher.waiting();
        assert_eq!(
            waiting().iter().map(|file| (file.name.clone(), file.size)).collect::<Vec<_>>(),
            [(path.display().to_string(), 5)]
        );
        watcher.take();
        assert!(waiting().is_empty());
    }

    #[test]
    fn an_error_is_reported_once_and_the_other_files_are_found() {
        use std::os::unix::ffi::OsStrExt as _;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(folder.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9.log")), "").unwrap();
        nix::unistd::mkfifo(&at("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        // A link to itself cannot be looked at, as a file in a folder of another user.
        std::os::unix::fs::symlink("loop", at("loop")).unwrap();
        std::os::unix::fs::symlink("absent", at("broken")).unwrap();
        let paths = [PathBuf::from("["), at("*.log"), at("pipe"), at("loop"), at("broken"), at("a.*")].map(InputPath::new);
        let mut scanner = Scanner::new(paths.to_vec(), Vec::new());
        let errors: Vec<String> = scanner.scan().errors.into_iter().map(|(_, error)| error).collect();
        assert!(
            errors.len() == 4
                && errors[0].contains("invalid pattern")
                && errors[1].contains("is not UTF-8")
                && errors[2].ends_with("/pipe: is not a regular file, and cannot be followed")
                && errors[3].contains("/loop: cannot be opened: "),
            "{errors:?}"
        );
        for name in ["a.log", "b.log", "a.txt"] {
            fs::write(at(name), "").unwrap();
            assert_eq!(names(&mut scanner), [name]);
        }
        fs::rename(at("a.log"), at("c.log")).unwrap();
        assert_eq!(names(&mut scanner), ["c.log"]);
        assert_eq!(scanner.present[1].len(), 2, "a file that is gone is forgotten");
    }
}
