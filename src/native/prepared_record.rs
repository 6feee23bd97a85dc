//! [`PreparedRecord`]: a record as it is sent, and who is told of its report.
//!
//! librdkafka's own limits are lifted (`queue.buffering.max.*`): they count payload only. `PreparedRecord::cost` is what `buffer.memory`
//! counts: key, value and headers as both sides keep them, and a constant for the slot and librdkafka's message. Nothing is
//! charged for a report that has not been read and so unread reports keep at most 8 MiB of their records' bytes; the pool keeps
//! 16 MiB at most and halves itself every idle second.

use std::{mem, num::NonZeroI64, sync::Arc, task::Waker};

use super::{
    contained::Contained,
    outcome::{ErrorDetails, Outcome},
    record_view::{Asked, RecordView},
    slot::Slot,
    thread_buffers,
    topic::Topic,
};
use crate::record::{Header, Headers};

/// What librdkafka allocates for a record beside what the slot holds (`rd_kafka_msg_t`, measured at 176 bytes).
const NATIVE_MESSAGE: usize = 176;

/// What a record costs of `buffer.memory` beside its key, value and headers, and beside its body where that stays.
const RECORD_OVERHEAD: usize = size_of::<Slot>() + NATIVE_MESSAGE;

/// Records up to this size, key and value, are copied into librdkafka's message.
const COPIED: usize = 2048;

/// What a buffer may have in surplus, in bytes, and not be charged for.
const SURPLUS: usize = 128;

/// Moving a buffer of this size or more costs less than what it would waste.
const LARGE: usize = 64 * 1024;

/// What a header costs beside its bytes, which librdkafka copies: ours, librdkafka's, and what the allocator adds for each part.
const HEADER_OVERHEAD: usize = size_of::<Header>() + 112;

/// A record as it is sent.
#[derive(Default)]
pub(crate) struct PreparedRecord {
    /// The key's bytes, then the value's, until librdkafka has copied them; a large record's until the report, since librdkafka refers
    /// to them.
    pub(crate) buffer: Vec<u8>,
    /// `None` is a null key; the key's bytes stand first.
    pub(crate) key_size: Option<u32>,
    /// `None` is a null value; the value's bytes stand behind the key's.
    pub(crate) value_size: Option<u32>,
    /// Until librdkafka has the record; from then on it is its slot's.
    pub(crate) topic: Option<Arc<Topic>>,
    pub(crate) completion: Completion,
    /// Milliseconds since the epoch; `None` is now.
    pub(crate) timestamp: Option<NonZeroI64>,
    /// `None` leaves the choice to the partitioner.
    pub(crate) partition: Option<i32>,
    pub(crate) headers: Headers,
    /// What is known of its failure beside the code.
    pub(crate) details: Option<Box<ErrorDetails>>,
}

/// The receiver of the report. A callback that is dropped uncalled drops what it has captured, which is user code; so does the last
/// reference to a batch, which has errors and a waker in it.
#[derive(Default)]
pub(crate) enum Completion {
    /// The [`Pending`], if it still is there.
    #[default]
    Future,
    /// A callback, on the delivery thread.
    Callback(Contained<Callback>),
    /// The batch that the record is the `index`th of.
    Member { tally: Contained<Arc<dyn Tally>>, index: u32 },
}

pub(crate) type Callback = Box<dyn FnOnce(&RecordView<'_>, &Outcome) + Send>;

/// Counts the reports of a batch. Called on the delivery thread; must not panic or block.
pub(crate) trait Tally: Send + Sync {
    /// The `index`th record has failed; [`close`](Self::close) counts it as well.
    fn fail(&self, index: u32, view: &RecordView<'_>, outcome: &Outcome);
    /// So many of the records have been reported; gives whom to wake if they were the last.
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

    /// What is known of the record.
    pub(crate) fn view(&self) -> RecordView<'_> {
        let Self { topic, key_size, value_size, headers, .. } = self;
        RecordView { topic: topic.as_ref(), key_size: *key_size, value_size: *value_size, headers }
    }

    /// What its sender asks for.
    pub(crate) fn asked(&self) -> Asked {
        Asked { partition: self.partition, timestamp: self.timestamp }
    }

    /// Whether nothing of it will be asked for once librdkafka has the record, but what its slot has room for.
    pub(super) fn is_plain(&self) -> bool {
        matches!(self.completion, Completion::Future) && self.headers.is_empty() && !self.is_kept()
    }

    /// Whether the record's bytes stay here while librdkafka has it. A small record's are copied into librdkafka's message, which is
    /// written anyway: so they travel with it, and the thread that sends can use one buffer for all. But librdkafka does not show its
    /// partitioner callback the value: for a partitioner that wants to see it, it stays here.
    pub(crate) fn is_kept(&self) -> bool {
        self.buffer.len() > COPIED || self.topic.as_ref().is_some_and(|topic| topic.wants_value())
    }

    /// Gives back what a buffer has that is far larger than its record, or large and not full: for one that is to be kept.
    pub(crate) fn trim(&mut self) {
        let (size, capacity) = (self.buffer.len(), self.buffer.capacity());
        if capacity > 2 * size + 4 * SURPLUS || (size > LARGE && capacity > size + size / 4) {
            self.buffer.shrink_to_fit();
        }
    }

    /// What it takes of `buffer.memory` once it is serialized. A buffer that once held a larger record is charged for.
    pub(crate) fn cost(&self) -> usize {
        let size = self.buffer.len();
        let buffer = if self.is_kept() { size.max(self.buffer.capacity().saturating_sub(SURPLUS)) } else { size };
        let kept = if self.is_plain() { 0 } else { size_of::<Self>() };
        RECORD_OVERHEAD + kept + buffer + 2 * self.headers.size() + self.headers.len() * HEADER_OVERHEAD
    }

    /// Makes it ready for the next record.
    pub(super) fn clear(&mut self) {
        let mut buffer = mem::take(&mut self.buffer);
        self.reset();
        buffer.clear();
        self.buffer = if buffer.capacity() == 0 { thread_buffers::take() } else { buffer };
    }

    /// Takes everything out of it.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }
}
