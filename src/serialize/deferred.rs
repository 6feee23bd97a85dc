//! [`Deferred`]: a value whose serializer has to wait, and what is left to do when the wait is over.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use super::{BoxError, SerializeContext, Serialized};
use crate::native::Contained;

/// What is left to do of a deferred value: appends it to the buffer, as [`Serializer::serialize`](super::Serializer::serialize) does.
pub type Finish = Box<dyn FnOnce(&mut SerializeContext<'_>, &mut Vec<u8>) -> Result<Serialized, BoxError> + Send>;

type Waits = Pin<Box<dyn Future<Output = Result<Finish, BoxError>> + Send>>;

/// A value that its serializer cannot write yet, since it waits for the network: a future that ends in what is left to do.
///
/// It owns a form of the value, so that the record that it came from may go. [`Serializer::defer`](super::Serializer::defer) makes it.
/// The producer polls it on its delivery thread, for `max.block.ms` at most, and drops it when the record is withdrawn: neither the
/// future nor what it ends in may block.
pub struct Deferred {
    /// The delivery thread may drop it.
    waits: Contained<Waits>,
    what: Option<String>,
    held: usize,
}

impl Deferred {
    /// Takes the future that waits; it ends in what is left to do, or in why the value cannot be serialized.
    pub fn new(waits: impl Future<Output = Result<Finish, BoxError>> + Send + 'static) -> Self {
        let held = size_of_val(&waits);
        Self { waits: Contained::new(Box::pin(waits)), what: None, held }
    }

    /// Says how many bytes the value keeps in memory while it waits, beside the future itself: what it owns on the heap. They count in
    /// `buffer.memory` until it is serialized, and then its serialized size does.
    ///
    /// Defaults to 0. A value that keeps much and does not say so is not bounded by `buffer.memory` while it waits.
    #[must_use]
    pub fn holding(mut self, bytes: usize) -> Self {
        self.held = self.held.saturating_add(bytes);
        self
    }

    /// Says what is waited for, such as "the schema of subject orders-value", for the error of a record that has waited too long.
    #[must_use]
    pub fn waiting_for(mut self, what: impl Into<String>) -> Self {
        self.what = Some(what.into());
        self
    }

    /// What it keeps in memory, in bytes.
    pub(crate) fn held(&self) -> usize {
        self.held
    }

    /// What is waited for.
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
