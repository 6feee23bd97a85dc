//! [`ResponseFuture`]: the future of a registry's response.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use futures::future::{BoxFuture, FutureExt, ready};

use super::RegistryError;
use crate::block_on::block_on;

/// The future of a request to a registry. The request is sent whether or not the future is awaited, and dropping it does not cancel the request.
#[must_use = "the request may fail: await the answer, or call `wait`"]
pub struct ResponseFuture<T>(BoxFuture<'static, Result<T, RegistryError>>);

impl<T: Send + 'static> ResponseFuture<T> {
    pub(super) fn new(answer: impl Future<Output = Result<T, RegistryError>> + Send + 'static) -> Self {
        Self(answer.boxed())
    }

    pub(super) fn known(answer: Result<T, RegistryError>) -> Self {
        Self(ready(answer).boxed())
    }

    /// Blocks until the request has succeeded or failed.
    ///
    /// # Errors
    /// The same as the future's.
    pub fn wait(self) -> Result<T, RegistryError> {
        block_on(self.0)
    }
}

impl<T> Future for ResponseFuture<T> {
    type Output = Result<T, RegistryError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(context)
    }
}

impl<T> fmt::Debug for ResponseFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseFuture(..)")
    }
}
