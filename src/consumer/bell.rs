//! [`Bell`]: lets the polling thread look up.

use std::{
    sync::{Arc, Mutex, OnceLock, PoisonError},
    thread::{self, Thread, ThreadId},
};

use crate::native::ConsumerQueue;

/// Wakes the polling thread, whether it waits for librdkafka or for the program.
#[derive(Debug, Default)]
pub(super) struct Bell {
    thread: OnceLock<Thread>,
    /// `None` before the consumer is there, and once it is closed.
    queue: Mutex<Option<Arc<ConsumerQueue>>>,
}

impl Bell {
    /// This is the queue that the polling thread waits for.
    pub(super) fn attach(&self, queue: Arc<ConsumerQueue>) {
        *self.queue.lock().unwrap_or_else(PoisonError::into_inner) = Some(queue);
    }

    pub(super) fn ring(&self) {
        if let Some(queue) = &*self.queue.lock().unwrap_or_else(PoisonError::into_inner) {
            queue.wake();
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

    /// Lets go of the queue, which must not outlive its consumer.
    pub(super) fn silence(&self) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}
