//! [`Inputs`]: the inputs of a run, opened one after the other.

mod paths;
mod pattern;

use std::{
    fs,
    path::Path,
    sync::{Arc, atomic::AtomicU64},
    thread,
};

use futures::{
    FutureExt as _,
    channel::oneshot,
    future::{Either, ready},
};

use crate::{
    dead_letter_source::LetterSource,
    exit::{Exit, Failure, chain},
    input::{Format, Input, InputError, InputOptions, InputPosition},
    interrupt::Interrupt,
    plan::Plan,
    record::{RecordMapper, RecordSettings},
    source::{InputFile, Source},
};

pub(crate) use paths::{InputPath, existing, existing_of, expand};

/// The inputs of a run. Each is opened when the one before it is read.
pub(crate) struct Inputs<'a> {
    plan: &'a Plan,
    interrupt: &'a Interrupt,
    /// The index of the input to open next.
    next: usize,
    /// The number of bytes read of all inputs.
    position: Arc<AtomicU64>,
    size: Option<u64>,
    partitions: Arc<[(String, usize)]>,
}

/// An input with its mapper, if `[record]` is set.
pub(crate) struct OpenInput {
    /// The index among the inputs of the run.
    pub(crate) index: usize,
    /// The number of the file, which is the index unless an input is followed: then it may have several files, one after the other.
    pub(crate) id: usize,
    pub(crate) input: Input,
    pub(crate) mapper: Option<RecordMapper>,
    /// The number of partitions of each topic that was known before the first record.
    pub(crate) partitions: Arc<[(String, usize)]>,
    /// The file, if it is a regular one.
    pub(crate) file: Option<InputFile>,
    /// The input as dead letters name it; `None` without a dead-letter file, and before its first row is read.
    pub(crate) source: Option<Arc<LetterSource>>,
    /// The last position that was set for checkpoints.
    pub(crate) reached: Option<InputPosition>,
}

impl OpenInput {
    /// Resolves the settings of `[record]` for the rows that follow, after [`Step::Layout`](crate::input::Step::Layout).
    ///
    /// # Errors
    /// The rows do not have what the settings require.
    pub(crate) fn resolve_again(&mut self, plan: &Plan) -> Result<(), Failure> {
        plan.record.check(self.input.row_format(), false)?;
        let mut mapper = RecordMapper::new(&plan.record, &mut self.input)?;
        if let Some((mapper, previous)) = mapper.as_mut().zip(self.mapper.take()) {
            mapper.inherit_topics(previous);
        }
        self.mapper = mapper;
        self.set_partitions();
        Ok(())
    }

    /// Sets the numbers of partitions that are known in the mapper, if there is one.
    pub(crate) fn set_partitions(&mut self) {
        let Some(mapper) = &mut self.mapper else { return };
        self.partitions.iter().for_each(|(topic, count)| mapper.set_partitions(topic, *count));
    }
}

impl<'a> Inputs<'a> {
    /// Checks all files but the first, which [`open_first`](Self::open_first) opens, so that no record is sent if one of them has a
    /// mistake.
    ///
    /// # Errors
    /// A file cannot be opened, or does not have what the settings require.
    pub(crate) fn new(plan: &'a Plan, interrupt: &'a Interrupt) -> Result<Self, Failure> {
        for index in 1..plan.paths.len() {
            if interrupt.is_pressed() {
                break;
            }
            plan.check_input(index).map(drop)?;
        }
        let size = plan.paths.iter().map(|path| size_of(path)).sum();
        Ok(Self { plan, interrupt, next: 0, position: Arc::default(), size, partitions: Arc::default() })
    }

    /// Sets the number of partitions of each topic that is known before the first record.
    pub(crate) fn set_partitions(&mut self, partitions: Arc<[(String, usize)]>) {
        self.partitions = partitions;
    }

    /// The size of all inputs in bytes, as they are stored; `None` if one of them has none.
    pub(crate) fn size(&self) -> Option<u64> {
        self.size
    }

    /// The number of bytes read of all inputs, as they are stored.
    pub(crate) fn counter(&self) -> &Arc<AtomicU64> {
        &self.position
    }

    /// Opens the first input. A regular file is opened at once, so that its errors are reported before any request to the brokers; an
    /// input that may block is opened on a thread.
    ///
    /// # Errors
    /// The input cannot be opened.
    pub(crate) fn open_first(&mut self) -> Result<impl Future<Output = Result<OpenInput, Failure>> + use<>, Failure> {
        let (source, options) = self.open_source()?;
        let index = self.next - 1;
        if source.size.is_some() {
            return Ok(Either::Left(ready(Ok(read(index, source, &options, &self.plan.record)?))));
        }
        Input::check(&options).map_err(refuse)?;
        let (sender, opened) = oneshot::channel();
        let record = self.plan.record.clone();
        let opening = thread::Builder::new().name("ottla-open".to_owned()).spawn(move || {
            // The receiver is gone if the run has ended.
            let _ = sender.send(read(index, source, &options, &record));
        });
        opening.map_err(|error| Failure::new(Exit::Failed, format!("cannot start the thread that opens the input: {error}")))?;
        let gone = |_| Err(Failure::new(Exit::Failed, "the thread that opens the input panicked"));
        Ok(Either::Right(opened.map(move |opened| opened.unwrap_or_else(gone))))
    }

    /// Opens the next input; `None` after the last one. `previous` has the topics that are known.
    pub(crate) fn open_next(&mut self, previous: Option<RecordMapper>) -> Option<Result<OpenInput, Failure>> {
        if self.next == self.plan.paths.len() {
            return None;
        }
        let index = self.next;
        let opened = self.open_source().and_then(|(source, options)| read(index, source, &options, &self.plan.record));
        Some(opened.map(|mut opened| {
            opened.partitions = Arc::clone(&self.partitions);
            match (&mut opened.mapper, previous) {
                (Some(mapper), Some(previous)) => mapper.inherit_topics(previous),
                // Dead letters replace it by that of their rows.
                (mapper @ None, previous) if opened.input.format() == Format::DeadLetters => *mapper = previous,
                _ => {}
            }
            opened
        }))
    }

    /// Opens the next source, and counts it as opened whether this succeeds or not.
    fn open_source(&mut self) -> Result<(Source, InputOptions), Failure> {
        let options = self.plan.options(self.next);
        self.next += 1;
        let source = Source::open(&options.path, self.interrupt, &self.position);
        Ok((source.map_err(|source| refuse(InputError::Open { name: options.name(), source }))?, options))
    }
}

/// Reads up to the first record, and resolves the settings of `[record]` for the input.
fn read(index: usize, source: Source, options: &InputOptions, record: &RecordSettings) -> Result<OpenInput, Failure> {
    let mut input = Input::read(source.bytes, options).map_err(refuse)?;
    let mapper = RecordMapper::new(record, &mut input)?;
    let (partitions, file) = (Arc::default(), source.file);
    Ok(OpenInput { index, id: index, input, mapper, partitions, file, source: None, reached: None })
}

fn refuse(error: InputError) -> Failure {
    Failure::usage(chain(&error))
}

/// The size of a regular file.
fn size_of(path: &Path) -> Option<u64> {
    let metadata = fs::metadata(path).ok().filter(|_| path != Path::new("-"))?;
    metadata.is_file().then_some(metadata.len())
}
