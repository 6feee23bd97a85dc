//! [`Alarm`]: wakes the delivery thread once until it checks again.

use std::{sync::Arc, task::Wake};

use super::sync::{AtomicBool, Mutex, Ordering};
use crate::lock::lock;

/// Wakes the delivery thread.
pub(crate) struct Alarm {
    pub(super) rung: AtomicBool,
    pub(super) notify: Mutex<Option<Notify>>,
}

/// Wakes the delivery thread. Called under a lock, so it runs no user code.
pub(crate) type Notify = Box<dyn Fn() + Send>;

impl Alarm {
    pub(super) fn new() -> Self {
        Self { rung: AtomicBool::new(false), notify: Mutex::new(None) }
    }

    pub(super) fn ring(&self) {
        if !self.rung.swap(true, Ordering::SeqCst) {
            if let Some(notify) = &*lock(&self.notify) {
                notify();
            }
        }
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.ring();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring();
    }
}
