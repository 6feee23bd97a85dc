//! The delivery thread: it serves librdkafka's events until every record is reported and none can come.
//!
//! A callback may not wait for a report, since it holds up the thread that serves them: the blocking calls know that thread and
//! answer `WouldDeadlock`, or `BufferFull` in place of waiting for room.

use std::{
    io,
    sync::Arc,
    thread::{self, JoinHandle},
};

use super::closing;
use crate::{
    Error, ErrorKind,
    lock::lock,
    native::{Client, EventHandler, code},
    producer::{admission::outstanding::Done, shared::Shared},
};

impl Shared {
    /// Starts the thread that serves the client until every record is reported and none can come.
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
        // Before anybody can flush.
        self.flush_helper.connect(Arc::clone(&client));
        let shared = Arc::clone(self);
        let spawned = thread::Builder::new().name(format!("ottla-{}", self.client_id)).spawn(move || {
            // Dropped in this order also when a panic ends the thread: the client, then the announcement.
            let _end = End(Arc::clone(&shared));
            let client = client;
            let woken = Arc::clone(&client);
            shared.deferrals.connect(Box::new(move || woken.wake()));
            let woken = Arc::clone(&client);
            shared.absent.connect(Box::new(move || woken.wake()));
            shared.refresh.connect(Arc::clone(&client));
            let _ = shared.delivery_thread.set(thread::current().id());
            serve(&client, &*shared);
            // The helpers hold the client as well; with them gone, the last holder's drop ends librdkafka here.
            shared.flush_helper.end();
            shared.producer_id.join();
            shared.refresh.join();
            if let Some(transactions) = &shared.transactions {
                transactions.join();
            }
            shared.deferrals.disconnect();
            shared.absent.disconnect();
            if let Some(tokens) = &shared.tokens {
                tokens.end();
            }
            drop(client);
        });
        spawned.inspect_err(|_| self.flush_helper.end())
    }

    pub(in crate::producer) fn on_delivery_thread(&self) -> bool {
        self.delivery_thread.get() == Some(&thread::current().id())
    }
}

/// Announces the delivery thread's end when it is dropped. That is also when a panic of our own ends the thread: then nobody may
/// send any more, and nobody waits for an end that cannot come.
struct End(Arc<Shared>);

impl Drop for End {
    fn drop(&mut self) {
        let Self(shared) = self;
        shared.outstanding.close();
        if let Some(transactions) = &shared.transactions {
            transactions.give_up();
        }
        shared.flush_helper.end();
        shared.refuse_waiting(code::DESTROY, true);
        shared.deferrals.disconnect();
        shared.absent.disconnect();
        if let Some(tokens) = &shared.tokens {
            tokens.end();
        }
        shared.timer.end();
        let mut done = Done::default();
        shared.outstanding.abandon(&mut done);
        drop(done);
        let losses = lock(&shared.closing).end();
        closing::tell(losses);
        shared.ending.end();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;
    use crate::deadline::Deadline;
    use crate::producer::{
        admission::{admit::Entrant, buffer_memory::Claim, outstanding::Abandoned},
        shared::tests::{client, shared},
    };

    #[test]
    fn nobody_waits_for_a_delivery_thread_that_a_panic_has_ended() {
        let client = client();
        let shared = Arc::new(shared());
        let (sender, receiver) = std::sync::mpsc::channel();
        let serve = move |_: &Client, _: &dyn EventHandler| {
            receiver.recv().unwrap();
            panic!("a bug of ours");
        };
        let thread = shared.run(Arc::clone(&client), serve).unwrap();
        // A record that is never reported, and one that waits for room.
        assert!(shared.outstanding.enter(&mut Done::default()).is_some() && shared.buffer_memory.try_take(1));
        let mut draft = client.pool().take();
        draft.set_charge(1);
        let mut waiting = draft.pending();
        assert!(matches!(shared.buffer_memory.take_or_wait(1, Entrant::Whole(draft)), Claim::Waiting { .. }));
        let mut flushed = shared.outstanding.flush();
        assert!((&mut flushed).now_or_never().is_none());
        let before = shared.close(&client, Deadline::NEVER, true);
        sender.send(()).unwrap();
        assert!(thread.join().is_err());
        assert_eq!(flushed.now_or_never(), Some(Err(Abandoned)), "who flushed before");
        assert_eq!(shared.outstanding.flush().now_or_never(), Some(Err(Abandoned)), "who flushes after");
        assert_eq!(before.now_or_never(), Some(Ok(true)), "who closed before");
        assert_eq!(shared.close(&client, Deadline::NEVER, true).now_or_never(), Some(Ok(true)), "who closes after");
        let context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(waiting.poll_admission(&context).is_ready(), "who waits for room");
        assert!(shared.outstanding.enter(&mut Done::default()).is_none(), "who sends");
        shared.flush_helper.close();
        assert!(!shared.flush_helper.runs(), "who is in a hurry");
    }

    #[test]
    fn a_close_with_nothing_left_to_report_leaves_no_helper_that_holds_the_client() {
        let (client, shared) = (client(), Arc::new(shared()));
        let thread = shared.run(Arc::clone(&client), |_, _| {}).unwrap();
        let ended = shared.close(&client, Deadline::NEVER, true);
        thread.join().unwrap();
        shared.flush_helper.close();
        assert!(ended.now_or_never().is_some());
        assert!(!shared.flush_helper.runs());
    }
}
