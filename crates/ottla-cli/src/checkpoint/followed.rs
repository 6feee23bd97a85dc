//! The checkpoints of files that are followed: a position belongs to a file, and not to the path that the file had.

use std::{
    collections::{HashMap, HashSet},
    fs::{self, File},
    io,
    os::unix::fs::{DirEntryExt as _, MetadataExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Checkpoints, FilePosition, Reached,
    checkpoints::{NOT_UTF_8, Opened, canonical},
};
use crate::{
    exit::chain,
    file_identity::FileIdentity,
    input::{Input, InputOptions, InputPosition},
};

impl Checkpoints {
    /// The positions of earlier runs whose files are not found yet, by path.
    pub(crate) fn unlocated(&self) -> impl Iterator<Item = (&String, &FilePosition)> {
        self.positions.iter().filter(|(path, then)| then.path().is_none() && !self.in_use.contains(*path))
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
            "{}: is another file than the one of its checkpoint at line {}, byte {}, and {reason}; {}",
            options.name(),
            then.line,
            then.offset,
            self.remedy(options)
        )
    }

    /// A file of the input at `path` is read under this number. `read` returns the number of bytes that were read of it, as they are stored.
    ///
    /// # Errors
    /// The file cannot be read, or the path is not UTF-8.
    pub(crate) fn open_followed(
        &mut self,
        id: usize,
        path: &Path,
        file: &Arc<File>,
        read: impl Fn() -> u64 + Send + Sync + 'static,
        input: &Input,
        options: &InputOptions,
    ) -> Result<(), String> {
        let failed = |error| format!("{}: {error}", options.name());
        let path = canonical_of_absent(path).map_err(failed)?;
        let beginning = FilePosition::beginning_of(file, options, input.format(), &self.topic)
            .map_err(|error| format!("{}: cannot be read: {error}", options.name()))?;
        self.in_use.insert(path.clone());
        let (file, read) = (Some(Arc::clone(file)), Some(Box::new(read) as Box<_>));
        self.opened.insert(id, Opened { path, beginning, is_plain: input.is_plain(), file, read });
        Ok(())
    }

    /// Files are read as those of other paths from now on, all at once, because one may take the path of another. Returns what to reach under the
    /// number `new`, after the rows that were read of them so far: until then each path keeps the position of its earlier file, whose rows may
    /// have no report yet.
    pub(crate) fn move_followed(&mut self, moves: &[MovedFile<'_>], new: usize) -> Option<Reached> {
        let moved = |MovedFile { id, identity, from, to }: &MovedFile<'_>| {
            Ok::<_, String>(Moved {
                id: *id,
                identity: *identity,
                from: canonical_of_absent(from)?,
                to: canonical_of_absent(to)?,
            })
        };
        self.endings.insert(new, Ending::Moved(moves.iter().map(moved).collect::<Result<_, _>>().ok()?));
        Some(Reached { input: new, position: InputPosition::new(0, 1) })
    }

    /// The file of number `id` was read to its end, which is the position: it is complete, whatever its path is later. Returns what to reach
    /// under the number `new`, after the rows of the file. `size` is the number of bytes that were read, as they are stored.
    pub(crate) fn complete(&mut self, id: usize, new: usize, path: &Path, position: InputPosition, size: u64) -> Option<Reached> {
        let Opened { path: of, beginning, file, .. } = self.opened.get(&id)?;
        let path = canonical(path).unwrap_or_else(|_| of.clone());
        let mut complete = beginning.clone();
        if let Some(file) = file {
            complete.extend_with(file, size);
        }
        let complete = Some(complete.at(position).completed(size).at_path(path));
        self.endings.insert(new, Ending::Read { id, complete });
        Some(Reached { input: new, position })
    }

    /// The file of number `id` is not read further. Returns what to reach under the number `new`, after the rows of the file.
    pub(crate) fn release(&mut self, id: usize, new: usize) -> Reached {
        self.endings.insert(new, Ending::Read { id, complete: None });
        Reached { input: new, position: InputPosition::new(0, 1) }
    }

    /// The file of number `id` is read again from its beginning, under the number `new`. Returns what to reach.
    pub(crate) fn begin_again(&mut self, id: usize, new: usize) -> Option<Reached> {
        let Opened { path, beginning, is_plain, file, read } = self.opened.remove(&id)?;
        let beginning = beginning.begun_again(file.as_ref()?).ok()?;
        self.opened.insert(new, Opened { path, beginning, is_plain, file, read });
        Some(Reached { input: new, position: InputPosition::new(0, 1) })
    }

    /// A file that is a copy of one that was read is not read by later runs either. Returns what to reach under the number `new`.
    pub(crate) fn complete_copy(&mut self, id: usize, new: usize, path: &Path, file: &File) -> Option<Reached> {
        let complete = self.copy(path, file)?;
        self.endings.insert(new, Ending::Read { id, complete: Some(complete) });
        Some(Reached { input: new, position: InputPosition::new(0, 1) })
    }

    /// The position of a file that is a copy of one that was read.
    fn copy(&self, path: &Path, file: &File) -> Option<FilePosition> {
        let size = file.metadata().ok()?.len();
        let path = canonical_of_absent(path).ok()?;
        Some(FilePosition::of_copy(file, &self.topic).ok()?.completed(size).at_path(path))
    }

    /// Notes what has ended.
    pub(super) fn end(&mut self, ending: Ending) {
        match ending {
            Ending::Read { id, complete } => self.end_file(id, complete),
            Ending::Moved(moves) => self.end_moves(moves),
        }
    }

    /// Gives the positions of files to the paths that the files have now.
    fn end_moves(&mut self, moves: Vec<Moved>) {
        let mut moved = Vec::new();
        for Moved { id, identity, from, to } in moves {
            self.opened.remove(&id);
            if self.positions.get(&from).is_some_and(|then| then.is_of(identity)) {
                moved.extend(self.positions.remove(&from).map(|position| (to, position)));
                self.changed.insert(from);
            }
        }
        for (to, position) in moved {
            self.in_use.insert(to.clone());
            self.put(to, position);
        }
    }

    /// Notes the end of a file, and closes it.
    fn end_file(&mut self, id: usize, complete: Option<FilePosition>) {
        let opened = self.opened.remove(&id);
        let Some(complete) = complete else { return };
        if let Some(Opened { path, file, .. }) = opened {
            // The path keeps the position until the next file has it, whose predecessors are searched for by this one.
            let of_path = complete.without_path();
            if self.positions.get(&path).is_some_and(|now| now.has_inode_of(&complete)) {
                self.put(path, of_path);
            }
            // It has grown since an earlier run completed it.
            let begins = |then: &FilePosition| file.as_ref().is_some_and(|file| then.begins(file).unwrap_or(false));
            let earlier =
                self.completed().filter(|(key, then)| **key != complete.key() && then.has_inode_of(&complete) && begins(then));
            let earlier: Vec<String> = earlier.map(|(key, _)| key.clone()).collect();
            earlier.iter().for_each(|key| self.forget(key));
        }
        self.note(complete);
    }

    fn note(&mut self, complete: FilePosition) {
        let key = complete.key();
        self.in_use.insert(key.clone());
        self.put(key, complete);
    }

    /// The files that were followed to their ends, by keys that are no paths.
    fn completed(&self) -> impl Iterator<Item = (&String, &FilePosition)> {
        self.positions.iter().filter(|(_, position)| position.path().is_some())
    }

    /// The position of a file that an earlier run followed to its end, also if the file has grown since.
    pub(crate) fn complete_of(&mut self, path: &Path, identity: FileIdentity, file: &File) -> Option<FilePosition> {
        let size = file.metadata().ok()?.len();
        let is_same = |then: &FilePosition| {
            then.is_of(identity) && !then.is_empty() && (then.has_size(size) || then.offset > 0 && !then.is_larger(size))
        };
        let mut found = self.completed().filter(|(_, then)| is_same(then) && then.begins(file).unwrap_or(false));
        let then = found.next()?.1.clone();
        drop(found);
        let path = canonical_of_absent(path).ok()?;
        self.note(then.clone().at_path(path));
        Some(then)
    }

    /// Whether these decompressed bytes are those of a file that was followed to its end. The compressed file is then noted as complete too.
    pub(crate) fn is_copy_of_complete(&mut self, path: &Path, file: &File, bytes: &[u8]) -> bool {
        let is_copy = self.completed().any(|(_, then)| !then.is_empty() && then.begins_bytes(bytes, true).unwrap_or(false));
        if let Some(copy) = self.copy(path, file).filter(|_| is_copy) {
            self.note(copy);
        }
        is_copy
    }

    /// Forgets the files that were followed to their ends and are no more in their folders.
    pub(crate) fn forget_gone(&mut self) {
        let mut folders: HashMap<PathBuf, Option<HashSet<(u64, u64)>>> = HashMap::new();
        let mut gone = Vec::new();
        for (key, then) in self.positions.iter().filter(|(key, then)| then.is_complete() && !self.in_use.contains(*key)) {
            let Some(folder) = Path::new(then.path().unwrap_or(key)).parent() else { continue };
            let inodes = folders.entry(folder.to_owned()).or_insert_with(|| inodes(folder).ok());
            // A folder that cannot be read, or of another device, may come back.
            let Some(inodes) = inodes.as_ref().filter(|inodes| inodes.iter().any(|(device, _)| *device == then.inode().0)) else {
                continue;
            };
            if !inodes.contains(&then.inode()) {
                gone.push(key.clone());
            }
        }
        gone.iter().for_each(|key| self.forget(key));
    }
}

