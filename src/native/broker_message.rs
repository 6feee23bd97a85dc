//! Saves the broker's message about a rejected record (KIP-467) while it is available.
//!
//! In librdkafka 2.12 the text that a delivery report points to has been freed when the report is served: the report has a copy of the
//! broker's response, but its messages point into the original. librdkafka's acknowledgement interceptor runs before that, on the broker's
//! thread.

use std::{
    ffi::{CStr, c_char, c_int, c_void},
    panic::catch_unwind,
    ptr,
};

use rdkafka_sys as sys;

use super::{code, ffi, outcome::ErrorDetails, slot, wording};

const NAME: &CStr = c"ottla";

/// Makes all producers with these settings save the broker's message.
///
/// # Safety
/// `settings` is alive, and every message of the producer carries a slot.
pub(super) unsafe fn save_with(settings: *mut sys::rd_kafka_conf_t) {
    // SAFETY: the caller guarantees live settings; the name is static and the function has C's signature.
    unsafe { ffi::rd_kafka_conf_interceptor_add_on_new(settings, NAME.as_ptr(), on_new, ptr::null_mut()) };
}

unsafe extern "C" fn on_new(
    client: *mut sys::rd_kafka_t,
    _settings: *const sys::rd_kafka_conf_t,
    _opaque: *mut c_void,
    _reason: *mut c_char,
    _reason_size: usize,
) -> c_int {
    // SAFETY: librdkafka calls this with a client that is being made, which is when interceptors may be added.
    unsafe { ffi::rd_kafka_interceptor_add_on_acknowledgement(client, NAME.as_ptr(), on_acknowledgement, ptr::null_mut()) }
}

/// Called for each record, including written ones, for which it returns at once.
unsafe extern "C" fn on_acknowledgement(
    _client: *mut sys::rd_kafka_t,
    message: *mut sys::rd_kafka_message_t,
    _opaque: *mut c_void,
) -> c_int {
    // SAFETY: librdkafka lends the message for the call, and `ffi::Message` has its layout.
    let code = unsafe { (*message.cast::<ffi::Message>()).code };
    if code == code::NO_ERROR {
        return code::NO_ERROR;
    }
    // SAFETY: librdkafka lends the message for the call; the text is null if the broker said nothing.
    let words = unsafe { sys::rd_kafka_message_produce_errstr(message) };
    if !words.is_null() {
        let _ = catch_unwind(|| {
            // SAFETY: the broker's answer, or a static text: both are there during this call.
            let words = unsafe { ffi::text(words) };
            if words.is_empty() {
                return;
            }
            let words = if wording::is_bystander(&words) {
                ErrorDetails { is_bystander: true, ..ErrorDetails::default() }
            } else {
                ErrorDetails { broker: Some(words.into_boxed_str()), ..ErrorDetails::default() }
            };
            // SAFETY: librdkafka lends the message for the call, and `ffi::Message` has its layout.
            let opaque = unsafe { (*message.cast::<ffi::Message>()).opaque };
            // SAFETY: the message is not reported yet, and librdkafka calls this on one thread for it.
            unsafe { slot::save_details(opaque, words) };
        });
    }
    code::NO_ERROR
}
