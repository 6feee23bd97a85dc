//! The slot: a record's bytes from serialization to report, and the place where its report is left.
//!
//! A slot is in one of these hands at a time, and only that hand touches its [`Body`]:
//!
//! 1. [`Draft`]: the sender fills it; if there is no room it waits in the queue, still as a draft.
//! 2. librdkafka, from `produce` to the report: nobody writes, anybody that librdkafka calls may read.
//! 3. [`Reported`]: the delivery thread writes the [`Outcome`] and then the state `DONE`.
//! 4. [`Pending`]: the future reads body and outcome, but only after it has read `DONE` or `REFUSED`.
//!
//! Who holds the last reference gives the slot back to the [`Pool`](super::Pool).

use std::{
    cell::UnsafeCell,
    ffi::c_void,
    fmt, mem,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll, Waker},
};

use futures::task::AtomicWaker;

use super::topic::Topic;
use crate::record::Headers;

/// In a draft's hands, be it the sender's or the queue's.
const DRAFT: u8 = 0;
/// Accepted: librdkafka owes a report.
const ACCEPTED: u8 = 1;
/// Reported: the outcome stands in the slot.
const DONE: u8 = 2;
/// Never accepted, after it waited for room: the reason stands in the slot as its outcome.
const REFUSED: u8 = 3;

/// Buffers beyond this are given back to the allocator at the report, not kept for the next record.
const KEPT_CAPACITY: usize = 16 * 1024;

/// What librdkafka allocates for a record beside what the slot holds (`rd_kafka_msg_t`, measured at 176 bytes).
const NATIVE_MESSAGE: usize = 176;

/// What a record costs of `buffer.memory` beside its key, value and headers.
pub(crate) const RECORD_OVERHEAD: usize = size_of::<Slot>() + NATIVE_MESSAGE;

pub(crate) struct Slot {
    state: AtomicU8,
    waker: AtomicWaker,
    body: UnsafeCell<Body>,
    outcome: UnsafeCell<Outcome>,
}

// SAFETY: `body` and `outcome` are reached only by the hand that has the slot (see the module's text); handing over
// goes through librdkafka's locks, the queue's mutex, or the release and acquire of `state`.
unsafe impl Sync for Slot {}

/// A record as it is sent.
pub(crate) struct Body {
    /// The key's bytes, then the value's. Not touched while librdkafka refers to it.
    pub(crate) buffer: Vec<u8>,
    /// `None` is a null key; the key's bytes stand first.
    pub(crate) key_size: Option<usize>,
    /// `None` is a null value; the value's bytes stand behind the key's.
    pub(crate) value_size: Option<usize>,
    pub(crate) headers: Headers,
    pub(crate) topic: Option<Arc<Topic>>,
    /// `None` leaves the choice to the partitioner.
    pub(crate) partition: Option<i32>,
    /// Milliseconds since the epoch; `None` is now.
    pub(crate) timestamp: Option<i64>,
    /// What it takes of `buffer.memory`.
    pub(crate) charge: usize,
    /// Which of the two counts of outstanding records it is in.
    pub(crate) generation: usize,
    pub(crate) completion: Completion,
}

/// Who is told of the report.
#[derive(Default)]
pub(crate) enum Completion {
    /// The [`Pending`], if it still is there.
    #[default]
    Future,
    /// A callback, on the delivery thread.
    Callback(Callback),
}

pub(crate) type Callback = Box<dyn FnOnce(&Body, &Outcome) + Send>;

/// A delivery report in plain numbers.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// 0, or the code of librdkafka or of the broker.
    pub(crate) code: i32,
    pub(crate) partition: i32,
    /// -1 when the broker did not say.
    pub(crate) offset: i64,
    /// -1 when there is none.
    pub(crate) timestamp: i64,
    /// `rd_kafka_msg_status_t`: 0 not persisted, 1 possibly, 2 persisted.
    pub(crate) status: i32,
    /// The broker's own words (KIP-467).
    pub(crate) text: Option<Box<str>>,
    /// What the layer knows of the reason.
    pub(crate) cause: Option<Box<str>>,
}

impl Body {
    pub(crate) fn key(&self) -> Option<&[u8]> {
        self.buffer.get(..self.key_size?)
    }

    pub(crate) fn value(&self) -> Option<&[u8]> {
        let start = self.key_size.unwrap_or(0);
        self.buffer.get(start..start + self.value_size?)
    }

    /// Key, value and headers.
    pub(crate) fn size(&self) -> usize {
        self.buffer.len() + self.headers.size()
    }

