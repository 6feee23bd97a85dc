//! [`Bell`]: what the delivery thread waits for.
//!
//! librdkafka's own wait for an event, as C's condition variables, ends at a time of day: if the clock is set back meanwhile it takes as
//! much longer, and with it every timer that is kept there. A parked thread is timed by a clock that is never set.

use std::{
    ffi::c_void,
    ptr,
    sync::OnceLock,
    thread::{self, Thread},
    time::Duration,
};

use rdkafka_sys as sys;

use crate::panic::contain;

/// Rung when librdkafka's queue has something again, and by whoever wants the delivery thread to look up.
#[derive(Default)]
pub(super) struct Bell(OnceLock<Thread>);

impl Bell {
    /// Waits until it is rung, or was since the last time, or for `timeout`; or for no reason. One thread only may wait.
    pub(super) fn wait(&self, timeout: Duration) {
        if self.0.get().is_none() {
            // What was rung for before may be in the queue by now: once round.
            let _ = self.0.set(thread::current());
            return;
        }
        thread::park_timeout(timeout);
    }

    pub(super) fn ring(&self) {
        if let Some(thread) = self.0.get() {
            thread.unpark();
        }
    }

    /// Lets librdkafka ring it whenever an event comes into the queue that was empty.
    ///
    /// # Safety
    /// The queue is alive, and the bell outlives it or [`untie`](Self::untie).
    pub(super) unsafe fn tie(&self, queue: *mut sys::rd_kafka_queue_t) {
        // SAFETY: the caller vouches for the queue, and for the bell as long as it is rung.
        unsafe { sys::rd_kafka_queue_cb_event_enable(queue, Some(ring), ptr::from_ref(self).cast_mut().cast()) };
    }

    /// # Safety
    /// The queue is alive.
    pub(super) unsafe fn untie(queue: *mut sys::rd_kafka_queue_t) {
        // SAFETY: the caller vouches for the queue.
        unsafe { sys::rd_kafka_queue_cb_event_enable(queue, None, ptr::null_mut()) };
    }
}

/// Called by whichever thread puts the event into the queue, which it holds locked.
unsafe extern "C" fn ring(_client: *mut sys::rd_kafka_t, bell: *mut c_void) {
    // SAFETY: `tie` was given a bell that lives, and which nobody borrows mutably.
    let bell = unsafe { &*bell.cast::<Bell>() };
    let _ = contain(|| bell.ring());
}
