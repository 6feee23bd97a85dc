//! [`ProducerId`]: makes librdkafka request the producer id of an idempotent producer earlier.
//!
//! librdkafka requests the id after it has read a broker's metadata if a broker is connected then, or else half a second later
//! (`rd_kafka_idemp_pid_fsm`). It closes the connection to the bootstrap server after the first metadata, so no broker is connected at that
//! moment, and the first records wait for half a second. Metadata from a known broker trigger the request at once. So a thread requests metadata of
//! the first topic until a known broker has responded.
//!
//! `init_transactions` does the same without a topic: librdkafka looks for the coordinator of a transactional producer in the same way.
//!
//! For a topic that is being created this is left to librdkafka, because a later start is better for its first records
//! (`native/implicit_ack.rs`).

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, channel},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{
    lock::lock,
    native::{Client, Metadata, Topic, code},
};

/// The first and the last timeout of a request. It doubles in between; by the end librdkafka has requested the id itself.
const PATIENCE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(800));

/// The pause in which librdkafka connects to newly reported brokers.
const PAUSE: Duration = Duration::from_millis(1);

/// The most requests.
const ATTEMPTS: u32 = 100;

pub(in crate::producer) struct ProducerId {
    /// True until the first topic is used.
    is_wanted: AtomicBool,
    asking: Arc<Mutex<Asking>>,
}

#[derive(Default)]
struct Asking {
    ended: bool,
    /// Disconnects when the thread has dropped the client.
    thread: Option<Receiver<()>>,
}

impl ProducerId {
    /// `is_wanted`: for an idempotent producer without transactions, whose `init_transactions` requests the id.
    pub(in crate::producer) fn new(is_wanted: bool) -> Self {
        Self { is_wanted: AtomicBool::new(is_wanted), asking: Arc::default() }
    }

    /// Makes librdkafka request the id, once. `topic` is the first topic that records are sent to.
    pub(in crate::producer) fn hasten(&self, client: &Arc<Client>, topic: &Arc<Topic>) {
        if !self.is_wanted.load(Ordering::Relaxed) || !self.is_wanted.swap(false, Ordering::Relaxed) {
            return;
        }
        let mut asking = lock(&self.asking);
        if asking.ended {
            return;
        }
        let (state, client, topic) = (Arc::clone(&self.asking), Arc::clone(client), Arc::clone(topic));
        let (end, ended) = channel();
        let ask = move || {
            await_known_broker(&client, Some(&topic), || lock(&state).ended);
            drop((topic, client));
            drop(end);
        };
        // Without the thread, the first records are sent half a second later.
        asking.thread = thread::Builder::new().name("ottla-id".to_owned()).spawn(ask).ok().map(|_| ended);
    }

    /// Ends the thread, which has a handle of the client, and waits for it: at most twice the timeout of a request, since librdkafka waits longer if
    /// the system clock is set back.
    pub(in crate::producer) fn join(&self) {
        let thread = {
            let mut asking = lock(&self.asking);
            asking.ended = true;
            asking.thread.take()
        };
        if let Some(thread) = thread {
            let _ = thread.recv_timeout(PATIENCE.1 * 2);
        }
    }
}

/// Requests metadata of a topic, or only of the brokers, until a broker whose id is known has responded or the topic does not exist yet. Gives up
/// after some timeouts, or once `has_ended`.
pub(in crate::producer) fn await_known_broker(client: &Client, topic: Option<&Topic>, has_ended: impl Fn() -> bool) {
    let metadata = |patience: Duration| {
        let begun = Instant::now();
        if !client.wait_for_connection(patience) {
            return Err(code::TRANSPORT);
        }
        let left = patience.saturating_sub(begun.elapsed());
        topic.map_or_else(|| client.known_metadata(left), |topic| client.metadata(topic, left))
    };
    ask(metadata, has_ended);
}

/// Requests metadata with increasing timeouts, until a known broker has responded or the topic does not exist yet.
fn ask(mut metadata: impl FnMut(Duration) -> Result<Metadata, i32>, has_ended: impl Fn() -> bool) {
    let mut patience = PATIENCE.0;
    for _ in 0..ATTEMPTS {
        if has_ended() {
            return;
        }
        match metadata(patience) {
            Ok(Metadata { code, is_from_known_broker, .. }) if code != code::NO_ERROR || is_from_known_broker => return,
            Ok(_) => thread::sleep(PAUSE),
            Err(_) if patience < PATIENCE.1 => patience *= 2,
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, collections::VecDeque};

    use super::*;

    fn answer(code: i32, is_from_known_broker: bool) -> Result<Metadata, i32> {
        Ok(Metadata { code, partitions: Vec::new(), is_from_known_broker })
    }

    /// The timeouts of the requests in ms.
    fn asked(answers: impl IntoIterator<Item = Result<Metadata, i32>>) -> Vec<u128> {
        let mut answers: VecDeque<_> = answers.into_iter().collect();
        let (mut asked, is_last) = (Vec::new(), Cell::new(answers.is_empty()));
        let metadata = |patience: Duration| {
            asked.push(patience.as_millis());
            let answer = answers.pop_front().unwrap();
            is_last.set(answers.is_empty());
            answer
        };
        ask(metadata, || is_last.get());
        asked
    }

    #[test]
    fn requests_are_repeated_until_a_known_broker_responds() {
        let bootstrap = || answer(code::NO_ERROR, false);
        let more = || answer(code::NO_ERROR, false);
        assert_eq!(asked([bootstrap(), bootstrap(), answer(code::NO_ERROR, true), more()]), [100, 100, 100]);
    }

    #[test]
    fn a_topic_that_is_being_created_is_left_to_librdkafka() {
        let more = || answer(code::NO_ERROR, false);
        for code in [code::UNKNOWN_TOPIC_OR_PARTITION, code::LEADER_NOT_AVAILABLE] {
            assert_eq!(asked([answer(code, false), more()]), [100], "{code}");
        }
    }

    #[test]
    fn timeouts_double_up_to_a_limit() {
        assert_eq!(asked((0..9).map(|_| Err(code::TRANSPORT))), [100, 200, 400, 800]);
    }

    #[test]
    fn an_ended_producer_sends_no_request() {
        assert!(asked([]).is_empty());
    }
}
