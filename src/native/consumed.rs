//! A polled message.

use std::{
    ffi::CStr,
    ptr::{self, NonNull},
};

use rdkafka_sys as sys;

use super::{consumer_queue::QueueError, ffi};
use crate::record::Headers;

/// A record or an error of its partition. It lives as long as its event.
pub(crate) struct Consumed<'event>(&'event ffi::Message);

impl Consumed<'_> {
    /// `None` for a null pointer.
    ///
    /// # Safety
    /// `message` is null, or a message of an event that outlives the result.
    pub(super) unsafe fn new(message: *const sys::rd_kafka_message_t) -> Option<Self> {
        let message = NonNull::new(message.cast_mut())?;
        // SAFETY: the caller guarantees null or a live message, and `ffi::Message` has its layout (asserted in `ffi.rs`).
        Some(Self(unsafe { message.cast::<ffi::Message>().as_ref() }))
    }

    pub(super) fn code(&self) -> i32 {
        self.0.code
    }

    /// The error of a message that is not a record: its payload is the text.
    pub(super) fn error(&self) -> QueueError {
        let text = self.value().map(|text| String::from_utf8_lossy(text).into_owned());
        let partition = (!self.0.topic.is_null()).then(|| (self.topic().into_owned(), self.0.partition));
        QueueError { code: self.0.code, text: text.unwrap_or_else(|| ffi::error_text(self.0.code)), fatal: false, partition }
    }

    /// The topic name.
    pub(crate) fn topic(&self) -> std::borrow::Cow<'_, str> {
        if self.0.topic.is_null() {
            return "".into();
        }
        // SAFETY: the message keeps its topic, which keeps its name.
        let name = unsafe { sys::rd_kafka_topic_name(self.0.topic) };
        // SAFETY: a terminated text, for as long as the message.
        unsafe { CStr::from_ptr(name) }.to_string_lossy()
    }

    pub(crate) fn partition(&self) -> i32 {
        self.0.partition
    }

    pub(crate) fn offset(&self) -> i64 {
        self.0.offset
    }

    pub(crate) fn key(&self) -> Option<&[u8]> {
        // SAFETY: the key is null, or `key_size` bytes that live as long as the message, which `self` borrows.
        unsafe { ffi::bytes(self.0.key, self.0.key_size) }
    }

    pub(crate) fn value(&self) -> Option<&[u8]> {
        // SAFETY: the value is null, or `payload_size` bytes that live as long as the message, which `self` borrows.
        unsafe { ffi::bytes(self.0.payload, self.0.payload_size) }
    }

    /// Whether it is the broker's time, and the milliseconds; `None` if there is none.
    pub(crate) fn timestamp(&self) -> Option<(bool, i64)> {
        let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: `self` borrows a live message; librdkafka writes one of the type's three values.
        let timestamp = unsafe { sys::rd_kafka_message_timestamp(self.native(), &raw mut kind) };
        match kind {
            sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE => None,
            sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_CREATE_TIME => Some((false, timestamp)),
            sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME => Some((true, timestamp)),
        }
        .filter(|(_, timestamp)| *timestamp >= 0)
    }

    pub(crate) fn leader_epoch(&self) -> Option<i32> {
        // SAFETY: `self` borrows a live message.
        Some(unsafe { sys::rd_kafka_message_leader_epoch(self.native()) }).filter(|epoch| *epoch >= 0)
    }

    /// The headers. Invalid UTF-8 in a name is replaced by replacement characters, as in Java.
    pub(crate) fn headers(&self) -> Headers {
        let mut headers = Headers::new();
        let mut native = ptr::null_mut();
        // SAFETY: a live message, which keeps the headers.
        if unsafe { ffi::rd_kafka_message_headers(self.native(), &raw mut native) } != 0 {
            return headers;
        }
        for index in 0.. {
            let (mut name, mut value, mut size) = (ptr::null(), ptr::null(), 0);
            // SAFETY: the headers are alive; the three are written if there is one of this number.
            let code = unsafe { ffi::rd_kafka_header_get_all(native, index, &raw mut name, &raw mut value, &raw mut size) };
            if code != 0 {
                break;
            }
            // SAFETY: a terminated text of the headers.
            let name = unsafe { ffi::text(name) };
            // SAFETY: null, or `size` bytes of the headers.
            headers.push(name, unsafe { ffi::bytes(value, size) });
        }
        headers
    }

    fn native(&self) -> *const sys::rd_kafka_message_t {
        ptr::from_ref(self.0).cast()
    }
}
