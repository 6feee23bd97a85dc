//! [`PerfArguments`]: the flags of `ottla perf`.

use std::{fmt, num::NonZeroU64, ops::RangeInclusive, path::PathBuf, str::FromStr, time::Duration};

use clap::{ArgGroup, Args};
use indicatif::HumanCount;

use super::{keys::Keys, outcome::decimal, schedule::Schedule};
use crate::{
    args::{SettingsArguments, seconds},
    exit::Failure,
    job::unescaped,
    pace::Rate,
};

#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("end").args(["records", "duration"]).required(true).multiple(true),
    mut_arg("config", |config| config.required_unless_present("compare"))
)]
pub(crate) struct PerfArguments {
    #[command(flatten)]
    pub(crate) settings: SettingsArguments,
    /// The topic, which must exist; overrides the file's.
    #[arg(short, long)]
    pub(crate) topic: Option<String>,
    /// Stops after this many records, without those of --warmup.
    #[arg(long, visible_alias = "num-records", value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) records: Option<u64>,
    /// Stops after this many seconds, without the time of --warmup.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) duration: Option<Duration>,
    /// The size of each value in bytes, or a range to choose from at random. The bytes are random capital letters, as in Java's tool.
    #[arg(long, visible_alias = "record-size", value_name = "BYTES|MIN-MAX", default_value = "100")]
    pub(crate) size: Sizes,
    /// Takes each value from this file, chosen at random, instead of --size.
    #[arg(long, value_name = "FILE", conflicts_with = "size")]
    pub(crate) payload_file: Option<PathBuf>,
    /// The text between the values of --payload-file; `\t`, `\n` and `\x7c` are characters. Defaults to a line break.
    #[arg(long, value_name = "TEXT", value_parser = unescaped)]
    pub(crate) payload_delimiter: Option<String>,
    /// The records per second, evenly spaced. The latency of a record is counted from the time at which it is due, so that a delay before it is
    /// sent counts. -1: as fast as possible.
    #[arg(long, visible_alias = "throughput", value_name = "N/s|-1", default_value = "-1", allow_negative_numbers = true)]
    pub(crate) rate: TargetRate,
    /// Sends this many records first, which are not part of the figures.
    #[arg(long, visible_alias = "warmup-records", value_name = "N", default_value_t = 0)]
    pub(crate) warmup: u64,
    /// The keys: none, random, or a number of different keys that are used in turn.
    #[arg(long, value_name = "none|random|N", default_value = "none")]
    pub(crate) keys: Keys,
    /// How many replicas must have a record before it is acknowledged: the setting acks.
    #[arg(long, value_name = "all|1|0")]
    pub(crate) acks: Option<String>,
    /// The seed of sizes, values and random keys.
    #[arg(long, visible_alias = "random-seed", value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Sends in transactions: the setting transactional.id.
    #[arg(long, value_name = "ID", conflicts_with = "compare")]
    pub(crate) transactional_id: Option<String>,
    /// With transactional.id: commits after this many milliseconds, and at the end.
    #[arg(long, value_name = "MS", default_value = "3000")]
    pub(crate) transaction_duration_ms: NonZeroU64,
    /// Also writes the producer's metrics at the end.
    #[arg(long)]
    pub(crate) print_metrics: bool,
    /// Writes the figures to stdout as one JSON object instead of text.
    #[arg(long)]
    pub(crate) json: bool,
    /// Writes the figures and charts to this file: one HTML page that loads nothing else.
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Runs two configurations in turn (A B, B A, ..) and compares them: the ratios B/A of each round, their median and range.
    #[arg(long, num_args = 2, value_names = ["A", "B"], conflicts_with = "config")]
    pub(crate) compare: Vec<PathBuf>,
    /// With --compare: the number of rounds, each with one run of either configuration. --records, --duration and --warmup are those of one run.
    /// Defaults to 4.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) rounds: Option<u64>,
}

impl PerfArguments {
    /// The number of rounds of a comparison.
    pub(crate) fn rounds(&self) -> u64 {
        self.rounds.unwrap_or(4)
    }

