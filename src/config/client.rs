//! [`ClientConfig`]: the settings of a client of any kind, from the check of each value to the librdkafka properties that they become.

use std::{collections::BTreeMap, fmt, time::Duration};

use super::{
    Becomes, ClientKind, ConfigError, HIDDEN, Origin, PartitionerName, Problem, Range, Setting, Type, Unit, assignor_name,
    conversion::Conversion, is_secret, librdkafka_property, redacted, rules, sasl, server, tls, unknown_setting, value,
};
use crate::secret::Secret;

/// The allowance for framing: librdkafka limits a record's size on the wire, this layer its size as Java counts it.
const FRAMING: i64 = 1024;
const MESSAGE_MAX_BYTES: (i64, i64) = (1_000, 1_000_000_000);
/// The names of Kafka's internal topics as patterns for librdkafka.
const INTERNAL_TOPICS: &str = "^__consumer_offsets$,^__transaction_state$,^__share_group_state$";

/// The settings of a client of one kind. The public configurations wrap it.
#[derive(Clone)]
pub(crate) struct ClientConfig {
    pub(super) kind: ClientKind,
    pub(super) entries: BTreeMap<String, Entry>,
    /// Errors of typed setters, which cannot return them.
    pub(super) deferred: Vec<Problem>,
    /// Whether the program supplies tokens itself.
    pub(super) has_token_provider: bool,
}

/// A value and its origin.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) value: Secret,
    pub(super) origin: Origin,
}

/// A value that was set, under Java's name or as the librdkafka property that it becomes.
pub(crate) struct Found<'a> {
    pub(crate) name: &'a str,
    pub(crate) value: &'a str,
}

impl ClientConfig {
    pub(super) fn new(kind: ClientKind) -> Self {
        Self { kind, entries: BTreeMap::new(), deferred: Vec::new(), has_token_provider: false }
    }

    pub(super) fn merge(&mut self, higher: Self) {
        self.deferred.retain(|problem| !higher.entries.keys().any(|name| problem.setting() == Some(name)));
        self.entries.extend(higher.entries);
        self.deferred.extend(higher.deferred);
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.entries.get(name).map(|entry| entry.value.expose())
    }

    pub(super) fn origin(&self, name: &str) -> Option<&Origin> {
        self.entries.get(name).map(|entry| &entry.origin)
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let problems = self.convert().problems;
        if problems.is_empty() { Ok(()) } else { Err(problems.into_iter().collect()) }
    }

    /// Sets a value. Errors show `shown` in place of a value that came from a placeholder.
    pub(super) fn put(&mut self, name: &str, value: &str, shown: Option<&str>, origin: Origin) -> Result<(), Problem> {
        let (known, unknown) = self.recognise(name);
        let fail = |message: String| Err(Problem::new(Some(&origin), known.as_deref(), message));
        if let Some(message) = unknown {
            return fail(message);
        }
        if value.trim() == HIDDEN && is_secret(name) {
            return fail(format!("{HIDDEN} is the placeholder for a hidden secret; set the secret itself"));
        }
        let checked = match self.kind.setting(name) {
            Some(setting) => setting.check(value).map_err(|message| match setting.becomes() {
                Becomes::Refused { .. } => message,
                _ => with_value(name, shown.unwrap_or(value), &message),
            }),
            None => value::check(value, Type::String, Range::Any, Unit::None),
        };
        match checked {
            Ok(value) => {
                self.deferred.retain(|problem| problem.setting() != Some(name));
                self.entries.insert(name.to_owned(), Entry { value: value.into(), origin });
                Ok(())
            }
            Err(message) => fail(message),
        }
    }

    /// Returns the name if it may be shown, and an error if it is not a valid setting.
    pub(super) fn recognise(&self, name: &str) -> (Option<String>, Option<String>) {
        if self.kind.setting(name).is_some() {
            return (Some(name.to_owned()), None);
        }
        let property = name.strip_prefix("librdkafka.").filter(|property| {
            !property.is_empty() && property.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
        });
        match property {
            Some(property) => {
                let forbidden = librdkafka_property::forbidden(self.kind, property);
                (Some(name.to_owned()), forbidden.map(|reason| format!("cannot be set: {reason}")))
            }
            None => {
                let (shown, message) = unknown_setting::explain(self.kind, name);
                (shown.then(|| name.to_owned()), Some(message))
            }
        }
    }

