//! [`Sender`]: sends rows to the producer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use futures::executor::block_on;
use ottla::{ErrorKind, Producer, ProducerRecord};

use crate::{
    args::ProduceArguments,
    checkpoint::{Checkpoints, Reached},
    dead_letter_source::LetterSource,
    embedded::{Digest, Embedded},
    encoders::{Encoders, Serializing},
    encoding::Unfit,
    exit::{Failure, chain},
    input::{InputError, Step},
    inputs::{Inputs, OpenInput},
    interrupt::Interrupt,
    pace::Pace,
    plan::Plan,
    record::{Parts, RecordMapper, headers_of},
    row::{Row, RowError},
    run_totals::{Entries, RunTotals},
    transactions::Transactions,
};

/// Why reading ended.
pub(crate) enum End {
    /// The end of the input, or `--limit`.
    Read,
    /// Ctrl-C.
    Interrupted,
    /// The rest of these inputs is unreadable: the error of each.
    Broken(Vec<String>),
    /// No more records can be sent, or failed records cannot be kept.
    Stopped(String),
    /// The input was read, but the transaction was not committed.
    Uncommitted(String),
}

impl End {
    /// Why reading ended before the end of the input.
    pub(crate) fn reason(&self) -> Option<String> {
        match self {
            Self::Read => None,
            Self::Interrupted => Some("interrupted".to_owned()),
            Self::Broken(errors) => Some(errors.join("; ")),
            Self::Stopped(reason) | Self::Uncommitted(reason) => Some(reason.clone()),
        }
    }
}

/// What is kept between the inputs of a run.
pub(crate) struct Reading {
    pace: Option<Pace>,
    /// The serialized key and value.
    buffers: (Vec<u8>, Vec<u8>),
    entries: Entries,
    /// How many more records `--limit` allows.
    pub(crate) left: u64,
    /// The position that the progress line shows.
    shown: u64,
}

impl Reading {
    pub(crate) fn new(arguments: &ProduceArguments, totals: &Arc<RunTotals>) -> Self {
        Self {
            pace: arguments.rate.map(Pace::new),
            buffers: (Vec::new(), Vec::new()),
            entries: Entries::new(totals),
            left: arguments.limit.unwrap_or(u64::MAX),
            shown: 0,
        }
    }
}

/// How far an input was read.
pub(crate) enum Rows {
    /// To its end.
    All,
    /// As far as `--limit` allows.
    Enough,
    /// As many rows as one turn has.
    Turn,
    /// To the end of what is complete in a file that grows.
    Waiting,
}

/// Why reading an input ended early.
pub(crate) enum Stop {
    /// The rest of the input is unreadable.
    Broken(InputError),
    /// The input cannot be opened or continued.
    Unopened(String),
    /// The run ends.
    End(End),
}

impl Stop {
    /// The error, if only the input ended early; otherwise the end of the run.
    pub(crate) fn of_one_input(self) -> Result<String, End> {
        match self {
            Self::Broken(error) => Ok(chain(&error)),
            Self::Unopened(error) => Ok(error),
            Self::End(end) => Err(end),
        }
    }
}

/// Everything needed to send rows.
pub(crate) struct Sender<'a> {
    pub(crate) producer: &'a Producer<[u8], [u8]>,
    pub(crate) plan: &'a Plan,
    pub(crate) encoders: &'a Encoders<'a>,
    pub(crate) totals: &'a Arc<RunTotals>,
    pub(crate) embedded: Option<&'a Embedded>,
    pub(crate) interrupt: &'a Interrupt,
}

