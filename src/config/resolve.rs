//! The conversion of settings to librdkafka properties.

use super::{
    Becomes, ClientConfig, PartitionerName, Setting, assignor_name, librdkafka_property,
    resolution::{Resolution, partitioner},
    rules, sasl, server, tls,
};

/// The allowance for framing: librdkafka limits a record's size on the wire, this layer its size as Java counts it.
const FRAMING: i64 = 1024;
const MESSAGE_MAX_BYTES: (i64, i64) = (1_000, 1_000_000_000);
/// The names of Kafka's internal topics as patterns for librdkafka.
const INTERNAL_TOPICS: &str = "^__consumer_offsets$,^__transaction_state$,^__share_group_state$";

impl ClientConfig {
    /// Resolves all settings; errors are in the result.
    pub(crate) fn resolution(&self) -> Resolution {
        let mut resolution = Resolution {
            properties: Vec::new(),
            notes: Vec::new(),
            problems: self.deferred.clone(),
            warnings: Vec::new(),
            derived: Vec::new(),
        };
        resolution.derived = rules::derive(self, &mut resolution);
        for setting in self.kind.settings().filter(|setting| setting.is_java()) {
            direct(self, setting, &mut resolution);
        }
        sasl::resolve(self, &mut resolution);
        tls::resolve(self, &mut resolution);
        raw(self, &mut resolution);
        resolution
    }
}

/// Adds the properties of a setting, translated where Java and librdkafka have different notations.
fn direct(config: &ClientConfig, setting: &Setting, resolution: &mut Resolution) {
    let name = setting.name();
    let Becomes::Properties(properties) = setting.becomes() else { return };
    if name.starts_with("ssl.") || name.starts_with("sasl.") {
        return;
    }
    let is_set = config.entries.contains_key(name);
    let number = |resolution: &mut Resolution| config.number(name, resolution);
    let value = match name {
        "acks" => match config.text(name) {
            "all" => "-1".to_owned(),
            acks => acks.to_owned(),
        },
        "auto.commit.interval.ms" | "fetch.min.bytes" => number(resolution).max(1).to_string(),
        "auto.offset.reset" if config.text(name) == "none" => "error".to_owned(),
        // As in Java, a request with several records does not exceed max.request.size.
        "batch.size" => number(resolution).min(config.number("max.request.size", resolution)).max(1).to_string(),
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
        "connections.max.idle.ms" => number(resolution).max(0).to_string(),
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
            number(resolution).saturating_add(FRAMING).clamp(MESSAGE_MAX_BYTES.0, MESSAGE_MAX_BYTES.1).to_string()
        }
        "group.protocol" | "metadata.recovery.strategy" | "security.protocol" => config.text(name).to_ascii_lowercase(),
        "partitioner.class" => match partitioner(config) {
            PartitionerName::Native(native) => native.to_owned(),
            PartitionerName::BuiltIn | PartitionerName::RoundRobin | PartitionerName::UniformSticky => {
                "murmur2_random".to_owned()
            }
        },
        "partition.assignment.strategy" => assignor_name::native(config.text(name)).unwrap_or_default(),
        "receive.buffer.bytes" | "send.buffer.bytes" => number(resolution).max(0).to_string(),
        "retry.backoff.max.ms" | "retry.backoff.ms" => number(resolution).max(1).to_string(),
        "transaction.timeout.ms" if config.found("transactional.id").is_none() => return,
        _ => resolution.derived(name).unwrap_or_else(|| config.text(name)).to_owned(),
    };
    for (index, property) in properties.iter().enumerate() {
        let same = index == 0 && setting.librdkafka_default() == Some(value.as_str());
        // These are always set explicitly, because the delivery guarantees depend on them.
        let always =
            matches!(name, "acks" | "enable.auto.commit" | "enable.idempotence" | "max.in.flight.requests.per.connection");
        if is_set || always || !same {
            resolution.add(name, property, value.as_str());
        } else {
            resolution.add_default(name, property, &value);
        }
    }
}

/// Adds the settings `librdkafka.NAME`, and defaults of such settings that differ from librdkafka's.
fn raw(config: &ClientConfig, resolution: &mut Resolution) {
    for setting in config.kind.settings().filter(|setting| !setting.is_java()) {
        if let (Some(default), false, Some(property)) =
            (setting.default(), config.entries.contains_key(setting.name()), setting.properties().first())
        {
            resolution.add(setting.name(), property, default);
        }
    }
    for (name, entry) in &config.entries {
        if let Some(property) = name.strip_prefix("librdkafka.") {
            // It replaces a default: setting both is an error found earlier.
            let property = librdkafka_property::canonical(property);
            resolution.properties.retain(|other| librdkafka_property::canonical(&other.name) != property);
            resolution.add(name, property, entry.value.clone());
        }
    }
    if !config.has_raw("client.software.name") {
        resolution.add("", "client.software.name", "ottla");
        resolution.add("", "client.software.version", env!("CARGO_PKG_VERSION"));
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
        for (name, _) in all.resolve().unwrap().native {
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
