//! Checks every interleaving of the parts of ottla that do without a lock where it matters, with loom. Each model includes a file of the
//! library by its path, with loom's types in place of the standard library's.
#![cfg(test)]

mod handoff;
mod models;

#[path = "../../src/deadline.rs"]
#[allow(dead_code, reason = "the models wait for no time")]
mod deadline;
#[path = "../../src/producer/admission/deferrals.rs"]
#[allow(dead_code, reason = "not all of it is part of the models")]
mod deferrals;
#[path = "../../src/producer/admission/outstanding.rs"]
#[allow(dead_code, reason = "not all of it is part of the models")]
mod outstanding;
#[path = "../../src/producer/admission/buffer_memory.rs"]
#[allow(dead_code, reason = "not all of it is part of the models")]
mod buffer_memory;
mod sync;

/// What `src/lock.rs` has, with loom's mutex.
mod lock {
    use crate::sync::{Mutex, MutexGuard};

    pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().unwrap()
    }
}

/// The barriers around user code, of which the models have none that panics.
mod panic {
    use std::task::Waker;

    pub(crate) fn wake(waker: Waker) {
        waker.wake();
    }

    pub(crate) fn release<T>(value: T) {
        drop(value);
    }
}
