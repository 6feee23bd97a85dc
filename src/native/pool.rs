//! The pool of free slots, each with the buffer of its last record.

use std::{mem, sync::Mutex};

use super::{
    fork_guard::ForkGuard,
    slot::{Draft, FreeSlot},
};
use crate::lock::{lock, unpoisoned};

/// The memory limit of free slots. Slots beyond it are returned to the allocator.
const KEPT_BYTES: usize = 16 * 1024 * 1024;

/// A slot with a buffer larger than about this is not kept.
const KEPT_SLOT: usize = 16 * 1024;

/// The memory limit of records that are reported and not read by their future: `buffer.memory` no longer counts them.
const UNREAD_BYTES: usize = 8 * 1024 * 1024;

/// A slot is prefetched this many records ahead: it may be in the cache of the delivery thread's core.
const PREFETCHED: usize = 4;

/// Free slots. The last used one is on top, because it is still in the cache.
pub(crate) struct Pool {
    free: Mutex<Free>,
    fork_guard: ForkGuard,
}

impl Default for Pool {
    fn default() -> Self {
        Self { free: Mutex::default(), fork_guard: ForkGuard::current() }
    }
}

#[derive(Default)]
struct Free {
    slots: Vec<FreeSlot>,
    bytes: usize,
    /// The memory of unread records. Briefly negative if a record is read before its batch is counted.
    unread: isize,
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
        let free = lock(&self.free).pop();
        free.map_or_else(Draft::new, Draft::from)
    }

    pub(super) fn give(&self, slot: FreeSlot) {
        // After a fork the mutex may stay locked.
        let surplus = if self.fork_guard.is_left() { Some(slot) } else { lock(&self.free).push(slot) };
        drop(surplus);
    }

    /// Takes slots back after a batch of reports whose other slots keep `unread` bytes.
    pub(super) fn give_all(&self, slots: &mut Vec<FreeSlot>, unread: usize) {
        let surplus: Vec<FreeSlot> = {
            let mut free = lock(&self.free);
            free.unread = free.unread.saturating_add_unsigned(unread);
            slots.drain(..).filter_map(|slot| free.push(slot)).collect()
        };
        // Not under the lock, because a slot owns parts of its record.
        drop(surplus);
    }

    /// How much more memory unread records may keep.
    pub(super) fn unread_left(&self) -> usize {
        let unread = usize::try_from(lock(&self.free).unread).unwrap_or_default();
        UNREAD_BYTES.saturating_sub(unread)
    }

    /// Returns half of the free slots to the allocator. Called when the producer is idle.
    pub(super) fn shrink(&self) {
        let surplus = {
            let mut free = lock(&self.free);
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

    /// The number of free slots and their memory in bytes.
    #[cfg(test)]
    pub(crate) fn kept(&self) -> (usize, usize) {
        let free = lock(&self.free);
        (free.slots.len(), free.bytes)
    }
}

impl Free {
    fn pop(&mut self) -> Option<FreeSlot> {
        let slot = self.slots.pop()?;
        if let Some(soon) = self.slots.len().checked_sub(PREFETCHED).and_then(|index| self.slots.get(index)) {
            soon.prefetch();
        }
        self.bytes = self.bytes.saturating_sub(slot.kept());
        Some(slot)
    }

    /// Returns the slot if there is no room for it.
    fn push(&mut self, slot: FreeSlot) -> Option<FreeSlot> {
        self.unread = self.unread.saturating_sub_unsigned(slot.unread());
        let kept = slot.kept();
        if kept > KEPT_SLOT || self.bytes + kept > KEPT_BYTES {
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
    use crate::native::{outcome::Outcome, slot::Reported};

    fn used(mut draft: Draft, bytes: usize) -> Reported {
        draft.record_mut().buffer.extend(std::iter::repeat_n(0, bytes));
        let cost = draft.record().cost();
        draft.set_charge(cost);
        Reported::from(draft)
    }

    fn use_many(pool: &Pool, records: usize, bytes: usize) {
        let drafts: Vec<_> = (0..records).map(|_| pool.take()).collect();
        let reports = drafts.into_iter().map(|draft| used(draft, bytes).complete(Outcome::default()));
        let mut slots: Vec<_> = reports.filter_map(Result::err).collect();
        assert_eq!(slots.len(), records, "no future has the slot");
        pool.give_all(&mut slots, 0);
    }

    #[test]
    fn free_slots_are_limited_and_shrink() {
        let pool = Pool::default();
        use_many(&pool, 3000, 10_000);
        let (count, bytes) = pool.kept();
        assert!(bytes <= KEPT_BYTES && count < 3000, "{count} slots, {bytes} bytes");
        pool.shrink();
        let (fewer, smaller) = pool.kept();
        assert!(fewer <= count / 2 && smaller <= bytes / 2 + 1, "{fewer} slots, {smaller} bytes");
        use_many(&pool, fewer + 1, 1_000_000);
        assert_eq!(pool.kept(), (0, 0), "slots with large buffers are not kept");
        use_many(&pool, 1000, 100);
        for _ in 0..20 {
            pool.shrink();
        }
        assert_eq!(pool.kept(), (0, 0), "an idle producer finally keeps no slots");
    }

    #[test]
    fn free_slots_are_reused() {
        let pool = Pool::default();
        use_many(&pool, 10, 100);
        let kept = pool.kept();
        use_many(&pool, 10, 100);
        assert_eq!((pool.kept(), kept.0), (kept, 10));
    }

    #[test]
    fn memory_of_unread_records_is_counted_until_they_are_read() {
        let pool = Pool::default();
        let draft = pool.take();
        let mut pending = draft.pending();
        let mut reported = used(draft, 10_000);
        reported.keep_bytes(true);
        let charge = reported.charge();
        assert!(reported.complete(Outcome::default()).is_ok(), "its future has it");
        pool.give_all(&mut Vec::new(), charge);
        assert_eq!(pool.unread_left(), UNREAD_BYTES - charge);
        pool.give(pending.leave().unwrap());
        assert_eq!(pool.unread_left(), UNREAD_BYTES);
    }
}
