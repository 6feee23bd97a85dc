//! [`Commits`]: the transactions of a run and the time of their commits.

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use anyhow::ensure;

use crate::{Arguments, Latencies};

/// The figures of a transactional run. The first `warm_up` records, in whole transactions, are not counted.
#[derive(Debug)]
pub struct Commits {
    latencies: Latencies,
    transactions: usize,
    records: usize,
    warm_up: usize,
    init: Duration,
    /// The end of the last transaction that is not counted.
    counted_from: Instant,
    ended: Instant,
}

impl Commits {
    pub fn new(arguments: &Arguments) -> anyhow::Result<Self> {
        let Arguments { records, transaction_records, warm_up, .. } = *arguments;
        ensure!(transaction_records > 0, "--transaction-records 0");
        ensure!(records % transaction_records == 0, "--records {records} is not a multiple of {transaction_records}");
        ensure!(warm_up < records, "--warm-up {warm_up} leaves no transaction");
        let now = Instant::now();
        Ok(Self {
            latencies: Latencies::new(records / transaction_records),
            transactions: records / transaction_records,
            records: transaction_records,
            warm_up: warm_up / transaction_records,
            init: Duration::ZERO,
            counted_from: now,
            ended: now,
        })
    }

    /// The producer is ready for transactions.
    pub fn initialized(&mut self, took: Duration) {
        self.init = took;
        self.counted_from = Instant::now();
    }

    /// The records of each transaction.
    pub fn transactions(&self) -> impl Iterator<Item = (usize, Range<usize>)> + use<> {
        let records = self.records;
        (0..self.transactions).map(move |number| (number, number * records..(number + 1) * records))
    }

    /// The commit of a transaction began at `begun` and has ended.
    pub fn committed(&mut self, number: usize, begun: Instant) {
        self.ended = Instant::now();
        self.latencies.set(number, self.ended - begun);
        if number + 1 == self.warm_up {
            self.counted_from = self.ended;
        }
    }

    /// The time of `init_transactions` in milliseconds.
    pub(crate) fn init_ms(&self) -> f64 {
        self.init.as_secs_f64() * 1e3
    }

    /// Transactions a second, from their begin to the end of their commit.
    pub(crate) fn per_second(&self) -> f64 {
        (self.transactions - self.warm_up) as f64 / (self.ended - self.counted_from).as_secs_f64()
    }

    pub(crate) fn quantiles(&self, fractions: &[f64]) -> Vec<f64> {
        self.latencies.quantiles(self.warm_up, fractions)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn commits(records: &str, warm_up: &str) -> anyhow::Result<Commits> {
        let line = ["client", "transactions", "--topic", "t", "--values", "v", "--transaction-records", "10"];
        let line = line.into_iter().chain(["--records", records, "--warm-up", warm_up]);
        Commits::new(&Arguments::try_parse_from(line)?)
    }

    #[test]
    fn only_transactions_after_the_warm_up_are_counted() {
        let mut commits = commits("40", "20").unwrap();
        let ranges: Vec<_> = commits.transactions().collect();
        assert_eq!(ranges, [(0, 0..10), (1, 10..20), (2, 20..30), (3, 30..40)]);
        let now = Instant::now();
        for (number, seconds) in [(0, 1000), (1, 1000), (2, 10), (3, 20)] {
            commits.committed(number, now.checked_sub(Duration::from_secs(seconds)).unwrap());
        }
        let quantiles = commits.quantiles(&[0.5, 1.0]);
        assert!((quantiles[0] - 10e6).abs() < 5e6 && (quantiles[1] - 20e6).abs() < 5e6, "{quantiles:?}");
        assert!(commits.per_second() > 0.01, "{}", commits.per_second());
    }

    #[test]
    fn incomplete_transactions_are_refused() {
        assert!(commits("45", "0").is_err());
        assert!(commits("40", "40").is_err());
    }
}
