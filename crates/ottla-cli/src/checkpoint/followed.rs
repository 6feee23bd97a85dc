//! The checkpoints of files that are followed: a position belongs to a file, and not to the path that the file had.

use std::{fs::File, path::Path, sync::Arc};

use super::{Checkpoints, FilePosition, Opened, Reached, canonical};
use crate::{
    exit::chain,
    input::{Input, InputOptions, InputPosition},
};

impl Checkpoints {
    /// The positions of earlier runs whose files are not found yet, by path.
    pub(crate) fn unlocated(&self) -> impl Iterator<Item = (&String, &FilePosition)> {
        self.positions.iter().filter(|(path, _)| !self.in_use.contains(*path))
    }

    /// The file of this path's position is found.
    pub(crate) fn locate(&mut self, path: &str) {
        self.in_use.insert(path.to_owned());
    }

    /// The file of a position has another path now.
    pub(crate) fn rename(&mut self, from: &str, to: String) {
        if let Some(position) = self.positions.remove(from) {
            self.positions.insert(to.clone(), position);
            self.changed.extend([from.to_owned(), to.clone()]);
        }
        self.in_use.insert(to);
    }

    /// Removes the position of a file that is read to its end and cannot be found.
    pub(crate) fn forget(&mut self, path: &str) {
        if self.positions.remove(path).is_some() {
            self.changed.insert(path.to_owned());
        }
    }

    /// Checks that a file is read with the settings of its position.
    ///
    /// # Errors
    /// A setting is another one, or the format is unknown.
    pub(crate) fn check_settings(&self, then: &FilePosition, file: &File, options: &InputOptions) -> Result<(), String> {
        let format = Input::check(options).map_err(|error| chain(&error))?;
        let now = FilePosition::beginning_of(file, options, format, &self.topic)
            .map_err(|error| format!("{}: cannot be compared with its checkpoint: {error}", options.name()))?;
        then.other_setting(&now).map_or(Ok(()), |mismatch| Err(self.refusal(options, &mismatch, then.line)))
    }

    /// Why a run ends if the file of a position is not found.
    pub(crate) fn not_found(&self, then: &FilePosition, options: &InputOptions, reason: &str) -> String {
        format!(
            "{}: is another file than the one of its checkpoint at line {}, byte {}, and {reason} in its folder; {}",
            options.name(),
            then.line,
            then.offset,
            self.remedy(options)
        )
    }

    /// A file of the input at `path` is read under this number.
    ///
    /// # Errors
    /// The file cannot be read, or the path is not UTF-8.
    pub(crate) fn open_followed(
        &mut self,
        id: usize,
        path: &Path,
        file: &Arc<File>,
        input: &Input,
        options: &InputOptions,
    ) -> Result<(), String> {
        let failed = |error| format!("{}: {error}", options.name());
        let path = canonical_of_absent(path).map_err(failed)?;
        let beginning = FilePosition::beginning_of(file, options, input.format(), &self.topic)
            .map_err(|error| format!("{}: cannot be read: {error}", options.name()))?;
        self.in_use.insert(path.clone());
        // The files that had the path before the last one are done.
        let before: Vec<usize> = self.opened.iter().filter(|(_, other)| other.path == path).map(|(id, _)| *id).collect();
        for id in before.iter().rev().skip(1) {
            self.opened.remove(id);
        }
        let file = Some(Arc::clone(file));
        self.opened.insert(id, Opened { path, beginning, is_plain: input.is_plain(), file, is_complete: false });
        Ok(())
    }

    /// The file of this number was read to its end, and is at another path: its position is kept for that path too, so that the file is not
    /// read again under it. Returns what to reach under the number `new`.
    pub(crate) fn keep_as(&mut self, id: usize, new: usize, path: &Path, position: InputPosition) -> Option<Reached> {
        let Opened { beginning, is_plain, file, .. } = self.opened.get(&id)?;
        let (beginning, is_plain, file) = (beginning.clone(), *is_plain, file.clone());
        let path = canonical(path).ok()?;
        self.in_use.insert(path.clone());
        self.opened.insert(new, Opened { path, beginning, is_plain, file, is_complete: true });
        Some(Reached { input: new, position })
    }
}

/// The path without symbolic links in its folder; the file may be absent.
pub(crate) fn canonical_of_absent(path: &Path) -> Result<String, String> {
    if let Ok(path) = canonical(path) {
        return Ok(path);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = canonical(folder)?;
    let name =
        path.file_name().and_then(|name| name.to_str()).ok_or("its name is not UTF-8, which checkpoints require; rename it")?;
    Ok(Path::new(&folder).join(name).display().to_string())
}
