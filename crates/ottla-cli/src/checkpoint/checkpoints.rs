//! [`Checkpoints`]: how far the inputs of a run were read.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fs::File,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use ottla::Producer;

use super::{
    file_position::{FilePosition, Mismatch, Positions},
    file_store::FileStore,
    followed::{Ending, canonical_of_absent},
    rules::{check_files, not_seekable},
    segments::Reached,
    settings::CheckpointPlace,
    topic_store::TopicStore,
};
use crate::{
    exit::{Failure, chain},
    input::{Format, Input, InputOptions, InputPosition},
    interrupt::Interrupt,
    monitoring::RunProgress,
    plan::Plan,
    source::InputFile,
};

/// The checkpoints of a run.
pub(crate) struct Checkpoints {
    store: Store,
    /// The configuration file, for messages.
    config: String,
    /// The topic of the records; if it comes from data, the setting's text.
    pub(super) topic: String,
    pub(super) positions: Positions,
    /// The files that were opened, by their numbers: the input's index, unless an input is followed.
    pub(super) opened: BTreeMap<usize, Opened>,
    /// What ends when a position of these numbers is reached.
    pub(super) endings: BTreeMap<usize, Ending>,
    /// The paths whose positions belong to files that are followed in this run.
    pub(super) in_use: BTreeSet<String>,
    /// The inputs whose positions are not written yet.
    pub(super) changed: BTreeSet<String>,
    interval: Duration,
    /// After how many rows the checkpoint is due, if the interval is not over before.
    records: Option<u64>,
    /// When the last checkpoint was due, and the number of rows since then.
    last: Instant,
    rows: u64,
    /// The number of rows since the last position.
    unreached: u64,
    /// Where checkpoints are counted.
    progress: Option<Arc<RunProgress>>,
}

enum Store {
    File(FileStore),
    Topic(TopicStore),
}

/// An input that was opened.
pub(super) struct Opened {
    pub(super) path: String,
    pub(super) beginning: FilePosition,
    /// Whether its bytes are neither decompressed nor converted, so that positions are those of the stored bytes.
    pub(super) is_plain: bool,
    /// The file, if it is followed: another one may have its path.
    pub(super) file: Option<Arc<File>>,
    /// The number of bytes that were read of it, as they are stored.
    pub(super) read: Option<Box<dyn Fn() -> u64 + Send + Sync>>,
}

/// A file, and how far an earlier run read it.
struct Compared {
    path: String,
    beginning: FilePosition,
    position: Option<(InputPosition, bool)>,
}

/// A record for the checkpoint topic.
pub(crate) struct CheckpointRecord {
    pub(crate) key: Vec<u8>,
    pub(crate) value: Option<Vec<u8>>,
}

impl Checkpoints {
    /// The checkpoints that the plan has, with the positions of a checkpoint file. `None` without `[checkpoint]`.
    ///
    /// # Errors
    /// The checkpoint file cannot be used, or is used for something else.
    pub(crate) fn open(plan: &Plan, dead_letters: Option<&Path>) -> Result<Option<Self>, Failure> {
        let settings = &plan.settings.job.checkpoint;
        let (store, positions) = match settings.place() {
            None => return Ok(None),
            Some(CheckpointPlace::File(path)) => {
                let (store, positions) = FileStore::open(&path).map_err(Failure::usage)?;
                // Before the file existed, another path of the same file could not be recognized.
                check_files(settings, &plan.paths, dead_letters)?;
                (Store::File(store), positions)
            }
            Some(CheckpointPlace::Topic(topic)) => {
                let id = plan.settings.producer.get("transactional.id").unwrap_or_default();
                (Store::Topic(TopicStore::new(topic, id.to_owned())), Positions::new())
            }
        };
        Ok(Some(Self {
            store,
            config: settings.config().display().to_string(),
            topic: plan.topic.clone(),
            positions,
            opened: BTreeMap::new(),
            endings: BTreeMap::new(),
            in_use: BTreeSet::new(),
            changed: BTreeSet::new(),
            interval: settings.interval(),
            records: settings.records(),
            last: Instant::now(),
            rows: 0,
            unreached: 0,
            progress: None,
        }))
    }

    /// Reads the positions of a checkpoint topic, which is created if it is absent, after `init_transactions`. A checkpoint file is written once, so
    /// that a file that cannot be written is found before the first record.
    ///
    /// # Errors
    /// The topic or the file cannot be used.
    pub(crate) fn load(&mut self, producer: &Producer<[u8], [u8]>, plan: &Plan, interrupt: &Interrupt) -> Result<(), Failure> {
        match &mut self.store {
            Store::File(store) => store.write(&self.positions).map_err(Failure::usage),
            Store::Topic(store) => {
                futures::executor::block_on(store.prepare(producer))?;
                self.positions = store.load(producer, &plan.settings.consumer, interrupt)?;
                // The first interval begins with the first row.
                self.last = Instant::now();
                Ok(())
            }
        }
    }

