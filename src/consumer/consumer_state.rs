//! [`ConsumerState`]: the state that a consumer's handle shares with its polling thread.

use std::{
    mem,
    sync::{Arc, Mutex, atomic::Ordering, mpsc::Sender},
    time::Duration,
};

use futures::channel::oneshot;

use super::{
    TopicPartition,
    call_thread::CallThread,
    context::Signals,
    poll_wakeup::PollWakeup,
    polling::{Command, Polling},
    record_queue::Intake,
};
use crate::{Error, ErrorKind, lock::lock, native::ConsumerClient, panic::answer};

pub(super) struct ConsumerState {
    pub(super) intake: Arc<dyn Intake>,
    pub(super) wakeup: Arc<PollWakeup>,
    pub(super) signals: Arc<Signals>,
    pub(super) calls: CallThread,
    pub(super) commands: Sender<Command>,
    pub(super) group_id: Option<String>,
    /// Processed offsets are stored in librdkafka, for its automatic commits.
    pub(super) stores_offsets: bool,
    pub(super) max_poll_interval: Duration,
    /// `default.api.timeout.ms`.
    pub(super) api_timeout: Duration,
    pub(super) ending: Mutex<Ending>,
    pub(super) subscribed: Mutex<Vec<String>>,
}

/// The calls that wait for the end of the consumer.
#[derive(Debug)]
pub(super) enum Ending {
    Awaited(Vec<oneshot::Sender<()>>),
    Ended,
}

impl ConsumerState {
    /// Runs `code` on the polling thread and returns its result.
    pub(super) async fn on_polling_thread<T: Send + 'static>(
        &self,
        code: impl FnOnce(&mut Polling) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.command(|polling, reply| reply(code(polling))).await
    }

    /// Starts `code` on the polling thread, and waits for its reply.
    pub(super) async fn command<T: Send + 'static>(
        &self,
        code: impl FnOnce(&mut Polling, Box<dyn FnOnce(Result<T, Error>) + Send>) + Send + 'static,
    ) -> Result<T, Error> {
        let (sender, receiver) = oneshot::channel();
        let reply: Box<dyn FnOnce(Result<T, Error>) + Send> = Box::new(move |result| drop(answer(sender, result)));
        if self.is_closing() {
            return Err(closed());
        }
        self.signals.commands.fetch_add(1, Ordering::AcqRel);
        self.commands.send(Box::new(move |polling| code(polling, reply))).map_err(|_| closed())?;
        self.wakeup.wake();
        receiver.await.map_err(|_| closed())?
    }

    /// Runs a call that sends requests to the brokers, on the thread for blocking calls.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        call: impl FnOnce(&ConsumerClient) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (sender, receiver) = oneshot::channel();
        if self.is_closing() {
            return Err(closed());
        }
        self.calls.run(Box::new(move |client| drop(answer(sender, call(client)))))?;
        receiver.await.map_err(|_| closed())?
    }

    pub(super) fn subscription(&self) -> Vec<String> {
        lock(&self.subscribed).clone()
    }

    pub(super) fn set_subscription(&self, topics: Vec<String>) {
        *lock(&self.subscribed) = topics;
    }

    pub(super) fn assignment(&self) -> Vec<TopicPartition> {
        let mut assignment = Vec::new();
        self.intake.progress(&mut |progress| assignment = progress.assignment());
        assignment
    }

    /// Whether the consumer is closed or closing.
    pub(super) fn is_closing(&self) -> bool {
        self.signals.is_closing.load(Ordering::Acquire)
    }

    /// Starts closing. The receiver resolves when the consumer is closed.
    pub(super) fn close(&self) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        let mut ending = lock(&self.ending);
        match &mut *ending {
            Ending::Awaited(senders) => {
                senders.push(sender);
                drop(ending);
            }
            Ending::Ended => {
                drop(ending);
                // The caller no longer waits.
                let _ = answer(sender, ());
            }
        }
        self.signals.is_closing.store(true, Ordering::Release);
        self.wakeup.wake();
        receiver
    }
}

/// Reports the end of the polling thread on drop, also if a bug in ottla ends the thread.
pub(super) struct End {
    state: Arc<ConsumerState>,
    is_expected: bool,
}

impl End {
    pub(super) fn new(state: Arc<ConsumerState>) -> Self {
        Self { state, is_expected: false }
    }

    /// The polling thread has ended normally.
    pub(super) fn disarm(mut self) {
        self.is_expected = true;
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let state = &self.state;
        if !self.is_expected {
            let error = || {
                let message = "the consumer's polling thread ended unexpectedly: close the consumer and build a new one";
                Error::new(ErrorKind::Fatal, message)
            };
            state.intake.fail_all(&error);
        }
        state.signals.is_closing.store(true, Ordering::Release);
        state.intake.end();
        let ending = mem::replace(&mut *lock(&state.ending), Ending::Ended);
        if let Ending::Awaited(senders) = ending {
            for sender in senders {
                let _ = answer(sender, ());
            }
        }
        // Usually done already.
        state.wakeup.detach();
        state.calls.stop();
    }
}

/// The error of a call after `close`.
pub(super) fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the consumer is closed")
}
