//! [`Shared`]: what a consumer's handle shares with its polling thread.

use std::{
    mem,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering, mpsc::Sender},
    time::Duration,
};

use futures::channel::oneshot;

use super::{
    TopicPartition,
    calls::Calls,
    context::Signals,
    poll_wakeup::PollWakeup,
    polling::{Command, Polling},
    record_queue::Intake,
};
use crate::{Error, ErrorKind, native::ConsumerClient, panic::answer};

pub(super) struct Shared {
    pub(super) intake: Arc<dyn Intake>,
    pub(super) wakeup: Arc<PollWakeup>,
    pub(super) signals: Arc<Signals>,
    pub(super) calls: Calls,
    pub(super) commands: Sender<Command>,
    pub(super) group_id: Option<String>,
    pub(super) max_poll_interval: Duration,
    /// `default.api.timeout.ms`.
    pub(super) api_timeout: Duration,
    /// Where a partition that is assigned by hand begins: at what is committed, or without a group where `auto.offset.reset` says.
    pub(super) first_offset: i64,
    pub(super) ending: Mutex<Ending>,
    pub(super) subscribed: Mutex<Vec<String>>,
}

/// Who waits for the end.
#[derive(Debug)]
pub(super) enum Ending {
    Awaited(Vec<oneshot::Sender<()>>),
    Ended,
}

impl Shared {
    /// Runs `code` on the polling thread.
    pub(super) async fn on_polling_thread<T: Send + 'static>(
        &self,
        code: impl FnOnce(&mut Polling) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.command(|polling, reply| reply(code(polling))).await
    }

    /// Lets `code` begin on the polling thread, and waits for what it replies.
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
        self.wakeup.ring();
        receiver.await.map_err(|_| closed())?
    }

    /// Runs what asks the brokers, where it may block.
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
        self.subscribed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_subscription(&self, topics: Vec<String>) {
        *self.subscribed.lock().unwrap_or_else(PoisonError::into_inner) = topics;
    }

    pub(super) fn assignment(&self) -> Vec<TopicPartition> {
        let mut assignment = Vec::new();
        self.intake.progress(&mut |progress| assignment = progress.assignment());
        assignment
    }

    /// Whether the consumer is closed or about to be.
    pub(super) fn is_closing(&self) -> bool {
        self.signals.is_closing.load(Ordering::Acquire)
    }

    /// Begins the end, and gives what tells that it has come.
    pub(super) fn close(&self) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        let mut ending = self.ending.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *ending {
            Ending::Awaited(senders) => {
                senders.push(sender);
                drop(ending);
            }
            Ending::Ended => {
                drop(ending);
                // A receiver that is gone has no need to know.
                let _ = answer(sender, ());
            }
        }
        self.signals.is_closing.store(true, Ordering::Release);
        self.wakeup.ring();
        receiver
    }
}

/// Tells the end of the polling thread when it is dropped, also if a bug of our own ends that thread.
pub(super) struct End {
    shared: Arc<Shared>,
    is_expected: bool,
}

impl End {
    pub(super) fn of(shared: Arc<Shared>) -> Self {
        Self { shared, is_expected: false }
    }

    /// The polling thread has ended as it should.
    pub(super) fn expect(mut self) {
        self.is_expected = true;
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let shared = &self.shared;
        if !self.is_expected {
            let error = || {
                let message = "the consumer's polling thread has ended unexpectedly: close the consumer and build a new one";
                Error::new(ErrorKind::Fatal, message)
            };
            shared.intake.fail_all(&error);
        }
        shared.signals.is_closing.store(true, Ordering::Release);
        shared.intake.end();
        let ending = mem::replace(&mut *shared.ending.lock().unwrap_or_else(PoisonError::into_inner), Ending::Ended);
        if let Ending::Awaited(senders) = ending {
            for sender in senders {
                let _ = answer(sender, ());
            }
        }
        // Usually done already.
        shared.wakeup.silence();
        shared.calls.stop();
    }
}

/// The error of a call that comes too late.
pub(super) fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the consumer is closed")
}
