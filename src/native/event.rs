//! An event of librdkafka's main queue.

use std::{
    ffi::{c_char, c_int, c_void},
    ptr::{self, NonNull},
};

use rdkafka_sys as sys;

use super::{
    code, ffi,
    outcome::{Outcome, short},
    slot,
};

/// The number of delivery reports that are taken at a time, so that the memory of the later ones is loaded while the first one is served.
const AHEAD: usize = 16;

/// An owned `rd_kafka_event_t`. Dropping it frees the memory of its delivery reports in librdkafka.
pub(super) struct Event(NonNull<sys::rd_kafka_event_t>);

/// A message of a delivery report. It lives as long as its event.
pub(super) struct Message<'event>(&'event ffi::Message);

/// The content of an event.
pub(super) enum Kind {
    Reports,
    Error {
        code: i32,
        text: String,
        fatal: bool,
    },
    Log {
        level: i32,
        facility: String,
        text: String,
    },
    Statistics(String),
    /// librdkafka needs a new token.
    TokenRefresh,
    Other,
}

impl Event {
    /// Takes ownership of what a poll returned; `None` if it is null.
    ///
    /// # Safety
    /// `event` is null, or an event that a poll has returned to the caller, who does not use it again.
    pub(super) unsafe fn from_owned(event: *mut sys::rd_kafka_event_t) -> Option<Self> {
        NonNull::new(event).map(Self)
    }

    pub(super) fn as_ptr(&self) -> *mut sys::rd_kafka_event_t {
        self.0.as_ptr()
    }

    /// The event's code, as an integer: any value is possible.
    pub(super) fn code(&self) -> i32 {
        // SAFETY: the event is alive until `drop`.
        unsafe { ffi::rd_kafka_event_error(self.0.as_ptr()) }
    }

    /// One of `RD_KAFKA_EVENT_...`.
    pub(super) fn type_code(&self) -> i32 {
        // SAFETY: the event is alive until `drop`.
        unsafe { sys::rd_kafka_event_type(self.0.as_ptr()) }
    }

    pub(super) fn is_fatal(&self) -> bool {
        // SAFETY: the event is alive until `drop`.
        unsafe { sys::rd_kafka_event_error_is_fatal(self.0.as_ptr()) != 0 }
    }

    /// The text of an error event; empty for another event.
    pub(super) fn error_text(&self) -> String {
        // SAFETY: the event is alive until `drop`, and so is its text, which is copied here.
        unsafe { ffi::text(sys::rd_kafka_event_error_string(self.0.as_ptr())) }
    }

    /// Level, facility and text of a log event.
    pub(super) fn log_line(&self) -> (i32, String, String) {
        let (mut facility, mut text): (*const c_char, *const c_char) = (ptr::null(), ptr::null());
        let mut level: c_int = 0;
        // SAFETY: the event is alive until `drop`. The call sets the three variables or leaves them as they are, so that each pointer is
        // null or a text of the event, which is copied here.
        unsafe {
            sys::rd_kafka_event_log(self.0.as_ptr(), &raw mut facility, &raw mut text, &raw mut level);
            (level, ffi::text(facility), ffi::text(text))
        }
    }

    pub(super) fn kind(&self) -> Kind {
        match self.type_code() {
            sys::RD_KAFKA_EVENT_DR => Kind::Reports,
            sys::RD_KAFKA_EVENT_ERROR => Kind::Error { code: self.code(), text: self.error_text(), fatal: self.is_fatal() },
            sys::RD_KAFKA_EVENT_LOG => {
                let (level, facility, text) = self.log_line();
                Kind::Log { level, facility, text }
            }
            // SAFETY: the event is alive until `drop` and has statistics; their text lives as long, and is copied here.
            sys::RD_KAFKA_EVENT_STATS => Kind::Statistics(unsafe { ffi::text(sys::rd_kafka_event_stats(self.0.as_ptr())) }),
            sys::RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH => Kind::TokenRefresh,
            _ => Kind::Other,
        }
    }

    /// The number of delivery reports that [`reports`](Self::reports) has not taken yet. A broker's response to a batch is one event.
    pub(super) fn reports_left(&self) -> usize {
        // SAFETY: the event is alive until `drop`.
        unsafe { sys::rd_kafka_event_message_count(self.0.as_ptr()) }
    }

