//! [`Draft`]: a record before librdkafka has it, and its slot.

use std::{ffi::c_void, task::Waker};

use super::{FreeSlot, Giver, Pending};
use crate::native::{
    outcome::ErrorDetails,
    prepared_record::{Completion, PreparedRecord},
    thread_record,
};

/// A record that the sender or the queue has. Dropping it rejects the record.
pub(crate) struct Draft {
    giver: Giver,
    /// In a box, because a draft moves often before librdkafka has it.
    record: Box<PreparedRecord>,
}

impl Draft {
    pub(crate) fn record(&self) -> &PreparedRecord {
        &self.record
    }

    pub(crate) fn record_mut(&mut self) -> &mut PreparedRecord {
        &mut self.record
    }

    /// What it counts against `buffer.memory`, in bytes.
    pub(crate) fn charge(&self) -> usize {
        self.giver.content().charge as usize
    }

    /// Sets what it counts against `buffer.memory`: 4 GiB at most.
    pub(crate) fn set_charge(&mut self, bytes: usize) {
        self.giver.content_mut().charge = u32::try_from(bytes).unwrap_or(u32::MAX);
    }

    /// Sets the generation of outstanding records that it belongs to.
    pub(crate) fn set_generation(&mut self, generation: u8) {
        self.giver.content_mut().generation = generation;
    }

    /// Details of why librdkafka did not accept it.
    pub(crate) fn take_details(&mut self) -> Option<Box<ErrorDetails>> {
        self.record.details.take()
    }

    /// The handle for a sender that waits for the buffer and then for the report. At most one is created for a draft.
    pub(crate) fn pending(&self) -> Pending {
        self.giver.pending()
    }

    /// The handle for a sender that waits for the report only; empty if the report has another receiver.
    pub(crate) fn pending_report(&self) -> Pending {
        match self.record.completion {
            Completion::Future => self.pending(),
            Completion::Callback(_) | Completion::Member { .. } => Pending(None),
        }
    }

    /// Ends the wait for the buffer. Returns the waker to call.
    pub(crate) fn admit(&self) -> Option<Waker> {
        self.giver.admit()
    }

    /// Makes the slot a message's opaque and stores in it what is needed of the record from now on. Returns the prepared record if it is not
    /// needed.
    pub(in crate::native) fn into_opaque(self) -> (*mut c_void, Option<Box<PreparedRecord>>) {
        let (giver, spare) = self.into_giver();
        (giver.into_opaque(), spare)
    }

    /// Stores in the slot what is needed of the record from now on. Returns the prepared record if it is not needed.
    pub(super) fn into_giver(self) -> (Giver, Option<Box<PreparedRecord>>) {
        let Self { mut giver, record } = self;
        let spare = giver.content_mut().fill(record);
        (giver, spare)
    }

    /// Reverses [`into_opaque`](Self::into_opaque) for a record that librdkafka did not accept.
    ///
    /// # Safety
    /// `opaque` and `spare` came from [`into_opaque`](Self::into_opaque), and librdkafka keeps no reference to the slot.
    pub(in crate::native) unsafe fn take_back(opaque: *mut c_void, spare: Option<Box<PreparedRecord>>) -> Self {
        // SAFETY: the caller guarantees a pointer that `into_opaque` returned and that librdkafka does not keep.
        let mut giver = unsafe { Giver::from_opaque(opaque) };
        let record = giver.content_mut().empty(spare);
        Self { giver, record }
    }

    /// Ends a draft that waited for the buffer: its [`Pending`] gets the code.
    pub(crate) fn refuse(self, code: i32) -> Option<Waker> {
        let Self { mut giver, mut record } = self;
        // Its pool gets the slot.
        giver.content_mut().topic = record.topic.take();
        thread_record::give(record);
        giver.refuse(code)
    }
}

impl From<FreeSlot> for Draft {
    fn from(FreeSlot(mut slot): FreeSlot) -> Self {
        let mut record = thread_record::take();
        record.topic = slot.content.get_mut().topic.take();
        Self { giver: FreeSlot(slot).into(), record }
    }
}
