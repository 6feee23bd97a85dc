//! [`Meter`]: what a producer counts beside its topics' reports.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use super::{
    statistics::Statistics,
    window::{Beginning, Totals, Window},
};

/// A kind of call whose time is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timed {
    Flush,
    InitTransactions,
    BeginTransaction,
    SendOffsets,
    Commit,
    Abort,
}

impl Timed {
    const COUNT: usize = Self::Abort as usize + 1;
}

/// A producer's own counts, and librdkafka's last statistics.
#[derive(Debug)]
pub(crate) struct Meter {
    refused: AtomicU64,
    exhausted: AtomicU64,
    /// Of the calls, by [`Timed`].
    nanoseconds: [AtomicU64; Timed::COUNT],
    window: Mutex<Window>,
    /// The last, and the one before, for rates.
    statistics: Mutex<VecDeque<String>>,
}

impl Meter {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            refused: AtomicU64::new(0),
            exhausted: AtomicU64::new(0),
            nanoseconds: Default::default(),
            window: Mutex::new(Window::new(now)),
            statistics: Mutex::default(),
        }
    }

    /// Counts records that were refused, before or after they waited.
    pub(crate) fn refuse(&self, records: usize) {
        self.refused.fetch_add(records as u64, Ordering::Relaxed);
    }

    /// Counts a record for which there was no room. It is [refused](Self::refuse) as well.
    pub(crate) fn exhaust(&self) {
        self.exhausted.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a call that has taken so long.
    pub(crate) fn took(&self, call: Timed, time: Duration) {
        if let Some(total) = self.nanoseconds.get(call as usize) {
            total.fetch_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }

    /// Keeps what librdkafka has emitted.
    pub(crate) fn keep_statistics(&self, json: String) {
        let mut statistics = lock(&self.statistics);
        statistics.truncate(1);
        statistics.push_front(json);
    }

    pub(crate) fn last_statistics(&self) -> Option<String> {
        lock(&self.statistics).front().cloned()
    }

    /// Takes a sample if it is time for one. `topics` gives what was counted since, with the largest record since the last sample.
    pub(crate) fn sample(&self, now: Instant, topics: impl FnOnce() -> Totals) {
        let mut window = lock(&self.window);
        if window.is_due(now) {
            let totals = self.complete(topics());
            window.push(now, totals);
        }
    }

    /// Adds what is counted here to what is counted by topic.
    pub(super) fn complete(&self, topics: Totals) -> Totals {
        Totals { refused: self.refused.load(Ordering::Relaxed), exhausted: self.exhausted.load(Ordering::Relaxed), ..topics }
    }

    pub(super) fn beginning(&self, now: Instant) -> Beginning {
        lock(&self.window).beginning(now)
    }

    /// What calls of this kind have taken, all of them together.
    pub(super) fn nanoseconds(&self, call: Timed) -> u64 {
        self.nanoseconds.get(call as usize).map_or(0, |total| total.load(Ordering::Relaxed))
    }

    /// librdkafka's last statistics and those before, read.
    pub(super) fn statistics(&self) -> [Option<Statistics>; 2] {
        let texts = lock(&self.statistics).clone();
        let read = |index: usize| texts.get(index).and_then(|json| Statistics::read(json));
        [read(0), read(1)]
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