    /// Compares all files with the positions, so that no record is sent if one of them is not the file of its checkpoint.
    ///
    /// # Errors
    /// A file cannot be read, or is not the one of its checkpoint.
    pub(crate) fn compare(&self, plan: &Plan) -> Result<(), Failure> {
        for index in 0..plan.paths.len() {
            let options = plan.options(index);
            let format = Input::check(&options).map_err(|error| Failure::usage(chain(&error)))?;
            // What cannot be opened is reported when it is opened for reading.
            if let Ok(file) = File::open(&options.path) {
                self.compared(&file, &options, format).map_err(Failure::usage)?;
            }
        }
        Ok(())
    }

    /// The path of a file in the checkpoints: that of a link itself, if it was followed.
    fn key(&self, path: &Path) -> Result<String, String> {
        match canonical_of_absent(path) {
            Ok(link) if self.positions.contains_key(&link) => Ok(link),
            _ => canonical(path),
        }
    }

    /// The path of a file, its beginning, and the position where an earlier run ended, with whether the file was replaced since.
    fn compared(&self, file: &File, options: &InputOptions, format: Format) -> Result<Compared, String> {
        let name = options.name();
        let failed = |error| format!("{name}: cannot be compared with its checkpoint: {error}");
        let path = self.key(&options.path).map_err(|reason| format!("{name}: {reason}"))?;
        let beginning = FilePosition::beginning_of(file, options, format, &self.topic).map_err(failed)?;
        let mut position = None;
        if let Some(then) = self.positions.get(&path) {
            let is_replaced = then
                .compare(&beginning, file)
                .map_err(failed)?
                .map_err(|mismatch| self.refusal(options, &mismatch, then.line))?;
            position = Some((then.position(), is_replaced));
        }
        Ok(Compared { path, beginning, position })
    }

    /// Continues an input where an earlier run ended. Returns the position and the message for the user, if there is something to continue.
    ///
    /// # Errors
    /// The input is no regular file, or not the one of the checkpoint.
    pub(crate) fn resume(
        &mut self,
        index: usize,
        input: &mut Input,
        file: Option<InputFile>,
        options: &InputOptions,
    ) -> Result<Option<(InputPosition, String)>, String> {
        let name = options.name();
        let Some(file) = file else { return Err(not_seekable(&name)) };
        let Compared { path, beginning, position } = self.compared(file.file(), options, input.format())?;
        let mut continues = None;
        if let Some((position, is_replaced)) = position.filter(|(position, _)| position.offset > 0) {
            let failed = |error| format!("{name}: {}; {}", chain(&error), self.remedy(options));
            input.resume(file, position, options).map_err(failed)?;
            let replaced = if is_replaced { " (another file with the same beginning has its name now)" } else { "" };
            let message = format!("{name}: continues at line {}, byte {}{replaced}", position.line, position.offset);
            continues = Some((position, message));
        }
        self.opened.insert(index, Opened { path, beginning, is_plain: input.is_plain(), file: None, read: None });
        Ok(continues)
    }

    /// Whether an earlier run has read a part of the input, so that opening it may take a while.
    pub(crate) fn is_begun(&self, options: &InputOptions) -> bool {
        self.key(&options.path).is_ok_and(|path| self.positions.get(&path).is_some_and(|position| position.offset > 0))
    }

    pub(super) fn refusal(&self, options: &InputOptions, mismatch: &Mismatch, line: u64) -> String {
        let (name, remedy) = (options.name(), self.remedy(options));
        match mismatch {
            Mismatch::Setting(setting, now, then) => format!(
                "{name}: its checkpoint was written with {setting} = {then}, which is {now} now, and would skip {} lines; {remedy}",
                line - 1
            ),
            Mismatch::Shrank { size, wanted } => {
                format!("{name}: has {size} bytes, but had {wanted} at its checkpoint at line {line}; {remedy}")
            }
            Mismatch::Beginning(bytes) => format!(
                "{name}: is another file than the one of its checkpoint at line {line}: the first {bytes} bytes differ; {remedy}"
            ),
        }
    }

    pub(super) fn remedy(&self, options: &InputOptions) -> String {
        format!(
            "restore the file or the setting, or run `ottla checkpoint reset -c {} --input {}` to send it from its beginning",
            in_shell(&self.config),
            in_shell(&options.name())
        )
    }

