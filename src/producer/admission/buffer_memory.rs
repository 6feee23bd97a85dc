//! `buffer.memory`: what every record takes from `send` to report, and the records that wait for it, in order.
//!
//! Room and its waiters are a Dekker pair. A sender that finds no room raises `waiting` and then looks a second time. A thread that
//! frees room lowers `used` and then reads `waiting`. With sequentially consistent operations one of the two sees the other, so
//! no wake-up is lost. `waiting` is lowered only when the record has gone where it was admitted to: a sender that reads 0 overtakes no record.
//!
//! Every function that frees room or takes a waiter out takes an `admit` function as well, and serves the queue before it returns: no exit
//! can forget those that wait behind it.
//!
//! One thread at a time admits (`Queue::serving`), with the lock released: librdkafka calls the program's partitioner meanwhile. The others
//! need not wait for it: it looks at the queue once more before it stops.
//!
//! The thread that frees room admits the waiters itself. It does not wake them to try again: order would depend on the executor,
//! and a task that is not polled would hold up all behind it. The future only learns that its record was accepted.
//!
//! Of the crate this file names `Deadline` only, so that its model checker (`tests/loom`) can include it.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::sync::{AtomicUsize, Mutex, Ordering};
use crate::{deadline::Deadline, lock::lock};

/// The room that a producer's records share. `W` is what waits for it.
pub(crate) struct BufferMemory<W> {
    limit: usize,
    max_block: Duration,
    used: AtomicUsize,
    /// How many wait. Raised under the queue's lock, and lowered only after a record that left is where it was admitted to.
    waiting: AtomicUsize,
    queue: Mutex<Queue<W>>,
}

struct Queue<W> {
    /// In order of arrival, and so of `id` and, since all wait equally long, of `deadline`.
    waiters: VecDeque<Waiter<W>>,
    next_id: u64,
    /// A thread admits waiters that it has taken out.
    serving: bool,
    closed: bool,
}

struct Waiter<W> {
    id: u64,
    bytes: usize,
    deadline: Deadline,
    what: W,
}

/// What became of a request for room.
pub(crate) enum Claim<W> {
    /// There was room, and it is taken.
    Granted(W),
    /// It waits under this number; the first one sets the timer for all.
    Waiting { id: u64, first: bool },
    /// Nobody serves the queue any more.
    Closed(W),
}

/// What was admitted is not sent after all: so much of the room is free again.
pub(crate) type Refused = usize;

/// Waiters are taken out in bunches of this size.
const BUNCH: usize = 64;

