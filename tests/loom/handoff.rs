//! Checks every interleaving of a slot's two hands, with loom: that the report is read whole, that whoever is the last to let go has the
//! slot to itself, and that no wake-up is lost.

#[path = "../../src/native/handoff.rs"]
#[allow(dead_code, reason = "the debug view of the state and the label are not part of the model")]
mod handoff;

/// What `handoff` is made of, in place of `src/native/sync.rs`.
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

/// A slot with what the model needs: the handoff, and a value that one hand at a time may touch. loom reports a second one.
struct Slot {
    handoff: Handoff,
    outcome: UnsafeCell<u32>,
    /// Raised by whoever frees the slot.
    freed: Arc<AtomicUsize>,
}

/// The address of a slot, as both hands have it.
#[derive(Clone, Copy)]
struct Hand(*mut Slot);

// SAFETY: what the two hands do with it is what is checked here.
unsafe impl Send for Hand {}

impl Hand {
    /// A slot, and the count of how often it was freed.
    fn new() -> (Self, Arc<AtomicUsize>) {
        let freed = Arc::new(AtomicUsize::new(0));
        let slot = Slot { handoff: Handoff::new(()), outcome: UnsafeCell::new(0), freed: Arc::clone(&freed) };
        slot.handoff.invite();
        (Self(Box::into_raw(Box::new(slot))), freed)
    }

    fn slot(&self) -> &Slot {
        // SAFETY: only called by a hand that has not let go.
        unsafe { &*self.0 }
    }

    fn write(self, outcome: u32) {
        // SAFETY: the giver, before it lets go.
        self.slot().outcome.with_mut(|cell| unsafe { *cell = outcome });
    }

    /// Frees the slot and gives its outcome: for the hand that has it to itself.
    fn free(self) -> u32 {
        // SAFETY: made by `new`; that nobody else uses it any more is what is checked.
        let slot = unsafe { Box::from_raw(self.0) };
        slot.freed.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as above.
        slot.outcome.with(|cell| unsafe { *cell })
    }

    /// The delivery thread: writes the outcome, lets go, wakes or frees.
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

    /// The future, dropped.
    fn leave(self) {
        if self.slot().handoff.leave() {
            self.free();
        }
    }

    fn poll_report(self, context: &Context<'_>) -> Poll<u32> {
        self.slot().handoff.poll_settled(context).map(|_| self.free())
    }
}

/// A task that counts how often it is woken.
struct Woken(AtomicUsize);

impl Woken {
    fn new() -> Arc<Self> {
        Arc::new(Self(AtomicUsize::new(0)))
    }
}

/// Polls again each time that it is woken. A wake-up that is lost makes it go round for ever, which loom reports.
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
fn a_future_that_waits_is_woken_and_reads_the_whole_report() {
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
fn a_future_that_is_dropped_at_any_time_leaves_one_hand_to_free_the_slot() {
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
fn a_future_that_moves_to_another_task_wakes_the_one_that_polled_last() {
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
fn a_record_that_waits_for_room_is_admitted_and_then_reported() {
    loom::model(|| {
        let (hand, freed) = Hand::new();
        let giver = thread::spawn(move || {
            let hand = hand;
            let woken = hand.slot().handoff.admit();
            // From here on the record may be reported, and the slot be gone, before its task is woken.
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
fn a_record_that_is_refused_after_it_waited_says_so() {
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