/// What ends when a position is reached.
pub(super) enum Ending {
    /// Reading of the file of this number, with its position if it was read to its end.
    Read { id: usize, complete: Option<FilePosition> },
    /// Reading of files as those of their earlier paths.
    Moved(Vec<Moved>),
}

/// A file that is read as that of another path from now on.
pub(crate) struct MovedFile<'a> {
    /// Its number so far.
    pub(crate) id: usize,
    pub(crate) identity: FileIdentity,
    pub(crate) from: &'a Path,
    pub(crate) to: &'a Path,
}

/// [`MovedFile`] with the paths of its positions.
pub(super) struct Moved {
    id: usize,
    identity: FileIdentity,
    from: String,
    to: String,
}

/// The devices and inodes of a folder and of what is in it.
fn inodes(folder: &Path) -> io::Result<HashSet<(u64, u64)>> {
    let device = fs::metadata(folder)?.dev();
    let entries = fs::read_dir(folder)?.map(|entry| Ok((device, entry?.ino())));
    entries.chain([Ok((device, 0))]).collect()
}

/// The path without symbolic links in its folder, which may be absent too. The file itself may be a link, whose target changes.
pub(crate) fn canonical_of_absent(path: &Path) -> Result<String, String> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = folder.canonicalize().or_else(|_| std::path::absolute(folder));
    let folder = folder.map_err(|error| format!("has no absolute path: {error}"))?;
    let path = folder.join(path.file_name().ok_or("has no file name")?);
    path.into_os_string().into_string().map_err(|_| NOT_UTF_8.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::{
        args::{Arguments, Command},
        plan::Plan,
    };

    /// Files `a.log` and `b.log` that are read up to byte 2, under the numbers 0 and 1.
    struct Two {
        folder: tempfile::TempDir,
        checkpoints: Checkpoints,
    }

    impl Two {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let at = |name: &str| folder.path().join(name);
            let config = "topic = \"orders\"\n[producer]\nbootstrap.servers = \"localhost:9\"\n[input]\nfollow = true\npath = \"*.log\"\n\
                          [checkpoint]\nfile = \"orders.ckpt\"\n";
            fs::write(at("orders.toml"), config).unwrap();
            let arguments = ["ottla".into(), "produce".into(), "-c".into(), at("orders.toml").into_os_string()];
            let Command::Produce(arguments) = Arguments::parse_from(arguments).command else { panic!() };
            let plan = Plan::new(&arguments).unwrap();
            let mut checkpoints = Checkpoints::open(&plan, None).unwrap().unwrap();
            for (id, name) in ["a.log", "b.log"].into_iter().enumerate() {
                fs::write(at(name), format!("{id}\n")).unwrap();
                let (file, options) = (File::open(at(name)).unwrap(), plan.options_of_followed(&at(name), &at(name)));
                let input = Input::read(Box::new(file.try_clone().unwrap()), &options).unwrap();
                checkpoints.open_followed(id, &at(name), &Arc::new(file), || 2, &input, &options).unwrap();
                checkpoints.reach(Reached { input: id, position: InputPosition::new(2, 2) });
            }
            Self { folder, checkpoints }
        }

        fn at(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn identity(&self, name: &str) -> FileIdentity {
            FileIdentity::of_path(&self.at(name)).unwrap()
        }

        /// Whether a path has the position of this file.
        fn has(&self, name: &str, file: FileIdentity) -> bool {
            let key = canonical_of_absent(&self.at(name)).unwrap();
            self.checkpoints.positions.get(&key).is_some_and(|then| then.is_of(file))
        }
    }

    #[test]
    fn a_path_keeps_the_position_of_its_file_until_the_next_one_is_moved_to_it_in_order() {
        let mut two = Two::new();
        let [(a, path_a), (b, path_b)] = ["a.log", "b.log"].map(|name| (two.identity(name), two.at(name)));
        let completed = two.checkpoints.complete(1, 2, &path_b, InputPosition::new(2, 2), 2).unwrap();
        let moves = [MovedFile { id: 0, identity: a, from: &path_a, to: &path_b }];
        let moved = two.checkpoints.move_followed(&moves, 3).unwrap();
        two.checkpoints.reach(Reached { input: 0, position: InputPosition::new(2, 2) });
        assert!(two.has("a.log", a) && two.has("b.log", b), "the last rows of `b.log` may have no report yet");
        two.checkpoints.reach(completed);
        two.checkpoints.reach(moved);
        assert!(two.has("b.log", a) && !two.has("a.log", a));
        assert_eq!(two.checkpoints.completed().filter(|(_, then)| then.is_of(b)).count(), 1);
    }

    #[test]
    fn files_that_get_the_paths_of_each_other_keep_their_positions() {
        let mut two = Two::new();
        let [(a, path_a), (b, path_b)] = ["a.log", "b.log"].map(|name| (two.identity(name), two.at(name)));
        let moves = [
            MovedFile { id: 0, identity: a, from: &path_a, to: &path_b },
            MovedFile { id: 1, identity: b, from: &path_b, to: &path_a },
        ];
        let moved = two.checkpoints.move_followed(&moves, 2).unwrap();
        two.checkpoints.reach(moved);
        assert!(two.has("a.log", b) && two.has("b.log", a));
    }

    #[test]
    fn a_link_and_a_file_in_a_folder_that_is_gone_have_a_path() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        fs::write(folder.join("a-1.log"), "").unwrap();
        std::os::unix::fs::symlink("a-1.log", folder.join("a.log")).unwrap();
        std::os::unix::fs::symlink(".", folder.join("here")).unwrap();
        for (path, wanted) in [("here/a.log", "a.log"), ("gone/b.log", "gone/b.log"), ("here/b.log", "b.log")] {
            assert_eq!(canonical_of_absent(&folder.join(path)).unwrap(), folder.join(wanted).display().to_string());
        }
    }
}
