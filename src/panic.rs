//! The barrier around user code: it may panic wherever it runs, and a panic ends where the code was called.
//!
//! User code is more than serializers, partitioners, interceptors and callbacks. A value of the user's runs code when it is dropped:
//! what a callback has captured, an error, a future. So does a waker, when it is woken, cloned or dropped, and so does a subscriber of
//! `tracing`. On a thread of this layer each of them goes through one of these:
//!
//! | user code | barrier |
//! |---|---|
//! | a call | [`contain`] |
//! | a value that is kept for a while | [`Contained`](crate::native::Contained), which contains the drop |
//! | a value that goes now | [`release`] |
//! | a waker | [`wake`], [`release`], and [`TaskWaker`] to keep one |
//! | the other end of a oneshot channel | [`answer`] |
//! | an event of `tracing` | [`emit!`] |
//!
//! None of these may be called while a lock is held: the code may call back into the producer. [`survive`] is for code of this layer.

use std::{
    any::Any,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Mutex, MutexGuard, PoisonError},
    task::Waker,
};

use futures::channel::oneshot;

/// Emits an event of `tracing` (`emit!(warn, code, "..")`): its subscriber is user code, and a panic in it ends here.
macro_rules! emit {
    ($level:ident, $($event:tt)+) => {{
        let _ = $crate::panic::contain(|| tracing::$level!($($event)+));
    }};
}
pub(crate) use emit;

/// Runs `code`; a panic comes back as its message.
///
/// What the code left half done is dropped or overwritten by the callers: hence the assertion of unwind safety.
pub(crate) fn contain<R>(code: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(code)).map_err(|payload| {
        let message = message(&*payload);
        discard(payload);
        message
    })
}

/// Runs code of this layer, which panics only if it has a bug: the bug is logged, and the thread goes on with what comes next. `None`
/// after a panic.
pub(crate) fn survive<R>(what: &'static str, code: impl FnOnce() -> R) -> Option<R> {
    contain(code)
        .inspect_err(|panic| {
            emit!(error, %panic, "a bug in ottla: {what} panicked, and the thread goes on; please report it");
        })
        .ok()
}

/// Drops what a panic carries. That is the user's as well, and its drop may panic in turn, with a payload to be dropped.
fn discard(mut payload: Box<dyn Any + Send>) {
    for _ in 0..4 {
        match catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            Ok(()) => return,
            Err(next) => payload = next,
        }
    }
    mem::forget(payload);
}

/// Drops a value that is the user's, or that owns one.
pub(crate) fn release<T>(value: T) {
    if let Err(panic) = contain(|| drop(value)) {
        emit!(error, %panic, "a value of the program panicked when it was dropped");
    }
}

/// Wakes a task. A waker is its executor's code: one that panics must not end the thread that wakes others.
pub(crate) fn wake(waker: Waker) {
    if let Err(panic) = contain(|| waker.wake()) {
        emit!(error, %panic, "an executor's waker panicked");
    }
}

/// Sends the answer and wakes the receiver. The answer comes back if the receiver is gone.
pub(crate) fn answer<T>(reply: oneshot::Sender<T>, value: T) -> Result<(), T> {
    match contain(|| reply.send(value)) {
        Ok(sent) => sent,
        // The answer is there before the waker is called.
        Err(panic) => {
            emit!(error, %panic, "an executor's waker panicked");
            Ok(())
        }
    }
}

/// Where one task leaves its waker.
///
/// As `futures::task::AtomicWaker`, but the waker is cloned, woken and dropped outside of the lock: one that panics or calls back
/// leaves this as it was.
#[derive(Debug, Default)]
pub(crate) struct TaskWaker(Mutex<Option<Waker>>);

impl TaskWaker {
    /// Leaves the waker of the task that polls. After this the task looks whether it is to wait at all.
    pub(crate) fn register(&self, waker: &Waker) {
        if self.lock().as_ref().is_some_and(|known| known.will_wake(waker)) {
            return;
        }
        let waker = waker.clone();
        let before = self.lock().replace(waker);
        before.into_iter().for_each(release);
    }