    /// Sets the value of a typed setter; an error is stored.
    #[must_use]
    pub(super) fn keep(mut self, name: &'static str, value: String) -> Self {
        if let Err(problem) = self.put(name, &value, None, Origin::Code) {
            self.defer(name, problem.message().to_owned());
        }
        self
    }

    /// [`keep`](Self::keep) for a duration in milliseconds.
    #[must_use]
    pub(super) fn keep_duration(mut self, name: &'static str, duration: Duration) -> Self {
        if duration.subsec_nanos() % 1_000_000 == 0 {
            return self.keep(name, duration.as_millis().to_string());
        }
        self.defer(name, format!("{duration:?} is not a whole number of milliseconds"));
        self
    }

    /// Stores an error and removes the previous value, which is no longer in force.
    fn defer(&mut self, name: &'static str, message: String) {
        self.entries.remove(name);
        self.deferred.retain(|problem| problem.setting() != Some(name));
        self.deferred.push(Problem::new(Some(&Origin::Code), Some(name), message));
    }
}

/// The conversion to librdkafka properties.
impl ClientConfig {
    /// Resolves all settings; errors are in the result.
    pub(crate) fn convert(&self) -> Conversion {
        let mut conversion = Conversion {
            properties: Vec::new(),
            notes: Vec::new(),
            problems: self.deferred.clone(),
            warnings: Vec::new(),
            derived: Vec::new(),
        };
        conversion.derived = rules::derive(self, &mut conversion);
        for setting in self.kind.settings().filter(|setting| setting.is_java()) {
            direct(self, setting, &mut conversion);
        }
        sasl::convert(self, &mut conversion);
        tls::convert(self, &mut conversion);
        raw(self, &mut conversion);
        conversion
    }

    /// The value of a setting, set under Java's name or as `librdkafka.` and the first property it becomes.
    pub(crate) fn found(&self, name: &str) -> Option<Found<'_>> {
        if let Some((name, entry)) = self.entries.get_key_value(name) {
            return Some(Found { name, value: entry.value.expose() });
        }
        let property = librdkafka_property::canonical(self.kind.setting(name)?.properties().first()?);
        self.entries
            .iter()
            .find(|(name, _)| name.strip_prefix("librdkafka.").is_some_and(|raw| librdkafka_property::canonical(raw) == property))
            .map(|(name, entry)| Found { name, value: entry.value.expose() })
    }

    /// The value of a setting, or its default; empty if there is none.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.found(name).map(|found| found.value).or_else(|| self.kind.setting(name)?.default()).unwrap_or_default()
    }

    /// The value of an integer setting, or its default.
    pub(crate) fn number(&self, name: &str, conversion: &mut Conversion) -> i64 {
        let default = || self.kind.setting(name).and_then(|setting| setting.default()?.parse().ok()).unwrap_or_default();
        match self.found(name) {
            None => default(),
            Some(found) => found.value.parse().unwrap_or_else(|_| {
                conversion.fail(self, found.name, "must be a whole number");
                default()
            }),
        }
    }

    /// The value of a setting in milliseconds, or its default; `None` if it is not a time. A librdkafka property may have a fraction.
    pub(crate) fn milliseconds(&self, name: &str) -> Option<Duration> {
        let milliseconds: f64 = self.text(name).parse().ok()?;
        Duration::try_from_secs_f64(milliseconds / 1000.0).ok()
    }

    /// Whether a property is set as `librdkafka.NAME`.
    pub(crate) fn has_raw(&self, property: &str) -> bool {
        let property = librdkafka_property::canonical(property);
        self.entries
            .keys()
            .any(|name| name.strip_prefix("librdkafka.").is_some_and(|raw| librdkafka_property::canonical(raw) == property))
    }
}

