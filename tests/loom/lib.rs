//! Checks all interleavings of the lock-free parts of ottla with loom. Each model includes a file of the library by its path, with loom's
//! types in place of the standard library's.
#![cfg(test)]

mod handoff;
mod models;

#[path = "../../src/producer/admission/alarm.rs"]
mod alarm;
#[path = "../../src/producer/admission/buffer_memory.rs"]
#[allow(dead_code, reason = "the models use only a part of it")]
mod buffer_memory;
#[path = "../../src/deadline.rs"]
#[allow(dead_code, reason = "the models have no timeouts")]
mod deadline;
#[path = "../../src/producer/admission/deferrals.rs"]
#[allow(dead_code, reason = "the models use only a part of it")]
mod deferrals;
#[path = "../../src/producer/admission/outstanding.rs"]
#[allow(dead_code, reason = "the models use only a part of it")]
mod outstanding;
#[path = "../../src/producer/admission/place.rs"]
#[allow(dead_code, reason = "the models use only a part of it")]
mod place;
mod sync;

/// Replaces `src/lock.rs`, with loom's mutex.
mod lock {
    use crate::sync::{Mutex, MutexGuard};

    pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().unwrap()
    }
}

/// Replaces `src/panic.rs`. No user code panics in the models.
mod panic {
    use std::task::Waker;

    pub(crate) fn wake(waker: Waker) {
        waker.wake();
    }

    pub(crate) fn release<T>(value: T) {
        drop(value);
    }
}
