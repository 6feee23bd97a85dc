//! The primitives that `handoff` uses. The loom model replaces this file.

use std::cell;
pub(super) use std::sync::atomic::{AtomicU8, Ordering};

pub(super) use crate::panic::release;

/// A cell with access through a closure, as in loom.
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
