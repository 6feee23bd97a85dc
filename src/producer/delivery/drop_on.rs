//! [`DropOn`]: where the drop of the last handle waits for what was accepted.
//!
//! The delivery thread finishes by itself. Somebody has to wait for it anyway: a process that ends takes the thread and its
//! records with it. The thread that drops the handle waits, unless the program names another place.

use std::{fmt, sync::Arc};

use super::closing;
use crate::{
    deadline::Deadline,
    native::Contained,
    panic::{contain, emit},
    producer::producer_state::ProducerState,
};

type Hook = dyn Fn(Box<dyn FnOnce() + Send>) + Send + Sync;

#[derive(Clone, Default)]
pub(in crate::producer) enum DropOn {
    /// A task of the tokio runtime that the handle is dropped in, if there is one and the feature `tokio` is on; else this thread.
    #[default]
    Context,
    /// What the program gave the builder.
    Hook(Arc<Contained<Box<Hook>>>),
}

impl DropOn {
    pub(in crate::producer) fn hook(hook: impl Fn(Box<dyn FnOnce() + Send>) + Send + Sync + 'static) -> Self {
        Self::Hook(Arc::new(Contained::new(Box::new(hook))))
    }

    /// Waits for the rest here, or has it waited for elsewhere.
    pub(in crate::producer) fn wait(&self, rest: Remainder) {
        match self {
            Self::Hook(hook) => {
                if let Err(panic) = contain(|| hook(Box::new(move || drop(rest)))) {
                    emit!(error, %panic, "the drop_on of a producer panicked");
                }
            }
            #[cfg(feature = "tokio")]
            Self::Context => match tokio::runtime::Handle::try_current() {
                // A runtime waits for its blocking tasks when it is dropped. One that is being dropped drops the task, which then waits.
                Ok(runtime) if !rest.is_over() => drop(runtime.spawn_blocking(move || drop(rest))),
                _ => drop(rest),
            },
            #[cfg(not(feature = "tokio"))]
            Self::Context => drop(rest),
        }
    }
}

impl fmt::Debug for DropOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Context => "Context",
            Self::Hook(_) => "Hook(..)",
        })
    }
}

/// What is left to do for a producer whose last handle is gone. Dropping it does that: waits for the end until the deadline, and says how
/// many records are not reported then. So it is done even if the one that it was given to drops it.
pub(in crate::producer) struct Remainder {
    state: Arc<ProducerState>,
    deadline: Deadline,
}

impl Remainder {
    pub(in crate::producer) fn new(state: Arc<ProducerState>, deadline: Deadline) -> Self {
        Self { state, deadline }
    }

    #[cfg(feature = "tokio")]
    fn is_over(&self) -> bool {
        self.state.delivery.ending.has_ended()
    }
}

impl Drop for Remainder {
    fn drop(&mut self) {
        let unreported = if self.state.wait_for_end(self.deadline) { 0 } else { self.state.admission.outstanding.len() };
        if unreported > 0 {
            closing::tell_unreported(unreported);
        }
    }
}
