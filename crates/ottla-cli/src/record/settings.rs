//! [`RecordSettings`]: the table `[record]` of a configuration file.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use super::{
    column_type::ColumnType,
    template::Template,
    timestamp::{TimestampFormat, TimestampSettingError},
    topic_rule::TopicRule,
};
use crate::{aligned_table::aligned, exit::Failure, input::Keep};

/// The table's prefix in the names of its settings.
const TABLE: &str = "record.";
const HEADERS: &str = "record.headers.";
const TYPES: &str = "record.types.";

/// Shown instead of a text that may be a secret.
pub(crate) const HIDDEN: &str = "[hidden]";

/// The settings of the table, without those of its tables `headers` and `types`, whose names are free.
pub(crate) const NAMES: [&str; 16] = [
    "record.topic",
    "record.topics",
    "record.key",
    "record.key_fields",
    "record.partition",
    "record.timestamp",
    "record.timestamp_format",
    "record.timestamp_zone",
    "record.headers",
    "record.value",
    "record.value_fields",
    "record.value_without",
    "record.types",
    "record.tombstone_field",
    "record.tombstone_values",
    "record.tombstone_markers",
];

/// Where a setting is in its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) name: String,
    pub(super) line: usize,
}

/// A value with its origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting<T> {
    pub(super) origin: Origin,
    pub(super) value: T,
}

/// The table `[record]`: where each part of a record comes from. All settings are optional.
#[derive(Debug, Clone, Default)]
pub(crate) struct RecordSettings {
    file: PathBuf,
    /// The settings as they are in the file.
    given: Vec<Setting<String>>,
    pub(super) topic: Option<Setting<Template>>,
    pub(super) topics: Option<Setting<TopicRule>>,
    pub(super) key: Option<Setting<Template>>,
    pub(super) key_fields: Option<Setting<Vec<String>>>,
    pub(super) partition: Option<Setting<Template>>,
    pub(super) timestamp: Option<Setting<Template>>,
    pub(super) timestamp_format: Option<Setting<String>>,
    pub(super) timestamp_zone: Option<Setting<String>>,
    /// The headers in the order of the file.
    pub(super) headers: Vec<(String, Setting<Template>)>,
    /// The names of the headers whose text has a placeholder, which may be a secret.
    hidden: Vec<String>,
    pub(super) value: Option<Setting<Template>>,
    pub(super) value_fields: Option<Setting<Vec<String>>>,
    pub(super) value_without: Option<Setting<Vec<String>>>,
    /// The types of columns.
    pub(super) types: Vec<(String, Setting<ColumnType>)>,
    /// `types = "infer"`.
    pub(super) infer: Option<Setting<()>>,
    pub(super) tombstone_field: Option<Setting<String>>,
    pub(super) tombstone_values: Option<Setting<Vec<String>>>,
    pub(super) tombstone_markers: Option<Setting<Vec<String>>>,
    /// What records of the format `record` keep.
    pub(super) keep: Keep,
}

/// Whether a setting belongs to the table and has a valid name.
pub(crate) fn is_record_setting(name: &str) -> bool {
    NAMES.contains(&name) || [HEADERS, TYPES].iter().any(|table| name.starts_with(table))
}

/// Whether a setting's value may be a secret: a header with a text, such as a token.
fn may_be_secret(name: &str, value: &str) -> bool {
    name.starts_with(HEADERS) && Template::parse(value).is_ok_and(|template| !template.is_field())
}

impl RecordSettings {
    /// Creates the settings of a file, which are empty.
    pub(crate) fn of(file: &Path) -> Self {
        Self { file: file.to_owned(), ..Self::default() }
    }