    fn clear(&mut self) {
        if self.buffer.capacity() > KEPT_CAPACITY {
            self.buffer = Vec::new();
        } else {
            self.buffer.clear();
        }
        self.key_size = None;
        self.value_size = None;
        self.headers = Headers::new();
        self.partition = None;
        self.timestamp = None;
        self.completion = Completion::Future;
        // The topic stays: the next record is often for the same one, and then costs no reference count.
    }
}

impl Slot {
    fn new() -> Self {
        Self {
            state: AtomicU8::new(DRAFT),
            waker: AtomicWaker::new(),
            body: UnsafeCell::new(Body {
                buffer: Vec::new(),
                key_size: None,
                value_size: None,
                headers: Headers::new(),
                topic: None,
                partition: None,
                timestamp: None,
                charge: 0,
                generation: 0,
                completion: Completion::Future,
            }),
            outcome: UnsafeCell::new(Outcome::default()),
        }
    }

    /// The bytes that the slot keeps while it is free.
    pub(super) fn kept(&mut self) -> usize {
        size_of::<Self>() + self.body.get_mut().buffer.capacity()
    }
}

/// A slot in the sender's hands.
pub(crate) struct Draft(Arc<Slot>);

impl Draft {
    pub(super) fn new() -> Self {
        Self(Arc::new(Slot::new()))
    }

    /// Takes a free slot; `None` if somebody still holds a reference.
    pub(super) fn reuse(mut slot: Arc<Slot>) -> Option<Self> {
        let free = Arc::get_mut(&mut slot)?;
        *free.state.get_mut() = DRAFT;
        Some(Self(slot))
    }

    pub(crate) fn body(&self) -> &Body {
        // SAFETY: there is one draft of a slot, and while it exists nobody else touches the body.
        unsafe { &*self.0.body.get() }
    }

    pub(crate) fn body_mut(&mut self) -> &mut Body {
        // SAFETY: as `body`; and `&mut self` excludes other borrows through this draft.
        unsafe { &mut *self.0.body.get() }
    }

    /// The handle for the one who waits: for room first, for the report then.
    pub(crate) fn pending(&self) -> Pending {
        Pending(Some(Arc::clone(&self.0)))
    }

    /// The handle for the one who waits for the report; empty if a callback gets it.
    pub(crate) fn pending_report(&self) -> Pending {
        match self.body().completion {
            Completion::Future => self.pending(),
            Completion::Callback(_) => Pending(None),
        }
    }

    /// Hands the slot to librdkafka as a message's opaque.
    pub(super) fn into_opaque(self) -> *mut c_void {
        self.0.state.store(ACCEPTED, Ordering::Release);
        Arc::into_raw(self.0).cast_mut().cast()
    }

    /// Takes back what librdkafka did not accept.
    ///
    /// # Safety
    /// `opaque` came from [`into_opaque`](Self::into_opaque), and librdkafka keeps no reference to it.
    pub(super) unsafe fn from_opaque(opaque: *mut c_void) -> Self {
        // SAFETY: the caller vouches for the pointer and for being its only user.
        let slot = unsafe { Arc::from_raw(opaque.cast::<Slot>()) };
        slot.state.store(DRAFT, Ordering::Release);
        Self(slot)
    }

    /// Ends a draft that waited for room in vain: its [`Pending`] is told the code.
    pub(crate) fn refuse(self, code: i32) -> Option<Waker> {
        // SAFETY: the draft is the one hand that may write the outcome until the state is no longer `DRAFT`.
        unsafe { *self.0.outcome.get() = Outcome { code, partition: -1, offset: -1, timestamp: -1, ..Outcome::default() } };
        self.0.state.store(REFUSED, Ordering::Release);
        self.0.waker.take()
    }

    /// Gives the slot up unsent.
    pub(crate) fn discard(self) {
        recycle(self.0);
    }
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
    outcome.text = (!words.is_empty()).then(|| words.into_boxed_str());
}

/// A slot whose report is in, in the delivery thread's hands.
pub(super) struct Reported(Arc<Slot>);

impl Reported {
    /// Takes the slot back from a delivery report.
    ///
    /// # Safety
    /// `opaque` came from [`Draft::into_opaque`], and this is the message's one report.
    pub(super) unsafe fn from_opaque(opaque: *mut c_void) -> Self {
        // SAFETY: the reference that `into_opaque` gave away comes back here, once.
        Self(unsafe { Arc::from_raw(opaque.cast::<Slot>()) })
    }

    pub(super) fn body(&self) -> &Body {
        // SAFETY: librdkafka is done with the message, and the future does not look before `DONE`.
        unsafe { &*self.0.body.get() }
    }

