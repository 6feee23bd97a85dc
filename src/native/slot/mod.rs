//! The slot: one cache line a record from serialization to report, where its report is left for its future.
//!
//! A slot is in one of these hands at a time, and only that hand touches what is in it:
//!
//! 1. [`Draft`]: the sender fills the record's [`PreparedRecord`], which it has beside the slot; if there is no room it waits in the queue,
//!    still as a draft.
//! 2. librdkafka, from `produce` to the report: nobody writes, anybody that librdkafka calls may read. The body goes into the slot,
//!    unless nothing of it will be asked for any more but two sizes: then the thread that sent it uses it for its next record.
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
mod header;
mod payload;
mod pending;
mod reported;

use std::{cell::UnsafeCell, ffi::c_void, ptr::NonNull, sync::Arc, task::Waker};

pub(crate) use draft::Draft;
use header::{Keeps, SlotHeader};
use payload::Payload;
pub(crate) use pending::{Admission, Pending};
pub(super) use reported::Reported;

use super::{
    handoff::{Handoff, Settled},
    outcome::{ErrorDetails, Outcome, RawReport},
    prepared_record::{Completion, PreparedRecord},
    record_view::RecordView,
    topic::Topic,
};
use crate::{panic::release, record::Headers};

/// What goes from thread to thread and back. Moving a cache line from one core to another costs more than anything else that is done to
/// a record here: therefore it is one.
#[repr(C, align(64))]
pub(super) struct Slot {
    handoff: Handoff<SlotHeader>,
    /// Before the report, what the sender [asked](super::record_view::Asked) for.
    raw_report: UnsafeCell<RawReport>,
    /// Once librdkafka has the record; before that it is the body's. A free slot keeps it: the next record is often for the same topic,
    /// and then costs no reference count.
    topic: UnsafeCell<Option<Arc<Topic>>>,
    /// `header().keeps` says what it is.
    payload: UnsafeCell<Payload>,
}

#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Slot>() == 64);

// SAFETY: only the hand that has the slot reaches what the cells hold (see the module's text); handing over
// goes through librdkafka's locks, the queue's mutex, or the handoff.
unsafe impl Sync for Slot {}
// SAFETY: all that a slot owns is `Send`: topic, body, and a waker.
unsafe impl Send for Slot {}

impl Slot {
    fn new() -> Self {
        Self {
            handoff: Handoff::new(SlotHeader::default()),
            raw_report: UnsafeCell::new(RawReport::default()),
            topic: UnsafeCell::new(None),
            payload: UnsafeCell::new(Payload::of_sizes(None, None)),
        }
    }

    // The functions below ask for one of two things. "The caller has the slot": its hand is the one that has the slot now, so that nobody
    // writes to it. "The caller has the slot alone": nobody reads it either. Draft and Reported have it alone, by the module's rule; a
    // callback of librdkafka has it while librdkafka has the record; a Pending has it alone once the giver has released it.

    /// # Safety
    /// The caller has the slot.
    unsafe fn header(&self) -> SlotHeader {
        // SAFETY: the caller has the slot.
        self.handoff.header().with_mut(|header| unsafe { *header })
    }

    /// # Safety
    /// The caller has the slot alone.
    unsafe fn change_header(&self, change: impl FnOnce(&mut SlotHeader)) {
        // SAFETY: the caller has the slot alone.
        self.handoff.header().with_mut(|header| change(unsafe { &mut *header }));
    }

    /// The body, if it is here.
    ///
    /// # Safety
    /// The caller has the slot.
    unsafe fn record(&self) -> Option<&PreparedRecord> {
        // SAFETY: the caller has the slot, so that nobody writes to header and payload; the header says whether the payload is a record.
        unsafe { self.header().keeps.has_record().then(|| (*self.payload.get()).record()) }
    }

    /// # Safety
    /// The caller has the slot alone.
    #[expect(clippy::mut_from_ref, reason = "the cell's content is the caller's alone, who vouches for it")]
    unsafe fn record_mut(&self) -> Option<&mut PreparedRecord> {
        // SAFETY: the caller has the slot alone, so that nobody else reads or writes the payload; the header says whether it is a record.
        unsafe { self.header().keeps.has_record().then(|| (*self.payload.get()).record_mut()) }
    }

