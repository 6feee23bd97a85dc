//! [`ForkGuard`]: whether a value was created in this process, or before `fork` in its parent.
//!
//! A forked process has its parent's memory, but only the thread that called `fork`. librdkafka does not support that: nothing that is queued
//! is sent in the child, a wait for a thread never ends, and a mutex held by another thread stays locked. So the child must not use anything
//! that was created before the fork. The check is made for each record; it loads a word that hardly ever changes.

#[cfg(unix)]
use std::{
    ffi::c_int,
    sync::{
        Once,
        atomic::{AtomicUsize, Ordering},
    },
};

/// The number of forks between the start of the program and this process, as far as they were counted.
#[cfg(unix)]
static FORKS: AtomicUsize = AtomicUsize::new(0);

/// The process in which a value was created.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ForkGuard(#[cfg(unix)] usize);

#[cfg(unix)]
impl ForkGuard {
    pub(crate) fn current() -> Self {
        static COUNTS: Once = Once::new();
        COUNTS.call_once(|| {
            // SAFETY: the function is static, and does only what is allowed in a child after fork. If there is no memory to
            // register it, forks are not noticed.
            unsafe { pthread_atfork(None, None, Some(forked)) };
        });
        Self(FORKS.load(Ordering::Relaxed))
    }

    /// Whether this process is a fork of the one in which the value was created.
    pub(crate) fn is_left(self) -> bool {
        FORKS.load(Ordering::Relaxed) != self.0
    }
}

#[cfg(not(unix))]
impl ForkGuard {
    pub(crate) fn current() -> Self {
        Self()
    }

    /// This platform has no forks.
    pub(crate) fn is_left(self) -> bool {
        false
    }
}

/// Makes this process look like a fork to everything that was created before.
#[cfg(all(unix, test, feature = "testing"))]
pub(crate) fn simulate_fork() {
    forked();
}

/// `fork` calls it in the child. It cannot panic.
#[cfg(unix)]
extern "C" fn forked() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

#[cfg(unix)]
type Handler = extern "C" fn();

#[cfg(unix)]
unsafe extern "C" {
    fn pthread_atfork(prepare: Option<Handler>, parent: Option<Handler>, child: Option<Handler>) -> c_int;
}
