//! The one table of settings: every name that Java's clients know, librdkafka's own that are worth a check, and ottla's own.

mod client;
mod consumer;
mod librdkafka;
mod ottla;
mod producer;
mod schema_registry;

use std::sync::LazyLock;

use super::{
    ClientKind,
    value::{self, Range, Type, Unit},
};

/// One setting: what it takes, what it is if it is not set, and what it becomes.
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

/// A check that type and range cannot make; its error says what is wrong and repeats nothing of the value.
type Check = fn(&str) -> Result<(), String>;

/// What a setting becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Becomes {
    /// These properties of librdkafka.
    Properties(&'static [&'static str]),
    /// Nothing of librdkafka's: ottla itself does what it says.
    Here,
    /// Nothing: there is no equal to it here, and setting it is an error.
    Refused {
        /// What to do instead.
        instead: &'static str,
        /// The values that are accepted all the same, since what they ask for is what happens.
        accepted: &'static [&'static str],
    },
}

/// Every setting of a producer: first those of the Java producer, by name, then the properties of librdkafka that are checked here, spelled
/// `librdkafka.NAME`, then ottla's own, spelled `ottla.NAME`.
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

/// Every setting of a consumer, as [`settings`] has those of a producer.
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

/// Every setting of a schema registry, by Confluent's names. They stand beside those of [`settings`], as they do in Java, and need the feature
/// `schema-registry`.
pub fn schema_registry_settings() -> impl Iterator<Item = &'static Setting> {
    schema_registry::SETTINGS.iter()
}

/// The row of a schema registry's setting; exact spelling.
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

/// What all clients have and what is their kind's own: the Java names in their order, then librdkafka's, then ottla's.
fn table(java: &'static [Setting], native: &'static [Setting], own: &'static [Setting]) -> Vec<&'static Setting> {
    let mut rows: Vec<&Setting> = [client::SETTINGS, librdkafka::CLIENT, java, native, own].into_iter().flatten().collect();
    rows.sort_by_key(|setting| (!setting.is_java(), setting.name));
    rows
}

impl Setting {
    /// The name: Java's, `librdkafka.` and librdkafka's, or ottla's own, which begins with `ottla.`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The type of its value.
    pub fn kind(&self) -> Type {
        self.kind
    }

    /// The unit of its value.
    pub fn unit(&self) -> Unit {
        self.unit
    }

    /// The values that Java (or librdkafka, for its own properties) allows.
    pub fn java_range(&self) -> Range {
        self.java_range
    }

    /// The values that are allowed here; differs from [`java_range`](Self::java_range) where librdkafka allows less.
    pub fn range(&self) -> Range {
        self.range
    }

    /// Java's default; `None` where it is null, and for librdkafka's and ottla's own settings.
    pub fn java_default(&self) -> Option<&'static str> {
        self.java_default
    }

    /// The default here; `None` where the setting is then simply not there.
    pub fn default(&self) -> Option<&'static str> {
        self.default
    }

    /// librdkafka's own default of the first property that the setting becomes.
    pub fn librdkafka_default(&self) -> Option<&'static str> {
        self.librdkafka_default
    }

    /// What the setting becomes.
    pub fn becomes(&self) -> Becomes {
        self.becomes
    }

    /// Whether its value is a secret, which is never printed.
    pub fn is_secret(&self) -> bool {
        self.secret
    }

    /// Whether the Java client has a setting of this name.
    pub fn is_java(&self) -> bool {
        !self.name.starts_with("librdkafka.") && !self.is_own()
    }

    /// Whether it is ottla's own: neither Java nor librdkafka has it.
    pub fn is_own(&self) -> bool {
        self.name.starts_with("ottla.")
    }

    /// What the setting is for, in a sentence.
    pub fn doc(&self) -> &'static str {
        self.doc
    }

    /// What is different from Java or from librdkafka; empty where nothing is.
    pub fn note(&self) -> &'static str {
        self.note
    }

    /// The properties of librdkafka that it becomes.
    pub(crate) fn properties(&self) -> &'static [&'static str] {
        match self.becomes {
            Becomes::Properties(properties) => properties,
            _ => &[],
        }
    }

    /// Checks a value and gives it back in its canonical spelling. The error never repeats the value.
    pub(crate) fn check(&self, text: &str) -> Result<String, String> {
        if let Becomes::Refused { instead, accepted } = self.becomes {
            let plain = |text: &str| text.split(',').map(str::trim).collect::<Vec<_>>().join(",");
            return match accepted.iter().find(|value| value.eq_ignore_ascii_case(&plain(text))) {
                Some(value) => Ok((*value).to_owned()),
                None => Err(format!("is a setting of the Java client without an equal here: {instead}")),
            };
        }
        let value = value::check(text, self.kind, self.range, self.unit)?;
        if let Some(check) = self.check {
            check(&value)?;
        }
        Ok(value)
    }
}

