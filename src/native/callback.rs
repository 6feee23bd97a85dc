//! [`Callback`]: the receiver of one report.

use std::{
    marker::PhantomData,
    mem::{ManuallyDrop, MaybeUninit},
};

use super::{outcome::Outcome, record_view::RecordView};

/// The place for a closure: an `Arc` and a number fit into it.
type Place = MaybeUninit<[usize; 2]>;

/// A closure that is called with a record's report. One that captures at most two words is stored in place, and so in the slot of its record:
/// it needs no allocation, which the delivery thread would free on another core.
pub(crate) struct Callback {
    closure: Place,
    functions: &'static Functions,
}

/// A closure that does not fit.
type Boxed = Box<dyn FnOnce(&RecordView<'_>, &Outcome) + Send>;

/// What can be done once with a closure in its place.
struct Functions {
    call: unsafe fn(&mut Place, &RecordView<'_>, &Outcome),
    drop: unsafe fn(&mut Place),
}

/// The functions for closures of the type `F`.
struct Of<F>(PhantomData<F>);

impl<F: FnOnce(&RecordView<'_>, &Outcome) + Send + 'static> Of<F> {
    const FITS: bool = size_of::<F>() <= size_of::<Place>() && align_of::<F>() <= align_of::<Place>();
    const FUNCTIONS: Functions = Functions { call: Self::call, drop: Self::drop };

    /// # Safety
    /// The place has a closure of this type, which is not used afterwards.
    unsafe fn call(place: &mut Place, view: &RecordView<'_>, outcome: &Outcome) {
        // SAFETY: the caller guarantees a closure of this type, and that this takes it out once.
        let closure = unsafe { place.as_mut_ptr().cast::<F>().read() };
        closure(view, outcome);
    }

    /// # Safety
    /// The place has a closure of this type, which is not used afterwards.
    unsafe fn drop(place: &mut Place) {
        // SAFETY: the caller guarantees a closure of this type, and that this drops it once.
        unsafe { place.as_mut_ptr().cast::<F>().drop_in_place() };
    }
}

impl Callback {
    pub(crate) fn new<F: FnOnce(&RecordView<'_>, &Outcome) + Send + 'static>(closure: F) -> Self {
        if Of::<F>::FITS {
            // SAFETY: it fits.
            return unsafe { Self::in_place(closure) };
        }
        let closure: Boxed = Box::new(closure);
        const { assert!(Of::<Boxed>::FITS) };
        // SAFETY: a box fits, as asserted.
        unsafe { Self::in_place(closure) }
    }

    /// # Safety
    /// The closure fits into its place.
    unsafe fn in_place<F: FnOnce(&RecordView<'_>, &Outcome) + Send + 'static>(closure: F) -> Self {
        let mut place = Place::uninit();
        // SAFETY: the caller guarantees that the closure fits, in size and alignment.
        unsafe { place.as_mut_ptr().cast::<F>().write(closure) };
        Self { closure: place, functions: &Of::<F>::FUNCTIONS }
    }

    pub(crate) fn call(self, view: &RecordView<'_>, outcome: &Outcome) {
        let mut this = ManuallyDrop::new(self);
        let functions = this.functions;
        // SAFETY: `in_place` has stored a closure of this type, and it is neither called again nor dropped.
        unsafe { (functions.call)(&mut this.closure, view, outcome) };
    }
}

impl Drop for Callback {
    fn drop(&mut self) {
        // SAFETY: `in_place` has stored a closure of this type, `call` has not been called, and this is the one drop.
        unsafe { (self.functions.drop)(&mut self.closure) };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    /// A callback that adds the sum of some numbers.
    fn adding<const N: usize>(sum: &Arc<AtomicUsize>, numbers: [usize; N]) -> Callback {
        let sum = Arc::clone(sum);
        Callback::new(move |_, _| {
            sum.fetch_add(numbers.iter().sum(), Ordering::Relaxed);
        })
    }

    #[test]
    fn callbacks_of_each_size_are_called_or_dropped_once() {
        let sum = Arc::new(AtomicUsize::new(0));
        let callbacks = || [adding(&sum, []), adding(&sum, [1]), adding(&sum, [1, 1]), adding(&sum, [1; 100])];
        drop(callbacks());
        assert_eq!((sum.load(Ordering::Relaxed), Arc::strong_count(&sum)), (0, 1));
        let view = RecordView::new(None, None, None, None);
        callbacks().into_iter().for_each(|callback| callback.call(&view, &Outcome::default()));
        assert_eq!((sum.load(Ordering::Relaxed), Arc::strong_count(&sum)), (103, 1));
    }

    #[test]
    fn a_callback_may_need_more_alignment_than_its_place() {
        #[repr(align(64))]
        struct Aligned(Arc<AtomicUsize>);
        let sum = Arc::new(AtomicUsize::new(0));
        let aligned = Aligned(Arc::clone(&sum));
        let callback = Callback::new(move |_, _| {
            let aligned = &aligned;
            assert_eq!((&raw const *aligned).addr() % 64, 0);
            aligned.0.fetch_add(1, Ordering::Relaxed);
        });
        callback.call(&RecordView::new(None, None, None, None), &Outcome::default());
        assert_eq!((sum.load(Ordering::Relaxed), Arc::strong_count(&sum)), (1, 1));
    }
}
