//! [`FlushHelper`]: the thread that keeps librdkafka from lingering.
//!
//! librdkafka does not linger while `rd_kafka_flush` runs, and offers no other way. The call blocks, so a helper thread makes it, for one of
//! two reasons:
//!
//! - Somebody waits for reports: a [`Hurry`] is held by `flush`, by a sink that is flushed, by `send_and_wait`, and by closing. The calls
//!   follow each other without a pause, since records that are in flight hold up those behind them.
//! - Senders wait for room. As in Java's accumulator ("exhausted"), what fills `buffer.memory` is to be sent then. A short call is enough for
//!   what is queued: a *pulse*, made whenever records have been reported and some still wait, and now and then in between. Pulses leave
//!   out the time in which librdkafka's threads have nothing to do but wait for a broker, and would not sleep while the call lasts.
//!
//! `rd_kafka_flush` returns when its time is over or librdkafka has no record left, and nothing else ends it. A flush that is over while
//! others send would leave it running, and what is sent next would not linger. Therefore the slices are short, and `flush` waits
//! for the end of the current one ([`FlushHelper::lingers`]).

use std::{
    mem,
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use futures::channel::oneshot;

use crate::{
    lock::{lock, unpoisoned},
    native::{Client, flush_now},
    panic::{answer, emit},
    producer::core::Core,
};

/// How long a call of [`flush_now`] lasts before its caller looks whether it is still needed.
pub(in crate::producer) const FLUSH_SLICE: Duration = Duration::from_millis(10);

/// How long a pulse lasts: librdkafka's threads must wake up within it.
const PULSE: Duration = Duration::from_millis(5);

/// The shortest and the longest time from one pulse to the next; it doubles in between, until records are reported.
const PULSES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(100));

/// A helper that has nothing to do ends after this long.
const IDLE: Duration = Duration::from_secs(1);

pub(in crate::producer) struct FlushHelper {
    inner: Arc<Inner>,
    /// `None` if records linger no longer than from one pulse to the next.
    pulses: Option<Mutex<Pulses>>,
}

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    client: Option<Arc<Client>>,
    thread: Option<JoinHandle<()>>,
    runs: bool,
    /// How many are in a hurry.
    hurries: usize,
    /// The producer is being closed, which is a hurry until the end.
    closing: bool,
    pulse: bool,
    /// `rd_kafka_flush` runs.
    in_flush: bool,
    /// Those who wait until it no longer does.
    leaving: Vec<oneshot::Sender<()>>,
}

/// When the next pulse is due.
#[derive(Default)]
struct Pulses {
    last: Option<Instant>,
    /// Pulses since records were reported.
    in_vain: u32,
}

/// Keeps librdkafka from lingering until it is dropped.
pub(in crate::producer) struct Hurry(Arc<Core>);

impl FlushHelper {
    /// For a producer whose records linger this long.
    pub(in crate::producer) fn new(linger: Duration) -> Self {
        let pulses = (linger > PULSES.0).then(Mutex::default);
        Self { inner: Arc::default(), pulses }
    }

    /// Says for which client it flushes.
    pub(in crate::producer) fn connect(&self, client: Arc<Client>) {
        lock(&self.inner.state).client = Some(client);
    }

    /// Waits for the thread, and lets go of the client: the last one to do so ends librdkafka.
    pub(in crate::producer) fn end(&self) {
        let mut state = lock(&self.inner.state);
        let (client, thread) = (state.client.take(), state.thread.take());
        self.inner.changed.notify_all();
        drop(state);
        if let Some(thread) = thread {
            let _ = thread.join();
        }
        drop(client);
    }

    /// Whether this is the helper's thread, on which tasks are woken that may run there.
    pub(in crate::producer) fn on_its_thread(&self) -> bool {
        lock(&self.inner.state).thread.as_ref().is_some_and(|helper| helper.thread().id() == thread::current().id())
    }

    /// Keeps librdkafka from lingering from now on: the producer is being closed.
    pub(in crate::producer) fn close(&self) {
        self.ask(|state| state.closing = true);
    }

    /// Waits until librdkafka lingers, unless somebody is in a hurry.
    pub(in crate::producer) async fn lingers(&self) {
        let ends = lock(&self.inner.state).end_of_slice();
        if let Some(ends) = ends {
            // The sender is dropped only if the thread is gone.
            let _ = ends.await;
        }
    }

    /// Records have been reported, and others wait for the room.
    pub(in crate::producer) fn note_progress(&self) {
        if let Some(mut pulses) = self.pulses() {
            pulses.in_vain = 0;
        }
    }

    /// Makes a pulse if one is due, while records wait for room; gives when to look again. The delivery thread calls this.
    pub(in crate::producer) fn watch(&self, waits: bool, now: Instant) -> Option<Instant> {
        if !waits {
            return None;
        }
        let (due, next) = self.pulses()?.due(now);
        if due {
            self.ask(|state| state.pulse = true);
        }
        Some(next)
    }

    #[cfg(test)]
    pub(in crate::producer) fn runs(&self) -> bool {
        lock(&self.inner.state).runs
    }

