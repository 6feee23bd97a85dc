//! The model: the records that were sent, their reports to sender and interceptors, and checks of these.

use std::{
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use ottla::{Error, ErrorKind, Persistence, RecordMetadata};

use super::{step::Spec, user_code::lock};

/// The state of each record, by number, and the violations that were found.
#[derive(Default)]
pub(super) struct Ledger {
    records: Mutex<Vec<Record>>,
    violations: Mutex<Vec<String>>,
    producers: AtomicUsize,
    /// The brokers accept all requests quickly.
    is_broker_well: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) spec: Spec,
    /// Whether it was sent on the test's own thread, so that its number gives the order.
    pub(super) in_order: bool,
    /// The number of its producer. A producer that is being closed delivers its records while the next one sends.
    pub(super) producer: usize,
    /// The open transaction, 0 for none.
    pub(super) transaction: usize,
    pub(super) stage: Stage,
    pub(super) sent: Instant,
    /// When the test saw that it no longer waits, and the free buffer memory at that time.
    pub(super) ended: Option<(Instant, usize)>,
    /// The report to the sender.
    pub(super) heard: Vec<Outcome>,
    /// How often an interceptor's `on_send` saw it.
    pub(super) intercepted: usize,
    /// The report to the interceptor.
    pub(super) acknowledged: Vec<Outcome>,
}

impl Record {
    /// Whether it is reported as written.
    pub(super) fn is_written(&self) -> bool {
        self.heard.iter().chain(&self.acknowledged).any(|outcome| matches!(outcome, Outcome::Written { .. }))
    }
}

/// The progress of a record, as seen by its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Its future is not ready.
    Sending,
    Accepted,
    Refused,
    /// Its future was dropped before it was ready.
    Withdrawn,
}

/// How a record ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    Written { partition: i32, offset: Option<i64> },
    Failed { kind: ErrorKind, not_persisted: bool },
}

impl Outcome {
    pub(super) fn of(result: Result<&RecordMetadata, &Error>) -> Self {
        match result {
            Ok(metadata) => Self::Written { partition: metadata.partition(), offset: metadata.offset() },
            Err(error) => Self::Failed { kind: error.kind(), not_persisted: error.persistence() == Persistence::NotPersisted },
        }
    }

    fn is_written(&self) -> bool {
        matches!(self, Self::Written { .. })
    }
}

impl Record {
    /// Where it was written, from each of its reports.
    pub(super) fn written(&self) -> Option<(i32, Option<i64>)> {
        self.heard.iter().chain(&self.acknowledged).find_map(|outcome| match outcome {
            Outcome::Written { partition, offset } => Some((*partition, *offset)),
            Outcome::Failed { .. } => None,
        })
    }

    pub(super) fn is_certainly_not_written(&self) -> bool {
        let failed = |outcome: &Outcome| matches!(outcome, Outcome::Failed { not_persisted: true, .. });
        self.heard.iter().chain(&self.acknowledged).any(failed)
    }

    /// Why a transaction must not be committed with this record, or `None`.
    fn forbids_commit(&self) -> Option<String> {
        if self.heard.iter().chain(&self.acknowledged).any(Outcome::is_written) || self.stage == Stage::Withdrawn {
            return None;
        }
        let Some(Outcome::Failed { kind, .. }) = self.heard.iter().chain(&self.acknowledged).next() else {
            return (self.stage == Stage::Accepted).then(|| "was accepted but not reported".to_owned());
        };
        // The record was returned to be sent again, or was not part of the transaction.
        let is_no_loss = matches!(
            kind,
            ErrorKind::BufferFull
                | ErrorKind::SchemaPending
                | ErrorKind::TransactionState
                | ErrorKind::TransactionFailed
                | ErrorKind::Closed
        );
        if self.stage == Stage::Refused && is_no_loss {
            return None;
        }
        Some(format!("ended as {kind}"))
    }
}

impl Ledger {
    pub(super) fn new(is_broker_well: bool) -> Self {
        Self { is_broker_well, ..Self::default() }
    }

    /// The records that follow are sent by another producer.
    pub(super) fn change_producer(&self) {
        self.producers.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn add(&self, spec: Spec, transaction: usize, in_order: bool) -> usize {
        let mut records = self.records();
        records.push(Record {
            spec,
            in_order,
            producer: self.producers.load(Ordering::SeqCst),
            transaction,
            stage: Stage::Sending,
            sent: Instant::now(),
            ended: None,
            heard: Vec::new(),
            intercepted: 0,
            acknowledged: Vec::new(),
        });
        records.len() - 1
    }

    pub(super) fn records(&self) -> MutexGuard<'_, Vec<Record>> {
        lock(&self.records)
    }

    pub(super) fn accepted(&self, number: usize) {
        self.stage(number, Stage::Accepted);
    }

    pub(super) fn withdrawn(&self, number: usize) {
        self.stage(number, Stage::Withdrawn);
    }

