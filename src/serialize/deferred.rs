//! [`Deferred`]: a value whose serializer has to wait, and what is left to do when the wait is over.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use super::{BoxError, SerializeContext, Serialized};

/// What is left to do of a deferred value: appends it to the buffer, as [`Serializer::serialize`](super::Serializer::serialize) does.
pub type Finish = Box<dyn FnOnce(&mut SerializeContext<'_>, &mut Vec<u8>) -> Result<Serialized, BoxError> + Send>;

/// A value that its serializer cannot write yet, since it waits for the network: a future that ends in what is left to do.
///
/// It owns a form of the value, so that the record that it came from may go. [`Serializer::defer`](super::Serializer::defer) makes it.
/// The producer polls it on its delivery thread, for `max.block.ms` at most, and drops it when the record is withdrawn: neither the
/// future nor what it ends in may block.
pub struct Deferred(Pin<Box<dyn Future<Output = Result<Finish, BoxError>> + Send>>);

impl Deferred {
    /// Takes the future that waits; it ends in what is left to do, or in why the value cannot be serialized.
    pub fn new(waits: impl Future<Output = Result<Finish, BoxError>> + Send + 'static) -> Self {
        Self(Box::pin(waits))
    }
}

impl Future for Deferred {
    type Output = Result<Finish, BoxError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(context)
    }
}

impl fmt::Debug for Deferred {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Deferred(..)")
    }
}
