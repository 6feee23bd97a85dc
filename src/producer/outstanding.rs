//! The records that are accepted and not yet reported: what flush and close wait for.
//!
//! They are counted in two generations. A record raises its generation's count and then reads the generation again; a flush
//! changes the generation and then reads the old count (a Dekker pair, as in `room.rs`). So a flush waits for what came before
//! it and not for what comes after. `closed` is read after the count is raised, for the same reason: a record is either counted
//! or refused.

use std::{
    future::Future,
    mem,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use crate::panic::{TaskWaker, wake};

/// Counts records in two generations. A flush starts a new one and waits until the old one is empty, so that records sent
/// after it do not hold it up. While a flush waits, further ones queue up for the next turn.
#[derive(Default)]
pub(super) struct Outstanding {
    generation: AtomicUsize,
    counts: [AtomicUsize; 2],
    closed: AtomicBool,
    /// Whether `flushes` has anybody in it, for the delivery thread to see without the lock.
    flushing: AtomicBool,
    flushes: Mutex<Flushes>,
}

#[derive(Default)]
struct Flushes {
    /// The generation (0 or 1) that must become empty.
    old: Option<usize>,
    waiting: Vec<Arc<Turn>>,
    queued: Vec<Arc<Turn>>,
}

#[derive(Default)]
struct Turn {
    done: AtomicBool,
    waker: TaskWaker,
}

/// Ready when every record that was accepted before it was made has been reported.
pub(super) struct Flushed(Arc<Turn>);

impl Outstanding {
    /// Counts a record that is about to be handed over; gives its generation, or `None` once closed.
    pub(super) fn enter(&self) -> Option<u8> {
        loop {
            let generation = self.generation.load(Ordering::SeqCst);
            let half = u8::from(generation & 1 == 1);
            let count = self.counts.get(usize::from(half))?;
            count.fetch_add(1, Ordering::SeqCst);
            if self.closed.load(Ordering::SeqCst) {
                self.leave_one(half);
                return None;
            }
            // Either this sees the flush's new generation, or the flush sees this count.
            if self.generation.load(Ordering::SeqCst) == generation {
                return Some(half);
            }
            self.leave_one(half);
        }
    }

    /// Uncounts a record that was not handed over after all.
    pub(super) fn leave_one(&self, generation: u8) {
        let mut records = [0; 2];
        if let Some(count) = records.get_mut(usize::from(generation)) {
            *count = 1;
        }
        self.leave(records);
    }

    /// Uncounts reported records.
    pub(super) fn leave(&self, records: [usize; 2]) {
        for (count, left) in self.counts.iter().zip(records) {
            if left > 0 {
                count.fetch_sub(left, Ordering::SeqCst);
            }
        }
        if self.flushing.load(Ordering::SeqCst) {
            self.turn();
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many there are. Those of a batch of reports count until the whole batch is reported.
    pub(super) fn len(&self) -> usize {
        self.counts.iter().map(|count| count.load(Ordering::SeqCst)).sum()
    }

    /// Lets no more records in.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// Whether a flush waits.
    pub(super) fn is_flushing(&self) -> bool {
        self.flushing.load(Ordering::SeqCst)
    }

    pub(super) fn flush(&self) -> Flushed {
        let turn = Arc::new(Turn::default());
        let mut flushes = self.lock();
        flushes.queued.push(Arc::clone(&turn));
        self.flushing.store(true, Ordering::SeqCst);
        drop(flushes);
        self.turn();
        Flushed(turn)
    }

    /// Ends the flushes whose generation is empty, and begins the next turn.
    fn turn(&self) {
        let mut done = Vec::new();
        {
            let mut flushes = self.lock();
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
                        done.append(&mut flushes.waiting);
                    }
                }
            }
        }
        for turn in done {
            turn.done.store(true, Ordering::Release);
            turn.waker.take().into_iter().for_each(wake);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Flushes> {
        self.flushes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Future for Flushed {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.0.waker.register(context.waker());
        if self.0.done.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn a_flush_waits_for_what_came_before_it_and_not_for_what_came_after() {
        let outstanding = Outstanding::default();
        let before = outstanding.enter().unwrap();
        let mut flushed = outstanding.flush();
        let after = outstanding.enter().unwrap();
        assert_ne!(before, after);
        assert!((&mut flushed).now_or_never().is_none());
        outstanding.leave_one(before);
        assert!(flushed.now_or_never().is_some());
        assert!(!outstanding.is_flushing());
        assert!(!outstanding.is_empty());
    }

    #[test]
    fn a_second_flush_waits_for_its_own_turn() {
        let outstanding = Outstanding::default();
        let first = outstanding.enter().unwrap();
        let mut one = outstanding.flush();
        let second = outstanding.enter().unwrap();
        let mut two = outstanding.flush();
        outstanding.leave_one(second);
        assert!((&mut one).now_or_never().is_none());
        assert!((&mut two).now_or_never().is_none());
        outstanding.leave_one(first);
        assert!(one.now_or_never().is_some());
        assert!(two.now_or_never().is_some());
    }

    #[test]
    fn nothing_comes_in_once_it_is_closed() {
        let outstanding = Outstanding::default();
        outstanding.close();
        assert!(outstanding.enter().is_none());
        assert!(outstanding.is_empty());
        assert!(outstanding.flush().now_or_never().is_some());
    }
}