    fn stage(&self, number: usize, stage: Stage) {
        if let Some(record) = self.records().get_mut(number).filter(|record| record.stage == Stage::Sending) {
            record.stage = stage;
        }
    }

    pub(super) fn refused(&self, number: usize, error: &Error) {
        self.stage(number, Stage::Refused);
        if let Some(record) = self.records().get_mut(number) {
            record.heard.push(Outcome::of(Err(error)));
        }
        if self.is_broker_well && error.kind() == ErrorKind::BufferTimeout {
            self.violated(format!("record {number} got BufferTimeout, but the broker is idle: {error}"));
        }
    }

    /// Records the report to the sender.
    pub(super) fn heard(&self, number: usize, result: Result<&RecordMetadata, &Error>) {
        let twice = {
            let mut records = self.records();
            let Some(record) = records.get_mut(number) else { return };
            if record.stage == Stage::Sending {
                record.stage = Stage::Accepted;
            }
            record.heard.push(Outcome::of(result));
            record.heard.len() > 1
        };
        if twice {
            self.violated(format!("record {number} was reported to its sender twice"));
        }
    }

    pub(super) fn intercepted(&self, number: usize) {
        if let Some(record) = self.records().get_mut(number) {
            record.intercepted += 1;
        }
    }

    /// Records the report to the interceptor.
    pub(super) fn acknowledged(&self, number: usize, result: Result<&RecordMetadata, &Error>) {
        let twice = {
            let mut records = self.records();
            let Some(record) = records.get_mut(number) else { return };
            record.acknowledged.push(Outcome::of(result));
            record.acknowledged.len() > record.intercepted
        };
        if twice {
            self.violated(format!("record {number} was reported to the interceptor more often than it was sent"));
        }
    }

    /// A commit succeeded.
    pub(super) fn committed(&self, transaction: usize) {
        let lost: Vec<String> = {
            let records = self.records();
            let of_it = records.iter().enumerate().filter(|(_, record)| record.transaction == transaction);
            of_it.filter_map(|(number, record)| Some(format!("record {number} {}", record.forbids_commit()?))).collect()
        };
        if !lost.is_empty() {
            self.violated(format!("transaction {transaction} was committed, but {}", lost.join(", ")));
        }
    }

    pub(super) fn violated(&self, what: String) {
        lock(&self.violations).push(what);
    }

    pub(super) fn violation(&self) -> Option<String> {
        let violations = lock(&self.violations);
        (!violations.is_empty()).then(|| violations.join("; "))
    }

    /// Records which records no longer wait, with the free buffer memory, and finds records that waited without need: no earlier record waited,
    /// there was room, and their timeout had not passed.
    pub(super) fn note_ends(&self, available: usize, max_block: Duration) {
        let now = Instant::now();
        let mut waited_for_nothing = Vec::new();
        let mut records = self.records();
        for number in 0..records.len() {
            let record = &records[number];
            if record.stage == Stage::Sending || record.ended.is_some() {
                continue;
            }
            let (sent, size) = (record.sent, record.spec.size);
            let has_timed_out = matches!(record.heard.first(), Some(Outcome::Failed { kind: ErrorKind::BufferTimeout, .. }));
            let before: Vec<_> = records[..number].iter().filter(|other| other.ended.is_none_or(|(end, _)| end > sent)).collect();
            let fits = |room: usize| room > 2 * size + 2000;
            let last = before.iter().map(|other| other.ended).max_by_key(|ended| ended.map_or(now, |(end, _)| end)).flatten();
            let nobody_is_before = before.iter().all(|other| other.ended.is_some());
            let had_room = last.is_some_and(|(end, room)| fits(room) && end < sent + max_block);
            if has_timed_out && nobody_is_before && had_room && fits(available) {
                waited_for_nothing.push(number);
            }
            records[number].ended = Some((now, available));
        }
        drop(records);
        for number in waited_for_nothing {
            self.violated(format!(
                "record {number} got BufferTimeout, but {available} bytes were free and no record waited before it"
            ));
        }
    }

    /// Records that were accepted or seen by the interceptor and have no report, and records with different reports to sender and
    /// interceptor.
    pub(super) fn contradictions(&self, observed: bool) -> Vec<String> {
        let mut wrong = Vec::new();
        for (number, record) in self.records().iter().enumerate() {
            let Record { intercepted, acknowledged, heard, .. } = record;
            if observed && *intercepted != acknowledged.len() {
                wrong.push(format!("record {number} was sent {intercepted} times and reported {} times", acknowledged.len()));
            }
            if let (Some(heard), Some(acknowledged)) = (heard.first(), acknowledged.first()) {
                if heard.is_written() != acknowledged.is_written() {
                    wrong.push(format!("record {number}: the sender got {heard:?}, the interceptor {acknowledged:?}"));
                }
            }
        }
        wrong
    }
}
