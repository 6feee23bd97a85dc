//! [`Timer`]: `max.block.ms` where the delivery thread does not keep it.
//!
//! The delivery thread ends the wait of a record whose time is over. But it runs callbacks as well, and one that blocks holds it up. So
//! while records wait, a thread of its own looks whether one should have been refused [`LATE`] ago, and refuses it. It is started by the
//! first record that waits, and ends when none has waited for a while.

use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::{core::Core, shared::Shared};
use crate::{
    native::Client,
    panic::{emit, survive},
};

/// How much time the delivery thread has to do it itself.
const LATE: Duration = Duration::from_millis(100);

/// How long the thread stays when nothing waits.
const IDLE: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(super) struct Timer(Arc<Inner>);

#[derive(Default)]
struct Inner {
    runs: AtomicBool,
    has_ended: Mutex<bool>,
    changed: Condvar,
}

impl Timer {
    /// Ends the thread, without waiting for it: it may be waking tasks, which is user code.
    pub(super) fn end(&self) {
        *self.0.lock() = true;
        self.0.changed.notify_all();
    }
}

impl Core {
    /// Sees to it that a record that has begun to wait does not wait for too long.
    pub(super) fn keep_time(&self) {
        let inner = &self.shared.timer.0;
        // After the record has been counted: the thread looks whether anything waits after it has lowered this.
        if inner.runs.load(Ordering::SeqCst) {
            return;
        }
        let has_ended = inner.lock();
        if *has_ended || inner.runs.swap(true, Ordering::SeqCst) {
            return;
        }
        drop(has_ended);
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
                let deadlines = [shared.room.next_deadline(), shared.deferrals.next_deadline()];
                deadlines.into_iter().flatten().min().map_or(IDLE, |next| next.saturating_duration_since(now) + LATE)
            };
            let has_ended = self.lock();
            if *has_ended {
                return;
            }
            drop(self.changed.wait_timeout(has_ended, wait).unwrap_or_else(PoisonError::into_inner));
        }
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.has_ended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
