//! Cooperative yielding of futures that are ready.
//!
//! A task that awaits one ready future after another never returns to its executor, so on a single thread no timer fires and no other task
//! runs. Therefore one in [`EVERY`] ready futures on a thread wakes its task and returns `Pending` once.

use std::{
    cell::Cell,
    task::{Context, Poll},
};

/// One in this many ready futures yields.
pub(crate) const EVERY: u32 = 128;

thread_local! {
    static READY: Cell<u32> = const { Cell::new(0) };
}

/// Called by a future that is ready. `Pending` means: yield now; the task has been woken and the future is still ready.
///
/// It never yields without a task to wake: such a caller polls once to see whether the future is ready (`now_or_never`).
pub(crate) fn poll_proceed(context: &Context<'_>) -> Poll<()> {
    // While a thread ends, its thread-local is gone.
    let count = READY.try_with(|ready| ready.replace(ready.get() + 1)).unwrap_or_default() + 1;
    if count < EVERY {
        return Poll::Ready(());
    }
    let _ = READY.try_with(|ready| ready.set(0));
    let waker = context.waker();
    // The data pointer of a task's waker is not null. The no-op wakers of std and futures have a null pointer. `will_wake` cannot
    // recognise them, because the address of their vtable may differ between codegen units.
    if waker.data().is_null() {
        return Poll::Ready(());
    }
    waker.wake_by_ref();
    Poll::Pending
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicU32, Ordering},
        },
        task::Waker,
    };

    use futures::task::{ArcWake, noop_waker_ref, waker};

    use super::*;

    #[derive(Default)]
    struct Wakes(AtomicU32);

    impl ArcWake for Wakes {
        fn wake_by_ref(this: &Arc<Self>) {
            this.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn one_in_every_ready_polls_yields_and_wakes_its_task() {
        let wakes = Arc::new(Wakes::default());
        let waker = waker(Arc::clone(&wakes));
        let context = Context::from_waker(&waker);
        let pending = (0..10 * EVERY).filter(|_| poll_proceed(&context).is_pending()).count();
        assert_eq!((pending, wakes.0.load(Ordering::Relaxed)), (10, 10));
    }

    #[test]
    fn now_or_never_never_yields() {
        for waker in [Waker::noop(), noop_waker_ref()] {
            let context = Context::from_waker(waker);
            assert!((0..10 * EVERY).all(|_| poll_proceed(&context).is_ready()));
        }
    }
}
