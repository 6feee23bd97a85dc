//! The model: what was sent, what its sender and the interceptors heard of it, and what that must not contradict.

use std::{
    sync::{Mutex, MutexGuard},
    time::{Duration, Instant},
};

use ottla::{Error, ErrorKind, Persistence, RecordMetadata};

use super::{step::Spec, user_code::lock};

/// What is known of each record, by number, and what was found to be wrong.
#[derive(Default)]
pub(super) struct Ledger {
    records: Mutex<Vec<Record>>,
    violations: Mutex<Vec<String>>,
    /// The brokers take whatever they are sent, and soon.
    is_broker_well: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) spec: Spec,
    /// Whether it was sent on the test's own thread, so that its number says when.
    pub(super) in_order: bool,
    /// The transaction that was open, 0 for none.
    pub(super) transaction: usize,
    pub(super) stage: Stage,
    pub(super) sent: Instant,
    /// When the test saw that it waits no longer, and how much room there was then.
    pub(super) ended: Option<(Instant, usize)>,
    /// What the sender heard.
    pub(super) heard: Vec<Outcome>,
    /// How often an interceptor saw it sent.
    pub(super) intercepted: usize,
    /// What the interceptor heard.
    pub(super) acknowledged: Vec<Outcome>,
}

/// How far a record has come, as its sender knows it.
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
    /// Where it was written, by each report of it.
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

    /// Why a transaction must not be committed without it, if it has ended so that it is not in it.
    fn forbids_commit(&self) -> Option<String> {
        if self.heard.iter().chain(&self.acknowledged).any(Outcome::is_written) || self.stage == Stage::Withdrawn {
            return None;
        }
        let Some(Outcome::Failed { kind, .. }) = self.heard.iter().chain(&self.acknowledged).next() else {
            return (self.stage == Stage::Accepted).then(|| "was accepted, and was not reported".to_owned());
        };
        // It came back to be sent again, or was never part of the transaction.
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

    pub(super) fn add(&self, spec: Spec, transaction: usize, in_order: bool) -> usize {
        let mut records = self.records();
        records.push(Record {
            spec,
            in_order,
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
            self.violated(format!("record {number} got BufferTimeout, and the broker is idle: {error}"));
        }
    }

    /// Notes what a sender heard of its record.
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
            self.violated(format!("record {number} was reported twice to its sender"));
        }
    }

    pub(super) fn intercepted(&self, number: usize) {
        if let Some(record) = self.records().get_mut(number) {
            record.intercepted += 1;
        }
    }

    /// Notes what the interceptor heard.
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

    /// A commit said that it is done.
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

    /// Notes which records wait no longer, with the room that there is now, and finds those that waited for nothing: whoever was before them
    /// had gone, there was room, and their time was not over.
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
                "record {number} got BufferTimeout though {available} bytes were free and nobody was before it"
            ));
        }
    }

    /// Records that were accepted, or seen by the interceptor, and have no report; those that the sender and the interceptor heard
    /// different things of.
    pub(super) fn contradictions(&self, observed: bool) -> Vec<String> {
        let mut wrong = Vec::new();
        for (number, record) in self.records().iter().enumerate() {
            let Record { intercepted, acknowledged, heard, .. } = record;
            if observed && *intercepted != acknowledged.len() {
                wrong.push(format!("record {number} was sent {intercepted} times and reported {} times", acknowledged.len()));
            }
            if let (Some(heard), Some(acknowledged)) = (heard.first(), acknowledged.first()) {
                if heard.is_written() != acknowledged.is_written() {
                    wrong.push(format!("record {number}: the sender heard {heard:?}, the interceptor {acknowledged:?}"));
                }
            }
        }
        wrong
    }
}
