//! [`MockRecord`]: a record that a [`MockProducer`](super::MockProducer) was given.

use std::{fmt, sync::Arc};

use crate::Headers;

/// A record as it would have stood in its partition: serialized, with the place that it got.
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

    /// The partition that was asked for, or chosen.
    pub fn partition(&self) -> i32 {
        self.partition
    }

    /// The offset: how many records were sent to the partition before.
    pub fn offset(&self) -> i64 {
        self.offset
    }

    /// The timestamp that was set, in milliseconds since the Unix epoch.
    pub fn timestamp(&self) -> Option<i64> {
        self.timestamp
    }

    /// The headers, after the interceptors.
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

/// Shows key and value as text where they are: this is for tests' messages.
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
