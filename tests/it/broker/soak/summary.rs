//! The results of a soak test.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use super::{
    gauge::Held,
    load::{IMPATIENT, TOPICS},
};
use crate::account::Row;

/// How much higher than in the first quarter the usage may be in the last quarter, besides a fifth: the records in flight vary, by up to
/// `buffer.memory` of each producer.
const NOISE: Held = Held { resident: 24_000_000, files: 20, threads: 20 };

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Summary {
    pub(super) seconds: u64,
    pub(super) producers: usize,
    /// By topic.
    pub(super) records: Vec<Records>,
    /// Records returned by `close`.
    pub(super) unsent: usize,
    pub(super) callbacks_due: usize,
    pub(super) callbacks_called: usize,
    /// Transactions that are committed, aborted, and unknown because the producer failed during the commit.
    pub(super) transactions: [usize; 3],
    /// The number of failed records by kind of error.
    pub(super) failures: BTreeMap<String, usize>,
    /// Producers with a fatal error, by error.
    pub(super) fatal: BTreeMap<String, usize>,
    pub(super) complaints: Vec<String>,
    pub(super) before: Held,
    /// In the first and last quarter.
    pub(super) quarters: [Held; 2],
    pub(super) after: Held,
}

/// The results of the records of a topic. Offered records were passed to the producer, accepted or not.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Records {
    offered: usize,
    acknowledged: usize,
    failed: usize,
    found: usize,
    unreported: usize,
    reported_again: usize,
    lost: usize,
    duplicated: usize,
    reordered: usize,
    present_despite_report: usize,
    misplaced: usize,
    damaged: usize,
}

impl From<Row> for Records {
    fn from(row: Row) -> Self {
        Self {
            offered: row.accepted,
            acknowledged: row.acknowledged,
            failed: row.failed,
            found: row.found,
            unreported: row.unreported,
            reported_again: row.reported_again,
            lost: row.lost,
            duplicated: row.duplicated,
            reordered: row.reordered,
            present_despite_report: row.present_despite_report,
            misplaced: row.misplaced,
            damaged: row.damaged,
        }
    }
}

impl Records {
    fn is_sound(&self, topic: &str) -> bool {
        // Of two copies, the broker acknowledges the second one.
        let twice = if topic == IMPATIENT { 0 } else { self.duplicated + self.misplaced };
        let wrong = [self.unreported, self.reported_again, self.lost, twice, self.reordered];
        let wrong = wrong.iter().chain(&[self.present_despite_report, self.damaged]).sum::<usize>();
        wrong == 0 && self.offered == self.acknowledged + self.failed && self.acknowledged > 0
    }
}

impl Summary {
    /// Panics unless each record is accounted for and resource usage has not grown.
    pub(super) fn assert_sound(&self, seed: u64) {
        let [first, last] = self.quarters;
        let grown = |of: fn(&Held) -> usize| of(&last) > of(&first) + of(&first) / 5 + of(&NOISE);
        let checks = [
            ("every record is accounted for", TOPICS.iter().zip(&self.records).all(|(topic, records)| records.is_sound(topic))),
            ("every callback was called, once", self.callbacks_due == self.callbacks_called),
            ("nothing else was amiss", self.complaints.is_empty()),
            ("memory does not grow", !grown(|held| held.resident)),
            ("open files do not grow", !grown(|held| held.files)),
            ("threads do not grow", !grown(|held| held.threads)),
            ("no file is left open", self.after.files == self.before.files),
            ("no thread is left", self.after.threads == self.before.threads),
        ];
        let failed: Vec<_> = checks.iter().filter(|(_, holds)| !holds).map(|(what, _)| what).collect();
        assert!(failed.is_empty(), "seed {seed}: not so: {failed:?}\n{self}");
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| records      | offered | acknowledged | failed | found | unreported | lost | duplicated | reordered | present, reported absent |"
        )?;
        writeln!(
            f,
            "| ------------ | ------- | ------------ | ------ | ----- | ---------- | ---- | ---------- | --------- | ------------------------ |"
        )?;
        for (topic, records) in TOPICS.iter().zip(&self.records) {
            let Records { offered, acknowledged, failed, found, unreported, lost, .. } = records;
            let Records { duplicated, reordered, present_despite_report, .. } = records;
            write!(f, "| {topic:12} | {offered:7} | {acknowledged:12} | {failed:6} | {found:5} | {unreported:10} | {lost:4} ")?;
            writeln!(f, "| {duplicated:10} | {reordered:9} | {present_despite_report:24} |")?;
            let others = [records.reported_again, records.misplaced, records.damaged];
            if others.iter().sum::<usize>() > 0 {
                writeln!(f, "| {topic:12} | reported again, found elsewhere, damaged: {others:?} |")?;
            }
        }
        writeln!(f, "| held         | before | first quarter | last quarter | after |")?;
        writeln!(f, "| ------------ | ------ | ------------- | ------------ | ----- |")?;
        let [first, last] = &self.quarters;
        let columns = [&self.before, first, last, &self.after];
        let [a, b, c, d] = columns.map(|held| held.resident as f64 / 1e6);
        writeln!(f, "| RSS, MB      | {a:6.1} | {b:13.1} | {c:12.1} | {d:5.1} |")?;
        let [a, b, c, d] = columns.map(|held| held.files);
        writeln!(f, "| open files   | {a:6} | {b:13} | {c:12} | {d:5} |")?;
        let [a, b, c, d] = columns.map(|held| held.threads);
        writeln!(f, "| threads      | {a:6} | {b:13} | {c:12} | {d:5} |")?;
        let [committed, aborted, unknown] = self.transactions;
        writeln!(
            f,
            "| producers    | {} in {} s, {} ended by a fatal error |",
            self.producers,
            self.seconds,
            self.fatal.values().sum::<usize>()
        )?;
        writeln!(f, "| transactions | {committed} committed, {aborted} aborted, {unknown} unknown |")?;
        writeln!(f, "| callbacks    | {} of {} called |", self.callbacks_called, self.callbacks_due)?;
        writeln!(f, "| given back   | {} by close |", self.unsent)?;
        writeln!(f, "| failures     | {:?} |", self.failures)?;
        for (error, count) in &self.fatal {
            writeln!(f, "| fatal, {count:4} | {error} |")?;
        }
        self.complaints.iter().take(20).try_for_each(|complaint| writeln!(f, "| amiss        | {complaint} |"))
    }
}
