//! [`Giver`]: the ownership of a slot until its report.

use std::{ffi::c_void, mem::ManuallyDrop, ptr::NonNull, task::Waker};

use super::{Content, FreeSlot, Pending, Slot};
use crate::{
    native::{
        code,
        handoff::{Handoff, Settled},
        outcome::Outcome,
    },
    panic::{release, wake},
};

/// The giver's ownership of a slot. Dropping it refuses the record.
pub(super) struct Giver(NonNull<Slot>);

// SAFETY: only this gives access to the content of its slot, and a `Slot` is `Send`.
unsafe impl Send for Giver {}

impl Giver {
    /// Makes the slot a message's opaque, which librdkafka lends to its callbacks.
    pub(super) fn into_opaque(self) -> *mut c_void {
        ManuallyDrop::new(self).0.as_ptr().cast()
    }

    /// Reverses [`into_opaque`](Self::into_opaque).
    ///
    /// # Safety
    /// `opaque` came from [`into_opaque`](Self::into_opaque), librdkafka does not use it any more, and this is called once for it.
    pub(super) unsafe fn from_opaque(opaque: *mut c_void) -> Self {
        // SAFETY: the caller guarantees a pointer that `into_opaque` returned, which took it from a `NonNull`.
        Self(unsafe { NonNull::new_unchecked(opaque.cast()) })
    }

    fn slot(&self) -> &Slot {
        // SAFETY: the slot lives at least until its giver has released it, which consumes `self`.
        unsafe { self.0.as_ref() }
    }

    pub(super) fn content(&self) -> &Content {
        // SAFETY: the giver owns the slot, and `content_mut` takes `&mut self`.
        unsafe { self.slot().content() }
    }

    pub(super) fn content_mut(&mut self) -> &mut Content {
        // SAFETY: the giver owns the slot, and `&mut self` says that no other reference to its content is in use.
        unsafe { self.slot().content_mut() }
    }

    /// Adds the taker. Called at most once.
    pub(super) fn pending(&self) -> Pending {
        self.slot().handoff.invite();
        Pending(Some(self.0))
    }

    /// Ends the wait for the buffer. Returns the waker to call.
    pub(super) fn admit(&self) -> Option<Waker> {
        self.slot().handoff.admit()
    }

    /// Releases the slot of a record that was reported. Returns the waker to call, or the slot if no future has it.
    pub(super) fn settle(self, outcome: Outcome) -> Result<Option<Waker>, FreeSlot> {
        // SAFETY: `self` is the giver, and ends with this call.
        unsafe { release_slot(ManuallyDrop::new(self).0, outcome, Handoff::settle) }
    }

    /// Releases the slot of a record that was never accepted. Returns the waker to call.
    pub(super) fn refuse(self, code: i32) -> Option<Waker> {
        // SAFETY: `self` is the giver, and ends with this call.
        let released = unsafe { release_slot(ManuallyDrop::new(self).0, Outcome::unwritten(code), Handoff::refuse) };
        released.map_err(FreeSlot::recycle).unwrap_or_default()
    }
}

impl Drop for Giver {
    fn drop(&mut self) {
        // `self` is not used again, so that this is the one giver.
        Self(self.0).refuse(code::DESTROY).into_iter().for_each(wake);
    }
}

impl From<FreeSlot> for Giver {
    fn from(FreeSlot(slot): FreeSlot) -> Self {
        Self(NonNull::from(Box::leak(slot)))
    }
}

/// Stores the outcome and releases the slot. Returns the waker to call, or the slot itself if no future has it.
///
/// # Safety
/// The caller is the slot's giver, and does not use it again.
unsafe fn release_slot(
    slot: NonNull<Slot>,
    outcome: Outcome,
    how: impl FnOnce(&Handoff) -> Settled,
) -> Result<Option<Waker>, FreeSlot> {
    // SAFETY: the slot lives at least until its giver, which is the caller, has released it.
    let shared = unsafe { slot.as_ref() };
    {
        // SAFETY: the caller is the giver, which owns the slot until it releases it, below.
        let content = unsafe { shared.content_mut() };
        content.outcome = outcome;
        content.discard();
    }
    match how(&shared.handoff) {
        Settled::Given(waker) => Ok(waker),
        Settled::Left(waker) => {
            waker.into_iter().for_each(release);
            // SAFETY: the handoff says that the taker has left: the caller, which is the giver, owns the slot.
            Err(unsafe { FreeSlot::from_owner(slot) })
        }
    }
}
