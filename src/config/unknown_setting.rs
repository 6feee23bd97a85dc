//! Unknown names: explains what a name is, or suggests the setting that was meant.

use super::{ClientKind, librdkafka_property, schema_registry_settings, setting::client::PROVIDERS};

/// Settings of the Java producer before or after 4.4, with the alternative.
const OTHER_PRODUCERS: &[(&str, &str)] = &[
    ("auto.include.jmx.reporter", "JMX is not supported; remove it"),
    ("block.on.buffer.full", "removed in Kafka 0.9.0; use max.block.ms"),
    ("metadata.fetch.timeout.ms", "removed in Kafka 0.9.0; use max.block.ms"),
    ("timeout.ms", "removed in Kafka 0.9.0; use request.timeout.ms"),
];

/// Settings of the Java consumer before or after 4.4, with the alternative.
const OTHER_CONSUMERS: &[(&str, &str)] = &[
    ("auto.include.jmx.reporter", "JMX is not supported; remove it"),
    ("consumer.timeout.ms", "removed in Kafka 0.9.0; pass a timeout to poll"),
    ("internal.leave.group.on.close", "internal to Kafka Streams; remove it"),
    ("internal.throw.on.fetch.stable.offset.unsupported", "internal to Kafka Streams; remove it"),
    ("offsets.storage", "removed in Kafka 0.9.0, offsets are stored on the brokers; remove it"),
    ("zookeeper.connect", "removed in Kafka 0.9.0; use bootstrap.servers"),
];

/// The command's own settings outside `[producer]` and `[consumer]`.
const COMMANDS: &[&str] = &["topic", "input", "key", "value", "schema"];

/// The error for an unknown name, and whether the name may be shown: it may be part of a secret, for example a line of a PEM text
/// without its continuation.
pub(crate) fn explain(kind: ClientKind, name: &str) -> (bool, String) {
    if librdkafka_property::is_others(kind, name) {
        return (true, librdkafka_property::of_other(kind));
    }
    let of_other_versions = match kind {
        ClientKind::Producer => OTHER_PRODUCERS,
        ClientKind::Consumer => OTHER_CONSUMERS,
    };
    if let Some((_, instead)) = of_other_versions.iter().find(|(other, _)| *other == name) {
        return (true, format!("is not a setting of the Java {} 4.4: {instead}", kind.noun()));
    }
    if name.starts_with("config.providers.") {
        return (true, PROVIDERS.to_owned());
    }
    if librdkafka_property::is_own(kind, name) {
        return (true, librdkafkas(kind, name));
    }
    if let Some(near) = nearest(kind, name) {
        return (true, format!("unknown setting; did you mean {near}?"));
    }
    if name.split('.').next().is_some_and(|first| COMMANDS.contains(&first)) {
        return (
            true,
            format!("unknown setting; if it is meant for the command, put the {0}'s settings in a table named {0}", kind.noun()),
        );
    }
    let plain = name.contains('.')
        && name.len() <= 80
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
    if plain {
        (true, "unknown setting; `librdkafka.NAME` sets a librdkafka property".to_owned())
    } else {
        (false, "unknown setting; its name is not shown, because it may be part of a secret".to_owned())
    }
}

fn librdkafkas(kind: ClientKind, name: &str) -> String {
    if let Some(reason) = librdkafka_property::forbidden(kind, name) {
        return format!("is a librdkafka property: {reason}");
    }
    let property = librdkafka_property::canonical(name);
    let java = match property {
        "sasl.username" | "sasl.password" => Some("sasl.jaas.config"),
        "ssl.certificate.location" | "ssl.key.location" => Some("ssl.keystore.type=PEM and ssl.keystore.location"),
        "sasl.oauthbearer.method" => Some("sasl.oauthbearer.token.endpoint.url"),
        "enable.sasl.oauthbearer.unsecure.jwt" | "sasl.oauthbearer.config" | "sasl.oauthbearer.extensions" => {
            Some("sasl.jaas.config")
        }
        "ssl.ca.location" => Some("ssl.truststore.type=PEM and ssl.truststore.location"),
        "compression.level" => Some("compression.gzip.level, compression.lz4.level or compression.zstd.level"),
        property => kind
            .settings()
            .find(|setting| setting.is_java() && setting.properties().first() == Some(&property))
            .map(|setting| setting.name()),
    };
    match java {
        Some(java) => format!("is a librdkafka property; use {java}, or librdkafka.{name}"),
        None => format!("is a librdkafka property; use librdkafka.{name}"),
    }
}

