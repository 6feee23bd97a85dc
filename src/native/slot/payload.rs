//! [`Payload`]: the last eight bytes of a slot, which have two uses.

use std::mem::ManuallyDrop;

use crate::native::prepared_record::PreparedRecord;

/// The size that means null. A record this large is never stored as sizes.
const NULL: u32 = u32::MAX;

/// A prepared record, or the sizes of a record's key and value. The slot's header says which: an enum of its own would need eight more bytes.
pub(super) union Payload {
    sizes: [u32; 2],
    record: ManuallyDrop<Box<PreparedRecord>>,
}

impl Payload {
    pub(super) fn of_sizes(key: Option<u32>, value: Option<u32>) -> Self {
        Self { sizes: [key.unwrap_or(NULL), value.unwrap_or(NULL)] }
    }

    pub(super) fn of_record(record: Box<PreparedRecord>) -> Self {
        Self { record: ManuallyDrop::new(record) }
    }

    /// # Safety
    /// It is [`of_sizes`](Self::of_sizes).
    pub(super) unsafe fn sizes(&self) -> (Option<u32>, Option<u32>) {
        // SAFETY: the caller, who has read the slot's header, guarantees that the field `sizes` is the one in use.
        let [key, value] = unsafe { self.sizes };
        ((key != NULL).then_some(key), (value != NULL).then_some(value))
    }

    /// # Safety
    /// It is [`of_record`](Self::of_record).
    pub(super) unsafe fn record(&self) -> &PreparedRecord {
        // SAFETY: the caller, who has read the slot's header, guarantees that the field `record` is the one in use.
        unsafe { &self.record }
    }

    /// # Safety
    /// It is [`of_record`](Self::of_record).
    pub(super) unsafe fn record_mut(&mut self) -> &mut PreparedRecord {
        // SAFETY: the caller, who has read the slot's header, guarantees that the field `record` is the one in use.
        unsafe { &mut self.record }
    }

    /// Takes the record and leaves null sizes.
    ///
    /// # Safety
    /// It is [`of_record`](Self::of_record).
    pub(super) unsafe fn take_record(&mut self) -> Box<PreparedRecord> {
        let taken = std::mem::replace(self, Self::of_sizes(None, None));
        // SAFETY: the caller guarantees that `record` was the field in use; the box was moved out of `self`, so that it has one owner.
        ManuallyDrop::into_inner(unsafe { taken.record })
    }
}
