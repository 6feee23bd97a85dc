//! [`RebalanceListener`]: hears which partitions come and go.

use std::{fmt, time::Duration};

use super::{TopicPartition, error_policy::commit_failed, topic_partition::native_list};
use crate::{
    Error, Offsets,
    native::{ConsumerClient, OffsetList, code},
};

/// Hears which partitions the group gives this consumer and which it takes away: Java's `ConsumerRebalanceListener`.
///
/// It is called on the consumer's polling thread, before the records of a new assignment and after the last record of an old one: no
/// record of a revoked partition reaches the program afterwards. As in Java, where this happens in `poll`, partitions are not revoked while
/// the program is busy with records that it has taken: it waits until the program asks for the next one, at most for
/// `max.poll.interval.ms`; with [`explicit_done`](super::ConsumerBuilder::explicit_done) until those records are done, at most for ten seconds
/// or half of `max.poll.interval.ms`. Other members of the group wait meanwhile, so that a listener should be quick.
///
/// With the cooperative protocols (the assignor `cooperative-sticky`, and `group.protocol=consumer`) it hears of the partitions that come
/// or go, with the others of all of them each time. A panic in it is logged.
///
/// It must not block on the consumer's own calls ([`Consumer::blocking`](super::Consumer::blocking) refuses that); what may be done is in
/// [`Assigned`] and [`Revoked`].
pub trait RebalanceListener: Send + Sync + 'static {
    /// Partitions have come; reading them begins after this returns. Defaults to doing nothing.
    fn on_partitions_assigned(&self, assigned: &mut Assigned<'_>) {
        let _ = assigned;
    }

    /// Partitions are about to go; others may read them after this returns. Defaults to doing nothing.
    fn on_partitions_revoked(&self, revoked: &Revoked<'_>) {
        let _ = revoked;
    }

    /// Partitions have gone, since the consumer was taken for dead: others may read them already, and nothing of them can be committed.
    /// Defaults to doing nothing, where Java calls `onPartitionsRevoked`.
    fn on_partitions_lost(&self, partitions: &[TopicPartition]) {
        let _ = partitions;
    }
}

/// A shared listener, so that a program can keep hold of what it knows.
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

/// Partitions that have come.
#[derive(Debug)]
pub struct Assigned<'a> {
    partitions: &'a [TopicPartition],
    starts: Offsets,
}

impl<'a> Assigned<'a> {
    pub(super) fn new(partitions: &'a [TopicPartition]) -> Self {
        Self { partitions, starts: Offsets::new() }
    }

    /// The partitions that were not there before; none if only others have changed.
    pub fn partitions(&self) -> &[TopicPartition] {
        self.partitions
    }

    /// Reads the partition from this offset on, in place of the one that is committed for the group: for offsets that are kept elsewhere.
    /// Has no effect on a partition that is not among these.
    pub fn start_at(&mut self, partition: impl Into<TopicPartition>, offset: i64) {
        let partition = partition.into();
        if self.partitions.contains(&partition) {
            self.starts.set_next(partition.topic(), partition.partition(), offset);
        }
    }

    pub(super) fn into_list(self) -> Result<OffsetList, Error> {
        let start = |partition: &TopicPartition| self.starts.next(partition.topic(), partition.partition());
        let partitions: Vec<_> = self
            .partitions
            .iter()
            .map(|partition| (partition.clone(), start(partition).unwrap_or(code::NO_OFFSET_YET)))
            .collect();
        native_list(&partitions)
    }
}

/// Partitions that are about to go.
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

    /// The partitions that go.
    pub fn partitions(&self) -> &[TopicPartition] {
        self.partitions
    }

    /// How far the program has come in the partitions that the consumer still has, as [`Consumer::taken`](super::Consumer::taken), but
    /// without records that it is still busy with: those are there if the consumer is dropped, or a method of it called, before the next
    /// record is asked for.
    pub fn taken(&self) -> &Offsets {
        &self.taken
    }

    /// Commits [`taken`](Self::taken), and waits for the brokers' answer.
    ///
    /// # Errors
    /// As [`commit_offsets`](Self::commit_offsets).
    pub fn commit(&self) -> Result<(), Error> {
        self.commit_offsets(&self.taken)
    }

    /// Commits these offsets, and waits for the brokers' answer.
    ///
    /// # Errors
    /// [`CommitFailed`](crate::ErrorKind::CommitFailed) if the partitions are gone already; what else the group's coordinator answers, or that it
    /// has not answered within `default.api.timeout.ms`.
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

/// The same offsets for librdkafka.
pub(super) fn native_offsets(offsets: &Offsets) -> Result<OffsetList, Error> {
    Ok(OffsetList::new(offsets.to_native()?.iter()))
}