    fn pulses(&self) -> Option<MutexGuard<'_, Pulses>> {
        self.pulses.as_ref().map(|pulses| lock(&pulses))
    }

    /// Changes what is wanted, and starts the thread if there is none.
    fn ask(&self, change: impl FnOnce(&mut State)) {
        let mut state = lock(&self.inner.state);
        change(&mut state);
        // Without a client the delivery thread has ended: nothing that is outstanding is ever reported.
        let Some(client) = state.client.clone() else { return };
        if state.runs {
            self.inner.changed.notify_all();
            return;
        }
        let (inner, before) = (Arc::clone(&self.inner), state.thread.take());
        match thread::Builder::new().name("ottla-flush".to_owned()).spawn(move || inner.run(&client)) {
            Ok(thread) => (state.thread, state.runs) = (Some(thread), true),
            Err(error) => {
                drop(state);
                // Without the helper records still go out, after linger.ms.
                emit!(warn, %error, "no thread for a flush: it waits for linger.ms");
            }
        }
        // It has left, all but its handle of the client.
        if let Some(before) = before {
            let _ = before.join();
        }
    }
}

impl Default for FlushHelper {
    fn default() -> Self {
        Self::new(Duration::ZERO)
    }
}

impl Inner {
    /// What the thread does, until nobody needs it.
    fn run(&self, client: &Client) {
        let mut state = lock(&self.state);
        while state.client.is_some() {
            let slice = if state.is_hurried() {
                FLUSH_SLICE
            } else if state.pulse {
                PULSE
            } else {
                let (next, timeout) = self.wait(state, IDLE);
                state = next;
                if timeout && !state.is_hurried() && !state.pulse {
                    break;
                }
                continue;
            };
            (state.pulse, state.in_flush) = (false, true);
            drop(state);
            let begun = Instant::now();
            flush_now(client, slice);
            let left = slice.saturating_sub(begun.elapsed());
            state = lock(&self.state);
            state.in_flush = false;
            let leaving = mem::take(&mut state.leaving);
            if !leaving.is_empty() {
                drop(state);
                for waiter in leaving {
                    // A receiver that is gone need not hear it.
                    let _ = answer(waiter, ());
                }
                state = lock(&self.state);
            }
            // It returns at once if librdkafka has nothing to send: a caller that is still in a hurry waits for something else.
            if !left.is_zero() && state.is_hurried() && state.client.is_some() {
                state = self.wait(state, left).0;
            }
        }
        state.runs = false;
    }

    /// Waits for a change, and says whether there was none.
    fn wait<'a>(&self, state: MutexGuard<'a, State>, timeout: Duration) -> (MutexGuard<'a, State>, bool) {
        let (state, timeout) = unpoisoned(self.changed.wait_timeout(state, timeout));
        (state, timeout.timed_out())
    }
}

impl State {
    fn is_hurried(&self) -> bool {
        self.closing || self.hurries > 0
    }

    /// The end of the call of `rd_kafka_flush` that is under way, if nobody wants another.
    fn end_of_slice(&mut self) -> Option<oneshot::Receiver<()>> {
        (self.in_flush && !self.is_hurried()).then(|| {
            let (sender, receiver) = oneshot::channel();
            self.leaving.push(sender);
            receiver
        })
    }
}

impl Pulses {
    /// Whether a pulse is due, and when to look again.
    fn due(&mut self, now: Instant) -> (bool, Instant) {
        if let Some(next) = self.last.map(|last| last + self.pause()).filter(|&next| next > now) {
            return (false, next);
        }
        self.last = Some(now);
        self.in_vain = self.in_vain.saturating_add(1);
        (true, now + self.pause())
    }

    fn pause(&self) -> Duration {
        PULSES.1.min(PULSES.0 * 2_u32.saturating_pow(self.in_vain.saturating_sub(1)))
    }
}

impl Hurry {
    pub(in crate::producer) fn new(core: Arc<Core>) -> Self {
        core.shared.flush_helper.ask(|state| state.hurries += 1);
        Self(core)
    }
}

impl Drop for Hurry {
    fn drop(&mut self) {
        // In a fork the lock may be held for ever.
        if !self.0.client.is_left_behind() {
            lock(&self.0.shared.flush_helper.inner.state).hurries -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn pulses_come_more_and_more_seldom_until_records_are_reported() {
        let helper = FlushHelper::new(Duration::from_secs(2));
        let now = Instant::now();
        assert_eq!(helper.watch(false, now), None, "nobody waits");
        let mut time = now;
        for pause in [10, 20, 40, 80, 100, 100] {
            let next = helper.watch(true, time).unwrap();
            assert_eq!(next - time, pause * MS, "after {:?}", time - now);
            assert_eq!(helper.watch(true, next - MS), Some(next), "too early for another");
            time = next;
        }
        helper.watch(true, time);
        helper.note_progress();
        assert_eq!(helper.watch(true, time + MS), Some(time + 10 * MS));
    }

    #[test]
    fn records_that_linger_no_longer_than_a_pulse_takes_need_none() {
        assert_eq!(FlushHelper::new(Duration::from_millis(5)).watch(true, Instant::now()), None);
    }
}
