//! [`Polling`]: the thread that serves librdkafka.

use std::{
    sync::{Arc, atomic::Ordering, mpsc::Receiver},
    thread,
    time::{Duration, Instant},
};

use super::{
    TopicPartition,
    context::{Membership, tell_commit},
    error_policy::{Verdict, judge, not_assigned},
    record_queue::Capacity,
    seeking::Seek,
    shared::Shared,
    topic_partition::{native_list, native_partitions, native_topic},
};
use crate::{
    Error,
    native::{Polled, QueueError},
    panic::{contain, emit},
    secret::Secrets,
};

/// How many events are polled before commands and timers are looked at.
const BURST: usize = 1024;

/// How long it waits for librdkafka or for the program before it looks up by itself.
const LOOK: Duration = Duration::from_secs(1);

/// How soon a seek is tried again in a partition that librdkafka is about to start.
const SEEK_RETRY: Duration = Duration::from_millis(10);

/// What runs on the polling thread on behalf of a handle.
pub(super) type Command = Box<dyn FnOnce(&mut Polling) + Send>;

/// The polling thread: it alone takes from librdkafka's queue, and so it alone knows which records are before a seek and which behind.
pub(super) struct Polling {
    pub(super) membership: Membership,
    pub(super) shared: Arc<Shared>,
    commands: Receiver<Command>,
    pub(super) seeks: Vec<Seek>,
    /// How often the program had asked when it was last looked at, and when that was.
    asked: (u64, Instant),
    pinged: bool,
    has_ended: bool,
    store_interval: Duration,
    /// Values that librdkafka's texts must not show.
    secrets: Arc<Secrets>,
    /// When librdkafka's queue was last polled. It takes a thread that does not poll for longer than `max.poll.interval.ms` for stuck.
    served: Instant,
    /// The partitions that librdkafka does not read since the program has not taken what was read.
    held_back: Vec<TopicPartition>,
    /// The partitions that librdkafka does not read since their records wait for a schema registry.
    stalled: Vec<TopicPartition>,
}

impl Polling {
    pub(super) fn new(
        membership: Membership,
        shared: Arc<Shared>,
        commands: Receiver<Command>,
        auto_commit_interval: Duration,
        secrets: Arc<Secrets>,
    ) -> Self {
        Self {
            membership,
            shared,
            commands,
            seeks: Vec::new(),
            asked: (0, Instant::now()),
            pinged: false,
            has_ended: false,
            store_interval: auto_commit_interval.clamp(Duration::from_millis(50), LOOK),
            secrets,
            served: Instant::now(),
            held_back: Vec::new(),
            stalled: Vec::new(),
        }
    }

    /// Runs until the consumer is closed.
    pub(super) fn run(mut self) {
        self.shared.wakeup.hear();
        while !self.shared.signals.is_closing.load(Ordering::Acquire) {
            self.serve_commands();
            self.watch();
            self.membership.store();
            self.retry_seeks();
            self.retry_stalled();
            if self.has_ended {
                thread::park_timeout(LOOK);
            } else {
                self.fill();
            }
        }
        self.close();
    }

