//! [`Timer`]: `max.block.ms` where the delivery thread does not keep it.
//!
//! The delivery thread ends the wait of a record whose time is over. But it runs callbacks as well, and one that blocks holds it up. So
//! while records wait, a thread of its own looks whether one should have been refused [`LATE`] ago, and refuses it. It is started by the
//! first record that waits, and ends when none has waited for a while.

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
    producer::{core::Core, shared::Shared},
};

/// How much time the delivery thread has to do it itself.
const LATE: Duration = Duration::from_millis(100);

/// How long the thread stays when nothing waits.
const IDLE: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(in crate::producer) struct Timer(Arc<Inner>);

#[derive(Default)]
struct Inner {
    runs: AtomicBool,
    /// Nothing has waited when it last looked: whoever begins to wait rings.
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
    /// Ends the thread, without waiting for it: it may be waking tasks, which is user code.
    pub(in crate::producer) fn end(&self) {
        lock(&self.0.state).has_ended = true;
        self.0.changed.notify_all();
    }
}

impl Core {
    /// Sees to it that a record that has begun to wait does not wait for too long.
    pub(in crate::producer) fn keep_time(&self) {
        let inner = &self.shared.timer.0;
        // After the record has been counted: the thread looks whether anything waits after it has lowered this.
        if inner.runs.load(Ordering::SeqCst) {
            // Or the thread reads the deadline after it has raised this.
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
        let (timer, shared, client) = (Arc::clone(inner), Arc::downgrade(&self.shared), Arc::downgrade(&self.client));
        let spawned = thread::Builder::new().name("ottla-timer".to_owned()).spawn(move || timer.run(&shared, &client));
        if let Err(error) = spawned {
            inner.runs.store(false, Ordering::SeqCst);
            emit!(warn, %error, "no thread to keep max.block.ms: a callback that blocks may delay it");
        }
    }
}

impl Inner {
    fn run(&self, shared: &Weak<Shared>, client: &Weak<Client>) {
        let mut is_idle = false;
        loop {
            let wait = {
                let (Some(shared), Some(client)) = (shared.upgrade(), client.upgrade()) else { return };
                let now = Instant::now();
                if let Some(late) = now.checked_sub(LATE) {
                    survive("the timer", || shared.expire_late(&client, late));
                }
                let was_idle = is_idle;
                is_idle = !shared.anything_waits();
                if is_idle && was_idle {
                    self.runs.store(false, Ordering::SeqCst);
                    // A record that has begun to wait meanwhile has found this running.
                    if !shared.anything_waits() || self.runs.swap(true, Ordering::SeqCst) {
                        return;
                    }
                }
                self.sleeps.store(true, Ordering::SeqCst);
                let deadlines =
                    [shared.buffer_memory.next_deadline(), shared.deferrals.next_deadline(), shared.absent.next_deadline()];
                match deadlines.into_iter().flatten().min() {
                    Some(next) => {
                        // All wait equally long: a later one ends later.
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
