//! The pool of free slots.

use std::{
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::slot::{Draft, FreeSlot};

/// Free slots keep at most this much memory; what comes back beyond it goes to the allocator.
const KEPT_BYTES: usize = 16 * 1024 * 1024;

/// Free slots, the one used last on top: it is still in the cache.
#[derive(Default)]
pub(crate) struct Pool {
    free: Mutex<Free>,
}

#[derive(Default)]
struct Free {
    slots: Vec<FreeSlot>,
    bytes: usize,
    closed: bool,
}

impl Pool {
    pub(crate) fn take(&self) -> Draft {
        let free = self.lock().pop();
        free.map_or_else(Draft::new, Draft::from)
    }

    pub(super) fn give(&self, slot: FreeSlot) {
        let surplus = self.lock().push(slot);
        drop(surplus);
    }

    pub(super) fn give_all(&self, slots: &mut Vec<FreeSlot>) {
        if slots.is_empty() {
            return;
        }
        let mut free = self.lock();
        for slot in slots.drain(..) {
            drop(free.push(slot));
        }
    }

    /// Gives half of what is free back to the allocator: called when the producer is idle.
    pub(super) fn shrink(&self) {
        let surplus = {
            let mut free = self.lock();
            let keep = free.slots.len() / 2;
            let surplus = free.slots.split_off(keep);
            free.bytes = free.slots.iter().map(FreeSlot::kept).sum();
            if free.slots.capacity() > 64 {
                free.slots.shrink_to_fit();
            }
            surplus
        };
        drop(surplus);
    }

    /// Frees everything, now and from now on: slots hold their topic, and the topic this pool.
    pub(super) fn close(&self) {
        let slots = {
            let mut free = self.lock();
            free.closed = true;
            mem::take(&mut free.slots)
        };
        drop(slots);
    }

    /// How many slots are free, and how many bytes they keep.
    #[cfg(test)]
    pub(crate) fn kept(&self) -> (usize, usize) {
        let free = self.lock();
        (free.slots.len(), free.bytes)
    }

    fn lock(&self) -> MutexGuard<'_, Free> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Free {
    fn pop(&mut self) -> Option<FreeSlot> {
        let slot = self.slots.pop()?;
        self.bytes = self.bytes.saturating_sub(slot.kept());
        Some(slot)
    }

    /// Gives the slot back if there is no place for it.
    fn push(&mut self, slot: FreeSlot) -> Option<FreeSlot> {
        let kept = slot.kept();
        if self.closed || self.bytes + kept > KEPT_BYTES {
            return Some(slot);
        }
        self.bytes += kept;
        self.slots.push(slot);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::slot::{Outcome, Reported};

    fn used(pool: &Pool, bytes: usize) -> FreeSlot {
        let mut draft = pool.take();
        draft.body_mut().buffer.extend(std::iter::repeat_n(0, bytes));
        // SAFETY: the opaque was made here, and comes back once.
        let reported = unsafe { Reported::from_opaque(draft.into_opaque()) };
        reported.complete(Outcome::default()).unwrap_err()
    }

    #[test]
    fn what_is_kept_is_bounded_and_shrinks() {
        let pool = Pool::default();
        let mut slots: Vec<_> = (0..3000).map(|_| used(&pool, 10_000)).collect();
        pool.give_all(&mut slots);
        let (count, bytes) = pool.kept();
        assert!(bytes <= KEPT_BYTES && count < 3000, "{count} slots, {bytes} bytes");
        pool.shrink();
        let (fewer, smaller) = pool.kept();
        assert!(fewer <= count / 2 && smaller <= bytes / 2 + 1, "{fewer} slots, {smaller} bytes");
        pool.give(used(&pool, 1_000_000));
        assert!(pool.kept().1 < smaller + 10_000, "a large buffer is not kept");
        pool.close();
        pool.give(used(&pool, 10));
        assert_eq!(pool.kept().0, 0);
    }
}