    /// # Safety
    /// The caller has the slot alone.
    unsafe fn put_record(&self, prepared: Box<PreparedRecord>, keeps: Keeps) {
        // SAFETY: the caller has the slot alone, so that nobody else reads or writes payload and header, which go together.
        unsafe {
            *self.payload.get() = Payload::of_record(prepared);
            self.change_header(|header| header.keeps = keeps);
        }
    }

    /// # Safety
    /// The caller has the slot alone.
    unsafe fn take_record(&self) -> Option<Box<PreparedRecord>> {
        // SAFETY: the caller has the slot alone, so that nobody else reads or writes header and payload. The header said that the payload is
        // a record, and no longer does when it is taken.
        unsafe {
            self.header().keeps.has_record().then(|| {
                self.change_header(|header| header.keeps = Keeps::Sizes);
                (*self.payload.get()).take_record()
            })
        }
    }

    /// The sizes of the record's key and value.
    ///
    /// # Safety
    /// The caller has the slot, and its payload is not a record.
    unsafe fn sizes(&self) -> (Option<u32>, Option<u32>) {
        // SAFETY: the caller has the slot, so that nobody writes to the payload, and guarantees that it is not a record: so it is sizes.
        unsafe { (*self.payload.get()).sizes() }
    }

    /// What is known of the record.
    ///
    /// # Safety
    /// The caller has the slot.
    unsafe fn view(&self) -> RecordView<'_> {
        // SAFETY: the caller has the slot, so that nobody writes to its cells; the sizes are read only if the payload is not a record.
        unsafe {
            let topic = (*self.topic.get()).as_ref();
            if let Some(prepared) = self.record() {
                return RecordView { topic, ..prepared.view() };
            }
            let (key_size, value_size) = self.sizes();
            RecordView::without_headers(topic, key_size, value_size)
        }
    }

    /// Keeps what is known of the record's failure beside its code.
    ///
    /// # Safety
    /// The caller has the slot alone.
    unsafe fn save_details(&self, details: Box<ErrorDetails>) {
        // SAFETY: the caller has the slot alone; the sizes are read only if the payload is not a record.
        unsafe {
            if let Some(prepared) = self.record_mut() {
                prepared.details = Some(details);
                return;
            }
            let (key_size, value_size) = self.sizes();
            let prepared = PreparedRecord { key_size, value_size, details: Some(details), ..PreparedRecord::default() };
            self.put_record(Box::new(prepared), Keeps::Record);
        }
    }

    /// # Safety
    /// The caller has the slot alone.
    unsafe fn take_details(&self) -> Option<Box<ErrorDetails>> {
        // SAFETY: the caller has the slot alone.
        unsafe { self.record_mut() }.and_then(|prepared| prepared.details.take())
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // SAFETY: `&mut self` says that nobody else has the slot.
        drop(unsafe { self.take_record() });
    }
}

/// A slot in nobody's hands. It is cleared when it is taken again, by the thread that has its lines then.
pub(super) struct FreeSlot(Box<Slot>);

impl FreeSlot {
    /// What it takes of memory, at most.
    pub(super) fn kept(&self) -> usize {
        let header = self.header();
        let prepared = if header.keeps.has_record() { size_of::<PreparedRecord>() } else { 0 };
        size_of::<Slot>() + prepared + if header.keeps.has_bytes() { header.charge() } else { 0 }
    }

    /// What it took of the memory for unread records.
    pub(super) fn unread(&self) -> usize {
        let header = self.header();
        if header.keeps == Keeps::Unread { header.charge() } else { 0 }
    }

    fn header(&self) -> SlotHeader {
        // SAFETY: a free slot has one owner, and that is `self`.
        unsafe { self.0.header() }
    }

