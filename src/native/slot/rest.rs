//! [`Rest`]: the last eight bytes of a slot, which are one of two things.

use std::mem::ManuallyDrop;

use crate::native::body::Body;

/// A size that is none: of null. A record this large is never kept as sizes.
const NULL: u32 = u32::MAX;

/// The body of a record, or the sizes of its key and value. The slot's label says which: an enum of its own would need eight more bytes.
pub(super) union Rest {
    sizes: [u32; 2],
    body: ManuallyDrop<Box<Body>>,
}

impl Rest {
    pub(super) fn of_sizes(key: Option<u32>, value: Option<u32>) -> Self {
        Self { sizes: [key.unwrap_or(NULL), value.unwrap_or(NULL)] }
    }

    pub(super) fn of_body(body: Box<Body>) -> Self {
        Self { body: ManuallyDrop::new(body) }
    }

    /// # Safety
    /// It is [`of_sizes`](Self::of_sizes).
    pub(super) unsafe fn sizes(&self) -> (Option<u32>, Option<u32>) {
        // SAFETY: the caller vouches for what it is.
        let [key, value] = unsafe { self.sizes };
        ((key != NULL).then_some(key), (value != NULL).then_some(value))
    }

    /// # Safety
    /// It is [`of_body`](Self::of_body).
    pub(super) unsafe fn body(&self) -> &Body {
        // SAFETY: the caller vouches for what it is.
        unsafe { &self.body }
    }

    /// # Safety
    /// It is [`of_body`](Self::of_body).
    pub(super) unsafe fn body_mut(&mut self) -> &mut Body {
        // SAFETY: the caller vouches for what it is.
        unsafe { &mut self.body }
    }

    /// Leaves sizes of null.
    ///
    /// # Safety
    /// It is [`of_body`](Self::of_body).
    pub(super) unsafe fn take_body(&mut self) -> Box<Body> {
        let taken = std::mem::replace(self, Self::of_sizes(None, None));
        // SAFETY: the caller vouches for what it was, and it is here no more.
        ManuallyDrop::into_inner(unsafe { taken.body })
    }
}
