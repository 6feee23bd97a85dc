//! The slot: a record's bytes from serialization to report, and the place where its report is left for its future.
//!
//! A slot is in one of these hands at a time, and only that hand touches its [`Body`]:
//!
//! 1. [`Draft`]: the sender fills it; if there is no room it waits in the queue, still as a draft.
//! 2. librdkafka, from `produce` to the report: nobody writes, anybody that librdkafka calls may read.
//! 3. [`Reported`]: the delivery thread writes the [`Outcome`] and lets go.
//! 4. [`Pending`]: the future reads the outcome, but only after the one before has let go.
//!
//! The first three are the giver of the slot's [`Handoff`], the last one is its taker. Who is the second of the two to let
//! go gives the slot back to the [`Pool`](super::Pool).
//!
//! Handing over goes through librdkafka's locks, the queue's mutex, or the handoff, which `tests/loom` checks in every
//! interleaving: that is what makes `unsafe impl Sync for Slot` true. Nobody touches a slot after `produce` has succeeded, since
//! its report may be in and read by then. So who admits a waiting draft takes its waker *before*, and what librdkafka then
//! refuses is reported, not turned away.

mod draft;
mod pending;
mod reported;

use std::{cell::UnsafeCell, ffi::c_void, mem, ptr::NonNull, sync::Arc, task::Waker};

pub(crate) use draft::Draft;
pub(crate) use pending::{Admission, Pending};
pub(super) use reported::Reported;

use super::{
    body::{Body, Completion},
    handoff::{Handoff, Settled},
    outcome::{Outcome, Words},
};
use crate::{panic::contain, record::Headers};

/// In this order: what goes from thread to thread, there and back, is the first cache line and no other. Moving a line from one core
/// to another costs more than anything else that is done to a record here.
#[repr(C, align(64))]
pub(super) struct Slot {
    handoff: Handoff,
    outcome: UnsafeCell<Outcome>,
    label: UnsafeCell<Label>,
    body: UnsafeCell<Body>,
}

const _: () = assert!(mem::offset_of!(Slot, body) == 64);

/// What the delivery thread has to know of a record.
#[derive(Clone, Copy, Default)]
struct Label {
    /// What it takes of `buffer.memory`.
    charge: u32,
    /// Which of the two counts of outstanding records it is in.
    generation: u8,
    /// Somebody else than a future is told, or there are headers: the body has to be looked at.
    has_more: bool,
    bytes: Bytes,
    /// The topic's partitioner has counted it in its partition's queue, and hears of its report.
    counted: bool,
}

/// Where the record's bytes are.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Bytes {
    /// In librdkafka's message, or nowhere any more.
    #[default]
    Elsewhere,
    /// In the body.
    Here,
    /// In the body, though the report is in: they count as unread.
    Unread,
}

// SAFETY: what the cells hold is reached only by the hand that has the slot (see the module's text); handing over
// goes through librdkafka's locks, the queue's mutex, or the handoff.
unsafe impl Sync for Slot {}
// SAFETY: as above; all that a slot owns may be dropped on any thread.
unsafe impl Send for Slot {}

/// A slot in nobody's hands. It is cleared when it is taken again, by the thread that has its lines then.
pub(super) struct FreeSlot(Box<Slot>);

impl FreeSlot {
    /// What it takes of memory, at most.
    pub(super) fn kept(&self) -> usize {
        let label = self.label();
        size_of::<Slot>() + if label.bytes == Bytes::Elsewhere { 0 } else { label.charge as usize }
    }

    /// What it took of the memory for unread records.
    pub(super) fn unread(&self) -> usize {
        if self.label().bytes == Bytes::Unread { self.label().charge as usize } else { 0 }
    }

    fn label(&self) -> Label {
        // SAFETY: nobody else has the slot.
        unsafe { *self.0.label.get() }
    }

    /// # Safety
    /// The caller has the slot to itself: it is its giver and the taker has left, or its taker and the giver has settled.
    unsafe fn from_hand(slot: NonNull<Slot>) -> Self {
        // SAFETY: every slot was made in a box by `Draft::new`; the caller vouches for being the only one that has it.
        let mut slot = unsafe { Box::from_raw(slot.as_ptr()) };
        // The rest can wait; a waker holds its task.
        slot.handoff.reset();
        Self(slot)
    }

