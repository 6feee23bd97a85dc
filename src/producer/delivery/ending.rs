//! [`Ending`]: waiting for the end of the delivery thread, in `close` and in the drop of the last handle.
//!
//! Both have a deadline, at which the delivery thread gives up the remaining records. But the delivery thread also runs callbacks and
//! interceptors, which may block. So each waiter has its own clock, for a future on a thread of its own. After the deadline it stops waiting when
//! no report has come for [`STALLED`], or at the latest after [`LONGEST`]. When the callback returns, the delivery thread reports the rest and
//! ends.

use std::{
    sync::{Arc, Condvar, Mutex},
    thread,
    time::{Duration, Instant},
};

use futures::channel::oneshot;

use crate::{
    deadline::Deadline,
    lock::{lock, unpoisoned},
    native::Client,
    panic::{answer, emit},
    producer::producer_state::ProducerState,
};

/// The longest time without a report, after the deadline.
const STALLED: Duration = Duration::from_secs(2);

/// The longest time in total, after the deadline.
const LONGEST: Duration = Duration::from_secs(5);

/// The interval of checks for progress, after the deadline.
const LOOK: Duration = Duration::from_millis(50);

#[derive(Default)]
pub(in crate::producer) struct Ending {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    has_ended: bool,
    /// The waiters without a deadline.
    waiting: Vec<oneshot::Sender<bool>>,
}

impl Ending {
    pub(in crate::producer) fn has_ended(&self) -> bool {
        lock(&self.state).has_ended
    }

    /// Completes all waiters: the delivery thread has ended.
    pub(in crate::producer) fn end(&self) {
        let waiting = {
            let mut state = lock(&self.state);
            state.has_ended = true;
            std::mem::take(&mut state.waiting)
        };
        self.changed.notify_all();
        // Without the lock: this wakes tasks, which may close the producer too.
        for waiting in waiting {
            let _ = answer(waiting, true);
        }
    }

    /// A receiver for the end, without a deadline.
    fn receiver(&self) -> oneshot::Receiver<bool> {
        let (sender, receiver) = oneshot::channel();
        let mut state = lock(&self.state);
        if state.has_ended {
            drop(state);
            let _ = answer(sender, true);
        } else {
            state.waiting.push(sender);
        }
        receiver
    }

    /// Blocks until the end, or until `deadline` has passed without further progress. `progress` changes as long as there is progress.
    /// Returns whether the thread has ended.
    fn wait<P: PartialEq>(&self, deadline: Deadline, progress: impl Fn() -> P) -> bool {
        let mut state = lock(&self.state);
        loop {
            if state.has_ended {
                return true;
            }
            let left = deadline.left(Instant::now());
            if left.is_zero() {
                break;
            }
            state = unpoisoned(self.changed.wait_timeout(state, left)).0;
        }
        drop(state);
        let begun = Instant::now();
        let (mut seen, mut since) = (progress(), begun);
        loop {
            let now = Instant::now();
            let current = progress();
            if current != seen {
                (seen, since) = (current, now);
            }
            let state = lock(&self.state);
            if state.has_ended {
                return true;
            }
            if now.saturating_duration_since(since) >= STALLED || now.saturating_duration_since(begun) >= LONGEST {
                return false;
            }
            drop(unpoisoned(self.changed.wait_timeout(state, LOOK)));
        }
    }
}

impl ProducerState {
    /// Rejects further records. Accepted ones are delivered until `deadline`. With `collect`, undelivered records are kept for `close`.
    pub(in crate::producer) fn begin_to_close(&self, client: &Client, deadline: Deadline, collect: bool) {
        lock(&self.delivery.closing).begin(deadline, collect);
        self.admission.outstanding.close();
        if !self.admission.outstanding.is_empty() {
            self.delivery.flush_helper.close();
        }
        if let Some(transactions) = &self.transactions {
            transactions.close();
        }
        client.wake();
    }

    /// [Begins to close](Self::begin_to_close). The receiver gets `true` at the end, or `false` if user code still blocks the delivery thread
    /// some seconds after the deadline.
    pub(in crate::producer) fn close(
        self: &Arc<Self>,
        client: &Client,
        deadline: Deadline,
        collect: bool,
    ) -> oneshot::Receiver<bool> {
        self.begin_to_close(client, deadline, collect);
        if deadline == Deadline::NEVER || self.delivery.ending.has_ended() {
            return self.delivery.ending.receiver();
        }
        let (sender, receiver) = oneshot::channel();
        let state = Arc::clone(self);
        let watch = move || {
            let in_time = state.wait_for_end(deadline);
            let _ = answer(sender, in_time);
        };
        match thread::Builder::new().name("ottla-close".to_owned()).spawn(watch) {
            Ok(_) => receiver,
            Err(error) => {
                emit!(warn, %error, "could not start the thread for the timeout of close: it waits for callbacks without a limit");
                self.delivery.ending.receiver()
            }
        }
    }

    /// Blocks until the delivery thread has ended, or until user code has blocked it for some seconds after the deadline. Returns whether it
    /// has ended.
    pub(in crate::producer) fn wait_for_end(&self, deadline: Deadline) -> bool {
        self.delivery.ending.wait(deadline, || (self.admission.outstanding.len(), lock(&self.delivery.closing).untaken()))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures::FutureExt;

    use super::*;

    #[test]
    fn waiters_before_and_after_the_end_are_completed() {
        let ending = Ending::default();
        let before = ending.receiver();
        assert!(!ending.has_ended());
        ending.end();
        assert!(ending.has_ended() && ending.wait(Deadline::NEVER, || 0) && ending.wait(Deadline::after(Duration::ZERO), || 0));
        assert_eq!((before.now_or_never(), ending.receiver().now_or_never()), (Some(Ok(true)), Some(Ok(true))));
    }

    #[test]
    fn a_wait_ends_without_progress_or_after_the_longest_time() {
        let ending = Ending::default();
        assert!(!ending.wait(Deadline::after(Duration::ZERO), || 0));
        // It also ends while there is progress.
        let looks = Cell::new(0_usize);
        let progress = || {
            looks.set(looks.get() + 1);
            looks.get()
        };
        assert!(!ending.wait(Deadline::after(Duration::ZERO), progress));
    }
}
