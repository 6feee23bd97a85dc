//! [`ConsumerRecord`]: a record as it was read.

use std::{fmt, sync::Arc};

use super::done::Window;
use crate::Headers;

/// A record that was read from a topic: what Java calls `ConsumerRecord`.
pub struct ConsumerRecord<K, V> {
    head: Head,
    key: K,
    value: V,
    /// Where it is marked as done, if the program says so for each record.
    window: Option<Arc<Window>>,
}

/// A record's key and value as the bytes that they are in the topic, `None` for null: of a record that could not be deserialized.
pub type RawRecord = ConsumerRecord<Option<Vec<u8>>, Option<Vec<u8>>>;

/// All of a record but its key and value.
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

/// Whose clock a record's timestamp is of (the topic's `message.timestamp.type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimestampType {
    /// The producer's, when the record was made.
    CreateTime,
    /// The broker's, when the record was written.
    LogAppendTime,
}

impl<K, V> ConsumerRecord<K, V> {
    pub(super) fn new(head: Head, key: K, value: V, window: Option<Arc<Window>>) -> Self {
        Self { head, key, value, window }
    }

    /// All that it is made of.
    pub(super) fn into_raw_parts(self) -> (Head, K, V, Option<Arc<Window>>) {
        (self.head, self.key, self.value, self.window)
    }

    /// Marks the record as processed, with [`ConsumerBuilder::explicit_done`](super::ConsumerBuilder::explicit_done): for programs that
    /// process records in parallel. Records may be done in any order; commits stay before the first record of the partition that is not done.
    ///
    /// Can be called from any thread; once more has no effect, nor has a record from before a seek or from a partition that has gone. Without
    /// `explicit_done` it has no effect either: a record counts when the program asks for the next one.
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

    /// Whose clock the timestamp is of, `None` if the record has none.
    pub fn timestamp_type(&self) -> Option<TimestampType> {
        self.head.timestamp.map(|(kind, _)| kind)
    }

    /// The epoch of the partition's leader when the record was written (KIP-101), `None` if the broker is too old to tell.
    pub fn leader_epoch(&self) -> Option<i32> {
        self.head.leader_epoch
    }

    /// The headers.
    pub fn headers(&self) -> &Headers {
        &self.head.headers
    }

    /// The key, as the deserializer gave it.
    pub fn key(&self) -> &K {
        &self.key
    }

    /// The value, as the deserializer gave it.
    pub fn value(&self) -> &V {
        &self.value
    }

    /// Key and value, for a program that does not need the rest. Does not mark the record as [`done`](Self::done).
    pub fn into_parts(self) -> (K, V) {
        (self.key, self.value)
    }

    /// The key's length in bytes before it was deserialized, `None` for a null key.
    pub fn serialized_key_size(&self) -> Option<usize> {
        self.head.key_size.map(|size| size as usize)
    }

    /// The value's length in bytes before it was deserialized, `None` for a null value.
    pub fn serialized_value_size(&self) -> Option<usize> {
        self.head.value_size.map(|size| size as usize)
    }
}

impl<K: Clone, V: Clone> Clone for ConsumerRecord<K, V> {
    fn clone(&self) -> Self {
        Self { head: self.head.clone(), key: self.key.clone(), value: self.value.clone(), window: self.window.clone() }
    }
}

/// Shows where the record stands and how large it is, never what is in it.
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
