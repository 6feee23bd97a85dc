//! The barrier around user code on the registry's threads: wakers, parsers of foreign schemas, and subscribers of `tracing`.

use std::{
    any::Any,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// Emits an event of `tracing`: its subscriber is user code, and a panic in it ends here.
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
        // What a panic carries is the user's as well: its drop may panic in turn.
        if let Err(next) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            mem::forget(next);
        }
        message
    })
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without a message".to_owned())
}
