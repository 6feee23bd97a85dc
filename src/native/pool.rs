//! The pool of free slots and of the buffers for their records.
//!
//! They are kept apart: a buffer is free with its record's report, a slot only when the future has been polled.

use std::{
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::slot::{Draft, FreeSlot};

/// What is free keeps at most this much memory; what comes back beyond it goes to the allocator.
const KEPT_BYTES: usize = 16 * 1024 * 1024;

/// A buffer beyond this is not kept.
const KEPT_CAPACITY: usize = 16 * 1024;

/// What was used last is on top: it is still in the cache.
#[derive(Default)]
pub(crate) struct Pool {
    free: Mutex<Free>,
}

#[derive(Default)]
struct Free {
    slots: Vec<FreeSlot>,
    buffers: Vec<Vec<u8>>,
    /// What both of them take.
    bytes: usize,
    closed: bool,
}

impl Pool {
    pub(crate) fn take(&self) -> Draft {
        let (slot, buffer) = self.lock().pop();
        match slot {
            Some(slot) => Draft::reuse(slot, buffer),
            None => Draft::new(buffer),
        }
    }

    pub(super) fn give(&self, slot: FreeSlot) {
        let surplus = self.lock().push_slot(slot);
        drop(surplus);
    }

    pub(super) fn give_all(&self, slots: &mut Vec<FreeSlot>, buffers: &mut Vec<Vec<u8>>) {
        let mut free = self.lock();
        // From the back: the first to be reported is taken first.
        for slot in slots.drain(..).rev() {
            drop(free.push_slot(slot));
        }
        for buffer in buffers.drain(..).rev() {
            drop(free.push_buffer(buffer));
        }
    }

    /// Gives half of what is free back to the allocator: called when the producer is idle.
    pub(super) fn shrink(&self) {
        let surplus = {
            let mut free = self.lock();
            let surplus = (halve(&mut free.slots), halve(&mut free.buffers));
            free.bytes = free.slots.len() * FreeSlot::SIZE + free.buffers.iter().map(Vec::capacity).sum::<usize>();
            surplus
        };
        drop(surplus);
    }

    /// Frees everything, now and from now on: slots hold their topic, and the topic this pool.
    pub(super) fn close(&self) {
        let kept = {
            let mut free = self.lock();
            free.closed = true;
            (mem::take(&mut free.slots), mem::take(&mut free.buffers))
        };
        drop(kept);
    }

    /// How many slots and buffers are free, and how many bytes they keep.
    #[cfg(test)]
    pub(crate) fn kept(&self) -> (usize, usize, usize) {
        let free = self.lock();
        (free.slots.len(), free.buffers.len(), free.bytes)
    }

    fn lock(&self) -> MutexGuard<'_, Free> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Free {
    fn pop(&mut self) -> (Option<FreeSlot>, Vec<u8>) {
        let slot = self.slots.pop();
        let buffer = self.buffers.pop().unwrap_or_default();
        let bytes = buffer.capacity() + if slot.is_some() { FreeSlot::SIZE } else { 0 };
        self.bytes = self.bytes.saturating_sub(bytes);
        (slot, buffer)
    }

    /// Gives the slot back if there is no place for it.
    fn push_slot(&mut self, slot: FreeSlot) -> Option<FreeSlot> {
        if self.closed || self.bytes + FreeSlot::SIZE > KEPT_BYTES {
            return Some(slot);
        }
        self.bytes += FreeSlot::SIZE;
        self.slots.push(slot);
        None
    }

    /// Likewise.
    fn push_buffer(&mut self, mut buffer: Vec<u8>) -> Option<Vec<u8>> {
        let kept = buffer.capacity();
        if self.closed || kept == 0 || kept > KEPT_CAPACITY || self.bytes + kept > KEPT_BYTES {
            return Some(buffer);
        }
        buffer.clear();
        self.bytes += kept;
        self.buffers.push(buffer);
        None
    }
}

/// Takes the half out that was used last: to be dropped once the lock is gone.
fn halve<T>(free: &mut Vec<T>) -> Vec<T> {
    let surplus = free.split_off(free.len() / 2);
    if free.capacity() > 64 {
        free.shrink_to_fit();
    }
    surplus
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::slot::{Outcome, Reported};

    fn use_many(pool: &Pool, records: usize, bytes: usize) {
        let drafts: Vec<_> = (0..records).map(|_| pool.take()).collect();
        let (mut slots, mut buffers) = (Vec::new(), Vec::new());
        for mut draft in drafts {
            draft.body_mut().buffer.extend(std::iter::repeat_n(0, bytes));
            // SAFETY: the opaque was made here, and comes back once.
            let reported = unsafe { Reported::from_opaque(draft.into_opaque()) };
            let ended = reported.complete(Outcome::default());
            slots.extend(ended.waker.err());
            buffers.push(ended.buffer);
        }
        assert_eq!(slots.len(), records, "nobody waits for them");
        pool.give_all(&mut slots, &mut buffers);
    }

    #[test]
    fn what_is_kept_is_bounded_and_shrinks() {
        let pool = Pool::default();
        use_many(&pool, 3000, 10_000);
        let (slots, buffers, bytes) = pool.kept();
        assert!(bytes <= KEPT_BYTES && buffers < 3000, "{slots} slots, {buffers} buffers, {bytes} bytes");
        pool.shrink();
        let (_, fewer, smaller) = pool.kept();
        assert!(fewer <= buffers / 2 && smaller <= bytes / 2 + 10_000, "{fewer} buffers, {smaller} bytes");
        use_many(&pool, fewer + 1, 1_000_000);
        assert!(pool.kept().2 <= smaller + FreeSlot::SIZE, "large buffers are not kept");
        for _ in 0..20 {
            pool.shrink();
        }
        assert_eq!(pool.kept(), (0, 0, 0), "an idle producer keeps nothing in the end");
        pool.close();
        use_many(&pool, 10, 10);
        assert_eq!(pool.kept(), (0, 0, 0));
    }

    #[test]
    fn what_is_kept_is_used_again() {
        let pool = Pool::default();
        use_many(&pool, 10, 100);
        let kept = pool.kept();
        use_many(&pool, 10, 100);
        assert_eq!(pool.kept(), kept);
        assert_eq!((kept.0, kept.1), (10, 10));
    }
}
