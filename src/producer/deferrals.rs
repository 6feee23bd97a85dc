//! The records whose serializers wait, for a schema most often, each topic's in order.
//!
//! The delivery thread polls the first of each topic, writes what is left of it, and passes it on to the [`Room`](super::room::Room). It does so itself
//! and wakes no task to do it, for the reasons that hold for the room. A topic stands here until its last record is with librdkafka or
//! in the room's queue: who does not find it here overtakes nobody.

use std::{
    collections::{HashMap, VecDeque},
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::{Duration, Instant},
};

use super::{shared::lock, unfinished::Unfinished};
use crate::{
    Error, ErrorKind,
    native::{Client, Draft},
};

pub(super) struct Deferrals {
    max_block: Duration,
    /// How many wait. Lowered only when the record is elsewhere.
    waiting: AtomicUsize,
    queues: Mutex<Queues>,
    alarm: Arc<Alarm>,
}

#[derive(Default)]
struct Queues {
    /// A topic without a record is one whose last record is just being passed on.
    topics: HashMap<Arc<str>, VecDeque<Waiter>>,
    closed: bool,
    /// How often everybody was taken out.
    cleared: u64,
}

pub(super) struct Waiter {
    pub(super) draft: Draft,
    pub(super) ticket: Arc<Ticket>,
    unfinished: Unfinished,
    deadline: Instant,
}

/// What a waiting record and its [`Sending`](super::Sending) share.
pub(super) struct Ticket {
    topic: Arc<str>,
    /// Why it was refused.
    error: Mutex<Option<Error>>,
    /// Its `Sending` was dropped.
    withdrawn: AtomicBool,
    /// Its number in the room's queue and one more; 0 as long as it is not there.
    in_room: AtomicU64,
}

/// Wakes the delivery thread.
#[derive(Default)]
struct Alarm {
    rung: AtomicBool,
    client: Mutex<Option<Arc<Client>>>,
}

impl Ticket {
    pub(super) fn new(topic: Arc<str>) -> Self {
        Self { topic, error: Mutex::default(), withdrawn: AtomicBool::new(false), in_room: AtomicU64::new(0) }
    }

    pub(super) fn refuse(&self, error: Error) {
        *lock(&self.error) = Some(error);
    }

    pub(super) fn take_error(&self) -> Option<Error> {
        lock(&self.error).take()
    }

    /// Notes that the record waits in the room now; gives its number if it was withdrawn meanwhile.
    pub(super) fn enter_room(&self, id: u64) -> Option<u64> {
        self.in_room.store(id + 1, Ordering::SeqCst);
        self.is_withdrawn().then_some(id)
    }

    /// Notes that nobody wants it any more; gives its number in the room if it waits there.
    pub(super) fn withdraw(&self) -> Option<u64> {
        self.withdrawn.store(true, Ordering::SeqCst);
        self.in_room.load(Ordering::SeqCst).checked_sub(1)
    }

    pub(super) fn is_withdrawn(&self) -> bool {
        self.withdrawn.load(Ordering::SeqCst)
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.ring();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring();
    }
}

impl Alarm {
    fn ring(&self) {
        if !self.rung.swap(true, Ordering::SeqCst) {
            if let Some(client) = &*lock(&self.client) {
                client.wake();
            }
        }
    }
}

impl Deferrals {
    pub(super) fn new(max_block: Duration) -> Self {
        Self { max_block, waiting: AtomicUsize::new(0), queues: Mutex::default(), alarm: Arc::default() }
    }

    /// Says whose delivery thread serves these.
    pub(super) fn connect(&self, client: Arc<Client>) {
        *lock(&self.alarm.client) = Some(client);
    }

    /// Lets go of the client, which must not be ended by whoever rings last.
    pub(super) fn disconnect(&self) {
        let client = lock(&self.alarm.client).take();
        drop(client);
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }

    /// Whether records of this topic wait.
    pub(super) fn holds(&self, topic: &str) -> bool {
        self.waiting() > 0 && self.lock().topics.contains_key(topic)
    }

    /// Lets a record wait, behind those of its topic. It comes back if nobody serves these any more.
    pub(super) fn push(&self, draft: Draft, unfinished: Unfinished, ticket: Arc<Ticket>) -> Result<(), Draft> {
        let mut queues = self.lock();
        if queues.closed {
            return Err(draft);
        }
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let queue = queues.topics.entry(Arc::clone(&ticket.topic)).or_default();
        queue.push_back(Waiter { draft, ticket, unfinished, deadline: Instant::now() + self.max_block });
        drop(queues);
        self.alarm.ring();
        Ok(())
    }

