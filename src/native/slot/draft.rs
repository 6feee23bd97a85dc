//! [`Draft`]: a record before librdkafka has it, and its slot.

use std::{ffi::c_void, mem, ptr::NonNull, task::Waker};

use super::{FreeSlot, Keeps, Payload, Pending, Slot, let_go};
use crate::{
    native::{
        code,
        handoff::Handoff,
        outcome::{ErrorDetails, Outcome, RawReport},
        prepared_record::{Completion, PreparedRecord},
        thread_buffers,
    },
    panic::wake,
};

/// A record that the sender or the queue has. Dropping it rejects the record.
pub(crate) struct Draft {
    giver: Giver,
    record: Box<PreparedRecord>,
}

/// The giver's ownership of a slot. Dropping it releases the slot.
struct Giver(NonNull<Slot>);

// SAFETY: only this gives access to the content of its slot, and a `Slot` is `Send`.
unsafe impl Send for Giver {}

impl Giver {
    fn slot(&self) -> &Slot {
        // SAFETY: the slot lives at least until the giver has released it, which consumes `self`.
        unsafe { self.0.as_ref() }
    }

    fn end(self, code: i32) -> Option<Waker> {
        mem::ManuallyDrop::new(self).let_go(code)
    }

    fn let_go(&mut self, code: i32) -> Option<Waker> {
        // SAFETY: this is the slot's giver, and both callers end with this call.
        let ended = unsafe { let_go(self.0, Outcome::unwritten(code), Handoff::refuse) };
        ended.map_err(FreeSlot::recycle).unwrap_or_default()
    }
}

impl Drop for Giver {
    fn drop(&mut self) {
        self.let_go(code::DESTROY).into_iter().for_each(wake);
    }
}

impl Draft {
    pub(in crate::native) fn new() -> Self {
        let slot = Box::leak(Box::new(Slot::new()));
        Self { giver: Giver(NonNull::from(slot)), record: thread_buffers::take_record() }
    }

    pub(crate) fn record(&self) -> &PreparedRecord {
        &self.record
    }

    pub(crate) fn record_mut(&mut self) -> &mut PreparedRecord {
        &mut self.record
    }

    /// What it counts against `buffer.memory`, in bytes.
    pub(crate) fn charge(&self) -> usize {
        // SAFETY: the giver has the slot.
        unsafe { self.giver.slot().header() }.charge()
    }

    /// Sets what it counts against `buffer.memory`: 4 GiB at most.
    pub(crate) fn set_charge(&mut self, bytes: usize) {
        // SAFETY: the giver has the slot, and `&mut self`.
        unsafe { self.giver.slot().change_header(|header| header.set_charge(bytes)) };
    }

    /// Sets the generation of outstanding records that it belongs to.
    pub(crate) fn set_generation(&mut self, generation: u8) {
        // SAFETY: the giver has the slot, and `&mut self`.
        unsafe { self.giver.slot().change_header(|header| header.generation = generation) };
    }

    /// Details of why librdkafka did not accept it.
    pub(crate) fn take_details(&mut self) -> Option<Box<ErrorDetails>> {
        self.record.details.take()
    }

    /// The handle for a sender that waits for the buffer and then for the report. At most one is created for a draft.
    pub(crate) fn pending(&self) -> Pending {
        self.giver.slot().handoff.invite();
        Pending(Some(self.giver.0))
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
        self.giver.slot().handoff.admit()
    }

    /// Makes the slot a message's opaque and stores in it what is needed of the record from now on. Returns the prepared record if it is not
    /// needed.
    pub(in crate::native) fn into_opaque(self) -> (*mut c_void, Option<Box<PreparedRecord>>) {
        let Self { giver, mut record } = self;
        let is_plain = record.is_plain();
        let slot = giver.slot();
        // SAFETY: the giver has the slot alone.
        unsafe { *slot.raw_report.get() = RawReport::asked(record.asked()) };
        // SAFETY: the giver has the slot alone. What was there before is gone: a draft has taken it.
        unsafe { *slot.topic.get() = record.topic.take() };
        // SAFETY: the giver has the slot alone.
        unsafe { slot.change_header(|header| (header.keeps, header.counted) = (Keeps::Sizes, false)) };
        let record = if is_plain {
            // SAFETY: the giver has the slot alone; a draft's slot contains no prepared record.
            unsafe { *slot.payload.get() = Payload::of_sizes(record.key_size, record.value_size) };
            Some(record)
        } else {
            let keeps = if record.buffer.capacity() > 0 { Keeps::Bytes } else { Keeps::Record };
            // SAFETY: the giver has the slot alone.
            unsafe { slot.put_record(record, keeps) };
            None
        };
        (mem::ManuallyDrop::new(giver).0.as_ptr().cast(), record)
    }

    /// Reverses [`into_opaque`](Self::into_opaque) for a record that librdkafka did not accept.
    ///
    /// # Safety
    /// `opaque` and `record` came from [`into_opaque`](Self::into_opaque), and librdkafka keeps no reference to the slot.
    pub(in crate::native) unsafe fn take_back(opaque: *mut c_void, record: Option<Box<PreparedRecord>>) -> Self {
        // SAFETY: the caller guarantees a pointer that `into_opaque` returned, which took it from a `NonNull`.
        let giver = Giver(unsafe { NonNull::new_unchecked(opaque.cast()) });
        // SAFETY: the giver has the slot.
        let mut in_slot = unsafe { giver.slot().take_record() };
        let details = in_slot.as_mut().and_then(|record| record.details.take());
        let mut record = record.or(in_slot).unwrap_or_default();
        record.details = details;
        // SAFETY: the giver has the slot alone.
        record.topic = unsafe { (*giver.slot().topic.get()).take() };
        Self { giver, record }
    }

    /// Ends a draft that waited for the buffer: its [`Pending`] gets the code.
    pub(crate) fn refuse(self, code: i32) -> Option<Waker> {
        let Self { giver, mut record } = self;
        // The topic owns the pool.
        // SAFETY: the giver has the slot.
        unsafe { *giver.slot().topic.get() = record.topic.take() };
        thread_buffers::give_record(record);
        giver.end(code)
    }
}

impl From<FreeSlot> for Draft {
    fn from(FreeSlot(mut slot): FreeSlot) -> Self {
        // SAFETY: nobody else has the slot.
        let mut record = unsafe { slot.take_record() }.map_or_else(thread_buffers::take_record, |mut record| {
            record.clear();
            record
        });
        record.topic = slot.topic.get_mut().take();
        Self { giver: Giver(NonNull::from(Box::leak(slot))), record }
    }
}
