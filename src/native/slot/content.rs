//! [`Content`]: what a slot stores of a record, for the owner of the slot.

use std::{mem, num::NonZeroI64, sync::Arc};

use crate::native::{
    outcome::Outcome,
    prepared_record::{Completion, PreparedRecord},
    record_view::{Asked, RecordView},
    topic::Topic,
};

/// What a slot stores of a record. Until librdkafka has the record, only the first two fields are in use.
///
/// The fields up to `outcome` share the slot's first cache line with the handoff. They are all that the delivery thread needs of most records
/// whose report a future gets.
#[derive(Default)]
#[repr(C)]
pub(super) struct Content {
    /// What the record counts against `buffer.memory`, in bytes: 4 GiB at most.
    pub(super) charge: u32,
    /// The generation of outstanding records that it belongs to.
    pub(super) generation: u8,
    /// Whether the topic's partitioner has counted it in its partition's queue, and must be called at the report.
    pub(super) is_counted: bool,
    /// Whether there is a `record`.
    pub(super) has_record: bool,
    /// Whether `completion` has a receiver of the report.
    has_receiver: bool,
    /// Before the report it has only details that are already known.
    pub(super) outcome: Outcome,
    /// Until the report, unless the other fields are all that is needed of the record.
    pub(super) record: Option<Box<PreparedRecord>>,
    /// A free slot keeps it: the next record is often for the same topic, and then needs no lookup.
    pub(super) topic: Option<Arc<Topic>>,
    /// The receiver of the report, until the report.
    completion: Completion,
    timestamp: Option<NonZeroI64>,
    key_size: Size,
    value_size: Size,
    partition: AskedPartition,
}

/// The size of a key or a value, in four bytes.
#[derive(Clone, Copy)]
struct Size(u32);

impl Size {
    /// More than a record may have.
    const NULL: Self = Self(u32::MAX);

    fn new(size: Option<u32>) -> Self {
        size.map_or(Self::NULL, Self)
    }

    fn get(self) -> Option<u32> {
        (self.0 != Self::NULL.0).then_some(self.0)
    }
}

impl Default for Size {
    fn default() -> Self {
        Self::NULL
    }
}

/// The partition that the sender asked for, in four bytes; negative for the partitioner's choice.
#[derive(Clone, Copy)]
struct AskedPartition(i32);

impl Default for AskedPartition {
    fn default() -> Self {
        Self(-1)
    }
}

impl Content {
    /// Stores what is needed of a record that librdkafka gets. Returns the prepared record if it is not needed.
    pub(super) fn fill(&mut self, mut record: PreparedRecord) -> Option<PreparedRecord> {
        let is_plain = record.is_plain();
        (self.is_counted, self.has_record) = (false, !is_plain);
        self.has_receiver = !matches!(record.completion, Completion::Future);
        if self.has_receiver {
            self.completion = mem::take(&mut record.completion);
        }
        (self.partition, self.timestamp) =
            (record.partition.map_or_else(AskedPartition::default, AskedPartition), record.timestamp);
        self.outcome = Outcome::default();
        self.topic = record.topic.take();
        (self.key_size, self.value_size) = (Size::new(record.key_size), Size::new(record.value_size));
        if is_plain {
            return Some(record);
        }
        self.record = Some(Box::new(record));
        None
    }

    /// The receiver of the report, usually a future.
    pub(super) fn take_completion(&mut self) -> Completion {
        if mem::take(&mut self.has_receiver) { mem::take(&mut self.completion) } else { Completion::Future }
    }

    /// What the sender asked for.
    pub(super) fn asked(&self) -> Asked {
        Asked { partition: Some(self.partition.0).filter(|partition| *partition >= 0), timestamp: self.timestamp }
    }

    /// The metadata of the record.
    pub(super) fn view(&self) -> RecordView<'_> {
        let headers = self.record.as_ref().map(|record| &record.headers);
        RecordView::new(self.topic.as_ref(), self.key_size.get(), self.value_size.get(), headers)
    }
}
