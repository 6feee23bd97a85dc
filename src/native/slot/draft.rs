//! [`Draft`]: a record before librdkafka has it, and the slot that it will have.

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

/// A record in the sender's hands, or in the queue's. Dropped, it is refused.
pub(crate) struct Draft {
    hand: Hand,
    record: Box<PreparedRecord>,
}

/// The giver's hand on a slot. Dropped, it lets go of it.
struct Hand(NonNull<Slot>);

// SAFETY: the giver's hand is the one way to what its slot holds, and a `Slot` is `Send`.
unsafe impl Send for Hand {}

impl Hand {
    fn slot(&self) -> &Slot {
        // SAFETY: the slot lives at least until the giver has let go, which takes the hand away.
        unsafe { self.0.as_ref() }
    }

    fn end(self, code: i32) -> Option<Waker> {
        mem::ManuallyDrop::new(self).let_go(code)
    }

    fn let_go(&mut self, code: i32) -> Option<Waker> {
        // SAFETY: the giver's hand, and both callers end it with this.
        let ended = unsafe { let_go(self.0, Outcome::unwritten(code), Handoff::refuse) };
        ended.map_err(FreeSlot::recycle).unwrap_or_default()
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        self.let_go(code::DESTROY).into_iter().for_each(wake);
    }
}

impl Draft {
    pub(in crate::native) fn new() -> Self {
        let slot = Box::leak(Box::new(Slot::new()));
        Self { hand: Hand(NonNull::from(slot)), record: thread_buffers::take_record() }
    }

    pub(crate) fn record(&self) -> &PreparedRecord {
        &self.record
    }

    pub(crate) fn record_mut(&mut self) -> &mut PreparedRecord {
        &mut self.record
    }

    /// What it takes of `buffer.memory`.
    pub(crate) fn charge(&self) -> usize {
        // SAFETY: the giver has the slot.
        unsafe { self.hand.slot().header() }.charge()
    }

    /// Sets what it takes of `buffer.memory`: 4 GiB at most.
    pub(crate) fn set_charge(&mut self, bytes: usize) {
        // SAFETY: the giver has the slot, and `&mut self`.
        unsafe { self.hand.slot().change_header(|header| header.set_charge(bytes)) };
    }

    /// Sets which of the two counts of outstanding records it is in.
    pub(crate) fn set_generation(&mut self, generation: u8) {
        // SAFETY: the giver has the slot, and `&mut self`.
        unsafe { self.hand.slot().change_header(|header| header.generation = generation) };
    }

    /// What is known, beside its code, of why librdkafka did not accept it.
    pub(crate) fn take_details(&mut self) -> Option<Box<ErrorDetails>> {
        self.record.details.take()
    }

    /// The handle for the one who waits: for room first, for the report then. At most one is made of a draft.
    pub(crate) fn pending(&self) -> Pending {
        self.hand.slot().handoff.invite();
        Pending(Some(self.hand.0))
    }

    /// The handle for the one who waits for the report only; empty if somebody else gets it.
    pub(crate) fn pending_report(&self) -> Pending {
        match self.record.completion {
            Completion::Future => self.pending(),
            Completion::Callback(_) | Completion::Member { .. } => Pending(None),
        }
    }

    /// Tells the one who waits for room that the wait is over; gives whom to wake for it.
    pub(crate) fn admit(&self) -> Option<Waker> {
        self.hand.slot().handoff.admit()
    }

    /// Makes the slot a message's opaque, with all that has to be known of the record from now on. Gives the body back if none of it
    /// has.
    pub(in crate::native) fn hand_over(self) -> (*mut c_void, Option<Box<PreparedRecord>>) {
        let Self { hand, mut record } = self;
        let is_plain = record.is_plain();
        let slot = hand.slot();
        // SAFETY: the giver has the slot alone.
        unsafe { *slot.raw_report.get() = RawReport::asked(record.asked()) };
        // SAFETY: the giver has the slot alone. What was there before is gone: a draft has taken it.
        unsafe { *slot.topic.get() = record.topic.take() };
        // SAFETY: the giver has the slot alone.
        unsafe { slot.change_header(|header| (header.keeps, header.counted) = (Keeps::Sizes, false)) };
        let record = if is_plain {
            // SAFETY: the giver has the slot alone; a draft's slot has no body in it.
            unsafe { *slot.payload.get() = Payload::of_sizes(record.key_size, record.value_size) };
            Some(record)
        } else {
            let keeps = if record.buffer.capacity() > 0 { Keeps::Bytes } else { Keeps::Record };
            // SAFETY: the giver has the slot alone.
            unsafe { slot.put_record(record, keeps) };
            None
        };
        (mem::ManuallyDrop::new(hand).0.as_ptr().cast(), record)
    }

    /// Takes back what librdkafka did not accept.
    ///
    /// # Safety
    /// `opaque` and `record` came from [`hand_over`](Self::hand_over), and librdkafka keeps no reference to the slot.
    pub(in crate::native) unsafe fn take_back(opaque: *mut c_void, record: Option<Box<PreparedRecord>>) -> Self {
        // SAFETY: the caller guarantees a pointer that `hand_over` returned, which took it from a `NonNull`.
        let hand = Hand(unsafe { NonNull::new_unchecked(opaque.cast()) });
        // SAFETY: the giver has the slot.
        let mut in_slot = unsafe { hand.slot().take_record() };
        let details = in_slot.as_mut().and_then(|record| record.details.take());
        let mut record = record.or(in_slot).unwrap_or_default();
        record.details = details;
        // SAFETY: the giver has the slot alone.
        record.topic = unsafe { (*hand.slot().topic.get()).take() };
        Self { hand, record }
    }

    /// Ends a draft that waited for room in vain: its [`Pending`] is told the code.
    pub(crate) fn refuse(self, code: i32) -> Option<Waker> {
        let Self { hand, mut record } = self;
        // The pool is the topic's.
        // SAFETY: the giver has the slot.
        unsafe { *hand.slot().topic.get() = record.topic.take() };
        thread_buffers::give_record(record);
        hand.end(code)
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
        Self { hand: Hand(NonNull::from(Box::leak(slot))), record }
    }
}