    /// Takes out a record that nobody wants any more, if it is still here and not just being served.
    pub(super) fn withdraw(&self, ticket: &Arc<Ticket>) -> Option<Draft> {
        let mut queues = self.lock();
        let queue = queues.topics.get_mut(&ticket.topic)?;
        let index = queue.iter().position(|waiter| Arc::ptr_eq(&waiter.ticket, ticket))?;
        let waiter = queue.remove(index)?;
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        drop(queues);
        // The topic goes, or its next record has its turn, when it is served.
        self.alarm.ring();
        Some(waiter.draft)
    }

    /// Takes out everybody, and lets nobody in any more if `close` says so.
    pub(super) fn clear(&self, close: bool) -> Vec<Waiter> {
        if self.waiting() == 0 && !close {
            return Vec::new();
        }
        let mut queues = self.lock();
        queues.closed |= close;
        queues.cleared += 1;
        let waiters: Vec<Waiter> = queues.topics.values_mut().flat_map(mem::take).collect();
        self.waiting.fetch_sub(waiters.len(), Ordering::SeqCst);
        drop(queues);
        self.alarm.ring();
        waiters
    }

    /// When the first waiter's time is over.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        if self.waiting() == 0 {
            return None;
        }
        self.lock().topics.values().filter_map(|queue| queue.front()).map(|waiter| waiter.deadline).min()
    }

    /// Serves those whose wait is over, each topic's in order: `pass` gets the record and what became of it. Only the delivery thread
    /// calls this.
    pub(super) fn serve(&self, now: Instant, mut pass: impl FnMut(Waiter, Result<(), Error>)) {
        let rung = self.alarm.rung.swap(false, Ordering::SeqCst);
        if !rung && self.next_deadline().is_none_or(|deadline| deadline > now) {
            return;
        }
        let topics: Vec<Arc<str>> = self.lock().topics.keys().cloned().collect();
        let waker = Waker::from(Arc::clone(&self.alarm));
        for topic in topics {
            while let Some((mut waiter, cleared)) = self.first(&topic) {
                // Not under the lock: it is the serializer's code.
                let ended = match waiter.unfinished.poll(&topic, &mut Context::from_waker(&waker)) {
                    _ if waiter.ticket.is_withdrawn() => Some(Err(withdrawn())),
                    Poll::Ready(ended) => Some(ended),
                    Poll::Pending if waiter.deadline <= now => Some(Err(self.too_late(&waiter))),
                    Poll::Pending => None,
                };
                let was_cleared = self.lock().cleared != cleared;
                let ended = match ended {
                    _ if was_cleared => Err(Error::new(ErrorKind::Closed, "the producer is closed, or its transaction aborted")),
                    Some(ended) => ended,
                    None => {
                        self.put_back(waiter);
                        break;
                    }
                };
                let unfinished = mem::replace(&mut waiter.unfinished, Unfinished::nothing());
                let ended = ended.and_then(|()| unfinished.finish(&topic, waiter.draft.body_mut()));
                pass(waiter, ended);
                self.waiting.fetch_sub(1, Ordering::SeqCst);
            }
        }
    }

    /// Takes the topic's first out; the topic goes with the last.
    fn first(&self, topic: &str) -> Option<(Waiter, u64)> {
        let mut queues = self.lock();
        match queues.topics.get_mut(topic)?.pop_front() {
            Some(waiter) => Some((waiter, queues.cleared)),
            None => {
                queues.topics.remove(topic);
                None
            }
        }
    }

    fn put_back(&self, waiter: Waiter) {
        let mut queues = self.lock();
        queues.topics.entry(Arc::clone(&waiter.ticket.topic)).or_default().push_front(waiter);
    }

    fn too_late(&self, waiter: &Waiter) -> Error {
        let (topic, what, time) = (&waiter.ticket.topic, waiter.unfinished.what(), self.max_block.as_millis());
        Error::new(ErrorKind::SchemaTimeout, format!("topic {topic}: {what} did not come within max.block.ms ({time} ms)"))
    }

    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn withdrawn() -> Error {
    Error::new(ErrorKind::GivenUp, "withdrawn: its send was dropped while it waited")
}
