//! [`RecordSettings`]: the table `[record]` of a configuration file.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use super::{
    column_type::ColumnType,
    template::Template,
    timestamp::{TimestampFormat, TimestampSettingError},
    topic_rule::{TopicRule, check_topic},
};
use crate::{exit::Failure, input::Format};

/// The table's prefix in the names of its settings.
const TABLE: &str = "record.";
const HEADERS: &str = "record.headers.";
const TYPES: &str = "record.types.";

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
    timestamp_format: Option<Setting<String>>,
    timestamp_zone: Option<Setting<String>>,
    /// The headers in the order of the file.
    pub(super) headers: Vec<(String, Setting<Template>)>,
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
}

/// Whether a setting belongs to the table and has a valid name.
pub(crate) fn is_record_setting(name: &str) -> bool {
    NAMES.contains(&name) || [HEADERS, TYPES].iter().any(|table| name.starts_with(table))
}

/// Whether a setting's value may be a secret: a header that is a constant, such as a token.
fn may_be_secret(name: &str, value: &str) -> bool {
    name.starts_with(HEADERS) && Template::parse(value).is_ok_and(|template| template.constant().is_some())
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
            "tombstone_field" => self.tombstone_field = Some(Setting { origin, value: value.to_owned() }),
            "tombstone_values" => self.tombstone_values = Some(Setting::list(origin, value)),
            _ => self.tombstone_markers = Some(Setting::list(origin, value)),
        }
        Ok(())
    }

    /// The table of the settings with their values and lines; empty if there are none. Constant headers are hidden, because a token may
    /// be one.
    pub(crate) fn explain(&self) -> String {
        if self.given.is_empty() {
            return String::new();
        }
        let mut rows = vec![["[record]", "VALUE", "FROM"].map(str::to_owned)];
        for Setting { origin: Origin { name, line }, value } in &self.given {
            let shown = if may_be_secret(name, value) { "[hidden]".to_owned() } else { format!("{value:?}") };
            let name = name.strip_prefix(TABLE).unwrap_or(name);
            rows.push([name.to_owned(), shown, format!("{}:{line}", self.file.display())]);
        }
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let (name, value) = (width(0), width(1));
        let lines = rows.iter().map(|row| format!("{:name$}  {:value$}  {}\n", row[0], row[1], row[2]));
        format!("\n{}", lines.collect::<String>())
    }

    /// The conflicts between the settings, and with the settings `topic` and `input.key` of the same file. Each error has its place.
    pub(crate) fn conflicts(&self, topic: Option<&str>, input_key: Option<&str>) -> Vec<String> {
        let mut found = Vec::new();
        let mut refuse = |origin: &Origin, message: String| found.push(self.at(origin, message));
        if let Some(setting) = &self.topic {
            let constant = setting.value.constant();
            if topic.is_some() {
                refuse(&setting.origin, "the file also has the setting topic; remove one of them".to_owned());
            }
            if let Some(Err(reason)) = constant.map(check_topic) {
                refuse(&setting.origin, reason.to_owned());
            }
            if constant.is_none() && self.topics.is_none() {
                let what = "comes from data, which must not address an arbitrary topic; list the allowed topics in record.topics, such as \
                            [\"orders-eu\", \"orders-us-*\"]";
                refuse(&setting.origin, what.to_owned());
            }
        }
        if let Some(topics) = &self.topics {
            if self.topic.as_ref().is_none_or(|topic| topic.value.constant().is_some()) {
                refuse(
                    &topics.origin,
                    "applies only to a topic from data; set record.topic, such as \"orders-{region}\"".to_owned(),
                );
            }
        }
        let key = self.key.as_ref().map(Setting::origin);
        let key_fields = self.key_fields.as_ref().map(Setting::origin);
        if let Some(origin) = key.or(key_fields).filter(|_| input_key.is_some()) {
            refuse(origin, "the file also has input.key; remove one of them".to_owned());
        }
        let value = self.value.as_ref().map(Setting::origin);
        let value_fields = self.value_fields.as_ref().map(Setting::origin);
        let value_without = self.value_without.as_ref().map(Setting::origin);
        for (one, other) in [(key, key_fields), (value, value_fields), (value, value_without), (value_fields, value_without)] {
            if let Some((one, other)) = one.zip(other) {
                refuse(other, format!("the file also has {}; remove one of them", one.name));
            }
        }
        if let Some((types, value)) = self.types_origin().zip(value) {
            refuse(types, format!("does not apply to a value that is a text; remove it, or {}", value.name));
        }
        if let (Some(values), None) = (&self.tombstone_values, &self.tombstone_field) {
            refuse(&values.origin, "has no effect without record.tombstone_field; set that, or remove this".to_owned());
        }
        let of_timestamp = self.timestamp_format.as_ref().or(self.timestamp_zone.as_ref());
        if let (Some(setting), None) = (of_timestamp, &self.timestamp) {
            refuse(&setting.origin, "has no effect without record.timestamp; set that, or remove this".to_owned());
        }
        match self.timestamp_format() {
            Ok(format) => {
                let constant = self.timestamp.as_ref().and_then(|setting| Some((setting, setting.value.constant()?)));
                if let Some((setting, text)) = constant {
                    if format.milliseconds(text).is_none_or(|time| time <= 0) {
                        let what =
                            format!("is not {} after 1970-01-01; write a field in braces, such as {{time}}", format.expected());
                        refuse(&setting.origin, what);
                    }
                }
            }
            Err((origin, message)) => refuse(&origin, message),
        }
        if let Some((setting, text)) = self.partition.as_ref().and_then(|setting| Some((setting, setting.value.constant()?))) {
            if partition(text.as_bytes()).is_none() {
                let what = "is not a partition number, which is 0 or more; write a field in braces, such as {shard}";
                refuse(&setting.origin, what.to_owned());
            }
        }
        found
    }

    /// Checks that the settings apply to this format, and to values that have a schema if `has_schema`.
    ///
    /// # Errors
    /// A setting needs fields, which lines do not have; types apply to something else than CSV without a schema; markers apply to
    /// objects.
    pub(crate) fn check(&self, format: Format, has_schema: bool) -> Result<(), Failure> {
        let refuse = |origin: &Origin, message: &str| Err(self.failure(origin, message));
        if format == Format::Lines {
            let templates = [&self.topic, &self.key, &self.partition, &self.timestamp, &self.value];
            let templates = templates.into_iter().flatten().chain(self.headers.iter().map(|(_, header)| header));
            let mut templates = templates.filter(|setting| setting.value.constant().is_none()).map(Setting::origin);
            let lists = [&self.key_fields, &self.value_fields, &self.value_without].into_iter().flatten().map(Setting::origin);
            let user = templates.next().or(lists.chain(self.tombstone_field.as_ref().map(Setting::origin)).next());
            if let Some(origin) = user {
                return refuse(origin, "needs fields, which lines do not have; use csv or jsonl input");
            }
        }
        if let Some(types) = self.types_origin() {
            if format != Format::Csv {
                return refuse(types, "applies only to csv input; remove it");
            }
            if has_schema {
                return refuse(types, "does not apply, because the schema of [value] determines the types; remove it");
            }
        }
        match &self.tombstone_markers {
            Some(markers) if format != Format::Lines && self.value.is_none() => refuse(
                &markers.origin,
                "applies only to a value that is a text: to lines, or with record.value; use record.tombstone_field",
            ),
            _ => Ok(()),
        }
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
        let rule = self.topics.as_ref().filter(|_| self.topic.is_some() && self.constant_topic().is_none());
        rule.map(|setting| &setting.value)
    }

    /// Applies a topic or a key field from a flag.
    pub(crate) fn override_with(&mut self, has_topic: bool, has_key: bool) {
        if has_topic {
            (self.topic, self.topics) = (None, None);
        }
        if has_key {
            (self.key, self.key_fields) = (None, None);
        }
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

    fn types_origin(&self) -> Option<&Origin> {
        self.infer.as_ref().map(|setting| &setting.origin).or_else(|| self.types.first().map(|(_, setting)| &setting.origin))
    }

    /// An error of a setting, which is found before the first record.
    pub(super) fn failure(&self, origin: &Origin, message: impl fmt::Display) -> Failure {
        Failure::usage(self.at(origin, message))
    }

    fn at(&self, Origin { name, line }: &Origin, message: impl fmt::Display) -> String {
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

    fn settings(pairs: &[(&str, &str)]) -> RecordSettings {
        let mut settings = RecordSettings::of(Path::new("job.toml"));
        for (line, (name, value)) in pairs.iter().enumerate() {
            let name = format!("record.{name}");
            assert!(is_record_setting(&name), "{name}");
            settings.put(&name, line + 1, value).unwrap();
        }
        settings
    }

    #[test]
    fn invalid_values_are_rejected() {
        for (name, value, wanted) in [
            ("key", "{a", "has an unclosed `{` at byte 1"),
            ("headers.a", "}", "has a `}` without `{` at byte 1"),
            ("headers", "a", "must be a table, such as [record.headers]"),
            ("topics", "*", "has the pattern *"),
            ("key_fields", "", "has an empty field name"),
            ("value_fields", "a,b,a", "has the field `a` twice"),
            ("types", "long", "must be \"infer\", or a table"),
            ("types.a", "int", "must be one of string, short"),
        ] {
            let error = RecordSettings::default().put(&format!("record.{name}"), 1, value).unwrap_err();
            assert!(error.starts_with(wanted), "{name}: {error}");
        }
        assert!(!is_record_setting("record.header.a") && !is_record_setting("record.keys"));
    }

    #[test]
    fn conflicts_have_line_name_and_remedy() {
        for (pairs, topic, key, wanted) in [
            (
                &[("topic", "a-{b}")][..],
                None,
                None,
                "1: record.topic: comes from data, which must not address an arbitrary topic; list",
            ),
            (&[("topic", "a"), ("topics", "a")], None, None, "2: record.topics: applies only to a topic from data"),
            (&[("topics", "a")], None, None, "1: record.topics: applies only to a topic from data"),
            (&[("topic", "a b")], None, None, "1: record.topic: must have only ASCII letters"),
            (&[("topic", "a")], Some("b"), None, "1: record.topic: the file also has the setting topic"),
            (&[("key", "{a}")], None, Some("a"), "1: record.key: the file also has input.key; remove one of them"),
            (&[("key_fields", "a")], None, Some("a"), "1: record.key_fields: the file also has input.key"),
            (&[("key", "{a}"), ("key_fields", "a")], None, None, "2: record.key_fields: the file also has record.key"),
            (&[("value", "{a}"), ("value_fields", "a")], None, None, "2: record.value_fields: the file also has record.value;"),
            (
                &[("value_without", "b"), ("value_fields", "a")],
                None,
                None,
                "1: record.value_without: the file also has record.value_fields",
            ),
            (&[("value", "{a}"), ("types.a", "long")], None, None, "2: record.types.a: does not apply to a value that is a text"),
            (
                &[("tombstone_values", "1")],
                None,
                None,
                "1: record.tombstone_values: has no effect without record.tombstone_field",
            ),
            (&[("timestamp_format", "unix-s")], None, None, "1: record.timestamp_format: has no effect without record.timestamp"),
            (&[("timestamp", "{a}"), ("timestamp_format", "%F")], None, None, "2: record.timestamp_format: has no offset"),
            (
                &[("timestamp", "{a}"), ("timestamp_zone", "UTC")],
                None,
                None,
                "2: record.timestamp_zone: applies only to a strptime",
            ),
            (&[("timestamp", "time")], None, None, "1: record.timestamp: is not an RFC 3339 time such as"),
            (&[("timestamp", "0"), ("timestamp_format", "unix-ms")], None, None, "1: record.timestamp: is not an integer number"),
            (&[("partition", "-1")], None, None, "1: record.partition: is not a partition number, which is 0 or more"),
        ] {
            let found = settings(pairs).conflicts(topic, key);
            assert!(found.len() == 1 && found[0].starts_with(&format!("job.toml:{wanted}")), "{pairs:?}: {found:#?}");
        }
        let good = [
            ("topic", "a-{b}"),
            ("topics", "a-x,b-*"),
            ("key", "{a}"),
            ("partition", "3"),
            ("timestamp", "1"),
            ("timestamp_format", "unix-s"),
            ("value_fields", "a,b"),
            ("types.a", "long"),
            ("tombstone_field", "a"),
            ("tombstone_values", "1"),
        ];
        assert_eq!(settings(&good).conflicts(None, None), [] as [&str; 0]);
    }

    #[test]
    fn settings_must_apply_to_the_format() {
        use Format::{Csv, Jsonl, Lines};
        let error = |pairs: &[(&str, &str)], format, has_schema| {
            settings(pairs).check(format, has_schema).map_err(|failure| failure.text()).unwrap_err()
        };
        for name in ["topic", "key", "partition", "timestamp", "value", "headers.a"] {
            assert!(
                error(&[(name, "{a}")], Lines, false).starts_with(&format!("job.toml:1: record.{name}: needs fields")),
                "{name}"
            );
        }
        for name in ["key_fields", "value_fields", "value_without", "tombstone_field"] {
            assert!(
                error(&[(name, "a")], Lines, false).starts_with(&format!("job.toml:1: record.{name}: needs fields")),
                "{name}"
            );
        }
        assert!(error(&[("types", "infer")], Jsonl, false).contains("applies only to csv input"));
        assert!(error(&[("types.a", "long")], Csv, true).contains("the schema of [value] determines the types"));
        assert!(error(&[("tombstone_markers", "")], Csv, false).contains("use record.tombstone_field"));
        for (pairs, format) in [
            (&[("key", "k"), ("headers.a", "x"), ("tombstone_markers", "")][..], Lines),
            (&[("value", "{a}"), ("tombstone_markers", "")], Csv),
            (&[("types", "infer")], Csv),
        ] {
            settings(pairs).check(format, false).map_err(|failure| failure.text()).unwrap();
        }
    }

    #[test]
    fn only_constant_headers_may_be_secret() {
        assert!(may_be_secret("record.headers.authorization", "hunter2"));
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
