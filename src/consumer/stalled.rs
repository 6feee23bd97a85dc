//! [`Stalled`]: the records of partitions that wait for a schema registry.
//!
//! If the schema of a record cannot be fetched, nothing is wrong with the record. An error in its place would make the program skip it. So it
//! waits here, with the records after it, and is deserialized again until the registry has answered. The program gets an error that is not
//! about a record, so the offset does not change.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::{ConsumeError, RawRecord, TopicPartition};
use crate::{Error, ErrorKind};

/// The shortest time between two errors of an outage, and the time until the first error of a registry that is only slow.
const REPORT_INTERVAL: Duration = Duration::from_secs(10);

/// The waiting records, in order.
#[derive(Debug, Default)]
pub(super) struct Stalled {
    records: VecDeque<Waiting>,
    since: Option<Instant>,
    last_report: Option<Instant>,
}

/// A record and the index of its partition.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) number: usize,
    pub(super) record: RawRecord,
}

/// The error and the record, if the registry failed.
pub(super) fn stalled(error: ConsumeError) -> Result<(Error, RawRecord), ConsumeError> {
    match error.kind() {
        ErrorKind::SchemaRegistry => error.into_parts(),
        _ => Err(error),
    }
}

impl Stalled {
    /// Whether records of this partition wait, so that later ones must wait, too.
    pub(super) fn holds(&self, number: usize) -> bool {
        self.records.iter().any(|waiting| waiting.number == number)
    }

    pub(super) fn push(&mut self, waiting: Waiting) {
        self.since.get_or_insert_with(Instant::now);
        self.records.push_back(waiting);
    }

    /// Takes the waiting records, to deserialize them again.
    pub(super) fn take(&mut self) -> VecDeque<Waiting> {
        std::mem::take(&mut self.records)
    }

    /// Puts back those that still wait.
    pub(super) fn put_back(&mut self, records: VecDeque<Waiting>) {
        if records.is_empty() {
            (self.since, self.last_report) = (None, None);
        }
        self.records = records;
    }

    /// Removes the records of these partitions.
    pub(super) fn forget(&mut self, partitions: &[TopicPartition]) {
        let mut left = self.take();
        left.retain(|waiting| !partitions.contains(&waiting.partition()));
        self.put_back(left);
    }

    /// The partitions with waiting records.
    pub(super) fn partitions(&self) -> Vec<TopicPartition> {
        let mut partitions: Vec<TopicPartition> = Vec::new();
        for waiting in &self.records {
            let partition = waiting.partition();
            if !partitions.contains(&partition) {
                partitions.push(partition);
            }
        }
        partitions
    }

    /// Whether the program should get this error now.
    pub(super) fn should_report(&mut self, error: &Error) -> bool {
        let begun = if error.is_pending() { self.last_report.or(self.since) } else { self.last_report };
        let should_report = begun.is_none_or(|begun| begun.elapsed() >= REPORT_INTERVAL);
        if should_report {
            self.last_report = Some(Instant::now());
        }
        should_report
    }
}

impl Waiting {
    fn partition(&self) -> TopicPartition {
        TopicPartition::new(self.record.topic(), self.record.partition())
    }

    /// Whether it belongs to one of these partitions.
    pub(super) fn belongs_to(&self, partitions: &[TopicPartition]) -> bool {
        partitions.contains(&self.partition())
    }
}
