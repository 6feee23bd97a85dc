//! The pool of free slots.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::slot::{Draft, Slot};

/// Free slots keep at most this much memory; what comes back beyond it goes to the allocator.
const KEPT_BYTES: usize = 16 * 1024 * 1024;

/// Free slots, the one used last on top: it is still in the cache.
#[derive(Default)]
pub(crate) struct Pool {
    free: Mutex<Free>,
}

#[derive(Default)]
struct Free {
    slots: Vec<Arc<Slot>>,
    bytes: usize,
    closed: bool,
}

impl Pool {
    pub(crate) fn take(&self) -> Draft {
        self.lock().pop().and_then(Draft::reuse).unwrap_or_else(Draft::new)
    }

    pub(super) fn give(&self, slot: Arc<Slot>) {
        self.lock().push(slot);
    }

    pub(super) fn give_all(&self, slots: &mut Vec<Arc<Slot>>) {
        if slots.is_empty() {
            return;
        }
        let mut free = self.lock();
        for slot in slots.drain(..) {
            free.push(slot);
        }
    }

    /// Gives half of what is free back to the allocator: called when the producer is idle.
    pub(super) fn shrink(&self) {
        let surplus = {
            let mut free = self.lock();
            let keep = free.slots.len() / 2;
            let surplus = free.slots.split_off(keep);
            free.bytes = free.slots.iter_mut().filter_map(Arc::get_mut).map(Slot::kept).sum();
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
    fn pop(&mut self) -> Option<Arc<Slot>> {
        let mut slot = self.slots.pop()?;
        let kept = Arc::get_mut(&mut slot).map_or(0, Slot::kept);
        self.bytes = self.bytes.saturating_sub(kept);
        Some(slot)
    }

    fn push(&mut self, mut slot: Arc<Slot>) {
        let Some(free) = Arc::get_mut(&mut slot) else { return };
        let kept = free.kept();
        if !self.closed && self.bytes + kept <= KEPT_BYTES {
            self.bytes += kept;
            self.slots.push(slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::slot::Reported;

    fn used(pool: &Pool, bytes: usize) -> Arc<Slot> {
        let mut draft = pool.take();
        draft.body_mut().buffer.extend(std::iter::repeat_n(0, bytes));
        // SAFETY: the opaque was made here, and comes back once.
        let reported = unsafe { Reported::from_opaque(draft.into_opaque()) };
        reported.retire().unwrap()
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

    #[test]
    fn a_slot_that_somebody_still_holds_is_not_handed_out_again() {
        let pool = Pool::default();
        let slot = used(&pool, 10);
        let held = Arc::clone(&slot);
        pool.give(slot);
        assert_eq!(pool.kept().0, 0);
        drop(held);
    }
}
