//! Medians, and ratios of pairs: two clients are compared within a round, where the machine was the same, and the ratios are what the
//! median is taken of.

use std::collections::BTreeSet;

use crate::{Figure, Measurement, client};

/// Median, least and greatest of a figure or a ratio over the rounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    pub median: f64,
    pub min: f64,
    pub max: f64,
    pub rounds: usize,
}

impl Spread {
    /// Of finite values; `None` if there is none.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let (&min, &max) = (sorted.first()?, sorted.last()?);
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) };
        Some(Self { median, min, max, rounds: sorted.len() })
    }
}

/// The figure of a client under a load, over the rounds.
pub fn spread(measurements: &[Measurement], load: &str, client: &str, figure: Figure) -> Option<Spread> {
    Spread::of(runs(measurements, load, client).filter_map(|run| figure.of(run)))
}

/// The figure of `client` divided by that of `other` in the same round, over the rounds that have both.
pub fn ratio(measurements: &[Measurement], load: &str, client: &str, other: &str, figure: Figure) -> Option<Spread> {
    Spread::of(runs(measurements, load, client).filter_map(|run| {
        let pair = runs(measurements, load, other).find(|pair| pair.round == run.round)?;
        Some(figure.of(run)? / figure.of(pair)?)
    }))
}

/// The peer that takes the least CPU under a load, by its median; by p50 where the load is one of latency.
pub fn best_peer<'a>(measurements: &'a [Measurement], load: &str) -> Option<&'a str> {
    let peers: BTreeSet<&str> = measurements
        .iter()
        .filter(|run| run.load == load && !client::is_ours(&run.client))
        .map(|run| run.client.as_str())
        .collect();
    let latency = measurements.iter().any(|run| run.load == load && run.p50_us.is_some());
    let figure = if latency { Figure::P50 } else { Figure::Cpu };
    peers
        .into_iter()
        .filter_map(|peer| Some((peer, spread(measurements, load, peer, figure)?.median)))
        .min_by(|(_, one), (_, other)| one.total_cmp(other))
        .map(|(peer, _)| peer)
}

/// The runs of a client under a load that have figures.
fn runs<'a>(measurements: &'a [Measurement], load: &'a str, client: &'a str) -> impl Iterator<Item = &'a Measurement> {
    measurements.iter().filter(move |run| {
        run.load == load && run.client == client && run.round.is_some() && run.failed.is_none() && run.missing.is_none()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(client: &str, round: usize, cpu: f64) -> Measurement {
        Measurement {
            load: "load".into(),
            client: client.into(),
            round: Some(round),
            cpu_s_per_million: Some(cpu),
            ..Measurement::default()
        }
    }

    fn failed(client: &str, round: usize) -> Measurement {
        Measurement { failed: Some("lost a record".into()), ..run(client, round, 0.001) }
    }

    fn missing(client: &str) -> Measurement {
        Measurement { load: "load".into(), client: client.into(), missing: Some("no compiler".into()), ..Measurement::default() }
    }

    #[test]
    fn the_median_of_an_even_number_is_the_mean_of_the_two_in_the_middle() {
        assert_eq!(Spread::of([4.0, 1.0, 3.0, 2.0]), Some(Spread { median: 2.5, min: 1.0, max: 4.0, rounds: 4 }));
        assert_eq!(Spread::of([3.0, 9.0, 1.0]), Some(Spread { median: 3.0, min: 1.0, max: 9.0, rounds: 3 }));
        assert_eq!(Spread::of([]), None);
    }

    #[test]
    fn a_ratio_is_taken_within_a_round() {
        // The machine was three times as slow in round 2; the ratio does not show it.
        let runs = [run("a", 1, 1.0), run("b", 1, 2.0), run("b", 2, 6.0), run("a", 2, 3.0)];
        assert_eq!(ratio(&runs, "load", "a", "b", Figure::Cpu), Some(Spread { median: 0.5, min: 0.5, max: 0.5, rounds: 2 }));
    }

    #[test]
    fn a_round_without_a_pair_is_left_out() {
        let runs = [run("a", 1, 1.0), run("b", 2, 2.0), run("a", 3, 1.0), run("b", 3, 4.0), failed("b", 1)];
        assert_eq!(ratio(&runs, "load", "a", "b", Figure::Cpu), Some(Spread { median: 0.25, min: 0.25, max: 0.25, rounds: 1 }));
        assert_eq!(ratio(&runs, "load", "a", "c", Figure::Cpu), None);
        assert_eq!(ratio(&runs, "other", "a", "b", Figure::Cpu), None);
    }

    #[test]
    fn a_failed_run_is_not_among_the_figures() {
        let runs = [run("a", 1, 1.0), failed("a", 2), run("a", 3, 2.0)];
        assert_eq!(spread(&runs, "load", "a", Figure::Cpu).map(|spread| (spread.median, spread.rounds)), Some((1.5, 2)));
    }

    #[test]
    fn the_best_peer_is_none_of_ours_and_not_a_missing_one() {
        let runs = [
            run("ottla-future", 1, 0.1),
            missing("java"),
            run("c-loop", 1, 2.0),
            run("franz-go", 1, 1.0),
            failed("rdkafka-future", 1),
        ];
        assert_eq!(best_peer(&runs, "load"), Some("franz-go"));
        assert_eq!(best_peer(&runs[..2], "load"), None);
    }

    #[test]
    fn the_best_peer_in_latency_is_the_one_with_the_least() {
        let latency = |client: &str, cpu, p50| Measurement { p50_us: Some(p50), ..run(client, 1, cpu) };
        let runs = [latency("c-loop", 1.0, 300.0), latency("franz-go", 2.0, 200.0)];
        assert_eq!(best_peer(&runs, "load"), Some("franz-go"));
    }
}
