//! [`RecordView`]: what is still known of a record once librdkafka has it.

use std::{num::NonZeroI64, sync::Arc};

use super::topic::Topic;
use crate::record::Headers;

/// Most records have none.
static NO_HEADERS: Headers = Headers::new();

/// A record for those who hear of its report.
pub(crate) struct RecordView<'a> {
    pub(crate) topic: Option<&'a Arc<Topic>>,
    /// `None` is a null key.
    pub(crate) key_size: Option<u32>,
    /// `None` is a null value.
    pub(crate) value_size: Option<u32>,
    pub(crate) headers: &'a Headers,
}

/// What the sender asked librdkafka for.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Asked {
    /// `None` leaves the choice to the partitioner.
    pub(crate) partition: Option<i32>,
    /// Milliseconds since the epoch; `None` is now.
    pub(crate) timestamp: Option<NonZeroI64>,
}

impl<'a> RecordView<'a> {
    pub(super) fn without_headers(topic: Option<&'a Arc<Topic>>, key_size: Option<u32>, value_size: Option<u32>) -> Self {
        Self { topic, key_size, value_size, headers: &NO_HEADERS }
    }

    /// The topic's name; empty for a record that has got none.
    pub(crate) fn topic_name(&self) -> &'a str {
        self.topic.map_or("", |topic| topic.name())
    }

    /// Key, value and headers, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.payload() + self.headers.size()
    }

    /// What it adds to its partition's queue: the bytes of key and value, and one, so that an empty record counts as well.
    pub(super) fn queued_size(&self) -> usize {
        self.payload() + 1
    }

    fn payload(&self) -> usize {
        self.key_size.unwrap_or(0) as usize + self.value_size.unwrap_or(0) as usize
    }
}
