//! [`Wakeup`]: what the delivery thread waits for.
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

use super::opaque::Opaque;
use crate::panic::contain;

/// Rung when librdkafka's queue has something again, and by whoever wants the delivery thread to look up.
#[derive(Default)]
pub(super) struct Wakeup(OnceLock<Thread>);

impl Wakeup {
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

    /// Lets librdkafka ring the bell whenever an event comes into the queue that was empty.
    ///
    /// # Safety
    /// The queue is alive, and the bell is dropped after the queue or after [`untie`](Self::untie).
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

/// Called by whichever thread puts the event into the queue, which it holds locked.
unsafe extern "C" fn ring(_client: *mut sys::rd_kafka_t, wakeup: *mut c_void) {
    // SAFETY: `tie` gave the pointer of a bell, which `Client` drops after it has untied it.
    let wakeup = unsafe { Opaque::<Wakeup>::from_ptr(wakeup) };
    let _ = contain(|| wakeup.ring());
}
