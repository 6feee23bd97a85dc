//! The table of settings: all names of Java's clients, the librdkafka properties that are checked, and ottla's own settings.

pub(super) mod client;
mod consumer;
mod librdkafka;
mod ottla;
mod producer;
mod row;
mod schema_registry;

use std::sync::LazyLock;

use super::{
    ClientKind,
    value::{self, Range, Type, Unit},
};

/// A setting: its type, range, defaults, and the librdkafka properties it becomes.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    name: &'static str,
    kind: Type,
    unit: Unit,
    java_range: Range,
    range: Range,
    java_default: Option<&'static str>,
    default: Option<&'static str>,
    becomes: Becomes,
    librdkafka_default: Option<&'static str>,
    secret: bool,
    doc: &'static str,
    note: &'static str,
    check: Option<Check>,
}

/// A check in addition to type and range. The error does not show the value.
type Check = fn(&str) -> Result<(), String>;

/// The effect of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Becomes {
    /// Sets these librdkafka properties.
    Properties(&'static [&'static str]),
    /// Is implemented by ottla itself.
    Here,
    /// Is not supported: setting it is an error.
    Refused {
        /// The alternative.
        instead: &'static str,
        /// The values that are accepted, because they describe what happens anyway.
        accepted: &'static [&'static str],
    },
}

/// All settings of a producer: those of the Java producer by name, then the checked librdkafka properties as `librdkafka.NAME`,
/// then ottla's own as `ottla.NAME`.
///
/// ```
/// let linger = ottla::config::settings().find(|setting| setting.name() == "linger.ms").ok_or("no such setting")?;
/// assert_eq!(linger.default(), Some("5"));
/// assert_eq!(linger.unit().symbol(), "ms");
/// # Ok::<(), &str>(())
/// ```
pub fn settings() -> impl Iterator<Item = &'static Setting> {
    ClientKind::Producer.settings()
}

/// All settings of a consumer, ordered as in [`settings`].
///
/// ```
/// let poll = ottla::config::consumer_settings().find(|setting| setting.name() == "max.poll.records").ok_or("no such setting")?;
/// assert_eq!(poll.default(), Some("500"));
/// # Ok::<(), &str>(())
/// ```
#[cfg(feature = "consumer")]
pub fn consumer_settings() -> impl Iterator<Item = &'static Setting> {
    ClientKind::Consumer.settings()
}

/// All settings of a schema registry client, by Confluent's names. As in Java they are set together with those of [`settings`];
/// the crate `ottla-schema-registry` uses them.
pub fn schema_registry_settings() -> impl Iterator<Item = &'static Setting> {
    schema_registry::SETTINGS.iter()
}

/// The schema registry setting with exactly this name.
pub(crate) fn schema_registry_setting(name: &str) -> Option<&'static Setting> {
    schema_registry_settings().find(|setting| setting.name == name)
}

/// The settings of a kind of client.
pub(super) fn of(kind: ClientKind) -> &'static [&'static Setting] {
    static PRODUCER: LazyLock<Vec<&Setting>> = LazyLock::new(|| table(producer::SETTINGS, librdkafka::PRODUCER, ottla::PRODUCER));
    static CONSUMER: LazyLock<Vec<&Setting>> = LazyLock::new(|| table(consumer::SETTINGS, librdkafka::CONSUMER, &[]));
    match kind {
        ClientKind::Producer => &PRODUCER,
        ClientKind::Consumer => &CONSUMER,
    }
}

