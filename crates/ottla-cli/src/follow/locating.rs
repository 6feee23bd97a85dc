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

/// A file that has appeared.
struct Candidate {
    appeared: Appeared,
    /// The key of the position of its path.
    key: String,
    /// The position that is its own, with its key, which is that of another path if the file was renamed.
    position: Option<(String, FilePosition)>,
    /// Whether there is nothing more to read in it.
    is_done: bool,
}

/// A file that had the path of a candidate before.
struct Replaced {
    /// The index of the candidate.
    by: usize,
    appeared: Appeared,
    then: FilePosition,
}

/// The search for the files of the positions that an earlier run left.
struct Search<'a> {
    checkpoints: &'a mut Checkpoints,
    plan: &'a Plan,
    /// The files that the run writes or has as configuration.
    never: &'a [PathBuf],
    tell: &'a dyn Fn(&str),
    candidates: Vec<Candidate>,
    replaced: Vec<Replaced>,
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
    let candidates = found.into_iter().map(Candidate::new).collect::<Result<_, _>>()?;
    let mut search = Search { checkpoints, plan, never, tell, candidates, replaced: Vec::new() };
    search.find_by_inodes()?;
    search.find_replaced()?;
    search.find_converted()?;
    search.forget_paths_of_others();
    search.into_order()
}

impl Candidate {
    fn new(appeared: Appeared) -> Result<Self, String> {
        let key = canonical_of_absent(&appeared.path).map_err(|error| format!("{}: {error}", name(&appeared.path)))?;
        Ok(Self { appeared, key, position: None, is_done: false })
    }
}

