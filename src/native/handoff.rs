//! The state that the two hands of a slot share: the *giver*, who has the record until it is reported (sender, queue, librdkafka,
//! delivery thread, one after the other), and the *taker*, its future.
//!
//! The giver settles once and the taker leaves once. Whoever is the second to let go has the slot to itself and recycles it: that takes
//! no reference count, and one atomic operation a record where the future is not polled before its report is in.
//!
//! The file stands for itself, so that its model checker can include it: `sync` is `std`, or loom's equal of it.

use std::task::{Context, Poll, Waker};

use super::sync::{AtomicU8, Ordering, UnsafeCell, release};

/// librdkafka has the record, or has had it.
const ADMITTED: u8 = 1;
/// The giver has let go, and the result stands.
const SETTLED: u8 = 2;
/// Together with `SETTLED`: the record was never accepted.
const REFUSED: u8 = 4;
/// There is no taker, or it has let go.
const LEFT: u8 = 8;
/// `waker` holds the taker's waker. Only the taker sets it; who has cleared it may touch the cell.
const WAKER: u8 = 16;
/// The giver is taking the waker out: the cell is its own until it clears this and `WAKER` in one step.
const TAKING: u8 = 32;

/// `L` rides along where alignment leaves seven bytes free.
#[repr(C)]
pub(crate) struct Handoff<L = ()> {
    state: AtomicU8,
    header: UnsafeCell<L>,
    waker: UnsafeCell<Option<Waker>>,
}

/// What the giver learns when it lets go.
pub(crate) enum Settled {
    /// The taker has the slot now; here is whom to wake.
    Given(Option<Waker>),
    /// The taker left before, perhaps with its waker still here: the slot is the giver's to recycle.
    Left(Option<Waker>),
}

/// How far a record has come that had to wait for room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Waiting,
    Admitted,
    Settled,
    Refused,
}

impl<L> Handoff<L> {
    /// Without a taker.
    pub(crate) fn new(header: L) -> Self {
        Self { state: AtomicU8::new(LEFT), header: UnsafeCell::new(header), waker: UnsafeCell::new(None) }
    }

    /// What rides along. It is not part of the handoff: whoever has the slot may touch it.
    pub(crate) fn header(&self) -> &UnsafeCell<L> {
        &self.header
    }

    /// Starts over, without a taker. Gives the waker that was left here, whose drop is user code.
    pub(crate) fn reset(&mut self) -> Option<Waker> {
        self.state.store(LEFT, Ordering::Relaxed);
        // SAFETY: `&mut self`: nobody else is here.
        self.waker.with_mut(|waker| unsafe { (*waker).take() })
    }

    /// Lets a taker in. The giver calls this before anybody else knows of the slot.
    pub(crate) fn invite(&self) {
        self.state.store(0, Ordering::Relaxed);
    }

    /// The giver is about to hand the record over to librdkafka; gives whom to wake for it.
    pub(crate) fn admit(&self) -> Option<Waker> {
        self.advance(ADMITTED).0
    }

    /// The giver lets go: the result stands, and is not written again.
    pub(crate) fn settle(&self) -> Settled {
        self.let_go(SETTLED)
    }

    /// The giver lets go of a record that was never accepted.
    pub(crate) fn refuse(&self) -> Settled {
        self.let_go(SETTLED | REFUSED)
    }

    /// The taker lets go. If this is true the giver has done so before, and the slot is the taker's to recycle.
    pub(crate) fn leave(&self) -> bool {
        self.state.fetch_or(LEFT, Ordering::AcqRel) & SETTLED != 0
    }

    /// The taker looks whether the record has left the queue, and leaves its waker otherwise.
    pub(crate) fn poll_admission(&self, context: &Context<'_>) -> Poll<Stage> {
        self.poll(context, ADMITTED | SETTLED)
    }

    /// The taker looks whether the giver has let go, and leaves its waker otherwise. Ready: the slot is the taker's alone.
    pub(crate) fn poll_settled(&self, context: &Context<'_>) -> Poll<Stage> {
        self.poll(context, SETTLED)
    }

    pub(crate) fn stage(&self) -> Stage {
        stage(self.state.load(Ordering::Relaxed))
    }

    fn let_go(&self, bits: u8) -> Settled {
        let (waker, before) = self.advance(bits);
        if before & LEFT == 0 { Settled::Given(waker) } else { Settled::Left(waker) }
    }

    /// Adds `bits` and takes the waker out; gives it, and the state before. The slot may be gone when this returns.
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
        // Both are set, and `bits` are not: only the giver changes any of them now.
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
                // The giver takes the waker of an earlier poll, and may be about to wake another task than this one.
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
        // Cloned before the cell is touched, and dropped when all is in place: both are user code.
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