    /// Counts a row. Returns whether a checkpoint is due.
    pub(crate) fn count(&mut self) -> bool {
        self.rows += 1;
        self.unreached += 1;
        self.is_due()
    }

    /// Whether a checkpoint is due.
    pub(crate) fn is_due(&self) -> bool {
        self.records.is_some_and(|records| self.rows >= records) || self.last.elapsed() >= self.interval
    }

    /// Whether a position has changed since the last checkpoint.
    pub(crate) fn has_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    /// Begins the time until the next checkpoint.
    pub(crate) fn begin_interval(&mut self) {
        self.last = Instant::now();
        self.rows = 0;
    }

    /// The number of rows since the last call.
    pub(crate) fn take_rows(&mut self) -> u64 {
        std::mem::take(&mut self.unreached)
    }

    /// Sets the position before which everything is done, or will be with the open transaction.
    pub(crate) fn reach(&mut self, reached: Reached) {
        if let Some(ending) = self.endings.remove(&reached.input) {
            self.end(ending);
            return;
        }
        let Some(Opened { path, beginning, is_plain, file, read }) = self.opened.get_mut(&reached.input) else { return };
        if *is_plain {
            match file {
                Some(file) => beginning.extend_with(file, reached.position.offset),
                None => beginning.extend(Path::new(path), reached.position.offset),
            }
        } else if let Some((file, read)) = file.as_ref().zip(read.as_ref()) {
            beginning.extend_with(file, read());
        }
        let (path, position) = (path.clone(), beginning.at(reached.position));
        self.put(path, position);
    }

    pub(super) fn put(&mut self, key: String, position: FilePosition) {
        if self.positions.get(&key) != Some(&position) {
            self.positions.insert(key.clone(), position);
            self.changed.insert(key);
        }
    }

    /// Writes the positions that have changed to the checkpoint file. A checkpoint topic has got [`records`](Self::records) instead.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn write(&mut self) -> Result<(), String> {
        match &mut self.store {
            Store::File(store) if !self.changed.is_empty() => store.write(&self.positions)?,
            Store::File(_) | Store::Topic(_) => {}
        }
        if let Some(progress) = self.progress.as_ref().filter(|_| !self.changed.is_empty()) {
            progress.count_checkpoint();
        }
        self.changed.clear();
        Ok(())
    }

    /// Counts the checkpoints of the run there.
    pub(crate) fn count_in(&mut self, progress: &Arc<RunProgress>) {
        self.progress = Some(Arc::clone(progress));
    }

    /// Every row that was read is in a checkpoint.
    pub(crate) fn note_saved(&self) {
        if let Some(progress) = self.progress.as_ref().filter(|_| self.changed.is_empty()) {
            progress.note_saved();
        }
    }

    /// The time between two checkpoints.
    pub(crate) fn interval(&self) -> Duration {
        self.interval
    }

    /// The topic and the records of the positions that have changed, for the open transaction; none with a checkpoint file.
    ///
    /// # Errors
    /// A position cannot be written as JSON.
    pub(crate) fn records(&self) -> Result<Option<(&str, Vec<CheckpointRecord>)>, Failure> {
        let Store::Topic(store) = &self.store else { return Ok(None) };
        let record = |path: &String| {
            let (key, value) = store.record(path, self.positions.get(path))?;
            Ok(CheckpointRecord { key, value })
        };
        Ok(Some((&store.topic, self.changed.iter().map(record).collect::<Result<_, Failure>>()?)))
    }
}

/// A name as an argument of a POSIX shell.
fn in_shell(name: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+,:@%=".contains(c);
    if !name.is_empty() && name.chars().all(is_plain) { name.into() } else { format!("'{}'", name.replace('\'', "'\\''")).into() }
}

/// The path of an input in checkpoints: absolute, without symbolic links.
pub(super) fn canonical(path: &Path) -> Result<String, String> {
    let path = path.canonicalize().map_err(|error| format!("has no absolute path: {error}"))?;
    path.into_os_string().into_string().map_err(|_| NOT_UTF_8.to_owned())
}

pub(super) const NOT_UTF_8: &str = "its absolute path is not UTF-8, which checkpoints require; rename it";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_arguments_of_a_shell() {
        for (name, wanted) in
            [("data/a-1_é.csv", "data/a-1_é.csv"), ("my rows.csv", "'my rows.csv'"), ("it's $1", "'it'\\''s $1'"), ("", "''")]
        {
            assert_eq!(in_shell(name), wanted);
        }
    }
}
