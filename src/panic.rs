//! The panic barrier around user code.
//!
//! Serializers, partitioners, interceptors and callbacks are user code. So is the drop of a user's value (a closure's captures, an error,
//! a future), a waker that is woken, cloned or dropped, and a subscriber of `tracing`. Any of them may panic. On a thread of ottla each
//! of them is called through one of these:
//!
//! | user code | barrier |
//! |---|---|
//! | a call | [`contain`] |
//! | a stored value | [`Contained`](crate::native::Contained), which contains the drop |
//! | dropping a value now | [`release`] |
//! | a waker | [`wake`], [`release`], and [`TaskWaker`] to store one |
//! | the receiver of a oneshot channel | [`answer`] |
//! | an event of `tracing` | [`emit!`] |
//!
//! Call none of these while a lock is held, because the code may call the producer. [`survive`] is for ottla's own code.

use std::{
    any::Any,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Mutex,
    task::Waker,
};

use crate::lock::lock;

use futures::channel::oneshot;

/// Emits an event of `tracing` (`emit!(warn, code, "..")`) and contains a panic of the subscriber, which is user code.
macro_rules! emit {
    ($level:ident, $($event:tt)+) => {{
        let _ = $crate::panic::contain(|| tracing::$level!($($event)+));
    }};
}
pub(crate) use emit;

/// Runs `code`; a panic is returned as its message.
///
/// Asserting unwind safety is sound because the callers drop or overwrite what `code` may leave half done.
pub(crate) fn contain<R>(code: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(code)).map_err(|payload| {
        let message = message(&*payload);
        discard(payload);
        message
    })
}

/// Runs ottla's own code, which panics only if it has a bug. The bug is logged and the thread continues. Returns `None` after a panic.
pub(crate) fn survive<R>(what: &'static str, code: impl FnOnce() -> R) -> Option<R> {
    contain(code)
        .inspect_err(|panic| {
            emit!(error, %panic, "a bug in ottla: {what} panicked and the thread continues; please report it");
        })
        .ok()
}

/// Drops a panic's payload. It is a user's value: its drop may panic with another payload.
fn discard(mut payload: Box<dyn Any + Send>) {
    for _ in 0..4 {
        match catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            Ok(()) => return,
            Err(next) => payload = next,
        }
    }
    mem::forget(payload);
}

/// Drops a user's value, or one that owns a user's value.
pub(crate) fn release<T>(value: T) {
    if let Err(panic) = contain(|| drop(value)) {
        emit!(error, %panic, "a user's value panicked in its drop");
    }
}

/// Wakes a task. A waker is the executor's code; a panic in it must not end the thread.
pub(crate) fn wake(waker: Waker) {
    if let Err(panic) = contain(|| waker.wake()) {
        emit!(error, %panic, "an executor's waker panicked");
    }
}

/// Sends `value` and wakes the receiver. Returns the value if the receiver is gone.
pub(crate) fn answer<T>(reply: oneshot::Sender<T>, value: T) -> Result<(), T> {
    match contain(|| reply.send(value)) {
        Ok(sent) => sent,
        // The value is stored before the waker is called.
        Err(panic) => {
            emit!(error, %panic, "an executor's waker panicked");
            Ok(())
        }
    }
}

/// A slot for the waker of one task.
///
/// Like `futures::task::AtomicWaker`, but the waker is cloned, woken and dropped outside the lock. So a waker that panics or calls back
/// leaves the slot intact.
#[derive(Debug, Default)]
pub(crate) struct TaskWaker(Mutex<Option<Waker>>);

impl TaskWaker {
    /// Stores the waker of the polling task. The task must check its condition again after this call.
    pub(crate) fn register(&self, waker: &Waker) {
        if lock(&self.0).as_ref().is_some_and(|known| known.will_wake(waker)) {
            return;
        }
        let waker = waker.clone();
        let before = lock(&self.0).replace(waker);
        before.into_iter().for_each(release);
    }

    /// Takes the waker, to wake it when the condition holds.
    pub(crate) fn take(&self) -> Option<Waker> {
        lock(&self.0).take()
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
    fn contain_returns_the_panic_message() {
        assert_eq!(contain(|| 1), Ok(1));
        assert_eq!(contain(|| panic!("one {}", 2)), Err::<(), _>("one 2".to_owned()));
        assert_eq!(contain(|| panic_any(Bomb)), Err::<(), _>("no message".to_owned()));
        release(Bomb);
        release(vec![Some(Bomb), None]);
    }

    /// The lines of the library's source files that contain one of `wanted`. The command is excluded: it has its own threads.
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
                    // Tests need no barrier.
                    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
                    let lines = code.lines().filter(|line| wanted.iter().any(|wanted| line.contains(wanted)));
                    found.extend(lines.map(|line| format!("{}: {}", path.display(), line.trim())));
                }
            }
        }
        found
    }

    #[test]
    fn tracing_events_use_the_emit_macro() {
        let macros = ["error", "warn", "info", "debug", "trace"].map(|level| format!("tracing::{level}{}", "!("));
        let found = lines_with(&macros.each_ref().map(String::as_str));
        assert!(found.is_empty(), "use emit!: {found:#?}");
        assert!(!lines_with(&["emit!("]).is_empty(), "the search finds no emit!");
    }

    #[test]
    fn atomic_waker_is_not_used() {
        let found = lines_with(&["AtomicWaker"]);
        let known = |line: &String| line.contains("/panic.rs: ///");
        assert!(found.iter().all(known), "use TaskWaker: {found:#?}");
    }

    #[test]
    fn answer_arrives_even_if_the_waker_panics() {
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
    fn task_waker_wakes_once_and_contains_panics_in_drop() {
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
