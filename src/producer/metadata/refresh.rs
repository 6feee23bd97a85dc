//! [`Refresh`]: refreshes the metadata of topics with partitions that librdkafka does not know.
//!
//! librdkafka rejects an unknown partition at once and does not refresh the metadata, so a new partition would stay unknown for up to
//! `metadata.max.age.ms`. Java refreshes the metadata, and so does this thread. `rd_kafka_metadata` blocks, so the thread handles one topic after
//! the other. It starts with the first topic and ends when no topic is left. A topic is requested at most once in `retry.backoff.ms`, which
//! doubles up to `retry.backoff.max.ms` while the topic is wanted.

use std::{
    collections::HashMap,
    sync::{
        Arc, Condvar, Mutex,
        mpsc::{Receiver, channel},
    },
    task::Waker,
    thread,
    time::{Duration, Instant},
};

use super::racks::Racks;
use crate::{
    lock::{lock, unpoisoned},
    native::{Client, Topic},
};

/// The timeout of a request. The thread has a handle of the client, so the end of the producer waits for it.
const PATIENCE: Duration = Duration::from_secs(1);

pub(in crate::producer) struct Refresh(Arc<Inner>);

struct Inner {
    /// The first and the longest pause between two requests for a topic.
    backoff: (Duration, Duration),
    /// With rack-aware partitioning.
    racks: Option<Racks>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// `None` before the delivery thread starts and after it has ended.
    client: Option<Arc<Client>>,
    topics: HashMap<Arc<str>, Wanted>,
    /// Disconnects when the thread has dropped the client; `None` while no thread runs.
    thread: Option<Receiver<()>>,
}

struct Wanted {
    topic: Arc<Topic>,
    is_wanted: bool,
    /// The pause after the next request.
    backoff: Duration,
    not_before: Instant,
}

/// What the thread does next.
enum Step {
    Ask(Arc<Topic>),
    Wait(Duration),
    End,
}

impl State {
    fn want(&mut self, topic: &Arc<Topic>, (first, longest): (Duration, Duration), now: Instant) {
        let wanted = self.topics.entry(Arc::clone(topic.name())).or_insert_with(|| Wanted {
            topic: Arc::clone(topic),
            is_wanted: false,
            backoff: first,
            not_before: now,
        });
        if !wanted.is_wanted {
            wanted.is_wanted = true;
            // Not wanted for a long time, so the backoff starts again.
            if now.saturating_duration_since(wanted.not_before) > longest {
                (wanted.backoff, wanted.not_before) = (first, now);
            }
        }
    }

    fn next(&mut self, longest: Duration, now: Instant) -> Step {
        let Some(next) = self.topics.values_mut().filter(|wanted| wanted.is_wanted).min_by_key(|wanted| wanted.not_before) else {
            return Step::End;
        };
        if next.not_before > now {
            return Step::Wait(next.not_before - now);
        }
        next.is_wanted = false;
        next.not_before = now + next.backoff;
        next.backoff = longest.min(next.backoff * 2);
        Step::Ask(Arc::clone(&next.topic))
    }
}

impl Refresh {
    /// `backoff` and `longest` are the first and the longest pause between two requests for a topic.
    pub(in crate::producer) fn new(backoff: Duration, longest: Duration, racks: Option<Racks>) -> Self {
        Self(Arc::new(Inner {
            backoff: (backoff, longest.max(backoff)),
            racks,
            state: Mutex::default(),
            changed: Condvar::new(),
        }))
    }

    /// Sets the client.
    pub(in crate::producer) fn connect(&self, client: Arc<Client>) {
        lock(&self.0.state).client = Some(client);
    }

    /// Requests a topic, unless a request is pending. Wakes `told` after the response.
    pub(in crate::producer) fn want(&self, topic: &Arc<Topic>, told: Waker) {
        let mut state = lock(&self.0.state);
        let Some(client) = state.client.as_ref().map(Arc::clone) else { return };
        state.want(topic, self.0.backoff, Instant::now());
        if state.thread.is_some() {
            drop(state);
            self.0.changed.notify_one();
            return;
        }
        let inner = Arc::clone(&self.0);
        let (end, ended) = channel();
        let run = move || {
            inner.run(|topic| {
                let begun = Instant::now();
                if client.wait_for_connection(PATIENCE) {
                    let left = PATIENCE.saturating_sub(begun.elapsed());
                    match inner.racks.as_ref().filter(|_| topic.needs_leaders()) {
                        Some(racks) => racks.ask(&client, topic, left),
                        None => drop(client.metadata(topic, left)),
                    }
                }
                told.wake_by_ref();
            });
            // The client first, since `join` waits for that.
            drop(client);
            drop(end);
        };
        // Without the thread, the topic stays unknown until librdkafka itself refreshes its metadata.
        state.thread = thread::Builder::new().name("ottla-metadata".to_owned()).spawn(run).ok().map(|_| ended);
    }

