//! The pool of free slots.

use std::{mem, sync::Mutex};

use super::{
    fork_guard::ForkGuard,
    slot::{Draft, FreeSlot, Slot},
};
use crate::lock::{lock, unpoisoned};

/// The number of free slots that are kept: 16 MiB. Slots beyond it are returned to the allocator.
const KEPT: usize = 16 * 1024 * 1024 / size_of::<Slot>();

/// How many records ahead a slot is loaded: the delivery thread may have written it, on another core.
const AHEAD: usize = 4;

/// Free slots. The last used one is on top, because it is still in the cache.
pub(crate) struct Pool {
    free: Mutex<Vec<FreeSlot>>,
    fork_guard: ForkGuard,
}

impl Default for Pool {
    fn default() -> Self {
        Self { free: Mutex::default(), fork_guard: ForkGuard::current() }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // After a fork the list may be inconsistent, because another thread was changing it: it is leaked.
        if self.fork_guard.is_left() {
            mem::forget(mem::take(unpoisoned(self.free.get_mut())));
        }
    }
}

impl Pool {
    pub(crate) fn take(&self) -> Draft {
        let mut free = lock(&self.free);
        let slot = free.pop();
        if let Some(later) = free.len().checked_sub(AHEAD).and_then(|index| free.get(index)) {
            later.prefetch();
        }
        drop(free);
        Draft::from(slot.unwrap_or_default())
    }

    pub(super) fn give(&self, slot: FreeSlot) {
        // After a fork the mutex may stay locked.
        if self.fork_guard.is_left() {
            return;
        }
        let mut free = lock(&self.free);
        if free.len() < KEPT {
            free.push(slot);
        }
    }

    /// Takes back the slots of a batch of reports.
    pub(super) fn give_all(&self, slots: &mut Vec<FreeSlot>) {
        {
            let mut free = lock(&self.free);
            let kept = slots.len().min(KEPT.saturating_sub(free.len()));
            free.extend(slots.drain(..kept));
        }
        slots.clear();
    }

    /// Returns half of the free slots to the allocator. Called when the producer is idle.
    pub(super) fn shrink(&self) {
        let surplus = {
            let mut free = lock(&self.free);
            let keep = free.len() / 2;
            let surplus = free.split_off(keep);
            if free.capacity() > 64 {
                free.shrink_to_fit();
            }
            surplus
        };
        drop(surplus);
    }

    /// The number of free slots.
    pub(super) fn kept(&self) -> usize {
        lock(&self.free).len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::{outcome::Outcome, slot::Reported};

    fn use_many(pool: &Pool, records: usize) {
        let drafts: Vec<_> = (0..records).map(|_| pool.take()).collect();
        let reports = drafts.into_iter().map(|draft| Reported::from(draft).complete(Outcome::default()));
        let mut slots: Vec<_> = reports.filter_map(Result::err).collect();
        assert_eq!(slots.len(), records, "no future has the slot");
        pool.give_all(&mut slots);
        assert!(slots.is_empty());
    }

    #[test]
    fn free_slots_are_limited_and_shrink() {
        let pool = Pool::default();
        use_many(&pool, KEPT + 1);
        assert_eq!(pool.kept(), KEPT);
        pool.give(FreeSlot::default());
        assert_eq!(pool.kept(), KEPT);
        pool.shrink();
        assert_eq!(pool.kept(), KEPT / 2);
        for _ in 0..20 {
            pool.shrink();
        }
        assert_eq!(pool.kept(), 0, "an idle producer finally keeps no slots");
    }

    #[test]
    fn free_slots_are_reused() {
        let pool = Pool::default();
        use_many(&pool, 10);
        use_many(&pool, 10);
        assert_eq!(pool.kept(), 10);
    }
}
