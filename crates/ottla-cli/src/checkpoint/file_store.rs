//! [`FileStore`]: the checkpoint file.

use std::{
    fmt::Display,
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
};
use serde::{Deserialize, Serialize};

use super::file_position::Positions;
use crate::file_identity::FileIdentity;

/// The version of the file's format.
const VERSION: u32 = 1;

/// The checkpoint file. It is locked by the run that uses it.
///
/// [`write`](Self::write) replaces the file with a complete one that is on disk, so a kill or a crash leaves the old file or the new one.
#[derive(Debug)]
pub(crate) struct FileStore {
    /// The path as given, for messages.
    path: PathBuf,
    /// The path without symbolic links, so that a link is not replaced by a file.
    target: PathBuf,
    /// The locked file; `None` if its file system has no locks.
    lock: Option<Flock<File>>,
}

/// The version alone, because another version may have other content.
#[derive(Deserialize)]
struct Version {
    version: u32,
}

#[derive(Serialize, Deserialize)]
struct Content {
    version: u32,
    inputs: Positions,
}

impl FileStore {
    /// Opens and locks the file, which is created if it is absent, and reads the positions.
    ///
    /// # Errors
    /// The file cannot be opened, another run uses it, or it is not a checkpoint.
    pub(crate) fn open(path: &Path) -> Result<(Self, Positions), String> {
        let failed = |error: io::Error| at(path, &format!("cannot be opened: {error}"));
        loop {
            let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(failed)?;
            if !file.metadata().map_err(failed)?.is_file() {
                return Err(at(path, "is not a regular file; give another file"));
            }
            let identity = FileIdentity::of_file(&file);
            let target = path.canonicalize().map_err(failed)?;
            let lock = lock(path, file)?;
            // The run that had the lock may have replaced the file after it was opened here.
            if FileIdentity::of_path(&target) == identity {
                let positions = Self::read(path)?;
                return Ok((Self { path: path.to_owned(), target, lock }, positions));
            }
        }
    }

    /// Reads the positions. A file that is absent or empty has none.
    ///
    /// # Errors
    /// The file cannot be read, or it is not a checkpoint.
    pub(crate) fn read(path: &Path) -> Result<Positions, String> {
        let mut text = String::new();
        match File::open(path).and_then(|mut file| file.read_to_string(&mut text)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Positions::new()),
            Err(error) => return Err(at(path, &format!("cannot be read: {error}"))),
            Ok(_) if text.is_empty() => return Ok(Positions::new()),
            Ok(_) => {}
        }
        let wrong = |reason: &dyn Display| at(path, &format!("is not a checkpoint ({reason}); give another file, or delete it"));
        let Version { version } = serde_json::from_str(&text).map_err(|error| wrong(&error))?;
        if version != VERSION {
            return Err(at(
                path,
                &format!("has version {version}, but this program reads version {VERSION}; use the newer program"),
            ));
        }
        let Content { inputs, .. } = serde_json::from_str(&text).map_err(|error| wrong(&error))?;
        for (input, position) in &inputs {
            position.check().map_err(|reason| wrong(&format_args!("{input}: {reason}")))?;
        }
        Ok(inputs)
    }

    /// Writes the positions. They are on disk when this returns.
    ///
    /// # Errors
    /// The file cannot be written, for example because the disk is full. The old file is unchanged.
    pub(crate) fn write(&mut self, positions: &Positions) -> Result<(), String> {
        self.replace(positions).map_err(|error| at(&self.path, &format!("cannot be written: {error}")))
    }

    fn replace(&mut self, positions: &Positions) -> io::Result<()> {
        let mut text = serde_json::to_vec_pretty(&Content { version: VERSION, inputs: positions.clone() })?;
        text.push(b'\n');
        let temporary = temporary(&self.target);
        let mut file = File::create(&temporary)?;
        file.write_all(&text)?;
        file.sync_all()?;
        // The new file is locked before it has the name, so that there is no moment without a lock.
        let lock = match &self.lock {
            None => None,
            Some(_) => Some(Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| errno)?),
        };
        fs::rename(&temporary, &self.target)?;
        self.lock = lock;
        let folder = self.target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    }
}

/// The files that a checkpoint file at this path uses: the file, and the temporary one that replaces it.
pub(super) fn files(path: &Path) -> [PathBuf; 2] {
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let temporary = temporary(&target);
    [target, temporary]
}

fn temporary(target: &Path) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(".tmp");
    name.into()
}

