//! [`Calls`]: the thread on which librdkafka's blocking calls wait.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Sender},
    },
    thread::{self, JoinHandle},
};

use super::context::NativeConsumer;
use crate::{Error, ErrorKind};

type Call = Box<dyn FnOnce(&NativeConsumer) + Send>;

/// Runs calls that ask the brokers, one after the other, on a thread that the first of them starts.
pub(super) struct Calls(Mutex<State>);

enum State {
    Idle(Arc<NativeConsumer>),
    Running(Sender<Call>, JoinHandle<()>),
    /// The consumer is closed.
    Stopped,
}

impl Calls {
    pub(super) fn new(consumer: Arc<NativeConsumer>) -> Self {
        Self(Mutex::new(State::Idle(consumer)))
    }

    /// Lets `call` run; it is dropped if the consumer is closed.
    pub(super) fn run(&self, call: Call) -> Result<(), Error> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Idle(consumer) = &*state {
            let consumer = Arc::clone(consumer);
            let (sender, receiver) = mpsc::channel::<Call>();
            let thread = thread::Builder::new()
                .name("ottla-consumer-calls".to_owned())
                .spawn(move || receiver.into_iter().for_each(|call| call(&consumer)))
                .map_err(|error| Error::new(ErrorKind::Client, "no thread to ask the brokers").with_source(error))?;
            *state = State::Running(sender, thread);
        }
        if let State::Running(sender, _) = &*state {
            let _ = sender.send(call);
        }
        Ok(())
    }

    /// Runs what is left, and ends the thread.
    pub(super) fn stop(&self) {
        let state = std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), State::Stopped);
        if let State::Running(sender, thread) = state {
            drop(sender);
            if thread.join().is_err() {
                tracing::error!("the thread of a consumer's calls panicked");
            }
        }
    }
}
