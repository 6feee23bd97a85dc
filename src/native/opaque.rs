//! [`Opaque`]: a value whose address librdkafka stores and passes to callbacks (rdkafka.h: an "opaque").

use std::{ffi::c_void, fmt, ops::Deref, ptr::NonNull};

/// An owned value on the heap, with a pointer to it in C.
///
/// Moving a `Box` asserts exclusive access to its value, which invalidates all earlier pointers (Stacked Borrows, and LLVM's `noalias`). This
/// type stores the raw pointer, and C gets copies of it, so moving it only moves a pointer. There is no `&mut` to the value, here or in C,
/// as long as this lives.
///
/// The owner drops it only after librdkafka has released the pointer: after `rd_kafka_destroy`, or before any object with the pointer exists.
pub(super) struct Opaque<T>(NonNull<T>);

// SAFETY: it owns its value as a `Box` does, and `T` may go to another thread.
unsafe impl<T: Send> Send for Opaque<T> {}
// SAFETY: it lends its value by shared reference only, and `T` may be shared.
unsafe impl<T: Sync> Sync for Opaque<T> {}

impl<T> Opaque<T> {
    pub(super) fn new(value: T) -> Self {
        Self(NonNull::from(Box::leak(Box::new(value))))
    }

    /// The pointer for C. It is valid for [`from_ptr`](Self::from_ptr) until `self` is dropped.
    pub(super) fn as_ptr(&self) -> *mut c_void {
        self.0.as_ptr().cast()
    }

    /// The value of a pointer that C passes to a callback.
    ///
    /// # Safety
    /// `opaque` came from [`as_ptr`](Self::as_ptr) of an `Opaque` of this type, which is alive for `'a`.
    pub(super) unsafe fn from_ptr<'a>(opaque: *const c_void) -> &'a T
    where
        T: 'a,
    {
        // SAFETY: the caller guarantees that the pointer is that of a live `Opaque<T>`, whose value nobody borrows mutably.
        unsafe { &*opaque.cast::<T>() }
    }
}

impl<T> Deref for Opaque<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the value lives until `drop`, and nobody borrows it mutably.
        unsafe { self.0.as_ref() }
    }
}

impl<T> Drop for Opaque<T> {
    fn drop(&mut self) {
        // SAFETY: `new` made the pointer from a box, and this is its one drop; the owner has ended what C does with the pointer before.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

impl<T: fmt::Debug> fmt::Debug for Opaque<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    use super::*;

    #[test]
    fn pointer_stays_valid_when_the_owner_moves() {
        let opaque = Opaque::new(AtomicU32::new(0));
        let pointer = opaque.as_ptr();
        let moved = Box::new((opaque, 1));
        // SAFETY: the pointer is that of an `Opaque` that this function owns until its end.
        unsafe { Opaque::<AtomicU32>::from_ptr(pointer) }.store(7, Ordering::Relaxed);
        let (opaque, _) = *moved;
        assert_eq!((opaque.load(Ordering::Relaxed), opaque.as_ptr()), (7, pointer));
    }

    #[test]
    fn value_is_dropped_once() {
        let value = Arc::new(());
        let opaque = Opaque::new(Arc::clone(&value));
        assert_eq!(Arc::strong_count(&value), 2);
        drop(opaque);
        assert_eq!(Arc::strong_count(&value), 1);
    }
}