/// The pieces with which the rows of the table are written.
impl Setting {
    const fn new(name: &'static str, kind: Type, doc: &'static str) -> Self {
        Self {
            name,
            kind,
            unit: Unit::None,
            java_range: Range::Any,
            range: Range::Any,
            java_default: None,
            default: None,
            becomes: Becomes::Here,
            librdkafka_default: None,
            secret: matches!(kind, Type::Password),
            doc,
            note: "",
            check: None,
        }
    }

    const fn milliseconds(mut self) -> Self {
        self.unit = Unit::Milliseconds;
        self
    }

    const fn seconds(mut self) -> Self {
        self.unit = Unit::Seconds;
        self
    }

    const fn bytes(mut self) -> Self {
        self.unit = Unit::Bytes;
        self
    }

    const fn kibibytes(mut self) -> Self {
        self.unit = Unit::Kibibytes;
        self
    }

    /// The range, Java's and ours.
    const fn range_of(mut self, range: Range) -> Self {
        self.java_range = range;
        self.range = range;
        self
    }

    /// Our range, where it is not Java's; stands after `range_of`.
    const fn here(mut self, range: Range) -> Self {
        self.range = range;
        self
    }

    /// The default, Java's and ours.
    const fn default_of(mut self, default: &'static str) -> Self {
        self.java_default = Some(default);
        self.default = Some(default);
        self
    }

    /// Java's default where we have none.
    const fn java_only_default(mut self, default: &'static str) -> Self {
        self.java_default = Some(default);
        self.default = None;
        self
    }

    /// Our default where it is not Java's; stands after `default_of`.
    const fn our_default(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }

    const fn becomes_properties(mut self, properties: &'static [&'static str]) -> Self {
        self.becomes = Becomes::Properties(properties);
        self
    }

    /// librdkafka's default of the first property.
    const fn librdkafka(mut self, default: &'static str) -> Self {
        self.librdkafka_default = Some(default);
        self
    }

    const fn refused(mut self, accepted: &'static [&'static str], instead: &'static str) -> Self {
        self.becomes = Becomes::Refused { instead, accepted };
        self.default = None;
        self
    }

    const fn note_of(mut self, note: &'static str) -> Self {
        self.note = note;
        self
    }

    const fn checked(mut self, check: Check) -> Self {
        self.check = Some(check);
        self
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

    /// What Kafka's `ConfigDef` of a client prints (kafka-clients 4.1.0).
    fn java_rows(kind: ClientKind) -> Vec<JavaRow> {
        let text = match kind {
            ClientKind::Producer => include_str!("../../../tests/data/java-producer-config.json"),
            ClientKind::Consumer => include_str!("../../../tests/data/java-consumer-config.json"),
        };
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn every_name_of_javas_clients_is_mapped_done_here_or_refused_with_an_instruction() {
        for (kind, names) in [(ClientKind::Producer, 112), (ClientKind::Consumer, 115)] {
            let rows = java_rows(kind);
            assert_eq!(rows.len(), names);
            for row in &rows {
                let setting = kind.setting(&row.name).unwrap_or_else(|| panic!("{} is not in the table", row.name));
                match setting.becomes() {
                    Becomes::Properties(properties) => assert!(!properties.is_empty(), "{} becomes nothing", row.name),
                    Becomes::Here => {}
                    Becomes::Refused { instead, .. } => {
                        assert!(instead.len() > 15, "{}: no instruction", row.name);
                        let error = setting.check("no value at all").unwrap_err();
                        assert!(error.ends_with(instead), "{}: {error}", row.name);
                    }
                }
                assert!(setting.doc().ends_with('.'), "{}: no sentence says what it is for", row.name);
            }
            let known: HashSet<_> = rows.iter().map(|row| row.name.as_str()).collect();
            for setting in kind.settings().filter(|setting| setting.is_java()) {
                assert!(known.contains(setting.name()), "{} is not a name of the Java {}'s", setting.name(), kind.noun());
            }
        }
    }

    #[test]
    fn types_defaults_and_ranges_are_javas() {
        for (kind, row) in ClientKind::ALL.into_iter().flat_map(|kind| java_rows(kind).into_iter().map(move |row| (kind, row))) {
            let setting = kind.setting(&row.name).unwrap();
            assert_eq!(setting.kind().name(), row.kind.to_lowercase(), "{}", row.name);
            let default = row.default.as_deref().filter(|default| *default != "(required)").map(|default| {
                let default = default.replace("class ", "");
                match default.strip_prefix('[').and_then(|list| list.strip_suffix(']')) {
                    Some(list) => list.replace(", ", ","),
                    None => default,
                }
            });
            assert_eq!(setting.java_default().map(str::to_owned), default, "{}", row.name);
            assert_eq!(setting.java_range().to_string(), row.valid.unwrap_or_default(), "{}", row.name);
            assert_eq!(setting.is_secret(), row.kind == "PASSWORD", "{}", row.name);
        }
    }

    #[test]
    fn every_default_passes_its_own_check() {
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
    fn no_name_stands_twice() {
        for kind in ClientKind::ALL {
            let mut seen = HashSet::new();
            for setting in kind.settings() {
                assert!(seen.insert(setting.name()), "{} twice", setting.name());
            }
        }
    }
}
