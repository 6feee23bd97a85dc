//! [`Latencies`]: the latency of each record, taken on any thread.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// A handle; clones write to the same figures.
#[derive(Debug, Clone)]
pub struct Latencies(Arc<[AtomicU64]>);

impl Latencies {
    /// Room for `records` latencies, touched before anything is measured.
    pub fn new(records: usize) -> Self {
        Self((0..records).map(|_| AtomicU64::new(u64::MAX)).collect())
    }

    pub fn set(&self, index: usize, latency: Duration) {
        self.0[index].store(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// What `fraction` of the latencies after `warm_up` records do not exceed, in microseconds; a record without one counts as
    /// later than all others.
    pub fn quantiles(&self, warm_up: usize, fractions: &[f64]) -> Vec<f64> {
        let mut sorted: Vec<u64> = self.0.iter().skip(warm_up).map(|latency| latency.load(Ordering::Relaxed)).collect();
        sorted.sort_unstable();
        fractions.iter().map(|fraction| nearest_rank(&sorted, *fraction) as f64 / 1_000.0).collect()
    }
}

fn nearest_rank(sorted: &[u64], fraction: f64) -> u64 {
    let rank = (sorted.len() as f64 * fraction).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_nearest_ranks_of_what_comes_after_the_warm_up() {
        let latencies = Latencies::new(110);
        for index in 0..110 {
            latencies.set(index, if index < 10 { Duration::from_secs(9) } else { Duration::from_micros(110 - index as u64) });
        }
        assert_eq!(latencies.quantiles(10, &[0.5, 0.99, 0.999, 1.0]), [50.0, 99.0, 100.0, 100.0]);
    }

    #[test]
    fn a_record_without_a_report_is_the_latest() {
        let latencies = Latencies::new(2);
        latencies.set(0, Duration::from_micros(1));
        assert!(latencies.quantiles(0, &[1.0])[0] > 1e12);
    }
}