/// Adds the properties of a setting, translated where Java and librdkafka have different notations.
fn direct(config: &ClientConfig, setting: &Setting, conversion: &mut Conversion) {
    let name = setting.name();
    let Becomes::Properties(properties) = setting.becomes() else { return };
    if name.starts_with("ssl.") || name.starts_with("sasl.") {
        return;
    }
    let is_set = config.entries.contains_key(name);
    let number = |conversion: &mut Conversion| config.number(name, conversion);
    let value = match name {
        "acks" => match config.text(name) {
            "all" => "-1".to_owned(),
            acks => acks.to_owned(),
        },
        "auto.commit.interval.ms" | "fetch.min.bytes" => number(conversion).max(1).to_string(),
        "auto.offset.reset" if config.text(name) == "none" => "error".to_owned(),
        // As in Java, a request with several records does not exceed max.request.size.
        "batch.size" => number(conversion).min(config.number("max.request.size", conversion)).max(1).to_string(),
        "bootstrap.servers" => match config.text(name) {
            "" => return,
            list => server::addresses(list),
        },
        "client.id" | "client.rack" | "group.id" | "group.instance.id" | "group.remote.assignor" | "transactional.id"
            if config.text(name).is_empty() =>
        {
            return;
        }
        "compression.gzip.level" | "compression.lz4.level" | "compression.zstd.level" => {
            let codec = name.split('.').nth(1).unwrap_or_default();
            match config.get(name) {
                Some(level) if config.text("compression.type") == codec => match (codec, level) {
                    // Level 9 is Java's default, a fast compressor. librdkafka's level 9 would be the slow, thorough one.
                    ("lz4", "9") => "-1".to_owned(),
                    (_, level) => level.to_owned(),
                },
                _ => return,
            }
        }
        "connections.max.idle.ms" => number(conversion).max(0).to_string(),
        "exclude.internal.topics" => match config.text(name) {
            "true" => INTERNAL_TOPICS.to_owned(),
            _ => return,
        },
        "heartbeat.interval.ms" | "partition.assignment.strategy" | "session.timeout.ms"
            if rules::has_broker_protocol(config) =>
        {
            return;
        }
        "max.request.size" => {
            number(conversion).saturating_add(FRAMING).clamp(MESSAGE_MAX_BYTES.0, MESSAGE_MAX_BYTES.1).to_string()
        }
        "group.protocol" | "metadata.recovery.strategy" | "security.protocol" => config.text(name).to_ascii_lowercase(),
        "partitioner.class" => match partitioner(config) {
            PartitionerName::Native(native) => native.to_owned(),
            PartitionerName::BuiltIn | PartitionerName::RoundRobin | PartitionerName::UniformSticky => {
                "murmur2_random".to_owned()
            }
        },
        "partition.assignment.strategy" => assignor_name::native(config.text(name)).unwrap_or_default(),
        "receive.buffer.bytes" | "send.buffer.bytes" => number(conversion).max(0).to_string(),
        "retry.backoff.max.ms" | "retry.backoff.ms" => number(conversion).max(1).to_string(),
        "transaction.timeout.ms" if config.found("transactional.id").is_none() => return,
        _ => conversion.derived(name).unwrap_or_else(|| config.text(name)).to_owned(),
    };
    for (index, property) in properties.iter().enumerate() {
        let same = index == 0 && setting.librdkafka_default() == Some(value.as_str());
        // These are always set explicitly, because the delivery guarantees depend on them.
        let always =
            matches!(name, "acks" | "enable.auto.commit" | "enable.idempotence" | "max.in.flight.requests.per.connection");
        if is_set || always || !same {
            conversion.add(name, property, value.as_str());
        } else {
            conversion.add_default(name, property, &value);
        }
    }
}

/// Adds the settings `librdkafka.NAME`, and defaults of such settings that differ from librdkafka's.
fn raw(config: &ClientConfig, conversion: &mut Conversion) {
    for setting in config.kind.settings().filter(|setting| !setting.is_java()) {
        if let (Some(default), false, Some(property)) =
            (setting.default(), config.entries.contains_key(setting.name()), setting.properties().first())
        {
            conversion.add(setting.name(), property, default);
        }
    }
    for (name, entry) in &config.entries {
        if let Some(property) = name.strip_prefix("librdkafka.") {
            // It replaces a default: setting both is an error found earlier.
            let property = librdkafka_property::canonical(property);
            conversion.properties.retain(|other| librdkafka_property::canonical(&other.name) != property);
            conversion.add(name, property, entry.value.clone());
        }
    }
    if !config.has_raw("client.software.name") {
        conversion.add("", "client.software.name", "ottla");
        conversion.add("", "client.software.version", env!("CARGO_PKG_VERSION"));
    }
}

