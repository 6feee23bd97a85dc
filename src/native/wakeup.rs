//! [`Wakeup`]: wakes the delivery thread.
//!
//! librdkafka's own wait for an event uses a C condition variable with the time of day: if the clock is set back, the wait is delayed by the
//! same amount, and with it all timers of the thread. A parked thread uses a monotonic clock.

use std::{
    ffi::c_void,
    ptr,
    sync::OnceLock,
    thread::{self, Thread},
    time::Duration,
};

use rdkafka_sys as sys;

use super::opaque::Opaque;
use crate::panic::contain;

/// Rung when librdkafka's empty queue gets an event, and to wake the delivery thread.
#[derive(Default)]
pub(super) struct Wakeup(OnceLock<Thread>);

impl Wakeup {
    /// Waits until it is rung, or was rung since the last wait, for `timeout` at most; spurious wake-ups occur. Only one thread may wait.
    pub(super) fn wait(&self, timeout: Duration) {
        if self.0.get().is_none() {
            // The event that it was rung for may be in the queue by now: return once.
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

    /// Makes librdkafka ring it when the empty queue gets an event.
    ///
    /// # Safety
    /// The queue is alive, and the wakeup is dropped after the queue or after [`untie`](Self::untie).
    pub(super) unsafe fn tie(wakeup: &Opaque<Self>, queue: *mut sys::rd_kafka_queue_t) {
        // SAFETY: the caller guarantees a live queue, and a wakeup that lives until the queue is gone or untied: as long as librdkafka calls `ring`.
        unsafe { sys::rd_kafka_queue_cb_event_enable(queue, Some(ring), wakeup.as_ptr()) };
    }

    /// # Safety
    /// The queue is alive.
    pub(super) unsafe fn untie(queue: *mut sys::rd_kafka_queue_t) {
        // SAFETY: the caller guarantees a live queue.
        unsafe { sys::rd_kafka_queue_cb_event_enable(queue, None, ptr::null_mut()) };
    }
}

/// Called by the thread that adds the event, while it holds the queue's lock.
unsafe extern "C" fn ring(_client: *mut sys::rd_kafka_t, wakeup: *mut c_void) {
    // SAFETY: `tie` gave the pointer of a wakeup, which `Client` drops after it has untied it.
    let wakeup = unsafe { Opaque::<Wakeup>::from_ptr(wakeup) };
    let _ = contain(|| wakeup.ring());
}
