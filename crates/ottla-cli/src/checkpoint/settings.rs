//! [`CheckpointSettings`]: the table `[checkpoint]` of a configuration file.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{aligned_table::aligned, exit::Failure, input::GivenSetting, record::check_topic};

/// The names of all settings of the table.
pub(crate) const NAMES: [&str; 4] =
    ["checkpoint.file", "checkpoint.topic", "checkpoint.interval.ms", "checkpoint.interval.records"];

const TABLE: &str = "checkpoint.";

/// The default of `interval.ms`, that of Java's `auto.commit.interval.ms`.
const INTERVAL: Duration = Duration::from_secs(5);

/// Where a run keeps how far it has read its inputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CheckpointPlace {
    /// A file: at least once.
    File(PathBuf),
    /// A compacted topic: exactly once, in the transactions of the records.
    Topic(String),
}

/// The table `[checkpoint]` of a configuration file.
#[derive(Debug, Clone, Default)]
pub(crate) struct CheckpointSettings {
    /// The configuration file.
    config: PathBuf,
    given: Vec<GivenSetting>,
    file: Option<PathBuf>,
    topic: Option<String>,
    interval: Option<Duration>,
    records: Option<u64>,
}

impl CheckpointSettings {
    /// The settings of a configuration file, all of them unset.
    pub(crate) fn of(config: &Path) -> Self {
        Self { config: config.to_owned(), ..Self::default() }
    }

    /// Whether this is a name of the table.
    pub(crate) fn has(name: &str) -> bool {
        NAMES.contains(&name)
    }

    /// Sets a setting for which [`has`](Self::has) holds.
    ///
    /// # Errors
    /// The value is invalid.
    pub(crate) fn put(&mut self, name: &str, line: usize, value: &str) -> Result<(), String> {
        let number = |what: &str| match value.parse::<u64>() {
            Ok(number @ 1..) => Ok(number),
            _ => Err(format!("must be a number of {what}, at least 1, but is {value:?}")),
        };
        match name.strip_prefix(TABLE).unwrap_or(name) {
            "file" if value.is_empty() || value == "-" => return Err("must be the path of a file".to_owned()),
            "file" => self.file = Some(self.config.parent().map_or_else(|| value.into(), |folder| folder.join(value))),
            "topic" => {
                check_topic(value)?;
                self.topic = Some(value.to_owned());
            }
            "interval.ms" => self.interval = Some(Duration::from_millis(number("milliseconds")?)),
            _ => self.records = Some(number("records")?),
        }
        self.given.push(GivenSetting { name: name.to_owned(), value: value.to_owned(), line });
        Ok(())
    }

    /// Shows the last setting as it is in the file, if it has placeholders: their text may be a secret.
    pub(crate) fn show_as_written(&mut self, written: Option<&str>) {
        GivenSetting::show_last(&mut self.given, written);
    }

    /// Finds settings that conflict with each other, each with file, line and name.
    pub(crate) fn conflicts(&self) -> Vec<String> {
        match (&self.file, &self.topic, &self.given[..]) {
            (Some(_), Some(_), _) => {
                vec![self.at("topic", "`file` is set too: keep `topic` for exactly once, or `file` for at least once")]
            }
            (None, None, [first, ..]) => {
                vec![self.place_of(first, "has no effect without `file` or `topic` in [checkpoint]; set one of them")]
            }
            _ => Vec::new(),
        }
    }

    /// Where checkpoints are kept; `None` without checkpoints.
    pub(crate) fn place(&self) -> Option<CheckpointPlace> {
        self.topic.clone().map(CheckpointPlace::Topic).or_else(|| self.file.clone().map(CheckpointPlace::File))
    }

    /// How often the checkpoint is written; with `topic`, how often a transaction is committed. Defaults to 5 s.
    pub(crate) fn interval(&self) -> Duration {
        self.interval.unwrap_or(INTERVAL)
    }

    /// After how many records the checkpoint is written, if the interval is not over before.
    pub(crate) fn records(&self) -> Option<u64> {
        self.records
    }

    /// The configuration file.
    pub(crate) fn config(&self) -> &Path {
        &self.config
    }

    /// An error of the setting `file` or `topic`.
    pub(crate) fn failure(&self, message: &str) -> Failure {
        let name = if self.topic.is_some() { "topic" } else { "file" };
        Failure::usage(self.at(name, message))
    }

    /// An error of the interval.
    pub(crate) fn interval_failure(&self, message: &str) -> Failure {
        Failure::usage(self.at("interval.ms", message))
    }

