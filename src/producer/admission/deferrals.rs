//! The records whose serializers wait, for a schema most often, each topic's in order.
//!
//! They have their room already. The delivery thread serves the first of each topic: it asks the serializer, writes what is left of the
//! record, and passes it on to librdkafka. It does so itself and wakes no task to do it, for the reasons that hold for the
//! [`BufferMemory`](super::buffer_memory::BufferMemory). A topic is in the table until its last record is with librdkafka: a record whose topic is not there
//! overtakes nothing.
//!
//! A record that is being served is in no queue, since its serializer is the program's code and runs without the lock. So it is put back
//! only if it was neither withdrawn nor cleared away meanwhile, which is decided under the lock that `withdraw` and `clear` take. All that
//! time it counts as engaged: the end of a transaction clears until nothing is engaged.
//!
//! The delivery thread is woken by an [`Alarm`]. It resets the alarm every time it looks, whether anything waits or not: an alarm that is
//! still set wakes nobody.
//!
//! Of the crate this file names `Deadline` only, so that its model checker (`tests/loom`) can include it.

use std::{
    collections::{HashMap, VecDeque},
    mem, ptr,
    sync::Arc,
    task::{Wake, Waker},
    time::{Duration, Instant},
};

use super::sync::{AtomicBool, AtomicU64, AtomicUsize, Mutex, Ordering};
use crate::{deadline::Deadline, lock::lock};

/// The queues, one for each topic that has records which wait.
pub(crate) struct Deferrals<T> {
    max_block: Duration,
    /// The records that have begun to wait, for room or for their serializers, and that librdkafka does not have. Lowered only when the record is elsewhere.
    engaged: AtomicUsize,
    /// Those of them that are in the queues.
    queued: AtomicUsize,
    /// How often everything was cleared away. Changed under the lock.
    cleared: AtomicU64,
    /// A record that is ready was put back, since the room is overdrawn.
    stalled: AtomicBool,
    queues: Mutex<Queues<T>>,
    alarm: Arc<Alarm>,
}

struct Queues<T> {
    /// A topic without a record is one whose last record is just being served.
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

/// Where a record waits. It is shared with the future that may withdraw it.
pub(crate) struct Place {
    topic: Arc<str>,
    withdrawn: AtomicBool,
    /// Its number in the room's queue and one more; 0 if it was never there.
    in_room: AtomicU64,
}

/// Why a record is not put into its queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Its future was dropped.
    Withdrawn,
    /// All records were cleared away, or nothing is let in any more.
    Cleared,
}

/// A record that is being served.
pub(crate) struct Turn<'a> {
    cleared: &'a AtomicU64,
    before: u64,
    /// When it is to wait no longer.
    pub(crate) deadline: Deadline,
}

/// Wakes the delivery thread.
pub(crate) struct Alarm {
    rung: AtomicBool,
    notify: Mutex<Option<Notify>>,
}

/// What wakes the delivery thread. It is called under a lock, and calls nothing of the program's.
pub(crate) type Notify = Box<dyn Fn() + Send>;

impl Place {
    pub(crate) fn new(topic: Arc<str>) -> Self {
        Self { topic, withdrawn: AtomicBool::new(false), in_room: AtomicU64::new(0) }
    }

    pub(crate) fn topic(&self) -> &Arc<str> {
        &self.topic
    }

    /// Notes its number in the room's queue, before anybody may withdraw it.
    pub(crate) fn enter_room(&self, id: u64) {
        self.in_room.store(id + 1, Ordering::SeqCst);
    }

    /// Notes that nobody wants the record any more; gives its number in the room if it has one. It may be on its way from the one queue to
    /// the other: there this is seen before it gets any further.
    pub(crate) fn withdraw(&self) -> Option<u64> {
        self.withdrawn.store(true, Ordering::SeqCst);
        self.in_room.load(Ordering::SeqCst).checked_sub(1)
    }

    pub(crate) fn is_withdrawn(&self) -> bool {
        self.withdrawn.load(Ordering::SeqCst)
    }
}

impl Alarm {
    fn new() -> Self {
        Self { rung: AtomicBool::new(false), notify: Mutex::new(None) }
    }