impl Sender<'_> {
    /// Sends the rows of all inputs until the end. A row that cannot be sent is counted, and reading goes on. After an input that breaks
    /// off, the next one is read, except with transactions, which are complete or nothing.
    pub(crate) fn send_all(
        &self,
        inputs: &mut Inputs<'_>,
        first: OpenInput,
        arguments: &ProduceArguments,
        transactions: &mut Option<Transactions<'_>>,
        checkpoints: &mut Option<Checkpoints>,
    ) -> End {
        let mut reading = Reading::new(arguments, self.totals);
        let (mut index, mut broken) = (first.index, Vec::new());
        let mut opened: Result<OpenInput, Failure> = Ok(first);
        loop {
            let mut mapper = None;
            let ended = match opened {
                Ok(mut opened) => {
                    let ended = self.resume(&mut opened, checkpoints).and_then(|()| {
                        opened.source = self.totals.begin_input(index, opened.input.letter_source());
                        self.send_rows(&mut opened, &mut reading, transactions, checkpoints, u64::MAX, inputs.counter())
                    });
                    mapper = opened.mapper;
                    ended
                }
                Err(_) if self.interrupt.is_pressed() => return End::Interrupted,
                Err(failure) => Err(Stop::Unopened(failure.text())),
            };
            match ended.map_err(Stop::of_one_input) {
                Ok(Rows::All) => self.totals.end_input(index, None),
                Ok(Rows::Enough | Rows::Turn | Rows::Waiting) => break,
                Err(Ok(error)) => {
                    self.totals.end_input(index, Some(error.clone()));
                    broken.push(error);
                    if transactions.is_some() {
                        break;
                    }
                }
                Err(Err(end)) => return end,
            }
            index += 1;
            if let Err(end) = self.commit_before(index, transactions, checkpoints) {
                return end;
            }
            opened = match inputs.open_next(mapper) {
                Some(opened) => opened,
                None => break,
            };
            if let Ok(opened) = &opened {
                opened.input.warning().iter().for_each(|warning| self.totals.tell(warning));
            }
        }
        if broken.is_empty() { End::Read } else { End::Broken(broken) }
    }

    /// Commits the rows so far if an earlier run has begun the next input: reading it up to its position may take longer than
    /// `transaction.timeout.ms`.
    fn commit_before(
        &self,
        index: usize,
        transactions: &mut Option<Transactions<'_>>,
        checkpoints: &mut Option<Checkpoints>,
    ) -> Result<(), End> {
        let Some(transactions) = transactions else { return Ok(()) };
        let is_begun = |checkpoints: &Checkpoints| checkpoints.is_begun(&self.plan.options(index));
        if index == self.plan.paths.len() || !checkpoints.as_ref().is_some_and(is_begun) {
            return Ok(());
        }
        transactions.commit_rows(checkpoints).map_err(|reason| self.uncommitted(reason))
    }

    pub(crate) fn uncommitted(&self, reason: String) -> End {
        // An interrupt is the normal end of a followed run, which commits then.
        let is_interrupted = self.interrupt.is_pressed() && self.plan.follow().is_none();
        if is_interrupted { End::Interrupted } else { End::Uncommitted(reason) }
    }

    /// Continues an input where an earlier run ended.
    fn resume(&self, opened: &mut OpenInput, checkpoints: &mut Option<Checkpoints>) -> Result<(), Stop> {
        let Some(checkpoints) = checkpoints else { return Ok(()) };
        let OpenInput { index, input, file, .. } = opened;
        let continued = checkpoints
            .resume(*index, input, file.take(), &self.plan.options(*index))
            .map_err(|error| if self.interrupt.is_pressed() { Stop::End(End::Interrupted) } else { Stop::Unopened(error) })?;
        if let Some((position, message)) = continued {
            self.totals.continue_input(*index, position);
            self.totals.tell(&message);
        }
        Ok(())
    }

    /// Sends up to this many rows of one input, and sets its position at the end. `read` is the number of bytes read of all inputs.
    pub(crate) fn send_rows(
        &self,
        opened: &mut OpenInput,
        reading: &mut Reading,
        transactions: &mut Option<Transactions<'_>>,
        checkpoints: &mut Option<Checkpoints>,
        rows: u64,
        read: &AtomicU64,
    ) -> Result<Rows, Stop> {
        let ended = self.send_each_row(opened, reading, transactions, checkpoints, rows, read);
        self.reach(opened, transactions.is_some(), checkpoints);
        ended
    }

    /// Sets the position of an input, if it has moved.
    pub(crate) fn reach(&self, opened: &mut OpenInput, has_transactions: bool, checkpoints: &mut Option<Checkpoints>) {
        let Some(checkpoints) = checkpoints else { return };
        let reached = Reached { input: opened.id, position: opened.input.position() };
        if has_transactions {
            checkpoints.reach(reached);
            return;
        }
        let rows = checkpoints.take_rows();
        // Files that grow have many turns without a row.
        if rows > 0 || opened.reached.replace(reached.position) != Some(reached.position) {
            self.totals.end_segment(rows, reached);
        }
    }

    fn send_each_row(
        &self,
        opened: &mut OpenInput,
        reading: &mut Reading,
        transactions: &mut Option<Transactions<'_>>,
        checkpoints: &mut Option<Checkpoints>,
        rows: u64,
        read: &AtomicU64,
    ) -> Result<Rows, Stop> {
        let mut rows = rows;
        let unopened = |failure: Failure| Stop::Unopened(failure.text());
        let mut serializing = self.encoders.serializing_rows(opened).map_err(unopened)?;
        while reading.left > 0 {
            if rows == 0 {
                return Ok(Rows::Turn);
            }
            if let Some(pace) = &mut reading.pace {
                self.interrupt.sleep(pace.next(Instant::now()));
            }
            if self.interrupt.is_pressed() {
                return Err(Stop::End(End::Interrupted));
            }
            if let Some(reason) = self.totals.ended() {
                return Err(Stop::End(End::Stopped(reason)));
            }
            let OpenInput { index, id, input, mapper, source, .. } = &mut *opened;
            match input.next() {
                Ok(Step::Row(ref row)) => {
                    let of_input = (*index, source.as_ref());
                    self.send(of_input, row, mapper.as_mut(), &serializing, reading);
                }
                Ok(Step::Layout) => {
                    opened.resolve_again(self.plan).map_err(unopened)?;
                    serializing = self.encoders.serializing_rows(opened).map_err(unopened)?;
                    continue;
                }
                Ok(Step::Bad(error)) => self.totals.turn_away(*index, &error),
                Ok(Step::End) => return Ok(Rows::All),
                Ok(Step::Wait) => return Ok(Rows::Waiting),
                Err(_) if self.interrupt.is_pressed() => return Err(Stop::End(End::Interrupted)),
                Err(error) => return Err(Stop::Broken(error)),
            }
            reading.left -= 1;
            rows -= 1;
            let reached = || Reached { input: *id, position: input.position() };
            if let Some(Err(reason)) = transactions.as_mut().map(|transactions| transactions.count(checkpoints, reached)) {
                return Err(Stop::End(self.uncommitted(reason)));
            }
            if let Some(checkpoints) = checkpoints.as_mut().filter(|_| transactions.is_none()) {
                if checkpoints.count() {
                    self.totals.end_segment(checkpoints.take_rows(), reached());
                    self.write_positions(checkpoints).map_err(|reason| Stop::End(End::Stopped(reason)))?;
                }
            }
            let read = read.load(Ordering::Relaxed);
            if read != reading.shown {
                self.totals.read_to(read);
                reading.shown = read;
            }
        }
        Ok(Rows::Enough)
    }

    /// Writes the positions before which every row is done.
    ///
    /// # Errors
    /// The checkpoint or the dead-letter file cannot be written.
    pub(crate) fn write_positions(&self, checkpoints: &mut Checkpoints) -> Result<(), String> {
        for reached in self.totals.take_reached()? {
            checkpoints.reach(reached);
        }
        checkpoints.begin_interval();
        checkpoints.write()
    }

    /// Makes a record of a row, encodes it and sends it. A row that cannot be sent is counted in the totals.
    fn send(
        &self,
        (input, source): (usize, Option<&Arc<LetterSource>>),
        row: &Row<'_>,
        mapper: Option<&mut RecordMapper>,
        serializing: &Serializing<'_>,
        Reading { buffers, entries, .. }: &mut Reading,
    ) {
        let turn_away = |Unfit { kind, message, field }| {
            self.totals.turn_away(
                input,
                &RowError { line: row.line, kind, message, field, record: row.raw.to_vec(), letter: row.letter.cloned() },
            );
        };
        let mut parts = match parts_of(row, mapper, &self.plan.topic, |topic| self.partitions_of(topic)) {
            Ok(parts) => parts,
            Err(unfit) => return turn_away(unfit),
        };
        let topic = parts.topic.unwrap_or(&self.plan.topic);
        let mut headers = std::mem::take(&mut parts.headers);
        let (key, value) = match serializing.encode(&parts, topic, row.columns, &mut headers, buffers) {
            Ok(encoded) => encoded,
            Err(unfit) => return turn_away(unfit),
        };
        // The setters change the record in place; the other methods copy it.
        let mut record = ProducerRecord::to(topic);
        record.set_key(key);
        record.set_value(value);
        if !headers.is_empty() {
            *record.headers_mut() = headers;
        }
        if let Some(partition) = parts.partition {
            record = record.partition(partition);
        }
        if let Some(timestamp) = parts.timestamp {
            record = record.timestamp(timestamp);
        }
        self.send_record((input, source), row, record, entries, self.embedded.map(|_| Digest::of(key, value)));
    }

    /// Asks for the number of partitions of a topic, so that the producer does not wait for `max.block.ms` at each record to a topic that does
    /// not exist. `None`: the brokers did not answer.
    fn partitions_of(&self, topic: &str) -> Option<Result<usize, String>> {
        match block_on(self.producer.partitions_for(topic)) {
            Ok(partitions) => Some(Ok(partitions.len())),
            Err(error) if error.kind() == ErrorKind::UnknownTopicOrPartition => {
                Some(Err(format!("is the topic {topic}, which does not exist; create it, and send the dead letters again")))
            }
            Err(error) if error.is_retriable() || error.kind() == ErrorKind::Closed => None,
            Err(error) => Some(Err(format!("is the topic {topic}, which cannot be used: {}", chain(&error)))),
        }
    }

    /// Passes the record to the producer, which waits for buffer memory for up to `max.block.ms`.
    fn send_record(
        &self,
        (input, source): (usize, Option<&Arc<LetterSource>>),
        row: &Row<'_>,
        record: ProducerRecord<'_, [u8], [u8]>,
        entries: &mut Entries,
        digest: Option<Digest>,
    ) {
        let read_back = self.embedded.map(Embedded::read_back).zip(digest);
        if let Some((read_back, digest)) = read_back {
            // `flush` fails only on the delivery thread, in a callback. This is another thread.
            read_back.hold_back(|| drop(self.producer.blocking().flush()));
            read_back.sending(digest);
        }
        let (entry, kept) = entries.enter(input, source, row, digest);
        // Two callbacks, because the first one is so small that it needs no allocation.
        let sent = match kept {
            None => self.producer.blocking().send_with(record, move |report| entry.settle(None, report)),
            kept => self.producer.blocking().send_with(record, move |report| entry.settle(kept, report)),
        };
        let Err(error) = sent else { return };
        if let Some((read_back, digest)) = read_back {
            read_back.failed(digest);
        }
        // Ctrl-C closes the producer. A row that was waiting for buffer memory then counts as not read.
        if error.kind() != ErrorKind::Closed || !self.interrupt.is_pressed() {
            self.totals.refuse(input, row, &error);
        }
    }
}

/// The parts of a row's record: those of the row, or as `[record]` says. `ask` is that of [`RecordMapper::map`].
///
/// # Errors
/// The part that cannot be produced.
pub(crate) fn parts_of<'a>(
    row: &Row<'a>,
    mapper: Option<&'a mut RecordMapper>,
    topic: &str,
    ask: impl FnOnce(&str) -> Option<Result<usize, String>>,
) -> Result<Parts<'a>, Unfit> {
    match mapper {
        None => Ok(Parts { key: row.key, value: row.value, headers: headers_of(row), ..Parts::default() }),
        Some(mapper) => mapper.map(row, topic, ask),
    }
}
