//! What `handoff` is made of. Its model checker has loom's equal in this place.

use std::cell;
pub(super) use std::sync::atomic::{AtomicU8, Ordering};

pub(super) use crate::panic::release;

/// A cell that is reached through a closure, as loom's is.
#[derive(Debug)]
pub(super) struct UnsafeCell<T>(cell::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    pub(super) fn new(value: T) -> Self {
        Self(cell::UnsafeCell::new(value))
    }

    pub(super) fn with_mut<R>(&self, access: impl FnOnce(*mut T) -> R) -> R {
        access(self.0.get())
    }
}
