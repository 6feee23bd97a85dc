//! [`Place`]: the place of a record that waits.

use std::sync::Arc;

use super::sync::{AtomicBool, AtomicU64, Ordering};

/// The place of a waiting record, shared with the future that may cancel it.
pub(crate) struct Place {
    pub(super) topic: Arc<str>,
    withdrawn: AtomicBool,
    /// Its id in the queue for memory plus one; 0 if it was never there.
    in_room: AtomicU64,
}

impl Place {
    pub(crate) fn new(topic: Arc<str>) -> Self {
        Self { topic, withdrawn: AtomicBool::new(false), in_room: AtomicU64::new(0) }
    }

    pub(crate) fn topic(&self) -> &Arc<str> {
        &self.topic
    }

    /// Stores its id in the queue for memory, before the record can be cancelled.
    pub(crate) fn enter_room(&self, id: u64) {
        self.in_room.store(id + 1, Ordering::SeqCst);
    }

    /// Marks the record as cancelled. Returns its id in the queue for memory, if it has one. A record in transition between the queues is checked
    /// for this before it is queued again.
    pub(crate) fn withdraw(&self) -> Option<u64> {
        self.withdrawn.store(true, Ordering::SeqCst);
        self.in_room.load(Ordering::SeqCst).checked_sub(1)
    }

    pub(crate) fn is_withdrawn(&self) -> bool {
        self.withdrawn.load(Ordering::SeqCst)
    }
}
