//! [`Context`]: what librdkafka calls back.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use rdkafka::{
    ClientContext, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer as _, ConsumerContext, RebalanceProtocol},
    error::{KafkaError, KafkaResult},
    types::RDKafkaRespErr,
};

use super::{
    RebalanceListener, TopicPartition,
    hand_over::Intake,
    rebalance::{Assigned, Revoked, native_offsets},
    trouble::error_of,
};
use crate::{
    native::{
        code::{NO_ERROR, NO_OFFSET},
        error_text,
    },
    panic::contain,
    secret::Secrets,
};

/// rdkafka's consumer with what it calls back.
pub(super) type NativeConsumer = BaseConsumer<Context>;

/// What the handles tell the polling thread while it is busy.
#[derive(Debug, Default)]
pub(super) struct Signals {
    pub(super) is_closing: AtomicBool,
    /// Commands that are not run yet.
    pub(super) commands: AtomicUsize,
    /// The program has not asked for records for `max.poll.interval.ms`, and the consumer has left the group.
    pub(super) is_expelled: AtomicBool,
}

/// What a consumer does when librdkafka has something to say beside records.
pub(super) struct Context {
    pub(super) intake: Arc<dyn Intake>,
    pub(super) listener: Option<Box<dyn RebalanceListener>>,
    pub(super) signals: Arc<Signals>,
    pub(super) stores_offsets: bool,
    pub(super) max_poll_interval: Duration,
    /// Values that librdkafka's texts must not show.
    pub(super) secrets: Arc<Secrets>,
}

impl Context {
    pub(super) fn redact(&self, text: &str) -> String {
        self.secrets.redact(text)
    }

    pub(super) fn log_line(&self, level: i32, facility: &str, text: &str) {
        let text = self.redact(text);
        match level {
            0..=3 => tracing::error!(target: "ottla::librdkafka", facility, "{text}"),
            4 => tracing::warn!(target: "ottla::librdkafka", facility, "{text}"),
            5 | 6 => tracing::info!(target: "ottla::librdkafka", facility, "{text}"),
            _ => tracing::debug!(target: "ottla::librdkafka", facility, "{text}"),
        }
    }

    /// Tells librdkafka what is settled, for its automatic commits.
    pub(super) fn store(&self, consumer: &NativeConsumer) {
        if !self.stores_offsets {
            return;
        }
        let mut settled = None;
        self.intake.progress(&mut |progress| settled = Some(progress.take_unstored()));
        let Some(settled) = settled.filter(|settled| !settled.is_empty()) else { return };
        let stored = native_offsets(&settled).and_then(|offsets| {
            consumer.store_offsets(&offsets).map_err(|error| error_of(&error, "librdkafka does not take them"))
        });
        if let Err(error) = stored {
            // A partition that is being taken away: it will be read again from where it was committed.
            tracing::debug!(%error, "offsets were not stored for the next automatic commit");
        }
    }

    /// Follows the group: the listener first, then librdkafka.
    pub(super) fn follow(&self, consumer: &NativeConsumer, gives: bool, partitions: &[TopicPartition]) {
        let done = if gives { self.assign(consumer, partitions) } else { self.revoke(consumer, partitions) };
        if let Err(error) = done {
            tracing::error!(%error, ?partitions, "librdkafka did not follow a rebalance");
        }
    }

    fn assign(&self, consumer: &NativeConsumer, partitions: &[TopicPartition]) -> KafkaResult<()> {
        tracing::debug!(?partitions, "partitions assigned");
        self.mark(partitions, true);
        let mut assigned = Assigned::new(partitions);
        self.listen("on_partitions_assigned", |listener| listener.on_partitions_assigned(&mut assigned));
        let list = assigned.into_list()?;
        match consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => consumer.incremental_assign(&list),
            _ => consumer.assign(&list),
        }
    }

    fn revoke(&self, consumer: &NativeConsumer, partitions: &[TopicPartition]) -> KafkaResult<()> {
        tracing::debug!(?partitions, "partitions revoked");
        self.intake.take_back(partitions);
        let is_lost = consumer.assignment_lost() || self.signals.is_expelled.load(Ordering::Acquire) || !self.settled();
        if is_lost {
            self.listen("on_partitions_lost", |listener| listener.on_partitions_lost(partitions));
        } else {
            self.store(consumer);
            let mut taken = None;
            self.intake.progress(&mut |progress| taken = Some(progress.taken()));
            let revoked = Revoked::new(consumer, partitions, taken.unwrap_or_default());
            self.listen("on_partitions_revoked", |listener| listener.on_partitions_revoked(&revoked));
        }
        self.mark(partitions, false);
        match consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => consumer.incremental_unassign(&TopicPartition::list_of(partitions)),
            _ => consumer.unassign(),
        }
    }

    /// Waits until the program is done with the records that it has: in Java a rebalance, too, happens in `poll`. False if it took too long.
    fn settled(&self) -> bool {
        let begun = Instant::now();
        let is_overdue = || begun.elapsed() >= self.max_poll_interval;
        let is_called = || self.signals.is_closing.load(Ordering::Acquire) || self.signals.commands.load(Ordering::Acquire) > 0;
        self.intake.wait_until_settled(&|| is_called() || is_overdue()) || !is_overdue()
    }

    fn mark(&self, partitions: &[TopicPartition], is_assigned: bool) {
        self.intake.progress(&mut |progress| {
            partitions.iter().for_each(|partition| progress.set_assigned(partition, is_assigned));
        });
    }

    fn listen(&self, method: &str, call: impl FnOnce(&dyn RebalanceListener)) {
        let Some(listener) = &self.listener else { return };
        if let Err(panic) = contain(|| call(&**listener)) {
            tracing::error!(%panic, method, "the rebalance listener panicked");
        }
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.log_line(level as i32, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code().map(|code| code as i32);
        tracing::warn!(target: "ottla::librdkafka", code, "{}", self.redact(reason));
    }

    fn stats_raw(&self, _: &[u8]) {}
}

/// rdkafka's own way here is taken while the consumer closes.
impl ConsumerContext for Context {
    fn rebalance(&self, consumer: &NativeConsumer, code: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let gives = code == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        self.follow(consumer, gives, &TopicPartition::all_of(list));
    }

    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        if let Err(error) = result {
            let code = error.rdkafka_error_code().map(|code| code as i32);
            tell_commit(code.unwrap_or_default());
        }
    }
}

/// Logs how a commit of librdkafka's own ended; that there was nothing to commit is no news.
pub(super) fn tell_commit(code: i32) {
    if code != NO_ERROR && code != NO_OFFSET {
        tracing::warn!(code, "an automatic commit failed: {}", error_text(code));
    }
}
