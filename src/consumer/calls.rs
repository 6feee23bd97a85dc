//! [`Calls`]: the thread on which librdkafka's blocking calls wait.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Sender},
    },
    thread::{self, JoinHandle},
};

use crate::{
    Error, ErrorKind,
    native::ConsumerClient,
    panic::{emit, survive},
};

type Call = Box<dyn FnOnce(&ConsumerClient) + Send>;

/// Runs calls that ask the brokers, one after the other, on a thread that the first of them starts.
pub(super) struct Calls(Mutex<State>);

enum State {
    Idle(Arc<ConsumerClient>),
    Running(Sender<Call>, JoinHandle<()>),
    /// The consumer is closed.
    Stopped,
}

impl Calls {
    pub(super) fn new(client: Arc<ConsumerClient>) -> Self {
        Self(Mutex::new(State::Idle(client)))
    }

    /// Lets `call` run; it is dropped if the consumer is closed.
    pub(super) fn run(&self, call: Call) -> Result<(), Error> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Idle(client) = &*state {
            let client = Arc::clone(client);
            let (sender, receiver) = mpsc::channel::<Call>();
            let thread = thread::Builder::new()
                .name("ottla-consumer-calls".to_owned())
                .spawn(move || {
                    for call in receiver {
                        survive("a consumer's call", || call(&client));
                    }
                })
                .map_err(|error| Error::new(ErrorKind::Client, "no thread to ask the brokers").with_source(error))?;
            *state = State::Running(sender, thread);
        }
        let unsent = match &*state {
            State::Running(sender, _) => sender.send(call).err().map(|unsent| unsent.0),
            _ => Some(call),
        };
        // What waits for it is woken where nothing is locked.
        drop(state);
        drop(unsent);
        Ok(())
    }

    /// Runs what is left, and ends the thread.
    pub(super) fn stop(&self) {
        let state = std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), State::Stopped);
        if let State::Running(sender, thread) = state {
            drop(sender);
            if thread.join().is_err() {
                emit!(error, "the thread of a consumer's calls panicked");
            }
        }
    }
}
