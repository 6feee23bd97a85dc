//! [`Draft`]: a record before librdkafka has it, and its slot.

use std::{ffi::c_void, mem, ptr::NonNull, task::Waker};

use super::{Content, FreeSlot, Pending, Slot, let_go};
use crate::{
    native::{
        code,
        handoff::Handoff,
        outcome::{ErrorDetails, Outcome},
        prepared_record::{Completion, PreparedRecord},
        thread_buffers,
    },
    panic::wake,
};

/// A record that the sender or the queue has. Dropping it rejects the record.
pub(crate) struct Draft {
    giver: Giver,
    record: PreparedRecord,
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

    fn content(&self) -> &Content {
        // SAFETY: the giver owns the slot, and `content_mut` takes `&mut self`.
        unsafe { self.slot().content() }
    }

    fn content_mut(&mut self) -> &mut Content {
        // SAFETY: the giver owns the slot, and `&mut self` says that no other reference to its content is in use.
        unsafe { self.slot().content_mut() }
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
    pub(in crate::native) fn into_opaque(self) -> (*mut c_void, Option<PreparedRecord>) {
        let Self { mut giver, record } = self;
        let spare = giver.content_mut().fill(record);
        (mem::ManuallyDrop::new(giver).0.as_ptr().cast(), spare)
    }

    /// Reverses [`into_opaque`](Self::into_opaque) for a record that librdkafka did not accept.
    ///
    /// # Safety
    /// `opaque` and `spare` came from [`into_opaque`](Self::into_opaque), and librdkafka keeps no reference to the slot.
    pub(in crate::native) unsafe fn take_back(opaque: *mut c_void, spare: Option<PreparedRecord>) -> Self {
        // SAFETY: the caller guarantees a pointer that `into_opaque` returned, which took it from a `NonNull`.
        let mut giver = Giver(unsafe { NonNull::new_unchecked(opaque.cast()) });
        let content = giver.content_mut();
        let mut record = spare.or_else(|| content.record.take().map(|record| *record)).unwrap_or_default();
        (record.details, record.topic) = (content.outcome.details.take(), content.topic.take());
        Self { giver, record }
    }

    /// Ends a draft that waited for the buffer: its [`Pending`] gets the code.
    pub(crate) fn refuse(self, code: i32) -> Option<Waker> {
        let Self { mut giver, record } = self;
        thread_buffers::give(record.buffer);
        // Its pool gets the slot.
        giver.content_mut().topic = record.topic;
        giver.end(code)
    }
}

impl From<FreeSlot> for Draft {
    fn from(FreeSlot(mut slot): FreeSlot) -> Self {
        let topic = slot.content.get_mut().topic.take();
        let record = PreparedRecord { buffer: thread_buffers::take(), topic, ..PreparedRecord::default() };
        Self { giver: Giver(NonNull::from(Box::leak(slot))), record }
    }
}
