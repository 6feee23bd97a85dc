//! [`Polling`]: the polling thread.

use std::{
    sync::{Arc, atomic::Ordering, mpsc::Receiver},
    thread,
    time::{Duration, Instant},
};

use super::{
    TopicPartition,
    consumer_state::ConsumerState,
    context::{Membership, log_commit},
    error_policy::{Verdict, decide},
    record_queue::Capacity,
    seeking::Seek,
    topic_partition::{native_partitions, native_topic},
};
use crate::{
    Error,
    deadline::Deadline,
    native::{ConsumerClient, Polled, QueueError, code},
    panic::{contain, emit},
    secret::Secrets,
};

/// The number of events that are polled before commands and timers are checked.
const BURST: usize = 1024;

/// The longest wait for librdkafka or the program.
const MAX_WAIT: Duration = Duration::from_secs(1);

/// The interval at which a seek is retried in a partition that librdkafka has not started yet.
const SEEK_RETRY: Duration = Duration::from_millis(10);

/// A call of a handle that runs on the polling thread.
pub(super) type Command = Box<dyn FnOnce(&mut Polling) + Send>;

/// The polling thread. Only this thread reads from librdkafka's queue, so it knows which records are from before a seek.
pub(super) struct Polling {
    pub(super) membership: Membership,
    pub(super) state: Arc<ConsumerState>,
    commands: Receiver<Command>,
    pub(super) seeks: Vec<Seek>,
    /// The program's request count at the last check, and the time at which it last changed.
    asked: (u64, Instant),
    pinged: bool,
    has_ended: bool,
    store_interval: Duration,
    /// Secrets to remove from librdkafka's texts.
    secrets: Arc<Secrets>,
    /// When librdkafka's queue was last polled. librdkafka considers a thread stuck that does not poll for `max.poll.interval.ms`.
    served: Instant,
    /// The partitions that are paused in librdkafka because the record queue is full.
    pub(super) held_back: Vec<TopicPartition>,
    /// The partitions that are paused in librdkafka because their records wait for a schema registry.
    pub(super) stalled: Vec<TopicPartition>,
}

impl Polling {
    pub(super) fn new(
        membership: Membership,
        state: Arc<ConsumerState>,
        commands: Receiver<Command>,
        auto_commit_interval: Duration,
        secrets: Arc<Secrets>,
    ) -> Self {
        Self {
            membership,
            state,
            commands,
            seeks: Vec::new(),
            asked: (0, Instant::now()),
            pinged: false,
            has_ended: false,
            store_interval: auto_commit_interval.clamp(Duration::from_millis(50), MAX_WAIT),
            secrets,
            served: Instant::now(),
            held_back: Vec::new(),
            stalled: Vec::new(),
        }
    }

    /// Runs until the consumer is closed.
    pub(super) fn run(mut self) {
        self.state.wakeup.set_polling_thread();
        while !self.state.signals.is_closing.load(Ordering::Acquire) {
            self.serve_commands();
            self.enforce_max_poll_interval();
            self.membership.store();
            self.retry_seeks();
            self.retry_stalled();
            if self.has_ended {
                thread::park_timeout(MAX_WAIT);
            } else {
                self.read_records();
            }
        }
        self.close();
    }

    /// Reads records until there are no more, the record queue is full, or commands and timers are due.
    fn read_records(&mut self) {
        let intake = Arc::clone(&self.state.intake);
        let room = intake.room();
        if room != Capacity::Free {
            return self.serve_while_full(room);
        }
        self.resume_held_back();
        let mut timeout = Duration::ZERO;
        for _ in 0..BURST {
            match self.poll(timeout) {
                None if timeout.is_zero() => {
                    // Nothing is left to pass on, so now the thread may wait.
                    intake.room();
                    if self.has_commands() {
                        return;
                    }
                    timeout = self.patience();
                }
                None => return,
                Some(true) => timeout = Duration::ZERO,
                Some(false) => break,
            }
        }
        intake.room();
    }

    /// Serves librdkafka while the record queue is full: rebalances, and librdkafka's own check of `max.poll.interval.ms`, need an occasional
    /// poll. A poll may return a record, and the queue has some room for these. When that is used up, the partitions are paused in
    /// librdkafka, which drops the records that it has fetched.
    fn serve_while_full(&mut self, room: Capacity) {
        let interval = (self.state.max_poll_interval / 8).clamp(SEEK_RETRY, MAX_WAIT);
        if room == Capacity::Over {
            self.hold_back();
        }
        if !self.held_back.is_empty() {
            self.poll(self.patience().min(interval));
        } else if self.served.elapsed() >= interval {
            self.poll(Duration::ZERO);
        } else {
            thread::park_timeout(self.patience().min(interval));
        }
    }

