//! [`Followed`]: inputs that are files which grow, read in turn until the run is interrupted.
//!
//! A [`Watcher`](watcher::Watcher) opens the files as they appear. A [`Tail`](tail::Tail) reads the complete lines of one. The files of a path
//! are read one after the other, and those of different paths in turn.

mod file;
mod folder;
mod locating;
mod moving;
mod sending;
mod siblings;
mod tail;
mod turn;
mod watcher;

use std::{
    collections::{HashSet, VecDeque},
    path::PathBuf,
    sync::{Arc, OnceLock, atomic::AtomicU64},
};

use crate::{
    checkpoint::{Checkpoints, Reached},
    exit::Failure,
    file_identity::FileIdentity,
    input::{FollowSettings, InputOptions},
    inputs::{InputPath, OpenInput},
    interrupt::Interrupt,
    message,
    monitoring::RunProgress,
    plan::Plan,
    run_totals::RunTotals,
};
use file::{FinishedFile, FollowedFile};
use locating::{Located, locate};
use siblings::is_compressed_file;
use tail::Tail;
use watcher::{Appeared, Found, Scanner, Watcher};

/// How many files that were read to their end are remembered, so that they are not read again under another name.
const MAX_FINISHED: usize = 10_000;

/// The inputs of a run that are followed.
pub(crate) struct Followed<'a> {
    plan: &'a Plan,
    settings: FollowSettings,
    /// The files that the run writes or has as configuration.
    never: Vec<PathBuf>,
    progress: Option<Arc<RunProgress>>,
    /// The first scan, until it is admitted.
    first: Found,
    /// `None` in tests, which scan.
    watcher: Option<Watcher>,
    inputs: Vec<FollowedInput>,
    /// The number of the next file.
    next_id: usize,
    finished: VecDeque<FinishedFile>,
    /// The positions of files that were finished or begun again, until they are taken.
    reached: Vec<Reached>,
    /// The number of partitions of each topic that is known.
    partitions: Arc<[(String, usize)]>,
    /// The number of bytes read.
    read: Arc<AtomicU64>,
}

/// A path of a run: the file that is read now, and those that have replaced it since.
struct FollowedInput {
    path: PathBuf,
    files: VecDeque<FollowedFile>,
    /// The first of the files, if it is open for reading.
    open: Option<OpenInput>,
}

impl<'a> Followed<'a> {
    /// Finds the files, and starts the thread that finds those that appear later. The files that have been at the paths in `never`, and the one that
    /// `letters` are written to, are left out.
    ///
    /// # Errors
    /// A folder cannot be read, or the thread cannot be started.
    pub(crate) fn start(
        plan: &'a Plan,
        paths: &[InputPath],
        settings: FollowSettings,
        never: Vec<PathBuf>,
        letters: Arc<OnceLock<FileIdentity>>,
        interrupt: &Interrupt,
    ) -> Result<Self, Failure> {
        let mut scanner = Scanner::new(paths.to_vec(), never.clone());
        scanner.leave_out(letters);
        let first = scanner.scan();
        if !first.errors.is_empty() {
            return Err(Failure::problems(first.errors.into_iter().map(|(_, error)| error).collect()));
        }
        for name in scanner.missing() {
            message::tell(format_args!("{name}: no such file yet; waiting for it"));
        }
        let watcher = Watcher::start(scanner, settings.poll, interrupt)?;
        Ok(Self { never, ..Self::new(plan, settings, first, Some(watcher)) })
    }

    fn new(plan: &'a Plan, settings: FollowSettings, first: Found, watcher: Option<Watcher>) -> Self {
        Self {
            plan,
            settings,
            never: Vec::new(),
            progress: None,
            first,
            watcher,
            inputs: Vec::new(),
            next_id: 0,
            finished: VecDeque::new(),
            reached: Vec::new(),
            partitions: Arc::default(),
            read: Arc::default(),
        }
    }

    /// Reports there how far the files are read.
    pub(crate) fn report_to(&mut self, progress: &Arc<RunProgress>) {
        self.progress = Some(Arc::clone(progress));
        if let Some(watcher) = &self.watcher {
            progress.wait_for(watcher.waiting());
        }
    }