    /// Checks what clap does not: it skips a requirement that conflicts with another flag.
    ///
    /// # Errors
    /// A flag has no effect without another one.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.payload_delimiter.is_some() && self.payload_file.is_none() {
            return Err(Failure::usage("--payload-delimiter: requires --payload-file"));
        }
        if self.rounds.is_some() && self.compare.is_empty() {
            return Err(Failure::usage("--rounds: requires --compare"));
        }
        Ok(())
    }

    /// The parameters of the load, for people.
    pub(crate) fn load(&self) -> Vec<(&'static str, String)> {
        let records = self.records.map(|records| ("records", HumanCount(records).to_string()));
        let duration = self.duration.map(|duration| ("duration", format!("{} s", duration.as_secs_f64())));
        let values = match &self.payload_file {
            Some(path) => ("values", format!("of {}", path.display())),
            None => ("value size", format!("{} bytes", self.size)),
        };
        let rate = self.rate.0.map_or_else(
            || "as fast as possible".to_owned(),
            |rate| format!("{} records per second", decimal(rate.per_second(), 1)),
        );
        let rounds = (!self.compare.is_empty()).then(|| ("rounds", self.rounds().to_string()));
        let others = [
            values,
            ("rate", rate),
            ("keys", self.keys.to_string()),
            ("warm-up records", HumanCount(self.warmup).to_string()),
            ("seed", self.seed.to_string()),
        ];
        records.into_iter().chain(duration).chain(others).chain(rounds).collect()
    }
}

/// The size of the largest value in bytes: librdkafka's sizes are numbers of 32 bits.
const MAX_SIZE: usize = i32::MAX as usize;

/// The sizes of values in bytes: `100`, or `50-200`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sizes(pub(crate) RangeInclusive<usize>);

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (least, most) = (self.0.start(), self.0.end());
        if least == most { write!(f, "{least}") } else { write!(f, "{least}-{most}") }
    }
}

impl FromStr for Sizes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (least, most) = text.split_once('-').unwrap_or((text, text));
        match (least.parse(), most.parse()) {
            (Ok(least), Ok(most)) if least <= most && most > MAX_SIZE => Err(format!("a value has at most {MAX_SIZE} bytes")),
            (Ok(least), Ok(most)) if least <= most => Ok(Self(least..=most)),
            _ => Err("must be a number of bytes such as 100, or a range such as 50-200".to_owned()),
        }
    }
}

/// A rate, or as fast as possible.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TargetRate(pub(crate) Option<Rate>);

impl TargetRate {
    /// When each record is due.
    pub(crate) fn schedule(self) -> Schedule {
        self.0.map_or(Schedule::Unlimited, |rate| Schedule::Rate(rate.per_second()))
    }
}

impl FromStr for TargetRate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "-1" { Ok(Self(None)) } else { text.parse().map(|rate| Self(Some(rate))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_a_number_or_a_range() {
        assert_eq!("100".parse(), Ok(Sizes(100..=100)));
        assert_eq!("0-20".parse(), Ok(Sizes(0..=20)));
        for wrong in ["", "-", "-1", "20-10", "1k", "1-2-3"] {
            assert!(wrong.parse::<Sizes>().is_err(), "{wrong}");
        }
        assert!("2147483647".parse::<Sizes>().is_ok());
        for wrong in ["2147483648", "1-18446744073709551615"] {
            assert_eq!(wrong.parse::<Sizes>(), Err("a value has at most 2147483647 bytes".to_owned()));
        }
    }

    #[test]
    fn a_rate_of_minus_one_is_unlimited() {
        assert_eq!("-1".parse::<TargetRate>().unwrap().schedule(), Schedule::Unlimited);
        assert_eq!("500/s".parse::<TargetRate>().unwrap().schedule(), Schedule::Rate(500.0));
        for wrong in ["0", "-2", "fast"] {
            assert!(wrong.parse::<TargetRate>().is_err(), "{wrong}");
        }
    }
}
