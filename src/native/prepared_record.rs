//! [`PreparedRecord`]: a record to be sent, and the receiver of its report.
//!
//! librdkafka's own limits (`queue.buffering.max.*`) are set to their maximum, because they count payload only. `buffer.memory` counts
//! `PreparedRecord::cost`: key, value and headers as both sides keep them, and a constant for the slot and librdkafka's message. A report
//! that is not read yet keeps only its slot, which is not counted. The pool keeps 16 MiB of slots at most, and halves itself each idle second.

use std::{num::NonZeroI64, sync::Arc, task::Waker};

use super::{
    callback::Callback,
    contained::Contained,
    outcome::{ErrorDetails, Outcome},
    record_view::{Asked, RecordView},
    slot::Slot,
    topic::Topic,
};
use crate::record::{Header, Headers};

/// librdkafka's allocation for a record besides what the slot holds (`rd_kafka_msg_t`, measured: 176 bytes).
const NATIVE_MESSAGE: usize = 176;

/// The cost of a record in `buffer.memory` besides key, value and headers, and besides its prepared record if that is kept.
const RECORD_OVERHEAD: usize = size_of::<Slot>() + NATIVE_MESSAGE;

/// The largest size of key and value that is copied into librdkafka's message.
const COPIED: usize = 2048;

/// The spare capacity of a buffer that is not counted, in bytes.
const SURPLUS: usize = 128;

/// From this size on, moving a buffer costs less than wasting its spare capacity.
const LARGE: usize = 64 * 1024;

/// The cost of a header besides its bytes, which librdkafka copies: both structures, and the allocator's overhead for each part.
const HEADER_OVERHEAD: usize = size_of::<Header>() + 112;

/// A record to be sent.
#[derive(Default)]
pub(crate) struct PreparedRecord {
    /// The bytes of the key, then those of the value, until librdkafka has copied them; for a large record until the report, because librdkafka
    /// refers to them.
    pub(crate) buffer: Vec<u8>,
    /// The key's length; `None` is a null key. The key is first in the buffer.
    pub(crate) key_size: Option<u32>,
    /// The value's length; `None` is a null value. The value follows the key.
    pub(crate) value_size: Option<u32>,
    /// Until librdkafka has the record; then the slot has it.
    pub(crate) topic: Option<Arc<Topic>>,
    pub(crate) completion: Completion,
    /// Milliseconds since the epoch; `None` for now.
    pub(crate) timestamp: Option<NonZeroI64>,
    /// `None` for the partitioner's choice.
    pub(crate) partition: Option<i32>,
    pub(crate) headers: Headers,
    /// Details of why librdkafka did not accept it.
    pub(crate) details: Option<Box<ErrorDetails>>,
}

/// The receiver of the report. Dropping an uncalled callback drops its captures, which is user code. So is dropping the last reference to a
/// batch, which contains errors and a waker.
#[derive(Default)]
pub(crate) enum Completion {
    /// The [`Pending`](super::Pending), if it still exists.
    #[default]
    Future,
    /// A callback, which runs on the delivery thread.
    Callback(Contained<Callback>),
    /// The batch, and the record's index in it.
    Member { tally: Contained<Arc<dyn Tally>>, index: u32 },
}

/// Counts the reports of a batch. Called on the delivery thread; the methods must not panic or block.
pub(crate) trait Tally: Send + Sync {
    /// The record with this index has failed. [`close`](Self::close) counts it as well.
    fn fail(&self, index: u32, view: &RecordView<'_>, outcome: &Outcome);
    /// This many records have been reported. Returns the waker to call if they were the last.
    fn close(&self, records: usize) -> Option<Waker>;
}

impl PreparedRecord {
    pub(crate) fn key(&self) -> Option<&[u8]> {
        self.buffer.get(..self.key_size? as usize)
    }

    pub(crate) fn value(&self) -> Option<&[u8]> {
        let start = self.key_size.unwrap_or(0) as usize;
        self.buffer.get(start..start + self.value_size? as usize)
    }

    /// The metadata of the record.
    pub(crate) fn view(&self) -> RecordView<'_> {
        let Self { topic, key_size, value_size, headers, .. } = self;
        RecordView { topic: topic.as_ref(), key_size: *key_size, value_size: *value_size, headers }
    }

    /// What the sender asked for.
    pub(crate) fn asked(&self) -> Asked {
        Asked { partition: self.partition, timestamp: self.timestamp }
    }

    /// Whether the slot alone can hold all that is needed of the record once librdkafka has it.
    pub(super) fn is_plain(&self) -> bool {
        self.headers.is_empty() && !self.is_kept()
    }

    /// Whether the record's bytes stay here while librdkafka has the record. The bytes of a small record are copied into librdkafka's message,
    /// so the sending thread can reuse its buffer. But librdkafka does not pass the value to its partitioner callback, so for a partitioner that
    /// needs the value, it stays here.
    pub(crate) fn is_kept(&self) -> bool {
        self.buffer.len() > COPIED || self.topic.as_ref().is_some_and(|topic| topic.wants_value())
    }

    /// Shrinks a buffer that is to be kept and that is much larger than its record, or large and not full.
    pub(crate) fn trim(&mut self) {
        let (size, capacity) = (self.buffer.len(), self.buffer.capacity());
        if capacity > 2 * size + 4 * SURPLUS || (size > LARGE && capacity > size + size / 4) {
            self.buffer.shrink_to_fit();
        }
    }

    /// What it counts against `buffer.memory` once it is serialized. The spare capacity of a reused buffer counts.
    pub(crate) fn cost(&self) -> usize {
        let size = self.buffer.len();
        let buffer = if self.is_kept() { size.max(self.buffer.capacity().saturating_sub(SURPLUS)) } else { size };
        let kept = if self.is_plain() { 0 } else { size_of::<Self>() };
        RECORD_OVERHEAD + kept + buffer + 2 * self.headers.size() + self.headers.len() * HEADER_OVERHEAD
    }
}