    /// Sets a setting for which [`is_record_setting`] holds.
    ///
    /// # Errors
    /// The value is invalid.
    pub(crate) fn put(&mut self, name: &str, line: usize, value: &str) -> Result<(), String> {
        let origin = Origin { name: name.to_owned(), line };
        self.given.push(Setting { origin: origin.clone(), value: value.to_owned() });
        if let Some(header) = name.strip_prefix(HEADERS) {
            self.headers.push((header.to_owned(), Setting::template(origin, value)?));
            return Ok(());
        }
        if let Some(column) = name.strip_prefix(TYPES) {
            self.types.push((column.to_owned(), Setting { origin, value: value.parse()? }));
            return Ok(());
        }
        match name.strip_prefix(TABLE).unwrap_or(name) {
            "topic" => self.topic = Some(Setting::template(origin, value)?),
            "topics" => self.topics = Some(Setting { value: TopicRule::parse(value)?, origin }),
            "key" => self.key = Some(Setting::template(origin, value)?),
            "key_fields" => self.key_fields = Some(Setting::names(origin, value)?),
            "partition" => self.partition = Some(Setting::template(origin, value)?),
            "timestamp" => self.timestamp = Some(Setting::template(origin, value)?),
            "timestamp_format" => self.timestamp_format = Some(Setting { origin, value: value.to_owned() }),
            "timestamp_zone" => self.timestamp_zone = Some(Setting { origin, value: value.to_owned() }),
            "headers" => return Err("must be a table, such as [record.headers] with a line NAME = \"text\"".to_owned()),
            "value" => self.value = Some(Setting::template(origin, value)?),
            "value_fields" => self.value_fields = Some(Setting::names(origin, value)?),
            "value_without" => self.value_without = Some(Setting::names(origin, value)?),
            "types" if value == "infer" => self.infer = Some(Setting { origin, value: () }),
            "types" => return Err("must be \"infer\", or a table with the type of each column".to_owned()),
            "tombstone_field" if value.is_empty() => return Err("must be the name of a field".to_owned()),
            "tombstone_field" => self.tombstone_field = Some(Setting { origin, value: value.to_owned() }),
            "tombstone_values" if value.split(',').any(str::is_empty) => {
                return Err("has an empty text; it must be a list of texts, such as [\"deleted\"]".to_owned());
            }
            "tombstone_values" => self.tombstone_values = Some(Setting::list(origin, value)),
            _ => self.tombstone_markers = Some(Setting::list(origin, value)),
        }
        Ok(())
    }

    /// Sets `tombstone_markers` to an empty list.
    pub(crate) fn put_no_markers(&mut self, line: usize) {
        let origin = Origin { name: "record.tombstone_markers".to_owned(), line };
        self.given.push(Setting { origin: origin.clone(), value: "[]".to_owned() });
        self.tombstone_markers = Some(Setting { origin, value: Vec::new() });
    }

    /// Shows the last setting as it is in the file, if it has placeholders: their text may be a secret.
    pub(crate) fn show_as_written(&mut self, written: Option<&str>) {
        if let Some((given, written)) = self.given.last_mut().zip(written) {
            given.value = written.to_owned();
            self.hidden.extend(given.origin.name.strip_prefix(HEADERS).map(str::to_owned));
        }
    }

    /// Whether a header's text may be a secret, because it has a placeholder.
    pub(crate) fn hides(&self, header: &str) -> bool {
        self.hidden.iter().any(|hidden| hidden == header)
    }

    /// The table of the settings with their values and lines; empty if there are none. Headers with a text are hidden, because it may be
    /// a token.
    pub(crate) fn explain(&self) -> String {
        if self.given.is_empty() {
            return String::new();
        }
        let mut rows = vec![["[record]", "VALUE", "FROM"].map(str::to_owned)];
        for Setting { origin: Origin { name, line }, value } in &self.given {
            let shown = if may_be_secret(name, value) { HIDDEN.to_owned() } else { format!("{value:?}") };
            let name = name.strip_prefix(TABLE).unwrap_or(name);
            rows.push([name.to_owned(), shown, format!("{}:{line}", self.file.display())]);
        }
        aligned(&rows)
    }

    /// Checks a partition that is the same for every record, in a topic with this number of partitions.
    ///
    /// # Errors
    /// The topic does not have the partition.
    pub(crate) fn check_partition(&self, topic: &str, count: usize) -> Result<(), Failure> {
        let Some(setting) = &self.partition else { return Ok(()) };
        let number = setting.value.constant().and_then(|text| partition(text.as_bytes()));
        match number.and_then(|number| usize::try_from(number).ok()).filter(|number| *number >= count) {
            Some(_) => Err(self.failure(&setting.origin, out_of_range(topic, count))),
            None => Ok(()),
        }
    }