/// The setting that was probably meant by a misspelled name.
pub(crate) fn nearest(kind: ClientKind, name: &str) -> Option<String> {
    if name.len() > 100 {
        return None;
    }
    let wanted = plain(name);
    let bare = wanted.strip_prefix(kind.noun()).unwrap_or(&wanted);
    let java = kind.settings().chain(schema_registry_settings()).map(|setting| setting.name().to_owned());
    let native = librdkafka_property::own(kind).map(|property| format!("librdkafka.{property}"));
    java.chain(native)
        .map(|candidate| {
            let distance = strsim::damerau_levenshtein(bare, &plain(&candidate));
            (distance, candidate)
        })
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, candidate)| *distance <= (candidate.len() / 5).clamp(1, 4) && bare.len() >= 3)
        .map(|(_, candidate)| candidate)
        .or_else(|| abbreviated(kind, name))
}

/// The setting whose name begins or ends with these parts: the shortest that begins with them, or the only one that ends with
/// them.
fn abbreviated(kind: ClientKind, name: &str) -> Option<String> {
    let names = || kind.settings().map(|setting| setting.name());
    let begins = |known: &&str| known.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
    let ends = |known: &&str| known.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'));
    let mut ending = names().filter(ends);
    let first = names().filter(begins).min_by_key(|known| known.len());
    first.or_else(|| ending.next().filter(|_| ending.next().is_none())).map(str::to_owned)
}

/// Normalizes a name: `lingerMs`, `LINGER_MS` and `linger-ms` are equal.
fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_most_similar_name_is_suggested() {
        for (name, wanted) in [
            ("liger.ms", "linger.ms"),
            ("linger_ms", "linger.ms"),
            ("lingerMs", "linger.ms"),
            ("LINGER.MS", "linger.ms"),
            ("producer.linger.ms", "linger.ms"),
            ("boostrap.server", "bootstrap.servers"),
            ("retris", "retries"),
            ("enable.idempotance", "enable.idempotence"),
            ("compresion.type", "compression.type"),
            ("librdkafka.sasl.pasword", "librdkafka.sasl.password"),
            ("linger", "linger.ms"),
            ("compression", "compression.type"),
            ("idempotence", "enable.idempotence"),
        ] {
            assert_eq!(nearest(ClientKind::Producer, name).as_deref(), Some(wanted), "{name}");
        }
        for name in ["", "x", "completely.different", "hunter2", "color", "ms", "password", "linger."] {
            assert_eq!(nearest(ClientKind::Producer, name), None, "{name}");
        }
    }

    #[test]
    fn librdkafka_properties_suggest_the_java_setting() {
        for (name, wanted) in [
            ("queue.buffering.max.ms", "is a librdkafka property; use linger.ms, or librdkafka.queue.buffering.max.ms"),
            ("metadata.broker.list", "is a librdkafka property; use bootstrap.servers, or librdkafka.metadata.broker.list"),
            ("compression.codec", "is a librdkafka property; use compression.type, or librdkafka.compression.codec"),
            ("max.in.flight", "is a librdkafka property; use max.in.flight.requests.per.connection, or librdkafka.max.in.flight"),
            ("sasl.username", "is a librdkafka property; use sasl.jaas.config, or librdkafka.sasl.username"),
            ("statistics.interval.ms", "is a librdkafka property; use librdkafka.statistics.interval.ms"),
        ] {
            assert_eq!(explain(ClientKind::Producer, name), (true, wanted.to_owned()));
        }
        assert!(
            explain(ClientKind::Producer, "ssl.ca.location")
                .1
                .contains("use ssl.truststore.type=PEM and ssl.truststore.location, or librdkafka.")
        );
        assert!(explain(ClientKind::Producer, "delivery.report.only.error").1.contains("ottla needs the reports of all records"));
    }

    #[test]
    fn settings_of_other_kinds_and_versions_are_explained() {
        assert!(explain(ClientKind::Producer, "group.id").1.contains("consumer"));
        assert!(explain(ClientKind::Producer, "timeout.ms").1.contains("request.timeout.ms"));
        assert!(explain(ClientKind::Producer, "topic").1.contains("a table named producer"));
        assert!(explain(ClientKind::Producer, "my.own.setting").0);
    }

    #[test]
    fn names_that_may_be_part_of_a_secret_are_not_shown() {
        for piece in ["MIIEvQIBADANBgkqhkiG9w0BAQEFAASC", "hunter2", "-----END", "s3cr=t", "correct horse"] {
            assert!(!explain(ClientKind::Producer, piece).0, "{piece}");
        }
    }

    proptest! {
        #[test]
        fn no_name_panics(name in ".{0,120}") {
            let _ = explain(ClientKind::Producer, &name);
        }
    }
}
