//! The barrier around code of the user's: a panic becomes an error of one record.
//!
//! A panic in the user's code is caught where it is called: `panic::contain` around serializers, interceptors and callbacks,
//! `catch_unwind` in the partitioner callback. Nothing unwinds into C, and nothing ends the delivery thread: what a panic
//! carries and a `tracing` subscriber are the user's code too. Should a bug of our own end it all the same, `shared::End` turns
//! away whoever sends, and nobody waits for the end in vain.

use std::{
    any::Any,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    task::Waker,
};

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

/// Wakes a task. A waker is its executor's code: one that panics must not end the thread that wakes others.
pub(crate) fn wake(waker: Waker) {
    if let Err(panic) = contain(|| waker.wake()) {
        // A subscriber of `tracing` is the user's code too.
        let _ = contain(|| tracing::error!(%panic, "an executor's waker panicked"));
    }
}

fn message(payload: &(dyn Any + Send)) -> String {
    match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (_, Some(text)) => text.clone(),
        _ => "no message".to_owned(),
    }
}