    /// Takes the waker out, to be woken: what the task waits for has come.
    pub(crate) fn take(&self) -> Option<Waker> {
        self.lock().take()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Waker>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for TaskWaker {
    fn drop(&mut self) {
        self.take().into_iter().for_each(release);
    }
}

fn message(payload: &(dyn Any + Send)) -> String {
    match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (_, Some(text)) => text.clone(),
        _ => "no message".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        panic::panic_any,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        task::Wake,
    };

    use futures::FutureExt;

    use super::*;

    /// Panics when it is dropped.
    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in a drop");
        }
    }

    #[test]
    fn a_panic_becomes_its_message_whatever_it_carries() {
        assert_eq!(contain(|| 1), Ok(1));
        assert_eq!(contain(|| panic!("one {}", 2)), Err::<(), _>("one 2".to_owned()));
        assert_eq!(contain(|| panic_any(Bomb)), Err::<(), _>("no message".to_owned()));
        release(Bomb);
        release(vec![Some(Bomb), None]);
    }

    /// The library's source files that contain one of these, with its line. The command has threads of its own.
    fn lines_with(wanted: &[&str]) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() && !path.ends_with("bin") {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let text = std::fs::read_to_string(&path).unwrap();
                    // What comes before the tests, since those may do as they like.
                    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
                    let lines = code.lines().filter(|line| wanted.iter().any(|wanted| line.contains(wanted)));
                    found.extend(lines.map(|line| format!("{}: {}", path.display(), line.trim())));
                }
            }
        }
        found
    }

    #[test]
    fn every_event_of_tracing_goes_through_the_barrier() {
        let macros = ["error", "warn", "info", "debug", "trace"].map(|level| format!("tracing::{level}{}", "!("));
        let found = lines_with(&macros.each_ref().map(String::as_str));
        assert!(found.is_empty(), "use emit!: {found:#?}");
        assert!(!lines_with(&["emit!("]).is_empty(), "nothing is found at all");
    }

    #[test]
    fn no_waker_is_kept_where_its_clone_or_its_drop_can_do_harm() {
        let found = lines_with(&["AtomicWaker"]);
        let known = |line: &String| line.contains("/panic.rs: ///");
        assert!(found.iter().all(known), "use TaskWaker: {found:#?}");
    }

    #[test]
    fn an_answer_is_there_although_the_waker_panics() {
        struct Panics;
        impl Wake for Panics {
            fn wake(self: Arc<Self>) {
                panic!("in a waker");
            }
        }
        let (sender, mut receiver) = oneshot::channel();
        let waker = Waker::from(Arc::new(Panics));
        assert!(receiver.poll_unpin(&mut std::task::Context::from_waker(&waker)).is_pending());
        assert_eq!(answer(sender, 7), Ok(()));
        assert_eq!(receiver.now_or_never(), Some(Ok(7)));
        let (sender, receiver) = oneshot::channel();
        drop(receiver);
        assert_eq!(answer(sender, 7), Err(7));
    }

    #[test]
    fn a_task_is_woken_once_and_what_its_wakers_hold_may_panic_when_it_is_dropped() {
        struct Counts(Arc<AtomicUsize>, Bomb);
        impl Wake for Counts {
            fn wake(self: Arc<Self>) {
                let Self(woken, Bomb) = &*self;
                woken.fetch_add(1, Ordering::Relaxed);
            }
        }
        let (cell, woken) = (TaskWaker::default(), Arc::new(AtomicUsize::new(0)));
        for _ in 0..2 {
            let waker = mem::ManuallyDrop::new(Waker::from(Arc::new(Counts(Arc::clone(&woken), Bomb))));
            cell.register(&waker);
            cell.register(&waker);
            release(mem::ManuallyDrop::into_inner(waker));
        }
        cell.take().into_iter().for_each(wake);
        assert!(cell.take().is_none());
        assert_eq!(woken.load(Ordering::Relaxed), 1);
    }
}
