//! The slot: one cache line for each record, from serialization to the report, which it stores for the future.
//!
//! A slot has exactly one owner at a time, and only the owner accesses its content:
//!
//! 1. [`Draft`]: the sender fills the record's [`PreparedRecord`], which is beside the slot. If there is no room the draft waits in the queue.
//! 2. librdkafka, from `produce` to the report: nobody writes, and librdkafka's callbacks may read. The prepared record goes into the slot,
//!    unless only two sizes of it will be needed: then the sending thread reuses it for its next record.
//! 3. [`Reported`]: the delivery thread writes the [`Outcome`] and releases the slot.
//! 4. [`Pending`]: the future reads the outcome, after the delivery thread has released the slot.
//!
//! The first three are the giver of the slot's [`Handoff`], the last one is its taker. The side that releases last returns the slot to the
//! [`Pool`](super::Pool).
//!
//! Ownership passes through librdkafka's locks, the queue's mutex, or the handoff, which `tests/loom` checks in all interleavings. That makes
//! `unsafe impl Sync for Slot` sound. Nobody accesses a slot after a successful `produce`, because its report may have been delivered and read
//! by then. So the thread that admits a waiting draft takes its waker *before*. If librdkafka then rejects the record, the rejection is
//! reported as the record's delivery error.

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

/// The memory that moves between threads. Moving a cache line from one core to another costs more than anything else that is done for a record
/// here, so it is exactly one line.
#[repr(C, align(64))]
pub(super) struct Slot {
    handoff: Handoff<SlotHeader>,
    /// Before the report: what the sender [asked](super::record_view::Asked) for.
    raw_report: UnsafeCell<RawReport>,
    /// Set while librdkafka has the record; before that the prepared record has it. A free slot keeps it: the next record is often for the same
    /// topic, and then needs no reference count.
    topic: UnsafeCell<Option<Arc<Topic>>>,
    /// `header().keeps` says which field is in use.
    payload: UnsafeCell<Payload>,
}

#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Slot>() == 64);

// SAFETY: only the owner of the slot accesses its cells (see the module's text); ownership
// passes through librdkafka's locks, the queue's mutex, or the handoff.
unsafe impl Sync for Slot {}
// SAFETY: all that a slot owns is `Send`: topic, prepared record and a waker.
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

    // The functions below require one of two things. "The caller has the slot": it is the owner, so nobody writes to the slot. "The caller
    // has the slot alone": nobody reads it either. Draft and Reported have it alone, by the module's rule. A callback of librdkafka has it
    // while librdkafka has the record. A Pending has it alone once the giver has released it.

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

    /// The prepared record, if it is in the slot.
    ///
    /// # Safety
    /// The caller has the slot.
    unsafe fn record(&self) -> Option<&PreparedRecord> {
        // SAFETY: the caller has the slot, so that nobody writes to header and payload; the header says whether the payload is a record.
        unsafe { self.header().keeps.has_record().then(|| (*self.payload.get()).record()) }
    }

    /// # Safety
    /// The caller has the slot alone.
    #[expect(clippy::mut_from_ref, reason = "the caller guarantees exclusive access to the cell")]
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

    /// The metadata of the record.
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

    /// Stores details of the record's failure.
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

/// A slot without a user. The thread that takes it next clears it, when it has the cache line.
pub(super) struct FreeSlot(Box<Slot>);

impl FreeSlot {
    /// Its memory, at most, in bytes.
    pub(super) fn kept(&self) -> usize {
        let header = self.header();
        let prepared = if header.keeps.has_record() { size_of::<PreparedRecord>() } else { 0 };
        size_of::<Slot>() + prepared + if header.keeps.has_bytes() { header.charge() } else { 0 }
    }

    /// Its memory among unread records, in bytes.
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
    unsafe fn from_owner(slot: NonNull<Slot>) -> Self {
        // SAFETY: every slot was made in a box by `Draft::new`; the caller guarantees that nobody else has it.
        let mut slot = unsafe { Box::from_raw(slot.as_ptr()) };
        // The rest is cleared later; a waker keeps its task alive.
        slot.handoff.reset().into_iter().for_each(release);
        Self(slot)
    }

    /// It no longer counts as unread, or never did.
    pub(super) fn set_read(&mut self) {
        if self.header().keeps == Keeps::Unread {
            // SAFETY: a free slot has one owner, and that is `self`.
            unsafe { self.0.change_header(|header| header.keeps = Keeps::Bytes) };
        }
    }

    /// Like [`prefetch`], for the slot that is taken next.
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

/// Stores the outcome and releases the slot. Returns the waker to call, or the slot itself if no future has it.
///
/// # Safety
/// The caller is the slot's giver, and does not use it again.
unsafe fn let_go(
    slot: NonNull<Slot>,
    mut outcome: Outcome,
    how: impl FnOnce(&Handoff<SlotHeader>) -> Settled,
) -> Result<Option<Waker>, FreeSlot> {
    // SAFETY: the slot lives at least until its giver, which is the caller, has released it.
    let shared = unsafe { slot.as_ref() };
    // SAFETY: the caller is the giver, which has the slot alone until it releases it, below.
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
            Err(unsafe { FreeSlot::from_owner(slot) })
        }
    }
}

/// Prefetches a slot's cache line. Waiting for it is most of the cost of a report, and the lines of several slots arrive in parallel.
pub(super) fn prefetch(line: *const c_void) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint, which reads nothing as far as the program can tell: any address will do.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(line.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = line;
}

/// A record that librdkafka has, for librdkafka's callbacks: its metadata, and its value if the slot has it.
///
/// # Safety
/// `opaque` came from [`Draft::into_opaque`], and the message has not been reported yet.
pub(super) unsafe fn in_flight<'a>(opaque: *const c_void) -> (RecordView<'a>, Option<&'a [u8]>) {
    // SAFETY: the caller guarantees a live slot whose record librdkafka has and lends to this callback. Between produce and report only the
    // two functions below write to it, and their callers guarantee that nothing of this result is in use then.
    unsafe {
        let slot = &*opaque.cast::<Slot>();
        (slot.view(), slot.record().and_then(PreparedRecord::value))
    }
}

/// Stores details of a record's failure for its report.
///
/// # Safety
/// `opaque` came from [`Draft::into_opaque`], the message has not been reported yet, one thread at a time calls this, and nothing
/// of [`in_flight`] is used any more.
pub(super) unsafe fn save_details(opaque: *const c_void, details: ErrorDetails) {
    // SAFETY: the caller guarantees a live slot, since the message is not reported yet, and that no other callback reads it: until the
    // report nobody else has it, so that it is had alone here.
    unsafe { (*opaque.cast::<Slot>()).save_details(Box::new(details)) };
}

/// Records that the topic's partitioner has counted the record, so that it must be called at the report.
///
/// # Safety
/// `opaque` came from [`Draft::into_opaque`], the message has not been reported yet, one thread at a time calls this, and nothing
/// of [`in_flight`] is used any more.
pub(super) unsafe fn set_counted(opaque: *const c_void) {
    // SAFETY: the caller guarantees a live slot, since the message is not reported yet, and that one thread at a time calls this: from produce
    // to report nobody else reads the header.
    unsafe { (*opaque.cast::<Slot>()).change_header(|header| header.counted = true) };
}
