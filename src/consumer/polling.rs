//! [`Polling`]: the thread that serves librdkafka.

use std::{
    sync::{Arc, atomic::Ordering, mpsc::Receiver},
    thread,
    time::{Duration, Instant},
};

use rdkafka::{Offset, TopicPartitionList, consumer::Consumer as _, error::KafkaError, types::RDKafkaErrorCode as Code};

use super::{
    TopicPartition,
    context::{NativeConsumer, tell_commit},
    hand_over::Located,
    shared::Shared,
    trouble::{Verdict, error_of, not_assigned},
};
use crate::{
    Error,
    native::{ConsumerQueue, Polled},
};

/// How many records are polled before the tasks that wait are woken and commands are looked at.
const BURST: usize = 128;

/// How long it waits for librdkafka or for the program before it looks up by itself.
const LOOK: Duration = Duration::from_secs(1);

/// How soon a seek is tried again in a partition that librdkafka is about to start.
const SEEK_RETRY: Duration = Duration::from_millis(10);

/// What runs on the polling thread on behalf of a handle.
pub(super) type Command = Box<dyn FnOnce(&mut Polling) + Send>;

/// The polling thread: it alone takes from librdkafka's queue, and so it alone knows which records are before a seek and which behind.
pub(super) struct Polling {
    consumer: Arc<NativeConsumer>,
    queue: Arc<ConsumerQueue>,
    shared: Arc<Shared>,
    commands: Receiver<Command>,
    seeks: Vec<Seek>,
    last: Option<Located>,
    /// How often the program had asked when it was last looked at, and when that was.
    asked: (u64, Instant),
    pinged: bool,
    has_ended: bool,
    store_interval: Duration,
}

/// A seek that is not done yet.
struct Seek {
    to: Vec<(TopicPartition, Offset)>,
    deadline: Instant,
    reply: Box<dyn FnOnce(Result<(), Error>) + Send>,
}

impl Polling {
    pub(super) fn new(
        consumer: Arc<NativeConsumer>,
        queue: Arc<ConsumerQueue>,
        shared: Arc<Shared>,
        commands: Receiver<Command>,
        auto_commit_interval: Duration,
    ) -> Self {
        Self {
            consumer,
            queue,
            shared,
            commands,
            seeks: Vec::new(),
            last: None,
            asked: (0, Instant::now()),
            pinged: false,
            has_ended: false,
            store_interval: auto_commit_interval.clamp(Duration::from_millis(50), LOOK),
        }
    }

    /// Runs until the consumer is closed.
    pub(super) fn run(mut self) {
        self.shared.bell.hear();
        while !self.shared.signals.is_closing.load(Ordering::Acquire) {
            self.serve_commands();
            self.watch();
            self.shared.store(&self.consumer);
            self.retry_seeks();
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
        // Who has left the group still has to hear that its partitions are gone.
        let is_expelled = self.shared.signals.is_expelled.load(Ordering::Acquire);
        if !intake.has_room() && !is_expelled {
            thread::park_timeout(self.patience());
            return;
        }
        let mut timeout = Duration::ZERO;
        for _ in 0..BURST {
            let (last, shared, consumer) = (&mut self.last, &self.shared, &self.consumer);
            let polled = self.queue.poll(timeout, |polled| match polled {
                Polled::Record(_) if is_expelled => Next::Polled { has_room: true },
                Polled::Record(message) => Next::Polled { has_room: intake.push(&message, last) },
                Polled::Error(error) => Next::Verdict(shared.judge(consumer, &error)),
                Polled::Log { level, facility, text } => {
                    shared.context(consumer).log_line(level, &facility, &text);
                    Next::Polled { has_room: true }
                }
                Polled::Rebalance { gives, partitions } => Next::Rebalance(gives, partitions),
                Polled::Committed(code) => {
                    tell_commit(code);
                    Next::Polled { has_room: true }
                }
                Polled::Other => Next::Polled { has_room: true },
            });
            match polled {
                None if timeout.is_zero() => {
                    // All that there was is handed over: now it may wait.
                    intake.wake_takers();
                    if self.is_called() {
                        return;
                    }
                    timeout = self.patience();
                }
                None => return,
                Some(Next::Polled { has_room: true }) => timeout = Duration::ZERO,
                Some(Next::Polled { has_room: false }) => break,
                Some(Next::Rebalance(gives, partitions)) => {
                    let partitions: Vec<_> = partitions.into_iter().map(TopicPartition::from).collect();
                    let consumer = Arc::clone(&self.consumer);
                    consumer.context().follow(&consumer, gives, &partitions);
                    break;
                }
                Some(Next::Verdict(Verdict::Log)) => {}
                Some(Next::Verdict(Verdict::Tell(error))) => intake.fail(error),
                Some(Next::Verdict(Verdict::End(error))) => {
                    self.has_ended = true;
                    intake.fail(error);
                    intake.end();
                    return;
                }
            }
        }
        intake.wake_takers();
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
            // Who waits for a record has no reason to ask again, and is woken to show that it is alive.
            self.pinged = true;
            self.shared.intake.ask_for_life();
        }
        let is_member = !self.shared.subscription().is_empty();
        if silence >= limit && is_member && !signals.is_expelled.swap(true, Ordering::AcqRel) {
            tracing::warn!(
                "the program has not asked for records for max.poll.interval.ms ({} ms): the consumer leaves its group until it does; \
                 ask more often, raise max.poll.interval.ms or lower max.poll.records",
                limit.as_millis()
            );
            self.consumer.unsubscribe();
            self.shared.intake.take_back(&self.shared.assignment());
        }
    }

