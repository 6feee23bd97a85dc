//! [`MetadataWatch`]: counts the brokers' metadata responses, for a producer that chooses partitions by the racks of their leaders.
//!
//! librdkafka has no event for new metadata. It requests them when a broker says that it is not the leader, when connections to brokers end, and
//! every `metadata.max.age.ms`.

use std::{
    ffi::{CStr, c_char, c_int, c_void},
    sync::atomic::{AtomicU64, Ordering},
};

use rdkafka_sys as sys;

use super::{callbacks::Callbacks, code, ffi, opaque::Opaque};
use crate::secret::Secret;

/// The API key of metadata requests.
const METADATA: i16 = 3;

#[derive(Debug, Default)]
pub(super) struct MetadataWatch {
    is_on: bool,
    responses: AtomicU64,
}

impl MetadataWatch {
    /// On for clients with a rack: librdkafka calls an interceptor for each response, also for those to produce requests.
    pub(super) fn new(properties: &[(String, Secret)]) -> Self {
        let is_on = properties.iter().any(|(name, rack)| name == "client.rack" && !rack.expose().is_empty());
        Self { is_on, ..Self::default() }
    }

    pub(super) fn responses(&self) -> u64 {
        self.responses.load(Ordering::Relaxed)
    }

    /// Makes a client count its responses, if its watch is on.
    ///
    /// # Safety
    /// The client is being made, and `opaque` is the pointer of its callbacks, which are dropped after the client is destroyed.
    pub(super) unsafe fn watch(client: *mut sys::rd_kafka_t, name: &CStr, opaque: *mut c_void) {
        // SAFETY: the caller guarantees the pointer of the client's callbacks.
        if unsafe { Opaque::<Callbacks>::from_ptr(opaque) }.metadata.is_on {
            // SAFETY: the caller guarantees a client that is being made, which is when interceptors may be added. After a failure, racks are
            // refreshed less often.
            let _ = unsafe { ffi::rd_kafka_interceptor_add_on_response_received(client, name.as_ptr(), on_response, opaque) };
        }
    }
}

/// Called on the broker's thread for each response.
unsafe extern "C" fn on_response(
    _client: *mut sys::rd_kafka_t,
    _socket: c_int,
    _broker: *const c_char,
    _id: i32,
    api_key: i16,
    _api_version: i16,
    _correlation_id: i32,
    _size: usize,
    _round_trip: i64,
    _code: c_int,
    opaque: *mut c_void,
) -> c_int {
    if api_key == METADATA {
        // SAFETY: `watch` was given the pointer of the client's callbacks, which `Client` drops after the client is destroyed.
        let watch = unsafe { &Opaque::<Callbacks>::from_ptr(opaque).metadata };
        watch.responses.fetch_add(1, Ordering::Relaxed);
    }
    code::NO_ERROR
}

#[cfg(test)]
mod tests {
    use std::ptr;

    use super::*;

    #[test]
    fn metadata_responses_are_counted() {
        let callbacks = Opaque::new(Callbacks::default());
        for api_key in [0, METADATA, 18, METADATA] {
            let opaque = callbacks.as_ptr();
            // SAFETY: the callbacks are alive; nothing else is looked at.
            unsafe { on_response(ptr::null_mut(), 0, ptr::null(), 1, api_key, 1, 1, 1, 1, 0, opaque) };
        }
        assert_eq!(callbacks.metadata.responses(), 2);
    }

    #[test]
    fn only_clients_with_a_rack_are_watched() {
        let watch = |name: &str, value: &str| MetadataWatch::new(&[(name.to_owned(), value.into())]).is_on;
        assert!(watch("client.rack", "a") && !watch("client.rack", "") && !watch("client.id", "a"));
    }
}
