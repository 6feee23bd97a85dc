//! [`FlushHelper`]: the thread that suspends `linger.ms`.
//!
//! librdkafka ignores `linger.ms` only while `rd_kafka_flush` runs. That call blocks, so a helper thread makes it, for one of two reasons:
//!
//! - A caller waits for reports: `flush`, a sink's flush, `send_and_wait` and closing hold a [`Hurry`]. The calls follow each other without a
//!   pause, since records in flight delay those behind them.
//! - Senders wait for `buffer.memory`. As in Java's accumulator ("exhausted"), the queued records must then be sent. A short call is enough, a
//!   *pulse*. It is made when records were reported and others still wait, and at increasing intervals in between. Without pauses, librdkafka's
//!   threads would spin while they wait for a broker.
//!
//! `rd_kafka_flush` returns only at its timeout or when librdkafka has no record left. A call that outlasts its flush would also send later records
//! without lingering. So the calls are short, and `flush` waits for the end of the current one ([`FlushHelper::lingers`]).

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
    producer::untyped_producer::UntypedProducer,
};

/// The timeout of a call of [`flush_now`], after which its caller checks whether another is needed.
pub(in crate::producer) const FLUSH_SLICE: Duration = Duration::from_millis(10);

/// The duration of a pulse, within which librdkafka's threads must wake up.
const PULSE: Duration = Duration::from_millis(5);

/// The shortest and the longest interval of pulses. It doubles until records are reported.
const PULSES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(100));

/// The idle time after which the thread ends.
const IDLE: Duration = Duration::from_secs(1);

pub(in crate::producer) struct FlushHelper {
    inner: Arc<Inner>,
    /// `None` if `linger.ms` is not longer than the interval of pulses.
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
    /// The number of [`Hurry`] guards.
    hurries: usize,
    /// The producer is being closed, which suspends `linger.ms` until the end.
    closing: bool,
    pulse: bool,
    /// `rd_kafka_flush` runs.
    in_flush: bool,
    /// Waiters for the end of the current call.
    leaving: Vec<oneshot::Sender<()>>,
}

/// The schedule of pulses.
#[derive(Default)]
struct Pulses {
    last: Option<Instant>,
    /// Pulses since records were reported.
    in_vain: u32,
}

/// Suspends `linger.ms` until it is dropped.
pub(in crate::producer) struct Hurry(Arc<UntypedProducer>);

impl FlushHelper {
    /// `linger` is the producer's `linger.ms`.
    pub(in crate::producer) fn new(linger: Duration) -> Self {
        let pulses = (linger > PULSES.0).then(Mutex::default);
        Self { inner: Arc::default(), pulses }
    }

    /// Sets the client.
    pub(in crate::producer) fn connect(&self, client: Arc<Client>) {
        lock(&self.inner.state).client = Some(client);
    }

    /// Joins the thread and drops the client's handle.
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

    /// Whether the current thread is the helper's, which wakes tasks that may run on it.
    pub(in crate::producer) fn on_its_thread(&self) -> bool {
        lock(&self.inner.state).thread.as_ref().is_some_and(|helper| helper.thread().id() == thread::current().id())
    }

    /// Suspends `linger.ms` for good, because the producer is being closed.
    pub(in crate::producer) fn close(&self) {
        self.ask(|state| state.closing = true);
    }

    /// Waits until `linger.ms` is effective again, unless a [`Hurry`] exists.
    pub(in crate::producer) async fn lingers(&self) {
        let ends = lock(&self.inner.state).end_of_slice();
        if let Some(ends) = ends {
            // The sender is dropped only if the thread is gone.
            let _ = ends.await;
        }
    }

    /// Records were reported while others wait for memory.
    pub(in crate::producer) fn note_progress(&self) {
        if let Some(mut pulses) = self.pulses() {
            pulses.in_vain = 0;
        }
    }

    /// Makes a pulse if one is due and records wait for memory. Returns the time of the next check. Called by the delivery thread.
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
        self.pulses.as_ref().map(|pulses| lock(pulses))
    }

    /// Changes the state, and starts the thread if needed.
    fn ask(&self, change: impl FnOnce(&mut State)) {
        let mut state = lock(&self.inner.state);
        change(&mut state);
        // Without a client, the delivery thread has ended and no record is reported any more.
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
                // Without the helper, records are still sent after linger.ms.
                emit!(warn, %error, "could not start the flush thread: records are sent after linger.ms");
            }
        }
        // The thread has ended, or is only dropping its handle of the client.
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
    /// The thread's loop, until it is idle.
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
                    // The receiver may have been dropped.
                    let _ = answer(waiter, ());
                }
                state = lock(&self.state);
            }
            // The call returns at once if librdkafka has nothing to send; the remaining guards then wait for something else.
            if !left.is_zero() && state.is_hurried() && state.client.is_some() {
                state = self.wait(state, left).0;
            }
        }
        state.runs = false;
    }

    /// Waits for a change. Returns true after a timeout.
    fn wait<'a>(&self, state: MutexGuard<'a, State>, timeout: Duration) -> (MutexGuard<'a, State>, bool) {
        let (state, timeout) = unpoisoned(self.changed.wait_timeout(state, timeout));
        (state, timeout.timed_out())
    }
}

impl State {
    fn is_hurried(&self) -> bool {
        self.closing || self.hurries > 0
    }

    /// A receiver for the end of the current `rd_kafka_flush`, if no other will follow.
    fn end_of_slice(&mut self) -> Option<oneshot::Receiver<()>> {
        (self.in_flush && !self.is_hurried()).then(|| {
            let (sender, receiver) = oneshot::channel();
            self.leaving.push(sender);
            receiver
        })
    }
}

impl Pulses {
    /// Whether a pulse is due, and the time of the next check.
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
    pub(in crate::producer) fn new(untyped: Arc<UntypedProducer>) -> Self {
        untyped.state.delivery.flush_helper.ask(|state| state.hurries += 1);
        Self(untyped)
    }
}

impl Drop for Hurry {
    fn drop(&mut self) {
        // In a forked child the lock may be held forever.
        if !self.0.client.is_left_behind() {
            lock(&self.0.state.delivery.flush_helper.inner.state).hurries -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_interval_of_pulses_doubles_until_records_are_reported() {
        let helper = FlushHelper::new(Duration::from_secs(2));
        let now = Instant::now();
        assert_eq!(helper.watch(false, now), None, "no record waits");
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
    fn a_short_linger_needs_no_pulses() {
        assert_eq!(FlushHelper::new(Duration::from_millis(5)).watch(true, Instant::now()), None);
    }
}
