//! Requests of an admin client, which a producer can also send: one request, one response.
//!
//! Questions are sent to a broker that has just responded, not to the controller as in librdkafka: the mock cluster names a controller that
//! does not exist. Changes are sent to the controller.

use std::{
    ptr::{self, NonNull},
    time::{Duration, Instant},
};

use rdkafka_sys as sys;

use super::{client::Client, code, event::Event, ffi, metadata::MetadataAnswer, queue::Queue, settings::milliseconds};

/// The longest request timeout of librdkafka's admin requests (`rdkafka_admin.c`): an hour.
const MAX_TIMEOUT: Duration = Duration::from_secs(3600);

/// How late librdkafka may report the timeout of a request.
const GRACE: Duration = Duration::from_secs(5);

/// The broker that gets a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recipient {
    /// One that has just responded.
    AnyBroker,
    Controller,
}

/// An owned `rd_kafka_AdminOptions_t`.
struct Options(NonNull<sys::rd_kafka_AdminOptions_t>);

impl Drop for Options {
    fn drop(&mut self) {
        // SAFETY: `self` owns the options, and this is their one drop.
        unsafe { sys::rd_kafka_AdminOptions_destroy(self.0.as_ptr()) };
    }
}

impl Client {
    /// Sends an admin request and waits for its response, for `timeout` at most (an hour at most). The error is librdkafka's code.
    ///
    /// `send` calls librdkafka's function for `operation` with the client, the options and the queue that it gets, which are alive
    /// during the call; librdkafka copies the options and keeps a reference of its own to the queue.
    pub(super) fn admin_request(
        &self,
        operation: sys::rd_kafka_admin_op_t,
        recipient: Recipient,
        timeout: Duration,
        send: impl FnOnce(*mut sys::rd_kafka_t, *const sys::rd_kafka_AdminOptions_t, *mut sys::rd_kafka_queue_t),
    ) -> Result<Event, i32> {
        let begun = Instant::now();
        let timeout = timeout.min(MAX_TIMEOUT);
        let broker = match recipient {
            Recipient::AnyBroker => Some(self.any_broker(timeout)?),
            Recipient::Controller => None,
        };
        let timeout = timeout.saturating_sub(begun.elapsed());
        // SAFETY: `self` keeps the client alive; the options that are returned are ours.
        let options = unsafe { sys::rd_kafka_AdminOptions_new(self.handle(), operation) };
        let options = Options(NonNull::new(options).ok_or(code::TIMED_OUT)?);
        // SAFETY: `options` is alive, the time is one that the options accept, and with a size of 0 no reason is written.
        unsafe {
            ffi::rd_kafka_AdminOptions_set_request_timeout(options.0.as_ptr(), milliseconds(timeout), ptr::null_mut(), 0);
            if let Some(broker) = broker {
                ffi::rd_kafka_AdminOptions_set_broker(options.0.as_ptr(), broker, ptr::null_mut(), 0);
            }
        }
        // SAFETY: `self` keeps the client alive, longer than the queue, which this function drops.
        let queue = unsafe { Queue::new(self.handle()) }.ok_or(code::TIMED_OUT)?;
        send(self.handle(), options.0.as_ptr(), queue.as_ptr());
        let answer = queue.poll(timeout + GRACE).ok_or(code::TIMED_OUT)?;
        match answer.code() {
            code::NO_ERROR => Ok(answer),
            code => Err(code),
        }
    }

    /// A broker that responds. The error is librdkafka's code. If the client has sent nothing yet, librdkafka requests all topics here, because
    /// it treats an empty list as all.
    fn any_broker(&self, timeout: Duration) -> Result<i32, i32> {
        // SAFETY: `self` keeps the client alive; a null topic asks for the topics that the client knows.
        let answer = unsafe { MetadataAnswer::ask(self.handle(), ptr::null_mut(), timeout) }?;
        // The one that responded, unless only its address is known.
        let broker = answer.answering_broker().or_else(|| answer.brokers().first().map(|broker| broker.id));
        broker.ok_or(code::TRANSPORT)
    }
}
