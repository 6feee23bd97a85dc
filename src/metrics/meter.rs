//! [`Meter`]: what a producer counts besides the reports of its topics.

use std::{
    collections::VecDeque,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use super::{
    statistics::Statistics,
    window::{Beginning, Totals, Window},
};
use crate::lock::lock;

/// A kind of call whose duration is measured.
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

/// A producer's own counts, and librdkafka's latest statistics.
#[derive(Debug)]
pub(crate) struct Meter {
    refused: AtomicU64,
    exhausted: AtomicU64,
    /// The total duration of calls, indexed by [`Timed`].
    nanoseconds: [AtomicU64; Timed::COUNT],
    window: Mutex<Window>,
    /// The latest two, as JSON; rates need both.
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

    /// Counts records that `send` rejected, before or after waiting.
    pub(crate) fn refuse(&self, records: usize) {
        self.refused.fetch_add(records as u64, Ordering::Relaxed);
    }

    /// Counts a record that failed because the buffer was full. It is counted by [`refuse`](Self::refuse) as well.
    pub(crate) fn exhaust(&self) {
        self.exhausted.fetch_add(1, Ordering::Relaxed);
    }

    /// Adds the duration of a call.
    pub(crate) fn took(&self, call: Timed, time: Duration) {
        if let Some(total) = self.nanoseconds.get(call as usize) {
            total.fetch_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }

    /// Stores statistics that librdkafka emitted.
    pub(crate) fn keep_statistics(&self, json: String) {
        let mut statistics = lock(&self.statistics);
        statistics.truncate(1);
        statistics.push_front(json);
    }

    pub(crate) fn last_statistics(&self) -> Option<String> {
        lock(&self.statistics).front().cloned()
    }

    /// Takes a sample if one is due. `topics` returns the counts by topic, with the largest record since the last sample.
    pub(crate) fn sample(&self, now: Instant, topics: impl FnOnce() -> Totals) {
        let mut window = lock(&self.window);
        if window.is_due(now) {
            let totals = self.totals(topics());
            window.push(now, totals);
        }
    }

    /// Adds the counts of this meter to those by topic.
    pub(super) fn totals(&self, topics: Totals) -> Totals {
        Totals { refused: self.refused.load(Ordering::Relaxed), exhausted: self.exhausted.load(Ordering::Relaxed), ..topics }
    }

    pub(super) fn beginning(&self, now: Instant) -> Beginning {
        lock(&self.window).beginning(now)
    }

    /// The total duration of calls of this kind, in nanoseconds.
    pub(super) fn nanoseconds(&self, call: Timed) -> u64 {
        self.nanoseconds.get(call as usize).map_or(0, |total| total.load(Ordering::Relaxed))
    }

    /// librdkafka's latest two statistics, parsed; the latest first.
    pub(super) fn statistics(&self) -> [Option<Statistics>; 2] {
        let texts = lock(&self.statistics).clone();
        let read = |index: usize| texts.get(index).and_then(|json| Statistics::read(json));
        [read(0), read(1)]
    }
}
