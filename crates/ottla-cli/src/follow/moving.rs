//! [`Move`]: files that are renamed to other paths of the inputs are read on as the files of those.
//!
//! Invariants: the files of a path are read one after the other, because a checkpoint has one position for each path. So a file is moved to another
//! path only when no file of that path is left, or together with the one that leaves it. The rows of a path are those of its files in the order
//! in which they had it. Each path is free after a while: its file leaves it with the others, or ends.

use std::path::{Path, PathBuf};

use super::{Followed, locating::locate, siblings::is_replaced_name, watcher::Appeared};
use crate::{
    checkpoint::{Checkpoints, MovedFile, canonical_of_absent},
    input::InputOptions,
    run_totals::RunTotals,
};

impl Followed<'_> {
    /// The other path of the inputs where the first file of a path is now, if another file has replaced it, and if its name is neither that of a
    /// replaced file nor of another format, in which its rest could not be read.
    pub(super) fn path_of_renamed(&self, index: usize) -> Option<&Path> {
        let input = &self.inputs[index];
        let file = input.files.front()?;
        let path = file.other_path().filter(|path| !is_replaced_name(&input.path, path))?;
        let options = |input: &Path, file: &Path| self.plan.options_of_followed(input, file);
        let is_readable = || options(&input.path, file.path()).reads_as(&options(path, path));
        ((input.files.len() > 1 || file.is_replaced_at(&input.path)) && is_readable()).then_some(path)
    }

    /// Whether a file that is followed for another path has this path now.
    pub(super) fn is_taken(&self, index: usize) -> bool {
        let path = &self.inputs[index].path;
        self.inputs.iter().flat_map(|input| &input.files).any(|file| file.is_at_other_path(path))
    }

    /// Moves the first file of a path to the input at the path where it is now, with those that leave their paths for each other. A file that has
    /// that path, and does not leave it, is read to its end first.
    ///
    /// # Errors
    /// As those of [`admit_earlier`](Self::admit_earlier).
    pub(super) fn move_first(
        &mut self,
        index: usize,
        checkpoints: &mut Option<Checkpoints>,
        totals: &RunTotals,
    ) -> Result<Move, String> {
        let moves = match self.moves(index) {
            Ok(moves) => moves,
            Err(reason) => return Ok(reason),
        };
        if let (Some((last, to)), Some(checkpoints)) = (moves.last(), checkpoints.as_mut()) {
            if self.admit_earlier(*last, to, checkpoints, totals)? {
                return Ok(Move::Waits);
            }
        }
        let new = self.take_id();
        let mut moved = Vec::new();
        for (index, to) in moves {
            let input = &mut self.inputs[index];
            let open = input.open.take();
            let Some(mut file) = input.files.pop_front() else { continue };
            if let Some(open) = open {
                file.continue_at(Some(open.input.position()).filter(|position| position.offset > 0));
            }
            moved.push((input.path.clone(), to, file));
        }
        if let Some(checkpoints) = checkpoints {
            let of = moved.iter().map(|(from, to, file)| MovedFile { id: file.id(), identity: file.identity(), from, to });
            self.reached.extend(checkpoints.move_followed(&of.collect::<Vec<_>>(), new));
        }
        for (_, to, mut file) in moved {
            file.move_to(to.clone());
            self.push(to, file, totals);
        }
        Ok(Move::Moved)
    }

    /// Finds the file that an earlier run read last at a path where no file has appeared in this run, before the first file of the input `index` is
    /// moved there: the rest of it is to be read first. Returns whether there is one.
    ///
    /// # Errors
    /// The file of the position is not found, or was read with other settings.
    fn admit_earlier(
        &mut self,
        index: usize,
        path: &Path,
        checkpoints: &mut Checkpoints,
        totals: &RunTotals,
    ) -> Result<bool, String> {
        let key = canonical_of_absent(path)?;
        if !checkpoints.unlocated().any(|(other, _)| *other == key) {
            return Ok(false);
        }
        let Some(file) = self.inputs[index].files.front() else { return Ok(false) };
        let identity = file.identity();
        let handle = file.tail().file().try_clone().map_err(|error| format!("{}: {error}", InputOptions::name_of(path)))?;
        let appeared = Appeared { path: path.to_owned(), file: handle, identity };
        let mut located = locate(vec![appeared], checkpoints, self.plan, &self.never, &|line| totals.tell(line))?;
        located.retain(|one| one.appeared.identity != identity);
        let has_earlier = !located.is_empty();
        for one in located {
            self.push_located(one, false, totals);
        }
        Ok(has_earlier)
    }

    /// The paths whose first files are moved together, with the paths where these are now: from that of `index` to one that no file is followed
    /// for, or around to itself.
    fn moves(&self, index: usize) -> Result<Vec<(usize, PathBuf)>, Move> {
        let mut moves: Vec<(usize, PathBuf)> = Vec::new();
        let mut next = index;
        loop {
            let to = self.path_of_renamed(next).ok_or(Move::Waits)?.to_owned();
            let after = self.inputs.iter().position(|input| input.path == to && !input.files.is_empty());
            moves.push((next, to));
            let Some(after) = after else { return Ok(moves) };
            let has_one = self.inputs[after].files.len() == 1;
            match moves.iter().position(|(index, _)| *index == after) {
                Some(0) if has_one => return Ok(moves),
                Some(0) => return Err(Move::Impossible),
                None if has_one => next = after,
                _ => return Err(Move::Waits),
            }
        }
    }
}

/// What has become of a file that is at another path.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Move {
    Moved,
    /// It waits for a file that has not left that path yet.
    Waits,
    /// That file waits for one that has its path after this one.
    Impossible,
}
