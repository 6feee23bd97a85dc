//! [`ProducerId`]: the id of an idempotent producer, sooner than librdkafka asks for it.
//!
//! librdkafka asks for the id when it has read a broker's metadata, if a broker is connected then, and else half a second later
//! (`rd_kafka_idemp_pid_fsm`). The first metadata come over the connection to a bootstrap server, which it ends as soon as they have told
//! it what broker that is: at that moment none is connected, and a producer's first records wait for half a second. Metadata from a
//! broker that it knows have it ask at once. So a thread asks for the first topic's until such a broker has answered.
//!
//! A topic that is just being created is left to librdkafka: the first records of one fare better when they come later
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

/// How long it waits for an answer, the first time and the last. The time doubles in between; by then librdkafka has asked itself.
const PATIENCE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(800));

/// How long it lets librdkafka connect to the brokers that it has just heard of.
const PAUSE: Duration = Duration::from_millis(1);

/// How often it asks at most.
const ATTEMPTS: u32 = 100;

pub(in crate::producer) struct ProducerId {
    /// Until the first topic is there.
    is_wanted: AtomicBool,
    asking: Arc<Mutex<Asking>>,
}

#[derive(Default)]
struct Asking {
    ended: bool,
    /// Says that the thread has let go of the client.
    thread: Option<Receiver<()>>,
}

impl ProducerId {
    /// `is_wanted` of an idempotent producer without transactions, which ask for their id themselves.
    pub(in crate::producer) fn new(is_wanted: bool) -> Self {
        Self { is_wanted: AtomicBool::new(is_wanted), asking: Arc::default() }
    }

    /// Has librdkafka ask for the id, once: the topic is the first that records are sent to.
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
            let metadata = |patience| {
                let begun = Instant::now();
                if !client.wait_for_connection(patience) {
                    return Err(code::TRANSPORT);
                }
                client.metadata(&topic, patience.saturating_sub(begun.elapsed()))
            };
            ask(metadata, || lock(&state).ended);
            drop((topic, client));
            drop(end);
        };
        // Without the thread the first records still go out, half a second later.
        asking.thread = thread::Builder::new().name("ottla-id".to_owned()).spawn(ask).ok().map(|_| ended);
    }

    /// Ends the thread, which holds the client, and waits for it: for twice as long as a question takes, and no longer, since librdkafka's own
    /// waits take longer when the system's clock is set back.
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

/// Asks for metadata, each time for so long, until a broker that is known has answered, or the topic is not there yet.
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

    /// How long it waited for each answer, in ms, until it asked no more or there was none left.
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
    fn it_asks_until_a_known_broker_answers() {
        let bootstrap = || answer(code::NO_ERROR, false);
        let more = || answer(code::NO_ERROR, false);
        assert_eq!(asked([bootstrap(), bootstrap(), answer(code::NO_ERROR, true), more()]), [100, 100, 100]);
    }

    #[test]
    fn a_topic_that_is_just_being_created_is_left_to_librdkafka() {
        let more = || answer(code::NO_ERROR, false);
        for code in [code::UNKNOWN_TOPIC_OR_PARTITION, code::LEADER_NOT_AVAILABLE] {
            assert_eq!(asked([answer(code, false), more()]), [100], "{code}");
        }
    }

    #[test]
    fn it_waits_longer_where_no_broker_answers_and_then_gives_up() {
        assert_eq!(asked((0..9).map(|_| Err(code::TRANSPORT))), [100, 200, 400, 800]);
    }

    #[test]
    fn it_asks_no_more_once_the_producer_has_ended() {
        assert!(asked([]).is_empty());
    }
}
