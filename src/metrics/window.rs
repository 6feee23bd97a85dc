//! [`Window`]: what was counted in the last half minute, for rates and averages.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use crate::native::Counted;

/// How far back the window reaches: one sample of the Java client (`metrics.sample.window.ms`).
const REACH: Duration = Duration::from_secs(30);

/// How often a sample is taken.
const STEP: Duration = Duration::from_secs(5);

/// A producer's counts at one time.
#[derive(Debug, Default, Clone)]
pub(crate) struct Totals {
    /// By topic.
    pub(crate) topics: BTreeMap<Arc<str>, Counted>,
    /// Records that were refused.
    pub(crate) refused: u64,
    /// Those of them for which there was no room.
    pub(crate) exhausted: u64,
}

impl Totals {
    /// All topics together.
    pub(super) fn sum(&self) -> Counted {
        self.topics.values().fold(Counted::default(), |sum, topic| Counted {
            acknowledged: sum.acknowledged + topic.acknowledged,
            failed: sum.failed + topic.failed,
            bytes: sum.bytes + topic.bytes,
            largest: sum.largest.max(topic.largest),
        })
    }
}

/// The samples of the last half minute, the oldest first, and one that is older if there is one.
#[derive(Debug)]
pub(super) struct Window {
    samples: VecDeque<(Instant, Totals)>,
}

/// The beginning of a window.
#[derive(Debug)]
pub(super) struct Beginning {
    pub(super) totals: Totals,
    /// How long ago, in seconds.
    pub(super) seconds: f64,
    /// The largest record since then, in bytes, but for those since the last sample.
    pub(super) largest: u64,
}

impl Window {
    pub(super) fn new(now: Instant) -> Self {
        Self { samples: VecDeque::from([(now, Totals::default())]) }
    }

    /// Whether it is time for a sample.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.samples.back().is_none_or(|(last, _)| now.saturating_duration_since(*last) >= STEP)
    }

    pub(super) fn push(&mut self, now: Instant, totals: Totals) {
        self.samples.push_back((now, totals));
        while self.samples.get(1).is_some_and(|(second, _)| now.saturating_duration_since(*second) >= REACH) {
            self.samples.pop_front();
        }
    }

    /// Where the window begins: half a minute ago, or when the producer was started.
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
    fn a_window_begins_with_the_producer_and_then_half_a_minute_ago() {
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
            // The largest of the samples that came after the window's beginning.
            assert_eq!(beginning.largest, 1000 - step.saturating_sub(5).max(1));
        }
        assert!(window.samples.len() <= 7, "{}", window.samples.len());
        // A producer that was silent in between: the thread that samples slept.
        window.push(at(1000), totals(500, 1));
        assert_eq!(window.beginning(at(1000)).seconds, 900.0);
    }
}
