//! [`FileStore`]: the checkpoint file.

use std::{
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
    path: PathBuf,
    /// The locked file; `None` if its file system has no locks.
    lock: Option<Flock<File>>,
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
            let lock = lock(path, file)?;
            // The run that had the lock may have replaced the file after it was opened here.
            if FileIdentity::of_path(path) == identity {
                let positions = Self::read(path)?;
                return Ok((Self { path: path.to_owned(), lock }, positions));
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
        match serde_json::from_str(&text) {
            Ok(Content { version: VERSION, inputs }) => Ok(inputs),
            Ok(Content { version, .. }) => {
                Err(at(path, &format!("has version {version}, but this program reads version {VERSION}; use the newer program")))
            }
            Err(error) => Err(at(path, &format!("is not a checkpoint ({error}); give another file, or delete it"))),
        }
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
        let mut name = self.path.clone().into_os_string();
        name.push(".tmp");
        let temporary = PathBuf::from(name);
        let mut file = File::create(&temporary)?;
        file.write_all(&text)?;
        file.sync_all()?;
        // The new file is locked before it has the name, so that there is no moment without a lock.
        let lock = match &self.lock {
            None => None,
            Some(_) => Some(Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| errno)?),
        };
        fs::rename(&temporary, &self.path)?;
        self.lock = lock;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    }
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
            "offset": offset, "line": 7, "topic": "orders", "format": "csv", "encoding": null, "size": 100, "beginning": 100,
            "sha256": "ab", "device": 1, "inode": 2,
        }});
        serde_json::from_value(json).unwrap()
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
