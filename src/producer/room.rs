//! `buffer.memory`: what every record takes from acceptance to report, and the senders that wait for it, in order.
//!
//! Room and its waiters are a Dekker pair. A sender that finds no room raises `waiting` and then looks a second time; whoever
//! frees room lowers `used` and then reads `waiting`. With sequentially consistent operations one of the two sees the other, so
//! no wake-up is lost. `waiting` is lowered only when the record is with librdkafka, so that who reads 0 overtakes nobody.
//!
//! The delivery thread itself admits those that wait. It does not wake them to try again: order would depend on the executor,
//! and a task that is not polled would hold up all behind it. The future only learns that its record was accepted.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crate::native::Draft;

/// The room that a producer's records share.
pub(super) struct Room {
    limit: usize,
    max_block: Duration,
    used: AtomicUsize,
    /// How many wait. Changed under the queue's lock, and lowered only after the record that left is with librdkafka:
    /// who reads 0 cannot overtake anybody.
    waiting: AtomicUsize,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    /// In order of arrival, and so of `id` and, since all wait equally long, of `deadline`.
    waiters: VecDeque<Waiter>,
    next_id: u64,
}

struct Waiter {
    id: u64,
    draft: Draft,
    deadline: Instant,
}

/// What became of a draft that asked for room.
pub(super) enum Ticket {
    /// There was room, and it is taken.
    Granted(Draft),
    /// It waits under this number; the first one sets the timer for all.
    Waiting { id: u64, first: bool },
}

/// Waiters are served in bunches of this size, so that others can queue up in between.
const BUNCH: usize = 64;

