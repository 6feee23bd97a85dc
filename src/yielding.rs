//! How often a future that is ready lets other tasks run first.
//!
//! A task that awaits one ready future after the other never returns to its executor: on a single thread no timer fires and no other task
//! runs meanwhile. So every [`EVERY`]th future that a thread finds ready wakes its task and is pending once.

use std::{
    cell::Cell,
    task::{Context, Poll},
};

/// Of so many ready futures in a row, one lets other tasks run first.
pub(crate) const EVERY: u32 = 128;

thread_local! {
    static READY: Cell<u32> = const { Cell::new(0) };
}

/// Asked by a future that is ready. Pending: its task is woken already, and the future is ready still.
///
/// A caller that has no task to be woken is not put off: it polls once, to see whether the future is ready.
pub(crate) fn poll_proceed(context: &Context<'_>) -> Poll<()> {
    // A thread that ends has no count any more.
    let count = READY.try_with(|ready| ready.replace(ready.get() + 1)).unwrap_or_default() + 1;
    if count < EVERY {
        return Poll::Ready(());
    }
    let _ = READY.try_with(|ready| ready.set(0));
    let waker = context.waker();
    // The waker of a task points to it. Those that wake nothing, of std and of futures, point nowhere; their tables of functions may differ from
    // one place in the program to another, so that `will_wake` does not know them.
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
    fn every_so_often_a_ready_future_is_pending_once_and_wakes_its_task() {
        let wakes = Arc::new(Wakes::default());
        let waker = waker(Arc::clone(&wakes));
        let context = Context::from_waker(&waker);
        let pending = (0..10 * EVERY).filter(|_| poll_proceed(&context).is_pending()).count();
        assert_eq!((pending, wakes.0.load(Ordering::Relaxed)), (10, 10));
    }

    #[test]
    fn who_only_looks_is_never_put_off() {
        for waker in [Waker::noop(), noop_waker_ref()] {
            let context = Context::from_waker(waker);
            assert!((0..10 * EVERY).all(|_| poll_proceed(&context).is_ready()));
        }
    }
}
