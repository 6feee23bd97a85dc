//! Throttling: a broker delays its responses to a client that exceeds its quota (KIP-219).
//!
//! librdkafka reports it only in a callback, which it calls while the event queue is polled, on the delivery thread. The callback stores it
//! here until that thread returns from the poll.

use std::{
    ffi::{c_char, c_int, c_void},
    mem,
    sync::Mutex,
    time::Duration,
};

use rdkafka_sys as sys;

use super::{callbacks::Callbacks, ffi, opaque::Opaque};
use crate::{lock::lock, panic::contain};

/// A broker that has delayed a response, or no longer does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Throttled {
    /// Host and port.
    pub(crate) broker: String,
    pub(crate) node_id: i32,
    /// Zero when the throttling has ended.
    pub(crate) time: Duration,
}

/// The throttling that has been reported and not taken yet.
#[derive(Debug, Default)]
pub(super) struct Throttles(Mutex<Vec<Throttled>>);

impl Throttles {
    /// Makes all producers with these settings report throttling.
    ///
    /// # Safety
    /// `settings` is alive, and its opaque is the pointer of an [`Opaque<Callbacks>`](Opaque).
    pub(super) unsafe fn note_with(settings: *mut sys::rd_kafka_conf_t) {
        // SAFETY: the caller guarantees live settings; the function has C's signature.
        unsafe { sys::rd_kafka_conf_set_throttle_cb(settings, Some(on_throttle)) };
    }

    pub(super) fn take(&self) -> Vec<Throttled> {
        mem::take(&mut *lock(&self.0))
    }

    fn note(&self, throttled: Throttled) {
        lock(&self.0).push(throttled);
    }
}

unsafe extern "C" fn on_throttle(
    _client: *mut sys::rd_kafka_t,
    broker: *const c_char,
    node_id: i32,
    milliseconds: c_int,
    opaque: *mut c_void,
) {
    // SAFETY: the client's opaque is the pointer of its callbacks, which `Client` drops after the client is destroyed.
    let callbacks = unsafe { Opaque::<Callbacks>::from_ptr(opaque) };
    let _ = contain(|| {
        // SAFETY: a terminated text, for as long as the call.
        let broker = unsafe { ffi::text(broker) };
        let time = Duration::from_millis(u64::try_from(milliseconds).unwrap_or_default());
        callbacks.throttles.note(Throttled { broker, node_id, time });
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reported_throttling_is_taken_once() {
        let callbacks = Opaque::new(Callbacks::default());
        for milliseconds in [120, 0, -1] {
            // SAFETY: the name is terminated, and the callbacks are alive.
            unsafe { on_throttle(std::ptr::null_mut(), c"localhost:9092".as_ptr(), 3, milliseconds, callbacks.as_ptr()) };
        }
        let told = callbacks.throttles.take();
        let expected = |time| Throttled { broker: "localhost:9092".to_owned(), node_id: 3, time: Duration::from_millis(time) };
        assert_eq!(told, [expected(120), expected(0), expected(0)]);
        assert!(callbacks.throttles.take().is_empty());
    }
}
