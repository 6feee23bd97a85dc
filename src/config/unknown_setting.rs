//! Names that are no settings of this kind of client: what they are, or which setting is meant.

use super::{ClientKind, librdkafka_property, schema_registry_settings};

/// Settings of Java producers older or newer than 4.1, and what to do instead.
const OTHER_PRODUCERS: &[(&str, &str)] = &[
    ("auto.include.jmx.reporter", "there is no JMX here; leave it out"),
    ("block.on.buffer.full", "is gone since Kafka 0.9.0; use max.block.ms"),
    ("bootstrap.resolve.timeout.ms", "librdkafka has none; use max.block.ms"),
    ("metadata.fetch.timeout.ms", "is gone since Kafka 0.9.0; use max.block.ms"),
    ("partitioner.rack.aware", "is not in Kafka 4.1 and not here; leave it out"),
    ("timeout.ms", "is gone since Kafka 0.9.0; use request.timeout.ms"),
];

/// Settings of Java consumers older or newer than 4.1, and what to do instead.
const OTHER_CONSUMERS: &[(&str, &str)] = &[
    ("auto.include.jmx.reporter", "there is no JMX here; leave it out"),
    ("bootstrap.resolve.timeout.ms", "librdkafka has none; use default.api.timeout.ms"),
    ("consumer.timeout.ms", "is gone since Kafka 0.9.0; give a time where the program waits"),
    ("offsets.storage", "is gone since Kafka 0.9.0, the brokers keep offsets; leave it out"),
    ("zookeeper.connect", "is gone since Kafka 0.9.0; use bootstrap.servers"),
];

/// What the command keeps beside `[producer]` and `[consumer]`.
const COMMANDS: &[&str] = &["topic", "input", "key", "value", "schema"];

/// Whether a name, Java's or librdkafka's, is one of the other kind of client and not of this one.
pub(crate) fn is_others(kind: ClientKind, name: &str) -> bool {
    let known = |kind: ClientKind| kind.setting(name).is_some() || librdkafka_property::is_own(kind, name);
    !known(kind) && known(kind.other())
}

/// What to say of such a name.
pub(crate) fn of_other(kind: ClientKind) -> String {
    format!("is a {}'s setting; a {} has no use for it", kind.other().noun(), kind.noun())
}

/// What to say of a name that is no setting, and whether the name may be shown: what stands in a name's place may be part of a
/// secret, for instance a line of a PEM text that lacks its continuation.
pub(crate) fn explain(kind: ClientKind, name: &str) -> (bool, String) {
    if is_others(kind, name) {
        return (true, of_other(kind));
    }
    let of_other_versions = match kind {
        ClientKind::Producer => OTHER_PRODUCERS,
        ClientKind::Consumer => OTHER_CONSUMERS,
    };
    if let Some((_, instead)) = of_other_versions.iter().find(|(other, _)| *other == name) {
        return (true, format!("is no setting of the Java {} 4.1: {instead}", kind.noun()));
    }
    if librdkafka_property::is_own(kind, name) {
        return (true, librdkafkas(kind, name));
    }
    if let Some(near) = nearest(kind, name) {
        return (true, format!("unknown setting; did you mean {near}?"));
    }
    let command = name.split('.').next().filter(|first| COMMANDS.contains(first));
    if let Some(first) = command {
        return (
            true,
            format!(
                "unknown setting; if {first} is meant for the command, put the {0}'s settings into a table named {0}",
                kind.noun()
            ),
        );
    }
    let plain = name.contains('.')
        && name.len() <= 80
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
    if plain {
        (true, "unknown setting; `librdkafka.NAME` passes a property of librdkafka's through".to_owned())
    } else {
        (false, "the setting that is named here is unknown; its name is not shown, since it may be part of a secret".to_owned())
    }
}

fn librdkafkas(kind: ClientKind, name: &str) -> String {
    if let Some(reason) = librdkafka_property::forbidden(kind, name) {
        return format!("is librdkafka's: {reason}");
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
        Some(java) => format!("is librdkafka's name; use {java}, or librdkafka.{name}"),
        None => format!("is librdkafka's name; use librdkafka.{name}"),
    }
}

/// The setting that is probably meant by a misspelt name.
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

/// The setting of whose name only the first or the last parts stand here: the shortest that begins so, or the only one that ends so.
fn abbreviated(kind: ClientKind, name: &str) -> Option<String> {
    let names = || kind.settings().map(|setting| setting.name());
    let begins = |known: &&str| known.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
    let ends = |known: &&str| known.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'));
    let mut ending = names().filter(ends);
    let first = names().filter(begins).min_by_key(|known| known.len());
    first.or_else(|| ending.next().filter(|_| ending.next().is_none())).map(str::to_owned)
}

/// A name without what people write differently: `lingerMs`, `LINGER_MS` and `linger-ms` are one.
fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_nearest_name_is_found() {
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
    fn librdkafkas_names_lead_to_javas() {
        for (name, wanted) in [
            ("queue.buffering.max.ms", "is librdkafka's name; use linger.ms, or librdkafka.queue.buffering.max.ms"),
            ("metadata.broker.list", "is librdkafka's name; use bootstrap.servers, or librdkafka.metadata.broker.list"),
            ("compression.codec", "is librdkafka's name; use compression.type, or librdkafka.compression.codec"),
            ("max.in.flight", "is librdkafka's name; use max.in.flight.requests.per.connection, or librdkafka.max.in.flight"),
            ("sasl.username", "is librdkafka's name; use sasl.jaas.config, or librdkafka.sasl.username"),
            ("statistics.interval.ms", "is librdkafka's name; use librdkafka.statistics.interval.ms"),
        ] {
            assert_eq!(explain(ClientKind::Producer, name), (true, wanted.to_owned()));
        }
        assert!(
            explain(ClientKind::Producer, "ssl.ca.location")
                .1
                .contains("use ssl.truststore.type=PEM and ssl.truststore.location, or librdkafka.")
        );
        assert!(explain(ClientKind::Producer, "delivery.report.only.error").1.contains("every record must be reported"));
    }

    #[test]
    fn others_are_named_for_what_they_are() {
        assert!(explain(ClientKind::Producer, "group.id").1.contains("consumer"));
        assert!(explain(ClientKind::Producer, "timeout.ms").1.contains("request.timeout.ms"));
        assert!(explain(ClientKind::Producer, "topic").1.contains("a table named producer"));
        assert!(explain(ClientKind::Producer, "my.own.setting").0);
    }

    #[test]
    fn what_may_be_a_piece_of_a_secret_is_not_shown() {
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
