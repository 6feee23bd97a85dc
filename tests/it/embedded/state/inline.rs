//! An executor that runs a task inside `wake`, on the thread of the caller: the worst case for code that calls wakers.

use std::{
    future::Future,
    mem,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use super::user_code::lock;

type Boxed = Pin<Box<dyn Future<Output = ()> + Send>>;

pub(super) struct Task {
    stage: Mutex<Stage>,
    /// The task was woken while it ran.
    again: AtomicBool,
}

enum Stage {
    Waits(Boxed),
    Runs,
    Done,
}

impl Task {
    /// Polls the future until it is pending; then its waker polls it.
    pub(super) fn spawn(future: impl Future<Output = ()> + Send + 'static) -> Arc<Self> {
        let task = Arc::new(Self { stage: Mutex::new(Stage::Waits(Box::pin(future))), again: AtomicBool::new(false) });
        Self::run(&task);
        task
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(&*lock(&self.stage), Stage::Done)
    }

    fn run(this: &Arc<Self>) {
        loop {
            let mut future = {
                let mut stage = lock(&this.stage);
                match mem::replace(&mut *stage, Stage::Runs) {
                    Stage::Waits(future) => future,
                    Stage::Runs => {
                        this.again.store(true, Ordering::SeqCst);
                        return;
                    }
                    Stage::Done => {
                        *stage = Stage::Done;
                        return;
                    }
                }
            };
            let waker = Waker::from(Arc::clone(this));
            let end = End(this);
            let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
            mem::forget(end);
            let mut stage = lock(&this.stage);
            if polled == Poll::Ready(()) {
                *stage = Stage::Done;
                return;
            }
            *stage = Stage::Waits(future);
            drop(stage);
            if !this.again.swap(false, Ordering::SeqCst) {
                return;
            }
        }
    }
}

/// Marks a task as ended if it panics.
struct End<'a>(&'a Task);

impl Drop for End<'_> {
    fn drop(&mut self) {
        *lock(&self.0.stage) = Stage::Done;
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        Self::run(&self);
    }
}