/// Locks the file; `None` if its file system has no locks.
fn lock(path: &Path, file: File) -> Result<Option<Flock<File>>, String> {
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(Some(lock)),
        Err((_, Errno::EWOULDBLOCK)) => {
            Err(at(path, "is in use by another run; wait for its end, or give each run a checkpoint of its own"))
        }
        Err(_) => Ok(None),
    }
}

fn at(path: &Path, message: &str) -> String {
    format!("checkpoint file {}: {message}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn positions(offset: u64) -> Positions {
        let json = serde_json::json!({"/data/a.csv": {
            "offset": offset, "line": 1, "topic": "orders", "format": "csv", "encoding": null, "size": 100, "beginning": 100,
            "sha256": "ab", "device": 1, "inode": 2,
        }});
        serde_json::from_value(json).unwrap()
    }

    /// A checkpoint file with other numbers.
    fn edited(numbers: &[(&str, u64)]) -> String {
        let mut json = serde_json::to_value(Content { version: VERSION, inputs: positions(10) }).unwrap();
        for (name, number) in numbers {
            json["inputs"]["/data/a.csv"][name] = (*number).into();
        }
        json.to_string()
    }

    #[test]
    fn a_symbolic_link_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let [path, target] = ["link.ckpt", "orders.ckpt"].map(|name| folder.path().join(name));
        std::os::unix::fs::symlink("orders.ckpt", &path).unwrap();
        for offset in 1..3 {
            let (mut store, _) = FileStore::open(&path).unwrap();
            store.write(&positions(offset)).unwrap();
            assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
            assert_eq!(FileStore::read(&target).unwrap(), positions(offset));
            assert!(FileStore::open(&target).unwrap_err().contains("is in use by another run"));
        }
        let target = target.canonicalize().unwrap();
        assert_eq!(files(&path), [target.clone(), temporary(&target)]);
    }

    #[test]
    fn positions_are_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orders.ckpt");
        let (mut store, found) = FileStore::open(&path).unwrap();
        assert_eq!(found, Positions::new());
        for offset in [1, 2] {
            store.write(&positions(offset)).unwrap();
            assert_eq!(FileStore::read(&path).unwrap(), positions(offset));
        }
        drop(store);
        assert_eq!(FileStore::open(&path).unwrap().1, positions(2));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn a_second_run_is_refused_also_after_writes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orders.ckpt");
        let (mut store, _) = FileStore::open(&path).unwrap();
        for offset in 0..2 {
            let error = FileStore::open(&path).unwrap_err();
            assert!(
                error.ends_with(
                    "orders.ckpt: is in use by another run; wait for its end, or give each run a checkpoint of its own"
                )
            );
            store.write(&positions(offset)).unwrap();
        }
        drop(store);
        FileStore::open(&path).unwrap();
    }

    #[test]
    fn other_files_are_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orders.csv");
        for (content, wanted) in [
            ("id\n1\n", "is not a checkpoint ("),
            ("{\"version\":1}", "is not a checkpoint ("),
            ("{\"version\":2,\"inputs\":{}}", "has version 2, but this program reads version 1"),
            ("{\"version\":2,\"files\":[]}", "has version 2, but this program reads version 1"),
            (&edited(&[("line", 0)]), "is not a checkpoint (/data/a.csv: `line` is 0, but must be from 1 to 11 at byte 10)"),
            (&edited(&[("line", 12)]), "`line` is 12, but must be from 1 to 11 at byte 10"),
            (&edited(&[("column", 11)]), "`column` is 11, but must be at most 10 at byte 10"),
            (&edited(&[("array", 0)]), "`array` is 0, but must be from 1 to 1 in line 1"),
            (&edited(&[("beginning", u64::MAX)]), "but must be at most 65536"),
        ] {
            fs::write(&path, content).unwrap();
            let error = FileStore::open(&path).unwrap_err();
            assert!(error.contains(wanted), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
        }
        let error = FileStore::open(&folder.path().join("no/orders.ckpt")).unwrap_err();
        assert!(error.contains("no/orders.ckpt: cannot be opened: No such file or directory"), "{error}");
        assert!(FileStore::open(folder.path()).unwrap_err().contains("cannot be opened"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_leaves_the_old_checkpoint() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orders.ckpt");
        let (mut store, _) = FileStore::open(&path).unwrap();
        store.write(&positions(1)).unwrap();
        std::os::unix::fs::symlink("/dev/full", folder.path().join("orders.ckpt.tmp")).unwrap();
        let error = store.write(&positions(2)).unwrap_err();
        assert!(error.contains("orders.ckpt: cannot be written: No space left on device"), "{error}");
        assert_eq!(FileStore::read(&path).unwrap(), positions(1));
    }
}
