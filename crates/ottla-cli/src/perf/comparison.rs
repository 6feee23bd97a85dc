//! [`Comparison`]: two configurations, run in turn.

use std::fmt;

use serde::Serialize;

use super::{
    latencies::Counts,
    outcome::{Figures, Outcome},
};
use crate::{aligned_table::aligned, exit::Exit};

/// The runs of two configurations.
#[derive(Debug)]
pub(crate) struct Comparison {
    /// The runs of A and of B, in the order of the rounds.
    pub(crate) rounds: Vec<[Outcome; 2]>,
    /// The run that ended early, in a round that is not complete: its side, and the outcome.
    pub(crate) broken: Option<(usize, Outcome)>,
}

/// A figure that is compared.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    /// The name in JSON.
    key: &'static str,
    value: fn(&Figures) -> Option<f64>,
}

/// All figures that are compared.
pub(crate) const FIGURES: [Figure; 7] = [
    Figure { name: "records/s", key: "records_per_s", value: |of| Some(of.records_per_s) },
    Figure { name: "avg in ms", key: "avg", value: |of| of.latency_ms.map(|latency| latency.avg) },
    Figure { name: "p50 in ms", key: "p50", value: |of| of.latency_ms.map(|latency| latency.p50) },
    Figure { name: "p95 in ms", key: "p95", value: |of| of.latency_ms.map(|latency| latency.p95) },
    Figure { name: "p99 in ms", key: "p99", value: |of| of.latency_ms.map(|latency| latency.p99) },
    Figure { name: "p99.9 in ms", key: "p99_9", value: |of| of.latency_ms.map(|latency| latency.p99_9) },
    Figure { name: "max in ms", key: "max", value: |of| of.latency_ms.map(|latency| latency.max) },
];

/// The ratios B/A of a figure, one per round.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Ratios {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
    pub(crate) rounds: Vec<f64>,
}

impl Ratios {
    /// `None` without rounds in which both runs have the figure.
    fn of(rounds: Vec<f64>) -> Option<Self> {
        let mut sorted = rounds.clone();
        sorted.sort_by(f64::total_cmp);
        Some(Self { median: median(&sorted)?, least: *sorted.first()?, most: *sorted.last()?, rounds })
    }
}

/// The median of sorted numbers.
fn median(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        length if length % 2 == 1 => Some(sorted[middle]),
        _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
    }
}

impl Comparison {
    pub(crate) fn new() -> Self {
        Self { rounds: Vec::new(), broken: None }
    }

    /// The order of a round's runs: A B, then B A, and so on, so that a change of the machine's speed affects both.
    pub(crate) fn order(round: u64) -> [usize; 2] {
        if round % 2 == 0 { [0, 1] } else { [1, 0] }
    }

    /// The figure of each round of one side.
    pub(crate) fn values(&self, side: usize, figure: Figure) -> Vec<Option<f64>> {
        self.rounds.iter().map(|round| (figure.value)(&round[side].figures())).collect()
    }

    /// The ratios of a figure.
    pub(crate) fn ratios(&self, figure: Figure) -> Option<Ratios> {
        let pairs = self.values(0, figure).into_iter().zip(self.values(1, figure));
        Ratios::of(pairs.filter_map(|(a, b)| Some(b? / a.filter(|a| *a > 0.0)?)).collect())
    }

    /// The median of a figure over the rounds.
    pub(crate) fn median(&self, side: usize, figure: Figure) -> Option<f64> {
        let mut values: Vec<f64> = self.values(side, figure).into_iter().flatten().collect();
        values.sort_by(f64::total_cmp);
        median(&values)
    }

    /// The counts of all runs of a side.
    pub(crate) fn counts(&self, side: usize) -> Counts {
        let mut counts = Counts::new();
        self.runs(side).for_each(|run| counts.add(&run.counts));
        counts
    }

    /// The runs of a side, also of the round that is not complete.
    pub(crate) fn runs(&self, side: usize) -> impl Iterator<Item = &Outcome> {
        let broken = self.broken.iter().filter(move |(of, _)| *of == side).map(|(_, run)| run);
        self.rounds.iter().map(move |round| &round[side]).chain(broken)
    }

    /// The exit code: that of the first run that is not complete or has failed records.
    pub(crate) fn exit(&self) -> Exit {
        let broken = self.broken.iter().map(|(_, run)| run);
        let exits = broken.chain(self.rounds.iter().flatten()).map(Outcome::exit);
        exits.into_iter().find(|exit| *exit != Exit::Done).unwrap_or(Exit::Done)
    }
}

