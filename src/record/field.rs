//! [`Field`]: a record's key or value.

use std::{fmt, sync::Arc};

/// A key or a value: borrowed for as long as `send` takes to serialize it, or shared.
///
/// Made by `From` from `&T`, `Arc<T>`, `Box<T>`, and from `String` and `Vec<u8>`.
pub enum Field<'a, T: ?Sized> {
    /// Borrowed until it is serialized.
    Borrowed(&'a T),
    /// Shared, for records that must own what they carry (a [`Sink`](futures::Sink), an interceptor's replacement).
    Shared(Arc<T>),
}

impl<T: ?Sized> Field<'_, T> {
    pub(super) fn get(&self) -> &T {
        match self {
            Self::Borrowed(value) => value,
            Self::Shared(value) => value,
        }
    }
}

impl<T: ?Sized> Clone for Field<'_, T> {
    fn clone(&self) -> Self {
        match self {
            Self::Borrowed(value) => Self::Borrowed(value),
            Self::Shared(value) => Self::Shared(Arc::clone(value)),
        }
    }
}

impl<'a, T: ?Sized> From<&'a T> for Field<'a, T> {
    fn from(value: &'a T) -> Self {
        Self::Borrowed(value)
    }
}

impl<T: ?Sized> From<Arc<T>> for Field<'_, T> {
    fn from(value: Arc<T>) -> Self {
        Self::Shared(value)
    }
}

impl<T: ?Sized> From<Box<T>> for Field<'_, T> {
    fn from(value: Box<T>) -> Self {
        Self::Shared(value.into())
    }
}

impl From<String> for Field<'_, str> {
    fn from(value: String) -> Self {
        Self::Shared(value.into())
    }
}

impl From<Vec<u8>> for Field<'_, [u8]> {
    fn from(value: Vec<u8>) -> Self {
        Self::Shared(value.into())
    }
}

impl<T: ?Sized> fmt::Debug for Field<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Borrowed(_) => "Borrowed(..)",
            Self::Shared(_) => "Shared(..)",
        })
    }
}