    /// Polls one event. Returns whether to poll more, or `None` if there was no event.
    fn poll(&mut self, timeout: Duration) -> Option<bool> {
        let intake = Arc::clone(&self.state.intake);
        let polled = self.membership.client.poll(timeout, |polled| match polled {
            Polled::Record(message) => Next::Polled { goes_on: intake.push(&message) },
            Polled::Error(error) => Next::Error(error),
            Polled::Log { level, facility, text } => {
                self.log(level, &facility, &text);
                Next::Polled { goes_on: true }
            }
            Polled::Rebalance { gives, partitions } => Next::Rebalance(gives, partitions),
            Polled::Committed { code, .. } => {
                log_commit(code);
                Next::Polled { goes_on: true }
            }
            Polled::Other => Next::Polled { goes_on: true },
        });
        self.served = Instant::now();
        Some(match polled? {
            Next::Polled { goes_on } => goes_on,
            Next::Error(error) => self.handle_error(&error),
            Next::Rebalance(gives, partitions) => {
                let partitions: Vec<_> = partitions.into_iter().map(TopicPartition::from).collect();
                // librdkafka reads an assigned partition at once, and a revoked one no longer: it is not paused any more.
                self.held_back.retain(|held| !partitions.contains(held));
                self.stalled.retain(|stalled| !partitions.contains(stalled));
                self.membership.rebalance(gives, &partitions);
                false
            }
        })
    }

    /// Handles an error of librdkafka. Returns whether to continue.
    fn handle_error(&mut self, error: &QueueError) -> bool {
        let text = self.secrets.redact(&error.text);
        emit!(warn, target: "ottla::librdkafka", code = error.code, "{text}");
        match decide(&self.membership.client, error, &text) {
            Verdict::Log => true,
            Verdict::Report(error) => {
                self.state.intake.fail(error);
                true
            }
            Verdict::End(error) => {
                self.has_ended = true;
                self.state.intake.fail(error);
                self.state.intake.end();
                false
            }
        }
    }

    fn log(&self, level: i32, facility: &str, text: &str) {
        let text = self.secrets.redact(text);
        match level {
            0..=3 => emit!(error, target: "ottla::librdkafka", facility, "{text}"),
            4 => emit!(warn, target: "ottla::librdkafka", facility, "{text}"),
            5 | 6 => emit!(info, target: "ottla::librdkafka", facility, "{text}"),
            _ => emit!(debug, target: "ottla::librdkafka", facility, "{text}"),
        }
    }

    fn has_commands(&self) -> bool {
        let signals = &self.state.signals;
        signals.is_closing.load(Ordering::Acquire) || signals.commands.load(Ordering::Acquire) > 0
    }

    fn patience(&self) -> Duration {
        if self.seeks.is_empty() { self.store_interval } else { SEEK_RETRY }
    }

    fn serve_commands(&mut self) {
        while let Ok(command) = self.commands.try_recv() {
            self.state.signals.commands.fetch_sub(1, Ordering::AcqRel);
            command(self);
        }
    }

    /// Enforces `max.poll.interval.ms` for the program. librdkafka cannot, because it sees the polls of this thread only.
    fn enforce_max_poll_interval(&mut self) {
        let asked = self.state.intake.asked();
        let signals = Arc::clone(&self.state.signals);
        if asked != self.asked.0 {
            self.asked = (asked, Instant::now());
            self.pinged = false;
            if signals.is_expelled.swap(false, Ordering::AcqRel) {
                self.rejoin();
            }
            return;
        }
        let limit = self.state.max_poll_interval;
        let idle = self.asked.1.elapsed();
        if idle >= limit / 2 && !self.pinged {
            // A program that waits for a record does not ask again, so it is woken to show that it is alive.
            self.pinged = true;
            self.state.intake.wake_all();
        }
        let is_member = !self.state.subscription().is_empty();
        if idle >= limit && is_member && !signals.is_expelled.swap(true, Ordering::AcqRel) {
            emit!(
                warn,
                "the program has requested no records for max.poll.interval.ms ({} ms): the consumer leaves its group until it does; \
                     request records more often, raise max.poll.interval.ms or lower max.poll.records",
                limit.as_millis()
            );
            if let Err(code) = self.membership.client.unsubscribe() {
                let error = Error::from_code(code, "leave the group");
                emit!(error, %error, "the consumer cannot leave its group");
            }
            self.membership.lose(self.state.assignment());
        }
    }

    fn rejoin(&self) {
        let topics = self.state.subscription();
        if topics.is_empty() {
            return;
        }
        if let Err(error) = self.subscribe_native(&topics) {
            emit!(error, %error, "the consumer cannot rejoin its group");
        }
    }

    fn subscribe_native(&self, topics: &[String]) -> Result<(), Error> {
        let names: Vec<_> = topics.iter().map(|topic| native_topic(topic)).collect::<Result<_, _>>()?;
        let failed = |code| Error::from_code(code, &format!("subscribe to {}", topics.join(", ")));
        self.membership.client.subscribe(&names).map_err(failed)
    }

