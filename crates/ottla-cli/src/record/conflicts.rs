//! The conflicts between the settings of `[record]`, and with the rest of the configuration.

use super::{
    settings::{Origin, RecordSettings, Setting, partition},
    topic_rule::check_topic,
};
use crate::{exit::Failure, input::Format};

impl RecordSettings {
    /// The conflicts between the settings, and with the setting `topic` and the settings of `[input]` that set keys or keep the topic. Each
    /// error has its place.
    pub(crate) fn conflicts(&self, topic: Option<&str>, input_key: Option<&str>, keeps_topic: bool) -> Vec<String> {
        let mut found = Vec::new();
        let mut refuse = |origin: &Origin, message: String| found.push(self.at(origin, message));
        if let Some(setting) = &self.topic {
            if keeps_topic {
                refuse(&setting.origin, "the file also has `topic` in input.keep; remove one of them".to_owned());
            }
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
            if self.topic.as_ref().is_none_or(|topic| topic.value.constant().is_some()) && !keeps_topic {
                refuse(
                    &topics.origin,
                    "applies only to a topic from data; set record.topic, such as \"orders-{region}\", or keep = \"topic\" in [input]"
                        .to_owned(),
                );
            }
        }
        let key = self.key.as_ref().map(Setting::origin);
        let key_fields = self.key_fields.as_ref().map(Setting::origin);
        if let Some((origin, setting)) = key.or(key_fields).zip(input_key) {
            refuse(origin, format!("the file also has {setting}; remove one of them"));
        }
        let value = self.value.as_ref().map(Setting::origin);
        let value_fields = self.value_fields.as_ref().map(Setting::origin);
        let value_without = self.value_without.as_ref().map(Setting::origin);
        for (one, other) in [(key, key_fields), (value, value_fields), (value, value_without), (value_fields, value_without)] {
            if let Some((one, other)) = one.zip(other) {
                refuse(other, format!("the file also has {}; remove one of them", one.name));
            }
        }
        if let (Some((types, value)), None) = (self.types_origin().zip(value), key_fields) {
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
        if !format.has_fields() {
            let templates = [&self.topic, &self.key, &self.partition, &self.timestamp, &self.value];
            let templates = templates.into_iter().flatten().chain(self.headers.iter().map(|(_, header)| header));
            let mut templates = templates.filter(|setting| setting.value.constant().is_none()).map(Setting::origin);
            let lists = [&self.key_fields, &self.value_fields, &self.value_without].into_iter().flatten().map(Setting::origin);
            let user = templates.next().or(lists.chain(self.tombstone_field.as_ref().map(Setting::origin)).next());
            if let Some(origin) = user {
                return refuse(origin, "needs fields, which lines and records do not have; use csv, jsonl or json input");
            }
        }
        if let Some(types) = self.types_origin() {
            if format != Format::Csv {
                return refuse(types, "applies only to csv input; remove it");
            }
            if has_schema && self.key_fields.is_none() {
                return refuse(types, "does not apply, because the schema of [value] determines the types; remove it");
            }
        }
        if let Some(setting) = self.value_without.as_ref().filter(|_| format.is_json()) {
            if let Some(path) = setting.value.iter().find(|name| name.starts_with('/') || name.contains('.')) {
                return refuse(
                    &setting.origin,
                    &format!("has the path `{path}`; only fields of the object itself can be left out"),
                );
            }
        }
        match &self.tombstone_markers {
            Some(markers) if format.has_fields() && self.value.is_none() => refuse(
                &markers.origin,
                "applies only to a value that is a text: to lines, or with record.value; use record.tombstone_field",
            ),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::record::is_record_setting;

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
            (&[("key", "{a}")], None, Some("input.key"), "1: record.key: the file also has input.key; remove one of them"),
            (&[("key_fields", "a")], None, Some("input.parse_key"), "1: record.key_fields: the file also has input.parse_key"),
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
            let found = settings(pairs).conflicts(topic, key, false);
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
        assert_eq!(settings(&good).conflicts(None, None, false), [] as [&str; 0]);
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
}
