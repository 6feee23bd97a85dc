//! `buffer.memory`: the memory that each record uses from `send` to its report, and the queue of records that wait for it.
//!
//! Memory and waiters are a Dekker pair. A sender without memory increments `waiting` and then tries again. A thread that frees memory
//! decreases `used` and then reads `waiting`. With sequentially consistent operations one of them sees the other, so no wake-up is lost.
//! `waiting` is decremented only after an admitted record has been passed on, so a sender that reads 0 cannot overtake a waiter.
//!
//! Every function that frees memory or removes a waiter takes an `admit` function and serves the queue before it returns, so the waiters behind
//! are never forgotten.
//!
//! One thread at a time admits (`Queue::serving`), without the lock, since librdkafka calls the program's partitioner meanwhile. Other threads
//! need not wait: the serving thread checks the queue again before it stops.
//!
//! The thread that frees memory admits the waiters itself. If it woke their tasks to try again, the order would depend on the executor, and a
//! task that is not polled would block all others. The future only learns that its record was accepted.
//!
//! This file uses only `Deadline` of the crate, so that its loom test (`tests/loom`) can include it.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::sync::{AtomicUsize, Mutex, Ordering};
use crate::{deadline::Deadline, lock::lock};

/// The memory of a producer's records. `W` is the type of a waiting record.
pub(crate) struct BufferMemory<W> {
    limit: usize,
    max_block: Duration,
    used: AtomicUsize,
    /// The number of waiters. Incremented under the queue's lock, and decremented only after an admitted record has been passed on.
    waiting: AtomicUsize,
    queue: Mutex<Queue<W>>,
}

struct Queue<W> {
    /// In order of arrival, and so sorted by `id` and by `deadline`, since all wait for the same time.
    waiters: VecDeque<Waiter<W>>,
    next_id: u64,
    /// A thread is admitting waiters that it has removed.
    serving: bool,
    closed: bool,
}

struct Waiter<W> {
    id: u64,
    bytes: usize,
    deadline: Deadline,
    what: W,
}

/// The result of a request for memory.
pub(crate) enum Claim<W> {
    /// The memory is reserved.
    Granted(W),
    /// The record waits with this id. The first waiter starts the timer.
    Waiting { id: u64, first: bool },
    /// The queue is closed.
    Closed(W),
}

/// The bytes to release, because an admitted record was not sent after all.
pub(crate) type Refused = usize;

/// The number of waiters that are removed at a time.
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

    /// Whether any record waits.
    pub(crate) fn is_waited_for(&self) -> bool {
        self.waiting() > 0
    }

    /// The number of waiting records.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }

    /// The free bytes.
    pub(crate) fn available(&self) -> usize {
        self.limit.saturating_sub(self.used.load(Ordering::SeqCst))
    }

    /// Whether more than the limit is used, see [`exchange`](Self::exchange).
    pub(crate) fn is_overdrawn(&self) -> bool {
        self.used.load(Ordering::SeqCst) > self.limit
    }

    /// Reserves memory if there is enough and no record waits.
    pub(crate) fn try_take(&self, bytes: usize) -> bool {
        self.waiting.load(Ordering::SeqCst) == 0 && self.take(bytes)
    }

    /// Reserves memory at once or queues the record.
    pub(crate) fn take_or_wait(&self, bytes: usize, what: W) -> Claim<W> {
        if self.try_take(bytes) {
            return Claim::Granted(what);
        }
        let mut queue = lock(&self.queue);
        if queue.closed {
            return Claim::Closed(what);
        }
        // Counted before the second attempt: a thread that frees memory after that attempt sees the count and serves the queue.
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

    /// Releases memory.
    pub(crate) fn release(&self, bytes: usize, admit: impl FnMut(W) -> Result<(), Refused>) {
        self.used.fetch_sub(bytes, Ordering::SeqCst);
        self.serve(admit);
    }

    /// Changes the reservation of a record, even beyond the limit. It cannot wait for more, since records that have memory and wait for more
    /// could deadlock. The caller ensures that only one record at a time exceeds the limit ([`is_overdrawn`](Self::is_overdrawn)).
    pub(crate) fn exchange(&self, from: usize, to: usize, admit: impl FnMut(W) -> Result<(), Refused>) {
        if to > from {
            self.used.fetch_add(to - from, Ordering::SeqCst);
        } else if from > to {
            self.release(from - to, admit);
        }
    }

    /// Removes a cancelled waiter, if it still waits.
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

    /// Removes the waiters that have waited for `max.block.ms`.
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

    /// Removes all waiters. With `close`, no record can wait any more.
    pub(crate) fn clear(&self, close: bool) -> Vec<W> {
        if !close && !self.is_waited_for() {
            return Vec::new();
        }
        let mut queue = lock(&self.queue);
        queue.closed |= close;
        self.waiting.fetch_sub(queue.waiters.len(), Ordering::SeqCst);
        queue.waiters.drain(..).map(|waiter| waiter.what).collect()
    }

    /// The deadline of the first waiter.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        if !self.is_waited_for() {
            return None;
        }
        lock(&self.queue).waiters.front().and_then(|waiter| waiter.deadline.instant())
    }

    /// Passes the waiters that now fit to `admit`, in order. Returns at once if another thread is serving, which sees the memory that was
    /// freed before this call.
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