    pub(super) fn body_mut(&mut self) -> &mut Body {
        // SAFETY: as `body`, and `&mut self`.
        unsafe { &mut *self.0.body.get() }
    }

    /// What the broker said of the record, if it said something.
    pub(super) fn take_words(&mut self) -> Option<Box<str>> {
        // SAFETY: librdkafka is done with the message, and the future does not look before `DONE`.
        unsafe { (*self.0.outcome.get()).text.take() }
    }

    /// Leaves the outcome for the future and returns whom to wake, and the slot if nobody waits for it any more.
    pub(super) fn complete(self, outcome: Outcome) -> (Option<Waker>, Option<Arc<Slot>>) {
        let mut slot = self.0;
        if let Some(free) = Arc::get_mut(&mut slot) {
            free.body.get_mut().clear();
            return (None, Some(slot));
        }
        // SAFETY: the delivery thread has the slot until it stores `DONE`.
        unsafe { *slot.outcome.get() = outcome };
        // A large buffer must not outlive its charge because a future is not polled.
        // SAFETY: as above.
        let body = unsafe { &mut *slot.body.get() };
        if body.buffer.capacity() > KEPT_CAPACITY {
            body.buffer = Vec::new();
        }
        slot.state.store(DONE, Ordering::Release);
        (slot.waker.take(), None)
    }

    /// As [`complete`](Self::complete) where the one to tell was told already.
    pub(super) fn retire(self) -> Option<Arc<Slot>> {
        let mut slot = self.0;
        Arc::get_mut(&mut slot)?.body.get_mut().clear();
        Some(slot)
    }
}

/// The waiting side of a slot.
pub(crate) struct Pending(Option<Arc<Slot>>);

/// What became of a draft that waited for room.
pub(crate) enum Admission {
    Accepted,
    Refused(i32),
}

impl Pending {
    /// Whether the draft was accepted or refused; registers the task otherwise.
    pub(crate) fn poll_admission(&self, context: &Context<'_>) -> Poll<Admission> {
        let Some(slot) = &self.0 else { return Poll::Ready(Admission::Accepted) };
        let look = || match slot.state.load(Ordering::Acquire) {
            DRAFT => Poll::Pending,
            // SAFETY: `REFUSED` was read: the outcome was written before, and is not written again.
            REFUSED => Poll::Ready(Admission::Refused(unsafe { (*slot.outcome.get()).code })),
            _ => Poll::Ready(Admission::Accepted),
        };
        if let ready @ Poll::Ready(_) = look() {
            return ready;
        }
        slot.waker.register(context.waker());
        look()
    }

    /// What waits for the draft's acceptance, for the one who has accepted it.
    pub(crate) fn take_waker(&self) -> Option<Waker> {
        self.0.as_ref()?.waker.take()
    }

    /// Whether the report has been read.
    pub(crate) fn is_taken(&self) -> bool {
        self.0.is_none()
    }

    /// Whether the report is in; registers the task otherwise. `read` sees body and outcome once.
    pub(crate) fn poll_report<R>(&mut self, context: &Context<'_>, read: impl FnOnce(&Body, Outcome) -> R) -> Poll<Option<R>> {
        let Some(slot) = &self.0 else { return Poll::Ready(None) };
        // A draft that librdkafka did not accept after all was `ACCEPTED` for a moment: who saw that learns of the refusal here.
        let is_settled = || matches!(slot.state.load(Ordering::Acquire), DONE | REFUSED);
        if !is_settled() {
            slot.waker.register(context.waker());
            if !is_settled() {
                return Poll::Pending;
            }
        }
        // SAFETY: the state says that outcome and body are written for good, and there is one `Pending` that reads them.
        let outcome = mem::take(unsafe { &mut *slot.outcome.get() });
        // SAFETY: as above.
        let result = read(unsafe { &*slot.body.get() }, outcome);
        if let Some(slot) = self.0.take() {
            recycle(slot);
        }
        Poll::Ready(Some(result))
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(slot) = self.0.take() {
            recycle(slot);
        }
    }
}

/// Gives the slot back to its pool if this was the last reference.
fn recycle(mut slot: Arc<Slot>) {
    let Some(free) = Arc::get_mut(&mut slot) else { return };
    let body = free.body.get_mut();
    body.clear();
    if let Some(pool) = body.topic.as_ref().map(|topic| Arc::clone(topic.pool())) {
        pool.give(slot);
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.as_ref().map(|slot| match slot.state.load(Ordering::Relaxed) {
            DRAFT => "waiting for room",
            ACCEPTED => "accepted",
            REFUSED => "refused",
            _ => "reported",
        });
        f.debug_tuple("Pending").field(&state.unwrap_or("taken")).finish()
    }
}
