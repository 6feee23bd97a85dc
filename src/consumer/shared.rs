//! [`Shared`]: what a consumer's handle shares with its polling thread.

use std::{
    mem,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering, mpsc::Sender},
    time::Duration,
};

use futures::channel::oneshot;
use rdkafka::{Offset, consumer::Consumer as _};

use super::{
    TopicPartition,
    bell::Bell,
    calls::Calls,
    context::{Context, NativeConsumer, Signals},
    hand_over::Intake,
    polling::{Command, Polling},
    trouble::{Verdict, judge},
};
use crate::{Error, ErrorKind, native::QueueError};

pub(super) struct Shared {
    pub(super) intake: Arc<dyn Intake>,
    pub(super) bell: Arc<Bell>,
    pub(super) signals: Arc<Signals>,
    pub(super) calls: Calls,
    pub(super) commands: Sender<Command>,
    pub(super) group_id: Option<String>,
    pub(super) max_poll_interval: Duration,
    /// `default.api.timeout.ms`.
    pub(super) api_timeout: Duration,
    /// Where a partition that is assigned by hand begins: at what is committed, or without a group where `auto.offset.reset` says.
    pub(super) first_offset: Offset,
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
        let reply: Box<dyn FnOnce(Result<T, Error>) + Send> = Box::new(move |result| drop(sender.send(result)));
        self.signals.commands.fetch_add(1, Ordering::AcqRel);
        self.commands.send(Box::new(move |polling| code(polling, reply))).map_err(|_| closed())?;
        self.bell.ring();
        receiver.await.map_err(|_| closed())?
    }

    /// Runs what asks the brokers, where it may block.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        call: impl FnOnce(&NativeConsumer) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (sender, receiver) = oneshot::channel();
        self.calls.run(Box::new(move |consumer| drop(sender.send(call(consumer)))))?;
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

    pub(super) fn store(&self, consumer: &NativeConsumer) {
        consumer.context().store(consumer);
    }

    pub(super) fn context<'c>(&self, consumer: &'c NativeConsumer) -> &'c Context {
        consumer.context()
    }

    pub(super) fn judge(&self, consumer: &NativeConsumer, error: &QueueError) -> Verdict {
        let text = consumer.context().redact(&error.text);
        tracing::warn!(target: "ottla::librdkafka", code = error.code, "{text}");
        judge(consumer, error, &text)
    }

    /// Begins the end, and gives what tells that it has come.
    pub(super) fn close(&self) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        match &mut *self.ending.lock().unwrap_or_else(PoisonError::into_inner) {
            Ending::Awaited(senders) => senders.push(sender),
            Ending::Ended => {
                let _ = sender.send(());
            }
        }
        self.signals.is_closing.store(true, Ordering::Release);
        self.bell.ring();
        receiver
    }
}

/// Tells the end of the polling thread when it is dropped, also should a bug of our own end that thread.
pub(super) struct End(Arc<Shared>);

impl End {
    pub(super) fn of(shared: Arc<Shared>) -> Self {
        Self(shared)
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.0.intake.end();
        let ending = mem::replace(&mut *self.0.ending.lock().unwrap_or_else(PoisonError::into_inner), Ending::Ended);
        if let Ending::Awaited(senders) = ending {
            // Who does not wait any more has no need to know.
            for sender in senders {
                let _ = sender.send(());
            }
        }
    }
}

/// The error of a call that comes too late.
pub(super) fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the consumer is closed")
}
