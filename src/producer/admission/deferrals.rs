//! [`Deferrals`]: the records that wait for their serializers, usually for a schema, in order per topic.
//!
//! Their memory is already reserved. The delivery thread serves the first record of each topic: it polls the serializer, finishes the record and
//! passes it to librdkafka. It does not wake a task for that, for the same reasons as
//! [`BufferMemory`](super::buffer_memory::BufferMemory). A topic is in the table until its last record has been passed on, so a record whose
//! topic is not in the table overtakes none.
//!
//! A record that is being served is in no queue, because its serializer is user code and runs without the lock. It is put back only if it was
//! not cancelled or cleared meanwhile, which is decided under the lock that `withdraw` and `clear` use. It counts as engaged meanwhile: the end
//! of a transaction clears until no record is engaged.
//!
//! An [`Alarm`] wakes the delivery thread, which resets the alarm whenever it checks, even if no record waits: an alarm that is still set
//! would wake nothing.
//!
//! This file and those of [`Alarm`] and [`Place`] use only `Deadline` and `lock` of the crate, so that the loom tests (`tests/loom`) can include
//! them.

use std::{
    collections::{HashMap, VecDeque},
    mem, ptr,
    sync::Arc,
    task::Waker,
    time::{Duration, Instant},
};

use super::{
    alarm::{Alarm, Notify},
    place::Place,
    sync::{AtomicBool, AtomicU64, AtomicUsize, Mutex, Ordering},
};
use crate::{deadline::Deadline, lock::lock};

/// The queues of waiting records, one for each topic.
pub(crate) struct Deferrals<T> {
    max_block: Duration,
    /// The number of records that have begun to wait, for memory or for their serializers, and that librdkafka does not have yet. Decremented
    /// only after the record has been passed on.
    engaged: AtomicUsize,
    /// The number of records in the queues.
    queued: AtomicUsize,
    /// The number of calls of `clear`. Changed under the lock.
    cleared: AtomicU64,
    /// A ready record was put back because the memory is overdrawn.
    stalled: AtomicBool,
    queues: Mutex<Queues<T>>,
    alarm: Arc<Alarm>,
}

struct Queues<T> {
    /// An empty queue is that of a topic whose last record is being served.
    topics: HashMap<Arc<str>, VecDeque<Waiter<T>>>,
    closed: bool,
}

struct Waiter<T> {
    deadline: Deadline,
    what: T,
}

/// A record that waits.
pub(crate) trait Deferred {
    fn place(&self) -> &Place;
}

/// Why a record is not queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Its future was dropped.
    Withdrawn,
    /// All records were cleared, or the queues are closed.
    Cleared,
}

/// The turn of a record that is being served.
pub(crate) struct Turn<'a> {
    cleared: &'a AtomicU64,
    before: u64,
    /// The deadline of the record.
    pub(crate) deadline: Deadline,
}

impl Turn<'_> {
    /// Whether `clear` was called since the record was taken out of its queue.
    pub(crate) fn is_over(&self) -> bool {
        self.cleared.load(Ordering::SeqCst) != self.before
    }
}

impl<T: Deferred> Deferrals<T> {
    pub(crate) fn new(max_block: Duration) -> Self {
        Self {
            max_block,
            engaged: AtomicUsize::new(0),
            queued: AtomicUsize::new(0),
            cleared: AtomicU64::new(0),
            stalled: AtomicBool::new(false),
            queues: Mutex::new(Queues { topics: HashMap::new(), closed: false }),
            alarm: Arc::new(Alarm::new()),
        }
    }

    /// Sets the function that wakes the serving thread.
    pub(crate) fn connect(&self, notify: Notify) {
        let before = lock(&self.alarm.notify).replace(notify);
        drop(before);
    }

    /// Drops that function.
    pub(crate) fn disconnect(&self) {
        let notify = lock(&self.alarm.notify).take();
        drop(notify);
    }

    /// Wakes the delivery thread.
    pub(crate) fn ring(&self) {
        self.alarm.ring();
    }

    /// The waker for serializers.
    pub(crate) fn waker(&self) -> Waker {
        Waker::from(Arc::clone(&self.alarm))
    }

    /// Counts a record that begins to wait. Returns false if the queues are closed.
    pub(crate) fn engage(&self) -> bool {
        let queues = lock(&self.queues);
        if !queues.closed {
            self.engaged.fetch_add(1, Ordering::SeqCst);
        }
        !queues.closed
    }

    /// Uncounts a record that was passed to librdkafka or rejected.
    pub(crate) fn disengage(&self) {
        self.engaged.fetch_sub(1, Ordering::SeqCst);
    }

    /// Whether any record waits for its serializer, or for memory before that.
    pub(crate) fn is_engaged(&self) -> bool {
        self.engaged.load(Ordering::SeqCst) > 0
    }

    /// The number of records that wait for their serializers.
    pub(crate) fn waiting(&self) -> usize {
        self.queued.load(Ordering::SeqCst)
    }

