//! librdkafka's property names: which exist, which are aliases, which hold secrets, and which must not be set because this layer
//! relies on them (librdkafka 2.12's `CONFIGURATION.md`).

use super::ClientKind;

/// Properties of every client whose names Java does not have, or uses with another meaning.
const CLIENT: &[&str] = &[
    "api.version.fallback.ms",
    "api.version.request",
    "api.version.request.timeout.ms",
    "broker.address.family",
    "broker.address.ttl",
    "broker.version.fallback",
    "builtin.features",
    "client.rack",
    "client.software.name",
    "client.software.version",
    "debug",
    "enable.random.seed",
    "enable.sasl.oauthbearer.unsecure.jwt",
    "enable.sparse.connections",
    "enable.ssl.certificate.verification",
    "https.ca.location",
    "https.ca.pem",
    "internal.termination.signal",
    "log.connection.close",
    "log.thread.name",
    "log_level",
    "max.in.flight",
    "message.max.bytes",
    "metadata.broker.list",
    "plugin.library.paths",
    "receive.message.max.bytes",
    "reconnect.backoff.jitter.ms",
    "sasl.kerberos.keytab",
    "sasl.kerberos.principal",
    "sasl.mechanisms",
    "sasl.oauthbearer.assertion.jwt.template.file",
    "sasl.oauthbearer.assertion.private.key.pem",
    "sasl.oauthbearer.client.id",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.config",
    "sasl.oauthbearer.extensions",
    "sasl.oauthbearer.grant.type",
    "sasl.oauthbearer.metadata.authentication.type",
    "sasl.oauthbearer.method",
    "sasl.password",
    "sasl.username",
    "socket.blocking.max.ms",
    "socket.keepalive.enable",
    "socket.max.fails",
    "socket.nagle.disable",
    "socket.receive.buffer.bytes",
    "socket.send.buffer.bytes",
    "socket.timeout.ms",
    "ssl.ca.certificate.stores",
    "ssl.ca.location",
    "ssl.ca.pem",
    "ssl.certificate.location",
    "ssl.certificate.pem",
    "ssl.crl.location",
    "ssl.curves.list",
    "ssl.engine.id",
    "ssl.engine.location",
    "ssl.key.location",
    "ssl.key.pem",
    "ssl.providers",
    "ssl.sigalgs.list",
    "statistics.interval.ms",
    "test.mock.broker.rtt",
    "test.mock.num.brokers",
    "topic.blacklist",
    "topic.metadata.propagation.max.ms",
    "topic.metadata.refresh.fast.cnt",
    "topic.metadata.refresh.fast.interval.ms",
    "topic.metadata.refresh.interval.ms",
    "topic.metadata.refresh.sparse",
];

/// Properties of producers only.
const PRODUCERS: &[&str] = &[
    "allow.auto.create.topics",
    "batch.num.messages",
    "compression.codec",
    "compression.level",
    "enable.gapless.guarantee",
    "message.copy.max.bytes",
    "message.send.max.retries",
    "message.timeout.ms",
    "partitioner",
    "produce.offset.report",
    "queue.buffering.backpressure.threshold",
    "queue.buffering.max.kbytes",
    "queue.buffering.max.messages",
    "queue.buffering.max.ms",
    "request.required.acks",
    "sticky.partitioning.linger.ms",
];

/// Properties of consumers only.
const CONSUMERS: &[&str] = &[
    "coordinator.query.interval.ms",
    "fetch.error.backoff.ms",
    "fetch.message.max.bytes",
    "fetch.queue.backoff.ms",
    "fetch.wait.max.ms",
    "group.protocol.type",
    "queued.max.messages.kbytes",
    "queued.min.messages",
];

/// Aliases and their properties.
const ALIASES: &[(&str, &str)] = &[
    ("acks", "request.required.acks"),
    ("bootstrap.servers", "metadata.broker.list"),
    ("compression.type", "compression.codec"),
    ("delivery.timeout.ms", "message.timeout.ms"),
    ("linger.ms", "queue.buffering.max.ms"),
    ("max.in.flight", "max.in.flight.requests.per.connection"),
    ("max.partition.fetch.bytes", "fetch.message.max.bytes"),
    ("retries", "message.send.max.retries"),
    ("sasl.mechanism", "sasl.mechanisms"),
    ("sasl.oauthbearer.client.credentials.client.id", "sasl.oauthbearer.client.id"),
    ("sasl.oauthbearer.client.credentials.client.secret", "sasl.oauthbearer.client.secret"),
];

/// Properties whose values are secrets.
const SECRETS: &[&str] = &[
    "https.ca.pem",
    "sasl.oauthbearer.assertion.private.key.passphrase",
    "sasl.oauthbearer.assertion.private.key.pem",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.config",
    "sasl.oauthbearer.extensions",
    "sasl.password",
    "sasl.username",
    "ssl.ca.pem",
    "ssl.certificate.pem",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.password",
];

/// Properties that must not be set on any client, with the reason.
const FORBIDDEN: &[(&str, &str)] = &[
    ("enabled_events", "ottla chooses the events that it handles; remove it"),
    ("log.queue", "librdkafka's log lines go through ottla's queue to the program's log; remove it"),
    ("sasl.jaas.config", "is a setting of Java's client; set sasl.jaas.config without the prefix librdkafka."),
    ("ssl.truststore.location", "is a setting of Java's client; set ssl.truststore.location without the prefix librdkafka."),
    ("ssl.truststore.password", "PEM files have no password; remove it"),
    ("default_topic_conf", "can only be set by a function of librdkafka; remove it"),
    ("interceptors", "can only be set by a function of librdkafka; remove it"),
    ("opaque", "can only be set by a function of librdkafka; remove it"),
    ("msg_order_cmp", "can only be set by a function of librdkafka; remove it"),
    ("ssl_ca", "can only be set by a function of librdkafka; use librdkafka.ssl.ca.pem"),
    ("ssl_certificate", "can only be set by a function of librdkafka; use librdkafka.ssl.certificate.pem"),
    ("ssl_key", "can only be set by a function of librdkafka; use librdkafka.ssl.key.pem"),
    ("ssl_engine_callback_data", "can only be set by a function of librdkafka; remove it"),
];