    /// It counts as unread no longer, or never did.
    pub(super) fn set_read(&mut self) {
        let label = self.0.label.get_mut();
        if label.bytes == Bytes::Unread {
            label.bytes = Bytes::Here;
        }
    }

    /// As [`prefetch`], all of it: for the slot that is taken soon.
    pub(super) fn prefetch(&self) {
        let start = (&raw const *self.0).cast::<u8>();
        for line in (0..size_of::<Slot>()).step_by(64) {
            prefetch(start.wrapping_add(line).cast());
        }
    }

    pub(super) fn recycle(self) {
        // SAFETY: nobody else has the slot.
        let topic = unsafe { &*self.0.body.get() }.topic.as_ref();
        if let Some(pool) = topic.map(|topic| Arc::clone(topic.pool())) {
            pool.give(self);
        }
    }
}

/// Leaves the outcome and lets go of the slot: gives whom to wake, or the slot itself if nobody waits for it.
///
/// # Safety
/// The caller is the slot's giver, and does not use it again.
unsafe fn let_go(
    slot: NonNull<Slot>,
    outcome: Outcome,
    how: impl FnOnce(&Handoff) -> Settled,
) -> Result<Option<Waker>, FreeSlot> {
    // SAFETY: the slot lives at least until its giver has let go.
    let shared = unsafe { slot.as_ref() };
    // SAFETY: the giver's until it lets go, as are label and body.
    unsafe { *shared.outcome.get() = outcome };
    // SAFETY: as above.
    if unsafe { *shared.label.get() }.has_more {
        // SAFETY: as above.
        let body = unsafe { &mut *shared.body.get() };
        body.completion = Completion::Future;
        body.headers = Headers::new();
    }
    match how(&shared.handoff) {
        Settled::Given(waker) => Ok(waker),
        Settled::Left(waker) => {
            // A waker's drop is its executor's code.
            let _ = contain(|| drop(waker));
            // SAFETY: the taker has left.
            Err(unsafe { FreeSlot::from_hand(slot) })
        }
    }
}

/// Starts to bring a slot's line into this core's cache. Waiting for its first one is most of what a report costs, and the lines of
/// several slots come at the same time.
pub(super) fn prefetch(line: *const c_void) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint, which reads nothing as far as the program can tell: any address will do.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(line.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = line;
}

/// The body of a message that librdkafka holds, for callbacks that it makes.
///
/// # Safety
/// `opaque` came from [`Draft::into_opaque`], and the message has not been reported yet.
pub(super) unsafe fn body_in_flight<'a>(opaque: *const c_void) -> &'a Body {
    // SAFETY: the caller vouches for a live slot; between produce and report nobody writes to its body.
    let slot = unsafe { &*opaque.cast::<Slot>() };
    // SAFETY: as above.
    unsafe { &*slot.body.get() }
}

/// Saves what is known of a record's failure for its report.
///
/// # Safety
/// `opaque` came from [`Draft::into_opaque`], the message has not been reported yet, and one thread at a time calls this.
pub(super) unsafe fn save_words(opaque: *const c_void, words: Words) {
    // SAFETY: the caller vouches for a live slot.
    let slot = unsafe { &*opaque.cast::<Slot>() };
    // SAFETY: until the report nobody else looks at the outcome.
    let outcome = unsafe { &mut *slot.outcome.get() };
    outcome.words = Some(Box::new(words));
}

/// Takes note that the topic's partitioner has counted the record, and is to hear of its report.
///
/// # Safety
/// As for [`save_words`].
pub(super) unsafe fn set_counted(opaque: *const c_void) {
    // SAFETY: the caller vouches for a live slot.
    let slot = unsafe { &*opaque.cast::<Slot>() };
    // SAFETY: from produce to report only librdkafka's callbacks look at the label, one thread at a time.
    unsafe { (*slot.label.get()).counted = true };
}
