//! Finds the files of an earlier run's positions, whatever their names are now, and so where each file begins.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::{
    checkpoint::{Checkpoints, FilePosition, canonical_of_absent},
    file_identity::FileIdentity,
    input::InputOptions,
    plan::Plan,
};

use super::{
    siblings::{Sibling, decompressed_beginning, has_size, is_compressed_file, replaced_since, sibling, was_read},
    watcher::{Appeared, absolute},
};

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

fn name(path: &Path) -> String {
    InputOptions::name_of(path)
}
