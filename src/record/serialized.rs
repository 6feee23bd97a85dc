//! [`SerializedRecord`]: a copy of a record that was accepted and not delivered.

use std::{fmt, sync::Arc};

use super::{Headers, ProducerRecord};

/// A record with its key and value as they were serialized, and the partition and timestamp that its sender set.
#[derive(Clone)]
pub(crate) struct SerializedRecord {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: Option<i32>,
    pub(crate) timestamp: Option<i64>,
    pub(crate) headers: Headers,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
}

impl SerializedRecord {
    /// The same as a record that can be sent.
    pub(crate) fn record(&self) -> ProducerRecord<'_, [u8], [u8]> {
        let mut record = ProducerRecord::to(&*self.topic).headers(self.headers.clone()).key(&self.key).value(&self.value);
        record.partition = self.partition;
        record.timestamp = self.timestamp;
        record
    }
}

/// Shows no content.
impl fmt::Debug for SerializedRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.record().fmt(f)
    }
}
