//! [`RecordView`]: the metadata of a record that librdkafka has.

use std::{num::NonZeroI64, sync::Arc};

use super::topic::Topic;
use crate::record::{Headers, SerializedRecord};

/// For the many records without headers.
static NO_HEADERS: Headers = Headers::new();

/// A record, for the receivers of its report.
pub(crate) struct RecordView<'a> {
    pub(crate) topic: Option<&'a Arc<Topic>>,
    /// `None` for a null key.
    pub(crate) key_size: Option<u32>,
    /// `None` for a null value.
    pub(crate) value_size: Option<u32>,
    pub(crate) headers: &'a Headers,
}

/// What the sender asked for.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Asked {
    /// `None` for the partitioner's choice.
    pub(crate) partition: Option<i32>,
    /// Milliseconds since the epoch; `None` for now.
    pub(crate) timestamp: Option<NonZeroI64>,
}

impl<'a> RecordView<'a> {
    pub(super) fn new(
        topic: Option<&'a Arc<Topic>>,
        key_size: Option<u32>,
        value_size: Option<u32>,
        headers: Option<&'a Headers>,
    ) -> Self {
        Self { topic, key_size, value_size, headers: headers.unwrap_or(&NO_HEADERS) }
    }

    /// The topic name; empty for a record without a topic.
    pub(crate) fn topic_name(&self) -> &'a str {
        self.topic.map_or("", |topic| topic.name())
    }

    /// A copy of the record with this key and value.
    pub(crate) fn copy(&self, asked: Asked, (key, value): (Option<&[u8]>, Option<&[u8]>)) -> SerializedRecord {
        SerializedRecord {
            topic: self.topic.map_or_else(|| Arc::from(""), |topic| Arc::clone(topic.name())),
            partition: asked.partition,
            timestamp: asked.timestamp.map(NonZeroI64::get),
            headers: self.headers.clone(),
            key: key.map(<[u8]>::to_vec),
            value: value.map(<[u8]>::to_vec),
        }
    }

    /// The size of key, value and headers, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.payload() + self.headers.size()
    }

    /// The record's size in its partition's queue: the bytes of key and value, plus one so that an empty record counts.
    pub(super) fn queued_size(&self) -> usize {
        self.payload() + 1
    }

    fn payload(&self) -> usize {
        self.key_size.unwrap_or(0) as usize + self.value_size.unwrap_or(0) as usize
    }
}
