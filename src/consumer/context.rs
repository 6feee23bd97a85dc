//! [`Membership`]: follows the group.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use super::{
    RebalanceListener, TopicPartition,
    rebalance::{Assigned, Revoked, native_offsets},
    record_queue::Intake,
    topic_partition::native_partitions,
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

/// How long partitions stay for records that are not marked as done, with explicit completion. Such a record may have been forgotten, and
/// the other members of the group wait meanwhile.
const DONE_TIMEOUT: Duration = Duration::from_secs(10);

/// What the handles tell the polling thread while it is busy.
#[derive(Debug, Default)]
pub(super) struct Signals {
    pub(super) is_closing: AtomicBool,
    /// The program itself has closed the consumer: it is done with the records that it has.
    pub(super) settles: AtomicBool,
    /// Commands that are not run yet.
    pub(super) commands: AtomicUsize,
    /// The program has not asked for records for `max.poll.interval.ms`, and the consumer has left the group.
    pub(super) is_expelled: AtomicBool,
}

/// What a consumer does when its group gives or takes partitions. It is the polling thread's.
pub(super) struct Membership {
    pub(super) client: Arc<ConsumerClient>,
    pub(super) intake: Arc<dyn Intake>,
    pub(super) listener: Option<Box<dyn RebalanceListener>>,
    pub(super) signals: Arc<Signals>,
    pub(super) stores_offsets: bool,
    /// Each record has to be marked as done.
    pub(super) explicit_done: bool,
    pub(super) max_poll_interval: Duration,
    /// `default.api.timeout.ms`.
    pub(super) api_timeout: Duration,
    /// The partitions that were lost and that librdkafka has not taken away yet.
    pub(super) lost: Vec<TopicPartition>,
}

impl Membership {
    /// Tells librdkafka what is processed, for its automatic commits.
    pub(super) fn store(&self) {
        if !self.stores_offsets {
            return;
        }
        let mut processed = None;
        self.intake.progress(&mut |progress| processed = Some(progress.take_unstored()));
        let Some(processed) = processed.filter(|processed| !processed.is_empty()) else { return };
        let stored = native_offsets(&processed).and_then(|mut offsets| {
            self.client.store(&mut offsets).map_err(|code| Error::from_code(code, "librdkafka does not take them"))
        });
        if let Err(error) = stored {
            // A partition that is being taken away: it will be read again from where it was committed.
            emit!(debug, %error, "offsets were not stored for the next automatic commit");
        }
    }

    /// The consumer leaves its group, and has lost these partitions. Nothing more is read of them, and librdkafka takes them away later.
    pub(super) fn lose(&mut self, partitions: Vec<TopicPartition>) {
        self.intake.unassign(&partitions, true);
        self.lost.extend(partitions);
    }

    /// Follows the group: the listener first, then librdkafka.
    pub(super) fn follow(&mut self, gives: bool, partitions: &[TopicPartition]) {
        let done = if gives { self.assign(partitions) } else { self.revoke(partitions) };
        if let Err(error) = done {
            emit!(error, %error, ?partitions, "librdkafka did not follow a rebalance");
        }
    }

    fn assign(&self, partitions: &[TopicPartition]) -> Result<(), Error> {
        emit!(debug, ?partitions, "partitions assigned");
        self.intake.assign(partitions);
        let mut assigned = Assigned::new(partitions);
        self.listen("on_partitions_assigned", |listener| listener.on_partitions_assigned(&mut assigned));
        let list = assigned.into_list()?;
        let done =
            if self.client.is_cooperative() { self.client.incremental_assign(&list) } else { self.client.assign(Some(&list)) };
        done.map_err(|code| Error::from_code(code, "assign"))
    }

    fn revoke(&mut self, partitions: &[TopicPartition]) -> Result<(), Error> {
        emit!(debug, ?partitions, "partitions revoked");
        self.intake.withdraw(partitions);
        let was_lost = partitions.iter().any(|partition| self.lost.contains(partition));
        self.lost.retain(|lost| !partitions.contains(lost));
        let is_lost = was_lost || self.client.is_assignment_lost() || !self.settled(partitions);
        if is_lost {
            self.listen("on_partitions_lost", |listener| listener.on_partitions_lost(partitions));
        } else {
            self.store();
            // Not what is taken: a consumer that is dropped, or called, in the middle of a record has not processed that one.
            let mut processed = Offsets::new();
            self.intake.progress(&mut |progress| processed = progress.processed());
            let revoked = Revoked::new(&self.client, partitions, processed, self.api_timeout);
            self.listen("on_partitions_revoked", |listener| listener.on_partitions_revoked(&revoked));
        }
        self.resume_paused(partitions);
        self.intake.unassign(partitions, is_lost);
        let done = if self.client.is_cooperative() {
            self.client.incremental_unassign(&native_partitions(partitions)?)
        } else {
            self.client.assign(None)
        };
        done.map_err(|code| Error::from_code(code, "unassign"))
    }

    /// Partitions that go are not paused when they come back. librdkafka itself would remember it.
    pub(super) fn resume_paused(&self, partitions: &[TopicPartition]) {
        let resumed = native_partitions(partitions)
            .and_then(|mut list| self.client.resume(&mut list).map_err(|code| Error::from_code(code, "resume")));
        if let Err(error) = resumed {
            emit!(debug, %error, "partitions that go were not resumed");
        }
    }

    /// Waits until the program is done with the records of these partitions that it has: in Java a rebalance, too, happens in `poll`. False if it took too long.
    fn settled(&self, partitions: &[TopicPartition]) -> bool {
        let begun = Instant::now();
        let limit = if self.explicit_done { DONE_TIMEOUT.min(self.max_poll_interval / 2) } else { self.max_poll_interval };
        let is_overdue = || begun.elapsed() >= limit;
        let is_called = || self.signals.is_closing.load(Ordering::Acquire) || self.signals.commands.load(Ordering::Acquire) > 0;
        let is_settled = self.intake.wait_until_settled(partitions, &|| is_called() || is_overdue());
        // What is done is known for each record, and the rest is read again by another member: that is no reason to lose all of it.
        is_settled || self.explicit_done || !is_overdue()
    }

    fn listen(&self, method: &str, call: impl FnOnce(&dyn RebalanceListener)) {
        let Some(listener) = &self.listener else { return };
        if let Err(panic) = contain(|| call(&**listener)) {
            emit!(error, %panic, method, "the rebalance listener panicked");
        }
    }
}

/// Logs how a commit of librdkafka's own ended; that there was nothing to commit is no news.
pub(super) fn tell_commit(code: i32) {
    if code != NO_ERROR && code != NO_OFFSET {
        emit!(warn, code, "an automatic commit failed: {}", error_text(code));
    }
}
