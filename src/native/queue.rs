//! [`Queue`]: a queue of librdkafka's events.

use std::{ptr::NonNull, time::Duration};

use rdkafka_sys as sys;

use super::{event::Event, settings::milliseconds};

/// An owned reference to an `rd_kafka_queue_t`. It must be dropped before its client is destroyed.
pub(super) struct Queue(NonNull<sys::rd_kafka_queue_t>);

// SAFETY: librdkafka's queues may be used from any thread, one after the other or at once: each call locks the queue.
unsafe impl Send for Queue {}
// SAFETY: librdkafka's queues may be used from several threads at once: each call locks the queue.
unsafe impl Sync for Queue {}

impl Queue {
    /// A new queue for the results of calls; `None` if librdkafka returned none.
    ///
    /// # Safety
    /// `client` is alive, and outlives the queue.
    pub(super) unsafe fn new(client: *mut sys::rd_kafka_t) -> Option<Self> {
        // SAFETY: the caller guarantees the client; the queue that is returned is ours.
        unsafe { Self::from_reference(sys::rd_kafka_queue_new(client)) }
    }

    /// Takes ownership of a reference; `None` if it is null.
    ///
    /// # Safety
    /// `queue` is null, or a reference that a call has returned to the caller, who does not use it again. The queue's client outlives
    /// the result.
    pub(super) unsafe fn from_reference(queue: *mut sys::rd_kafka_queue_t) -> Option<Self> {
        NonNull::new(queue).map(Self)
    }

    pub(super) fn as_ptr(&self) -> *mut sys::rd_kafka_queue_t {
        self.0.as_ptr()
    }

    /// The next event, after waiting for it for `timeout` at most, or until `wake`.
    pub(super) fn poll(&self, timeout: Duration) -> Option<Event> {
        // SAFETY: the reference is ours until `drop`; an event that a poll returns is ours to destroy.
        unsafe { Event::from_owned(sys::rd_kafka_queue_poll(self.0.as_ptr(), milliseconds(timeout))) }
    }

    /// Ends a waiting [`poll`](Self::poll), or the next one.
    #[cfg(feature = "consumer")]
    pub(super) fn wake(&self) {
        // SAFETY: the reference is ours until `drop`.
        unsafe { sys::rd_kafka_queue_yield(self.0.as_ptr()) };
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: the reference is ours, and this is its one drop; the client is alive, as the creator of `self` guaranteed.
        unsafe { sys::rd_kafka_queue_destroy(self.0.as_ptr()) };
    }
}