impl<W> BufferMemory<W> {
    pub(crate) fn new(limit: usize, max_block: Duration) -> Self {
        let queue = Queue { waiters: VecDeque::new(), next_id: 0, serving: false, closed: false };
        Self { limit, max_block, used: AtomicUsize::new(0), waiting: AtomicUsize::new(0), queue: Mutex::new(queue) }
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    pub(crate) fn max_block(&self) -> Duration {
        self.max_block
    }

    /// Whether a record waits.
    pub(crate) fn is_waited_for(&self) -> bool {
        self.waiting() > 0
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }

    /// The bytes that are not taken.
    pub(crate) fn available(&self) -> usize {
        self.limit.saturating_sub(self.used.load(Ordering::SeqCst))
    }

    /// Whether more is taken than there is: see [`exchange`](Self::exchange).
    pub(crate) fn is_overdrawn(&self) -> bool {
        self.used.load(Ordering::SeqCst) > self.limit
    }

    /// Takes room if there is some and nobody waits for it.
    pub(crate) fn try_take(&self, bytes: usize) -> bool {
        self.waiting.load(Ordering::SeqCst) == 0 && self.take(bytes)
    }

    /// Takes room at once, or queues up.
    pub(crate) fn take_or_wait(&self, bytes: usize, what: W) -> Claim<W> {
        if self.try_take(bytes) {
            return Claim::Granted(what);
        }
        let mut queue = lock(&self.queue);
        if queue.closed {
            return Claim::Closed(what);
        }
        // Counted before the second look: a thread that frees room after that look sees the count, and serves the queue.
        let ahead = self.waiting.fetch_add(1, Ordering::SeqCst);
        if ahead == 0 && self.take(bytes) {
            self.waiting.fetch_sub(1, Ordering::SeqCst);
            return Claim::Granted(what);
        }
        let id = queue.next_id;
        queue.next_id += 1;
        let first = queue.waiters.is_empty();
        let deadline = Deadline::after(self.max_block);
        queue.waiters.push_back(Waiter { id, bytes, deadline, what });
        Claim::Waiting { id, first }
    }

    /// Gives room back.
    pub(crate) fn release(&self, bytes: usize, admit: impl FnMut(W) -> Result<(), Refused>) {
        self.used.fetch_sub(bytes, Ordering::SeqCst);
        self.serve(admit);
    }

    /// Has a record that took `from` bytes take `to`, even beyond the limit: it cannot wait for the rest, since records that hold room and
    /// wait for more could wait for each other. The caller sees to it that one record at a time goes beyond the limit
    /// ([`is_overdrawn`](Self::is_overdrawn)).
    pub(crate) fn exchange(&self, from: usize, to: usize, admit: impl FnMut(W) -> Result<(), Refused>) {
        if to > from {
            self.used.fetch_add(to - from, Ordering::SeqCst);
        } else if from > to {
            self.release(from - to, admit);
        }
    }

    /// Takes out a waiter that has given up, if it still waits.
    pub(crate) fn withdraw(&self, id: u64, admit: impl FnMut(W) -> Result<(), Refused>) -> Option<W> {
        let left = {
            let mut queue = lock(&self.queue);
            let index = queue.waiters.binary_search_by_key(&id, |waiter| waiter.id).ok()?;
            let waiter = queue.waiters.remove(index)?;
            self.waiting.fetch_sub(1, Ordering::SeqCst);
            waiter.what
        };
        self.serve(admit);
        Some(left)
    }

    /// Takes out those that have waited for `max.block.ms`.
    pub(crate) fn expire(&self, now: Instant, admit: impl FnMut(W) -> Result<(), Refused>) -> Vec<W> {
        let mut left = Vec::new();
        if self.is_waited_for() {
            let mut queue = lock(&self.queue);
            while queue.waiters.front().is_some_and(|waiter| waiter.deadline.is_over(now)) {
                if let Some(waiter) = queue.waiters.pop_front() {
                    self.waiting.fetch_sub(1, Ordering::SeqCst);
                    left.push(waiter.what);
                }
            }
        }
        if !left.is_empty() {
            self.serve(admit);
        }
        left
    }

    /// Takes out everything that waits, so that there is nothing left to serve; lets nothing wait from now on if `close` says so.
    pub(crate) fn clear(&self, close: bool) -> Vec<W> {
        if !close && !self.is_waited_for() {
            return Vec::new();
        }
        let mut queue = lock(&self.queue);
        queue.closed |= close;
        self.waiting.fetch_sub(queue.waiters.len(), Ordering::SeqCst);
        queue.waiters.drain(..).map(|waiter| waiter.what).collect()
    }

    /// When the first waiter's time is over.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        if !self.is_waited_for() {
            return None;
        }
        lock(&self.queue).waiters.front().and_then(|waiter| waiter.deadline.instant())
    }

    /// Gives the waiters for which there is room now to `admit`, in order, unless another thread does so: that one sees the room that was
    /// freed before this was called.
    fn serve(&self, mut admit: impl FnMut(W) -> Result<(), Refused>) {
        if !self.is_waited_for() {
            return;
        }
        let mut queue = lock(&self.queue);
        if queue.serving {
            return;
        }
        let mut bunch = Bunch { buffer_memory: self, waiters: Vec::new(), under_way: false };
        loop {
            while bunch.waiters.len() < BUNCH {
                match queue.waiters.front() {
                    Some(waiter) if self.take(waiter.bytes) => bunch.waiters.extend(queue.waiters.pop_front()),
                    _ => break,
                }
            }
            queue.serving = !bunch.waiters.is_empty();
            if !queue.serving {
                return;
            }
            drop(queue);
            bunch.under_way = true;
            bunch.waiters.reverse();
            while let Some(waiter) = bunch.waiters.pop() {
                if let Err(bytes) = admit(waiter.what) {
                    self.used.fetch_sub(bytes, Ordering::SeqCst);
                }
                self.waiting.fetch_sub(1, Ordering::SeqCst);
            }
            bunch.under_way = false;
            queue = lock(&self.queue);
        }
    }

    fn take(&self, bytes: usize) -> bool {
        self.used
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |used| used.checked_add(bytes).filter(|&sum| sum <= self.limit))
            .is_ok()
    }
}

/// Waiters that are taken out. Dropped with some of them by a panic of our own, it lets other threads serve those that are left.
struct Bunch<'a, W> {
    buffer_memory: &'a BufferMemory<W>,
    waiters: Vec<Waiter<W>>,
    under_way: bool,
}

