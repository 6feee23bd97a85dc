//! [`Membership`]: the consumer's part in its group.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use super::{
    RebalanceListener, TopicPartition,
    progress::Progress,
    rebalance::{Assigned, Revoked, native_offsets},
    record_queue::Intake,
    starting::Starting,
    topic_partition::{native_list, native_partitions},
};
use crate::{
    Error, Offsets,
    native::{
        ConsumerClient,
        code::{NO_ERROR, NO_OFFSET},
        error_text,
    },
    panic::{contain, emit},
};

/// How long a revoked partition is kept for records that are not marked as done, with `explicit_done`. The program may have forgotten to
/// mark a record, and the other members of the group are waiting.
const DONE_TIMEOUT: Duration = Duration::from_secs(10);

/// Flags that handles set for the polling thread while it is busy.
#[derive(Debug, Default)]
pub(super) struct Signals {
    pub(super) is_closing: AtomicBool,
    /// The program has called `close`, so it has processed the records that it has.
    pub(super) all_processed: AtomicBool,
    /// The number of queued commands.
    pub(super) commands: AtomicUsize,
    /// The program has requested no records for `max.poll.interval.ms`, and the consumer has left the group.
    pub(super) is_expelled: AtomicBool,
}

/// Handles rebalances. It belongs to the polling thread.
pub(super) struct Membership {
    pub(super) client: Arc<ConsumerClient>,
    pub(super) intake: Arc<dyn Intake>,
    pub(super) listener: Option<Box<dyn RebalanceListener>>,
    pub(super) signals: Arc<Signals>,
    pub(super) stores_offsets: bool,
    /// Rebalances are incremental. Taken from the settings: `rd_kafka_rebalance_protocol` asks the main thread of librdkafka, and never returns
    /// if the group ends meanwhile.
    pub(super) is_cooperative: bool,
    /// With `explicit_done`.
    pub(super) explicit_done: bool,
    pub(super) max_poll_interval: Duration,
    /// `default.api.timeout.ms`.
    pub(super) api_timeout: Duration,
    pub(super) starting: Starting,
    /// The lost partitions that librdkafka has not revoked yet.
    pub(super) lost: Vec<TopicPartition>,
}

impl Membership {
    /// Stores the processed offsets in librdkafka, for its automatic commits.
    pub(super) fn store(&self) {
        if self.stores_offsets {
            store(&*self.intake, &self.client, Progress::take_unstored);
        }
    }

    /// The consumer leaves its group and loses these partitions. Their records are dropped now; librdkafka revokes them later.
    pub(super) fn lose(&mut self, partitions: Vec<TopicPartition>) {
        self.intake.unassign(&partitions, true);
        self.lost.extend(partitions);
    }

    /// Handles a rebalance: calls the listener, then updates librdkafka's assignment.
    pub(super) fn rebalance(&mut self, gives: bool, partitions: &[TopicPartition]) {
        let done = if gives { self.assign(partitions) } else { self.revoke(partitions) };
        if let Err(error) = done {
            emit!(error, %error, ?partitions, "librdkafka failed to handle a rebalance");
        }
    }

    fn assign(&self, partitions: &[TopicPartition]) -> Result<(), Error> {
        emit!(debug, ?partitions, "partitions assigned");
        self.intake.assign(partitions);
        let mut assigned = Assigned::new(partitions);
        self.call_listener("on_partitions_assigned", |listener| listener.on_partitions_assigned(&mut assigned));
        let starts = assigned.into_starts();
        // A consumer that is closing reads nothing any more.
        let is_closing = self.signals.is_closing.load(Ordering::Acquire);
        let list = if is_closing { native_list(&starts)? } else { self.starting.list(&self.client, &starts)? };
        let done = if self.is_cooperative { self.client.incremental_assign(&list) } else { self.client.assign(Some(&list)) };
        done.map_err(|code| Error::from_code(code, "assign"))
    }