    /// The topic, if it is a constant.
    pub(crate) fn constant_topic(&self) -> Option<&str> {
        self.topic.as_ref()?.value.constant()
    }

    /// The topic's template, as it is written.
    pub(crate) fn topic_text(&self) -> Option<String> {
        Some(self.topic.as_ref()?.value.to_string())
    }

    /// The topics that data may address, if the topic comes from data.
    pub(crate) fn topic_rule(&self) -> Option<&TopicRule> {
        let is_from_data = if self.topic.is_some() { self.constant_topic().is_none() } else { self.keep.topic };
        let rule = self.topics.as_ref().filter(|_| is_from_data);
        rule.map(|setting| &setting.value)
    }

    /// Applies a topic or a key field from a flag.
    pub(crate) fn override_with(&mut self, has_topic: bool, has_key: bool) {
        if has_topic {
            (self.topic, self.topics) = (None, None);
            self.keep.topic = false;
        }
        if has_key {
            (self.key, self.key_fields) = (None, None);
        }
    }

    /// Applies the flags for parts that are the same for every record, and for empty values.
    pub(crate) fn override_parts(
        &mut self,
        key: Option<&str>,
        partition: Option<i32>,
        headers: &[(String, String)],
        has_null_for_empty: bool,
    ) {
        let flag = |name: &str| Origin { name: name.to_owned(), line: 0 };
        let constant = |name: &str, text: &str| Setting { origin: flag(name), value: Template::from_text(text) };
        if let Some(key) = key {
            (self.key, self.key_fields) = (Some(constant("--key", key)), None);
        }
        if let Some(partition) = partition {
            self.partition = Some(constant("--partition", &partition.to_string()));
        }
        self.headers.retain(|(name, _)| !headers.iter().any(|(flag, _)| flag == name));
        self.hidden.retain(|name| !headers.iter().any(|(flag, _)| flag == name));
        self.headers.extend(headers.iter().map(|(name, value)| (name.clone(), constant("--header", value))));
        if has_null_for_empty {
            let none = || Setting { origin: flag("--null-empty"), value: Vec::new() };
            self.tombstone_markers.get_or_insert_with(none).value.push(String::new());
        }
    }

    /// Sets what records of the format `record` keep.
    ///
    /// # Errors
    /// They keep their topic, and the allowed topics are not listed.
    pub(crate) fn keep(&mut self, keep: Keep) -> Result<(), String> {
        if keep.topic && self.topics.is_none() {
            return Err("with `topic`, data must not address an arbitrary topic; list the allowed topics as `topics` in [record], such as \
                        [\"orders-eu\", \"orders-us-*\"]"
                .to_owned());
        }
        self.keep = keep;
        Ok(())
    }

    /// Whether values are texts and not JSON objects, whatever the format.
    pub(crate) fn has_text_values(&self) -> bool {
        self.value.is_some()
    }

    /// Whether keys are JSON objects.
    pub(crate) fn has_object_keys(&self) -> bool {
        self.key_fields.is_some()
    }

    /// Whether nothing is set that is different for each record.
    pub(super) fn is_empty(&self) -> bool {
        self.topic_rule().is_none()
            && [&self.key, &self.partition, &self.timestamp, &self.value].into_iter().all(Option::is_none)
            && [&self.key_fields, &self.value_fields, &self.value_without, &self.tombstone_markers]
                .into_iter()
                .all(Option::is_none)
            && self.headers.is_empty()
            && self.types_origin().is_none()
            && self.tombstone_field.is_none()
    }

    /// The format of timestamps, or the setting that is wrong.
    pub(super) fn timestamp_format(&self) -> Result<TimestampFormat, (Origin, String)> {
        let (format, zone) = (&self.timestamp_format, &self.timestamp_zone);
        let text = |setting: &'_ Option<Setting<String>>| setting.as_ref().map(|setting| setting.value.clone());
        TimestampFormat::parse(text(format).as_deref(), text(zone).as_deref()).map_err(|error| {
            let (setting, message) = match error {
                TimestampSettingError::Format(message) => (format, message),
                TimestampSettingError::Zone(message) => (zone, message),
            };
            let unset = Origin { name: "record.timestamp_format".to_owned(), line: 0 };
            (setting.as_ref().map_or(unset, |setting| setting.origin.clone()), message)
        })
    }

