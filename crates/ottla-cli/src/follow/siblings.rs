//! The files beside the path of a followed file: those that had its path before.

use std::{
    collections::HashSet,
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use crate::{
    checkpoint::{BEGINNING, Checkpoints, FilePosition},
    file_identity::FileIdentity,
    input::{decompressed, is_compressed},
};

use super::{tail::Tail, watcher::Appeared};

/// How often a folder is listed until its files do not change.
const LISTINGS: u32 = 100;

/// The endings of compressed files.
const COMPRESSED: [&str; 5] = [".gz", ".zst", ".xz", ".lz4", ".bz2"];

/// The file of a position beside its path.
pub(super) enum Sibling {
    One(Appeared),
    None,
    Several,
}

/// Finds the file of a position among the others in the folder of its path: by its inode and beginning, or among those that are named as replaced
/// files are, by its beginning, also if it is compressed.
///
/// # Errors
/// As those of [`others`], so that a file that cannot be looked at does not count as absent.
pub(super) fn sibling(path: &Path, then: &FilePosition) -> io::Result<Sibling> {
    let is_same = |appeared: &Appeared| -> io::Result<bool> { Ok(then.is_of(appeared.identity) && then.begins(&appeared.file)?) };
    let is_alike = |appeared: &Appeared| -> io::Result<bool> {
        let Appeared { path: other, file, .. } = appeared;
        Ok(is_replaced_name(path, other) && !then.is_empty() && has_beginning(other, file, then)?)
    };
    let is_one = |appeared: &Appeared| -> io::Result<bool> { Ok(is_same(appeared)? || is_alike(appeared)?) };
    let mut alike = others(path, |_| true, is_one)?;
    // A link may have pointed to another file of the folder where its target is.
    if let Some(target) = path.canonicalize().ok().filter(|target| target.parent() != path.parent()) {
        alike.extend(others(&target, |_| true, is_one)?);
    }
    for index in 0..alike.len() {
        if is_same(&alike[index])? {
            return Ok(Sibling::One(alike.swap_remove(index)));
        }
    }
    // While a file is compressed, it is there twice.
    if alike.len() > 1 {
        alike.retain(|appeared| !is_compressed_file(&appeared.path, &appeared.file));
    }
    Ok(match (alike.pop(), alike.is_empty()) {
        (Some(appeared), true) => Sibling::One(appeared),
        (None, _) => Sibling::None,
        (Some(_), false) => Sibling::Several,
    })
}

/// The files that had the path after the one that was last modified at this time, the oldest first. Those that are known or have one of the
/// paths `not` are left out.
///
/// # Errors
/// As those of [`others`].
pub(super) fn replaced_since(
    path: &Path,
    modified: SystemTime,
    known: &[FileIdentity],
    not: &[PathBuf],
) -> io::Result<Vec<Appeared>> {
    let is_wanted = |other: &Path| is_replaced_name(path, other) && !not.iter().any(|not| not == other);
    let now = FileIdentity::of_path(path);
    let others = others(path, is_wanted, |appeared| {
        let Appeared { path, file, identity } = appeared;
        // While a file is compressed, it is there twice.
        let original = path.with_extension("");
        let is_twice = is_wanted(&original) && is_compressed_file(path, file) && original.is_file();
        Ok(!known.contains(identity) && Some(*identity) != now && !is_twice && file.metadata()?.modified()? > modified)
    })?;
    let mut found = Vec::new();
    for appeared in others {
        found.push((appeared.file.metadata()?.modified()?, appeared));
    }
    found.sort_by(|(one, a), (other, b)| one.cmp(other).then_with(|| a.path.cmp(&b.path)));
    Ok(found.into_iter().map(|(_, appeared)| appeared).collect())
}

/// Opens the other files in the folder of a path, one after the other, and keeps those that are `is_one`. A file that is renamed or compressed
/// meanwhile is opened under its new name.
///
/// # Errors
/// The folder cannot be read, or a file cannot be opened although it is there and permitted, such as with too many open files.
fn others(
    path: &Path,
    is_wanted: impl Fn(&Path) -> bool,
    is_one: impl Fn(&Appeared) -> io::Result<bool>,
) -> io::Result<Vec<Appeared>> {
    let (mut seen, mut kept) = (HashSet::new(), Vec::<Appeared>::new());
    for _ in 0..LISTINGS {
        let files = files_beside(path, &is_wanted)?;
        if !kept.iter().all(|one| files.contains(&(one.path.clone(), one.identity))) {
            // It is compressed or renamed now. The archive may not have been complete before.
            (seen, kept) = (HashSet::new(), Vec::new());
        }
        let new: Vec<_> = files.into_iter().filter(|place| !seen.contains(place)).collect();
        if new.is_empty() {
            return Ok(kept);
        }
        for (path, identity) in new {
            seen.insert((path.clone(), identity));
            let Some(file) = open(&path)? else { continue };
            // Another file may have the path by now.
            let Some(identity) = FileIdentity::of_file(&file) else { continue };
            seen.insert((path.clone(), identity));
            let appeared = Appeared { path, file, identity };
            if is_one(&appeared)? {
                kept.push(appeared);
            }
        }
    }
    let folder = path.parent().unwrap_or(path);
    Err(io::Error::other(format!("the files in {} are renamed all the time", folder.display())))
}

/// The other files in the folder of a path, sorted; none if there is no such folder.
///
/// # Errors
/// The folder cannot be read.
fn files_beside(path: &Path, is_wanted: impl Fn(&Path) -> bool) -> io::Result<Vec<(PathBuf, FileIdentity)>> {
    let entries = match fs::read_dir(path.parent().unwrap_or(Path::new("."))) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let other = entry?.path();
        let metadata = if other != path && is_wanted(&other) { fs::metadata(&other).ok() } else { None };
        let identity = metadata.filter(fs::Metadata::is_file).and_then(|metadata| FileIdentity::of(&metadata));
        files.extend(identity.map(|identity| (other, identity)));
    }
    files.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(files)
}