    fn revoke(&mut self, partitions: &[TopicPartition]) -> Result<(), Error> {
        emit!(debug, ?partitions, "partitions revoked");
        self.intake.drop_records(partitions);
        let was_lost = partitions.iter().any(|partition| self.lost.contains(partition));
        self.lost.retain(|lost| !partitions.contains(lost));
        let is_lost = was_lost || self.client.is_assignment_lost() || !self.await_processed(partitions);
        if is_lost {
            self.call_listener("on_partitions_lost", |listener| listener.on_partitions_lost(partitions));
        } else {
            self.store();
            // Not `taken`: if the consumer is dropped, or a method is called, while a record is processed, that record does not count.
            let mut processed = Offsets::new();
            self.intake.progress(&mut |progress| processed = progress.processed());
            let revoked = Revoked::new(&self.client, partitions, processed, self.api_timeout);
            self.call_listener("on_partitions_revoked", |listener| listener.on_partitions_revoked(&revoked));
        }
        self.resume_paused(partitions);
        self.intake.unassign(partitions, is_lost);
        let done = if self.is_cooperative {
            self.client.incremental_unassign(&native_partitions(partitions)?)
        } else {
            self.client.assign(None)
        };
        done.map_err(|code| Error::from_code(code, "unassign"))
    }

    /// Resumes revoked partitions that are paused, because librdkafka would still pause them after they are assigned again.
    pub(super) fn resume_paused(&self, partitions: &[TopicPartition]) {
        let resumed = native_partitions(partitions)
            .and_then(|mut list| self.client.resume(&mut list).map_err(|code| Error::from_code(code, "resume")));
        if let Err(error) = resumed {
            emit!(debug, %error, "cannot resume revoked partitions");
        }
    }

    /// Waits until the program has processed the records of these partitions that it has. (In Java rebalances happen in `poll`.) Returns false
    /// after a timeout.
    fn await_processed(&self, partitions: &[TopicPartition]) -> bool {
        let begun = Instant::now();
        let limit = if self.explicit_done { DONE_TIMEOUT.min(self.max_poll_interval / 2) } else { self.max_poll_interval };
        let is_overdue = || begun.elapsed() >= limit;
        let has_commands =
            || self.signals.is_closing.load(Ordering::Acquire) || self.signals.commands.load(Ordering::Acquire) > 0;
        let are_processed = self.intake.wait_until_processed(partitions, &|| has_commands() || is_overdue());
        // With `explicit_done` the processed records are known, and another member reads the others again: the partition is not lost.
        are_processed || self.explicit_done || !is_overdue()
    }

    fn call_listener(&self, method: &str, call: impl FnOnce(&dyn RebalanceListener)) {
        let Some(listener) = &self.listener else { return };
        if let Err(panic) = contain(|| call(&**listener)) {
            emit!(error, %panic, method, "the rebalance listener panicked");
        }
    }
}

/// Stores offsets in librdkafka, for its automatic commits. It does so under the lock of the progress, so that a thread with older offsets
/// cannot overwrite newer ones.
pub(super) fn store(intake: &dyn Intake, client: &ConsumerClient, take: impl Fn(&mut Progress) -> Offsets) {
    let mut stored = Ok(());
    intake.progress(&mut |progress| {
        let offsets = take(progress);
        if !offsets.is_empty() {
            stored = native_offsets(&offsets).and_then(|mut offsets| {
                client.store(&mut offsets).map_err(|code| Error::from_code(code, "storing offsets failed"))
            });
        }
    });
    if let Err(error) = stored {
        // The partition is being revoked: it will be read again from its committed offset.
        emit!(debug, %error, "cannot store offsets for the next automatic commit");
    }
}

/// Logs the result of an automatic commit, unless there was nothing to commit.
pub(super) fn log_commit(code: i32) {
    if code != NO_ERROR && code != NO_OFFSET {
        emit!(warn, code, "an automatic commit failed: {}", error_text(code));
    }
}
