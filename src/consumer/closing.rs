//! The wait for the end of a consumer.

use std::{thread, time::Duration};

use futures::channel::oneshot;

use crate::{Error, ErrorKind, block_on::block_on_until, deadline::Deadline, panic::answer};

/// Waits until the polling thread has ended, at most for `timeout`. A thread measures the time, because the polling thread may be in a rebalance
/// listener, or wait for the brokers.
pub(super) async fn wait(mut end: oneshot::Receiver<()>, timeout: Duration) -> Result<(), Error> {
    let deadline = Deadline::after(timeout);
    // A sender that is dropped without a message means that the thread has ended, too.
    if deadline == Deadline::NEVER {
        let _ = end.await;
        return Ok(());
    }
    if !matches!(end.try_recv(), Ok(None)) {
        return Ok(());
    }
    let (sender, receiver) = oneshot::channel();
    thread::Builder::new()
        .name("ottla-close".to_owned())
        .spawn(move || {
            let in_time = block_on_until(end, deadline).is_some();
            // The caller may no longer wait.
            let _ = answer(sender, in_time);
        })
        .map_err(|error| {
            Error::new(ErrorKind::Client, "close: the thread for its timeout could not be started").with_source(error)
        })?;
    if receiver.await.unwrap_or(true) {
        return Ok(());
    }
    let message =
        format!("the consumer has not left its group within {timeout:?}: it continues to close; call close again to wait for it");
    Err(Error::new(ErrorKind::CloseTimeout, message))
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;

    use super::*;

    const LONG: Duration = Duration::from_secs(600);

    #[test]
    fn the_end_is_awaited_at_most_for_the_timeout() {
        for timeout in [Duration::ZERO, Duration::from_millis(10)] {
            let (_sender, end) = oneshot::channel();
            let error = block_on(wait(end, timeout)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::CloseTimeout, "{error}");
        }
        for timeout in [Duration::ZERO, LONG, Duration::MAX] {
            let (sender, end) = oneshot::channel();
            sender.send(()).unwrap();
            block_on(wait(end, timeout)).unwrap();
            let (sender, end) = oneshot::channel();
            drop(sender);
            block_on(wait(end, timeout)).unwrap();
        }
    }

    #[test]
    fn an_end_within_the_timeout_wakes_the_caller() {
        for timeout in [LONG, Duration::MAX] {
            let (sender, end) = oneshot::channel();
            let ends = thread::spawn(move || sender.send(()));
            block_on(wait(end, timeout)).unwrap();
            ends.join().unwrap().unwrap();
        }
    }
}
