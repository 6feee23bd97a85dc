//! [`Outstanding`]: the accepted records without a delivery report, which flush and close wait for.
//!
//! They are counted in two generations. A record increments its generation's count and then reads the generation again; a flush changes the
//! generation and then reads the old count (a Dekker pair, as in `buffer_memory.rs`). So a flush waits for earlier records and not for later
//! ones. `closed` is read after the increment for the same reason: a record is either counted or rejected.
//!
//! Completed flushes are collected in a [`Done`], which wakes their tasks on drop, so that the caller can do that without a lock.
//!
//! This file uses only `panic` of the crate, so that its loom test (`tests/loom`) can include it.

use std::{
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use super::sync::{AtomicBool, AtomicUsize, Mutex, Ordering};
use crate::{
    lock::lock,
    panic::{release, wake},
};

/// Counts records in two generations. A flush starts a new generation and waits until the old one is empty, so that later records do not
/// delay it. Further flushes wait for the next turn.
pub(crate) struct Outstanding {
    generation: AtomicUsize,
    counts: [AtomicUsize; 2],
    closed: AtomicBool,
    /// Whether `flushes` is not empty, for the delivery thread to read without the lock.
    flushing: AtomicBool,
    flushes: Mutex<Flushes>,
}

#[derive(Default)]
struct Flushes {
    /// The generation (0 or 1) that must become empty.
    old: Option<usize>,
    waiting: Vec<Arc<Turn>>,
    queued: Vec<Arc<Turn>>,
    abandoned: bool,
}

/// A flush.
struct Turn(Mutex<TurnState>);

struct TurnState {
    outcome: Option<Result<(), Abandoned>>,
    waker: Option<Waker>,
}

/// The delivery thread has ended, so outstanding records are never reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Abandoned;

/// A future that completes when all records accepted before its creation have been reported.
pub(crate) struct Flushed(Arc<Turn>);

/// Completed flushes. Dropping it wakes their tasks, which runs user code, so no lock may be held.
#[derive(Default)]
#[must_use = "dropping it runs wakers, which are user code"]
pub(crate) struct Done(Vec<Arc<Turn>>);

impl Default for Outstanding {
    fn default() -> Self {
        Self {
            generation: AtomicUsize::new(0),
            counts: [AtomicUsize::new(0), AtomicUsize::new(0)],
            closed: AtomicBool::new(false),
            flushing: AtomicBool::new(false),
            flushes: Mutex::new(Flushes::default()),
        }
    }
}

impl Outstanding {
    /// Counts a record before librdkafka gets it. Returns its generation, or `None` after `close`.
    pub(crate) fn enter(&self, done: &mut Done) -> Option<u8> {
        loop {
            let generation = self.generation.load(Ordering::SeqCst);
            let half = u8::from(generation & 1 == 1);
            let count = self.counts.get(usize::from(half))?;
            count.fetch_add(1, Ordering::SeqCst);
            if self.closed.load(Ordering::SeqCst) {
                self.leave_one(half, done);
                return None;
            }
            // Either this sees the flush's new generation, or the flush sees this count.
            if self.generation.load(Ordering::SeqCst) == generation {
                return Some(half);
            }
            self.leave_one(half, done);
        }
    }

    /// Uncounts a record that was not sent.
    pub(crate) fn leave_one(&self, generation: u8, done: &mut Done) {
        let mut records = [0; 2];
        if let Some(count) = records.get_mut(usize::from(generation)) {
            *count = 1;
        }
        self.leave(records, done);
    }

    /// Uncounts reported records.
    pub(crate) fn leave(&self, records: [usize; 2], done: &mut Done) {
        for (count, left) in self.counts.iter().zip(records) {
            if left > 0 {
                count.fetch_sub(left, Ordering::SeqCst);
            }
        }
        if self.flushing.load(Ordering::SeqCst) {
            self.turn(done);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of outstanding records. The records of a batch of reports count until the whole batch is reported.
    pub(crate) fn len(&self) -> usize {
        self.counts.iter().map(|count| count.load(Ordering::SeqCst)).sum()
    }

    /// Rejects all further records.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// Starts a flush.
    pub(crate) fn flush(&self) -> Flushed {
        let turn = Arc::new(Turn(Mutex::new(TurnState { outcome: None, waker: None })));
        let mut done = Done::default();
        let mut flushes = lock(&self.flushes);
        if flushes.abandoned && !self.is_empty() {
            lock(&turn.0).outcome = Some(Err(Abandoned));
            return Flushed(Arc::clone(&turn));
        }
        flushes.queued.push(Arc::clone(&turn));
        self.flushing.store(true, Ordering::SeqCst);
        drop(flushes);
        self.turn(&mut done);
        Flushed(turn)
    }

    /// Fails every current and later flush, because the delivery thread has ended.
    pub(crate) fn abandon(&self, done: &mut Done) {
        self.turn(done);
        let mut flushes = lock(&self.flushes);
        flushes.abandoned = true;
        let Flushes { waiting, queued, .. } = &mut *flushes;
        for turn in waiting.drain(..).chain(queued.drain(..)) {
            lock(&turn.0).outcome = Some(Err(Abandoned));
            done.0.push(turn);
        }
    }

    /// Completes the flushes whose generation is empty and starts the next turn.
    fn turn(&self, done: &mut Done) {
        let mut flushes = lock(&self.flushes);
        loop {
            match flushes.old {
                None if flushes.queued.is_empty() => {
                    self.flushing.store(false, Ordering::SeqCst);
                    break;
                }
                None => {
                    flushes.old = Some(self.generation.fetch_add(1, Ordering::SeqCst) & 1);
                    flushes.waiting = mem::take(&mut flushes.queued);
                }
                Some(old) => {
                    if self.counts.get(old).is_some_and(|count| count.load(Ordering::SeqCst) > 0) {
                        break;
                    }
                    flushes.old = None;
                    for turn in flushes.waiting.drain(..) {
                        lock(&turn.0).outcome = Some(Ok(()));
                        done.0.push(turn);
                    }
                }
            }
        }
    }
}

impl Turn {
    fn take_waker(&self) -> Option<Waker> {
        lock(&self.0).waker.take()
    }
}

impl Done {
    fn wake_all(&mut self) {
        for turn in self.0.drain(..) {
            turn.take_waker().into_iter().for_each(wake);
        }
    }
}

impl Drop for Done {
    // Inlined, because almost every record has an empty one.
    #[inline]
    fn drop(&mut self) {
        if !self.0.is_empty() {
            self.wake_all();
        }
    }
}

impl Flushed {
    /// Whether the flush has ended.
    pub(crate) fn is_over(&self) -> bool {
        lock(&self.0.0).outcome.is_some()
    }
}

impl Future for Flushed {
    type Output = Result<(), Abandoned>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // Cloned and dropped without the lock, since both are user code.
        let waker = context.waker().clone();
        let before = {
            let mut turn = lock(&self.0.0);
            if let Some(outcome) = turn.outcome {
                return Poll::Ready(outcome);
            }
            turn.waker.replace(waker)
        };
        before.into_iter().for_each(release);
        Poll::Pending
    }
}

impl Drop for Flushed {
    fn drop(&mut self) {
        // Taken here, since the delivery thread may have the last reference to the turn.
        self.0.take_waker().into_iter().for_each(release);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn enter(outstanding: &Outstanding) -> u8 {
        outstanding.enter(&mut Done::default()).unwrap_or_else(|| panic!("the producer is closed"))
    }

    #[test]
    fn a_flush_waits_for_earlier_records_and_not_for_later_ones() {
        let outstanding = Outstanding::default();
        let before = enter(&outstanding);
        let mut flushed = outstanding.flush();
        let after = enter(&outstanding);
        assert_ne!(before, after);
        assert!((&mut flushed).now_or_never().is_none());
        outstanding.leave_one(before, &mut Done::default());
        assert_eq!(flushed.now_or_never(), Some(Ok(())));
        assert!(!outstanding.is_empty());
    }

    #[test]
    fn a_second_flush_waits_for_its_own_turn() {
        let outstanding = Outstanding::default();
        let first = enter(&outstanding);
        let mut one = outstanding.flush();
        let second = enter(&outstanding);
        let mut two = outstanding.flush();
        outstanding.leave_one(second, &mut Done::default());
        assert!((&mut one).now_or_never().is_none());
        assert!((&mut two).now_or_never().is_none());
        outstanding.leave_one(first, &mut Done::default());
        assert!(one.now_or_never().is_some());
        assert!(two.now_or_never().is_some());
    }

    #[test]
    fn records_are_rejected_after_close() {
        let outstanding = Outstanding::default();
        outstanding.close();
        assert!(outstanding.enter(&mut Done::default()).is_none());
        assert!(outstanding.is_empty());
        assert!(outstanding.flush().now_or_never().is_some());
    }

    #[test]
    fn a_flush_fails_when_the_delivery_thread_has_ended() {
        let outstanding = Outstanding::default();
        let _ = enter(&outstanding);
        let mut before = outstanding.flush();
        assert!((&mut before).now_or_never().is_none());
        outstanding.abandon(&mut Done::default());
        assert_eq!(before.now_or_never(), Some(Err(Abandoned)));
        assert_eq!(outstanding.flush().now_or_never(), Some(Err(Abandoned)));
    }
}