pub(crate) fn partitioner(config: &ClientConfig) -> PartitionerName {
    config.text("partitioner.class").parse().unwrap_or(PartitionerName::BuiltIn)
}

/// Prefixes a message with the value, unless the value may hold a secret: in security settings, or if it has an `@`.
fn with_value(name: &str, value: &str, message: &str) -> String {
    let property = name.strip_prefix("librdkafka.").unwrap_or(name);
    if is_secret(name) || value.contains('@') || ["sasl.", "ssl."].iter().any(|prefix| property.starts_with(prefix)) {
        return message.to_owned();
    }
    let value = value.trim();
    match value.char_indices().nth(60) {
        Some((end, _)) => format!("{:?}.. {message}", &value[..end]),
        None => format!("{value:?} {message}"),
    }
}

impl fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.entries.iter().map(|(name, entry)| (name, redacted(name, &entry.value)))).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::tests::{config, native};
    use super::*;

    #[test]
    fn no_property_is_set_twice() {
        let all = config(&[
            ("compression.type", "gzip"),
            ("compression.gzip.level", "9"),
            ("transactional.id", "t"),
            ("client.id", "me"),
            ("librdkafka.queue.buffering.max.messages", "7"),
            ("librdkafka.linger.ms", "7"),
            ("librdkafka.sasl.mechanism", "PLAIN"),
            ("librdkafka.security.protocol", "sasl_plaintext"),
            ("librdkafka.sasl.username", "alice"),
            ("librdkafka.sasl.password", "hunter2"),
            ("librdkafka.socket.timeout.ms", "2000"),
        ]);
        let mut seen = HashSet::new();
        for (name, _) in all.parameters().unwrap().properties {
            assert!(seen.insert(librdkafka_property::canonical(&name).to_owned()), "duplicate property {name}");
        }
        assert_eq!(native(&all, "queue.buffering.max.messages").as_deref(), Some("7"));
        assert_eq!(native(&all, "linger.ms").as_deref(), Some("7"));
        assert_eq!(native(&all, "request.timeout.ms").as_deref(), Some("2000"), "the timeout sent to the broker is the client's");
    }

    #[test]
    fn values_are_translated_to_librdkafkas_notation() {
        for (name, value, property, wanted) in [
            ("acks", "all", "request.required.acks", "-1"),
            ("batch.size", "0", "batch.size", "1"),
            ("batch.size", "5000000", "batch.size", "1048576"),
            ("bootstrap.servers", "PLAINTEXT://a:1, b:2", "metadata.broker.list", "a:1,b:2"),
            ("connections.max.idle.ms", "-1", "connections.max.idle.ms", "0"),
            ("linger.ms", "20", "queue.buffering.max.ms", "20"),
            ("max.request.size", "0", "message.max.bytes", "1024"),
            ("max.request.size", "1000000000", "message.max.bytes", "1000000000"),
            ("metadata.max.age.ms", "1000", "topic.metadata.refresh.interval.ms", "1000"),
            ("metadata.recovery.strategy", "none", "metadata.recovery.strategy", "none"),
            ("partitioner.class", "fnv1a", "partitioner", "fnv1a"),
            ("partitioner.class", "RoundRobinPartitioner", "partitioner", "murmur2_random"),
            ("partitioner.class", "UniformStickyPartitioner", "partitioner", "murmur2_random"),
            ("receive.buffer.bytes", "-1", "socket.receive.buffer.bytes", "0"),
            ("retry.backoff.ms", "0", "retry.backoff.ms", "1"),
            ("request.timeout.ms", "1000", "socket.timeout.ms", "1000"),
            ("request.timeout.ms", "1000", "request.timeout.ms", "1000"),
        ] {
            let config = config(&[("bootstrap.servers", "localhost:9092"), (name, value)]);
            assert_eq!(native(&config, property).as_deref(), Some(wanted), "{name}={value}");
        }
        for (codec, level, value, wanted) in [
            ("gzip", "compression.gzip.level", "9", "9"),
            ("lz4", "compression.lz4.level", "9", "-1"),
            ("zstd", "compression.zstd.level", "12", "12"),
        ] {
            let config = config(&[("compression.type", codec), (level, value)]);
            assert_eq!(native(&config, "compression.level").as_deref(), Some(wanted), "{codec}");
        }
    }
}
