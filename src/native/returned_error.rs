//! [`ReturnedError`]: the error object that some functions of librdkafka return.

use std::ptr::NonNull;

use rdkafka_sys as sys;

use super::ffi;

/// An owned `rd_kafka_error_t`.
pub(super) struct ReturnedError(NonNull<sys::rd_kafka_error_t>);

impl ReturnedError {
    /// Takes ownership of the result of a call.
    ///
    /// # Safety
    /// `error` is null, or an error that a call has returned to the caller, who does not use it again.
    pub(super) unsafe fn check(error: *mut sys::rd_kafka_error_t) -> Result<(), Self> {
        NonNull::new(error).map_or(Ok(()), |error| Err(Self(error)))
    }

    /// The code as an integer; any value is possible.
    pub(super) fn code(&self) -> i32 {
        // SAFETY: the error is alive until `drop`.
        unsafe { ffi::rd_kafka_error_code(self.0.as_ptr().cast_const().cast()) }
    }

    pub(super) fn text(&self) -> String {
        // SAFETY: the error is alive until `drop`, and so is its text, which is copied here.
        unsafe { ffi::text(sys::rd_kafka_error_string(self.0.as_ptr())) }
    }

    pub(super) fn is_retriable(&self) -> bool {
        // SAFETY: the error is alive until `drop`.
        unsafe { sys::rd_kafka_error_is_retriable(self.0.as_ptr()) != 0 }
    }

    /// Whether the transaction must be aborted.
    pub(super) fn requires_abort(&self) -> bool {
        // SAFETY: the error is alive until `drop`.
        unsafe { sys::rd_kafka_error_txn_requires_abort(self.0.as_ptr()) != 0 }
    }

    pub(super) fn is_fatal(&self) -> bool {
        // SAFETY: the error is alive until `drop`.
        unsafe { sys::rd_kafka_error_is_fatal(self.0.as_ptr()) != 0 }
    }
}

impl Drop for ReturnedError {
    fn drop(&mut self) {
        // SAFETY: `check` took ownership of the error, and this is its one drop.
        unsafe { sys::rd_kafka_error_destroy(self.0.as_ptr()) };
    }
}
