//! [`Contained`]: a user's value, whose drop is user code.

use std::{
    fmt,
    mem::ManuallyDrop,
    ops::{Deref, DerefMut},
};

use crate::panic::{contain, emit};

/// A user's value, or a value that owns one, which may be dropped on any thread: a panic in its drop is caught and logged.
///
/// It is in this folder because moving the value out in `drop` needs `unsafe`.
#[derive(Clone, Default)]
pub(crate) struct Contained<T>(ManuallyDrop<T>);

impl<T> Contained<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(ManuallyDrop::new(value))
    }

    /// The value, for a caller that contains panics of its drop: usually to call it.
    pub(crate) fn into_inner(self) -> T {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: `this` is not used again, and is not dropped.
        unsafe { ManuallyDrop::take(&mut this.0) }
    }
}

impl<T> Drop for Contained<T> {
    fn drop(&mut self) {
        // SAFETY: this is the value's one drop: `into_inner` forgets `self`.
        let dropped = contain(|| unsafe { ManuallyDrop::drop(&mut self.0) });
        if let Err(panic) = dropped {
            emit!(error, %panic, "a user's value panicked in its drop");
        }
    }
}

impl<T> Deref for Contained<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Contained<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: fmt::Debug> fmt::Debug for Contained<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
        sync::atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    struct Bomb<'a>(&'a AtomicUsize);

    impl Drop for Bomb<'_> {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
            panic!("in a drop");
        }
    }

    #[test]
    fn panic_in_a_drop_is_contained_during_unwinding() {
        let dropped = AtomicUsize::new(0);
        drop(Contained::new(Bomb(&dropped)));
        let unwound = catch_unwind(AssertUnwindSafe(|| {
            let _one = Contained::new(Bomb(&dropped));
            resume_unwind(Box::new("out"));
        }));
        assert!(unwound.is_err());
        assert_eq!(dropped.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn into_inner_does_not_drop_the_value() {
        let dropped = AtomicUsize::new(0);
        let bomb = Contained::new(Bomb(&dropped)).into_inner();
        assert_eq!(dropped.load(Ordering::Relaxed), 0);
        assert!(contain(|| drop(bomb)).is_err());
        assert_eq!((dropped.load(Ordering::Relaxed), Contained::new(7).into_inner()), (1, 7));
    }
}
