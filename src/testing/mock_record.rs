//! [`MockRecord`]: a record that was sent to a [`MockProducer`](super::MockProducer).

use std::{fmt, sync::Arc};

use crate::Headers;

/// A record that was sent, serialized, with its partition and offset.
#[derive(Clone, PartialEq, Eq)]
pub struct MockRecord {
    pub(super) topic: Arc<str>,
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) timestamp: Option<i64>,
    pub(super) headers: Headers,
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
}

impl MockRecord {
    /// The topic.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// The partition that was set or chosen.
    pub fn partition(&self) -> i32 {
        self.partition
    }

    /// The offset: the number of earlier records of the partition.
    pub fn offset(&self) -> i64 {
        self.offset
    }

    /// The timestamp that was set, in milliseconds since the Unix epoch.
    pub fn timestamp(&self) -> Option<i64> {
        self.timestamp
    }

    /// The headers, including those that interceptors added.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The serialized key, `None` for null.
    pub fn key(&self) -> Option<&[u8]> {
        self.key.as_deref()
    }

    /// The serialized value, `None` for null.
    pub fn value(&self) -> Option<&[u8]> {
        self.value.as_deref()
    }
}

/// Shows key and value as text if they are UTF-8, for assertion messages of tests.
impl fmt::Debug for MockRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |part: &Option<Vec<u8>>| part.as_deref().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        f.debug_struct("MockRecord")
            .field("topic", &self.topic)
            .field("partition", &self.partition)
            .field("offset", &self.offset)
            .field("timestamp", &self.timestamp)
            .field("headers", &self.headers)
            .field("key", &text(&self.key))
            .field("value", &text(&self.value))
            .finish()
    }
}
