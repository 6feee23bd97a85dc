//! The report's way through a slot: the delivery thread stores the outcome in [`Reported`], and the future reads it from [`Pending`].

use std::{
    ffi::c_void,
    fmt,
    mem::ManuallyDrop,
    ptr::NonNull,
    task::{Context, Poll, Waker},
};

use super::{Draft, FreeSlot, Giver, Slot};
use crate::{
    native::{
        handoff::Stage,
        outcome::{ErrorDetails, Outcome},
        prepared_record::Completion,
        record_view::{Asked, RecordView},
        thread_record,
    },
    panic::{contain, wake},
};

/// A slot with a report, owned by the delivery thread. Dropping it, which only a bug in ottla does, reports a failure, so that no task waits
/// forever.
pub(in crate::native) struct Reported(ManuallyDrop<Giver>);

impl Reported {
    /// Takes the slot back from a delivery report.
    ///
    /// # Safety
    /// `opaque` came from [`Draft::into_opaque`], and this is the message's one report.
    pub(in crate::native) unsafe fn from_opaque(opaque: *mut c_void) -> Self {
        // SAFETY: the caller guarantees a pointer that `into_opaque` returned, and that librdkafka is done with the message.
        Self(ManuallyDrop::new(unsafe { Giver::from_opaque(opaque) }))
    }

    pub(in crate::native) fn charge(&self) -> usize {
        self.0.content().charge as usize
    }

    pub(in crate::native) fn generation(&self) -> usize {
        self.0.content().generation.into()
    }

    /// Whether the topic's partitioner has counted it.
    pub(in crate::native) fn is_counted(&self) -> bool {
        self.0.content().is_counted
    }

    /// The receiver of the report, usually a future.
    pub(in crate::native) fn take_completion(&mut self) -> Completion {
        self.0.content_mut().take_completion()
    }

    /// The metadata of the record.
    pub(in crate::native) fn view(&self) -> RecordView<'_> {
        self.0.content().view()
    }

    /// What the sender asked for.
    pub(in crate::native) fn asked(&self) -> Asked {
        self.0.content().asked
    }

    /// Details of the record's failure.
    pub(in crate::native) fn take_details(&mut self) -> Option<Box<ErrorDetails>> {
        self.0.content_mut().outcome.details.take()
    }

    /// Stores the outcome for the future. Returns the waker to call, or the slot if no future has it.
    pub(in crate::native) fn complete(self, outcome: Outcome) -> Result<Option<Waker>, FreeSlot> {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: `this` is neither used nor dropped afterwards.
        unsafe { ManuallyDrop::take(&mut this.0) }.settle(outcome)
    }
}

impl Drop for Reported {
    fn drop(&mut self) {
        let outcome = Outcome::lost();
        match self.take_completion() {
            Completion::Future => {}
            Completion::Callback(callback) => {
                let _ = contain(|| callback.into_inner().call(&self.view(), &outcome));
            }
            Completion::Member { tally, index } => {
                tally.fail(index, &self.view(), &outcome);
                tally.close(1).into_iter().for_each(wake);
            }
        }
        // SAFETY: this is its one drop, and the giver is not used afterwards.
        match unsafe { ManuallyDrop::take(&mut self.0) }.settle(outcome) {
            Ok(waker) => waker.into_iter().for_each(wake),
            Err(slot) => slot.recycle(),
        }
    }
}

/// A draft that librdkafka never got.
impl From<Draft> for Reported {
    fn from(draft: Draft) -> Self {
        let (giver, spare) = draft.into_giver();
        spare.into_iter().for_each(thread_record::give);
        Self(ManuallyDrop::new(giver))
    }
}

/// The waiting side of a slot.
pub(crate) struct Pending(pub(super) Option<NonNull<Slot>>);

// SAFETY: the one taker of a slot, which is `Send` and `Sync`.
unsafe impl Send for Pending {}
// SAFETY: the slot is `Sync`, and what works on a shared reference to this only loads the handoff's state.
unsafe impl Sync for Pending {}

impl Pending {
    fn slot(&self) -> Option<&Slot> {
        // SAFETY: the slot lives at least until its taker has released it, which empties this.
        self.0.map(|slot| unsafe { slot.as_ref() })
    }

    /// Whether the draft was accepted or, with this code, rejected; stores the task's waker otherwise.
    pub(crate) fn poll_admission(&mut self, context: &Context<'_>) -> Poll<Result<(), i32>> {
        let Some(slot) = self.slot() else { return Poll::Ready(Ok(())) };
        slot.handoff.poll_admission(context).map(|stage| match stage {
            // SAFETY: the giver has released the slot, so that the taker owns it, and this is the one taker.
            Stage::Refused => Err(unsafe { slot.content() }.outcome.code()),
            _ => Ok(()),
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
        sync::{Arc, Mutex},
        task::{RawWaker, RawWakerVTable},
    };

    use super::*;
    use crate::{
        native::{callback::Callback, contained::Contained, pool::Pool, prepared_record::Tally},
        panic::TaskWaker,
    };

    #[derive(Default)]
    struct FailureLog(Mutex<Vec<String>>);

    impl Tally for FailureLog {
        fn fail(&self, index: u32, _: &RecordView<'_>, outcome: &Outcome) {
            self.0.lock().unwrap().push(format!("{index} failed: {}", outcome.code()));
        }

        fn close(&self, records: usize) -> Option<Waker> {
            self.0.lock().unwrap().push(format!("{records} counted"));
            None
        }
    }

    #[test]
    fn unread_report_keeps_nothing_but_its_slot() {
        let pool = Pool::default();
        let mut draft = pool.take();
        let pending = draft.pending();
        draft.record_mut().buffer = vec![7; 10_000];
        draft.record_mut().value_size = Some(10_000);
        let reported = Reported::from(draft);
        assert!(reported.0.content().record().is_some_and(|record| record.buffer.len() == 10_000));
        assert!(reported.complete(Outcome::default()).is_ok(), "its future has it");
        // SAFETY: the giver has released the slot, and nothing else uses it: the taker, `pending`, is here.
        let content = unsafe { pending.0.unwrap().as_ref().content() };
        assert!(content.record().is_none());
        assert_eq!(content.view().value_size, Some(10_000));
    }

    #[test]
    fn dropped_report_fails_as_possibly_persisted() {
        let (pool, counts) = (Pool::default(), Arc::new(FailureLog::default()));
        let draft = pool.take();
        let mut pending = draft.pending();
        drop(Reported::from(draft));
        let read = pending.poll_report(&Context::from_waker(Waker::noop()), |_, outcome| (outcome.code(), outcome.status));
        assert_eq!(read, Poll::Ready(Some((-196, 1))));

        let mut draft = pool.take();
        let tally = Contained::new(Arc::clone(&counts) as Arc<dyn Tally>);
        draft.record_mut().completion = Completion::Member { tally, index: 3 };
        drop(Reported::from(draft));
        assert_eq!(*counts.0.lock().unwrap(), ["3 failed: -196", "1 counted"]);

        let mut draft = pool.take();
        let heard = Arc::clone(&counts);
        let callback = move |_: &RecordView<'_>, outcome: &Outcome| heard.0.lock().unwrap().push(outcome.code().to_string());
        draft.record_mut().completion = Completion::Callback(Contained::new(Callback::new(callback)));
        drop(Reported::from(draft));
        assert_eq!(counts.0.lock().unwrap().last().map(String::as_str), Some("-196"));
    }

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
