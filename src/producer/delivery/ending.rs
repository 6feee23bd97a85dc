//! [`Ending`]: the end of the delivery thread, and those who wait for it: `close`, and the drop of the last handle.
//!
//! Both have a deadline. The delivery thread keeps it: at that moment it gives up what is left. But the same thread runs callbacks and
//! interceptors, and one that blocks holds up everything behind it. So each waiter has its own clock, on a thread of its own where it
//! is a future: if the deadline has passed and no report has come for [`STALLED`], or not the last one for [`LONGEST`], it waits no
//! longer. The delivery thread goes on when the callback returns, reports what is left, and ends by itself.

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
    producer::shared::Shared,
};

/// How long after the deadline the delivery thread may report nothing.
const STALLED: Duration = Duration::from_secs(2);

/// How long after the deadline it may take in all.
const LONGEST: Duration = Duration::from_secs(5);

/// How often to look, after the deadline, how far it has come.
const LOOK: Duration = Duration::from_millis(50);

#[derive(Default)]
pub(in crate::producer) struct Ending {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    has_ended: bool,
    /// Those who wait without a deadline.
    waiting: Vec<oneshot::Sender<bool>>,
}

impl Ending {
    pub(in crate::producer) fn has_ended(&self) -> bool {
        lock(&self.state).has_ended
    }

    /// Tells everybody that the delivery thread has ended.
    pub(in crate::producer) fn end(&self) {
        let waiting = {
            let mut state = lock(&self.state);
            state.has_ended = true;
            std::mem::take(&mut state.waiting)
        };
        self.changed.notify_all();
        // Not under the lock: it wakes tasks, which may close the producer as well.
        for waiting in waiting {
            let _ = answer(waiting, true);
        }
    }

    /// Hears of the end, however long that takes.
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

    /// Blocks until the end, or until `deadline` has passed and the thread gets no further; `progress` changes as long as it does.
    /// Says whether it was the end.
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

impl Shared {
    /// Lets no more records in; those accepted have until `deadline`. `collect`: what is not delivered is kept for `close` to return.
    pub(in crate::producer) fn begin_to_close(&self, client: &Client, deadline: Deadline, collect: bool) {
        lock(&self.closing).begin(deadline, collect);
        self.outstanding.close();
        if !self.outstanding.is_empty() {
            self.flush_helper.close();
        }
        if let Some(transactions) = &self.transactions {
            transactions.close();
        }
        client.wake();
    }

    /// [Begins to close](Self::begin_to_close). The receiver hears `true` at the end, or `false` if user code still holds up the delivery
    /// thread some seconds after the deadline.
    pub(in crate::producer) fn close(
        self: &Arc<Self>,
        client: &Client,
        deadline: Deadline,
        collect: bool,
    ) -> oneshot::Receiver<bool> {
        self.begin_to_close(client, deadline, collect);
        if deadline == Deadline::NEVER || self.ending.has_ended() {
            return self.ending.receiver();
        }
        let (sender, receiver) = oneshot::channel();
        let shared = Arc::clone(self);
        let watch = move || {
            let in_time = shared.wait_for_end(deadline);
            let _ = answer(sender, in_time);
        };
        match thread::Builder::new().name("ottla-close".to_owned()).spawn(watch) {
            Ok(_) => receiver,
            Err(error) => {
                emit!(warn, %error, "no thread to watch the time of a close: it waits for callbacks, however long they take");
                self.ending.receiver()
            }
        }
    }

    /// Blocks until the delivery thread has ended, or until user code has held it up for some seconds after the deadline; says whether it
    /// has ended.
    pub(in crate::producer) fn wait_for_end(&self, deadline: Deadline) -> bool {
        self.ending.wait(deadline, || (self.outstanding.len(), lock(&self.closing).untaken()))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures::FutureExt;

    use super::*;

    #[test]
    fn whoever_waits_hears_of_the_end_before_and_after_it() {
        let ending = Ending::default();
        let before = ending.receiver();
        assert!(!ending.has_ended());
        ending.end();
        assert!(ending.has_ended() && ending.wait(Deadline::NEVER, || 0) && ending.wait(Deadline::after(Duration::ZERO), || 0));
        assert_eq!((before.now_or_never(), ending.receiver().now_or_never()), (Some(Ok(true)), Some(Ok(true))));
    }

    #[test]
    fn a_wait_ends_without_the_thread_if_that_gets_no_further() {
        let ending = Ending::default();
        assert!(!ending.wait(Deadline::after(Duration::ZERO), || 0));
        // Nor does it wait for ever while something is reported now and then.
        let looks = Cell::new(0_usize);
        let progress = || {
            looks.set(looks.get() + 1);
            looks.get()
        };
        assert!(!ending.wait(Deadline::after(Duration::ZERO), progress));
    }
}
