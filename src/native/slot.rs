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

use std::{
    cell::UnsafeCell,
    ffi::c_void,
    fmt, mem,
    ptr::NonNull,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use super::{
    body::{Body, Completion},
    code,
    handoff::{Handoff, Settled, Stage},
    outcome::{Outcome, Words},
    scratch,
};
use crate::{
    panic::{contain, wake},
    record::Headers,
};

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
    /// The body has the record's bytes.
    has_bytes: bool,
    /// The report is in and the bytes are still here: they count as unread.
    unread: bool,
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
        size_of::<Slot>() + if label.has_bytes { label.charge as usize } else { 0 }
    }

    /// What it took of the memory for unread records.
    pub(super) fn unread(&self) -> usize {
        if self.label().unread { self.label().charge as usize } else { 0 }
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
        self.0.label.get_mut().unread = false;
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

impl From<FreeSlot> for Draft {
    fn from(FreeSlot(mut slot): FreeSlot) -> Self {
        slot.outcome.get_mut().words = None;
        slot.body.get_mut().clear();
        Self(NonNull::from(Box::leak(slot)))
    }
}

/// A slot in the sender's hands, or in the queue's. Dropped, it is refused.
pub(crate) struct Draft(NonNull<Slot>);

// SAFETY: a draft is the one way to its slot's body, and a `Slot` is `Send`.
unsafe impl Send for Draft {}

impl Draft {
    pub(super) fn new() -> Self {
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
    pub(super) fn into_opaque(mut self) -> *mut c_void {
        self.relabel();
        mem::ManuallyDrop::new(self).0.as_ptr().cast()
    }

    /// Makes the label true for the one who gets the slot next.
    fn relabel(&mut self) {
        let body = self.body();
        let has_more = !matches!(body.completion, Completion::Future) || !body.headers.is_empty();
        let has_bytes = body.buffer.capacity() > 0;
        let label = self.label_mut();
        (label.has_more, label.has_bytes, label.unread) = (has_more, has_bytes, false);
    }

    /// Takes back what librdkafka did not accept.
    ///
    /// # Safety
    /// `opaque` came from [`into_opaque`](Self::into_opaque), and librdkafka keeps no reference to it.
    pub(super) unsafe fn from_opaque(opaque: *mut c_void) -> Self {
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

/// Saves the broker's words for the report.
///
/// # Safety
/// `opaque` came from [`Draft::into_opaque`], the message has not been reported yet, and one thread at a time calls this.
pub(super) unsafe fn save_words(opaque: *const c_void, words: String) {
    // SAFETY: the caller vouches for a live slot.
    let slot = unsafe { &*opaque.cast::<Slot>() };
    // SAFETY: until the report nobody else looks at the outcome.
    let outcome = unsafe { &mut *slot.outcome.get() };
    outcome.words = (!words.is_empty()).then(|| Box::new(Words { broker: Some(words.into_boxed_str()), ..Words::default() }));
}

/// A slot whose report is in, in the delivery thread's hands.
pub(super) struct Reported(NonNull<Slot>);

impl Reported {
    /// Takes the slot back from a delivery report.
    ///
    /// # Safety
    /// `opaque` came from [`Draft::into_opaque`], and this is the message's one report.
    pub(super) unsafe fn from_opaque(opaque: *mut c_void) -> Self {
        // SAFETY: the caller vouches for the pointer, which `into_opaque` took from a `NonNull`.
        Self(unsafe { NonNull::new_unchecked(opaque.cast()) })
    }

    fn label(&self) -> Label {
        // SAFETY: as `body`.
        let slot = unsafe { self.0.as_ref() };
        // SAFETY: as `body`.
        unsafe { *slot.label.get() }
    }

    pub(super) fn charge(&self) -> usize {
        self.label().charge as usize
    }

    pub(super) fn generation(&self) -> usize {
        self.label().generation.into()
    }

    /// Who is to be told; most often a future, for which the body is not looked at.
    pub(super) fn take_completion(&mut self) -> Completion {
        if self.label().has_more { mem::take(&mut self.body_mut().completion) } else { Completion::Future }
    }

    /// What it would keep until its report is read.
    pub(super) fn kept(&self) -> usize {
        if self.label().has_bytes { self.charge() } else { 0 }
    }

    /// Settles that what it [keeps](Self::kept) stays until the report is read, or that it goes now.
    pub(super) fn keep_bytes(&mut self, keep: bool) {
        // SAFETY: as `body`.
        let slot = unsafe { self.0.as_ref() };
        // SAFETY: as `body_mut`.
        let label = unsafe { &mut *slot.label.get() };
        label.unread = keep;
        if !keep {
            label.has_bytes = false;
            self.body_mut().buffer = Vec::new();
        }
    }

    pub(super) fn body(&self) -> &Body {
        // SAFETY: the giver's until it lets go, and librdkafka is done with the message.
        let slot = unsafe { self.0.as_ref() };
        // SAFETY: as above.
        unsafe { &*slot.body.get() }
    }

    pub(super) fn body_mut(&mut self) -> &mut Body {
        // SAFETY: as `body`.
        let slot = unsafe { self.0.as_ref() };
        // SAFETY: as `body`, and `&mut self`.
        unsafe { &mut *slot.body.get() }
    }

    /// What the broker said of the record, if it said something.
    pub(super) fn take_words(&mut self) -> Option<Box<Words>> {
        // SAFETY: as `body`.
        let slot = unsafe { self.0.as_ref() };
        // SAFETY: as `body_mut`.
        unsafe { (*slot.outcome.get()).words.take() }
    }

    /// Leaves the outcome for the future: gives whom to wake, or the slot if nobody waits for it any more.
    pub(super) fn complete(self, outcome: Outcome) -> Result<Option<Waker>, FreeSlot> {
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

/// The waiting side of a slot.
pub(crate) struct Pending(Option<NonNull<Slot>>);

// SAFETY: the one taker of a slot, which is `Send` and `Sync`.
unsafe impl Send for Pending {}
// SAFETY: as above; what works on a shared reference only loads the state.
unsafe impl Sync for Pending {}

/// What became of a draft that waited for room.
pub(crate) enum Admission {
    Accepted,
    Refused(i32),
}

impl Pending {
    fn slot(&self) -> Option<&Slot> {
        // SAFETY: the slot lives at least until its taker has let go, which empties this.
        self.0.map(|slot| unsafe { slot.as_ref() })
    }

    /// Whether the draft was accepted or refused; registers the task otherwise.
    pub(crate) fn poll_admission(&mut self, context: &Context<'_>) -> Poll<Admission> {
        let Some(slot) = self.slot() else { return Poll::Ready(Admission::Accepted) };
        slot.handoff.poll_admission(context).map(|stage| match stage {
            // SAFETY: the giver has let go: the outcome was written before, and is not written again.
            Stage::Refused => Admission::Refused(unsafe { (*slot.outcome.get()).code() }),
            _ => Admission::Accepted,
        })
    }

    /// Lets go of the slot; gives it if the giver has done so before.
    pub(super) fn leave(&mut self) -> Option<FreeSlot> {
        let slot = self.0.take()?;
        // SAFETY: the slot lives at least until its taker has let go.
        let settled = unsafe { slot.as_ref() }.handoff.leave();
        // SAFETY: the giver has settled.
        settled.then(|| unsafe { FreeSlot::from_hand(slot) })
    }

    /// Whether the report has been read.
    pub(crate) fn is_taken(&self) -> bool {
        self.0.is_none()
    }

    /// Whether the report is in; registers the task otherwise. `read` sees body and outcome once, the body perhaps without its bytes.
    pub(crate) fn poll_report<R>(&mut self, context: &Context<'_>, read: impl FnOnce(&Body, &Outcome) -> R) -> Poll<Option<R>> {
        let Some(slot) = self.slot() else { return Poll::Ready(None) };
        if slot.handoff.poll_settled(context).is_pending() {
            return Poll::Pending;
        }
        // SAFETY: the giver has let go, and there is one `Pending` that reads.
        let outcome = unsafe { &*slot.outcome.get() };
        // SAFETY: as above.
        let result = read(unsafe { &*slot.body.get() }, outcome);
        if let Some(slot) = self.0.take() {
            // SAFETY: as above.
            unsafe { FreeSlot::from_hand(slot) }.recycle();
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
