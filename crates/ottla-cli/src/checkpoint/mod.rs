//! [`Checkpoints`]: how far the inputs of a run were read, kept so that a later run continues there.

mod command;
mod file_position;
mod file_store;
mod segments;
mod settings;
mod topic_store;

use std::{
    collections::BTreeSet,
    fs::File,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use ottla::{Producer, ProducerConfig};

pub(crate) use command::run;
pub(crate) use segments::{Reached, Segments};
pub(crate) use settings::{CheckpointPlace, CheckpointSettings, NAMES};
pub(crate) use topic_store::PARTITION as CHECKPOINT_PARTITION;

use crate::{
    exit::{Failure, chain},
    file_identity::FileIdentity,
    input::{Format, Input, InputOptions, InputPosition},
    interrupt::Interrupt,
    plan::Plan,
    source::InputFile,
};
use file_position::{FilePosition, Mismatch, Positions};
use file_store::FileStore;
use topic_store::TopicStore;

/// The checkpoints of a run.
pub(crate) struct Checkpoints {
    store: Store,
    /// The configuration file, for messages.
    config: String,
    /// The topic of the records; if it comes from data, the setting's text.
    topic: String,
    positions: Positions,
    /// The path of each input that was opened, and its beginning, by the input's index.
    opened: Vec<Option<(String, FilePosition)>>,
    /// The inputs whose positions are not written yet.
    changed: BTreeSet<String>,
    interval: Duration,
    /// After how many rows the checkpoint is due, if the interval is not over before.
    records: Option<u64>,
    /// When the last checkpoint was due, and the number of rows since then.
    last: Instant,
    rows: u64,
}

enum Store {
    File(FileStore),
    Topic(TopicStore),
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
    /// The checkpoint file cannot be used.
    pub(crate) fn open(plan: &Plan) -> Result<Option<Self>, Failure> {
        let settings = &plan.settings.job.checkpoint;
        let (store, positions) = match settings.place() {
            None => return Ok(None),
            Some(CheckpointPlace::File(path)) => {
                let (store, positions) = FileStore::open(&path).map_err(Failure::usage)?;
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
            opened: Vec::new(),
            changed: BTreeSet::new(),
            interval: settings.interval(),
            records: settings.records(),
            last: Instant::now(),
            rows: 0,
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

    /// The path of a file, its beginning, and the position where an earlier run ended, with whether the file was replaced since.
    fn compared(&self, file: &File, options: &InputOptions, format: Format) -> Result<Compared, String> {
        let name = options.name();
        let failed = |error| format!("{name}: cannot be compared with its checkpoint: {error}");
        let path = canonical(&options.path).map_err(|reason| format!("{name}: {reason}"))?;
        let beginning = FilePosition::beginning_of(file, options, format, &self.topic).map_err(failed)?;
        let mut position = None;
        if let Some(then) = self.positions.get(&path) {
            let is_replaced =
                then.compare(&beginning, file).map_err(failed)?.map_err(|mismatch| self.refusal(&name, &mismatch, then.line))?;
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
            let failed = |error| format!("{name}: {}; {}", chain(&error), self.remedy());
            input.resume(file, position, options).map_err(failed)?;
            let replaced = if is_replaced { " (another file with the same beginning has its name now)" } else { "" };
            let message = format!("{name}: continues at line {}, byte {}{replaced}", position.line, position.offset);
            continues = Some((position, message));
        }
        if self.opened.len() <= index {
            self.opened.resize_with(index + 1, || None);
        }
        self.opened[index] = Some((path, beginning));
        Ok(continues)
    }

    fn refusal(&self, name: &str, mismatch: &Mismatch, line: u64) -> String {
        let remedy = self.remedy();
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

    fn remedy(&self) -> String {
        format!(
            "restore the file or the setting, or run `ottla checkpoint reset -c {}` to send it from its beginning",
            self.config
        )
    }

    /// Counts a row. Returns whether a checkpoint is due.
    pub(crate) fn count(&mut self) -> bool {
        self.rows += 1;
        self.records.is_some_and(|records| self.rows >= records) || self.last.elapsed() >= self.interval
    }

    /// The number of rows since the last call.
    pub(crate) fn take_rows(&mut self) -> u64 {
        self.last = Instant::now();
        std::mem::take(&mut self.rows)
    }

    /// Sets the position before which everything is done, or will be with the open transaction.
    pub(crate) fn reach(&mut self, reached: Reached) {
        let Some((path, beginning)) = self.opened.get(reached.input).and_then(Option::as_ref) else { return };
        self.positions.insert(path.clone(), beginning.at(reached.position));
        self.changed.insert(path.clone());
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
        self.changed.clear();
        Ok(())
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

/// Checks the settings, which the producer's must fit. `topic` is that of the records.
///
/// # Errors
/// A setting of the producer is missing or does not fit.
pub(crate) fn check(settings: &CheckpointSettings, producer: &ProducerConfig, topic: &str) -> Result<(), Failure> {
    match settings.place() {
        None => Ok(()),
        Some(CheckpointPlace::Topic(_)) if producer.get("transactional.id").is_none() => Err(settings.failure(
            "requires transactional.id, because the position is written in the transaction of the records; set it in [producer], or set \
             `file` instead of `topic`",
        )),
        Some(CheckpointPlace::Topic(name)) if name == topic => Err(settings.failure("is the topic of the records; give another topic")),
        Some(CheckpointPlace::Topic(_)) => {
            let timeout = producer.get("transaction.timeout.ms").and_then(|timeout| timeout.parse().ok()).unwrap_or(60_000);
            if settings.interval() < Duration::from_millis(timeout) {
                return Ok(());
            }
            Err(settings.interval_failure(&format!("must be less than transaction.timeout.ms, which is {timeout}")))
        }
        Some(CheckpointPlace::File(_)) if producer.get("acks") == Some("0") => {
            Err(settings.failure("requires acknowledgements, but acks is 0; set acks to all or 1"))
        }
        Some(CheckpointPlace::File(_)) => Ok(()),
    }
}

/// Checks that each input is a regular file, and that the checkpoint file is not used for something else.
///
/// # Errors
/// An input cannot have a checkpoint, or the checkpoint file is used for something else.
pub(crate) fn check_files(settings: &CheckpointSettings, inputs: &[PathBuf], dead_letters: Option<&Path>) -> Result<(), Failure> {
    let Some(place) = settings.place() else { return Ok(()) };
    for input in inputs {
        let is_other = std::fs::metadata(input).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir());
        if input == Path::new("-") || is_other {
            return Err(settings.failure(&not_seekable(&InputOptions::name_of(input))));
        }
    }
    let CheckpointPlace::File(file) = place else { return Ok(()) };
    let inputs = inputs.iter().map(|input| ("an input", &**input));
    let others =
        [("the configuration", settings.config())].into_iter().chain(dead_letters.map(|path| ("the dead-letter file", path)));
    for (what, other) in inputs.chain(others) {
        let same = |one: &Path, other: &Path| std::path::absolute(one).ok() == std::path::absolute(other).ok();
        if same(&file, other) || FileIdentity::of_path(&file).is_some_and(|file| FileIdentity::of_path(other) == Some(file)) {
            return Err(settings.failure(&format!("{} is {what}; give another file", file.display())));
        }
    }
    Ok(())
}

/// Why an input without positions cannot have a checkpoint.
pub(crate) fn not_seekable(name: &str) -> String {
    format!("{name}: a pipe or device cannot be read again from a checkpoint; give a file, or remove [checkpoint]")
}

/// The path of an input in checkpoints: absolute, without symbolic links.
fn canonical(path: &Path) -> Result<String, String> {
    let path = path.canonicalize().map_err(|error| format!("has no absolute path: {error}"))?;
    path.into_os_string()
        .into_string()
        .map_err(|_| "its absolute path is not UTF-8, which checkpoints require; rename it".to_owned())
}
