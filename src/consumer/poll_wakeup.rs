//! [`PollWakeup`]: lets the polling thread look up.

use std::{
    sync::{Arc, Mutex, OnceLock, PoisonError},
    thread::{self, Thread, ThreadId},
};

use crate::native::ConsumerClient;

/// Wakes the polling thread, whether it waits for librdkafka or for the program.
#[derive(Debug, Default)]
pub(super) struct PollWakeup {
    thread: OnceLock<Thread>,
    /// `None` before the client is there, and once it is closed.
    client: Mutex<Option<Arc<ConsumerClient>>>,
}

impl PollWakeup {
    /// This is the client whose events the polling thread waits for.
    pub(super) fn attach(&self, client: Arc<ConsumerClient>) {
        *self.client.lock().unwrap_or_else(PoisonError::into_inner) = Some(client);
    }

    pub(super) fn ring(&self) {
        if let Some(client) = &*self.client.lock().unwrap_or_else(PoisonError::into_inner) {
            client.wake();
        }
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    /// This is the thread that is to hear it.
    pub(super) fn hear(&self) {
        let _ = self.thread.set(thread::current());
    }

    /// Whether this is the polling thread.
    pub(super) fn is_here(&self) -> bool {
        let id: Option<ThreadId> = self.thread.get().map(Thread::id);
        id == Some(thread::current().id())
    }

    /// Lets go of the client.
    pub(super) fn silence(&self) {
        let client = self.client.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Dropped where nothing is locked: the last reference waits for librdkafka's threads.
        drop(client);
    }
}