    pub(super) fn types_origin(&self) -> Option<&Origin> {
        self.infer.as_ref().map(|setting| &setting.origin).or_else(|| self.types.first().map(|(_, setting)| &setting.origin))
    }

    /// An error of a setting, which is found before the first record.
    pub(super) fn failure(&self, origin: &Origin, message: impl fmt::Display) -> Failure {
        Failure::usage(self.at(origin, message))
    }

    /// The text of an error of a setting.
    pub(super) fn at(&self, Origin { name, line }: &Origin, message: impl fmt::Display) -> String {
        if *line == 0 {
            // It is a flag.
            return format!("{name}: {message}");
        }
        format!("{}:{line}: {name}: {message}", self.file.display())
    }
}

impl<T> Setting<T> {
    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }
}

impl Setting<Template> {
    fn template(origin: Origin, text: &str) -> Result<Self, String> {
        Ok(Self { origin, value: Template::parse(text)? })
    }
}

impl Setting<Vec<String>> {
    /// A list, whose entries are separated by commas.
    fn list(origin: Origin, text: &str) -> Self {
        Self { origin, value: text.split(',').map(str::to_owned).collect() }
    }

    /// A list of different fields.
    fn names(origin: Origin, text: &str) -> Result<Self, String> {
        let list = Self::list(origin, text);
        for (index, name) in list.value.iter().enumerate() {
            if name.is_empty() {
                return Err("has an empty field name; it must be a list such as [\"origin\", \"dest\"]".to_owned());
            }
            if list.value[..index].contains(name) {
                return Err(format!("has the field `{name}` twice"));
            }
        }
        Ok(list)
    }
}

/// The error of a partition that a topic with this number of partitions does not have.
pub(super) fn out_of_range(topic: &str, count: usize) -> String {
    format!("is out of range; topic {topic} has {count} partitions, counted from 0")
}

/// Parses the number of a partition.
pub(super) fn partition(text: &[u8]) -> Option<i32> {
    let number: i32 = std::str::from_utf8(text).ok()?.trim().parse().ok()?;
    (number >= 0).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_values_are_rejected() {
        for (name, value, wanted) in [
            ("key", "{a", "has an unclosed `{` at byte 1"),
            ("headers.a", "}", "has a `}` without `{` at byte 1"),
            ("headers", "a", "must be a table, such as [record.headers]"),
            ("topics", "*", "has the pattern *"),
            ("key_fields", "", "has an empty field name"),
            ("value_fields", "a,b,a", "has the field `a` twice"),
            ("tombstone_field", "", "must be the name of a field"),
            ("tombstone_values", "", "has an empty text"),
            ("types", "long", "must be \"infer\", or a table"),
            ("types.a", "int", "must be one of string, short"),
        ] {
            let error = RecordSettings::default().put(&format!("record.{name}"), 1, value).unwrap_err();
            assert!(error.starts_with(wanted), "{name}: {error}");
        }
        assert!(!is_record_setting("record.header.a") && !is_record_setting("record.keys"));
    }

    #[test]
    fn headers_with_a_text_may_be_secret() {
        assert!(may_be_secret("record.headers.authorization", "hunter2"));
        assert!(may_be_secret("record.headers.authorization", "Bearer hunter2 {tenant}"));
        assert!(!may_be_secret("record.headers.carrier", "{carrier}") && !may_be_secret("record.key", "a"));
    }

    #[test]
    fn the_documentation_has_every_setting() {
        let page = std::fs::read_to_string(ottla_test_support::repository("docs/command.md")).unwrap();
        for name in NAMES.iter().filter_map(|name| name.strip_prefix(TABLE)) {
            let is_documented =
                [format!("`{name}`"), format!("`{name}."), format!("`{name} =")].iter().any(|text| page.contains(text));
            assert!(is_documented, "{name} is not in docs/command.md");
        }
    }
}
