//! The settings in librdkafka: whether it has the documented defaults, and the values that are set.

use super::*;
use crate::native::Client;

/// In a consumer, the crate `rdkafka` sets it itself.
const LOG_LEVEL: &str = "librdkafka.log_level";

/// A client of librdkafka.
struct Created {
    /// The properties that it was created with.
    passed: Vec<(String, String)>,
    value: ValueOf,
}

/// librdkafka's value of a property; `None` if there is no such property.
type ValueOf = Box<dyn Fn(&str) -> Option<String>>;

impl Created {
    fn value(&self, property: &str) -> String {
        (self.value)(property).unwrap_or_else(|| panic!("{property} is not a property"))
    }
}

/// Creates a client with these settings, and those that it requires.
fn create(kind: ClientKind, pairs: &[(&str, &str)]) -> Created {
    match kind {
        ClientKind::Producer => {
            let config = config(&[&[("bootstrap.servers", "localhost:1")], pairs].concat());
            let properties = config.parameters().unwrap_or_else(|error| panic!("{error}")).properties;
            let client = Client::new(&properties, Box::new(|| None)).unwrap_or_else(|refused| panic!("{refused:?}"));
            Created { passed: exposed(&properties), value: Box::new(move |name| client.property(name)) }
        }
        #[cfg(feature = "consumer")]
        ClientKind::Consumer => {
            let config = consumer(&[&[("bootstrap.servers", "localhost:1"), ("group.id", "g")], pairs].concat());
            let passed = config.native_properties().unwrap_or_else(|error| panic!("{error}"));
            let client = rdkafka::ClientConfig::from_iter(passed.clone()).create::<rdkafka::consumer::BaseConsumer>();
            let client = client.unwrap_or_else(|error| panic!("{error}: {config:?}"));
            Created { passed, value: Box::new(move |name| crate::native::consumers_property(&client, name)) }
        }
        #[cfg(not(feature = "consumer"))]
        ClientKind::Consumer => unreachable!("only the feature `consumer` has such tests"),
    }
}

/// A value that is neither the setting's default nor librdkafka's.
fn unusual(kind: ClientKind, setting: &Setting) -> Option<String> {
    let name = setting.name();
    let fixed = match (kind, name) {
        (_, "bootstrap.servers") => "localhost:1,localhost:2",
        (_, "client.dns.lookup") => "resolve_canonical_bootstrap_servers_only",
        (_, "metadata.recovery.strategy") => "none",
        (_, "security.protocol") => "SSL",
        (_, "ssl.endpoint.identification.algorithm") => "",
        (ClientKind::Producer, "acks") => "1",
        (ClientKind::Producer, "compression.type") => "zstd",
        (ClientKind::Producer, "enable.idempotence") => "false",
        (ClientKind::Producer, "librdkafka.debug") => "broker",
        (ClientKind::Producer, "partitioner.class") => "fnv1a",
        (ClientKind::Producer, "transaction.timeout.ms") => "30000",
        (ClientKind::Consumer, "auto.offset.reset") => "earliest",
        (ClientKind::Consumer, "fetch.max.bytes") => "2000000",
        (ClientKind::Consumer, "group.protocol") => "consumer",
        (ClientKind::Consumer, "isolation.level") => "read_committed",
        (ClientKind::Consumer, "librdkafka.debug") => "cgrp",
        (ClientKind::Consumer, "librdkafka.receive.message.max.bytes") => "60000000",
        (ClientKind::Consumer, "partition.assignment.strategy") => "CooperativeStickyAssignor",
        (ClientKind::Consumer, "exclude.internal.topics" | LOG_LEVEL) | (_, "librdkafka.plugin.library.paths") => return None,
        // Set by their own rules, and tested with them.
        (ClientKind::Producer, name) if name.starts_with("compression.") => return None,
        (_, name) if ["sasl.", "ssl."].iter().any(|prefix| name.starts_with(prefix)) => return None,
        // Without libcurl, librdkafka knows these names but rejects them.
        (_, name) if ["librdkafka.sasl.", "librdkafka.https."].iter().any(|prefix| name.starts_with(prefix)) => return None,
        _ => match (setting.kind(), setting.range()) {
            (Type::Boolean, _) => {
                return setting.default().or(setting.librdkafka_default()).map(|text| (text != "true").to_string());
            }
            (Type::String | Type::List, Range::OneOf(_)) => return None,
            (Type::String | Type::Class | Type::Password, _) => "unusual",
            (Type::Int | Type::Long | Type::Short | Type::Double, Range::Between(low, high)) => {
                return Some((low + 1).min(high).to_string());
            }
            (Type::Int | Type::Long | Type::Short | Type::Double, _) => "12345",
            _ => return None,
        },
    };
    Some(fixed.to_owned())
}

