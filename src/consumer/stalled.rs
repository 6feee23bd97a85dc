//! [`Stalled`]: the records of partitions that wait for a schema registry.
//!
//! A record whose schema cannot be asked for is as good as any: giving it to the program as an error would have it passed over. It waits here,
//! with the records behind it, and is read again until the registry has answered. The program hears of that by errors that are not about a
//! record, so that its offset stays where it is.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::{ConsumeError, RawRecord, TopicPartition};
use crate::{
    Error, ErrorKind,
    serialize::{Outage, outage},
};

/// How long the program does not hear again of an outage, and of a registry that only is slow.
const TOLD: Duration = Duration::from_secs(10);

/// The records, in order.
#[derive(Debug, Default)]
pub(super) struct Stalled {
    records: VecDeque<Waiting>,
    since: Option<Instant>,
    told: Option<Instant>,
}

/// A record, and the number of its partition.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) number: usize,
    pub(super) record: RawRecord,
}

/// The error and the record, if it is the registry that failed.
pub(super) fn stalled(error: ConsumeError) -> Result<(Error, RawRecord), ConsumeError> {
    match error.kind() {
        ErrorKind::SchemaRegistry => error.into_parts(),
        _ => Err(error),
    }
}

impl Stalled {
    /// Whether records of this partition wait, so that those behind them must.
    pub(super) fn holds(&self, number: usize) -> bool {
        self.records.iter().any(|waiting| waiting.number == number)
    }

    pub(super) fn push(&mut self, waiting: Waiting) {
        self.since.get_or_insert_with(Instant::now);
        self.records.push_back(waiting);
    }

    /// The records that wait, to be read again.
    pub(super) fn take(&mut self) -> VecDeque<Waiting> {
        std::mem::take(&mut self.records)
    }

    /// Takes back those that wait on.
    pub(super) fn put_back(&mut self, records: VecDeque<Waiting>) {
        if records.is_empty() {
            (self.since, self.told) = (None, None);
        }
        self.records = records;
    }

    /// Forgets the records of these partitions.
    pub(super) fn forget(&mut self, partitions: &[TopicPartition]) {
        let mut left = self.take();
        left.retain(|waiting| !partitions.contains(&waiting.partition()));
        self.put_back(left);
    }

    /// The partitions whose records wait.
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

    /// Whether the program is to hear of this error now.
    pub(super) fn is_news(&mut self, error: &Error) -> bool {
        let source = std::error::Error::source(error);
        let is_pending = source.and_then(outage) == Some(Outage::Pending);
        let begun = if is_pending { self.told.or(self.since) } else { self.told };
        let is_news = begun.is_none_or(|begun| begun.elapsed() >= TOLD);
        if is_news {
            self.told = Some(Instant::now());
        }
        is_news
    }
}

impl Waiting {
    fn partition(&self) -> TopicPartition {
        TopicPartition::new(self.record.topic(), self.record.partition())
    }

    /// Whether it is a record of one of these.
    pub(super) fn is_of(&self, partitions: &[TopicPartition]) -> bool {
        partitions.contains(&self.partition())
    }
}
