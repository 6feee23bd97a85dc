//! Finds the files of an earlier run's positions, whatever their names are now, and so where each file begins.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
    time::SystemTime,
};

use crate::{
    checkpoint::{BEGINNING, Checkpoints, FilePosition, canonical_of_absent},
    file_identity::FileIdentity,
    input::{InputOptions, decompressed, is_compressed},
    plan::Plan,
};

use super::watcher::{Appeared, absolute};

/// How often a folder is listed until its files do not change.
const LISTINGS: u32 = 100;

/// The endings of compressed files.
const COMPRESSED: [&str; 5] = [".gz", ".zst", ".xz", ".lz4", ".bz2"];

/// A file of a path, and where it begins.
#[derive(Debug)]
pub(super) struct Located {
    /// The path of the input that the file belongs to.
    pub(super) input: PathBuf,
    pub(super) appeared: Appeared,
    /// The position of an earlier run.
    pub(super) position: Option<FilePosition>,
    /// Whether another file has the path of the input.
    pub(super) was_replaced: bool,
}

/// A file that was found, with the key of its position.
struct Candidate {
    appeared: Appeared,
    key: String,
    position: Option<(String, FilePosition)>,
    /// Whether there is nothing more to read in it.
    is_done: bool,
}

/// Finds the file of each position that an earlier run left for one of the files that have appeared. The result is in the order in which the
/// files of a path are to be read.
///
/// # Errors
/// The file of a position is not found, so that rows would be missing, or was read with other settings.
pub(super) fn locate(
    found: Vec<Appeared>,
    checkpoints: &mut Checkpoints,
    plan: &Plan,
    never: &[PathBuf],
    tell: &dyn Fn(&str),
) -> Result<Vec<Located>, String> {
    let mut candidates = Vec::new();
    for appeared in found {
        let key = canonical_of_absent(&appeared.path).map_err(|error| format!("{}: {error}", name(&appeared.path)))?;
        candidates.push(Candidate { appeared, key, position: None, is_done: false });
    }
    let failed = |path: &Path| {
        let name = name(path);
        move |error: io::Error| format!("{name}: cannot be compared with its checkpoint: {error}")
    };
    // The files that still have their inodes, whatever their paths are.
    for candidate in &mut candidates {
        let Appeared { path, file, identity } = &candidate.appeared;
        let of_inode = checkpoints.unlocated().filter(|(_, then)| then.is_of(*identity));
        let of_inode: Vec<_> = of_inode.map(|(key, then)| (key.clone(), then.clone())).collect();
        for (key, then) in of_inode {
            if candidate.position.is_none() && then.begins(file).map_err(failed(path))? {
                checkpoints.locate(&key);
                candidate.position = Some((key, then));
            }
        }
    }
    // The files that were replaced: they are beside the one that has the path now.
    let mut before = Vec::new();
    for index in 0..candidates.len() {
        let Candidate { appeared: Appeared { path, file, .. }, key, .. } = &candidates[index];
        let Some((key, then)) = checkpoints.unlocated().find(|(other, _)| *other == key) else {
            continue;
        };
        let (key, then) = (key.clone(), then.clone());
        let options = plan.options_of_followed(path, path);
        match sibling(Path::new(&key), &then).map_err(failed(path))? {
            Sibling::One(appeared) => {
                // It may be one of the files that have appeared too.
                let identity = appeared.identity;
                let same = candidates.iter().position(|other| other.appeared.identity == identity);
                checkpoints.locate(&key);
                match same {
                    Some(same) => candidates[same].position = Some((key, then)),
                    None => before.push((index, appeared, then)),
                }
            }
            // Its rows were all read, so that none is missing.
            Sibling::None | Sibling::Several if then.is_complete() => checkpoints.forget(&key),
            Sibling::None if then.is_empty() => {
                tell(&format!(
                    "warning: {}: was empty at its checkpoint, and is another file now; files that were replaced in between are not read",
                    name(path)
                ));
                checkpoints.locate(&key);
            }
            Sibling::None if candidates[index].position.is_none() && then.begins(file).map_err(failed(path))? => {
                tell(&format!("{}: another file with the same beginning has its name now", name(path)));
                checkpoints.locate(&key);
                candidates[index].position = Some((key, then));
            }
            Sibling::None => return Err(checkpoints.not_found(&then, &options, "that file is not")),
            Sibling::Several => return Err(checkpoints.not_found(&then, &options, "several files may be that one")),
        }
    }
    // The files that have got another inode, such as by compression, and those that were read to their ends.
    for candidate in &mut candidates {
        let Appeared { path, file, identity } = &candidate.appeared;
        let is_compressed = is_compressed_file(path, file);
        if let Some((key, then)) = &candidate.position {
            candidate.is_done = is_compressed && then.is_complete() && *key == candidate.key && has_size(file, then);
            continue;
        }
        // An archive that is not complete is read later, as a new file.
        let bytes = if is_compressed { decompressed_beginning(path).ok() } else { None };
        if let Some(bytes) = &bytes {
            let is_one = |then: &FilePosition| {
                !then.is_empty() && !then.is_complete() && then.begins_bytes(&bytes[..], true).unwrap_or(false)
            };
            let then = checkpoints.unlocated().find(|(_, then)| is_one(then)).map(|(key, then)| (key.clone(), then.clone()));
            if let Some((key, then)) = then {
                checkpoints.locate(&key);
                candidate.position = Some((key, then));
                continue;
            }
        }
        match checkpoints.complete_of(path, *identity, file) {
            Some(then) if has_size(file, &then) => candidate.is_done = true,
            Some(then) => candidate.position = Some((candidate.key.clone(), then)),
            None => candidate.is_done = bytes.is_some_and(|bytes| checkpoints.is_copy_of_complete(path, file, &bytes)),
        }
    }
    let keys: Vec<String> = candidates.iter().map(|candidate| candidate.key.clone()).collect();
    // A path that another file has now. Its own file was read to its end and is gone.
    let gone: Vec<String> = checkpoints
        .unlocated()
        .filter(|(key, then)| then.is_complete() && keys.contains(key))
        .map(|(key, _)| key.clone())
        .collect();
    gone.iter().for_each(|key| checkpoints.forget(key));
    let mut located: Vec<Located> = Vec::new();
    for (index, appeared, then) in before {
        let input = candidates[index].appeared.path.clone();
        located.push(Located { input, appeared, position: Some(then), was_replaced: true });
    }
    let paths: Vec<PathBuf> = candidates.iter().map(|candidate| candidate.appeared.path.clone()).collect();
    let mut rest = Vec::new();
    let mut done = Vec::new();
    for Candidate { appeared, key, position, is_done } in candidates {
        match position {
            _ if is_done => done.push(appeared.identity),
            Some((of, then)) if of != key => match keys.iter().position(|key| *key == of) {
                Some(index) => {
                    located.push(Located { input: paths[index].clone(), appeared, position: Some(then), was_replaced: true });
                }
                None => {
                    checkpoints.rename(&of, key);
                    rest.push(Located { input: appeared.path.clone(), appeared, position: Some(then), was_replaced: false });
                }
            },
            position => {
                let position = position.map(|(_, then)| then);
                rest.push(Located { input: appeared.path.clone(), appeared, position, was_replaced: false });
            }
        }
    }
    let known: Vec<FileIdentity> =
        located.iter().chain(&rest).filter(|one| one.position.is_some()).map(|one| one.appeared.identity).collect();
    // The files that the run writes are not read, and a path that is named in the inputs is not one that another path had.
    let named = plan.follow().map(|(paths, _)| paths.iter().filter_map(|path| absolute(&path.whole())).collect::<Vec<_>>());
    let other_inputs: Vec<PathBuf> =
        named.unwrap_or_default().into_iter().chain(never.iter().filter_map(|path| absolute(path))).collect();
    let written = never.iter().filter_map(|path| FileIdentity::of_path(path));
    let known: Vec<FileIdentity> =
        known.into_iter().chain(done).chain(written).chain(FileIdentity::of_stdout()).chain(FileIdentity::of_stderr()).collect();
    let mut between = Vec::new();
    for Located { input, appeared, .. } in &located {
        let Ok(key) = canonical_of_absent(input) else { continue };
        let modified = appeared.file.metadata().and_then(|metadata| metadata.modified()).map_err(failed(input))?;
        for appeared in replaced_since(Path::new(&key), modified, &known, &other_inputs).map_err(failed(input))? {
            if between.iter().any(|other: &Located| other.appeared.identity == appeared.identity)
                || was_read(&appeared, checkpoints)
            {
                continue;
            }
            tell(&format!("{}: {} was not read, and is read before it", name(input), name(&appeared.path)));
            between.push(Located { input: input.clone(), appeared, position: None, was_replaced: true });
        }
    }
    // A file that is in the order of another path is not an input of its own.
    rest.retain(|one| !between.iter().any(|other| other.appeared.identity == one.appeared.identity));
    located.extend(between);
    located.extend(rest);
    for Located { input, appeared, position, .. } in &located {
        if let Some(then) = position {
            checkpoints.check_settings(then, &appeared.file, &plan.options_of_followed(input, &appeared.path))?;
        }
    }
    Ok(located)
}

