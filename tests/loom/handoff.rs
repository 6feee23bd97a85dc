//! Checks all interleavings of the two sides of a slot with loom: the report is read completely, the side that releases last has exclusive
//! access to the slot, and no wake-up is lost.

#[path = "../../src/native/handoff.rs"]
#[allow(dead_code, reason = "the model does not use the debug view of the state")]
mod handoff;

/// Replaces `src/native/sync.rs`, which `handoff` uses.
mod sync {
    pub(super) use loom::{
        cell::UnsafeCell,
        sync::atomic::{AtomicU8, Ordering},
    };
    pub(super) use std::mem::drop as release;
}

use std::{
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};

use handoff::{Handoff, Settled, Stage};
use loom::{
    cell::UnsafeCell,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

/// A slot with the parts that the model needs: the handoff, and a value that one side at a time may access. loom reports concurrent access.
struct Slot {
    handoff: Handoff,
    outcome: UnsafeCell<u32>,
    /// Incremented by the side that frees the slot.
    freed: Arc<AtomicUsize>,
}

/// The address of a slot, which both sides have.
#[derive(Clone, Copy)]
struct Hand(*mut Slot);

// SAFETY: the model checks how the two sides use it.
unsafe impl Send for Hand {}

impl Hand {
    /// A slot, and the counter of how often it was freed.
    fn new() -> (Self, Arc<AtomicUsize>) {
        let freed = Arc::new(AtomicUsize::new(0));
        let slot = Slot { handoff: Handoff::default(), outcome: UnsafeCell::new(0), freed: Arc::clone(&freed) };
        slot.handoff.invite();
        (Self(Box::into_raw(Box::new(slot))), freed)
    }

    fn slot(&self) -> &Slot {
        // SAFETY: only a side that has not released the slot calls this.
        unsafe { &*self.0 }
    }

    fn write(self, outcome: u32) {
        // SAFETY: only the giver calls this, before it releases the slot.
        self.slot().outcome.with_mut(|cell| unsafe { *cell = outcome });
    }

    /// Frees the slot and returns its outcome. Only the side with exclusive access may call it.
    fn free(self) -> u32 {
        // SAFETY: `new` has allocated it. The model checks that no other side uses it any more.
        let slot = unsafe { Box::from_raw(self.0) };
        slot.freed.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as above.
        slot.outcome.with(|cell| unsafe { *cell })
    }

    /// The delivery thread: writes the outcome, releases the slot, and wakes the task or frees the slot.
    fn report(self, outcome: u32) {
        self.write(outcome);
        self.ended(self.slot().handoff.settle());
    }

    fn ended(self, settled: Settled) {
        match settled {
            Settled::Given(waker) => waker.into_iter().for_each(Waker::wake),
            Settled::Left(_) => drop(self.free()),
        }
    }

    /// The future is dropped.
    fn leave(self) {
        if self.slot().handoff.leave() {
            self.free();
        }
    }

    fn poll_report(self, context: &Context<'_>) -> Poll<u32> {
        self.slot().handoff.poll_settled(context).map(|_| self.free())
    }
}

/// A task that counts its wake-ups.
struct Woken(AtomicUsize);

impl Woken {
    fn new() -> Arc<Self> {
        Arc::new(Self(AtomicUsize::new(0)))
    }
}

/// Polls again after each wake-up. A lost wake-up makes it loop forever, which loom reports.
fn block_on<R>(mut poll: impl FnMut(&Context<'_>) -> Poll<R>) -> R {
    let task = Woken::new();
    let waker = Waker::from(Arc::clone(&task));
    loop {
        if let Poll::Ready(result) = poll(&Context::from_waker(&waker)) {
            return result;
        }
        thread::yield_now();
        while task.0.swap(0, Ordering::Relaxed) == 0 {
            thread::yield_now();
        }
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn waiting_future_is_woken_and_reads_the_complete_report() {
    loom::model(|| {
        let (hand, freed) = Hand::new();
        let giver = thread::spawn(move || {
            let hand = hand;
            hand.report(7);
        });
        assert_eq!(block_on(|context| hand.poll_report(context)), 7);
        giver.join().unwrap();
        assert_eq!(freed.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn slot_of_a_dropped_future_is_freed_once() {
    loom::model(|| {
        let (hand, freed) = Hand::new();
        let giver = thread::spawn(move || {
            let hand = hand;
            hand.report(7);
        });
        let waker = Waker::from(Woken::new());
        match hand.poll_report(&Context::from_waker(&waker)) {
            Poll::Ready(outcome) => assert_eq!(outcome, 7),
            Poll::Pending => hand.leave(),
        }
        giver.join().unwrap();
        assert_eq!(freed.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn future_wakes_the_task_that_polled_last() {
    loom::model(|| {
        let (hand, freed) = Hand::new();
        let giver = thread::spawn(move || {
            let hand = hand;
            hand.report(7);
        });
        let [first, second] = [(); 2].map(|()| Woken::new());
        let wakers = [&first, &second].map(|task| Waker::from(Arc::clone(task)));
        let mut polled = wakers.iter().map(|waker| hand.poll_report(&Context::from_waker(waker)));
        let report = match polled.next().unwrap() {
            Poll::Pending => polled.next().unwrap(),
            ready @ Poll::Ready(_) => ready,
        };
        giver.join().unwrap();
        match report {
            Poll::Ready(outcome) => assert_eq!(outcome, 7),
            Poll::Pending => {
                assert!(second.0.load(Ordering::Relaxed) > 0, "the task that polled last was not woken");
                assert_eq!(hand.poll_report(&Context::from_waker(Waker::noop())), Poll::Ready(7));
            }
        }
        assert_eq!(freed.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn waiting_record_is_admitted_and_then_reported() {
    loom::model(|| {
        let (hand, freed) = Hand::new();
        let giver = thread::spawn(move || {
            let hand = hand;
            let woken = hand.slot().handoff.admit();
            // From here on the record may be reported and the slot freed before its task is woken.
            hand.report(7);
            woken.into_iter().for_each(Waker::wake);
        });
        let stage = block_on(|context| hand.slot().handoff.poll_admission(context));
        assert!(matches!(stage, Stage::Admitted | Stage::Settled));
        assert_eq!(block_on(|context| hand.poll_report(context)), 7);
        giver.join().unwrap();
        assert_eq!(freed.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn record_that_is_rejected_after_waiting_returns_the_error() {
    loom::model(|| {
        let (hand, freed) = Hand::new();
        let giver = thread::spawn(move || {
            let hand = hand;
            hand.write(13);
            hand.ended(hand.slot().handoff.refuse());
        });
        assert_eq!(block_on(|context| hand.slot().handoff.poll_admission(context)), Stage::Refused);
        assert_eq!(block_on(|context| hand.poll_report(context)), 13);
        giver.join().unwrap();
        assert_eq!(freed.load(Ordering::Relaxed), 1);
    });
}