impl Search<'_> {
    /// Finds the files that still have their inodes, whatever their paths are.
    fn find_by_inodes(&mut self) -> Result<(), String> {
        for candidate in &mut self.candidates {
            let Appeared { path, file, identity } = &candidate.appeared;
            let of_inode = self.checkpoints.unlocated().filter(|(_, then)| then.is_of(*identity));
            let of_inode: Vec<_> = of_inode.map(|(key, then)| (key.clone(), then.clone())).collect();
            for (key, then) in of_inode {
                if candidate.position.is_none() && then.begins(file).map_err(not_compared(path))? {
                    self.checkpoints.locate(&key);
                    candidate.position = Some((key, then));
                }
            }
        }
        Ok(())
    }

    /// Finds the files that were replaced: they are beside the one that has the path now.
    fn find_replaced(&mut self) -> Result<(), String> {
        for index in 0..self.candidates.len() {
            let key = &self.candidates[index].key;
            let then = self.checkpoints.unlocated().find(|(other, _)| *other == key);
            if let Some((key, then)) = then.map(|(key, then)| (key.clone(), then.clone())) {
                self.find_file_of(index, key, then)?;
            }
        }
        Ok(())
    }

    /// Finds the file of a position whose path a candidate has, but whose inode none of the candidates has.
    fn find_file_of(&mut self, index: usize, key: String, then: FilePosition) -> Result<(), String> {
        let Candidate { appeared: Appeared { path, file, .. }, position, .. } = &self.candidates[index];
        match sibling(Path::new(&key), &then).map_err(not_compared(path))? {
            Sibling::One(appeared) => {
                self.checkpoints.locate(&key);
                // It may be one of the files that have appeared too.
                match self.candidates.iter_mut().find(|other| other.appeared.identity == appeared.identity) {
                    Some(same) => same.position = Some((key, then)),
                    None => self.replaced.push(Replaced { by: index, appeared, then }),
                }
            }
            // Its rows were all read, so that none is missing.
            Sibling::None(_) | Sibling::Several if then.is_complete() => self.checkpoints.forget(&key),
            Sibling::None(_) if then.is_empty() => {
                (self.tell)(&format!(
                    "warning: {}: was empty at its checkpoint, and is another file now; files that were replaced in between are not read",
                    name(path)
                ));
                self.checkpoints.locate(&key);
            }
            Sibling::None(_) if position.is_none() && then.begins(file).map_err(not_compared(path))? => {
                (self.tell)(&format!("{}: another file with the same beginning has its name now", name(path)));
                self.checkpoints.locate(&key);
                self.candidates[index].position = Some((key, then));
            }
            sibling => {
                let reason = match sibling {
                    Sibling::Several => "several files in its folder may be that one".to_owned(),
                    Sibling::None(Some(error)) => {
                        format!("that file is not in its folder, unless it is one that cannot be opened: {error}")
                    }
                    Sibling::One(_) | Sibling::None(None) => "that file is not in its folder".to_owned(),
                };
                return Err(self.checkpoints.not_found(&then, &self.plan.options_of_followed(path, path), &reason));
            }
        }
        Ok(())
    }

    /// Finds the files that have got another inode, such as by compression, and those that were read to their ends.
    fn find_converted(&mut self) -> Result<(), String> {
        let checkpoints = &mut *self.checkpoints;
        for candidate in &mut self.candidates {
            let Appeared { path, file, identity } = &candidate.appeared;
            let is_compressed = is_compressed_file(path, file);
            if let Some((key, then)) = &candidate.position {
                candidate.is_done = is_compressed && then.is_complete() && *key == candidate.key && has_size(file, then);
                continue;
            }
            // An archive that is not complete is read later, as a new file.
            let bytes = if is_compressed { decompressed_beginning(path, file).map_err(not_compared(path))? } else { None };
            if let Some(bytes) = &bytes {
                let is_one = |then: &FilePosition| {
                    !then.is_empty() && !then.is_complete() && then.begins_bytes(&bytes[..], true).unwrap_or(false)
                };
                let then = checkpoints.unlocated().find(|(_, then)| is_one(then));
                if let Some((key, then)) = then.map(|(key, then)| (key.clone(), then.clone())) {
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
        Ok(())
    }

    /// Forgets the paths that other files have now, and whose own files were read to their ends and are gone.
    fn forget_paths_of_others(&mut self) {
        let is_gone = |key: &String, then: &FilePosition| {
            then.is_complete() && self.candidates.iter().any(|candidate| candidate.key == *key)
        };
        let unlocated = self.checkpoints.unlocated();
        let gone: Vec<String> = unlocated.filter(|(key, then)| is_gone(key, then)).map(|(key, _)| key.clone()).collect();
        gone.iter().for_each(|key| self.checkpoints.forget(key));
    }

    /// Puts the files in order: those that were replaced, those that came between them and the present ones, and the present ones.
    fn into_order(self) -> Result<Vec<Located>, String> {
        let Self { checkpoints, plan, never, tell, candidates, replaced } = self;
        let inputs: Vec<(String, PathBuf)> =
            candidates.iter().map(|candidate| (candidate.key.clone(), candidate.appeared.path.clone())).collect();
        let mut located: Vec<Located> = Vec::new();
        for Replaced { by, appeared, then } in replaced {
            located.push(Located { input: inputs[by].1.clone(), appeared, position: Some(then), was_replaced: true });
        }
        let mut present = Vec::new();
        // The files that are not read again, or not at all.
        let mut known: Vec<FileIdentity> = Vec::new();
        for Candidate { appeared, key, position, is_done } in candidates {
            if is_done {
                known.push(appeared.identity);
                continue;
            }
            let path = appeared.path.clone();
            match position {
                Some((of, then)) if of != key => match inputs.iter().find(|(key, _)| *key == of) {
                    Some((_, input)) => {
                        located.push(Located { input: input.clone(), appeared, position: Some(then), was_replaced: true });
                    }
                    None => {
                        checkpoints.rename(&of, key);
                        present.push(Located { input: path, appeared, position: Some(then), was_replaced: false });
                    }
                },
                position => {
                    let position = position.map(|(_, then)| then);
                    present.push(Located { input: path, appeared, position, was_replaced: false });
                }
            }
        }
        let positioned = located.iter().chain(&present).filter(|one| one.position.is_some());
        known.extend(positioned.map(|one| one.appeared.identity));
        known.extend(never.iter().filter_map(|path| FileIdentity::of_path(path)));
        known.extend(FileIdentity::of_stdout().into_iter().chain(FileIdentity::of_stderr()));
        let between = find_between(&located, &known, &other_inputs(plan, never), checkpoints, tell)?;
        // A file that is in the order of another path is not an input of its own.
        present.retain(|one| !between.iter().any(|other| other.appeared.identity == one.appeared.identity));
        located.extend(in_order(between, &mut present)?);
        located.extend(present);
        for Located { input, appeared, position, .. } in &located {
            if let Some(then) = position {
                checkpoints.check_settings(then, &appeared.file, &plan.options_of_followed(input, &appeared.path))?;
            }
        }
        Ok(located)
    }
}

/// The paths of the files that the run writes, and those that are named in the inputs: a file there is not one that another path had.
fn other_inputs(plan: &Plan, never: &[PathBuf]) -> Vec<PathBuf> {
    let named = plan.follow().map(|(paths, _)| paths.iter().filter_map(|path| absolute(&path.whole())).collect::<Vec<_>>());
    named.unwrap_or_default().into_iter().chain(never.iter().filter_map(|path| absolute(path))).collect()
}

/// Finds the files that had the paths of replaced ones after them, and are not known.
fn find_between(
    replaced: &[Located],
    known: &[FileIdentity],
    other_inputs: &[PathBuf],
    checkpoints: &mut Checkpoints,
    tell: &dyn Fn(&str),
) -> Result<Vec<Located>, String> {
    let mut between: Vec<Located> = Vec::new();
    for Located { input, appeared, .. } in replaced {
        let Ok(key) = canonical_of_absent(input) else { continue };
        let failed = not_compared(input);
        let modified = appeared.file.metadata().and_then(|metadata| metadata.modified()).map_err(&failed)?;
        for appeared in replaced_since(Path::new(&key), modified, known, other_inputs).map_err(&failed)? {
            let is_known = between.iter().any(|other| other.appeared.identity == appeared.identity);
            if is_known || was_read(&appeared, checkpoints).map_err(&failed)? {
                continue;
            }
            tell(&format!("{}: {} was not read, and is read before it", name(input), name(&appeared.path)));
            between.push(Located { input: input.clone(), appeared, position: None, was_replaced: true });
        }
    }
    Ok(between)
}

/// Puts the files that had a path in the order in which they had it, which is that of their last rows. Invariant: the rows of a path are read in the
/// order of its files. So a file that was opened when it had the path, and that has lost it since, is taken from those that are present: others
/// that had the path later may be among those that were found under their new names, and its own archive too.
fn in_order(mut between: Vec<Located>, present: &mut Vec<Located>) -> Result<Vec<Located>, String> {
    let has_lost_path = |one: &Located| {
        one.position.is_none()
            && between.iter().any(|other| other.input == one.input)
            && FileIdentity::of_path(&one.input) != Some(one.appeared.identity)
    };
    let (lost, kept): (Vec<_>, Vec<_>) = std::mem::take(present).into_iter().partition(has_lost_path);
    *present = kept;
    between.extend(lost);
    let mut timed = Vec::new();
    for one in between {
        let modified = one.appeared.file.metadata().and_then(|metadata| metadata.modified());
        timed.push((modified.map_err(not_compared(&one.input))?, one));
    }
    timed.sort_by_key(|(modified, _)| *modified);
    Ok(timed.into_iter().map(|(_, one)| one).collect())
}

/// The error of a file that cannot be compared with a position.
fn not_compared(path: &Path) -> impl Fn(io::Error) -> String + use<> {
    let name = name(path);
    move |error| format!("{name}: cannot be compared with its checkpoint: {error}")
}

fn name(path: &Path) -> String {
    InputOptions::name_of(path)
}