/// Removed waiters. If a panic drops some of them, the counts are corrected and other threads can serve the rest.
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
            // Plus the waiter that was being admitted.
            self.buffer_memory.waiting.fetch_sub(self.waiters.len() + 1, Ordering::SeqCst);
            lock(&self.buffer_memory.queue).serving = false;
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// The waiting value is its own size.
    fn buffer_memory(limit: usize) -> BufferMemory<usize> {
        BufferMemory::new(limit, Duration::from_secs(60))
    }

    fn waits(buffer_memory: &BufferMemory<usize>, bytes: usize) -> u64 {
        match buffer_memory.take_or_wait(bytes, bytes) {
            Claim::Waiting { id, .. } => id,
            Claim::Granted(_) | Claim::Closed(_) => panic!("the record does not wait"),
        }
    }

    fn into(served: &mut Vec<usize>) -> impl FnMut(usize) -> Result<(), Refused> + '_ {
        |bytes| {
            served.push(bytes);
            Ok(())
        }
    }

    #[test]
    fn waiters_are_served_in_order_and_small_ones_do_not_overtake() {
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
    fn removing_a_large_waiter_admits_the_small_ones_behind_it() {
        type Leave = fn(&BufferMemory<usize>, u64, &mut Vec<usize>) -> usize;
        let ways: [Leave; 2] = [
            |buffer_memory, id, served| buffer_memory.withdraw(id, into(served)).into_iter().count(),
            |buffer_memory, _, served| {
                let deadline = buffer_memory.next_deadline().unwrap();
                assert!(buffer_memory.expire(deadline - Duration::from_nanos(1), |_| panic!("no waiter was removed")).is_empty());
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
            assert!(buffer_memory.withdraw(large, |_| panic!("no waiter is left")).is_none(), "it was already removed");
        }
    }

    #[test]
    fn a_waiter_that_fails_admission_makes_way_for_the_next_one() {
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
    fn waiters_are_admitted_without_the_lock() {
        let buffer_memory = buffer_memory(100);
        assert!(buffer_memory.try_take(100));
        waits(&buffer_memory, 60);
        waits(&buffer_memory, 10);
        let mut admitted = Vec::new();
        buffer_memory.release(100, |bytes| {
            admitted.push(bytes);
            if bytes == 60 {
                // Like a send in a partitioner: the queue is not empty until this record has been passed on.
                assert!(!buffer_memory.try_take(1));
                waits(&buffer_memory, 5);
                buffer_memory.release(0, |_| panic!("this thread is already serving"));
            }
            Ok(())
        });
        assert_eq!((admitted, buffer_memory.available()), (vec![60, 10, 5], 25));
    }

    #[test]
    fn a_panic_while_admitting_does_not_block_the_queue() {
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
    fn exchange_may_exceed_the_limit() {
        let buffer_memory = buffer_memory(100);
        assert!(buffer_memory.try_take(50) && buffer_memory.try_take(50));
        buffer_memory.exchange(50, 70, |_| panic!("no record waits"));
        assert!(buffer_memory.is_overdrawn() && buffer_memory.available() == 0 && !buffer_memory.try_take(1));
        waits(&buffer_memory, 30);
        let mut served = Vec::new();
        buffer_memory.exchange(70, 20, into(&mut served));
        assert_eq!((served, buffer_memory.available()), (vec![30], 0));
    }

    #[test]
    fn records_cannot_wait_after_close() {
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
