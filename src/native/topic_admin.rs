//! Creating topics; deleting them, for tests on real brokers.

use std::{
    ffi::{CString, c_int},
    ptr::NonNull,
    time::Duration,
};

use rdkafka_sys as sys;

use super::{admin::Recipient, client::Client, code, event::Event, ffi, metadata::array, text_buffer::TextBuffer};

/// A topic to create.
#[derive(Debug)]
pub(crate) struct TopicSpecification {
    pub(crate) name: CString,
    /// -1 for the brokers' default, as in `replication_factor`.
    pub(crate) partitions: i32,
    pub(crate) replication_factor: i32,
    pub(crate) settings: Vec<(CString, CString)>,
}

/// Why a topic was not created or deleted.
#[derive(Debug)]
pub(crate) struct TopicRefused {
    /// A code of librdkafka or of a broker.
    pub(crate) code: i32,
    /// The reason of the broker or of librdkafka, if there is more than the code.
    pub(crate) text: Option<String>,
}

/// An owned `rd_kafka_NewTopic_t`.
struct NewTopic(NonNull<sys::rd_kafka_NewTopic_t>);

impl Drop for NewTopic {
    fn drop(&mut self) {
        // SAFETY: `self` owns the value, and this is its one drop.
        unsafe { sys::rd_kafka_NewTopic_destroy(self.0.as_ptr()) };
    }
}

/// An owned `rd_kafka_DeleteTopic_t`.
#[cfg(feature = "testing")]
struct DeleteTopic(NonNull<sys::rd_kafka_DeleteTopic_t>);

#[cfg(feature = "testing")]
impl Drop for DeleteTopic {
    fn drop(&mut self) {
        // SAFETY: `self` owns the value, and this is its one drop.
        unsafe { sys::rd_kafka_DeleteTopic_destroy(self.0.as_ptr()) };
    }
}

impl NewTopic {
    fn new(topic: &TopicSpecification) -> Result<Self, TopicRefused> {
        let mut text = TextBuffer::new();
        // SAFETY: the name is NUL-terminated, and is copied; the buffer has the size that is passed. The value that is returned is ours.
        let new = unsafe {
            let (name, size) = (topic.name.as_ptr(), TextBuffer::SIZE);
            sys::rd_kafka_NewTopic_new(name, topic.partitions, topic.replication_factor, text.as_mut_ptr(), size)
        };
        let new = Self(NonNull::new(new).ok_or_else(|| TopicRefused { code: code::INVALID_ARG, text: Some(text.text()) })?);
        for (name, value) in &topic.settings {
            // SAFETY: `new` is alive; both texts are NUL-terminated, and are copied.
            let code = unsafe { ffi::rd_kafka_NewTopic_set_config(new.0.as_ptr(), name.as_ptr(), value.as_ptr()) };
            if code != code::NO_ERROR {
                return Err(code.into());
            }
        }
        Ok(new)
    }
}

impl Client {
    /// Creates a topic. Blocks for `timeout` at most (an hour at most).
    pub(crate) fn create_topic(&self, topic: &TopicSpecification, timeout: Duration) -> Result<(), TopicRefused> {
        let new = NewTopic::new(topic)?;
        let operation = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_CREATETOPICS;
        let answer = self.admin_request(operation, Recipient::Controller, timeout, |client, options, queue| {
            let mut topics = [new.0.as_ptr()];
            // SAFETY: all are alive during the call, and librdkafka copies the one topic.
            unsafe { sys::rd_kafka_CreateTopics(client, topics.as_mut_ptr(), topics.len(), options, queue) };
        })?;
        // SAFETY: both functions are librdkafka's for the operation `CreateTopics`.
        unsafe { result_of(&answer, sys::rd_kafka_event_CreateTopics_result, sys::rd_kafka_CreateTopics_result_topics) }
    }

    /// Deletes a topic. Blocks for `timeout` at most (an hour at most).
    #[cfg(feature = "testing")]
    pub(crate) fn delete_topic(&self, name: &CString, timeout: Duration) -> Result<(), TopicRefused> {
        // SAFETY: the name is NUL-terminated, and is copied; the value that is returned is ours.
        let topic = unsafe { sys::rd_kafka_DeleteTopic_new(name.as_ptr()) };
        let topic = DeleteTopic(NonNull::new(topic).ok_or(code::INVALID_ARG)?);
        let operation = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DELETETOPICS;
        let answer = self.admin_request(operation, Recipient::Controller, timeout, |client, options, queue| {
            let mut topics = [topic.0.as_ptr()];
            // SAFETY: all are alive during the call, and librdkafka copies the one topic.
            unsafe { sys::rd_kafka_DeleteTopics(client, topics.as_mut_ptr(), topics.len(), options, queue) };
        })?;
        // SAFETY: both functions are librdkafka's for the operation `DeleteTopics`.
        unsafe { result_of(&answer, sys::rd_kafka_event_DeleteTopics_result, sys::rd_kafka_DeleteTopics_result_topics) }
    }
}

/// The result of the one topic of a request, which `result` reads from the answer, and `topics` from that.
///
/// # Safety
/// Both are librdkafka's functions for one operation: `result` returns null for the answer to another one, and what it and `topics`
/// return belongs to the answer.
unsafe fn result_of<R>(
    answer: &Event,
    result: unsafe extern "C" fn(*mut sys::rd_kafka_event_t) -> *const R,
    topics: unsafe extern "C" fn(*const R, *mut usize) -> *mut *const sys::rd_kafka_topic_result_t,
) -> Result<(), TopicRefused> {
    let mut count = 0;
    // SAFETY: `answer` keeps the event alive, and with it the result and its topics; `topics` writes their number to `count`. The caller
    // guarantees that this is what the two functions do.
    let topics = unsafe {
        let result = result(answer.as_ptr());
        if result.is_null() {
            return Err(code::BAD_MSG.into());
        }
        let topics = topics(result, &raw mut count);
        array(topics.cast_const(), c_int::try_from(count).unwrap_or(c_int::MAX))
    };
    let Some(&topic) = topics.first() else { return Err(code::BAD_MSG.into()) };
    // SAFETY: the topic belongs to the answer, which is alive; its text is null or lives as long, and is copied here.
    let (code, text) =
        unsafe { (ffi::rd_kafka_topic_result_error(topic), ffi::text(sys::rd_kafka_topic_result_error_string(topic))) };
    match code {
        code::NO_ERROR => Ok(()),
        code => Err(TopicRefused { code, text: Some(text).filter(|text| !text.is_empty()) }),
    }
}

impl From<i32> for TopicRefused {
    fn from(code: i32) -> Self {
        Self { code, text: None }
    }
}