/// The other settings that a setting requires.
fn companions(kind: ClientKind, name: &str) -> &'static [(&'static str, &'static str)] {
    match (kind, name) {
        (_, "reconnect.backoff.max.ms") => &[("reconnect.backoff.ms", "1")],
        (_, "ssl.endpoint.identification.algorithm") => &[("security.protocol", "SSL")],
        (
            ClientKind::Producer,
            "acks" | "max.in.flight.requests.per.connection" | "retries" | "librdkafka.queue.buffering.backpressure.threshold",
        ) => &[("enable.idempotence", "false")],
        (ClientKind::Producer, "delivery.timeout.ms") => &[("request.timeout.ms", "1000")],
        (ClientKind::Producer, "reconnect.backoff.ms") => &[("reconnect.backoff.max.ms", "20000")],
        (ClientKind::Producer, "retry.backoff.max.ms") => &[("retry.backoff.ms", "1")],
        (ClientKind::Producer, "retry.backoff.ms") => &[("retry.backoff.max.ms", "20000")],
        (ClientKind::Producer, "transaction.timeout.ms") => {
            &[("transactional.id", "t"), ("delivery.timeout.ms", "12000"), ("request.timeout.ms", "11000")]
        }
        (ClientKind::Consumer, "group.remote.assignor") => &[("group.protocol", "consumer")],
        (ClientKind::Consumer, "max.poll.interval.ms") => &[("session.timeout.ms", "2"), ("heartbeat.interval.ms", "1")],
        (ClientKind::Consumer, "session.timeout.ms") => &[("heartbeat.interval.ms", "1")],
        _ => &[],
    }
}

fn same(a: &str, b: &str) -> bool {
    // librdkafka has two names for each of these.
    let word = |text: &str| match text {
        "latest" => "largest".to_owned(),
        "earliest" => "smallest".to_owned(),
        text => text.to_ascii_lowercase(),
    };
    word(a) == word(b) || matches!((a.parse::<f64>(), b.parse::<f64>()), (Ok(a), Ok(b)) if a == b)
}

/// Compares the defaults, those that ottla passes and those that it leaves to librdkafka.
fn compare_defaults(kind: ClientKind) {
    let created = create(kind, &[]);
    for (name, passed) in &created.passed {
        let value = created.value(name);
        assert!(same(&value, passed), "{name}: {value:?}, not {passed:?}");
    }
    let mut compared = 0;
    for setting in kind.settings().filter(|setting| kind == ClientKind::Producer || setting.name() != LOG_LEVEL) {
        let Becomes::Properties([property, ..]) = setting.becomes() else { continue };
        if let (Some(documented), false) = (setting.librdkafka_default(), created.passed.iter().any(|(name, _)| name == property))
        {
            let value = (created.value)(property).unwrap_or_default();
            assert!(same(&value, documented), "{}: librdkafka's default is {value:?}, not {documented:?}", setting.name());
            compared += 1;
        }
    }
    assert!(compared > 20, "{compared}");
}

/// Sets each setting to an unusual value, and compares the properties that it becomes.
fn compare_set_values(kind: ClientKind) {
    let mut compared = Vec::new();
    for setting in kind.settings() {
        let (name, Becomes::Properties(properties)) = (setting.name(), setting.becomes()) else { continue };
        let Some(value) = unusual(kind, setting) else { continue };
        let created = create(kind, &[companions(kind, name), &[(name, &value)]].concat());
        for property in properties {
            let passed = created.passed.iter().rev().find(|(passed, _)| passed == property);
            let Some((_, passed)) = passed else { panic!("{name}: {property} is not passed to librdkafka") };
            let value = created.value(property);
            assert!(same(&value, passed), "{name}: librdkafka has {property}={value}, not {passed}");
        }
        compared.push(name);
    }
    assert!(compared.len() > 40, "{compared:?}");
}

#[test]
fn producers_defaults_are_in_force() {
    compare_defaults(ClientKind::Producer);
}

#[test]
fn values_set_for_a_producer_are_in_force() {
    compare_set_values(ClientKind::Producer);
}

#[cfg(feature = "consumer")]
#[test]
fn consumers_defaults_are_in_force() {
    compare_defaults(ClientKind::Consumer);
}

#[cfg(feature = "consumer")]
#[test]
fn values_set_for_a_consumer_are_in_force() {
    compare_set_values(ClientKind::Consumer);
}
