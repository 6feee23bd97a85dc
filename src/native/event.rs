//! An event of librdkafka's main queue.

use std::{
    ffi::{c_char, c_int, c_void},
    ptr::{self, NonNull},
};

use rdkafka_sys as sys;

use super::{
    code, ffi,
    outcome::{Outcome, short},
};

/// How many reports are read at a time.
const AT_ONCE: usize = 32;

/// An owned `rd_kafka_event_t`. The room that delivery reports take in librdkafka comes back when it is dropped.
pub(super) struct Event(NonNull<sys::rd_kafka_event_t>);

/// A reported message, which lives as long as its event.
pub(super) struct Message<'event>(&'event ffi::Message);

/// What an event brings.
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
    /// librdkafka wants another token.
    TokenRefresh,
    Other,
}

impl Event {
    /// # Safety
    /// The event was just polled, and nobody else destroys it.
    pub(super) unsafe fn new(event: NonNull<sys::rd_kafka_event_t>) -> Self {
        Self(event)
    }

    pub(super) fn kind(&self) -> Kind {
        // SAFETY: the event is ours.
        match unsafe { sys::rd_kafka_event_type(self.0.as_ptr()) } {
            sys::RD_KAFKA_EVENT_DR => Kind::Reports,
            sys::RD_KAFKA_EVENT_ERROR => self.error(),
            sys::RD_KAFKA_EVENT_LOG => self.log(),
            sys::RD_KAFKA_EVENT_STATS => {
                // SAFETY: the event is ours, and one of statistics.
                let json = unsafe { sys::rd_kafka_event_stats(self.0.as_ptr()) };
                // SAFETY: a text that lives as long as the event.
                Kind::Statistics(unsafe { ffi::text(json) })
            }
            sys::RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH => Kind::TokenRefresh,
            _ => Kind::Other,
        }
    }

    fn error(&self) -> Kind {
        let event = self.0.as_ptr();
        // SAFETY: the event is ours.
        let code = unsafe { ffi::rd_kafka_event_error(event) };
        // SAFETY: the event is ours.
        let fatal = unsafe { sys::rd_kafka_event_error_is_fatal(event) } != 0;
        // SAFETY: the event is ours.
        let text = unsafe { sys::rd_kafka_event_error_string(event) };
        // SAFETY: a text that lives as long as the event.
        let text = unsafe { ffi::text(text) };
        Kind::Error { code, text, fatal }
    }

    fn log(&self) -> Kind {
        let (mut facility, mut text): (*const c_char, *const c_char) = (ptr::null(), ptr::null());
        let mut level: c_int = 0;
        // SAFETY: the event is ours; the three are written, or left as they are.
        unsafe { sys::rd_kafka_event_log(self.0.as_ptr(), &raw mut facility, &raw mut text, &raw mut level) };
        // SAFETY: null, or a text that lives as long as the event.
        let facility = unsafe { ffi::text(facility) };
        // SAFETY: null, or a text that lives as long as the event.
        let text = unsafe { ffi::text(text) };
        Kind::Log { level, facility, text }
    }

    /// How many delivery reports [`next_reports`](Self::next_reports) has not given yet. A broker's answer to a batch comes as one event.
    pub(super) fn reports_left(&self) -> usize {
        // SAFETY: the event is ours.
        unsafe { sys::rd_kafka_event_message_count(self.0.as_ptr()) }
    }

    /// The next delivery reports; none at the end.
    pub(super) fn next_reports<'event>(&'event self, into: &mut Vec<Message<'event>>) {
        let mut messages = [ptr::null(); AT_ONCE];
        // SAFETY: the event is ours; each call gives the next messages, as many as the array holds at most.
        let count = unsafe { sys::rd_kafka_event_message_array(self.0.as_ptr(), messages.as_mut_ptr(), messages.len()) };
        // SAFETY: the messages live as long as the event.
        into.extend(messages.iter().take(count).map(|&message| unsafe { Message::new(message) }));
    }
}

impl Message<'_> {
    /// # Safety
    /// The message is one of an event's delivery reports, and the event outlives `Self`.
    unsafe fn new(message: *const sys::rd_kafka_message_t) -> Self {
        // SAFETY: the caller vouches for the message, and `ffi::Message` has its layout.
        Self(unsafe { &*message.cast::<ffi::Message>() })
    }

    pub(super) fn outcome(&self) -> Outcome {
        let message = ptr::from_ref(self.0).cast();
        let mut timestamp_type = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: a live message; librdkafka writes one of the type's three values.
        let timestamp = unsafe { sys::rd_kafka_message_timestamp(message, &raw mut timestamp_type) };
        // SAFETY: a live message.
        let status = unsafe { ffi::rd_kafka_message_status(message) };
        // There is a report for each record before the producer is destroyed: so this is a partition's, which librdkafka lets go of
        // since the brokers know it no longer, and its records with it.
        let code = if self.0.code == code::DESTROY { code::UNKNOWN_PARTITION } else { self.0.code };
        let mut outcome = Outcome {
            code: short(code),
            partition: self.0.partition,
            offset: self.0.offset,
            timestamp,
            status: u8::try_from(status).unwrap_or_default(),
            // The broker's words are in the slot already: see `broker_message`.
            details: None,
        };
        outcome.mistrust();
        outcome
    }

    pub(super) fn topic(&self) -> *const sys::rd_kafka_topic_t {
        self.0.topic
    }

    /// The broker that has answered for it; negative for none.
    pub(super) fn broker(&self) -> i32 {
        // SAFETY: a live message.
        unsafe { sys::rd_kafka_message_broker_id(ptr::from_ref(self.0).cast()) }
    }

    pub(super) fn opaque(&self) -> *mut c_void {
        self.0.opaque
    }

    /// Bytes of key and value.
    pub(super) fn size(&self) -> usize {
        self.0.key_size + self.0.payload_size
    }

    /// What its slot's [`RecordView::queued_size`](super::RecordView::queued_size) was.
    pub(super) fn queued_size(&self) -> usize {
        self.size() + 1
    }

    /// The record's key as it was sent.
    pub(super) fn key(&self) -> Option<&[u8]> {
        // SAFETY: null, or as many bytes as are said to be there, for as long as the message.
        unsafe { ffi::bytes(self.0.key, self.0.key_size) }
    }

    /// The record's value as it was sent.
    pub(super) fn value(&self) -> Option<&[u8]> {
        // SAFETY: null, or as many bytes as are said to be there, for as long as the message; they are the message's own or, of a large record, its slot's, which is still here.
        unsafe { ffi::bytes(self.0.payload, self.0.payload_size) }
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: ours, destroyed once.
        unsafe { sys::rd_kafka_event_destroy(self.0.as_ptr()) };
    }
}