    /// Whether records of this topic wait.
    pub(crate) fn holds(&self, topic: &str) -> bool {
        self.is_engaged() && lock(&self.queues).topics.contains_key(topic)
    }

    /// Queues a record behind those of its topic.
    pub(crate) fn push(&self, what: T) -> Result<(), (T, Exit)> {
        let mut queues = lock(&self.queues);
        if queues.closed {
            return Err((what, Exit::Cleared));
        }
        if what.place().is_withdrawn() {
            return Err((what, Exit::Withdrawn));
        }
        let deadline = Deadline::after(self.max_block);
        let queue = queues.topics.entry(Arc::clone(&what.place().topic)).or_default();
        queue.push_back(Waiter { deadline, what });
        self.queued.fetch_add(1, Ordering::SeqCst);
        drop(queues);
        self.alarm.ring();
        Ok(())
    }

    /// Removes a cancelled record, if it is queued and not being served. To be called after [`Place::withdraw`].
    pub(crate) fn withdraw(&self, place: &Place) -> Option<T> {
        let mut queues = lock(&self.queues);
        let queue = queues.topics.get_mut(&place.topic)?;
        let index = queue.iter().position(|waiter| ptr::eq(waiter.what.place(), place))?;
        let waiter = queue.remove(index)?;
        self.queued.fetch_sub(1, Ordering::SeqCst);
        drop(queues);
        // The topic goes, or its next record has its turn, when it is served.
        self.alarm.ring();
        Some(waiter.what)
    }

    /// Removes the records whose deadline has passed.
    pub(crate) fn expired(&self, now: Instant) -> Vec<T> {
        let mut left = Vec::new();
        if self.waiting() == 0 {
            return left;
        }
        let mut queues = lock(&self.queues);
        for queue in queues.topics.values_mut() {
            while queue.front().is_some_and(|waiter| waiter.deadline.is_over(now)) {
                left.extend(queue.pop_front().map(|waiter| waiter.what));
            }
        }
        self.queued.fetch_sub(left.len(), Ordering::SeqCst);
        drop(queues);
        if !left.is_empty() {
            // The topic goes, or its next record has its turn, when it is served.
            self.alarm.ring();
        }
        left
    }

    /// Removes all records. With `close`, no record is queued any more. A record that is being served is not put back.
    pub(crate) fn clear(&self, close: bool) -> Vec<T> {
        if !close && !self.is_engaged() {
            return Vec::new();
        }
        let mut queues = lock(&self.queues);
        queues.closed |= close;
        self.cleared.fetch_add(1, Ordering::SeqCst);
        let waiters: Vec<T> = queues.topics.values_mut().flat_map(mem::take).map(|waiter| waiter.what).collect();
        self.queued.fetch_sub(waiters.len(), Ordering::SeqCst);
        drop(queues);
        self.alarm.ring();
        waiters
    }