/// Opens a file; `None` if it is gone, or of another user.
///
/// # Errors
/// It cannot be opened for another reason.
fn open(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => Ok(None),
        Err(error) => Err(io::Error::new(error.kind(), format!("{}: {error}", path.display()))),
    }
}

/// Whether a file is named as one that had the path: `app.log.1`, `app.log-20260102.gz`, `app-20260102.log` or `app.1.log` for `app.log`. Only
/// numbers and dates are added to the name, so that `app-errors.log` and `app.log.failed` are other files.
pub(super) fn is_replaced_name(path: &Path, other: &Path) -> bool {
    let text = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let (name, mut other) = (text(path), text(other));
    let compressed = COMPRESSED.iter().find(|suffix| other.ends_with(*suffix) && !name.ends_with(*suffix));
    other.truncate(other.len() - compressed.map_or(0, |suffix| suffix.len()));
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let extension = path.extension().map(|extension| format!(".{}", extension.to_string_lossy())).unwrap_or_default();
    let after_name = other.strip_prefix(&name).is_some_and(is_number_or_date);
    let in_name = || {
        let rest = other.strip_prefix(&stem)?;
        let (before, after) = rest.split_at(rest.find(&extension)?);
        let after = &after[extension.len()..];
        Some(is_number_or_date(before) && (after.is_empty() || is_number_or_date(after)))
    };
    after_name || !extension.is_empty() && in_name().unwrap_or(false)
}

/// Whether a part of a name is a separator and numbers, such as `.1`, `-20260102` or `_2026-01-02T13:00:00Z`.
fn is_number_or_date(part: &str) -> bool {
    let is_number = |number: &str| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let is_time = |token: &str| token.strip_suffix('Z').unwrap_or(token).split('T').all(is_number);
    part.strip_prefix(['.', '-', '_']).is_some_and(|rest| rest.split(['.', '-', '_', ':', '+']).all(is_time))
}

pub(super) fn is_compressed_file(path: &Path, file: &File) -> bool {
    use std::os::unix::fs::FileExt as _;
    let mut first = [0; 16];
    let length = file.read_at(&mut first, 0).unwrap_or(0);
    is_compressed(path, &first[..length])
}

/// The first 64 KiB of a compressed file, and a byte more if there is one; `None` if it is not complete or not compressed.
///
/// # Errors
/// There are too many open files.
pub(super) fn decompressed_beginning(path: &Path, file: &File) -> io::Result<Option<Vec<u8>>> {
    let source = from_beginning(file)?;
    let mut bytes = Vec::new();
    let read = decompressed(Box::new(source), path).and_then(|file| file.take(BEGINNING + 1).read_to_end(&mut bytes));
    Ok(read.is_ok().then_some(bytes))
}