    fn ring(&self) {
        if !self.rung.swap(true, Ordering::SeqCst) {
            if let Some(notify) = &*lock(&self.notify) {
                notify();
            }
        }
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

impl Turn<'_> {
    /// Whether everything was cleared away since the record was taken out of its queue.
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

    /// Says how the thread is woken that serves these.
    pub(crate) fn connect(&self, notify: Notify) {
        let before = lock(&self.alarm.notify).replace(notify);
        drop(before);
    }

    /// Lets go of the bell, and of what it holds.
    pub(crate) fn disconnect(&self) {
        let notify = lock(&self.alarm.notify).take();
        drop(notify);
    }

    /// Has the delivery thread look.
    pub(crate) fn ring(&self) {
        self.alarm.ring();
    }

    /// What serializers wake.
    pub(crate) fn waker(&self) -> Waker {
        Waker::from(Arc::clone(&self.alarm))
    }

    /// Counts a record that begins to wait. False if nothing is let in any more.
    pub(crate) fn engage(&self) -> bool {
        let queues = lock(&self.queues);
        if !queues.closed {
            self.engaged.fetch_add(1, Ordering::SeqCst);
        }
        !queues.closed
    }

    /// Uncounts a record that is with librdkafka, or refused.
    pub(crate) fn disengage(&self) {
        self.engaged.fetch_sub(1, Ordering::SeqCst);
    }

    /// Whether a record has begun to wait, for its serializer or for room before that.
    pub(crate) fn is_engaged(&self) -> bool {
        self.engaged.load(Ordering::SeqCst) > 0
    }

    /// How many wait for their serializers.
    pub(crate) fn waiting(&self) -> usize {
        self.queued.load(Ordering::SeqCst)
    }

    /// Whether records of this topic wait.
    pub(crate) fn holds(&self, topic: &str) -> bool {
        self.is_engaged() && lock(&self.queues).topics.contains_key(topic)
    }

    /// Lets a record wait, behind those of its topic.
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

    /// Takes out a record that nobody wants any more, if it is still here and not just being served. [`Place::withdraw`] comes first.
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

    /// Takes out what has waited for too long.
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

    /// Takes out everything, and lets nothing in any more if `close` says so. What is being served is not put back.
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

    /// When the first waiter's time is over.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        if self.waiting() == 0 {
            return None;
        }
        lock(&self.queues).topics.values().filter_map(|queue| queue.front()?.deadline.instant()).min()
    }

    /// Notes that a record which is ready waits until the room is no longer overdrawn. The caller looks at the room once more, since it may have
    /// changed before this.
    pub(crate) fn stall(&self) {
        self.stalled.store(true, Ordering::SeqCst);
    }

    /// Whether a record waits until the room is no longer overdrawn: for the thread that changes that.
    pub(crate) fn is_stalled(&self) -> bool {
        self.stalled.load(Ordering::SeqCst)
    }

    /// Whether [`serve`](Self::serve) is to be called. Resets the alarm: only the delivery thread calls this, every time it looks up.
    pub(crate) fn is_due(&self, now: Instant, is_overdrawn: impl FnOnce() -> bool) -> bool {
        // Nothing is written while nothing happens.
        let rung = self.alarm.rung.load(Ordering::SeqCst) && self.alarm.rung.swap(false, Ordering::SeqCst);
        let resumes = self.is_stalled() && !is_overdrawn();
        rung || resumes || self.next_deadline().is_some_and(|deadline| deadline <= now)
    }

    /// Serves the first of each topic: `serve` passes the record on or refuses it, or gives it back to wait on. `refuse` ends one that can no
    /// longer wait. Only the delivery thread calls this.
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

    /// Takes the topic's first out; the topic goes with the last.
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

    /// Deferrals, and how often the delivery thread was woken.
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
    fn a_record_wakes_the_delivery_thread_even_after_a_late_wake_of_the_one_before() {
        let (deferrals, wakes) = deferrals();
        for n in 1..=3 {
            let (first, _) = record(&deferrals);
            assert!(deferrals.push(first).is_ok());
            assert_eq!(wakes.load(atomic::Ordering::SeqCst), 2 * n - 1, "record {n} wakes nobody");
            assert!(is_due(&deferrals));
            deferrals.serve(|_, _| None, |_, _| panic!("nothing is put back"));
            // The registry's thread wakes the delivery thread once more, after it has served the record.
            deferrals.waker().wake();
            assert_eq!(wakes.load(atomic::Ordering::SeqCst), 2 * n);
            is_due(&deferrals);
        }
    }

    #[test]
    fn what_is_cleared_away_while_it_is_served_is_not_put_back() {
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
    fn what_is_withdrawn_while_it_is_served_is_not_put_back() {
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
    fn a_topic_is_held_until_its_last_record_is_elsewhere() {
        let (deferrals, _) = deferrals();
        let (first, _) = record(&deferrals);
        assert!(deferrals.push(first).is_ok());
        let serve = |_, _: Turn<'_>| {
            assert!(deferrals.holds("orders") && !deferrals.holds("others"));
            None
        };
        deferrals.serve(serve, |_, _| panic!("nothing is put back"));
        assert!(!deferrals.holds("orders"));
    }

    #[test]
    fn nothing_is_let_in_once_it_is_closed() {
        let (deferrals, _) = deferrals();
        let ((first, _), (second, place)) = (record(&deferrals), record(&deferrals));
        assert!(deferrals.push(first).is_ok());
        assert_eq!(deferrals.clear(true).len(), 1);
        assert!(!deferrals.engage());
        assert!(matches!(deferrals.push(second), Err((_, Exit::Cleared))));
        assert_eq!(place.withdraw(), None);
    }
}
