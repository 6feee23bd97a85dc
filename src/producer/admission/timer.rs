//! [`Timer`]: enforces `max.block.ms` while a callback blocks the delivery thread.
//!
//! The delivery thread rejects records that have waited for `max.block.ms`, but it also runs callbacks, which may block. So while records wait,
//! a separate thread rejects those that are overdue by [`LATE`]. The first waiting record starts the thread, which exits when idle.

use std::{
    sync::{
        Arc, Condvar, Mutex, Weak,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{
    lock::{lock, unpoisoned},
    native::Client,
    panic::{emit, survive},
    producer::{producer_state::ProducerState, untyped_producer::UntypedProducer},
};

/// The time that the delivery thread has to reject an expired record itself.
const LATE: Duration = Duration::from_millis(100);

/// How long the thread stays without waiting records.
const IDLE: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(in crate::producer) struct Timer(Arc<Inner>);

#[derive(Default)]
struct Inner {
    runs: AtomicBool,
    /// No record waited at the last check, so the next record that waits must wake the thread.
    sleeps: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    has_ended: bool,
    is_rung: bool,
}

impl Timer {
    /// Ends the thread without joining it, since it may run wakers, which are user code.
    pub(in crate::producer) fn end(&self) {
        lock(&self.0.state).has_ended = true;
        self.0.changed.notify_all();
    }
}

impl UntypedProducer {
    /// Starts or wakes the thread for a record that begins to wait.
    pub(in crate::producer) fn keep_time(&self) {
        let inner = &self.state.admission.timer.0;
        // Read after the record was counted. The thread clears `runs` before it checks for waiting records.
        if inner.runs.load(Ordering::SeqCst) {
            // Otherwise the thread reads the deadline after it has set `sleeps`.
            if inner.sleeps.swap(false, Ordering::SeqCst) {
                lock(&inner.state).is_rung = true;
                inner.changed.notify_all();
            }
            return;
        }
        let state = lock(&inner.state);
        if state.has_ended || inner.runs.swap(true, Ordering::SeqCst) {
            return;
        }
        drop(state);
        let (timer, state, client) = (Arc::clone(inner), Arc::downgrade(&self.state), Arc::downgrade(&self.client));
        let spawned = thread::Builder::new().name("ottla-timer".to_owned()).spawn(move || timer.run(&state, &client));
        if let Err(error) = spawned {
            inner.runs.store(false, Ordering::SeqCst);
            emit!(warn, %error, "could not start the thread for max.block.ms: a blocking callback may delay timeouts");
        }
    }
}

impl Inner {
    fn run(&self, state: &Weak<ProducerState>, client: &Weak<Client>) {
        let mut is_idle = false;
        loop {
            let wait = {
                let (Some(state), Some(client)) = (state.upgrade(), client.upgrade()) else { return };
                let now = Instant::now();
                if let Some(late) = now.checked_sub(LATE) {
                    survive("the timer", || state.expire_late(&client, late));
                }
                let was_idle = is_idle;
                is_idle = !state.anything_waits();
                if is_idle && was_idle {
                    self.runs.store(false, Ordering::SeqCst);
                    // A record that began to wait meanwhile has seen `runs` as true.
                    if !state.anything_waits() || self.runs.swap(true, Ordering::SeqCst) {
                        return;
                    }
                }
                self.sleeps.store(true, Ordering::SeqCst);
                let deadlines = [
                    state.admission.buffer_memory.next_deadline(),
                    state.admission.deferrals.next_deadline(),
                    state.metadata.absent.next_deadline(),
                ];
                match deadlines.into_iter().flatten().min() {
                    Some(next) => {
                        // All records wait for the same time, so later ones expire later.
                        self.sleeps.store(false, Ordering::SeqCst);
                        next.saturating_duration_since(now) + LATE
                    }
                    None => IDLE,
                }
            };
            let mut state = lock(&self.state);
            if !state.is_rung && !state.has_ended {
                state = unpoisoned(self.changed.wait_timeout(state, wait)).0;
            }
            if state.has_ended {
                return;
            }
            state.is_rung = false;
        }
    }
}
