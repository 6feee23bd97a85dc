//! [`others`]: the files in a folder while others rename, create and delete files there.

use std::{
    collections::HashSet,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::watcher::Appeared;
use crate::file_identity::FileIdentity;

/// How often a folder is listed until the wanted files have the names that they had in the listing before.
const LISTINGS: u32 = 100;

/// A file in a folder, and its content by size and time.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Entry {
    path: PathBuf,
    pub(super) identity: FileIdentity,
    size: u64,
    pub(super) modified: Option<SystemTime>,
}

impl Entry {
    /// Whether this is the same file with the same name, whatever its content is now.
    fn is_at(&self, path: &Path, identity: FileIdentity) -> bool {
        self.path == path && self.identity == identity
    }

    /// Opens the file; `None` if another one or none has the name.
    ///
    /// # Errors
    /// It cannot be opened, with the path.
    fn open(&self) -> io::Result<Option<Appeared>> {
        match File::open(&self.path) {
            Ok(file) => {
                let is_same = FileIdentity::of_file(&file) == Some(self.identity);
                Ok(is_same.then(|| Appeared { path: self.path.clone(), file, identity: self.identity }))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(at(&self.path)(error)),
        }
    }
}

/// Files beside a path.
pub(super) struct Others {
    pub(super) opened: Vec<Appeared>,
    /// Those that this user may not open, with the errors.
    pub(super) not_opened: Vec<(Entry, io::Error)>,
}

/// Opens the other files in the folder of a path that are wanted, one after the other, and keeps those that are `is_one`.
///
/// Invariant: the result is that of one moment. Between the last two listings no wanted file was renamed, created or deleted, so that each of
/// them was opened under its name. A file that was opened in an earlier listing is opened again only if its content has changed, so that a
/// listing takes longer than a rotation at most once. Other files may come and go all the time.
///
/// # Errors
/// The folder cannot be read, or a file cannot be opened although it is there and permitted, such as with too many open files.
pub(super) fn others(
    path: &Path,
    is_wanted: impl Fn(&Path, FileIdentity) -> bool,
    is_one: impl Fn(&Appeared) -> io::Result<bool>,
) -> io::Result<Others> {
    let (mut seen, mut opened, mut not_opened) = (HashSet::new(), Vec::<Appeared>::new(), Vec::<(Entry, io::Error)>::new());
    let mut entries = entries_beside(path, &is_wanted)?;
    for _ in 0..LISTINGS {
        opened.retain(|one| entries.iter().any(|entry| entry.is_at(&one.path, one.identity)));
        not_opened.retain(|(one, _)| entries.contains(one));
        let mut is_stable = true;
        for entry in &entries {
            if seen.contains(entry) || opened.iter().any(|one| entry.is_at(&one.path, one.identity)) {
                continue;
            }
            match entry.open() {
                Ok(Some(appeared)) => {
                    seen.insert(entry.clone());
                    if is_one(&appeared)? {
                        opened.push(appeared);
                    }
                }
                Ok(None) => is_stable = false,
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    seen.insert(entry.clone());
                    not_opened.push((entry.clone(), error));
                }
                Err(error) => return Err(error),
            }
        }
        let now = entries_beside(path, &is_wanted)?;
        let is_same = |(now, then): (&Entry, &Entry)| now.is_at(&then.path, then.identity);
        if is_stable && now.len() == entries.len() && now.iter().zip(&entries).all(is_same) {
            return Ok(Others { opened, not_opened });
        }
        entries = now;
    }
    let folder = path.parent().unwrap_or(path);
    Err(io::Error::other(format!("the files in {} are renamed all the time", folder.display())))
}

