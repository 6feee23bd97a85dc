//! [`PollWakeup`]: wakes the polling thread.

use std::{
    sync::{Arc, Mutex, OnceLock},
    thread::{self, Thread, ThreadId},
};

use crate::{lock::lock, native::ConsumerClient};

/// Wakes the polling thread, whether it waits for librdkafka or for the program.
#[derive(Debug, Default)]
pub(super) struct PollWakeup {
    thread: OnceLock<Thread>,
    /// `None` before the client exists, and after it is closed.
    client: Mutex<Option<Arc<ConsumerClient>>>,
}

impl PollWakeup {
    /// Sets the client whose events the polling thread waits for.
    pub(super) fn attach(&self, client: Arc<ConsumerClient>) {
        *lock(&self.client) = Some(client);
    }

    pub(super) fn wake(&self) {
        if let Some(client) = &*lock(&self.client) {
            client.wake();
        }
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    /// Makes the current thread the polling thread.
    pub(super) fn set_polling_thread(&self) {
        let _ = self.thread.set(thread::current());
    }

    /// Whether the current thread is the polling thread.
    pub(super) fn is_polling_thread(&self) -> bool {
        let id: Option<ThreadId> = self.thread.get().map(Thread::id);
        id == Some(thread::current().id())
    }

    /// Drops the client.
    pub(super) fn detach(&self) {
        let client = lock(&self.client).take();
        // Dropped without a lock, because dropping the last reference waits for librdkafka's threads.
        drop(client);
    }
}