/// Properties that must not be set on a producer, with the reason.
const FORBIDDEN_PRODUCERS: &[(&str, &str)] = &[
    ("delivery.report.only.error", "ottla needs the reports of all records, including delivered ones; remove it"),
    ("queuing.strategy", "ottla sends the records of a partition in order; remove it"),
];

/// Properties that must not be set on a consumer, with the reason.
const FORBIDDEN_CONSUMERS: &[(&str, &str)] = &[
    ("auto.commit.enable", "is for librdkafka's legacy consumer; use enable.auto.commit"),
    ("consume.callback.max.messages", "is for librdkafka's legacy consumer; use max.poll.records"),
    ("enable.auto.offset.store", "the consumer stores offsets itself; remove it"),
    ("enable.partition.eof", "ottla does not report the end of a partition; remove it"),
    ("offset.store.method", "offsets are stored on the brokers; remove it"),
    ("offset.store.path", "offsets are stored on the brokers; remove it"),
    ("offset.store.sync.interval.ms", "offsets are stored on the brokers; remove it"),
];

/// The property for a name, which may be an alias.
pub(crate) fn canonical(property: &str) -> &str {
    ALIASES.iter().find(|(alias, _)| *alias == property).map_or(property, |(_, property)| property)
}

/// Whether librdkafka has a property with this name that is not a setting of Java's.
pub(crate) fn is_own(kind: ClientKind, property: &str) -> bool {
    own(kind).any(|own| own == property) || forbidden_of(kind).any(|(name, _)| *name == property)
}

/// All names of [`is_own`] that may be set.
pub(crate) fn own(kind: ClientKind) -> impl Iterator<Item = &'static str> {
    let of_kind = match kind {
        ClientKind::Producer => PRODUCERS,
        ClientKind::Consumer => CONSUMERS,
    };
    CLIENT.iter().chain(of_kind).copied()
}

/// Whether the value of a property must not be printed. An unknown property may be a misspelled secret.
pub(crate) fn is_secret(property: &str) -> bool {
    let property = canonical(property);
    let known = [CLIENT, PRODUCERS, CONSUMERS].iter().any(|properties| properties.contains(&property))
        || ALIASES.iter().any(|(_, known)| *known == property)
        || ClientKind::setting_of_any(property).is_some();
    !known || SECRETS.contains(&property)
}

/// Whether a name, Java's or librdkafka's, belongs to the other kind of client only.
pub(crate) fn is_others(kind: ClientKind, name: &str) -> bool {
    let known = |kind: ClientKind| kind.setting(name).is_some() || is_own(kind, name);
    !known(kind) && known(kind.other())
}

/// The error for such a name.
pub(crate) fn of_other(kind: ClientKind) -> String {
    format!("is a {} setting and does not apply to a {}", kind.other().noun(), kind.noun())
}

/// Why a property must not be set; `None` if it may be set.
pub(crate) fn forbidden(kind: ClientKind, property: &str) -> Option<String> {
    if property.ends_with("_cb") {
        return Some("can only be set by a function of librdkafka; remove it".to_owned());
    }
    if is_others(kind, property) {
        return Some(of_other(kind));
    }
    forbidden_of(kind).find(|(name, _)| *name == property).map(|(_, reason)| (*reason).to_owned())
}

fn forbidden_of(kind: ClientKind) -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    let of_kind = match kind {
        ClientKind::Producer => FORBIDDEN_PRODUCERS,
        ClientKind::Consumer => FORBIDDEN_CONSUMERS,
    };
    FORBIDDEN.iter().chain(of_kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_resolve_to_one_name() {
        assert_eq!(canonical("linger.ms"), canonical("queue.buffering.max.ms"));
        assert_eq!(canonical("batch.size"), "batch.size");
        for (alias, property) in ALIASES {
            assert_eq!(canonical(alias), *property);
            assert_eq!(canonical(property), *property, "{property} must not be an alias itself");
        }
    }

    #[test]
    fn unknown_properties_are_secret() {
        assert!(is_secret("sasl.pasword"));
        assert!(is_secret("sasl.oauthbearer.client.credentials.client.secret"));
        assert!(!is_secret("linger.ms"));
        assert!(!is_secret("statistics.interval.ms"));
    }

    #[test]
    fn properties_that_ottla_relies_on_are_forbidden() {
        for property in
            ["delivery.report.only.error", "dr_msg_cb", "dr_cb", "queuing.strategy", "group.id", "opaque", "log.queue"]
        {
            assert!(forbidden(ClientKind::Producer, property).is_some(), "{property}");
        }
        for property in ["enable.auto.offset.store", "offset.store.path", "rebalance_cb", "acks", "partitioner", "log.queue"] {
            assert!(forbidden(ClientKind::Consumer, property).is_some(), "{property}");
        }
        for property in ["queued.min.messages", "message.max.bytes", "group.id", "never.heard.of"] {
            assert!(forbidden(ClientKind::Consumer, property).is_none(), "{property}");
        }
        for property in ["test.mock.num.brokers", "enable.gapless.guarantee", "linger.ms", "never.heard.of"] {
            assert!(forbidden(ClientKind::Producer, property).is_none(), "{property}");
        }
    }
}
