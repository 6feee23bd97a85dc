//! [`Window`]: the counts of the last 30 seconds, for rates and averages.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use crate::native::Counted;

/// The length of the window: one sample of the Java client (`metrics.sample.window.ms`).
const REACH: Duration = Duration::from_secs(30);

/// The time between two samples.
const STEP: Duration = Duration::from_secs(5);

/// A producer's counts at one point in time.
#[derive(Debug, Default, Clone)]
pub(crate) struct Totals {
    /// Counts by topic.
    pub(crate) topics: BTreeMap<Arc<str>, Counted>,
    /// Records that `send` rejected.
    pub(crate) refused: u64,
    /// Those of them that failed because the buffer was full.
    pub(crate) exhausted: u64,
}

impl Totals {
    /// The sum over all topics.
    pub(super) fn sum(&self) -> Counted {
        self.topics.values().fold(Counted::default(), |sum, topic| Counted {
            acknowledged: sum.acknowledged + topic.acknowledged,
            failed: sum.failed + topic.failed,
            bytes: sum.bytes + topic.bytes,
            largest: sum.largest.max(topic.largest),
        })
    }
}

/// The samples of the last 30 seconds, the oldest first, and the one before them.
#[derive(Debug)]
pub(super) struct Window {
    samples: VecDeque<(Instant, Totals)>,
}

/// The state at the beginning of the window.
#[derive(Debug)]
pub(super) struct Beginning {
    pub(super) totals: Totals,
    /// The age of the beginning, in seconds.
    pub(super) seconds: f64,
    /// The largest record between the beginning and the last sample, in bytes.
    pub(super) largest: u64,
}

impl Window {
    pub(super) fn new(now: Instant) -> Self {
        Self { samples: VecDeque::from([(now, Totals::default())]) }
    }

    /// Whether a sample is due.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.samples.back().is_none_or(|(last, _)| now.saturating_duration_since(*last) >= STEP)
    }

    pub(super) fn push(&mut self, now: Instant, totals: Totals) {
        self.samples.push_back((now, totals));
        while self.samples.get(1).is_some_and(|(second, _)| now.saturating_duration_since(*second) >= REACH) {
            self.samples.pop_front();
        }
    }

    /// The beginning of the window: 30 seconds ago, or the start of the producer.
    pub(super) fn beginning(&self, now: Instant) -> Beginning {
        let Some((begun, totals)) = self.samples.front() else {
            return Beginning { totals: Totals::default(), seconds: 0.0, largest: 0 };
        };
        Beginning {
            totals: totals.clone(),
            seconds: now.saturating_duration_since(*begun).as_secs_f64(),
            largest: self.samples.iter().skip(1).map(|(_, totals)| totals.sum().largest).max().unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(acknowledged: u64, largest: u64) -> Totals {
        let counted = Counted { acknowledged, largest, ..Counted::default() };
        Totals { topics: BTreeMap::from([(Arc::from("orders"), counted)]), ..Totals::default() }
    }

    #[test]
    fn window_begins_at_the_start_and_then_30_seconds_ago() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut window = Window::new(start);
        assert!(!window.is_due(at(4)) && window.is_due(at(5)));
        for step in 1..=20 {
            window.push(at(step * 5), totals(step * 10, 1000 - step));
            let beginning = window.beginning(at(step * 5));
            let expected = step.min(6) * 5;
            assert_eq!(beginning.seconds, expected as f64, "after {step} steps");
            assert_eq!(beginning.totals.sum().acknowledged, (step * 10).saturating_sub(60));
            // The largest of the samples after the beginning of the window.
            assert_eq!(beginning.largest, 1000 - step.saturating_sub(5).max(1));
        }
        assert!(window.samples.len() <= 7, "{}", window.samples.len());
        // No samples for a while, because the delivery thread slept.
        window.push(at(1000), totals(500, 1));
        assert_eq!(window.beginning(at(1000)).seconds, 900.0);
    }
}
