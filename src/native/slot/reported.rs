//! [`Reported`]: a slot whose report is in.

use std::{
    ffi::c_void,
    mem::{self, ManuallyDrop},
    ptr::NonNull,
    task::Waker,
};

use super::{Draft, FreeSlot, Keeps, Label, Slot, let_go};
use crate::{
    native::{
        body::Completion,
        handoff::Handoff,
        outcome::{Outcome, Words},
        scratch,
        sent::{Asked, Sent},
    },
    panic::{contain, wake},
};

/// A slot whose report is in, in the delivery thread's hands. Dropped, which only a bug of this layer does, it fails: nobody waits in
/// vain.
pub(in crate::native) struct Reported(NonNull<Slot>);

impl Reported {
    /// Takes the slot back from a delivery report.
    ///
    /// # Safety
    /// `opaque` came from [`Draft::hand_over`], and this is the message's one report.
    pub(in crate::native) unsafe fn from_opaque(opaque: *mut c_void) -> Self {
        // SAFETY: the caller vouches for the pointer, which `hand_over` took from a `NonNull`.
        Self(unsafe { NonNull::new_unchecked(opaque.cast()) })
    }

    fn slot(&self) -> &Slot {
        // SAFETY: the giver's until it lets go, which takes `self`.
        unsafe { self.0.as_ref() }
    }

    fn label(&self) -> Label {
        // SAFETY: librdkafka is done with the message: the delivery thread has the slot alone.
        unsafe { self.slot().label() }
    }

    pub(in crate::native) fn charge(&self) -> usize {
        self.label().charge()
    }

    pub(in crate::native) fn generation(&self) -> usize {
        self.label().generation.into()
    }

    /// Whether the topic's partitioner has counted it.
    pub(in crate::native) fn is_counted(&self) -> bool {
        self.label().counted
    }

    /// Who is to be told; most often a future.
    pub(in crate::native) fn take_completion(&mut self) -> Completion {
        // SAFETY: librdkafka is done with the message: the delivery thread has the slot alone, and `&mut self`.
        unsafe { self.slot().body_mut() }.map(|body| mem::take(&mut body.completion)).unwrap_or_default()
    }

    /// What it would keep until its report is read.
    pub(in crate::native) fn kept(&self) -> usize {
        if self.label().keeps.has_bytes() { self.charge() } else { 0 }
    }

    /// Settles that what it [keeps](Self::kept) stays until the report is read, or that it goes now.
    pub(in crate::native) fn keep_bytes(&mut self, keep: bool) {
        // SAFETY: librdkafka is done with the message: the delivery thread has the slot alone, and `&mut self`.
        let Some(body) = (unsafe { self.slot().body_mut() }) else { return };
        if !keep {
            body.buffer = Vec::new();
        }
        // SAFETY: librdkafka is done with the message: the delivery thread has the slot alone, and `&mut self`.
        unsafe { self.slot().change_label(|label| label.keeps = if keep { Keeps::Unread } else { Keeps::Body }) };
    }

    /// What is known of the record.
    pub(in crate::native) fn sent(&self) -> Sent<'_> {
        // SAFETY: librdkafka is done with the message: the delivery thread has the slot alone.
        unsafe { self.slot().sent() }
    }

    /// What its sender asked for.
    pub(in crate::native) fn asked(&self) -> Asked {
        // SAFETY: the delivery thread has the slot alone, and has not written the outcome yet.
        unsafe { *self.slot().said.get() }.as_asked()
    }

    /// What is known of the record's failure beside its code.
    pub(in crate::native) fn take_words(&mut self) -> Option<Box<Words>> {
        // SAFETY: librdkafka is done with the message: the delivery thread has the slot alone, and `&mut self`.
        unsafe { self.slot().take_words() }
    }

    /// Leaves the outcome for the future: gives whom to wake, or the slot if nobody waits for it any more.
    pub(in crate::native) fn complete(self, outcome: Outcome) -> Result<Option<Waker>, FreeSlot> {
        let this = ManuallyDrop::new(self);
        // SAFETY: the delivery thread has the slot alone, and its hand ends here.
        unsafe { let_go(this.0, outcome, Handoff::settle) }
    }
}

impl Drop for Reported {
    fn drop(&mut self) {
        let outcome = Outcome::lost();
        match self.take_completion() {
            Completion::Future => {}
            Completion::Callback(callback) => {
                let _ = contain(|| callback.into_inner()(&self.sent(), &outcome));
            }
            Completion::Member { tally, index } => {
                tally.fail(index, &self.sent(), &outcome);
                tally.close(1).into_iter().for_each(wake);
            }
        }
        // SAFETY: the delivery thread has the slot alone, and its hand ends here.
        match unsafe { let_go(self.0, outcome, Handoff::settle) } {
            Ok(waker) => waker.into_iter().for_each(wake),
            Err(slot) => slot.recycle(),
        }
    }
}

/// A draft that librdkafka never took.
impl From<Draft> for Reported {
    fn from(draft: Draft) -> Self {
        let (opaque, body) = draft.hand_over();
        body.into_iter().for_each(scratch::give_body);
        // SAFETY: handed over a moment ago, and librdkafka has not seen it.
        unsafe { Self::from_opaque(opaque) }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, Mutex},
        task::{Context, Poll, Waker},
    };

    use super::*;
    use crate::native::{body::Tally, contained::Contained, pool::Pool};

    #[derive(Default)]
    struct Counts(Mutex<Vec<String>>);

    impl Tally for Counts {
        fn fail(&self, index: u32, _: &Sent<'_>, outcome: &Outcome) {
            self.0.lock().unwrap().push(format!("{index} failed: {}", outcome.code()));
        }

        fn close(&self, records: usize) -> Option<Waker> {
            self.0.lock().unwrap().push(format!("{records} counted"));
            None
        }
    }

    #[test]
    fn a_report_that_is_dropped_tells_everybody_that_the_record_may_be_written() {
        let (pool, counts) = (Pool::default(), Arc::new(Counts::default()));
        let draft = pool.take();
        let mut pending = draft.pending();
        drop(Reported::from(draft));
        let read = pending.poll_report(&Context::from_waker(Waker::noop()), |_, outcome| (outcome.code(), outcome.status));
        assert_eq!(read, Poll::Ready(Some((-196, 1))));

        let mut draft = pool.take();
        let tally = Contained::new(Arc::clone(&counts) as Arc<dyn Tally>);
        draft.body_mut().completion = Completion::Member { tally, index: 3 };
        drop(Reported::from(draft));
        assert_eq!(*counts.0.lock().unwrap(), ["3 failed: -196", "1 counted"]);

        let mut draft = pool.take();
        let heard = Arc::clone(&counts);
        let callback = move |_: &Sent<'_>, outcome: &Outcome| heard.0.lock().unwrap().push(outcome.code().to_string());
        draft.body_mut().completion = Completion::Callback(Contained::new(Box::new(callback)));
        drop(Reported::from(draft));
        assert_eq!(counts.0.lock().unwrap().last().map(String::as_str), Some("-196"));
    }
}
