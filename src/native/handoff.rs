//! The state that the two sides of a slot share. The *giver* has the record until it is reported (sender, queue, librdkafka and delivery
//! thread, one after the other). The *taker* is its future.
//!
//! The giver settles once and the taker leaves once. The side that releases last has exclusive access to the slot and recycles it. This needs
//! no reference count, and one atomic operation for each record whose future is not polled before the report.
//!
//! This file has no dependencies but `sync`, so that the loom model can include it: `sync` is `std` or loom.

use std::task::{Context, Poll, Waker};

use super::sync::{AtomicU8, Ordering, UnsafeCell, release};

/// librdkafka has or had the record.
const ADMITTED: u8 = 1;
/// The giver has released the slot, and the result is final.
const SETTLED: u8 = 2;
/// With `SETTLED`: the record was never accepted.
const REFUSED: u8 = 4;
/// There is no taker, or it has released the slot.
const LEFT: u8 = 8;
/// `waker` contains the taker's waker. Only the taker sets this bit; the side that has cleared it may access the cell.
const WAKER: u8 = 16;
/// The giver is taking the waker out and has exclusive access to the cell, until it clears this bit and `WAKER` in one step.
const TAKING: u8 = 32;

/// The state, and the waker of a taker that waits.
pub(crate) struct Handoff {
    state: AtomicU8,
    waker: UnsafeCell<Option<Waker>>,
}

/// What the giver gets when it releases the slot.
pub(crate) enum Settled {
    /// The taker has the slot now. Contains the waker to call.
    Given(Option<Waker>),
    /// The taker has left before, perhaps without removing its waker. The giver must recycle the slot.
    Left(Option<Waker>),
}

/// The progress of a record that had to wait for buffer memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Waiting,
    Admitted,
    Settled,
    Refused,
}

/// Without a taker.
impl Default for Handoff {
    fn default() -> Self {
        Self { state: AtomicU8::new(LEFT), waker: UnsafeCell::new(None) }
    }
}

impl Handoff {
    /// Resets the state, without a taker. Returns the stored waker, whose drop is user code.
    pub(crate) fn reset(&mut self) -> Option<Waker> {
        self.state.store(LEFT, Ordering::Relaxed);
        // SAFETY: `&mut self`: nobody else is here.
        self.waker.with_mut(|waker| unsafe { (*waker).take() })
    }

    /// Adds the taker. The giver calls this before it shares the slot.
    pub(crate) fn invite(&self) {
        self.state.store(0, Ordering::Relaxed);
    }

    /// The giver is about to pass the record to librdkafka. Returns the waker to call.
    pub(crate) fn admit(&self) -> Option<Waker> {
        self.advance(ADMITTED).0
    }

    /// The giver releases the slot: the result is final.
    pub(crate) fn settle(&self) -> Settled {
        self.release_slot(SETTLED)
    }

    /// The giver releases the slot of a record that was never accepted.
    pub(crate) fn refuse(&self) -> Settled {
        self.release_slot(SETTLED | REFUSED)
    }

    /// The taker releases the slot. If this returns true, the giver has released it before, and the taker must recycle the slot.
    pub(crate) fn leave(&self) -> bool {
        self.state.fetch_or(LEFT, Ordering::AcqRel) & SETTLED != 0
    }

    /// The taker checks whether the record has left the queue, and stores its waker otherwise.
    pub(crate) fn poll_admission(&self, context: &Context<'_>) -> Poll<Stage> {
        self.poll(context, ADMITTED | SETTLED)
    }

    /// The taker checks whether the giver has released the slot, and stores its waker otherwise. If ready, the taker has exclusive access.
    pub(crate) fn poll_settled(&self, context: &Context<'_>) -> Poll<Stage> {
        self.poll(context, SETTLED)
    }

    pub(crate) fn stage(&self) -> Stage {
        stage(self.state.load(Ordering::Relaxed))
    }

    fn release_slot(&self, bits: u8) -> Settled {
        let (waker, before) = self.advance(bits);
        if before & LEFT == 0 { Settled::Given(waker) } else { Settled::Left(waker) }
    }

    /// Sets `bits` and takes the waker out. Returns the waker and the previous state. The slot may be freed when this returns.
    fn advance(&self, bits: u8) -> (Option<Waker>, u8) {
        let mut seen = self.state.load(Ordering::Relaxed);
        loop {
            let next = if seen & WAKER == 0 { seen | bits } else { seen | TAKING };
            match self.state.compare_exchange_weak(seen, next, Ordering::AcqRel, Ordering::Relaxed) {
                Err(now) => seen = now,
                Ok(_) if seen & WAKER == 0 => return (None, seen),
                Ok(_) => break,
            }
        }
        // SAFETY: `WAKER` was set, so that the taker is not at the cell, and `TAKING` keeps it away.
        let waker = self.waker.with_mut(|waker| unsafe { (*waker).take() });
        // Both bits are set, and `bits` are not: only the giver changes any of them now.
        let before = self.state.fetch_xor(TAKING | WAKER | bits, Ordering::AcqRel);
        (waker, before)
    }

    fn poll(&self, context: &Context<'_>, awaited: u8) -> Poll<Stage> {
        let mut seen = self.state.load(Ordering::Acquire);
        loop {
            if seen & awaited != 0 {
                return Poll::Ready(stage(seen));
            }
            if seen & TAKING != 0 {
                // The giver is taking the waker of an earlier poll, and may wake another task than this one.
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            if seen & WAKER == 0 {
                break;
            }
            match self.state.compare_exchange_weak(seen, seen & !WAKER, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => break,
                Err(now) => seen = now,
            }
        }
        // SAFETY: `WAKER` is not set, so that the giver does not touch the cell, and there is one taker.
        let is_known =
            self.waker.with_mut(|waker| unsafe { &*waker }.as_ref().is_some_and(|known| known.will_wake(context.waker())));
        // Cloned before the cell is accessed, and dropped when the state is consistent, because both run user code.
        let replaced = if is_known {
            None
        } else {
            let waker = context.waker().clone();
            // SAFETY: `WAKER` is still not set, since only the taker sets it.
            self.waker.with_mut(|cell| unsafe { (*cell).replace(waker) })
        };
        let before = self.state.fetch_or(WAKER, Ordering::AcqRel);
        replaced.into_iter().for_each(release);
        if before & awaited == 0 { Poll::Pending } else { Poll::Ready(stage(before)) }
    }
}

fn stage(state: u8) -> Stage {
    match state {
        state if state & REFUSED != 0 => Stage::Refused,
        state if state & SETTLED != 0 => Stage::Settled,
        state if state & ADMITTED != 0 => Stage::Admitted,
        _ => Stage::Waiting,
    }
}
