//! Compares the table of settings with the linked librdkafka.

use ottla::config::{ProducerConfig, settings};
use rdkafka::ClientConfig;

/// The value of a librdkafka property: the given one, or its default.
fn get(given: &[(String, String)], name: &str) -> Option<String> {
    let mut config = ClientConfig::new();
    for (name, value) in given {
        config.set(name, value);
    }
    let native = config.create_native_config().unwrap_or_else(|error| panic!("{given:?}: {error}"));
    native.get(name).ok()
}

#[test]
fn documented_defaults_match_the_linked_librdkafka() {
    let mut checked = 0;
    for setting in settings() {
        let (ottla::config::Becomes::Properties(properties), Some(default)) = (setting.becomes(), setting.librdkafka_default())
        else {
            continue;
        };
        // Without libcurl and Cyrus SASL librdkafka knows these names but neither sets nor returns them.
        if ["sasl.oauthbearer.", "https.", "sasl.kerberos."].iter().any(|prefix| properties[0].starts_with(prefix)) {
            continue;
        }
        // The default is true only for producers, and librdkafka sets it at start.
        if properties[0] == "allow.auto.create.topics" {
            continue;
        }
        // librdkafka returns topic properties only after one of them is set, and no text for an unset string.
        let topics = ("queuing.strategy".to_owned(), "fifo".to_owned());
        assert_eq!(get(&[topics], properties[0]).unwrap_or_default(), default, "{} ({})", setting.name(), properties[0]);
        checked += 1;
    }
    assert!(checked > 45, "{checked}");
}

#[test]
fn librdkafka_accepts_the_values_of_all_settings() {
    let samples = [
        ("acks", "all"),
        ("batch.size", "100000"),
        ("client.dns.lookup", "use_all_dns_ips"),
        ("client.id", "me"),
        ("compression.gzip.level", "9"),
        ("compression.type", "gzip"),
        ("connections.max.idle.ms", "-1"),
        ("delivery.timeout.ms", "50000"),
        ("enable.idempotence", "true"),
        ("enable.metrics.push", "false"),
        ("linger.ms", "900"),
        ("max.in.flight.requests.per.connection", "4"),
        ("max.request.size", "1000000000"),
        ("metadata.max.age.ms", "3600000"),
        ("metadata.recovery.rebootstrap.trigger.ms", "1"),
        ("metadata.recovery.strategy", "NONE"),
        ("partitioner.class", "murmur2"),
        ("receive.buffer.bytes", "-1"),
        ("reconnect.backoff.max.ms", "3600000"),
        ("reconnect.backoff.ms", "0"),
        ("request.timeout.ms", "10"),
        ("retries", "1"),
        ("retry.backoff.max.ms", "300000"),
        ("retry.backoff.ms", "0"),
        ("sasl.jaas.config", "a.ScramLoginModule required username=\"alice\" password=\"secret\";"),
        ("sasl.mechanism", "SCRAM-SHA-512"),
        ("security.protocol", "SASL_SSL"),
        ("send.buffer.bytes", "100000000"),
        ("socket.connection.setup.timeout.ms", "1000"),
        ("ssl.cipher.suites", "ECDHE-RSA-AES256-GCM-SHA384,ECDHE-RSA-AES128-GCM-SHA256"),
        ("ssl.endpoint.identification.algorithm", ""),
        ("ssl.key.password", "secret"),
        ("transaction.timeout.ms", "100000"),
        ("transactional.id", "t"),
        ("librdkafka.batch.num.messages", "1"),
        ("librdkafka.debug", "broker,topic"),
        ("librdkafka.statistics.interval.ms", "1000"),
        ("librdkafka.topic.metadata.propagation.max.ms", "0"),
    ];
    let config = ProducerConfig::from_pairs(samples).unwrap().bootstrap_servers(["localhost:9092"]);
    config.check().unwrap();
    let explanation = config.explain();
    for (name, _) in samples {
        let row = explanation.rows().iter().find(|row| row.name() == name).unwrap_or_else(|| panic!("{name}"));
        assert!(!row.librdkafka().is_empty(), "{name} became nothing");
    }
    let given: Vec<(String, String)> = explanation.rows().iter().flat_map(|row| row.librdkafka().iter().cloned()).collect();
    for (name, value) in &given {
        assert_eq!(get(&given, name).as_ref(), Some(value), "{name}");
    }
}
