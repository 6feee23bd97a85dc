//! The files beside the path of a followed file: those that had its path before.

use std::{
    fs::File,
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

use super::{
    folder::{Entry, Others, others},
    tail::Tail,
    watcher::Appeared,
};

/// The endings of compressed files.
const COMPRESSED: [&str; 5] = [".gz", ".zst", ".xz", ".lz4", ".bz2"];

/// The file of a position beside its path.
pub(super) enum Sibling {
    One(Appeared),
    /// There is none. It may be a file that cannot be opened: the error of the first one, if there is any.
    None(Option<String>),
    Several,
}

/// Finds the file of a position among the others in the folder of its path: by its inode and beginning, or among those that are named as replaced
/// files are, by its beginning, also if it is compressed.
///
/// # Errors
/// As those of [`others`], or the file that has the inode cannot be opened: it does not count as absent.
pub(super) fn sibling(path: &Path, then: &FilePosition) -> io::Result<Sibling> {
    let is_same = |appeared: &Appeared| -> io::Result<bool> { Ok(then.is_of(appeared.identity) && then.begins(&appeared.file)?) };
    let is_alike = |appeared: &Appeared| -> io::Result<bool> {
        let Appeared { path: other, file, .. } = appeared;
        Ok(is_replaced_name(path, other) && !then.is_empty() && has_beginning(other, file, then)?)
    };
    let is_wanted =
        |other: &Path, identity: FileIdentity| then.is_of(identity) || is_replaced_name(path, other) && !then.is_empty();
    let is_one = |appeared: &Appeared| -> io::Result<bool> { Ok(is_same(appeared)? || is_alike(appeared)?) };
    let mut found = others(path, is_wanted, is_one)?;
    // A link may have pointed to another file of the folder where its target is.
    if let Some(target) = path.canonicalize().ok().filter(|target| target.parent() != path.parent()) {
        let Others { opened, not_opened } = others(&target, is_wanted, is_one)?;
        found.opened.extend(opened);
        found.not_opened.extend(not_opened);
    }
    let Others { opened: mut alike, mut not_opened } = found;
    for index in 0..alike.len() {
        if is_same(&alike[index])? {
            return Ok(Sibling::One(alike.swap_remove(index)));
        }
    }
    if let Some(index) = not_opened.iter().position(|(entry, _)| then.is_of(entry.identity)) {
        return Err(not_opened.swap_remove(index).1);
    }
    // While a file is compressed, it is there twice.
    if alike.len() > 1 {
        alike.retain(|appeared| !is_compressed_file(&appeared.path, &appeared.file));
    }
    Ok(match (alike.pop(), alike.is_empty()) {
        (Some(appeared), true) => Sibling::One(appeared),
        (None, _) => Sibling::None(not_opened.first().map(|(_, error)| error.to_string())),
        (Some(_), false) => Sibling::Several,
    })
}

/// The files that had the path after the one that was last modified at this time, the oldest first. Those that are known or have one of the
/// paths `not` are left out.
///
/// # Errors
/// As those of [`others`], or one of the files cannot be opened: its rows would be missing.
pub(super) fn replaced_since(
    path: &Path,
    modified: SystemTime,
    known: &[FileIdentity],
    not: &[PathBuf],
) -> io::Result<Vec<Appeared>> {
    let is_replaced = |other: &Path| is_replaced_name(path, other) && !not.iter().any(|not| not == other);
    let now = FileIdentity::of_path(path);
    let is_wanted =
        |other: &Path, identity: FileIdentity| is_replaced(other) && !known.contains(&identity) && Some(identity) != now;
    let Others { opened, not_opened } = others(path, is_wanted, |appeared| Ok(appeared.file.metadata()?.modified()? > modified))?;
    let is_later = |entry: &Entry| entry.modified.is_none_or(|then| then > modified);
    if let Some((_, error)) = not_opened.into_iter().find(|(entry, _)| is_later(entry)) {
        return Err(error);
    }
    let originals: Vec<PathBuf> = opened.iter().map(|appeared| appeared.path.clone()).collect();
    let mut found = Vec::new();
    for appeared in opened {
        // While a file is compressed, it is there twice.
        let original = appeared.path.with_extension("");
        let is_twice = is_replaced(&original) && (originals.contains(&original) || original.is_file());
        if !(is_twice && is_compressed_file(&appeared.path, &appeared.file)) {
            found.push((appeared.file.metadata()?.modified()?, appeared));
        }
    }
    found.sort_by(|(one, a), (other, b)| one.cmp(other).then_with(|| a.path.cmp(&b.path)));
    Ok(found.into_iter().map(|(_, appeared)| appeared).collect())
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

/// The first 64 KiB of a compressed file, and a byte more if there is one; `None` if it is not complete or not compressed. `path` is the one
/// where it was opened, which may be another file's by now.
///
/// # Errors
/// There are too many open files.
pub(super) fn decompressed_beginning(path: &Path, file: &File) -> io::Result<Option<Vec<u8>>> {
    let source = whole(file)?;
    let mut bytes = Vec::new();
    let read = decompressed(Box::new(source), path).and_then(|file| file.take(BEGINNING + 1).read_to_end(&mut bytes));
    Ok(read.is_ok().then_some(bytes))
}

/// All bytes of an open file, which has a place of its own.
///
/// # Errors
/// There are too many open files.
fn whole(file: &File) -> io::Result<Tail> {
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
    Ok(decompressed(Box::new(whole(file)?), path).and_then(|bytes| then.begins_bytes(bytes, false)).unwrap_or(false))
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write as _};

    use super::*;

    #[test]
    fn an_archive_that_is_renamed_after_it_was_opened_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log.1.gz");
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(b"1\n2\n").unwrap();
        fs::write(&path, encoder.finish().unwrap()).unwrap();
        let file = File::open(&path).unwrap();
        fs::rename(&path, folder.path().join("a.log.2.gz")).unwrap();
        for _ in 0..2 {
            assert_eq!(decompressed_beginning(&path, &file).unwrap().as_deref(), Some(&b"1\n2\n"[..]));
        }
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
