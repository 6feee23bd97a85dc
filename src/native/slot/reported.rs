//! [`Reported`]: a slot whose report is in.

use std::{ffi::c_void, mem, ptr::NonNull, task::Waker};

use super::{Bytes, Draft, FreeSlot, Label, Slot, let_go};
use crate::native::{
    body::{Body, Completion},
    handoff::Handoff,
    outcome::{Outcome, Words},
};

/// A slot whose report is in, in the delivery thread's hands.
pub(in crate::native) struct Reported(NonNull<Slot>);

impl Reported {
    /// Takes the slot back from a delivery report.
    ///
    /// # Safety
    /// `opaque` came from [`Draft::into_opaque`], and this is the message's one report.
    pub(in crate::native) unsafe fn from_opaque(opaque: *mut c_void) -> Self {
        // SAFETY: the caller vouches for the pointer, which `into_opaque` took from a `NonNull`.
        Self(unsafe { NonNull::new_unchecked(opaque.cast()) })
    }

    fn label(&self) -> Label {
        // SAFETY: as `body`.
        let slot = unsafe { self.0.as_ref() };
        // SAFETY: as `body`.
        unsafe { *slot.label.get() }
    }

    pub(in crate::native) fn charge(&self) -> usize {
        self.label().charge as usize
    }

    pub(in crate::native) fn generation(&self) -> usize {
        self.label().generation.into()
    }

    /// Whether the topic's partitioner has counted it.
    pub(in crate::native) fn is_counted(&self) -> bool {
        self.label().counted
    }

    /// Who is to be told; most often a future, for which the body is not looked at.
    pub(in crate::native) fn take_completion(&mut self) -> Completion {
        if self.label().has_more { mem::take(&mut self.body_mut().completion) } else { Completion::Future }
    }

    /// What it would keep until its report is read.
    pub(in crate::native) fn kept(&self) -> usize {
        if self.label().bytes == Bytes::Elsewhere { 0 } else { self.charge() }
    }

    /// Settles that what it [keeps](Self::kept) stays until the report is read, or that it goes now.
    pub(in crate::native) fn keep_bytes(&mut self, keep: bool) {
        // SAFETY: as `body`.
        let slot = unsafe { self.0.as_ref() };
        // SAFETY: as `body_mut`.
        let label = unsafe { &mut *slot.label.get() };
        label.bytes = if keep { Bytes::Unread } else { Bytes::Elsewhere };
        if !keep {
            self.body_mut().buffer = Vec::new();
        }
    }

    pub(in crate::native) fn body(&self) -> &Body {
        // SAFETY: the giver's until it lets go, and librdkafka is done with the message.
        let slot = unsafe { self.0.as_ref() };
        // SAFETY: as above.
        unsafe { &*slot.body.get() }
    }

    pub(in crate::native) fn body_mut(&mut self) -> &mut Body {
        // SAFETY: as `body`.
        let slot = unsafe { self.0.as_ref() };
        // SAFETY: as `body`, and `&mut self`.
        unsafe { &mut *slot.body.get() }
    }

    /// What is known of the record's failure beside its code.
    pub(in crate::native) fn take_words(&mut self) -> Option<Box<Words>> {
        // SAFETY: as `body`.
        let slot = unsafe { self.0.as_ref() };
        // SAFETY: as `body_mut`.
        unsafe { (*slot.outcome.get()).words.take() }
    }

    /// Leaves the outcome for the future: gives whom to wake, or the slot if nobody waits for it any more.
    pub(in crate::native) fn complete(self, outcome: Outcome) -> Result<Option<Waker>, FreeSlot> {
        // SAFETY: the delivery thread's hand, which ends here.
        unsafe { let_go(self.0, outcome, Handoff::settle) }
    }
}

/// A draft that librdkafka never took.
impl From<Draft> for Reported {
    fn from(mut draft: Draft) -> Self {
        draft.relabel();
        Self(mem::ManuallyDrop::new(draft).0)
    }
}
