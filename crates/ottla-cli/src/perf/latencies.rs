//! [`Latencies`]: a histogram of latencies. [`Counts`]: the outcome of records.

use std::{collections::BTreeMap, time::Duration};

use hdrhistogram::Histogram;

/// The highest latency that is told from longer ones, in microseconds: one hour.
const LONGEST: u64 = 3_600_000_000;
/// The significant digits of a latency: its error is below 0.1 %.
const DIGITS: u8 = 3;

/// Latencies in microseconds, and their exact sum and maximum.
#[derive(Debug, Clone)]
pub(crate) struct Latencies {
    histogram: Histogram<u64>,
    sum: u128,
    longest: u64,
}

impl Latencies {
    pub(crate) fn new() -> Self {
        #[expect(clippy::expect_used, reason = "fails only for bounds that are no range, and for more than five digits")]
        let histogram = Histogram::new_with_bounds(1, LONGEST, DIGITS).expect("valid bounds");
        Self { histogram, sum: 0, longest: 0 }
    }

    pub(crate) fn record(&mut self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.histogram.saturating_record(micros.max(1));
        self.sum += u128::from(micros);
        self.longest = self.longest.max(micros);
    }

    /// Adds all latencies of the other.
    pub(crate) fn add(&mut self, other: &Self) {
        // Histograms with the same bounds.
        let added = self.histogram.add(&other.histogram);
        debug_assert!(added.is_ok());
        self.sum += other.sum;
        self.longest = self.longest.max(other.longest);
    }

    pub(crate) fn clear(&mut self) {
        self.histogram.reset();
        (self.sum, self.longest) = (0, 0);
    }

    pub(crate) fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// The average in milliseconds; `None` without latencies.
    #[expect(clippy::cast_precision_loss, reason = "an average that is shown")]
    pub(crate) fn average(&self) -> Option<f64> {
        (self.count() > 0).then(|| self.sum as f64 / self.count() as f64 / 1000.0)
    }

    /// The latency in milliseconds that this part of the records did not exceed, such as 0.99; `None` without latencies.
    pub(crate) fn quantile(&self, part: f64) -> Option<f64> {
        // The end of the histogram's bucket may be above the maximum.
        let micros = self.histogram.value_at_quantile(part).min(self.longest);
        (self.count() > 0).then(|| milliseconds(micros))
    }

    /// The longest in milliseconds; `None` without latencies.
    pub(crate) fn longest(&self) -> Option<f64> {
        (self.count() > 0).then(|| milliseconds(self.longest))
    }
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of up to an hour")]
fn milliseconds(micros: u64) -> f64 {
    micros as f64 / 1000.0
}

/// The outcome of the records of an interval or of a run.
#[derive(Debug, Clone)]
pub(crate) struct Counts {
    pub(crate) acknowledged: u64,
    /// The bytes of keys and values of the acknowledged records.
    pub(crate) bytes: u64,
    /// Of the acknowledged records.
    pub(crate) latencies: Latencies,
    /// The failed records by kind of error, with the first message of each.
    pub(crate) errors: BTreeMap<&'static str, Errors>,
    /// When the last report arrived, after the start.
    pub(crate) last_report: Duration,
}

/// The errors of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Errors {
    pub(crate) count: u64,
    /// The message of the first one.
    pub(crate) message: String,
}

impl Counts {
    pub(crate) fn new() -> Self {
        Self { acknowledged: 0, bytes: 0, latencies: Latencies::new(), errors: BTreeMap::new(), last_report: Duration::ZERO }
    }

    /// Counts a record that was due at `due` and acknowledged at `now`.
    pub(crate) fn acknowledge(&mut self, due: Duration, now: Duration, bytes: usize) {
        self.acknowledged += 1;
        self.bytes += bytes as u64;
        self.latencies.record(now.saturating_sub(due));
        self.last_report = self.last_report.max(now);
    }

    /// Counts a record that failed at `now`.
    pub(crate) fn fail(&mut self, kind: &'static str, now: Duration, message: impl FnOnce() -> String) {
        self.errors.entry(kind).or_insert_with(|| Errors { count: 0, message: message() }).count += 1;
        self.last_report = self.last_report.max(now);
    }

    /// The number of failed records.
    pub(crate) fn failed(&self) -> u64 {
        self.errors.values().map(|errors| errors.count).sum()
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.acknowledged += other.acknowledged;
        self.bytes += other.bytes;
        self.latencies.add(&other.latencies);
        for (kind, errors) in &other.errors {
            let first = || Errors { count: 0, message: errors.message.clone() };
            self.errors.entry(kind).or_insert_with(first).count += errors.count;
        }
        self.last_report = self.last_report.max(other.last_report);
    }

    pub(crate) fn clear(&mut self) {
        (self.acknowledged, self.bytes) = (0, 0);
        self.latencies.clear();
        self.errors.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(milliseconds: impl IntoIterator<Item = u64>) -> Latencies {
        let mut latencies = Latencies::new();
        milliseconds.into_iter().for_each(|latency| latencies.record(Duration::from_millis(latency)));
        latencies
    }

    #[track_caller]
    fn assert_close(value: Option<f64>, wanted: f64) {
        assert!(value.is_some_and(|value| (value / wanted - 1.0).abs() <= 0.001), "{value:?}, expected {wanted}");
    }

    #[test]
    fn percentiles_are_within_a_thousandth() {
        let latencies = of(1..=1000);
        for (part, wanted) in [(0.5, 500.0), (0.95, 950.0), (0.99, 990.0), (0.999, 999.0), (1.0, 1000.0)] {
            assert_close(latencies.quantile(part), wanted);
        }
        assert_eq!(latencies.average(), Some(500.5));
        assert_eq!(latencies.longest(), Some(1000.0));
    }

    #[test]
    fn no_percentile_exceeds_the_maximum() {
        let mut latencies = Latencies::new();
        latencies.record(Duration::from_micros(1_234_567));
        assert_eq!((latencies.quantile(0.999), latencies.longest()), (Some(1234.567), Some(1234.567)));
    }

    #[test]
    fn extreme_latencies_are_recorded() {
        let mut latencies = of([0]);
        latencies.record(Duration::MAX);
        assert_eq!(latencies.count(), 2);
        assert_eq!(latencies.quantile(0.5), Some(0.001));
        assert_close(latencies.quantile(1.0), 3_600_000.0);
    }

    #[test]
    fn without_latencies_there_are_no_figures() {
        let mut latencies = of([5]);
        latencies.clear();
        assert_eq!((latencies.count(), latencies.average(), latencies.quantile(0.5), latencies.longest()), (0, None, None, None));
    }

    #[test]
    fn counts_are_summed() {
        let second = Duration::from_secs(1);
        let (mut whole, mut interval) = (Counts::new(), Counts::new());
        for _ in 0..2 {
            interval.acknowledge(second, 2 * second, 100);
            interval.fail("RecordTooLarge", 3 * second, || "first".to_owned());
            whole.add(&interval);
            interval.clear();
            interval.fail("RecordTooLarge", 4 * second, || "second".to_owned());
        }
        assert_eq!((whole.acknowledged, whole.bytes, whole.failed()), (2, 200, 3));
        assert_eq!(whole.errors["RecordTooLarge"], Errors { count: 3, message: "first".to_owned() });
        assert_eq!((whole.last_report, whole.latencies.average()), (4 * second, Some(1000.0)));
    }
}