/// ```text
/// A  a.toml
/// B  b.toml
///
/// median     A         B         B/A    range
/// records/s  10,000.0  10,000.0  1.000  1.000 to 1.000
/// ```
impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (side, letter) in ["A", "B"].into_iter().enumerate() {
            let name = self.runs(side).find_map(|run| run.name.as_deref()).unwrap_or("-");
            writeln!(f, "{letter}  {name}")?;
        }
        let head = ["median", "A", "B", "B/A", "range of B/A"].map(str::to_owned);
        let mut rows = vec![head];
        for figure in FIGURES {
            let median =
                |side| self.median(side, figure).map_or_else(|| "-".to_owned(), |value| super::outcome::decimal(value, 2));
            let ratios = self.ratios(figure);
            let ratio = ratios.as_ref().map_or_else(|| "-".to_owned(), |ratios| format!("{:.3}", ratios.median));
            let range = ratios.map_or_else(|| "-".to_owned(), |ratios| format!("{:.3} to {:.3}", ratios.least, ratios.most));
            rows.push([figure.name.to_owned(), median(0), median(1), ratio, range]);
        }
        write!(f, "{}", aligned(&rows).trim_end())?;
        for (side, letter) in ["A", "B"].into_iter().enumerate() {
            for (kind, errors) in self.counts(side).errors {
                write!(f, "\n{letter}: {} failed, {kind}: {}", indicatif::HumanCount(errors.count), errors.message)?;
            }
        }
        Ok(())
    }
}

impl Serialize for Comparison {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap as _;
        let mut map = serializer.serialize_map(None)?;
        for (side, key) in ["a", "b"].into_iter().enumerate() {
            map.serialize_entry(key, &Side::of(self, side))?;
        }
        let ratios = FIGURES.iter().filter_map(|figure| Some((figure.key, self.ratios(*figure)?)));
        map.serialize_entry("ratios", &ratios.collect::<std::collections::BTreeMap<_, _>>())?;
        let broken = self.broken.as_ref().and_then(|(_, run)| run.ended.as_deref());
        let ended = broken.or_else(|| self.rounds.iter().flatten().find_map(|run| run.ended.as_deref()));
        map.serialize_entry("error", &ended)?;
        map.end()
    }
}

/// One side in JSON.
#[derive(Serialize)]
struct Side<'a> {
    config: Option<&'a str>,
    topic: Option<&'a str>,
    settings: std::collections::BTreeMap<&'a str, &'a str>,
    runs: Vec<Figures>,
}

impl<'a> Side<'a> {
    fn of(comparison: &'a Comparison, side: usize) -> Self {
        let first = comparison.runs(side).next();
        let settings = first.iter().flat_map(|run| &run.settings).map(|setting| (&*setting.name, &*setting.value));
        Self {
            config: first.and_then(|run| run.name.as_deref()),
            topic: first.map(|run| &*run.topic),
            settings: settings.collect(),
            runs: comparison.runs(side).map(Outcome::figures).collect(),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use super::{super::outcome::tests::outcome, *};

    /// A comparison whose runs of B take these numbers of seconds, and those of A two.
    pub(in crate::perf) fn comparison(seconds: &[u64]) -> Comparison {
        let b = |seconds: &u64| Outcome { elapsed: Duration::from_secs(*seconds), ..outcome("b.toml") };
        Comparison { rounds: seconds.iter().map(|seconds| [outcome("a.toml"), b(seconds)]).collect(), broken: None }
    }

    #[test]
    fn rounds_alternate_their_order() {
        let order: Vec<usize> = (0..4).flat_map(Comparison::order).collect();
        assert_eq!(order, [0, 1, 1, 0, 0, 1, 1, 0]);
    }

    #[test]
    fn ratios_are_of_pairs_with_median_and_range() {
        let ratios = comparison(&[1, 4, 2]).ratios(FIGURES[0]).unwrap();
        assert_eq!(ratios, Ratios { median: 1.0, least: 0.5, most: 2.0, rounds: vec![2.0, 0.5, 1.0] });
        assert_eq!(comparison(&[1, 4]).ratios(FIGURES[0]).unwrap().median, 1.25);
        assert_eq!(Comparison::new().ratios(FIGURES[0]), None);
    }

    #[test]
    fn the_text_form_is_a_table() {
        let text = comparison(&[1, 4, 2]).to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[..2], ["A  a.toml", "B  b.toml"]);
        assert_eq!(lines[3], "median       A         B         B/A    range of B/A");
        assert_eq!(lines[4], "records/s    1,000.00  1,000.00  1.000  0.500 to 2.000");
        assert_eq!(lines[10], "max in ms    10.00     10.00     1.000  1.000 to 1.000");
        assert_eq!(lines[11], "A: 3 failed, RecordTooLarge: of 2 MB");
    }

    #[test]
    fn the_json_form_has_runs_and_ratios() {
        let json = serde_json::to_value(comparison(&[1, 4, 2])).unwrap();
        assert_eq!((&json["a"]["config"], &json["b"]["config"]), (&"a.toml".into(), &"b.toml".into()));
        assert_eq!(json["b"]["runs"][1]["records_per_s"], 500.0);
        assert_eq!(json["ratios"]["records_per_s"]["rounds"], serde_json::json!([2.0, 0.5, 1.0]));
        assert_eq!(json["ratios"]["p99_9"]["median"], 1.0);
        assert_eq!(json["a"]["settings"]["linger.ms"], "5");
    }

    #[test]
    fn the_exit_is_that_of_the_run_that_broke_off() {
        let mut comparison = comparison(&[1]);
        assert_eq!(comparison.exit(), Exit::Failed);
        comparison.broken = Some((1, Outcome { is_interrupted: true, ..outcome("b.toml") }));
        assert_eq!((comparison.exit(), comparison.runs(1).count()), (Exit::Interrupted, 2));
        assert_eq!(Comparison::new().exit(), Exit::Done);
    }
}