    fn rejoin(&self) {
        let topics = self.shared.subscription();
        let topics: Vec<_> = topics.iter().map(String::as_str).collect();
        if topics.is_empty() {
            return;
        }
        if let Err(error) = self.consumer.subscribe(&topics) {
            tracing::error!(%error, "the consumer could not join its group again");
        }
    }

    /// Joins the group for these topics, in place of those before; for none it leaves.
    pub(super) fn subscribe(&mut self, topics: Vec<String>) -> Result<(), Error> {
        self.shared.signals.is_expelled.store(false, Ordering::Release);
        self.forget_manual_assignment()?;
        if topics.is_empty() {
            self.consumer.unsubscribe();
        } else {
            let names: Vec<_> = topics.iter().map(String::as_str).collect();
            self.consumer.subscribe(&names).map_err(|error| error_of(&error, &format!("subscribe to {}", topics.join(", "))))?;
        }
        self.asked.1 = Instant::now();
        self.shared.set_subscription(topics);
        Ok(())
    }

    /// Reads these partitions, without the group having a say.
    pub(super) fn assign(&mut self, partitions: &[TopicPartition]) -> Result<(), Error> {
        self.forget_manual_assignment()?;
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            list.add_partition_offset(partition.topic(), partition.partition(), self.shared.first_offset)
                .map_err(|error| error_of(&error, &format!("assign {partition}")))?;
        }
        if !list.elements().is_empty() {
            self.consumer.assign(&list).map_err(|error| error_of(&error, "assign"))?;
        }
        self.shared.intake.progress(&mut |progress| {
            partitions.iter().for_each(|partition| progress.set_assigned(partition, true));
        });
        Ok(())
    }

    /// Lets go of what was assigned by hand; of what the group gave the group takes care.
    fn forget_manual_assignment(&self) -> Result<(), Error> {
        if !self.shared.subscription().is_empty() {
            return Ok(());
        }
        let had = self.shared.assignment();
        if had.is_empty() {
            return Ok(());
        }
        self.shared.store(&self.consumer);
        self.shared.intake.take_back(&had);
        self.shared.intake.progress(&mut |progress| had.iter().for_each(|partition| progress.set_assigned(partition, false)));
        self.consumer.unassign().map_err(|error| error_of(&error, "assign"))
    }

    /// Pauses or resumes; records that were read ahead go back, and are read again when the partition is resumed.
    pub(super) fn set_paused(&mut self, partitions: &[TopicPartition], is_paused: bool) -> Result<(), Error> {
        self.check_assigned(partitions.iter())?;
        if is_paused {
            let back = self.shared.intake.take_back(partitions);
            for (partition, offset) in back {
                self.seek_now(vec![(partition, Offset::Offset(offset))])?;
            }
        }
        let list = TopicPartition::list_of(partitions);
        let done = if is_paused { self.consumer.pause(&list) } else { self.consumer.resume(&list) };
        done.map_err(|error| error_of(&error, if is_paused { "pause" } else { "resume" }))?;
        self.shared.intake.progress(&mut |progress| {
            partitions.iter().for_each(|partition| progress.set_paused(partition, is_paused));
        });
        Ok(())
    }

    /// Reads on from elsewhere; `reply` is told when it is so.
    pub(super) fn seek(&mut self, to: Vec<(TopicPartition, Offset)>, reply: impl FnOnce(Result<(), Error>) + Send + 'static) {
        if let Err(error) = self.check_assigned(to.iter().map(|(partition, _)| partition)) {
            return reply(Err(error));
        }
        self.seeks.push(Seek { to, deadline: Instant::now() + self.shared.api_timeout, reply: Box::new(reply) });
        self.retry_seeks();
    }

    fn check_assigned<'a>(&self, partitions: impl Iterator<Item = &'a TopicPartition>) -> Result<(), Error> {
        let mut stranger = None;
        let partitions: Vec<_> = partitions.collect();
        self.shared.intake.progress(&mut |progress| {
            stranger =
                partitions.iter().find(|partition| !progress.is_assigned(partition)).map(|partition| not_assigned(partition));
        });
        stranger.map_or(Ok(()), Err)
    }

    fn retry_seeks(&mut self) {
        for Seek { to, deadline, reply } in std::mem::take(&mut self.seeks) {
            let partitions: Vec<_> = to.iter().map(|(partition, _)| partition.clone()).collect();
            self.shared.intake.take_back(&partitions);
            match self.seek_now(to) {
                Ok(left) if left.is_empty() => reply(Ok(())),
                Ok(left) if Instant::now() < deadline => self.seeks.push(Seek { to: left, deadline, reply }),
                Ok(left) => reply(Err(Error::from_code(
                    crate::native::code::TIMED_OUT,
                    &format!(
                        "seek in {}: the partition did not start",
                        left.first().map(|(p, _)| p.to_string()).unwrap_or_default()
                    ),
                ))),
                Err(error) => reply(Err(error)),
            }
        }
    }

    /// Seeks, and gives back what librdkafka has not started yet.
    fn seek_now(&self, to: Vec<(TopicPartition, Offset)>) -> Result<Vec<(TopicPartition, Offset)>, Error> {
        let failed = |error: &KafkaError| error_of(error, "seek");
        let mut list = TopicPartitionList::new();
        for (partition, offset) in &to {
            list.add_partition_offset(partition.topic(), partition.partition(), *offset).map_err(|error| failed(&error))?;
        }
        let list = self.consumer.seek_partitions(list, self.shared.api_timeout).map_err(|error| failed(&error))?;
        let mut left = Vec::new();
        for ((partition, offset), element) in to.into_iter().zip(list.elements()) {
            match element.error() {
                Ok(()) => {
                    let next = if let Offset::Offset(next) = offset { Some(next) } else { None };
                    self.shared.intake.progress(&mut |progress| progress.seek(&partition, next));
                }
                Err(error) => match error.rdkafka_error_code() {
                    // It is being assigned, and not started.
                    Some(Code::State | Code::PreviousInProgress | Code::UnknownPartition) => left.push((partition, offset)),
                    _ => return Err(error_of(&error, &format!("seek in {partition}"))),
                },
            }
        }
        Ok(left)
    }

    /// Leaves the group, and ends librdkafka.
    fn close(mut self) {
        self.serve_commands();
        self.shared.intake.progress(&mut |progress| progress.settle());
        self.shared.store(&self.consumer);
        self.shared.calls.stop();
        self.shared.bell.silence();
        let Self { consumer, queue, .. } = self;
        drop(queue);
        // rdkafka leaves the group, serves what that brings, and waits for librdkafka's threads.
        drop(consumer);
    }
}

/// What became of an event.
enum Next {
    Polled { has_room: bool },
    Verdict(Verdict),
    Rebalance(bool, Vec<(String, i32)>),
}