    /// The delivery reports that [`reports_left`](Self::reports_left) counts. The slots of the next ones are loaded, all of them or only what a
    /// record with a future needs.
    pub(super) fn reports(&self, loads_all: bool) -> Reports<'_> {
        Reports { event: self, loads_all, ahead: [const { None }; AHEAD], next: AHEAD }
    }

    /// The next delivery report; `None` at the end.
    fn next_report(&self) -> Option<Message<'_>> {
        // SAFETY: the event is alive until `drop`.
        let message = unsafe { sys::rd_kafka_event_message_next(self.0.as_ptr()) };
        // SAFETY: the message is null or one of the event, which `Message` borrows, so that it outlives it; `ffi::Message` has its layout
        // (asserted in `ffi.rs`).
        unsafe { message.cast::<ffi::Message>().as_ref() }.map(Message)
    }
}

/// The delivery reports of an event. A caller that stopped, because of a panic, can go on with the next one.
pub(super) struct Reports<'event> {
    event: &'event Event,
    loads_all: bool,
    /// Reports that are taken from librdkafka, from `next` on.
    ahead: [Option<Message<'event>>; AHEAD],
    next: usize,
}

impl<'event> Iterator for Reports<'event> {
    type Item = Message<'event>;

    fn next(&mut self) -> Option<Message<'event>> {
        if self.next == AHEAD {
            self.next = 0;
            for place in &mut self.ahead {
                *place = self.event.next_report();
                let Some(message) = place else { break };
                slot::prefetch(message.opaque(), self.loads_all);
            }
        }
        let message = self.ahead.get_mut(self.next)?.take();
        self.next += usize::from(message.is_some());
        message
    }
}

impl Message<'_> {
    pub(super) fn outcome(&self) -> Outcome {
        let message = ptr::from_ref(self.0).cast();
        let mut timestamp_type = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: `self` borrows a live message; librdkafka writes one of the timestamp type's three values.
        let (timestamp, status) =
            unsafe { (sys::rd_kafka_message_timestamp(message, &raw mut timestamp_type), ffi::rd_kafka_message_status(message)) };
        // Each record is reported before the producer is destroyed. So this code is about a partition that librdkafka drops, with its
        // records, because the brokers no longer know it.
        let code = if self.0.code == code::DESTROY { code::UNKNOWN_PARTITION } else { self.0.code };
        let mut outcome = Outcome {
            code: short(code),
            partition: self.0.partition,
            offset: self.0.offset,
            timestamp,
            status: u8::try_from(status).unwrap_or_default(),
            // The broker's message is already in the slot: see `broker_message`.
            details: None,
        };
        outcome.mistrust();
        outcome
    }

    pub(super) fn topic(&self) -> *const sys::rd_kafka_topic_t {
        self.0.topic
    }

    /// The broker that returned the error; negative for none.
    pub(super) fn broker(&self) -> i32 {
        // SAFETY: `self` borrows a live message.
        unsafe { sys::rd_kafka_message_broker_id(ptr::from_ref(self.0).cast()) }
    }

    pub(super) fn opaque(&self) -> *mut c_void {
        self.0.opaque
    }

    /// The size of key and value, in bytes.
    pub(super) fn size(&self) -> usize {
        self.0.key_size + self.0.payload_size
    }

    /// The record's [`RecordView::queued_size`](super::RecordView::queued_size).
    pub(super) fn queued_size(&self) -> usize {
        self.size() + 1
    }

    /// The key, as sent.
    pub(super) fn key(&self) -> Option<&[u8]> {
        // SAFETY: the key is null, or `key_size` bytes that live as long as the message, which `self` borrows.
        unsafe { ffi::bytes(self.0.key, self.0.key_size) }
    }

    /// The value, as sent.
    pub(super) fn value(&self) -> Option<&[u8]> {
        // SAFETY: the value is null, or `payload_size` bytes. They belong to the message or, for a large record, to its slot, whose owner is
        // the delivery thread: it does not use the message any more when it frees them.
        unsafe { ffi::bytes(self.0.payload, self.0.payload_size) }
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: `from_owned` took ownership of the event, and this is its one drop.
        unsafe { sys::rd_kafka_event_destroy(self.0.as_ptr()) };
    }
}