    /// Joins the group with these topics, replacing the previous ones; leaves it if there are none.
    pub(super) fn subscribe(&mut self, topics: Vec<String>) -> Result<(), Error> {
        self.forget_manual_assignment()?;
        if topics.is_empty() {
            self.membership.client.unsubscribe().map_err(|code| Error::from_code(code, "unsubscribe"))?;
        } else {
            self.subscribe_native(&topics)?;
        }
        self.state.signals.is_expelled.store(false, Ordering::Release);
        self.asked.1 = Instant::now();
        self.state.set_subscription(topics);
        Ok(())
    }

    /// Assigns these partitions, without a group.
    pub(super) fn assign(&mut self, partitions: &[TopicPartition]) -> Result<(), Error> {
        let starts: Vec<_> = partitions.iter().map(|partition| (partition.clone(), code::NO_OFFSET_YET)).collect();
        native_partitions(partitions)?;
        self.forget_manual_assignment()?;
        if !partitions.is_empty() {
            let list = self.membership.starting.list(&self.membership.client, &starts)?;
            self.membership.client.assign(Some(&list)).map_err(|code| Error::from_code(code, "assign"))?;
        }
        self.state.intake.assign(partitions);
        Ok(())
    }

    /// Removes a manual assignment. An assignment by the group is left to the group.
    fn forget_manual_assignment(&mut self) -> Result<(), Error> {
        if !self.state.subscription().is_empty() {
            return Ok(());
        }
        let had = self.state.assignment();
        if had.is_empty() {
            return Ok(());
        }
        self.membership.store();
        self.membership.resume_paused(&had);
        self.held_back.clear();
        self.stalled.clear();
        self.state.intake.unassign(&had, false);
        self.membership.client.assign(None).map_err(|code| Error::from_code(code, "assign"))
    }

    /// Leaves the group and closes the librdkafka client.
    fn close(mut self) {
        self.serve_commands();
        self.state.intake.drop_records(&self.state.assignment());
        if self.state.signals.all_processed.load(Ordering::Acquire) {
            self.state.intake.progress(&mut |progress| progress.mark_processed());
        }
        self.membership.store();
        self.state.calls.stop();
        self.state.wakeup.detach();
        let client = Arc::clone(&self.membership.client);
        self.leave(&client);
        let closed = client.close(|polled| self.handle_while_closing(polled));
        if let Err(code) = closed {
            let error = Error::from_code(code, "close");
            emit!(debug, %error, "the consumer has failed; it leaves its group without a rebalance");
        }
        let left = self.state.assignment();
        self.state.intake.unassign(&left, false);
        drop(client);
        // The drop of the listener is user code. The drop of the client waits for librdkafka's threads.
        if let Err(panic) = contain(|| drop(self)) {
            emit!(error, %panic, "the rebalance listener panicked in its drop");
        }
    }
}

impl Polling {
    /// Leaves the group and handles all rebalances, before the client is closed: a closing client may never return from `rd_kafka_assign`. A
    /// terminated group drops the call without a reply (`rd_kafka_cgrp_op_serve`), and librdkafka may terminate the group while it waits for
    /// the call, because leaving a group whose partitions are being revoked resets that state (`rd_kafka_cgrp_rejoin`).
    fn leave(&mut self, client: &ConsumerClient) {
        // A pending revocation comes first, so that its final commit precedes the end of the membership.
        for _ in 0..BURST {
            if client.poll(Duration::ZERO, |polled| self.handle_while_closing(polled)).is_none() {
                break;
            }
        }
        if self.state.subscription().is_empty() {
            return;
        }
        if let Err(code) = client.unsubscribe() {
            let error = Error::from_code(code, "leave the group");
            emit!(debug, %error, "the consumer cannot leave its group before it closes");
        }
        let deadline = Deadline::after(MAX_WAIT);
        loop {
            // After a fatal error librdkafka revokes partitions without an event.
            let is_done = self.state.assignment().is_empty() || client.fatal_error().is_some();
            let timeout = if is_done { Duration::ZERO } else { deadline.left(Instant::now()) };
            let polled = client.poll(timeout, |polled| self.handle_while_closing(polled));
            if polled.is_none() && (is_done || deadline.is_over(Instant::now())) {
                return;
            }
        }
    }

    fn handle_while_closing(&mut self, polled: Polled<'_>) {
        match polled {
            Polled::Rebalance { gives, partitions } => {
                let partitions: Vec<_> = partitions.into_iter().map(TopicPartition::from).collect();
                self.membership.rebalance(gives, &partitions);
            }
            Polled::Log { level, facility, text } => self.log(level, &facility, &text),
            Polled::Committed { code, .. } => log_commit(code),
            Polled::Error(error) => {
                let text = self.secrets.redact(&error.text);
                emit!(warn, target: "ottla::librdkafka", code = error.code, "{text}");
            }
            Polled::Record(_) | Polled::Other => {}
        }
    }
}

/// The result of polling an event.
enum Next {
    Polled { goes_on: bool },
    Error(QueueError),
    Rebalance(bool, Vec<(String, i32)>),
}