    /// The earliest deadline.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        if self.waiting() == 0 {
            return None;
        }
        lock(&self.queues).topics.values().filter_map(|queue| queue.front()?.deadline.instant()).min()
    }

    /// Stores that a ready record waits while the memory is overdrawn. The caller then checks the memory again, which may have changed before.
    pub(crate) fn stall(&self) {
        self.stalled.store(true, Ordering::SeqCst);
    }

    /// Whether a ready record waits while the memory is overdrawn. For the thread that frees memory.
    pub(crate) fn is_stalled(&self) -> bool {
        self.stalled.load(Ordering::SeqCst)
    }

    /// Whether [`serve`](Self::serve) must be called. Resets the alarm, so only the delivery thread calls this, at every wake-up.
    pub(crate) fn is_due(&self, now: Instant, is_overdrawn: impl FnOnce() -> bool) -> bool {
        // The load avoids a write while the alarm is not set.
        let rung = self.alarm.rung.load(Ordering::SeqCst) && self.alarm.rung.swap(false, Ordering::SeqCst);
        let resumes = self.is_stalled() && !is_overdrawn();
        rung || resumes || self.next_deadline().is_some_and(|deadline| deadline <= now)
    }

    /// Serves the first record of each topic: `serve` passes on or rejects the record, or returns it to wait further. `refuse` rejects a record
    /// that cannot be put back. Only the delivery thread calls this.
    pub(crate) fn serve(&self, mut serve: impl FnMut(T, Turn<'_>) -> Option<T>, mut refuse: impl FnMut(T, Exit)) {
        self.stalled.store(false, Ordering::SeqCst);
        let topics: Vec<Arc<str>> = lock(&self.queues).topics.keys().cloned().collect();
        for topic in topics {
            while let Some((waiter, before)) = self.first(&topic) {
                let Waiter { deadline, what } = waiter;
                if let Some(what) = serve(what, Turn { cleared: &self.cleared, before, deadline }) {
                    match self.put_back(Waiter { deadline, what }, before) {
                        Ok(()) => break,
                        Err((what, exit)) => refuse(what, exit),
                    }
                }
                self.disengage();
            }
        }
    }

    /// Removes the topic's first record, or the topic if its queue is empty.
    fn first(&self, topic: &str) -> Option<(Waiter<T>, u64)> {
        let mut queues = lock(&self.queues);
        match queues.topics.get_mut(topic)?.pop_front() {
            Some(waiter) => {
                self.queued.fetch_sub(1, Ordering::SeqCst);
                Some((waiter, self.cleared.load(Ordering::SeqCst)))
            }
            None => {
                queues.topics.remove(topic);
                None
            }
        }
    }

    fn put_back(&self, waiter: Waiter<T>, before: u64) -> Result<(), (T, Exit)> {
        let mut queues = lock(&self.queues);
        if self.cleared.load(Ordering::SeqCst) != before {
            return Err((waiter.what, Exit::Cleared));
        }
        if waiter.what.place().is_withdrawn() {
            return Err((waiter.what, Exit::Withdrawn));
        }
        queues.topics.entry(Arc::clone(&waiter.what.place().topic)).or_default().push_front(waiter);
        self.queued.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::atomic;

    use super::*;

    struct Record(Arc<Place>);

    impl Deferred for Record {
        fn place(&self) -> &Place {
            &self.0
        }
    }

    fn record(deferrals: &Deferrals<Record>) -> (Record, Arc<Place>) {
        assert!(deferrals.engage());
        let place = Arc::new(Place::new(Arc::from("orders")));
        (Record(Arc::clone(&place)), place)
    }

    /// Deferrals, and a counter of wake-ups of the delivery thread.
    fn deferrals() -> (Deferrals<Record>, Arc<atomic::AtomicUsize>) {
        let deferrals = Deferrals::new(Duration::from_secs(60));
        let wakes = Arc::new(atomic::AtomicUsize::new(0));
        let rung = Arc::clone(&wakes);
        deferrals.connect(Box::new(move || {
            rung.fetch_add(1, atomic::Ordering::SeqCst);
        }));
        (deferrals, wakes)
    }

    fn is_due(deferrals: &Deferrals<Record>) -> bool {
        deferrals.is_due(Instant::now(), || false)
    }

    #[test]
    fn a_record_wakes_the_delivery_thread_even_after_a_late_wake() {
        let (deferrals, wakes) = deferrals();
        for n in 1..=3 {
            let (first, _) = record(&deferrals);
            assert!(deferrals.push(first).is_ok());
            assert_eq!(wakes.load(atomic::Ordering::SeqCst), 2 * n - 1, "record {n} must wake the delivery thread");
            assert!(is_due(&deferrals));
            deferrals.serve(|_, _| None, |_, _| panic!("no record is put back"));
            // The serializer wakes the delivery thread again after the record was served.
            deferrals.waker().wake();
            assert_eq!(wakes.load(atomic::Ordering::SeqCst), 2 * n);
            is_due(&deferrals);
        }
    }

    #[test]
    fn a_record_that_is_cleared_while_it_is_served_is_not_put_back() {
        let (deferrals, _) = deferrals();
        let (first, _) = record(&deferrals);
        assert!(deferrals.push(first).is_ok());
        let mut refused = Vec::new();
        let serve = |record, turn: Turn<'_>| {
            assert!(!turn.is_over());
            assert_eq!(deferrals.clear(false).len(), 0);
            assert!(turn.is_over() && deferrals.is_engaged());
            Some(record)
        };
        deferrals.serve(serve, |_, exit| refused.push(exit));
        assert_eq!((refused, deferrals.waiting(), deferrals.is_engaged()), (vec![Exit::Cleared], 0, false));
    }

    #[test]
    fn a_record_that_is_cancelled_while_it_is_served_is_not_put_back() {
        let (deferrals, _) = deferrals();
        let (first, place) = record(&deferrals);
        assert!(deferrals.push(first).is_ok());
        let mut refused = Vec::new();
        let serve = |record, _: Turn<'_>| {
            assert_eq!(place.withdraw(), None);
            assert!(deferrals.withdraw(&place).is_none());
            Some(record)
        };
        deferrals.serve(serve, |_, exit| refused.push(exit));
        assert_eq!((refused, deferrals.waiting(), deferrals.is_engaged()), (vec![Exit::Withdrawn], 0, false));
    }

    #[test]
    fn a_topic_stays_until_its_last_record_was_served() {
        let (deferrals, _) = deferrals();
        let (first, _) = record(&deferrals);
        assert!(deferrals.push(first).is_ok());
        let serve = |_, _: Turn<'_>| {
            assert!(deferrals.holds("orders") && !deferrals.holds("others"));
            None
        };
        deferrals.serve(serve, |_, _| panic!("no record is put back"));
        assert!(!deferrals.holds("orders"));
    }

    #[test]
    fn records_are_rejected_after_close() {
        let (deferrals, _) = deferrals();
        let ((first, _), (second, place)) = (record(&deferrals), record(&deferrals));
        assert!(deferrals.push(first).is_ok());
        assert_eq!(deferrals.clear(true).len(), 1);
        assert!(!deferrals.engage());
        assert!(matches!(deferrals.push(second), Err((_, Exit::Cleared))));
        assert_eq!(place.withdraw(), None);
    }
}
