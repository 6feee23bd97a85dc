//! [`RebalanceListener`]: called when partitions are assigned or revoked.

use std::{fmt, time::Duration};

use super::{TopicPartition, error_policy::commit_failed};
use crate::{
    Error, Offsets,
    native::{ConsumerClient, OffsetList, code},
};

/// Called when the group assigns partitions to this consumer or revokes them: Java's `ConsumerRebalanceListener`.
///
/// It runs on the consumer's polling thread, before the records of a new assignment and after the last record of an old one: the program
/// receives no record of a revoked partition afterwards. As in Java, where rebalances happen in `poll`, partitions are not revoked while the
/// program processes records that it has taken. The consumer waits until the program requests the next one, for `max.poll.interval.ms` at
/// most. With [`explicit_done`](super::ConsumerBuilder::explicit_done) it waits until these records are done, for ten seconds or half of
/// `max.poll.interval.ms` at most. The other members of the group wait meanwhile, so a listener should be fast.
///
/// With the cooperative protocols (the assignor `cooperative-sticky`, and `group.protocol=consumer`) it gets only the partitions that are
/// added or removed; with the others it gets all partitions each time. A panic in it is logged.
///
/// It must not block on methods of the consumer; [`Consumer::blocking`](super::Consumer::blocking) returns an error there. [`Assigned`] and
/// [`Revoked`] have the methods that can be called.
pub trait RebalanceListener: Send + Sync + 'static {
    /// Partitions have been assigned. Reading them begins after this returns. Does nothing by default.
    fn on_partitions_assigned(&self, assigned: &mut Assigned<'_>) {
        let _ = assigned;
    }

    /// Partitions are about to be revoked. Other members may read them after this returns. Does nothing by default.
    fn on_partitions_revoked(&self, revoked: &Revoked<'_>) {
        let _ = revoked;
    }

    /// Partitions have been lost because the consumer was considered dead. Other members may already read them, and their offsets cannot be
    /// committed. Does nothing by default. (Java calls `onPartitionsRevoked` by default.)
    fn on_partitions_lost(&self, partitions: &[TopicPartition]) {
        let _ = partitions;
    }
}

/// A shared listener, so that the program can keep access to it.
impl<L: RebalanceListener + ?Sized> RebalanceListener for std::sync::Arc<L> {
    fn on_partitions_assigned(&self, assigned: &mut Assigned<'_>) {
        (**self).on_partitions_assigned(assigned);
    }

    fn on_partitions_revoked(&self, revoked: &Revoked<'_>) {
        (**self).on_partitions_revoked(revoked);
    }

    fn on_partitions_lost(&self, partitions: &[TopicPartition]) {
        (**self).on_partitions_lost(partitions);
    }
}

/// Partitions that have been assigned.
#[derive(Debug)]
pub struct Assigned<'a> {
    partitions: &'a [TopicPartition],
    starts: Offsets,
}

impl<'a> Assigned<'a> {
    pub(super) fn new(partitions: &'a [TopicPartition]) -> Self {
        Self { partitions, starts: Offsets::new() }
    }

    /// The partitions that are new; none if only those of other members have changed.
    pub fn partitions(&self) -> &[TopicPartition] {
        self.partitions
    }

    /// Starts the partition at this offset instead of the one that is committed for the group, for offsets that are stored elsewhere. It has no
    /// effect on other partitions than these.
    pub fn start_at(&mut self, partition: impl Into<TopicPartition>, offset: i64) {
        let partition = partition.into();
        if self.partitions.contains(&partition) {
            self.starts.set_next(partition.topic(), partition.partition(), offset);
        }
    }

    /// The partitions with the offsets at which they start.
    pub(super) fn into_starts(self) -> Vec<(TopicPartition, i64)> {
        let start = |partition: &TopicPartition| self.starts.next(partition.topic(), partition.partition());
        let partitions = self.partitions.iter();
        partitions.map(|partition| (partition.clone(), start(partition).unwrap_or(code::NO_OFFSET_YET))).collect()
    }
}

/// Partitions that are about to be revoked.
pub struct Revoked<'a> {
    client: &'a ConsumerClient,
    partitions: &'a [TopicPartition],
    taken: Offsets,
    timeout: Duration,
}

impl<'a> Revoked<'a> {
    pub(super) fn new(client: &'a ConsumerClient, partitions: &'a [TopicPartition], taken: Offsets, timeout: Duration) -> Self {
        Self { client, partitions, taken, timeout }
    }

    /// The revoked partitions.
    pub fn partitions(&self) -> &[TopicPartition] {
        self.partitions
    }

    /// The next offsets of the partitions that the consumer still has, as in [`Consumer::taken`](super::Consumer::taken), but without records
    /// that the program is still processing. There are such records if the consumer is dropped, or a method of it is called, before the next
    /// record is requested.
    pub fn taken(&self) -> &Offsets {
        &self.taken
    }

    /// Commits the offsets of [`taken`](Self::taken) and waits for the response.
    ///
    /// # Errors
    /// See [`commit_offsets`](Self::commit_offsets).
    pub fn commit(&self) -> Result<(), Error> {
        self.commit_offsets(&self.taken)
    }

    /// Commits these offsets and waits for the response.
    ///
    /// # Errors
    /// [`CommitFailed`](crate::ErrorKind::CommitFailed) if the partitions are already lost; other errors of the group coordinator; a timeout
    /// after `default.api.timeout.ms`.
    pub fn commit_offsets(&self, offsets: &Offsets) -> Result<(), Error> {
        if offsets.is_empty() {
            return Ok(());
        }
        let offsets = native_offsets(offsets)?;
        self.client.commit(&offsets, self.timeout).map_err(|code| commit_failed(code, "the commit failed"))
    }
}

impl fmt::Debug for Revoked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revoked").field("partitions", &self.partitions).field("taken", &self.taken).finish_non_exhaustive()
    }
}

/// The offsets for librdkafka.
pub(super) fn native_offsets(offsets: &Offsets) -> Result<OffsetList, Error> {
    Ok(OffsetList::new(offsets.to_native()?.iter()))
}