    /// Takes records until there are no more, there is no room, or it is time to look around.
    fn fill(&mut self) {
        let intake = Arc::clone(&self.shared.intake);
        let room = intake.room();
        if room != Capacity::Free {
            return self.serve_while_full(room);
        }
        self.read_on();
        let mut timeout = Duration::ZERO;
        for _ in 0..BURST {
            match self.poll(timeout) {
                None if timeout.is_zero() => {
                    // All that there was is handed over: now it may wait.
                    intake.room();
                    if self.is_called() {
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

    /// The program has not taken what was read. Rebalances, and librdkafka's own watch over `max.poll.interval.ms`, still have to be
    /// served: an event is polled now and then. It may be a record, for which there is some room. When that is used up, librdkafka
    /// stops reading these partitions, which drops what it has fetched.
    fn serve_while_full(&mut self, room: Capacity) {
        let interval = (self.shared.max_poll_interval / 8).clamp(SEEK_RETRY, LOOK);
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

    /// Lets librdkafka read no more until there is room.
    fn hold_back(&mut self) {
        let mut partitions = self.shared.assignment();
        self.shared.intake.progress(&mut |progress| {
            let paused = progress.paused();
            partitions.retain(|partition| !paused.contains(partition));
        });
        partitions.retain(|partition| !self.held_back.contains(partition) && !self.stalled.contains(partition));
        if partitions.is_empty() {
            return;
        }
        match self.pause_native(&partitions, true) {
            Ok(()) => self.held_back.extend(partitions),
            Err(error) => emit!(warn, %error, "partitions were not held back"),
        }
    }

    /// Ends [`hold_back`](Self::hold_back).
    fn read_on(&mut self) {
        if self.held_back.is_empty() {
            return;
        }
        let mut partitions = std::mem::take(&mut self.held_back);
        self.shared.intake.progress(&mut |progress| {
            let paused = progress.paused();
            partitions.retain(|partition| progress.is_assigned(partition) && !paused.contains(partition));
        });
        partitions.retain(|partition| !self.stalled.contains(partition));
        if partitions.is_empty() {
            return;
        }
        if let Err(error) = self.pause_native(&partitions, false) {
            emit!(warn, %error, "partitions were not resumed");
            self.held_back = partitions;
        }
    }

    /// Reads the records again that wait for a schema registry. librdkafka reads their partitions no further meanwhile.
    fn retry_stalled(&mut self) {
        let stalled = self.shared.intake.retry_stalled();
        if stalled == self.stalled {
            return;
        }
        let before = std::mem::replace(&mut self.stalled, stalled);
        let (mut begun, mut ended) = (self.stalled.clone(), before.clone());
        begun.retain(|partition| !before.contains(partition));
        ended.retain(|partition| !self.stalled.contains(partition));
        self.shared.intake.progress(&mut |progress| {
            let paused = progress.paused();
            for partitions in [&mut begun, &mut ended] {
                partitions.retain(|partition| progress.is_assigned(partition) && !paused.contains(partition));
            }
        });
        for (mut partitions, is_paused) in [(begun, true), (ended, false)] {
            partitions.retain(|partition| !self.held_back.contains(partition));
            if partitions.is_empty() {
                continue;
            }
            if let Err(error) = self.pause_native(&partitions, is_paused) {
                emit!(warn, %error, is_paused, "partitions whose records wait for a schema registry were not paused or resumed");
            }
        }
    }

    fn pause_native(&self, partitions: &[TopicPartition], is_paused: bool) -> Result<(), Error> {
        let mut list = native_partitions(partitions)?;
        let client = &self.membership.client;
        let done = if is_paused { client.pause(&mut list) } else { client.resume(&mut list) };
        done.map_err(|code| Error::from_code(code, if is_paused { "pause" } else { "resume" }))
    }

    /// Polls one event; whether more may be polled, `None` if there was none.
    fn poll(&mut self, timeout: Duration) -> Option<bool> {
        let intake = Arc::clone(&self.shared.intake);
        let polled = self.membership.client.poll(timeout, |polled| match polled {
            Polled::Record(message) => Next::Polled { goes_on: intake.push(&message) },
            Polled::Error(error) => Next::Error(error),
            Polled::Log { level, facility, text } => {
                self.log(level, &facility, &text);
                Next::Polled { goes_on: true }
            }
            Polled::Rebalance { gives, partitions } => Next::Rebalance(gives, partitions),
            Polled::Committed { code, .. } => {
                tell_commit(code);
                Next::Polled { goes_on: true }
            }
            Polled::Other => Next::Polled { goes_on: true },
        });
        self.served = Instant::now();
        Some(match polled? {
            Next::Polled { goes_on } => goes_on,
            Next::Error(error) => self.judge(&error),
            Next::Rebalance(gives, partitions) => {
                let partitions: Vec<_> = partitions.into_iter().map(TopicPartition::from).collect();
                // A partition that comes is read at once, one that goes no longer.
                self.held_back.retain(|held| !partitions.contains(held));
                self.stalled.retain(|stalled| !partitions.contains(stalled));
                self.membership.follow(gives, &partitions);
                false
            }
        })
    }

    /// Whether to go on after an error of librdkafka's.
    fn judge(&mut self, error: &QueueError) -> bool {
        let text = self.secrets.redact(&error.text);
        emit!(warn, target: "ottla::librdkafka", code = error.code, "{text}");
        match judge(&self.membership.client, error, &text) {
            Verdict::Log => true,
            Verdict::Tell(error) => {
                self.shared.intake.fail(error);
                true
            }
            Verdict::End(error) => {
                self.has_ended = true;
                self.shared.intake.fail(error);
                self.shared.intake.end();
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

    fn is_called(&self) -> bool {
        let signals = &self.shared.signals;
        signals.is_closing.load(Ordering::Acquire) || signals.commands.load(Ordering::Acquire) > 0
    }

    fn patience(&self) -> Duration {
        if self.seeks.is_empty() { self.store_interval } else { SEEK_RETRY }
    }

    fn serve_commands(&mut self) {
        while let Ok(command) = self.commands.try_recv() {
            self.shared.signals.commands.fetch_sub(1, Ordering::AcqRel);
            command(self);
        }
    }

    /// Holds the program to `max.poll.interval.ms`. librdkafka cannot, since for it this thread is the program.
    fn watch(&mut self) {
        let asked = self.shared.intake.asked();
        let signals = Arc::clone(&self.shared.signals);
        if asked != self.asked.0 {
            self.asked = (asked, Instant::now());
            self.pinged = false;
            if signals.is_expelled.swap(false, Ordering::AcqRel) {
                self.rejoin();
            }
            return;
        }
        let limit = self.shared.max_poll_interval;
        let silence = self.asked.1.elapsed();
        if silence >= limit / 2 && !self.pinged {
            // A program that waits for a record has no reason to ask again, and is woken to show that it is alive.
            self.pinged = true;
            self.shared.intake.ask_for_life();
        }
        let is_member = !self.shared.subscription().is_empty();
        if silence >= limit && is_member && !signals.is_expelled.swap(true, Ordering::AcqRel) {
            emit!(
                warn,
                "the program has not asked for records for max.poll.interval.ms ({} ms): the consumer leaves its group until it does; \
                     ask more often, raise max.poll.interval.ms or lower max.poll.records",
                limit.as_millis()
            );
            if let Err(code) = self.membership.client.unsubscribe() {
                let error = Error::from_code(code, "leave the group");
                emit!(error, %error, "the consumer could not leave its group");
            }
            self.membership.lose(self.shared.assignment());
        }
    }

    fn rejoin(&self) {
        let topics = self.shared.subscription();
        if topics.is_empty() {
            return;
        }
        if let Err(error) = self.subscribe_native(&topics) {
            emit!(error, %error, "the consumer could not join its group again");
        }
    }

    fn subscribe_native(&self, topics: &[String]) -> Result<(), Error> {
        let names: Vec<_> = topics.iter().map(|topic| native_topic(topic)).collect::<Result<_, _>>()?;
        let failed = |code| Error::from_code(code, &format!("subscribe to {}", topics.join(", ")));
        self.membership.client.subscribe(&names).map_err(failed)
    }

    /// Joins the group for these topics, in place of those before; for none it leaves.
    pub(super) fn subscribe(&mut self, topics: Vec<String>) -> Result<(), Error> {
        self.forget_manual_assignment()?;
        if topics.is_empty() {
            self.membership.client.unsubscribe().map_err(|code| Error::from_code(code, "unsubscribe"))?;
        } else {
            self.subscribe_native(&topics)?;
        }
        self.shared.signals.is_expelled.store(false, Ordering::Release);
        self.asked.1 = Instant::now();
        self.shared.set_subscription(topics);
        Ok(())
    }

    /// Reads these partitions, without the group having a say.
    pub(super) fn assign(&mut self, partitions: &[TopicPartition]) -> Result<(), Error> {
        let starts: Vec<_> = partitions.iter().map(|partition| (partition.clone(), self.shared.first_offset)).collect();
        let list = native_list(&starts)?;
        self.forget_manual_assignment()?;
        if !partitions.is_empty() {
            self.membership.client.assign(Some(&list)).map_err(|code| Error::from_code(code, "assign"))?;
        }
        self.shared.intake.assign(partitions);
        Ok(())
    }

    /// Lets go of what was assigned by hand; of what the group gave the group takes care.
    fn forget_manual_assignment(&mut self) -> Result<(), Error> {
        if !self.shared.subscription().is_empty() {
            return Ok(());
        }
        let had = self.shared.assignment();
        if had.is_empty() {
            return Ok(());
        }
        self.membership.store();
        self.membership.resume_paused(&had);
        self.held_back.clear();
        self.stalled.clear();
        self.shared.intake.unassign(&had, false);
        self.membership.client.assign(None).map_err(|code| Error::from_code(code, "assign"))
    }

    /// Pauses or resumes. Records that were read ahead are kept here, and come first when the partition is resumed.
    pub(super) fn set_paused(&mut self, partitions: &[TopicPartition], is_paused: bool) -> Result<(), Error> {
        self.check_assigned(partitions.iter())?;
        // What is held back stays so until there is room.
        let native: Vec<_> = partitions
            .iter()
            .filter(|it| is_paused || !(self.held_back.contains(it) || self.stalled.contains(it)))
            .cloned()
            .collect();
        if !native.is_empty() {
            self.pause_native(&native, is_paused)?;
        }
        self.shared.intake.set_paused(partitions, is_paused);
        Ok(())
    }

    pub(super) fn check_assigned<'a>(&self, partitions: impl Iterator<Item = &'a TopicPartition>) -> Result<(), Error> {
        let mut missing = None;
        let partitions: Vec<_> = partitions.collect();
        self.shared.intake.progress(&mut |progress| {
            missing =
                partitions.iter().find(|partition| !progress.is_assigned(partition)).map(|partition| not_assigned(partition));
        });
        missing.map_or(Ok(()), Err)
    }

    /// Leaves the group, and ends librdkafka.
    fn close(mut self) {
        self.serve_commands();
        self.shared.intake.withdraw(&self.shared.assignment());
        if self.shared.signals.settles.load(Ordering::Acquire) {
            self.shared.intake.progress(&mut |progress| progress.settle());
        }
        self.membership.store();
        self.shared.calls.stop();
        self.shared.wakeup.silence();
        let client = Arc::clone(&self.membership.client);
        let closed = client.close(|polled| match polled {
            Polled::Rebalance { gives, partitions } => {
                let partitions: Vec<_> = partitions.into_iter().map(TopicPartition::from).collect();
                self.membership.follow(gives, &partitions);
            }
            Polled::Log { level, facility, text } => self.log(level, &facility, &text),
            Polled::Committed { code, .. } => tell_commit(code),
            Polled::Error(error) => {
                let text = self.secrets.redact(&error.text);
                emit!(warn, target: "ottla::librdkafka", code = error.code, "{text}");
            }
            Polled::Record(_) | Polled::Other => {}
        });
        if let Err(code) = closed {
            let error = Error::from_code(code, "close");
            emit!(debug, %error, "the consumer has failed before, and leaves its group without a rebalance");
        }
        let left = self.shared.assignment();
        self.shared.intake.unassign(&left, false);
        drop(client);
        // The listener is the program's, and so is its drop. The client's waits for librdkafka's threads.
        if let Err(panic) = contain(|| drop(self)) {
            emit!(error, %panic, "the rebalance listener panicked when it was dropped");
        }
    }
}

/// What became of an event.
enum Next {
    Polled { goes_on: bool },
    Error(QueueError),
    Rebalance(bool, Vec<(String, i32)>),
}