/// The file of a position beside its path.
enum Sibling {
    One(Appeared),
    None,
    Several,
}

/// Finds the file of a position among the others in the folder of its path: by its inode and beginning, or among those that are named as replaced
/// files are, by its beginning, also if it is compressed.
fn sibling(path: &Path, then: &FilePosition) -> io::Result<Sibling> {
    let mut alike: Vec<Appeared> = Vec::new();
    let mut found = others(path, |_| true)?;
    // A link may have pointed to another file of the folder where its target is.
    if let Some(target) = path.canonicalize().ok().filter(|target| target.parent() != path.parent()) {
        found.extend(others(&target, |_| true)?);
    }
    for appeared in found {
        if then.is_of(appeared.identity) && then.begins(&appeared.file)? {
            return Ok(Sibling::One(appeared));
        }
        if is_replaced_name(path, &appeared.path)
            && !then.is_empty()
            && has_beginning(&appeared.path, &appeared.file, then).unwrap_or(false)
        {
            alike.push(appeared);
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
fn replaced_since(path: &Path, modified: SystemTime, known: &[FileIdentity], not: &[PathBuf]) -> io::Result<Vec<Appeared>> {
    let others = others(path, |other| is_replaced_name(path, other) && !not.iter().any(|not| not == other))?;
    let now = FileIdentity::of_path(path);
    let paths: Vec<PathBuf> = others.iter().map(|other| other.path.clone()).collect();
    let mut found = Vec::new();
    for appeared in others {
        let is_twice = is_compressed_file(&appeared.path, &appeared.file) && paths.contains(&appeared.path.with_extension(""));
        if known.contains(&appeared.identity) || Some(appeared.identity) == now || is_twice {
            continue;
        }
        let time = appeared.file.metadata()?.modified()?;
        if time > modified {
            found.push((time, appeared));
        }
    }
    found.sort_by(|(one, a), (other, b)| one.cmp(other).then_with(|| a.path.cmp(&b.path)));
    Ok(found.into_iter().map(|(_, appeared)| appeared).collect())
}

/// Opens the other files in the folder of a path, those that are wanted. A file that is renamed or compressed meanwhile is opened under its new
/// name.
fn others(path: &Path, is_wanted: impl Fn(&Path) -> bool) -> io::Result<Vec<Appeared>> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let list = || {
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let entries = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
        Ok::<_, io::Error>(
            entries.into_iter().filter(|other| other != path && is_wanted(other) && other.is_file()).collect::<Vec<_>>(),
        )
    };
    for _ in 0..LISTINGS {
        let mut paths = list()?;
        let opened: Vec<_> = paths.iter().cloned().map(open).collect();
        let mut again = list()?;
        paths.sort();
        again.sort();
        if paths == again {
            // A file that cannot be opened, such as one of another user, is left out.
            return Ok(opened.into_iter().filter_map(Result::ok).collect());
        }
    }
    Err(io::Error::other(format!("the files in {} are renamed all the time", folder.display())))
}

fn open(path: PathBuf) -> io::Result<Appeared> {
    let file = File::open(&path)?;
    let identity = FileIdentity::of_file(&file).ok_or(io::ErrorKind::Unsupported)?;
    Ok(Appeared { path, file, identity })
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

fn is_compressed_file(path: &Path, file: &File) -> bool {
    use std::os::unix::fs::FileExt as _;
    let mut first = [0; 16];
    let length = file.read_at(&mut first, 0).unwrap_or(0);
    is_compressed(path, &first[..length])
}

/// The first 64 KiB of a compressed file, and a byte more if there is one.
fn decompressed_beginning(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    decompressed(Box::new(File::open(path)?), path)?.take(BEGINNING + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn has_size(file: &File, then: &FilePosition) -> bool {
    file.metadata().is_ok_and(|metadata| then.has_size(metadata.len()))
}

/// Whether an earlier run has read a file to its end, or one that it is a copy of.
fn was_read(Appeared { path, file, identity }: &Appeared, checkpoints: &mut Checkpoints) -> bool {
    let is_copy = |checkpoints: &mut Checkpoints| {
        is_compressed_file(path, file)
            && decompressed_beginning(path).is_ok_and(|bytes| checkpoints.is_copy_of_complete(path, file, &bytes))
    };
    checkpoints.complete_of(path, *identity, file).is_some_and(|then| has_size(file, &then)) || is_copy(checkpoints)
}

/// Whether a file, decompressed if it is compressed, has the beginning of a position.
fn has_beginning(path: &Path, file: &File, then: &FilePosition) -> io::Result<bool> {
    if then.begins(file)? {
        return Ok(true);
    }
    if !is_compressed_file(path, file) {
        return Ok(false);
    }
    // Another handle, whose place in the file is its own.
    then.begins_bytes(decompressed(Box::new(File::open(path)?), path)?, false)
}

fn name(path: &Path) -> String {
    InputOptions::name_of(path)
}

#[cfg(test)]
mod tests {
    use super::*;

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
