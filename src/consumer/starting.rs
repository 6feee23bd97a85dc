//! [`Starting`]: looks up the offsets at which partitions start.
//!
//! librdkafka can look them up itself. But if the position is changed meanwhile (a seek, a pause, a resume), it repeats the lookup half a second
//! after the outdated response, and moves the partition to the result (`rd_kafka_toppar_handle_Offset`): records are skipped with
//! `auto.offset.reset=latest`, and returned twice with `earliest`. So a partition is given to librdkafka with the offset itself.

use std::{ffi::CString, time::Duration};

use super::TopicPartition;
use crate::{
    Error,
    native::{ConsumerClient, ListedOffset, NextOffset, OffsetList, code},
    panic::emit,
};

/// The longest wait for each lookup. It blocks the polling thread. After that librdkafka looks up the offset itself, without a limit.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(3);

/// How a consumer's partitions start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Starting {
    /// Whether the group's committed offsets count.
    pub(super) has_group: bool,
    /// The logical offset of `auto.offset.reset`, or `None` for an error.
    pub(super) reset: Option<i64>,
    /// `default.api.timeout.ms`.
    pub(super) timeout: Duration,
}

/// A partition and its offset, which may be a logical one of librdkafka.
struct Start {
    topic: CString,
    partition: i32,
    offset: i64,
    leader_epoch: Option<i32>,
    /// The offset to look up, if librdkafka would have to.
    wanted: Option<i64>,
}

impl Starting {
    /// The list for librdkafka. A partition with the offset [`NO_OFFSET_YET`](code::NO_OFFSET_YET) starts at its committed offset, or at that of
    /// `auto.offset.reset`.
    pub(super) fn list(&self, client: &ConsumerClient, partitions: &[(TopicPartition, i64)]) -> Result<OffsetList, Error> {
        let mut starts = starts_at(partitions)?;
        self.look_up_committed(client, &mut starts);
        look_up(client, self.timeout, &mut starts);
        Ok(list_of(starts.iter()))
    }

    /// The native offsets to seek to, in order: logical ones are looked up.
    pub(super) fn targets(&self, client: &ConsumerClient, to: &[(TopicPartition, i64)]) -> Result<Vec<i64>, Error> {
        let mut starts = starts_at(to)?;
        for start in &mut starts {
            start.wanted = Some(start.offset).filter(|offset| *offset < 0);
        }
        look_up(client, self.timeout, &mut starts);
        Ok(starts.iter().map(|start| start.offset).collect())
    }

    fn look_up_committed(&self, client: &ConsumerClient, starts: &mut [Start]) {
        let unknown: Vec<_> = starts.iter_mut().filter(|start| start.offset == code::NO_OFFSET_YET).collect();
        if !self.has_group {
            for start in unknown {
                start.wanted = self.reset;
                start.offset = self.reset.unwrap_or(start.offset);
            }
            return;
        }
        if unknown.is_empty() {
            return;
        }
        let found = client.committed(list_of(unknown.iter().map(|start| &**start)), LOOKUP_TIMEOUT.min(self.timeout));
        let found = found.unwrap_or_else(|code| not_found("committed offsets", code));
        for (start, found) in unknown.into_iter().zip(found) {
            match (found.code, found.offset) {
                (code::NO_ERROR, offset @ 0..) => (start.offset, start.leader_epoch) = (offset, found.leader_epoch),
                (code::NO_ERROR, _) => start.wanted = self.reset,
                _ => {}
            }
        }
    }
}

/// The starts of partitions at these offsets, without any to look up.
fn starts_at(partitions: &[(TopicPartition, i64)]) -> Result<Vec<Start>, Error> {
    let start = |(partition, offset): &(TopicPartition, i64)| {
        let (topic, partition) = (partition.native_topic()?, partition.partition());
        Ok(Start { topic, partition, offset: *offset, leader_epoch: None, wanted: None })
    };
    partitions.iter().map(start).collect()
}

/// Looks up the wanted offsets. Those that are not found remain logical.
fn look_up(client: &ConsumerClient, timeout: Duration, starts: &mut [Start]) {
    let mut wanted: Vec<_> = starts.iter_mut().filter(|start| start.wanted.is_some()).collect();
    if wanted.is_empty() {
        return;
    }
    let times = wanted.iter().map(|start| NextOffset {
        topic: &start.topic,
        partition: start.partition,
        // The protocol's times for the first and the last offset are librdkafka's logical offsets.
        offset: start.wanted.unwrap_or(code::OFFSET_END),
        leader_epoch: None,
        metadata: "",
    });
    let found = client.offsets_for_times(OffsetList::new(times), LOOKUP_TIMEOUT.min(timeout));
    let found = found.unwrap_or_else(|code| not_found("offsets", code));
    for (start, found) in wanted.iter_mut().zip(found) {
        if found.code == code::NO_ERROR && found.offset >= 0 {
            start.offset = found.offset;
        }
    }
}

fn not_found(what: &str, code: i32) -> Vec<ListedOffset> {
    emit!(debug, code, "cannot look up {what} before partitions start; librdkafka does it");
    Vec::new()
}

fn list_of<'a>(starts: impl ExactSizeIterator<Item = &'a Start>) -> OffsetList {
    OffsetList::new(starts.map(|start| NextOffset {
        topic: &start.topic,
        partition: start.partition,
        offset: start.offset,
        leader_epoch: start.leader_epoch,
        metadata: "",
    }))
}
