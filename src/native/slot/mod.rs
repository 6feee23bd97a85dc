//! The slot of a record, from serialization to the report, which it stores for the future.
//!
//! A slot has exactly one owner at a time, and only the owner accesses its [`Content`]:
//!
//! 1. [`Draft`]: the sender fills the record's [`PreparedRecord`], which is beside the slot. If there is no room the draft waits in the queue.
//! 2. librdkafka, from `produce` to the report: nobody writes, and librdkafka's callbacks may read. The prepared record goes into the slot,
//!    unless only its sizes and the receiver of its report will be needed.
//! 3. [`Reported`]: the delivery thread writes the [`Outcome`](super::outcome::Outcome) and releases the slot.
//! 4. [`Pending`]: the future reads the outcome, after the delivery thread has released the slot.
//!
//! The first three are, one after the other, the [`Giver`] in the slot's [`Handoff`]; the last one is the taker. The side that releases last
//! returns the slot to the [`Pool`](super::Pool).
//!
//! Ownership passes through librdkafka's locks, the queue's mutex, or the handoff, which `tests/loom` checks in all interleavings. That makes
//! `unsafe impl Sync for Slot` sound. Nobody accesses a slot after a successful `produce`, because its report may have been delivered and read
//! by then. So the thread that admits a waiting draft takes its waker *before*. If librdkafka then rejects the record, the rejection is
//! reported as the record's delivery error.

mod content;
mod draft;
mod giver;
mod report;

use std::{cell::UnsafeCell, ffi::c_void, mem::offset_of, ptr::NonNull};

use content::Content;
pub(crate) use draft::Draft;
use giver::Giver;
pub(crate) use report::Pending;
pub(super) use report::Reported;

use super::{handoff::Handoff, outcome::ErrorDetails, prepared_record::PreparedRecord, record_view::RecordView};
use crate::panic::release;

/// The memory that moves between threads, in two cache lines. Threads share the first one; the second is mostly the sender's.
#[derive(Default)]
#[repr(C, align(64))]
pub(super) struct Slot {
    handoff: Handoff,
    content: UnsafeCell<Content>,
}

#[cfg(target_pointer_width = "64")]
const _: () = assert!(offset_of!(Slot, content) + offset_of!(Content, kept) == 64 && size_of::<Slot>() == 128);

// SAFETY: only the owner of the slot accesses its content (see the module's text); ownership
// passes through librdkafka's locks, the queue's mutex, or the handoff.
unsafe impl Sync for Slot {}
// SAFETY: all that a slot owns is `Send`: topic, prepared record, details and a waker.
unsafe impl Send for Slot {}

impl Slot {
    /// # Safety
    /// The caller is the owner of the slot, and nothing of [`content_mut`](Self::content_mut) is in use.
    unsafe fn content(&self) -> &Content {
        // SAFETY: the caller owns the slot, so that nobody else accesses the content, and does not write to it itself.
        unsafe { &*self.content.get() }
    }

    /// # Safety
    /// The caller is the owner of the slot, and nothing of this or of [`content`](Self::content) is in use.
    #[expect(clippy::mut_from_ref, reason = "the caller guarantees exclusive access to the cell")]
    unsafe fn content_mut(&self) -> &mut Content {
        // SAFETY: the caller owns the slot, so that nobody else accesses the content, and has no other reference to it.
        unsafe { &mut *self.content.get() }
    }
}

/// A slot without a user.
#[derive(Default)]
pub(super) struct FreeSlot(Box<Slot>);

impl FreeSlot {
    /// # Safety
    /// The caller has the slot to itself: it is its giver and the taker has left, or its taker and the giver has settled.
    unsafe fn from_owner(slot: NonNull<Slot>) -> Self {
        // SAFETY: every slot is in a box, which `Giver::from` has leaked; the caller guarantees that nobody else has it.
        let mut slot = unsafe { Box::from_raw(slot.as_ptr()) };
        // A waker keeps its task alive.
        slot.handoff.reset().into_iter().for_each(release);
        slot.content.get_mut().outcome.details = None;
        Self(slot)
    }

    /// Starts to load all of it, see [`prefetch`].
    pub(super) fn prefetch(&self) {
        let slot: *const Slot = &raw const *self.0;
        prefetch(slot.cast(), true);
    }

    /// Returns it to the pool.
    pub(super) fn recycle(mut self) {
        let topic = self.0.content.get_mut().topic.as_ref();
        if let Some(pool) = topic.and_then(|topic| topic.pool()) {
            pool.give(self);
        }
    }
}

/// A record that librdkafka has, for librdkafka's callbacks: its metadata, and its value if the slot has it.
///
/// # Safety
/// `opaque` came from [`Draft::into_opaque`], and the message has not been reported yet.
pub(super) unsafe fn in_flight<'a>(opaque: *const c_void) -> (RecordView<'a>, Option<&'a [u8]>) {
    // SAFETY: the caller guarantees a live slot whose record librdkafka has and lends to this callback. Between produce and report only the
    // two functions below write to it, and their callers guarantee that nothing of this result is in use then.
    unsafe {
        let content = (*opaque.cast::<Slot>()).content();
        (content.view(), content.record().and_then(PreparedRecord::value))
    }
}

/// Starts to load the part of a slot that [`Reported`] needs of a record with a future, or all of it, which a callback and a batch need. The sender
/// has written it, usually on another core, and the first access would wait for that core's cache. Has no effect on architectures for which Rust
/// has no stable prefetch.
pub(super) fn prefetch(opaque: *const c_void, all: bool) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch reads no value and cannot fault: any address is allowed.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_ET0, _mm_prefetch};
        _mm_prefetch::<{ _MM_HINT_ET0 }>(opaque.cast());
        if all {
            _mm_prefetch::<{ _MM_HINT_ET0 }>(opaque.wrapping_byte_add(size_of::<Slot>() / 2).cast());
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (opaque, all);
}

/// Stores details of a record's failure for its report.
///
/// # Safety
/// `opaque` came from [`Draft::into_opaque`], the message has not been reported yet, one thread at a time calls this, and nothing
/// of [`in_flight`] is used any more.
pub(super) unsafe fn save_details(opaque: *const c_void, details: ErrorDetails) {
    // SAFETY: the caller guarantees a live slot, since the message is not reported yet, and that no other callback reads it: until the
    // report nobody else has it, so that it is had alone here.
    unsafe { (*opaque.cast::<Slot>()).content_mut().outcome.details = Some(Box::new(details)) };
}

/// Records that the topic's partitioner has counted the record, so that it must be called at the report.
///
/// # Safety
/// `opaque` came from [`Draft::into_opaque`], the message has not been reported yet, one thread at a time calls this, and nothing
/// of [`in_flight`] is used any more.
pub(super) unsafe fn set_counted(opaque: *const c_void) {
    // SAFETY: the caller guarantees a live slot, since the message is not reported yet, and that one thread at a time calls this: from produce
    // to report nobody else accesses the content.
    unsafe { (*opaque.cast::<Slot>()).content_mut().is_counted = true };
}
