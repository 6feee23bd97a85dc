//! Waits for brokers that are still opening the partitions of a new topic.
//!
//! A broker reports a new topic before it has opened its partitions, and rejects records for them until then. That is more than a delay: a
//! producer's first batch may be rejected and its second one accepted, after which no broker accepts the first one
//! (`native/implicit_ack.rs`). So code that has seen a topic being created waits until the leaders answer for its partitions.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::{
    deadline::Deadline,
    native::{Client, PartitionMetadata, Topic, code},
};

/// The interval between requests about a new topic.
pub(super) const RETRY: Duration = Duration::from_millis(50);

/// The timeout of one such request.
pub(super) const SLICE: Duration = Duration::from_secs(5);

/// Waits until the leader of each partition hosts it. The error is a code of a broker or of librdkafka, `TIMED_OUT` after the deadline.
pub(super) fn await_opened(
    client: &Client,
    topic: &Topic,
    partitions: &[PartitionMetadata],
    deadline: Deadline,
) -> Result<(), i32> {
    partitions.iter().try_for_each(|partition| {
        loop {
            let left = deadline.left(Instant::now());
            if left.is_zero() {
                return Err(code::TIMED_OUT);
            }
            match client.probe_leader(topic, partition.id, left.min(SLICE)) {
                Ok(()) => return Ok(()),
                Err(error) if is_temporary(error) => thread::sleep(RETRY.min(left)),
                Err(error) => return Err(error),
            }
        }
    })
}

/// Whether the partition may be open a moment later.
fn is_temporary(error: i32) -> bool {
    matches!(error, code::TIMED_OUT | code::TRANSPORT | code::LEADER_NOT_AVAILABLE | code::NOT_LEADER)
        || code::ABSENCES.contains(&error)
}