/// The other files in the folder of a path that are wanted, sorted by name; none if there is no such folder.
///
/// # Errors
/// The folder cannot be read, or not be searched for what is in it.
fn entries_beside(path: &Path, is_wanted: impl Fn(&Path, FileIdentity) -> bool) -> io::Result<Vec<Entry>> {
    let folder = match fs::read_dir(path.parent().unwrap_or(Path::new("."))) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        folder => folder?,
    };
    let mut entries = Vec::new();
    for entry in folder {
        let other = entry?.path();
        let metadata = match fs::metadata(&other) {
            Ok(metadata) => metadata,
            // It is gone, or a link without a target that can be reached.
            Err(error) if error.kind() == io::ErrorKind::NotFound || other.is_symlink() => continue,
            Err(error) => return Err(at(&other)(error)),
        };
        let identity = FileIdentity::of(&metadata).filter(|identity| metadata.is_file() && is_wanted(&other, *identity));
        if let Some(identity) = identity.filter(|_| other != path) {
            entries.push(Entry { path: other, identity, size: metadata.len(), modified: metadata.modified().ok() });
        }
    }
    entries.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(entries)
}

/// Adds the path to an error.
fn at(path: &Path) -> impl Fn(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// The names of the files that are found beside `a.log`.
    fn names(found: &Others) -> Vec<String> {
        found.opened.iter().map(|one| one.path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn files_that_are_not_wanted_are_created_all_the_time() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("a.log.1"), "1").unwrap();
        let created = Cell::new(0);
        let is_wanted = |path: &Path, _| {
            created.set(created.get() + 1);
            fs::write(at(&format!("other-{}", created.get())), "").unwrap();
            path == at("a.log.1")
        };
        assert_eq!(names(&others(&at("a.log"), is_wanted, |_| Ok(true)).unwrap()), ["a.log.1"]);
    }

    #[test]
    fn a_file_that_is_renamed_to_a_name_that_was_looked_at_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["a.log", "a.log.1", "a.log.2"] {
            fs::write(at(name), name).unwrap();
        }
        let wanted = FileIdentity::of_path(&at("a.log")).unwrap();
        let is_rotated = Cell::new(false);
        // The names are the same before and after the rotation.
        let is_one = |appeared: &Appeared| {
            if !is_rotated.replace(true) {
                fs::rename(at("a.log.1"), at("a.log.2")).unwrap();
                fs::rename(at("a.log"), at("a.log.1")).unwrap();
                fs::write(at("a.log"), "").unwrap();
            }
            Ok(appeared.identity == wanted)
        };
        assert_eq!(names(&others(&at("a.log"), |_, _| true, is_one).unwrap()), ["a.log.1"]);
    }

    #[test]
    fn a_file_whose_content_has_changed_between_two_listings_is_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("a.log.1"), "complete").unwrap();
        fs::write(at("a.log.1.gz"), "").unwrap();
        let looked = Cell::new(0);
        // The original is deleted when the archive is complete.
        let is_one = |appeared: &Appeared| {
            looked.set(looked.get() + 1);
            let is_complete = appeared.file.metadata()?.len() == 8;
            if appeared.path == at("a.log.1.gz") && !is_complete {
                fs::write(at("a.log.1.gz"), "complete")?;
                fs::remove_file(at("a.log.1"))?;
            }
            Ok(is_complete)
        };
        assert_eq!(names(&others(&at("a.log"), |_, _| true, is_one).unwrap()), ["a.log.1.gz"]);
        assert_eq!(looked.get(), 3, "each content once");
    }

    #[test]
    fn a_folder_whose_files_are_renamed_all_the_time_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let at = |n: u32| folder.path().join(format!("a.log.{n}"));
        fs::write(at(0), "1").unwrap();
        let renamed = Cell::new(0);
        let is_one = |_: &Appeared| {
            fs::rename(at(renamed.get()), at(renamed.get() + 1)).unwrap();
            renamed.set(renamed.get() + 1);
            Ok(true)
        };
        let error = others(&folder.path().join("a.log"), |_, _| true, is_one).err().unwrap();
        assert!(error.to_string().ends_with("are renamed all the time"), "{error}");
    }
}