/// All bytes of a file, which may have another name by now. The place in it is another one than that of the handle.
///
/// # Errors
/// There are too many open files.
fn from_beginning(file: &File) -> io::Result<Tail> {
    let tail = Tail::new(Arc::new(file.try_clone()?), Arc::default());
    tail.end();
    Ok(tail)
}

pub(super) fn has_size(file: &File, then: &FilePosition) -> bool {
    file.metadata().is_ok_and(|metadata| then.has_size(metadata.len()))
}

/// Whether an earlier run has read a file to its end, or one that it is a copy of.
///
/// # Errors
/// There are too many open files.
pub(super) fn was_read(Appeared { path, file, identity }: &Appeared, checkpoints: &mut Checkpoints) -> io::Result<bool> {
    if checkpoints.complete_of(path, *identity, file).is_some_and(|then| has_size(file, &then)) {
        return Ok(true);
    }
    let bytes = if is_compressed_file(path, file) { decompressed_beginning(path, file)? } else { None };
    Ok(bytes.is_some_and(|bytes| checkpoints.is_copy_of_complete(path, file, &bytes)))
}

/// Whether a file, decompressed if it is compressed, has the beginning of a position.
///
/// # Errors
/// The file cannot be read, or there are too many open files.
fn has_beginning(path: &Path, file: &File, then: &FilePosition) -> io::Result<bool> {
    if then.begins(file)? {
        return Ok(true);
    }
    if !is_compressed_file(path, file) {
        return Ok(false);
    }
    // An archive that is not complete is another file.
    Ok(decompressed(Box::new(from_beginning(file)?), path).and_then(|bytes| then.begins_bytes(bytes, false)).unwrap_or(false))
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, io::Write as _};

    use super::*;

    #[test]
    fn files_are_found_in_a_folder_where_others_are_created_all_the_time() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("a.log.1"), "1").unwrap();
        let created = Cell::new(0);
        let found = others(
            &at("a.log"),
            |_| true,
            |appeared| {
                let is_one = appeared.path == at("a.log.1");
                if is_one {
                    created.set(created.get() + 1);
                    fs::write(at(&format!("other-{}", created.get())), "").unwrap();
                }
                Ok(is_one)
            },
        );
        assert_eq!(found.unwrap().len(), 1);
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
        let found = others(
            &at("a.log"),
            |_| true,
            |appeared| {
                if !is_rotated.replace(true) {
                    fs::rename(at("a.log.1"), at("a.log.2")).unwrap();
                    fs::rename(at("a.log"), at("a.log.1")).unwrap();
                    fs::write(at("a.log"), "").unwrap();
                }
                Ok(appeared.identity == wanted)
            },
        );
        assert_eq!(found.unwrap().iter().map(|one| one.path.clone()).collect::<Vec<_>>(), [at("a.log.1")]);
    }

    #[test]
    fn an_archive_that_is_renamed_after_it_was_opened_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log.1.gz");
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(b"1\n2\n").unwrap();
        fs::write(&path, encoder.finish().unwrap()).unwrap();
        let file = File::open(&path).unwrap();
        fs::rename(&path, folder.path().join("a.log.2.gz")).unwrap();
        assert_eq!(decompressed_beginning(&path, &file).unwrap().as_deref(), Some(&b"1\n2\n"[..]));
    }

    #[test]
    fn names_of_replaced_files_are_known() {
        let is_one = |other: &str| is_replaced_name(Path::new("/var/app.log"), Path::new("/var").join(other).as_path());
        for other in [
            "app.log.1",
            "app.log.2.gz",
            "app.log-20260102",
            "app-20260102.log.zst",
            "app.1.log",
            "app-2026-01-02-1.log.gz",
            "app.log.2026-01-02T13:00:00Z",
            "app.log-20260102.3",
            "app-20260102.log.1",
        ] {
            assert!(is_one(other), "{other}");
        }
        for other in ["app2.log", "app.txt", "application.log", "other.log.1", "app", "app.log2", "app.log.gz"] {
            assert!(!is_one(other), "{other}");
        }
        for other in
            ["app-errors.log", "app_access.log", "app.log.ckpt", "app.log.ckpt.tmp", "app.log.failed", "app.log.", "app-T1.log"]
        {
            assert!(!is_one(other), "{other}");
        }
    }
}
