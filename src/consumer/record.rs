//! [`ConsumerRecord`]: a record that was read.

use std::{fmt, sync::Arc};

use super::done::Window;
use crate::Headers;

/// A record that was read from a topic: Java's `ConsumerRecord`.
pub struct ConsumerRecord<K, V> {
    head: Head,
    key: K,
    value: V,
    /// Where the record is marked as done, with `explicit_done`.
    window: Option<Arc<Window>>,
}

/// A record that could not be deserialized. Key and value are the bytes of the topic, `None` for null.
pub type RawRecord = ConsumerRecord<Option<Vec<u8>>, Option<Vec<u8>>>;

/// The parts of a record besides key and value.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) topic: Arc<str>,
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) timestamp: Option<(TimestampType, i64)>,
    pub(super) leader_epoch: Option<i32>,
    pub(super) headers: Headers,
    pub(super) key_size: Option<u32>,
    pub(super) value_size: Option<u32>,
}

/// The clock of a record's timestamp (the topic's `message.timestamp.type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimestampType {
    /// The producer's clock, when the record was created.
    CreateTime,
    /// The broker's clock, when the record was written.
    LogAppendTime,
}

impl<K, V> ConsumerRecord<K, V> {
    pub(super) fn new(head: Head, key: K, value: V, window: Option<Arc<Window>>) -> Self {
        Self { head, key, value, window }
    }

    /// The parts of the record.
    pub(super) fn into_raw_parts(self) -> (Head, K, V, Option<Arc<Window>>) {
        (self.head, self.key, self.value, self.window)
    }

    /// Marks the record as processed, with [`ConsumerBuilder::explicit_done`](super::ConsumerBuilder::explicit_done): for programs that
    /// process records in parallel. Records may be marked in any order; commits stop before the first record of the partition that is not done.
    ///
    /// It can be called from any thread. It has no effect on a record that is already done, that is from before a seek, or whose partition has
    /// been revoked. Without `explicit_done` it has no effect: a record counts as processed when the program requests the next one.
    pub fn done(&self) {
        if let Some(window) = &self.window {
            window.done(self.head.offset);
        }
    }

    /// The topic.
    pub fn topic(&self) -> &str {
        &self.head.topic
    }

    /// The partition.
    pub fn partition(&self) -> i32 {
        self.head.partition
    }

    /// The record's offset in its partition.
    pub fn offset(&self) -> i64 {
        self.head.offset
    }

    /// The record's timestamp in milliseconds since the Unix epoch, `None` if it has none.
    pub fn timestamp(&self) -> Option<i64> {
        self.head.timestamp.map(|(_, milliseconds)| milliseconds)
    }

    /// The clock of the timestamp, `None` if the record has none.
    pub fn timestamp_type(&self) -> Option<TimestampType> {
        self.head.timestamp.map(|(kind, _)| kind)
    }

    /// The leader epoch of the partition when the record was written (KIP-101), `None` with a broker that is too old to send it.
    pub fn leader_epoch(&self) -> Option<i32> {
        self.head.leader_epoch
    }

    /// The headers.
    pub fn headers(&self) -> &Headers {
        &self.head.headers
    }

    /// The deserialized key.
    pub fn key(&self) -> &K {
        &self.key
    }

    /// The deserialized value.
    pub fn value(&self) -> &V {
        &self.value
    }

    /// Key and value, without the rest. This does not mark the record as [`done`](Self::done).
    pub fn into_parts(self) -> (K, V) {
        (self.key, self.value)
    }

    /// The serialized key's length in bytes, `None` for a null key.
    pub fn serialized_key_size(&self) -> Option<usize> {
        self.head.key_size.map(|size| size as usize)
    }

    /// The serialized value's length in bytes, `None` for a null value.
    pub fn serialized_value_size(&self) -> Option<usize> {
        self.head.value_size.map(|size| size as usize)
    }
}

impl<K: Clone, V: Clone> Clone for ConsumerRecord<K, V> {
    fn clone(&self) -> Self {
        Self { head: self.head.clone(), key: self.key.clone(), value: self.value.clone(), window: self.window.clone() }
    }
}

/// Shows the record's position and size, never its content.
impl<K, V> fmt::Debug for ConsumerRecord<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsumerRecord")
            .field("topic", &self.head.topic)
            .field("partition", &self.head.partition)
            .field("offset", &self.head.offset)
            .field("timestamp", &self.head.timestamp)
            .field("headers", &self.head.headers)
            .field("serialized_key_size", &self.head.key_size)
            .field("serialized_value_size", &self.head.value_size)
            .finish_non_exhaustive()
    }
}
