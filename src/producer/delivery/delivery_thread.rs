//! The delivery thread: it serves librdkafka's events until the producer is closed and every record is reported.
//!
//! A callback must not wait for a report, since it blocks the thread that serves reports. Blocking calls detect this thread and return
//! `WouldDeadlock`, or `BufferFull` instead of waiting for memory.

use std::{
    cell::Cell,
    io,
    sync::Arc,
    thread::{self, JoinHandle},
};

use super::closing;
use crate::{
    Error, ErrorKind,
    lock::lock,
    native::{Client, EventHandler, code},
    producer::{admission::outstanding::Done, producer_state::ProducerState},
};

thread_local! {
    /// Whether this is the delivery thread of some producer. So other threads, for each record of a blocking call, need not read which one is this
    /// producer's: that cache line is often written.
    static IS_DELIVERY_THREAD: Cell<bool> = const { Cell::new(false) };
}

impl ProducerState {
    /// Starts the thread that serves the client until the producer is closed and every record is reported.
    pub(in crate::producer) fn start(self: &Arc<Self>, client: Arc<Client>) -> Result<(), Error> {
        self.run(client, crate::native::serve)
            .map(|_| ())
            .map_err(|error| Error::new(ErrorKind::Client, "the delivery thread could not be started").with_source(error))
    }

    fn run(
        self: &Arc<Self>,
        client: Arc<Client>,
        serve: impl FnOnce(&Client, &dyn EventHandler) + Send + 'static,
    ) -> io::Result<JoinHandle<()>> {
        // Before the first possible flush.
        self.delivery.flush_helper.connect(Arc::clone(&client));
        let state = Arc::clone(self);
        let spawned = thread::Builder::new().name(format!("ottla-{}", self.client_id)).spawn(move || {
            // Dropped in this order, also by a panic: the client, then `_end`.
            let _end = End(Arc::clone(&state));
            let client = client;
            let woken = Arc::clone(&client);
            state.admission.deferrals.connect(Box::new(move || woken.wake()));
            let woken = Arc::clone(&client);
            state.metadata.absent.connect(Box::new(move || woken.wake()));
            state.metadata.refresh.connect(Arc::clone(&client));
            let _ = state.delivery.thread.set(thread::current().id());
            IS_DELIVERY_THREAD.set(true);
            serve(&client, &*state);
            // The helpers also have a handle of the client. After they end, dropping the last handle destroys librdkafka's client here.
            state.delivery.flush_helper.end();
            state.metadata.producer_id.join();
            state.metadata.refresh.join();
            if let Some(transactions) = &state.transactions {
                transactions.join();
            }
            state.admission.deferrals.disconnect();
            state.metadata.absent.disconnect();
            if let Some(tokens) = &state.authentication.tokens {
                tokens.end();
            }
            drop(client);
        });
        spawned.inspect_err(|_| self.delivery.flush_helper.end())
    }

    pub(in crate::producer) fn on_delivery_thread(&self) -> bool {
        IS_DELIVERY_THREAD.get() && self.delivery.thread.get() == Some(&thread::current().id())
    }
}

/// On drop, announces the end of the delivery thread, also after a panic: records are rejected, and all waiters are completed.
struct End(Arc<ProducerState>);

impl Drop for End {
    fn drop(&mut self) {
        let Self(state) = self;
        state.admission.outstanding.close();
        if let Some(transactions) = &state.transactions {
            transactions.give_up();
        }
        state.delivery.flush_helper.end();
        state.refuse_waiting(code::DESTROY, true);
        state.admission.deferrals.disconnect();
        state.metadata.absent.disconnect();
        if let Some(tokens) = &state.authentication.tokens {
            tokens.end();
        }
        state.admission.timer.end();
        let mut done = Done::default();
        state.admission.outstanding.abandon(&mut done);
        drop(done);
        let losses = lock(&state.delivery.closing).end();
        closing::tell(losses);
        state.delivery.ending.end();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;
    use crate::deadline::Deadline;
    use crate::producer::{
        admission::{admit::Entrant, buffer_memory::Claim, outstanding::Abandoned},
        producer_state::tests::{client, state},
    };

    #[test]
    fn a_panic_of_the_delivery_thread_completes_all_waiters() {
        let client = client();
        let state = Arc::new(state());
        let (sender, receiver) = std::sync::mpsc::channel();
        let serve = move |_: &Client, _: &dyn EventHandler| {
            receiver.recv().unwrap();
            panic!("a bug of ours");
        };
        let thread = state.run(Arc::clone(&client), serve).unwrap();
        // A record that is never reported, and one that waits for memory.
        assert!(state.admission.outstanding.enter(&mut Done::default()).is_some() && state.admission.buffer_memory.try_take(1));
        let mut draft = client.pool().take();
        draft.set_charge(1);
        let mut waiting = draft.pending();
        assert!(matches!(state.admission.buffer_memory.take_or_wait(1, Entrant::Whole(draft)), Claim::Waiting { .. }));
        let mut flushed = state.admission.outstanding.flush();
        assert!((&mut flushed).now_or_never().is_none());
        let before = state.close(&client, Deadline::NEVER, true);
        sender.send(()).unwrap();
        assert!(thread.join().is_err());
        assert_eq!(flushed.now_or_never(), Some(Err(Abandoned)), "an earlier flush");
        assert_eq!(state.admission.outstanding.flush().now_or_never(), Some(Err(Abandoned)), "a later flush");
        assert_eq!(before.now_or_never(), Some(Ok(true)), "an earlier close");
        assert_eq!(state.close(&client, Deadline::NEVER, true).now_or_never(), Some(Ok(true)), "a later close");
        let context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(waiting.poll_admission(&context).is_ready(), "a record that waits for memory");
        assert!(state.admission.outstanding.enter(&mut Done::default()).is_none(), "a later send");
        state.delivery.flush_helper.close();
        assert!(!state.delivery.flush_helper.runs(), "the flush helper");
    }

    #[test]
    fn closing_without_outstanding_records_starts_no_flush_helper() {
        let (client, state) = (client(), Arc::new(state()));
        let thread = state.run(Arc::clone(&client), |_, _| {}).unwrap();
        let ended = state.close(&client, Deadline::NEVER, true);
        thread.join().unwrap();
        state.delivery.flush_helper.close();
        assert!(ended.now_or_never().is_some());
        assert!(!state.delivery.flush_helper.runs());
    }
}