    /// The number of bytes read.
    pub(crate) fn counter(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.read)
    }

    /// Sets the number of partitions of each topic that is known.
    pub(crate) fn set_partitions(&mut self, partitions: Arc<[(String, usize)]>) {
        self.partitions = partitions;
    }

    /// Takes the files that have appeared. A known file with a new name is left out. With checkpoints each file begins at its position.
    ///
    /// # Errors
    /// The file of a position is not found, or was read with other settings.
    fn admit(&mut self, checkpoints: &mut Option<Checkpoints>, totals: &RunTotals) -> Result<(), String> {
        let first = std::mem::take(&mut self.first);
        let later = self.watcher.as_ref().map(Watcher::take).unwrap_or_default();
        for (path, error) in first.errors.into_iter().chain(later.errors) {
            totals.tell(&error);
            let index = self.index_of(path, totals);
            totals.end_input(index, Some(error));
        }
        let mut found: Vec<Appeared> = Vec::new();
        let mut other_paths = Vec::new();
        for appeared in first.files.into_iter().chain(later.files) {
            if found.iter().any(|known| known.identity == appeared.identity) {
                // It was renamed before it was admitted.
                other_paths.push((appeared.identity, appeared.path));
            } else if !self.is_known(&appeared) {
                found.push(appeared);
            }
        }
        let is_first = self.next_id == 0;
        let paths: HashSet<PathBuf> = found.iter().map(|appeared| appeared.path.clone()).collect();
        let located = match checkpoints {
            _ if found.is_empty() => return Ok(()),
            Some(checkpoints) => locate(found, checkpoints, self.plan, &self.never, &|line| totals.tell(line))?,
            None => {
                let of_path = |appeared: Appeared| {
                    let input = appeared.path.clone();
                    Located { input, appeared, position: None, was_replaced: false }
                };
                found.into_iter().map(of_path).collect()
            }
        };
        for one in located {
            let (identity, is_found) = (one.appeared.identity, paths.contains(&one.appeared.path));
            let index = self.push_located(one, is_found, totals);
            let Some(file) = self.inputs[index].files.back_mut() else { continue };
            for (_, path) in other_paths.iter().filter(|(other, _)| *other == identity) {
                file.note_path(path);
            }
        }
        if let Some(checkpoints) = checkpoints.as_mut().filter(|_| is_first) {
            checkpoints.forget_gone();
        }
        Ok(())
    }

    /// Adds a file to those of its path. `is_found` is whether it is at a path of the inputs. Returns the index of its input.
    fn push_located(&mut self, located: Located, is_found: bool, totals: &RunTotals) -> usize {
        let Located { input, appeared: Appeared { path, file, identity }, position, was_replaced } = located;
        // It was renamed to the path of another input before this run, and is followed as if that was now.
        let is_renamed = is_found && path != input && !is_compressed_file(&path, &file);
        let tail = Tail::new(Arc::new(file), Arc::clone(&self.read));
        let mut file = FollowedFile::new(if is_renamed { input.clone() } else { path.clone() }, tail, identity);
        file.note_path(&path);
        file.continue_at(position.map(|then| then.position()).filter(|position| position.offset > 0));
        if was_replaced {
            file.note_replaced_before();
        }
        self.push(input, file, totals)
    }

    fn is_known(&mut self, appeared: &Appeared) -> bool {
        let Appeared { path, file, identity } = appeared;
        let mut open = self.inputs.iter_mut().flat_map(|input| &mut input.files);
        if let Some(known) = open.find(|known| known.identity() == *identity) {
            known.note_path(path);
            return true;
        }
        self.finished.iter().any(|finished| finished.is(*identity, file))
    }

    /// Adds a file to those of its path, under a new number. Returns the index of its input.
    fn push(&mut self, path: PathBuf, mut file: FollowedFile, totals: &RunTotals) -> usize {
        file.set_id(self.take_id());
        let index = self.index_of(path, totals);
        if let Some(progress) = &self.progress {
            file.report_to(progress.follow(index, Arc::clone(file.tail().file())));
        }
        if let Some(before) = self.inputs[index].files.back_mut() {
            before.note_replaced();
        }
        self.inputs[index].files.push_back(file);
        index
    }

    /// The index of the input at a path, which is added if it is new.
    fn index_of(&mut self, path: PathBuf, totals: &RunTotals) -> usize {
        if let Some(index) = self.inputs.iter().position(|input| input.path == path) {
            return index;
        }
        let index = self.inputs.len();
        totals.name_input(index, &InputOptions::name_of(&path));
        self.inputs.push(FollowedInput { path, files: VecDeque::new(), open: None });
        index
    }

    fn take_reached(&mut self) -> Vec<Reached> {
        std::mem::take(&mut self.reached)
    }

    fn take_id(&mut self) -> usize {
        self.next_id += 1;
        self.next_id - 1
    }

    /// Whether a compressed file has the content of a file that was read. Says so if it has.
    fn tell_if_copy(&self, file: &FollowedFile, totals: &RunTotals) -> bool {
        let of_open =
            self.inputs.iter().flat_map(|input| &input.files).find(|known| file.is_copy_of(known)).map(|known| known.path());
        let of_finished = || self.finished.iter().find(|known| known.has_copy(file)).map(|known| &*known.path);
        let Some(original) = of_open.or_else(of_finished) else { return false };
        let [name, original] = [file.path(), original].map(InputOptions::name_of);
        totals.tell(&format!("{name}: is not read, because it is {original} compressed"));
        true
    }

    fn has_finished(&self, identity: FileIdentity) -> bool {
        self.finished.iter().any(|finished| finished.identity() == identity)
    }

    fn remember(&mut self, finished: FinishedFile) {
        if let Some(progress) = &self.progress {
            progress.finish(finished.identity());
        }
        self.finished.push_back(finished);
        if self.finished.len() > MAX_FINISHED {
            let forgotten = self.finished.pop_front();
            // Another file may have got its inode and be remembered.
            let forgotten = forgotten.map(|file| file.identity()).filter(|identity| !self.has_finished(*identity));
            if let Some((progress, forgotten)) = self.progress.as_ref().zip(forgotten) {
                progress.forget(forgotten);
            }
        }
    }
}

impl FollowedInput {
    /// Whether the first file is complete: it was replaced or deleted, and has not grown since then for the time in the settings. `is_taken` is
    /// whether a file of another path has this path.
    fn is_complete(&mut self, is_taken: bool, settings: FollowSettings) -> bool {
        let has_next = is_taken || self.files.len() > 1;
        self.files.front_mut().is_some_and(|file| file.is_complete(&self.path, has_next, settings))
    }
}
