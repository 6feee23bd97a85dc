//! Requests of an admin client, which a producer may make as well: one request, one answer.
//!
//! They are sent to a broker that has just answered, and not to the controller, as librdkafka would: the mock cluster names one that it
//! does not have.

use std::{
    ptr::{self, NonNull},
    time::{Duration, Instant},
};

use rdkafka_sys as sys;

use super::{client::Client, code, ffi, metadata::array, settings::milliseconds};

/// The longest request timeout that librdkafka's admin requests take (`rdkafka_admin.c`): an hour.
const MAX_TIMEOUT: Duration = Duration::from_secs(3600);

/// What librdkafka may be late with the news that a request has timed out.
const GRACE: Duration = Duration::from_secs(5);

/// An owned `rd_kafka_queue_t`, for one answer.
struct Queue(NonNull<sys::rd_kafka_queue_t>);

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: ours, destroyed once.
        unsafe { sys::rd_kafka_queue_destroy(self.0.as_ptr()) };
    }
}

/// An owned `rd_kafka_AdminOptions_t`.
struct Options(NonNull<sys::rd_kafka_AdminOptions_t>);

impl Drop for Options {
    fn drop(&mut self) {
        // SAFETY: ours, destroyed once.
        unsafe { sys::rd_kafka_AdminOptions_destroy(self.0.as_ptr()) };
    }
}

/// An owned `rd_kafka_event_t` that brings the answer to an admin request, without an error of the request.
pub(super) struct AdminAnswer(NonNull<sys::rd_kafka_event_t>);

impl AdminAnswer {
    pub(super) fn event(&self) -> *mut sys::rd_kafka_event_t {
        self.0.as_ptr()
    }
}

impl Drop for AdminAnswer {
    fn drop(&mut self) {
        // SAFETY: ours, destroyed once.
        unsafe { sys::rd_kafka_event_destroy(self.0.as_ptr()) };
    }
}

impl Client {
    /// Makes an admin request and blocks for its answer, for `timeout` at most, an hour at the longest. The code is librdkafka's.
    ///
    /// `send` calls librdkafka's function for `operation` with the client, the options and the queue that it is given, all of which are alive
    /// during the call; librdkafka copies the options and keeps a reference of its own to the queue.
    pub(super) fn admin_request(
        &self,
        operation: sys::rd_kafka_admin_op_t,
        timeout: Duration,
        send: impl FnOnce(*mut sys::rd_kafka_t, *const sys::rd_kafka_AdminOptions_t, *mut sys::rd_kafka_queue_t),
    ) -> Result<AdminAnswer, i32> {
        let begun = Instant::now();
        let timeout = timeout.min(MAX_TIMEOUT);
        let broker = self.any_broker(timeout)?;
        let timeout = timeout.saturating_sub(begun.elapsed());
        // SAFETY: the handle is alive; the options are ours.
        let options = unsafe { sys::rd_kafka_AdminOptions_new(self.handle(), operation) };
        let options = Options(NonNull::new(options).ok_or(code::TIMED_OUT)?);
        // SAFETY: the options are ours, the time is one that they take, and no text of a reason is asked for.
        unsafe {
            ffi::rd_kafka_AdminOptions_set_request_timeout(options.0.as_ptr(), milliseconds(timeout), ptr::null_mut(), 0);
        }
        // SAFETY: as above.
        unsafe { ffi::rd_kafka_AdminOptions_set_broker(options.0.as_ptr(), broker, ptr::null_mut(), 0) };
        // SAFETY: the handle is alive; the queue is ours.
        let queue = unsafe { sys::rd_kafka_queue_new(self.handle()) };
        let queue = Queue(NonNull::new(queue).ok_or(code::TIMED_OUT)?);
        send(self.handle(), options.0.as_ptr(), queue.0.as_ptr());
        // SAFETY: the queue is alive.
        let answer = unsafe { sys::rd_kafka_queue_poll(queue.0.as_ptr(), milliseconds(timeout + GRACE)) };
        let answer = AdminAnswer(NonNull::new(answer).ok_or(code::TIMED_OUT)?);
        // SAFETY: the event is ours.
        match unsafe { ffi::rd_kafka_event_error(answer.event()) } {
            code::NO_ERROR => Ok(answer),
            code => Err(code),
        }
    }

    /// A broker that answers. The code is librdkafka's. Of a client that has sent nothing yet librdkafka asks for all topics here, since it
    /// takes none for all.
    fn any_broker(&self, timeout: Duration) -> Result<i32, i32> {
        let mut answer: *const sys::rd_kafka_metadata = ptr::null();
        // SAFETY: the client is alive; without a topic, those that it knows are asked for. On success `answer` is ours to destroy.
        let code = unsafe { ffi::rd_kafka_metadata(self.handle(), 0, ptr::null_mut(), &raw mut answer, milliseconds(timeout)) };
        if code != code::NO_ERROR || answer.is_null() {
            return Err(code);
        }
        // SAFETY: alive until it is destroyed below, and without an enum at this level.
        let metadata = unsafe { &*answer };
        // SAFETY: so many brokers stand there.
        let brokers = unsafe { array(metadata.brokers, metadata.broker_cnt) };
        // The one that has answered, unless it is known by its address only.
        let broker = Some(metadata.orig_broker_id).filter(|&id| id >= 0).or_else(|| brokers.first().map(|broker| broker.id));
        // SAFETY: ours, and read.
        unsafe { sys::rd_kafka_metadata_destroy(answer) };
        broker.ok_or(code::TRANSPORT)
    }
}
