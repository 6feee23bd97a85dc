//! [`Content`]: what a slot stores of a record, for the owner of the slot.

use std::{mem, sync::Arc};

use crate::native::{
    outcome::Outcome,
    prepared_record::{Completion, PreparedRecord},
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
    /// Whether `kept` is not empty.
    pub(super) keeps: bool,
    /// Before the report it has only details that are already known.
    pub(super) outcome: Outcome,
    /// Empty after the report.
    pub(super) kept: Kept,
    pub(super) asked: Asked,
    /// A free slot keeps it: the next record is often for the same topic, and then needs no lookup.
    pub(super) topic: Option<Arc<Topic>>,
    key_size: PartSize,
    value_size: PartSize,
}

/// What a slot keeps of a record until its report, besides the other fields of [`Content`].
#[derive(Default)]
pub(super) enum Kept {
    /// Nothing: the future receives the report.
    #[default]
    Nothing,
    /// Another receiver of the report.
    Completion(Completion),
    /// The whole record, because librdkafka refers to its bytes, or it has headers.
    Record(Box<PreparedRecord>),
}

/// The size of a key or a value, in four bytes: the largest number is null.
#[derive(Clone, Copy)]
struct PartSize(u32);

impl PartSize {
    const NULL: Self = Self(u32::MAX);

    fn new(size: Option<u32>) -> Self {
        size.map_or(Self::NULL, Self)
    }

    fn get(self) -> Option<u32> {
        Some(self.0).filter(|&size| size != Self::NULL.0)
    }
}

impl Default for PartSize {
    fn default() -> Self {
        Self::NULL
    }
}

impl Content {
    /// Stores what is needed of a record that librdkafka gets. Returns the rest of the prepared record, without its topic and its receiver,
    /// if it is not needed.
    pub(super) fn fill(&mut self, mut record: Box<PreparedRecord>) -> Option<Box<PreparedRecord>> {
        // Before the topic is taken, which it depends on.
        let is_plain = record.is_plain();
        self.is_counted = false;
        self.asked = record.asked();
        self.outcome = Outcome::default();
        self.topic = record.topic.take();
        (self.key_size, self.value_size) = (PartSize::new(record.key_size), PartSize::new(record.value_size));
        if is_plain {
            self.keeps = !matches!(record.completion, Completion::Future);
            self.kept = if self.keeps { Kept::Completion(mem::take(&mut record.completion)) } else { Kept::Nothing };
            return Some(record);
        }
        (self.kept, self.keeps) = (Kept::Record(record), true);
        None
    }

    /// Reverses [`fill`](Self::fill), with the record that it returned.
    pub(super) fn empty(&mut self, spare: Option<Box<PreparedRecord>>) -> Box<PreparedRecord> {
        self.keeps = false;
        let mut record = match mem::take(&mut self.kept) {
            Kept::Nothing => spare.unwrap_or_default(),
            Kept::Completion(completion) => {
                let mut record = spare.unwrap_or_default();
                record.completion = completion;
                record
            }
            Kept::Record(record) => record,
        };
        (record.details, record.topic) = (self.outcome.details.take(), self.topic.take());
        record
    }

    /// The receiver of the report. Does not read the second cache line for a future, the usual one.
    pub(super) fn take_completion(&mut self) -> Completion {
        if !self.keeps {
            return Completion::Future;
        }
        match &mut self.kept {
            Kept::Nothing => Completion::Future,
            Kept::Completion(completion) => mem::take(completion),
            Kept::Record(record) => mem::take(&mut record.completion),
        }
    }

    /// Drops what was kept until the report.
    pub(super) fn discard(&mut self) {
        if mem::take(&mut self.keeps) {
            self.kept = Kept::Nothing;
        }
    }

    /// The record, if all of it is kept.
    pub(super) fn record(&self) -> Option<&PreparedRecord> {
        match &self.kept {
            Kept::Record(record) => Some(record),
            Kept::Nothing | Kept::Completion(_) => None,
        }
    }

    /// The metadata of the record.
    pub(super) fn view(&self) -> RecordView<'_> {
        let headers = self.record().map(|record| &record.headers);
        RecordView::new(self.topic.as_ref(), self.key_size.get(), self.value_size.get(), headers)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::native::{callback::Callback, contained::Contained};

    /// A record with a callback that counts its calls.
    fn record(bytes: u32, calls: &Arc<AtomicUsize>) -> Box<PreparedRecord> {
        let calls = Arc::clone(calls);
        let callback = move |_: &RecordView<'_>, _: &Outcome| {
            calls.fetch_add(1, Ordering::Relaxed);
        };
        Box::new(PreparedRecord {
            buffer: vec![7; bytes as usize],
            value_size: Some(bytes),
            completion: Completion::Callback(Contained::new(Callback::new(callback))),
            ..PreparedRecord::default()
        })
    }

    #[test]
    fn rejected_record_is_returned_with_its_receiver() {
        let calls = Arc::new(AtomicUsize::new(0));
        for (bytes, is_plain) in [(10, true), (10_000, false)] {
            let mut content = Content::default();
            let spare = content.fill(record(bytes, &calls));
            assert_eq!((spare.is_some(), content.view().value_size), (is_plain, Some(bytes)));
            let record = content.empty(spare);
            assert_eq!((record.buffer.len(), record.value_size), (bytes as usize, Some(bytes)));
            assert!(!content.keeps && matches!(content.kept, Kept::Nothing));
            assert!(matches!(content.take_completion(), Completion::Future));
            let Completion::Callback(callback) = record.completion else { panic!("{bytes} bytes have lost their callback") };
            callback.into_inner().call(&content.view(), &Outcome::default());
        }
        assert_eq!((calls.load(Ordering::Relaxed), Arc::strong_count(&calls)), (2, 1));
    }

    #[test]
    fn receiver_is_taken_once_and_dropped_with_the_rest() {
        let calls = Arc::new(AtomicUsize::new(0));
        for bytes in [10, 10_000] {
            let mut content = Content::default();
            drop(content.fill(record(bytes, &calls)));
            assert!(matches!(content.take_completion(), Completion::Callback(_)));
            assert!(matches!(content.take_completion(), Completion::Future));
            drop(content.fill(record(bytes, &calls)));
            assert_eq!(Arc::strong_count(&calls), 2, "the slot has the callback of {bytes} bytes");
            content.discard();
            assert_eq!(Arc::strong_count(&calls), 1);
            assert!(matches!(content.kept, Kept::Nothing));
        }
        assert_eq!(calls.load(Ordering::Relaxed), 0);
    }
}
