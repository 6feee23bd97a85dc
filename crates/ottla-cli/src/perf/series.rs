//! [`Series`]: the figures of a run over time, in constant memory.

use std::time::Duration;

use serde::Serialize;

/// The number of samples above which pairs of samples are merged.
const MAX_SAMPLES: usize = 240;

/// The samples of a run, at first one per second. In a long run a sample covers more time.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    samples: Vec<Sample>,
    /// How many intervals a sample covers.
    per_sample: usize,
    /// How many intervals the last sample covers.
    in_last: usize,
}

/// The figures of an interval.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Sample {
    /// When it ends, in seconds after the first measured record was due.
    pub(crate) end_s: f64,
    pub(crate) length_s: f64,
    pub(crate) acknowledged: u64,
    pub(crate) failed: u64,
    pub(crate) bytes: u64,
    /// In milliseconds; `None` if no record was acknowledged. Of merged intervals the longest.
    pub(crate) p50_ms: Option<f64>,
    pub(crate) p99_ms: Option<f64>,
    pub(crate) max_ms: Option<f64>,
    /// The average compressed size of a batch in bytes; `None` if no batch was sent, and if librdkafka reports no statistics. Of merged
    /// intervals the last.
    pub(crate) batch_bytes: Option<f64>,
    /// The average number of records in a batch.
    pub(crate) batch_records: Option<f64>,
}

impl Sample {
    /// Adds the interval that follows.
    fn merge(&mut self, next: &Self) {
        let longer = |one: Option<f64>, other: Option<f64>| match (one, other) {
            (Some(one), Some(other)) => Some(one.max(other)),
            (one, other) => one.or(other),
        };
        self.end_s = next.end_s;
        self.length_s += next.length_s;
        self.acknowledged += next.acknowledged;
        self.failed += next.failed;
        self.bytes += next.bytes;
        self.p50_ms = longer(self.p50_ms, next.p50_ms);
        self.p99_ms = longer(self.p99_ms, next.p99_ms);
        self.max_ms = longer(self.max_ms, next.max_ms);
        self.batch_bytes = next.batch_bytes.or(self.batch_bytes);
        self.batch_records = next.batch_records.or(self.batch_records);
    }

    /// Acknowledged records per second.
    pub(crate) fn rate(&self) -> f64 {
        self.per_second(self.acknowledged)
    }

    /// Failed records per second.
    pub(crate) fn failure_rate(&self) -> f64 {
        self.per_second(self.failed)
    }

    #[expect(clippy::cast_precision_loss, reason = "a rate that is shown")]
    fn per_second(&self, records: u64) -> f64 {
        if self.length_s > 0.0 { records as f64 / self.length_s } else { 0.0 }
    }
}

impl Series {
    pub(crate) fn new() -> Self {
        Self { samples: Vec::new(), per_sample: 1, in_last: 0 }
    }

    /// Adds the next interval.
    pub(crate) fn push(&mut self, sample: Sample) {
        match self.samples.last_mut().filter(|_| self.in_last < self.per_sample) {
            Some(last) => {
                last.merge(&sample);
                self.in_last += 1;
            }
            None => {
                if self.samples.len() == MAX_SAMPLES {
                    self.samples = self.samples.chunks(2).map(merged).collect();
                    self.per_sample *= 2;
                }
                self.samples.push(sample);
                self.in_last = 1;
            }
        }
    }

    /// Adds the last interval of a run. One that is much shorter than the others is merged with the one before: its rate and latencies say little.
    pub(crate) fn push_last(&mut self, sample: Sample) {
        match self.samples.last_mut().filter(|last| sample.length_s < last.length_s / 2.0) {
            Some(last) => last.merge(&sample),
            None => self.push(sample),
        }
    }

    pub(crate) fn samples(&self) -> &[Sample] {
        &self.samples
    }
}

fn merged(pair: &[Sample]) -> Sample {
    let mut first = pair[0].clone();
    pair[1..].iter().for_each(|next| first.merge(next));
    first
}

/// The figures of an interval that ended at this time.
pub(crate) fn sample(counts: &super::latencies::Counts, end: Duration, length: Duration, batch: [Option<f64>; 2]) -> Sample {
    let [batch_bytes, batch_records] = batch;
    Sample {
        end_s: end.as_secs_f64(),
        length_s: length.as_secs_f64(),
        acknowledged: counts.acknowledged,
        failed: counts.failed(),
        bytes: counts.bytes,
        p50_ms: counts.latencies.quantile(0.5),
        p99_ms: counts.latencies.quantile(0.99),
        max_ms: counts.latencies.longest(),
        batch_bytes,
        batch_records,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::perf::latencies::Counts;

    fn second(number: u32) -> Sample {
        let mut counts = Counts::new();
        counts.acknowledge(Duration::ZERO, Duration::from_millis(number.into()), 10);
        sample(&counts, Duration::from_secs(number.into()), Duration::from_secs(1), [Some(f64::from(number)), None])
    }

    #[test]
    fn a_long_run_has_a_constant_number_of_samples_that_cover_all_of_it() {
        for seconds in [1_u32, 240, 241, 242, 479, 480, 481, 5000] {
            let mut series = Series::new();
            (1..=seconds).for_each(|number| series.push(second(number)));
            let samples = series.samples();
            assert!(samples.len() <= MAX_SAMPLES && (seconds < 240 || samples.len() >= MAX_SAMPLES / 2), "{seconds}");
            assert_eq!(samples.iter().map(|sample| sample.acknowledged).sum::<u64>(), u64::from(seconds));
            let mut end = 0.0;
            for sample in samples {
                assert_eq!(end + sample.length_s, sample.end_s, "{seconds}");
                end = sample.end_s;
                assert_eq!((sample.rate(), sample.max_ms, sample.batch_bytes), (1.0, Some(end), Some(end)));
            }
            assert_eq!(end, f64::from(seconds));
        }
    }

    #[test]
    fn a_short_last_interval_is_merged() {
        let last = |length_s| {
            let mut series = Series::new();
            series.push(second(1));
            series.push_last(Sample { length_s, ..second(2) });
            series.samples().iter().map(|sample| (sample.acknowledged, sample.length_s)).collect::<Vec<_>>()
        };
        assert_eq!(last(0.25), [(2, 1.25)]);
        assert_eq!(last(0.75), [(1, 1.0), (1, 0.75)]);
        let mut only = Series::new();
        only.push_last(Sample { length_s: 0.01, ..second(1) });
        assert_eq!(only.samples().len(), 1);
    }

    #[test]
    fn intervals_without_records_have_no_latency() {
        let empty = sample(&Counts::new(), Duration::from_secs(1), Duration::from_secs(1), [None, None]);
        assert_eq!((empty.p50_ms, empty.max_ms, empty.rate()), (None, None, 0.0));
        let mut pair = empty.clone();
        pair.merge(&second(2));
        assert_eq!((pair.max_ms, pair.length_s, pair.batch_bytes), (Some(2.0), 2.0, Some(2.0)));
    }
}
