//! [`ForkGuard`]: whether something was made in this process, or in one that this one was forked from.
//!
//! A fork has its parent's memory, and of its threads the one that forked. librdkafka does not provide for that: nothing that is queued
//! is ever sent in the child, what waits for a thread waits for ever, and a mutex that another thread held stays locked. So what was
//! made before the fork is left alone after it. Asking is a load of a word that hardly ever changes: there is one for every record.

#[cfg(unix)]
use std::{
    ffi::c_int,
    sync::{
        Once,
        atomic::{AtomicUsize, Ordering},
    },
};

/// How many forks lie between this process and the one that the program began as, as far as somebody wanted to know.
#[cfg(unix)]
static FORKS: AtomicUsize = AtomicUsize::new(0);

/// The process in which this was made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ForkGuard(#[cfg(unix)] usize);

#[cfg(unix)]
impl ForkGuard {
    pub(crate) fn current() -> Self {
        static COUNTS: Once = Once::new();
        COUNTS.call_once(|| {
            // SAFETY: a function that lives as long as the program, and does in a child what is allowed there. If there is no memory to
            // take note of it no fork is noticed, as before.
            unsafe { pthread_atfork(None, None, Some(forked)) };
        });
        Self(FORKS.load(Ordering::Relaxed))
    }

    /// Whether this is a fork of the process in which it was made.
    pub(crate) fn is_left(self) -> bool {
        FORKS.load(Ordering::Relaxed) != self.0
    }
}

#[cfg(not(unix))]
impl ForkGuard {
    pub(crate) fn current() -> Self {
        Self()
    }

    /// There are no forks.
    pub(crate) fn is_left(self) -> bool {
        false
    }
}

/// Makes everything that was made before look as if this process was forked from the one that made it.
#[cfg(all(unix, test, feature = "testing"))]
pub(crate) fn simulate_fork() {
    forked();
}

/// Called by `fork` in the child. It cannot panic.
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
