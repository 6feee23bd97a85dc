//! [`Pending`]: the waiting side of a slot.

use std::{
    fmt,
    ptr::NonNull,
    task::{Context, Poll},
};

use super::{FreeSlot, Slot};
use crate::native::{handoff::Stage, outcome::Outcome, record_view::RecordView};

/// The waiting side of a slot.
pub(crate) struct Pending(pub(super) Option<NonNull<Slot>>);

// SAFETY: the one taker of a slot, which is `Send` and `Sync`.
unsafe impl Send for Pending {}
// SAFETY: the slot is `Sync`, and what works on a shared reference to this only loads the handoff's state.
unsafe impl Sync for Pending {}

/// The result of a wait for the buffer.
pub(crate) enum Admission {
    Accepted,
    Refused(i32),
}

impl Pending {
    fn slot(&self) -> Option<&Slot> {
        // SAFETY: the slot lives at least until its taker has released it, which empties this.
        self.0.map(|slot| unsafe { slot.as_ref() })
    }

    /// Whether the draft was accepted or rejected; stores the task's waker otherwise.
    pub(crate) fn poll_admission(&mut self, context: &Context<'_>) -> Poll<Admission> {
        let Some(slot) = self.slot() else { return Poll::Ready(Admission::Accepted) };
        slot.handoff.poll_admission(context).map(|stage| match stage {
            // SAFETY: the giver has released the slot, so that the taker owns it, and this is the one taker.
            Stage::Refused => Admission::Refused(unsafe { slot.content() }.outcome.code()),
            _ => Admission::Accepted,
        })
    }

    /// Releases the slot. Returns it if the giver has released it before.
    pub(in crate::native) fn leave(&mut self) -> Option<FreeSlot> {
        let slot = self.0.take()?;
        // SAFETY: the slot lives at least until its taker has released it.
        let settled = unsafe { slot.as_ref() }.handoff.leave();
        // SAFETY: the giver has settled.
        settled.then(|| unsafe { FreeSlot::from_owner(slot) })
    }

    /// Whether the report has been read.
    pub(crate) fn is_taken(&self) -> bool {
        self.0.is_none()
    }

    /// Whether the report has arrived; stores the task's waker otherwise. `read` is called once; the record's headers are gone by then.
    pub(crate) fn poll_report<R>(
        &mut self,
        context: &Context<'_>,
        read: impl FnOnce(&RecordView<'_>, &Outcome) -> R,
    ) -> Poll<Option<R>> {
        let Some(slot) = self.slot() else { return Poll::Ready(None) };
        if slot.handoff.poll_settled(context).is_pending() {
            return Poll::Pending;
        }
        // SAFETY: the giver has released the slot, so that the taker owns it, and this is the one taker.
        let content = unsafe { slot.content() };
        let result = read(&content.view(), &content.outcome);
        if let Some(slot) = self.0.take() {
            // SAFETY: the giver has settled, and the taker ends with this.
            unsafe { FreeSlot::from_owner(slot) }.recycle();
        }
        Poll::Ready(Some(result))
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(slot) = self.leave() {
            slot.recycle();
        }
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.slot().map(|slot| match slot.handoff.stage() {
            Stage::Waiting => "waiting",
            Stage::Admitted => "accepted",
            Stage::Refused => "refused",
            Stage::Settled => "reported",
        });
        f.debug_tuple("Pending").field(&state.unwrap_or("taken")).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        ptr,
        task::{RawWaker, RawWakerVTable, Waker},
    };

    use super::*;
    use crate::{
        native::{pool::Pool, slot::Reported},
        panic::{TaskWaker, contain},
    };

    fn clone(_: *const ()) -> RawWaker {
        panic!("in a clone");
    }

    fn ignore(_: *const ()) {}

    /// A waker that cannot be cloned.
    fn waker() -> Waker {
        static PANICS: RawWakerVTable = RawWakerVTable::new(clone, ignore, ignore, ignore);
        // SAFETY: the functions of the vtable do not use the pointer.
        unsafe { Waker::from_raw(RawWaker::new(ptr::null(), &PANICS)) }
    }

    #[test]
    fn panic_in_waker_clone_fails_the_poll_but_not_the_report() {
        let draft = Pool::default().take();
        let mut pending = draft.pending();
        let code = |_: &RecordView<'_>, outcome: &Outcome| outcome.code();
        assert!(contain(|| pending.poll_report(&Context::from_waker(&waker()), code)).is_err());
        assert!(pending.poll_report(&Context::from_waker(Waker::noop()), code).is_pending());
        assert!(contain(|| pending.poll_report(&Context::from_waker(&waker()), code)).is_err());
        let woken = Reported::from(draft).complete(Outcome::unwritten(7));
        assert!(woken.is_ok(), "the future has the slot");
        assert_eq!(pending.poll_report(&Context::from_waker(&waker()), code), Poll::Ready(Some(7)));
    }

    #[test]
    fn another_waker_can_be_stored_after_a_panic_in_clone() {
        let cell = TaskWaker::default();
        assert!(contain(|| cell.register(&waker())).is_err());
        cell.register(Waker::noop());
        assert!(contain(|| cell.register(&waker())).is_err());
        assert!(cell.take().is_some());
    }
}