impl<W> Drop for Bunch<'_, W> {
    fn drop(&mut self) {
        if self.under_way {
            let lost = self.waiters.iter().map(|waiter| waiter.bytes).sum();
            self.buffer_memory.used.fetch_sub(lost, Ordering::SeqCst);
            // And the one that was just being admitted.
            self.buffer_memory.waiting.fetch_sub(self.waiters.len() + 1, Ordering::SeqCst);
            lock(&self.buffer_memory.queue).serving = false;
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// What waits is its own size.
    fn buffer_memory(limit: usize) -> BufferMemory<usize> {
        BufferMemory::new(limit, Duration::from_secs(60))
    }

    fn waits(buffer_memory: &BufferMemory<usize>, bytes: usize) -> u64 {
        match buffer_memory.take_or_wait(bytes, bytes) {
            Claim::Waiting { id, .. } => id,
            Claim::Granted(_) | Claim::Closed(_) => panic!("it does not wait"),
        }
    }

    fn into(served: &mut Vec<usize>) -> impl FnMut(usize) -> Result<(), Refused> + '_ {
        |bytes| {
            served.push(bytes);
            Ok(())
        }
    }

    #[test]
    fn waiters_are_served_in_order_and_a_small_one_does_not_overtake() {
        let buffer_memory = buffer_memory(100);
        assert!(buffer_memory.try_take(90));
        waits(&buffer_memory, 50);
        waits(&buffer_memory, 5);
        assert!(!buffer_memory.try_take(1), "a newcomer must not overtake");
        let mut served = Vec::new();
        buffer_memory.release(10, into(&mut served));
        assert_eq!(served, [] as [usize; 0], "the first does not fit, so the second waits too");
        buffer_memory.release(80, into(&mut served));
        assert_eq!(served, [50, 5]);
        assert_eq!(buffer_memory.available(), 45);
        assert!(buffer_memory.try_take(45));
    }

    #[test]
    fn a_large_waiter_that_leaves_lets_the_small_ones_behind_it_in() {
        type Leave = fn(&BufferMemory<usize>, u64, &mut Vec<usize>) -> usize;
        let ways: [Leave; 2] = [
            |buffer_memory, id, served| buffer_memory.withdraw(id, into(served)).into_iter().count(),
            |buffer_memory, _, served| {
                let deadline = buffer_memory.next_deadline().unwrap();
                assert!(buffer_memory.expire(deadline - Duration::from_nanos(1), |_| panic!("nobody left")).is_empty());
                buffer_memory.expire(deadline, into(served)).len()
            },
        ];
        for leave in ways {
            let buffer_memory = buffer_memory(100);
            assert!(buffer_memory.try_take(90));
            let large = waits(&buffer_memory, 50);
            std::thread::sleep(Duration::from_millis(1));
            waits(&buffer_memory, 5);
            let mut served = Vec::new();
            assert_eq!((leave(&buffer_memory, large, &mut served), &*served), (1, &[5][..]));
            assert_eq!((buffer_memory.available(), buffer_memory.waiting()), (5, 0));
            assert!(buffer_memory.withdraw(large, |_| panic!("nobody is left")).is_none(), "it has left");
        }
    }

    #[test]
    fn a_waiter_that_is_refused_when_it_is_admitted_lets_the_next_one_in() {
        let buffer_memory = buffer_memory(100);
        assert!(buffer_memory.try_take(100));
        waits(&buffer_memory, 100);
        waits(&buffer_memory, 70);
        let mut served = Vec::new();
        buffer_memory.release(100, |bytes| {
            served.push(bytes);
            if bytes == 100 { Err(bytes) } else { Ok(()) }
        });
        assert_eq!((served, buffer_memory.available()), (vec![100, 70], 30));
    }

    #[test]
    fn a_waiter_is_admitted_without_a_lock() {
        let buffer_memory = buffer_memory(100);
        assert!(buffer_memory.try_take(100));
        waits(&buffer_memory, 60);
        waits(&buffer_memory, 10);
        let mut admitted = Vec::new();
        buffer_memory.release(100, |bytes| {
            admitted.push(bytes);
            if bytes == 60 {
                // As a partitioner of the program might: the queue is not empty until this one is with librdkafka.
                assert!(!buffer_memory.try_take(1));
                waits(&buffer_memory, 5);
                buffer_memory.release(0, |_| panic!("another thread serves"));
            }
            Ok(())
        });
        assert_eq!((admitted, buffer_memory.available()), (vec![60, 10, 5], 25));
    }

    #[test]
    fn the_room_goes_on_when_a_panic_of_our_own_ends_a_thread_that_admits() {
        let buffer_memory = buffer_memory(100);
        assert!(buffer_memory.try_take(100));
        waits(&buffer_memory, 30);
        waits(&buffer_memory, 30);
        let admit = |_| -> Result<(), Refused> { panic!("a bug of ours") };
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| buffer_memory.release(70, admit)));
        assert!(panicked.is_err());
        assert_eq!(buffer_memory.waiting(), 0);
        waits(&buffer_memory, 60);
        let mut served = Vec::new();
        buffer_memory.release(30, into(&mut served));
        assert_eq!(served, [60]);
    }

    #[test]
    fn a_record_may_take_more_than_it_took_even_beyond_the_limit() {
        let buffer_memory = buffer_memory(100);
        assert!(buffer_memory.try_take(50) && buffer_memory.try_take(50));
        buffer_memory.exchange(50, 70, |_| panic!("nobody waits"));
        assert!(buffer_memory.is_overdrawn() && buffer_memory.available() == 0 && !buffer_memory.try_take(1));
        waits(&buffer_memory, 30);
        let mut served = Vec::new();
        buffer_memory.exchange(70, 20, into(&mut served));
        assert_eq!((served, buffer_memory.available()), (vec![30], 0));
    }

    #[test]
    fn nothing_waits_for_a_room_that_is_closed() {
        let buffer_memory = buffer_memory(1);
        assert!(buffer_memory.try_take(1));
        waits(&buffer_memory, 1);
        assert_eq!(buffer_memory.clear(false), [1]);
        waits(&buffer_memory, 1);
        assert_eq!(buffer_memory.clear(true), [1]);
        assert!(matches!(buffer_memory.take_or_wait(1, 1), Claim::Closed(1)));
        assert!(!buffer_memory.is_waited_for());
    }
}
