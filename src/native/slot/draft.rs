//! [`Draft`]: a slot before librdkafka has it.

use std::{cell::UnsafeCell, ffi::c_void, mem, ptr::NonNull, task::Waker};

use super::{Bytes, FreeSlot, Label, Pending, Slot, let_go};
use crate::{
    native::{
        body::{Body, Completion},
        code,
        handoff::Handoff,
        outcome::{Outcome, Words},
        scratch,
    },
    panic::wake,
    record::Headers,
};

/// A slot in the sender's hands, or in the queue's. Dropped, it is refused.
pub(crate) struct Draft(pub(super) NonNull<Slot>);

// SAFETY: a draft is the one way to its slot's body, and a `Slot` is `Send`.
unsafe impl Send for Draft {}

impl Draft {
    pub(in crate::native) fn new() -> Self {
        let slot = Slot {
            handoff: Handoff::new(),
            outcome: UnsafeCell::new(Outcome::default()),
            label: UnsafeCell::new(Label::default()),
            body: UnsafeCell::new(Body {
                buffer: scratch::take(),
                completion: Completion::Future,
                topic: None,
                key_size: None,
                value_size: None,
                timestamp: None,
                partition: None,
                headers: Headers::new(),
            }),
        };
        Self(NonNull::from(Box::leak(Box::new(slot))))
    }

    fn slot(&self) -> &Slot {
        // SAFETY: the slot lives at least until the giver has let go, which takes the draft away.
        unsafe { self.0.as_ref() }
    }

    pub(crate) fn body(&self) -> &Body {
        // SAFETY: there is one draft of a slot, and while it exists nobody else touches the body.
        unsafe { &*self.slot().body.get() }
    }

    pub(crate) fn body_mut(&mut self) -> &mut Body {
        // SAFETY: as `body`; and `&mut self` excludes other borrows through this draft.
        unsafe { &mut *self.slot().body.get() }
    }

    /// What it takes of `buffer.memory`.
    pub(crate) fn charge(&self) -> usize {
        // SAFETY: as `body`.
        unsafe { *self.slot().label.get() }.charge as usize
    }

    /// Sets what it takes of `buffer.memory`: 4 GiB at most.
    pub(crate) fn set_charge(&mut self, bytes: usize) {
        self.label_mut().charge = u32::try_from(bytes).unwrap_or(u32::MAX);
    }

    /// Sets which of the two counts of outstanding records it is in.
    pub(crate) fn set_generation(&mut self, generation: u8) {
        self.label_mut().generation = generation;
    }

    fn label_mut(&mut self) -> &mut Label {
        // SAFETY: as `body_mut`.
        unsafe { &mut *self.slot().label.get() }
    }

    /// What is known, beside its code, of why librdkafka did not accept it.
    pub(crate) fn take_words(&mut self) -> Option<Box<Words>> {
        // SAFETY: as `body_mut`.
        unsafe { (*self.slot().outcome.get()).words.take() }
    }

    /// The handle for the one who waits: for room first, for the report then. At most one is made of a draft.
    pub(crate) fn pending(&self) -> Pending {
        self.slot().handoff.invite();
        Pending(Some(self.0))
    }

    /// The handle for the one who waits for the report only; empty if somebody else gets it.
    pub(crate) fn pending_report(&self) -> Pending {
        match self.body().completion {
            Completion::Future => self.pending(),
            Completion::Callback(_) | Completion::Member { .. } => Pending(None),
        }
    }

    /// Tells the one who waits for room that the wait is over; gives whom to wake for it.
    pub(crate) fn admit(&self) -> Option<Waker> {
        self.slot().handoff.admit()
    }

    /// Hands the slot to librdkafka as a message's opaque.
    pub(in crate::native) fn into_opaque(mut self) -> *mut c_void {
        self.relabel();
        mem::ManuallyDrop::new(self).0.as_ptr().cast()
    }

    /// Makes the label true for the one who gets the slot next.
    pub(super) fn relabel(&mut self) {
        let body = self.body();
        let has_more = !matches!(body.completion, Completion::Future) || !body.headers.is_empty();
        let bytes = if body.buffer.capacity() > 0 { Bytes::Here } else { Bytes::Elsewhere };
        let label = self.label_mut();
        (label.has_more, label.bytes, label.counted) = (has_more, bytes, false);
    }

    /// Takes back what librdkafka did not accept.
    ///
    /// # Safety
    /// `opaque` came from [`into_opaque`](Self::into_opaque), and librdkafka keeps no reference to it.
    pub(in crate::native) unsafe fn from_opaque(opaque: *mut c_void) -> Self {
        // SAFETY: the caller vouches for the pointer, which `into_opaque` took from a `NonNull`.
        Self(unsafe { NonNull::new_unchecked(opaque.cast()) })
    }

    /// Ends a draft that waited for room in vain: its [`Pending`] is told the code.
    pub(crate) fn refuse(self, code: i32) -> Option<Waker> {
        mem::ManuallyDrop::new(self).end(code)
    }

    fn end(&mut self, code: i32) -> Option<Waker> {
        let bytes = mem::take(&mut self.body_mut().buffer);
        scratch::give(bytes);
        self.relabel();
        // SAFETY: the draft is the giver's hand, and both callers end it with this.
        let ended = unsafe { let_go(self.0, Outcome::unwritten(code), Handoff::refuse) };
        ended.map_err(FreeSlot::recycle).unwrap_or_default()
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        self.end(code::DESTROY).into_iter().for_each(wake);
    }
}

impl From<FreeSlot> for Draft {
    fn from(FreeSlot(mut slot): FreeSlot) -> Self {
        slot.outcome.get_mut().words = None;
        slot.body.get_mut().clear();
        Self(NonNull::from(Box::leak(slot)))
    }
}
