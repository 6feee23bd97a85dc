//! [`Content`]: what a slot stores of a record, for the owner of the slot.

use std::sync::Arc;

use crate::native::{
    outcome::Outcome,
    prepared_record::PreparedRecord,
    record_view::{Asked, RecordView},
    topic::Topic,
};

/// What a slot stores of a record. Until librdkafka has the record, only the first two fields are in use.
///
/// The fields up to `outcome` share the slot's first cache line with the handoff. They are all that the delivery thread needs of most records.
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
    /// Before the report it has only details that are already known.
    pub(super) outcome: Outcome,
    /// Until the report, unless the other fields are all that is needed of the record.
    pub(super) record: Option<Box<PreparedRecord>>,
    pub(super) asked: Asked,
    /// A free slot keeps it: the next record is often for the same topic, and then needs no lookup.
    pub(super) topic: Option<Arc<Topic>>,
    /// `None` for a null key.
    pub(super) key_size: Option<u32>,
    /// `None` for a null value.
    pub(super) value_size: Option<u32>,
}

impl Content {
    /// Stores what is needed of a record that librdkafka gets. Returns the prepared record if it is not needed.
    pub(super) fn fill(&mut self, mut record: PreparedRecord) -> Option<PreparedRecord> {
        let is_plain = record.is_plain();
        (self.is_counted, self.has_record) = (false, !is_plain);
        self.asked = record.asked();
        self.outcome = Outcome::default();
        self.topic = record.topic.take();
        (self.key_size, self.value_size) = (record.key_size, record.value_size);
        if is_plain {
            return Some(record);
        }
        self.record = Some(Box::new(record));
        None
    }

    /// The metadata of the record.
    pub(super) fn view(&self) -> RecordView<'_> {
        let headers = self.record.as_ref().map(|record| &record.headers);
        RecordView::new(self.topic.as_ref(), self.key_size, self.value_size, headers)
    }
}