impl Room {
    pub(super) fn new(limit: usize, max_block: Duration) -> Self {
        Self { limit, max_block, used: AtomicUsize::new(0), waiting: AtomicUsize::new(0), queue: Mutex::default() }
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    pub(super) fn max_block(&self) -> Duration {
        self.max_block
    }

    /// Whether a record waits.
    pub(super) fn is_waited_for(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0
    }

    /// The bytes that are not taken.
    pub(super) fn available(&self) -> usize {
        self.limit.saturating_sub(self.used.load(Ordering::Relaxed))
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Takes room if there is some and nobody waits for it.
    pub(super) fn try_take(&self, bytes: usize) -> bool {
        self.waiting.load(Ordering::SeqCst) == 0 && self.take(bytes)
    }

    /// Takes room at once, or queues up.
    pub(super) fn take_or_wait(&self, draft: Draft) -> Ticket {
        if self.try_take(draft.charge()) {
            return Ticket::Granted(draft);
        }
        let mut queue = self.lock();
        // Counted before the second look: who frees room after that look sees the count, and serves the queue.
        self.waiting.fetch_add(1, Ordering::SeqCst);
        if queue.waiters.is_empty() && self.take(draft.charge()) {
            self.waiting.fetch_sub(1, Ordering::SeqCst);
            return Ticket::Granted(draft);
        }
        let id = queue.next_id;
        queue.next_id += 1;
        let first = queue.waiters.is_empty();
        queue.waiters.push_back(Waiter { id, draft, deadline: Instant::now() + self.max_block });
        Ticket::Waiting { id, first }
    }

    /// Gives room back. Whoever does so calls [`serve`](Self::serve) next.
    pub(super) fn release(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::SeqCst);
    }

    /// Hands the drafts for which there is room now to `admit`, in order.
    pub(super) fn serve(&self, mut admit: impl FnMut(Draft)) {
        while self.waiting.load(Ordering::SeqCst) > 0 {
            let mut queue = self.lock();
            for _ in 0..BUNCH {
                match queue.waiters.front() {
                    Some(waiter) if self.take(waiter.draft.charge()) => {}
                    _ => return,
                }
                if let Some(waiter) = queue.waiters.pop_front() {
                    admit(waiter.draft);
                    self.waiting.fetch_sub(1, Ordering::SeqCst);
                }
            }
        }
    }

    /// Takes out a waiter that has given up, if it still waits.
    pub(super) fn withdraw(&self, id: u64) -> Option<Draft> {
        let mut queue = self.lock();
        let index = queue.waiters.binary_search_by_key(&id, |waiter| waiter.id).ok()?;
        let waiter = queue.waiters.remove(index)?;
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        Some(waiter.draft)
    }

    /// Takes out those that have waited for `max.block.ms`.
    pub(super) fn expired(&self, now: Instant) -> Vec<Draft> {
        self.take_while(|waiter| waiter.deadline <= now)
    }

    /// Takes out everybody.
    pub(super) fn clear(&self) -> Vec<Draft> {
        self.take_while(|_| true)
    }

    /// When the first waiter's time is over.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        if self.waiting.load(Ordering::SeqCst) == 0 {
            return None;
        }
        self.lock().waiters.front().map(|waiter| waiter.deadline)
    }

    fn take_while(&self, leaves: impl Fn(&Waiter) -> bool) -> Vec<Draft> {
        let mut out = Vec::new();
        if self.waiting.load(Ordering::SeqCst) == 0 {
            return out;
        }
        let mut queue = self.lock();
        while queue.waiters.front().is_some_and(&leaves) {
            if let Some(waiter) = queue.waiters.pop_front() {
                self.waiting.fetch_sub(1, Ordering::SeqCst);
                out.push(waiter.draft);
            }
        }
        out
    }

    fn take(&self, bytes: usize) -> bool {
        self.used
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |used| used.checked_add(bytes).filter(|&sum| sum <= self.limit))
            .is_ok()
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::Pool;

    fn draft(pool: &Pool, charge: usize) -> Draft {
        let mut draft = pool.take();
        draft.set_charge(charge);
        draft
    }

    fn room(limit: usize) -> Room {
        Room::new(limit, Duration::from_secs(60))
    }

    fn waits(room: &Room, draft: Draft) -> u64 {
        match room.take_or_wait(draft) {
            Ticket::Waiting { id, .. } => id,
            Ticket::Granted(_) => panic!("there was no room to grant"),
        }
    }

    #[test]
    fn waiters_are_served_in_order_and_a_small_one_does_not_overtake() {
        let (pool, room) = (Pool::default(), room(100));
        assert!(room.try_take(90));
        waits(&room, draft(&pool, 50));
        waits(&room, draft(&pool, 5));
        assert!(!room.try_take(1), "a newcomer must not overtake");
        let mut served = Vec::new();
        room.serve(|draft| served.push(draft.charge()));
        assert_eq!(served, [] as [usize; 0], "the first does not fit, so the second waits too");
        room.release(90);
        room.serve(|draft| served.push(draft.charge()));
        assert_eq!(served, [50, 5]);
        assert_eq!(room.available(), 45);
        assert!(room.try_take(45));
    }

    #[test]
    fn who_withdraws_leaves_the_queue_and_its_room() {
        let (pool, room) = (Pool::default(), room(10));
        assert!(room.try_take(10));
        let first = waits(&room, draft(&pool, 10));
        let second = waits(&room, draft(&pool, 4));
        assert!(room.withdraw(first).is_some());
        assert!(room.withdraw(first).is_none());
        room.release(10);
        let mut served = 0;
        room.serve(|_| served += 1);
        assert_eq!((served, room.available()), (1, 6));
        assert!(room.withdraw(second).is_none(), "accepted records cannot be withdrawn");
    }

    #[test]
    fn time_is_over_for_those_that_came_first() {
        let (pool, room) = (Pool::default(), Room::new(1, Duration::from_millis(1)));
        assert!(room.try_take(1));
        waits(&room, draft(&pool, 1));
        let deadline = room.next_deadline().unwrap();
        assert!(room.expired(deadline - Duration::from_nanos(1)).is_empty());
        assert_eq!(room.expired(deadline).len(), 1);
        assert!(room.next_deadline().is_none());
    }
}
