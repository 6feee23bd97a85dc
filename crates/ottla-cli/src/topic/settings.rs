//! [`TopicSettings`]: the table `[topic]` of a configuration file.

use std::path::{Path, PathBuf};

use ottla::producer::NewTopic;

use crate::{aligned_table::aligned, exit::Failure, input::GivenSetting, record::check_topic};

/// The names of all settings of the table but `config.NAME`.
pub(crate) const NAMES: [&str; 5] = ["topic.name", "topic.create", "topic.partitions", "topic.replication", "topic.config"];

const TABLE: &str = "topic.";
const CONFIG: &str = "topic.config.";

/// The table `[topic]`: how the topic of the records is created, and what it is compared with.
#[derive(Debug, Clone, Default)]
pub(crate) struct TopicSettings {
    /// The configuration file.
    file: PathBuf,
    given: Vec<GivenSetting>,
    pub(crate) name: Option<String>,
    /// Whether the topic is created if it is absent.
    pub(crate) create: bool,
    pub(super) partitions: Option<u32>,
    pub(super) replication: Option<u16>,
    /// Configurations by Kafka's names.
    pub(super) configs: Vec<(String, String)>,
}

impl TopicSettings {
    /// The settings of a configuration file, all of them unset.
    pub(crate) fn of(file: &Path) -> Self {
        Self { file: file.to_owned(), ..Self::default() }
    }

    /// Whether this is a name of the table.
    pub(crate) fn has(name: &str) -> bool {
        NAMES.contains(&name) || name.strip_prefix(CONFIG).is_some_and(|name| !name.is_empty())
    }

    /// Sets a setting for which [`has`](Self::has) holds.
    ///
    /// # Errors
    /// The value is invalid.
    pub(crate) fn put(&mut self, name: &str, line: usize, value: &str) -> Result<(), String> {
        if let Some(config) = name.strip_prefix(CONFIG) {
            self.configs.push((config.to_owned(), value.to_owned()));
        } else {
            match name.strip_prefix(TABLE).unwrap_or(name) {
                "name" => {
                    check_topic(value)?;
                    self.name = Some(value.to_owned());
                }
                "create" => self.create = value.parse().map_err(|_| "must be true or false".to_owned())?,
                "partitions" => self.partitions = Some(count(value, "partitions")?),
                "replication" => self.replication = Some(count(value, "replicas of each partition")?),
                _ => return Err("must be a table, such as config.retention.ms = -1".to_owned()),
            }
        }
        self.given.push(GivenSetting { name: name.to_owned(), value: value.to_owned(), line });
        Ok(())
    }

    /// Shows the last setting as it is in the file, if it has placeholders: their text may be a secret.
    pub(crate) fn show_as_written(&mut self, written: Option<&str>) {
        GivenSetting::show_last(&mut self.given, written);
    }

    /// Whether a topic can be compared with the settings.
    pub(crate) fn describes(&self) -> bool {
        self.create || self.partitions.is_some() || self.replication.is_some() || !self.configs.is_empty()
    }

    /// The topic to create.
    pub(super) fn new_topic(&self, name: &str) -> NewTopic {
        let mut new = NewTopic::new(name);
        if let Some(partitions) = self.partitions {
            new = new.partitions(partitions);
        }
        if let Some(replication) = self.replication {
            new = new.replication_factor(replication);
        }
        self.configs.iter().fold(new, |new, (name, value)| new.config(name, value))
    }

    /// An error of a setting, with its place in the file.
    pub(crate) fn failure(&self, name: &str, message: &str) -> Failure {
        Failure::usage(self.at(name, message))
    }

    /// The text of an error of a setting, with its place in the file.
    pub(crate) fn at(&self, name: &str, message: &str) -> String {
        let line =
            self.given.iter().find(|given| given.name == name).map_or_else(String::new, |given| format!(":{}", given.line));
        format!("{}{line}: {name}: {message}", self.file.display())
    }

    /// The table of the settings with their values and lines; empty if there are none.
    pub(crate) fn explain(&self) -> String {
        if self.given.is_empty() {
            return String::new();
        }
        let mut rows = vec![["[topic]", "VALUE", "FROM", "NOTE"].map(str::to_owned)];
        for GivenSetting { name, value, line } in &self.given {
            let note = match &**name {
                "topic.name" => "the topic of the records",
                "topic.create" => "whether the topic is created if it is absent",
                "topic.partitions" => "the number of partitions; an existing topic is not changed",
                "topic.replication" => "the number of replicas of each partition; an existing topic is not changed",
                _ => "a configuration of the topic; an existing topic is not changed",
            };
            let from = format!("{}:{line}", self.file.display());
            let name = name.strip_prefix(TABLE).unwrap_or(name);
            rows.push([name.to_owned(), format!("{value:?}"), from, note.to_owned()]);
        }
        aligned(&rows)
    }
}

/// A number of at least 1.
fn count<T: std::str::FromStr + PartialOrd + From<u8>>(value: &str, what: &str) -> Result<T, String> {
    let number = value.parse().ok().filter(|number| *number >= T::from(1));
    number.ok_or_else(|| format!("must be a number of {what}, at least 1, but is {value:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(given: &[(&str, &str)]) -> TopicSettings {
        let mut settings = TopicSettings::of(Path::new("orders.toml"));
        for (line, (name, value)) in given.iter().enumerate() {
            let name = format!("{TABLE}{name}");
            assert!(TopicSettings::has(&name), "{name}");
            settings.put(&name, line + 7, value).unwrap();
        }
        settings
    }

    #[test]
    fn the_topic_to_create_has_the_settings() {
        let all = settings(&[("create", "true"), ("partitions", "6"), ("replication", "3"), ("config.retention.ms", "-1")]);
        let wanted = NewTopic::new("orders").partitions(6).replication_factor(3).config("retention.ms", "-1");
        assert_eq!((all.new_topic("orders"), all.create), (wanted, true));
        let none = settings(&[]);
        assert_eq!((none.new_topic("orders"), none.describes(), none.explain()), (NewTopic::new("orders"), false, String::new()));
        let explained = all.explain();
        for part in ["partitions", "\"6\"", "orders.toml:8", "config.retention.ms", "\"-1\"", "is not changed"] {
            assert!(explained.contains(part), "{part} in {explained}");
        }
        assert!(!TopicSettings::has("topic.config.") && !TopicSettings::has("topic.partition"));
    }

    #[test]
    fn invalid_values_are_rejected() {
        for (name, value, wanted) in [
            ("name", "a b", "must have only ASCII letters"),
            ("create", "yes", "must be true or false"),
            ("partitions", "0", "must be a number of partitions, at least 1, but is \"0\""),
            ("partitions", "-1", "must be a number of partitions"),
            ("replication", "70000", "must be a number of replicas of each partition"),
            ("config", "x", "must be a table, such as config.retention.ms"),
        ] {
            let error = TopicSettings::default().put(&format!("topic.{name}"), 1, value).unwrap_err();
            assert!(error.contains(wanted), "{name}: {error}");
        }
    }
}
