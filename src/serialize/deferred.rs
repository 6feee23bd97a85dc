//! [`Deferred`]: a value whose serializer has to wait.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use super::{BoxError, SerializeContext, Serialized};
use crate::native::Contained;

/// Completes a deferred value: appends it to the buffer, as [`Serializer::serialize`](super::Serializer::serialize) does.
pub type Finish = Box<dyn FnOnce(&mut SerializeContext<'_>, &mut Vec<u8>) -> Result<Serialized, BoxError> + Send>;

type Waits = Pin<Box<dyn Future<Output = Result<Finish, BoxError>> + Send>>;

/// A value that cannot be serialized yet because its serializer waits for the network. It is a future that resolves to a [`Finish`].
///
/// It owns a copy of the value, so the record need not outlive it. [`Serializer::defer`](super::Serializer::defer) returns it. The producer
/// polls it on its delivery thread, for `max.block.ms` at most, and drops it if the record is withdrawn. Neither the future nor its
/// `Finish` may block.
pub struct Deferred {
    /// User code, which the delivery thread may drop.
    waits: Contained<Waits>,
    what: Option<String>,
    held: usize,
}

impl Deferred {
    /// Wraps the future that waits. It resolves to the function that completes the value, or to the reason why it cannot be serialized.
    pub fn new(waits: impl Future<Output = Result<Finish, BoxError>> + Send + 'static) -> Self {
        let held = size_of_val(&waits);
        Self { waits: Contained::new(Box::pin(waits)), what: None, held }
    }

    /// Sets the heap memory that the value occupies while it waits, in bytes, besides the future itself. It counts against `buffer.memory`
    /// until the value is serialized; then the serialized size does.
    ///
    /// Defaults to 0. `buffer.memory` does not limit memory that is not declared here.
    #[must_use]
    pub fn heap_size(mut self, bytes: usize) -> Self {
        self.held = self.held.saturating_add(bytes);
        self
    }

    /// Sets what is waited for, such as "the schema of subject orders-value". The error of a record that times out shows it.
    #[must_use]
    pub fn description(mut self, what: impl Into<String>) -> Self {
        self.what = Some(what.into());
        self
    }

    /// The memory that the value occupies while it waits, in bytes.
    pub(crate) fn held(&self) -> usize {
        self.held
    }

    /// What it waits for, for error messages.
    pub(crate) fn what(&self) -> &str {
        self.what.as_deref().unwrap_or("what its serializer waits for")
    }
}

impl Future for Deferred {
    type Output = Result<Finish, BoxError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.waits.as_mut().poll(context)
    }
}

impl fmt::Debug for Deferred {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deferred").field("what", &self.what).finish_non_exhaustive()
    }
}