    /// Requests the topics whose leaders may have moved, for rack-aware partitioning.
    pub(in crate::producer) fn follow_leaders(&self, client: &Client, told: impl Fn() -> Waker) {
        if self.0.racks.as_ref().is_some_and(|racks| racks.are_outdated(client)) {
            client.topics().iter().filter(|topic| topic.has_leaders()).for_each(|topic| self.want(topic, told()));
        }
    }

    /// Ends the thread, which has handles of the client and of topics, and waits for it: at most twice the timeout of a request, since librdkafka
    /// waits longer if the system clock is set back.
    pub(in crate::producer) fn join(&self) {
        let (client, topics, thread) = {
            let mut state = lock(&self.0.state);
            (state.client.take(), std::mem::take(&mut state.topics), state.thread.take())
        };
        drop((client, topics));
        self.0.changed.notify_one();
        if let Some(thread) = thread {
            let _ = thread.recv_timeout(PATIENCE * 2);
        }
    }
}

impl Inner {
    /// Requests wanted topics until none is left.
    fn run(&self, mut ask: impl FnMut(&Topic)) {
        let mut state = lock(&self.state);
        loop {
            match state.next(self.backoff.1, Instant::now()) {
                Step::Ask(topic) => {
                    drop(state);
                    ask(&topic);
                    drop(topic);
                    state = lock(&self.state);
                }
                Step::Wait(time) => {
                    state = unpoisoned(self.changed.wait_timeout(state, time)).0;
                }
                Step::End => {
                    // Under the lock, so that the next wanted topic starts another thread. Nothing to do if `join` has taken it.
                    state.thread = None;
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, task::Wake};

    use super::*;
    use crate::native::Pool;

    const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(300));

    fn topic(name: &str) -> Arc<Topic> {
        Arc::new(Topic::detached(name, &Arc::new(Pool::default())))
    }

    fn asked(step: Step) -> Option<String> {
        match step {
            Step::Ask(topic) => Some(topic.name().to_string()),
            Step::Wait(_) | Step::End => None,
        }
    }

    #[test]
    fn requests_for_a_topic_have_an_exponential_backoff() {
        let (mut state, begun, orders) = (State::default(), Instant::now(), topic("orders"));
        let at = |ms| begun + Duration::from_millis(ms);
        let mut asked_at = Vec::new();
        // The topic is wanted all the time.
        for ms in 0..1500 {
            state.want(&orders, BACKOFF, at(ms));
            if asked(state.next(BACKOFF.1, at(ms))).is_some() {
                asked_at.push(ms);
            }
        }
        assert_eq!(asked_at, [0, 100, 300, 600, 900, 1200]);
        // Wanted once more after the last request.
        assert!(matches!(state.next(BACKOFF.1, at(1499)), Step::Wait(time) if time == Duration::from_millis(1)));
        assert_eq!(asked(state.next(BACKOFF.1, at(1500))).as_deref(), Some("orders"));
        assert!(matches!(state.next(BACKOFF.1, at(5000)), Step::End));
        // Wanted again much later: the backoff starts again.
        state.want(&orders, BACKOFF, at(5000));
        assert_eq!(asked(state.next(BACKOFF.1, at(5000))).as_deref(), Some("orders"));
        state.want(&orders, BACKOFF, at(5001));
        assert!(matches!(state.next(BACKOFF.1, at(5001)), Step::Wait(time) if time == Duration::from_millis(99)));
    }

    #[test]
    fn every_topic_is_requested_and_the_thread_then_ends() {
        let (mut state, now) = (State::default(), Instant::now());
        for name in ["a", "b"] {
            state.want(&topic(name), BACKOFF, now);
        }
        let mut both = [asked(state.next(BACKOFF.1, now)), asked(state.next(BACKOFF.1, now))];
        both.sort();
        assert_eq!(both, [Some("a".to_owned()), Some("b".to_owned())]);
        assert!(matches!(state.next(BACKOFF.1, now), Step::End));
    }

    /// Sends a message when woken. The channel disconnects when all its wakers are dropped.
    struct Told(Mutex<mpsc::Sender<()>>);

    impl Wake for Told {
        fn wake(self: Arc<Self>) {
            self.0.lock().unwrap().send(()).unwrap();
        }
    }

    #[test]
    fn the_idle_thread_drops_its_client() {
        let client = crate::producer::producer_state::tests::client();
        let refresh = Refresh::new(BACKOFF.0, BACKOFF.1, None);
        let (sender, told) = channel();
        let waker = || Waker::from(Arc::new(Told(Mutex::new(sender.clone()))));
        let known = client.topic("orders").unwrap();
        refresh.want(&known, waker());
        assert!(lock(&refresh.0.state).thread.is_none(), "there is no client yet");
        refresh.connect(Arc::clone(&client));
        // A request without a response wakes too, so that waiting records are checked.
        refresh.want(&known, waker());
        drop(sender);
        told.recv_timeout(Duration::from_secs(60)).unwrap();
        // The thread drops the last sender.
        assert!(told.recv_timeout(Duration::from_secs(60)).is_err());
        refresh.join();
        assert_eq!(Arc::strong_count(&client), 1);
        refresh.want(&known, Waker::noop().clone());
        assert!(lock(&refresh.0.state).thread.is_none(), "the producer has ended");
    }
}