/// Combines the settings of all clients with those of one kind: Java's by name, then librdkafka's, then ottla's.
fn table(java: &'static [Setting], native: &'static [Setting], own: &'static [Setting]) -> Vec<&'static Setting> {
    let mut rows: Vec<&Setting> = [client::SETTINGS, librdkafka::CLIENT, java, native, own].into_iter().flatten().collect();
    rows.sort_by_key(|setting| (!setting.is_java(), setting.name));
    rows
}

impl Setting {
    /// The name: Java's, `librdkafka.` and librdkafka's, or ottla's, which begins with `ottla.`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The type of the value.
    pub fn kind(&self) -> Type {
        self.kind
    }

    /// The unit of the value.
    pub fn unit(&self) -> Unit {
        self.unit
    }

    /// The range in Java (or in librdkafka, for its own properties).
    pub fn java_range(&self) -> Range {
        self.java_range
    }

    /// The range in ottla; narrower than [`java_range`](Self::java_range) if librdkafka allows less.
    pub fn range(&self) -> Range {
        self.range
    }

    /// Java's default; `None` if it is null, and for settings of librdkafka and ottla.
    pub fn java_default(&self) -> Option<&'static str> {
        self.java_default
    }

    /// The default; `None` if there is none.
    pub fn default(&self) -> Option<&'static str> {
        self.default
    }

    /// librdkafka's default of the first property that the setting becomes.
    pub fn librdkafka_default(&self) -> Option<&'static str> {
        self.librdkafka_default
    }

    /// The effect of the setting.
    pub fn becomes(&self) -> Becomes {
        self.becomes
    }

    /// Whether the value is a secret, which is never printed.
    pub fn is_secret(&self) -> bool {
        self.secret
    }

    /// Whether the Java client has a setting of this name.
    pub fn is_java(&self) -> bool {
        !self.name.starts_with("librdkafka.") && !self.is_own()
    }

    /// Whether it is a setting of ottla, which neither Java nor librdkafka has.
    pub fn is_own(&self) -> bool {
        self.name.starts_with("ottla.")
    }

    /// A sentence that describes the setting.
    pub fn doc(&self) -> &'static str {
        self.doc
    }

    /// The differences from Java or librdkafka; empty if there are none.
    pub fn note(&self) -> &'static str {
        self.note
    }

    /// The librdkafka properties that it becomes.
    pub(crate) fn properties(&self) -> &'static [&'static str] {
        match self.becomes {
            Becomes::Properties(properties) => properties,
            _ => &[],
        }
    }

    /// Checks a value and returns it in canonical form.
    ///
    /// # Errors
    /// What is allowed instead. The error never shows the value.
    pub fn check(&self, text: &str) -> Result<String, String> {
        if let Becomes::Refused { instead, accepted } = self.becomes {
            let plain = |text: &str| text.split(',').map(str::trim).collect::<Vec<_>>().join(",");
            return match accepted.iter().find(|value| value.eq_ignore_ascii_case(&plain(text))) {
                Some(value) => Ok((*value).to_owned()),
                None => Err(format!("is not supported; {instead}")),
            };
        }
        let value = value::check(text, self.kind, self.range, self.unit)?;
        if let Some(check) = self.check {
            check(&value)?;
        }
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[derive(serde::Deserialize)]
    struct JavaRow {
        name: String,
        #[serde(rename = "type")]
        kind: String,
        default: Option<String>,
        valid: Option<String>,
    }

    /// The settings as printed from Kafka's `ConfigDef` (kafka-clients 4.4.0).
    fn java_rows(kind: ClientKind) -> Vec<JavaRow> {
        let text = match kind {
            ClientKind::Producer => include_str!("../../../tests/data/java-producer-config.json"),
            ClientKind::Consumer => include_str!("../../../tests/data/java-consumer-config.json"),
        };
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn every_java_setting_is_supported_or_rejected_with_an_alternative() {
        for (kind, names) in [(ClientKind::Producer, 119), (ClientKind::Consumer, 119)] {
            let rows = java_rows(kind);
            assert_eq!(rows.len(), names);
            for row in &rows {
                let setting = kind.setting(&row.name).unwrap_or_else(|| panic!("{} is not in the table", row.name));
                match setting.becomes() {
                    Becomes::Properties(properties) => assert!(!properties.is_empty(), "{} becomes nothing", row.name),
                    Becomes::Here => {}
                    Becomes::Refused { instead, .. } => {
                        assert!(instead.len() > 15, "{}: no alternative", row.name);
                        let error = setting.check("no value at all").unwrap_err();
                        assert!(error.ends_with(instead), "{}: {error}", row.name);
                    }
                }
                assert!(setting.doc().ends_with('.'), "{}: the description must be a sentence", row.name);
            }
            let known: HashSet<_> = rows.iter().map(|row| row.name.as_str()).collect();
            for setting in kind.settings().filter(|setting| setting.is_java()) {
                assert!(known.contains(setting.name()), "{} is not a setting of the Java {}", setting.name(), kind.noun());
            }
        }
    }

    #[test]
    fn types_defaults_and_ranges_match_java() {
        for (kind, row) in ClientKind::ALL.into_iter().flat_map(|kind| java_rows(kind).into_iter().map(move |row| (kind, row))) {
            let setting = kind.setting(&row.name).unwrap();
            assert_eq!(setting.kind().name(), row.kind.to_lowercase(), "{}", row.name);
            let default = row.default.as_deref().map(|default| {
                let default = default.replace("class ", "");
                match default.strip_prefix('[').and_then(|list| list.strip_suffix(']')) {
                    Some(list) => list.replace(", ", ","),
                    None => default,
                }
            });
            assert_eq!(setting.java_default().map(str::to_owned), default, "{}", row.name);
            // Kafka prints nothing for the check of a list: no list may have duplicates, and one must not be empty.
            let valid = match (&*row.name, &*row.kind) {
                ("bootstrap.servers", _) => Range::NonEmptyDistinct.to_string(),
                (_, "LIST") => Range::Distinct.to_string(),
                _ => row.valid.unwrap_or_default(),
            };
            assert_eq!(setting.java_range().to_string(), valid, "{}", row.name);
            assert_eq!(setting.is_secret(), row.kind == "PASSWORD", "{}", row.name);
        }
    }

    #[test]
    fn every_default_passes_its_check() {
        for setting in ClientKind::ALL.into_iter().flat_map(ClientKind::settings) {
            if let Some(default) = setting.default() {
                let checked = setting.check(default).unwrap_or_else(|error| panic!("{}: {error}", setting.name()));
                assert_eq!(checked, default, "{}", setting.name());
            }
            if let Becomes::Refused { accepted, .. } = setting.becomes() {
                for value in accepted {
                    assert_eq!(setting.check(value), Ok((*value).to_owned()), "{}", setting.name());
                }
            }
        }
    }

    #[test]
    fn names_are_unique() {
        for kind in ClientKind::ALL {
            let mut seen = HashSet::new();
            for setting in kind.settings() {
                assert!(seen.insert(setting.name()), "duplicate {}", setting.name());
            }
        }
    }
}
