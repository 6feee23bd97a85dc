//! [`CallThread`]: the thread for blocking calls of librdkafka.

use std::{
    sync::{
        Arc, Mutex,
        mpsc::{self, Sender},
    },
    thread::{self, JoinHandle},
};

use crate::{
    Error, ErrorKind,
    lock::lock,
    native::ConsumerClient,
    panic::{emit, survive},
};

type Call = Box<dyn FnOnce(&ConsumerClient) + Send>;

/// Runs calls that send requests to the brokers, in order, on one thread, which the first call starts.
pub(super) struct CallThread(Mutex<State>);

enum State {
    Idle(Arc<ConsumerClient>),
    Running(Sender<Call>, JoinHandle<()>),
    /// The consumer is closed.
    Stopped,
}

impl CallThread {
    pub(super) fn new(client: Arc<ConsumerClient>) -> Self {
        Self(Mutex::new(State::Idle(client)))
    }

    /// Queues `call`. It is dropped if the consumer is closed.
    pub(super) fn run(&self, call: Call) -> Result<(), Error> {
        let mut state = lock(&self.0);
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
                .map_err(|error| Error::new(ErrorKind::Client, "cannot start the thread for calls").with_source(error))?;
            *state = State::Running(sender, thread);
        }
        let unsent = match &*state {
            State::Running(sender, _) => sender.send(call).err().map(|unsent| unsent.0),
            _ => Some(call),
        };
        // Dropped without a lock, because this wakes tasks.
        drop(state);
        drop(unsent);
        Ok(())
    }

    /// Runs the queued calls and ends the thread.
    pub(super) fn stop(&self) {
        let state = std::mem::replace(&mut *lock(&self.0), State::Stopped);
        if let State::Running(sender, thread) = state {
            drop(sender);
            if thread.join().is_err() {
                emit!(error, "a consumer's thread for calls panicked");
            }
        }
    }
}