    /// A message about a setting, with its place in the file.
    fn at(&self, name: &str, message: &str) -> String {
        let given = self.given.iter().find(|given| given.name.strip_prefix(TABLE) == Some(name));
        given
            .map_or_else(|| format!("{}: {TABLE}{name}: {message}", self.config.display()), |given| self.place_of(given, message))
    }

    fn place_of(&self, given: &GivenSetting, message: &str) -> String {
        format!("{}:{}: {}: {message}", self.config.display(), given.line, given.name)
    }

    /// The table of the settings with their values and lines; empty if there are none.
    pub(crate) fn explain(&self) -> String {
        if self.given.is_empty() {
            return String::new();
        }
        let guarantee = match self.place() {
            Some(CheckpointPlace::Topic(_)) => "exactly once: the position is in the transaction of the records",
            _ => "at least once: after a kill, the records since the last checkpoint are sent again",
        };
        let mut rows = vec![["[checkpoint]", "VALUE", "FROM", "NOTE"].map(str::to_owned)];
        let interval = INTERVAL.as_millis().to_string();
        for name in NAMES {
            let short = name.strip_prefix(TABLE).unwrap_or(name);
            let note = match short {
                "file" | "topic" => guarantee,
                "interval.ms" => "the time between two checkpoints",
                _ => "the number of records between two checkpoints, if the interval is longer",
            };
            match self.given.iter().find(|given| given.name == name) {
                Some(given) => {
                    let from = format!("{}:{}", self.config.display(), given.line);
                    rows.push([short.to_owned(), format!("{:?}", given.value), from, note.to_owned()]);
                }
                None if short == "interval.ms" => {
                    rows.push([short.to_owned(), interval.clone(), "default".to_owned(), note.to_owned()]);
                }
                None => {}
            }
        }
        aligned(&rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(given: &[(&str, &str)]) -> CheckpointSettings {
        let mut settings = CheckpointSettings::of(Path::new("jobs/orders.toml"));
        for (line, (name, value)) in given.iter().enumerate() {
            settings.put(&format!("{TABLE}{name}"), line + 7, value).unwrap();
        }
        settings
    }

    #[test]
    fn the_place_and_the_interval_are_read() {
        let file = settings(&[("file", "orders.ckpt")]);
        assert_eq!(file.place(), Some(CheckpointPlace::File("jobs/orders.ckpt".into())));
        assert_eq!((file.interval(), file.records()), (Duration::from_secs(5), None));
        let topic = settings(&[("topic", "checkpoints"), ("interval.ms", "250"), ("interval.records", "1000")]);
        assert_eq!(topic.place(), Some(CheckpointPlace::Topic("checkpoints".to_owned())));
        assert_eq!((topic.interval(), topic.records()), (Duration::from_millis(250), Some(1000)));
        assert_eq!((settings(&[]).place(), settings(&[]).explain()), (None, String::new()));
        let explained = topic.explain();
        for part in ["topic", "\"checkpoints\"", "jobs/orders.toml:7", "exactly once", "\"250\"", "interval.records"] {
            assert!(explained.contains(part), "{part} in {explained}");
        }
        assert!(file.explain().contains("5000") && file.explain().contains("at least once"), "{}", file.explain());
    }

    #[test]
    fn invalid_values_and_conflicts_have_a_line_and_a_remedy() {
        let mut settings = CheckpointSettings::of(Path::new("orders.toml"));
        for (name, value, wanted) in [
            ("checkpoint.file", "", "must be the path of a file"),
            ("checkpoint.file", "-", "must be the path of a file"),
            ("checkpoint.topic", "a b", "must have only ASCII letters"),
            ("checkpoint.interval.ms", "0", "must be a number of milliseconds, at least 1, but is \"0\""),
            ("checkpoint.interval.ms", "5s", "must be a number of milliseconds"),
            ("checkpoint.interval.records", "-1", "must be a number of records, at least 1"),
        ] {
            let error = settings.put(name, 1, value).unwrap_err();
            assert!(error.contains(wanted), "{name}: {error}");
        }
        let both = self::settings(&[("file", "a"), ("topic", "t")]).conflicts();
        assert_eq!(
            both,
            [
                "jobs/orders.toml:8: checkpoint.topic: `file` is set too: keep `topic` for exactly once, or `file` for at least once"
            ]
        );
        let neither = self::settings(&[("interval.ms", "5")]).conflicts();
        assert!(neither[0].starts_with("jobs/orders.toml:7: checkpoint.interval.ms: has no effect without"), "{neither:?}");
    }
}