    /// # Safety
    /// The caller has the slot to itself: it is its giver and the taker has left, or its taker and the giver has settled.
    unsafe fn from_hand(slot: NonNull<Slot>) -> Self {
        // SAFETY: every slot was made in a box by `Draft::new`; the caller guarantees that nobody else has it.
        let mut slot = unsafe { Box::from_raw(slot.as_ptr()) };
        // The rest can wait; a waker holds its task.
        slot.handoff.reset().into_iter().for_each(release);
        Self(slot)
    }

    /// It counts as unread no longer, or never did.
    pub(super) fn set_read(&mut self) {
        if self.header().keeps == Keeps::Unread {
            // SAFETY: a free slot has one owner, and that is `self`.
            unsafe { self.0.change_header(|header| header.keeps = Keeps::Bytes) };
        }
    }

    /// As [`prefetch`]: for the slot that is taken soon.
    pub(super) fn prefetch(&self) {
        prefetch((&raw const *self.0).cast());
    }

    pub(super) fn recycle(self) {
        // SAFETY: a free slot has one owner, and that is `self`.
        let topic = unsafe { (*self.0.topic.get()).as_ref() };
        if let Some(pool) = topic.and_then(|topic| topic.pool()) {
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
    mut outcome: Outcome,
    how: impl FnOnce(&Handoff<SlotHeader>) -> Settled,
) -> Result<Option<Waker>, FreeSlot> {
    // SAFETY: the slot lives at least until its giver, which is the caller, has let go.
    let shared = unsafe { slot.as_ref() };
    // SAFETY: the caller is the giver, which has the slot alone until it lets go, below.
    unsafe {
        if let Some(details) = outcome.details.take() {
            shared.save_details(details);
        }
        *shared.raw_report.get() = RawReport::from(&outcome);
        if let Some(prepared) = shared.record_mut() {
            prepared.completion = Completion::Future;
            prepared.headers = Headers::new();
        }
    }
    match how(&shared.handoff) {
        Settled::Given(waker) => Ok(waker),
        Settled::Left(waker) => {
            waker.into_iter().for_each(release);
            // SAFETY: the handoff says that the taker has left: the caller, which is the giver, has the slot alone.
            Err(unsafe { FreeSlot::from_hand(slot) })
        }
    }
}

/// Starts to bring a slot's line into this core's cache. Waiting for it is most of what a report costs, and the lines of
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

/// A record that librdkafka holds, for callbacks that it makes: what is known of it, and its value if the slot has it.
///
/// # Safety
/// `opaque` came from [`Draft::hand_over`], and the message has not been reported yet.
pub(super) unsafe fn in_flight<'a>(opaque: *const c_void) -> (RecordView<'a>, Option<&'a [u8]>) {
    // SAFETY: the caller guarantees a live slot whose record librdkafka has and lends to this callback. Between produce and report only the
    // two functions below write to it, and their callers guarantee that nothing of this result is in use then.
    unsafe {
        let slot = &*opaque.cast::<Slot>();
        (slot.view(), slot.record().and_then(PreparedRecord::value))
    }
}

/// Saves what is known of a record's failure for its report.
///
/// # Safety
/// `opaque` came from [`Draft::hand_over`], the message has not been reported yet, one thread at a time calls this, and nothing
/// of [`in_flight`] is used any more.
pub(super) unsafe fn save_details(opaque: *const c_void, details: ErrorDetails) {
    // SAFETY: the caller guarantees a live slot, since the message is not reported yet, and that no other callback looks at it: until the
    // report nobody else has it, so that it is had alone here.
    unsafe { (*opaque.cast::<Slot>()).save_details(Box::new(details)) };
}

/// Takes note that the topic's partitioner has counted the record, and is to hear of its report.
///
/// # Safety
/// `opaque` came from [`Draft::hand_over`], the message has not been reported yet, one thread at a time calls this, and nothing
/// of [`in_flight`] is used any more.
pub(super) unsafe fn set_counted(opaque: *const c_void) {
    // SAFETY: the caller guarantees a live slot, since the message is not reported yet, and that one thread at a time calls this: from produce
    // to report nobody else looks at the header.
    unsafe { (*opaque.cast::<Slot>()).change_header(|header| header.counted = true) };
}
