//! Tests of the configuration as a whole, and helpers for the other tests.

mod librdkafka;

use std::time::Duration;

use super::*;
use crate::serialize::SerializerName;

/// A valid configuration with these additional settings.
pub(super) fn config(pairs: &[(&str, &str)]) -> ProducerConfig {
    let mut config = ProducerConfig::new().set("bootstrap.servers", "localhost:9092").unwrap();
    for (name, value) in pairs {
        config = config.set(name, value).unwrap();
    }
    config
}

/// The same for a consumer.
#[cfg(feature = "consumer")]
pub(super) fn consumer(pairs: &[(&str, &str)]) -> ConsumerConfig {
    ConsumerConfig::from_pairs([("bootstrap.servers", "localhost:9092")].iter().chain(pairs).copied()).unwrap()
}

/// The error text of a configuration.
pub(super) fn problems(pairs: &[(&str, &str)]) -> String {
    config(pairs).check().unwrap_err().to_string()
}

/// The warning texts of a configuration.
pub(super) fn warnings(pairs: &[(&str, &str)]) -> Vec<String> {
    config(pairs).warnings().iter().map(ToString::to_string).collect()
}

/// The value of a librdkafka property; `None` if it is not set.
pub(super) fn native(config: &ProducerConfig, property: &str) -> Option<String> {
    let properties = config.native_properties().unwrap_or_else(|error| panic!("{error}"));
    let property = librdkafka_property::canonical(property);
    properties.into_iter().find(|(name, _)| librdkafka_property::canonical(name) == property).map(|(_, value)| value)
}

/// The same for a consumer.
#[cfg(feature = "consumer")]
pub(super) fn native_of(config: &ConsumerConfig, property: &str) -> Option<String> {
    let properties = config.native_properties().unwrap_or_else(|error| panic!("{error}"));
    let property = librdkafka_property::canonical(property);
    properties.into_iter().find(|(name, _)| librdkafka_property::canonical(name) == property).map(|(_, value)| value)
}

const SECRET: &str = "hunter2-CORRECT.horse";

/// A value with the secret that passes the check of the setting.
fn planted(name: &str) -> String {
    match name {
        "sasl.jaas.config" => format!("a.PlainLoginModule required username=\"alice\" password=\"{SECRET}\";"),
        _ => SECRET.to_owned(),
    }
}

fn every_text(config: &ProducerConfig) -> Vec<String> {
    let mut texts = vec![
        format!("{config:?}"),
        format!("{config:#?}"),
        serde_json::to_string(config).unwrap(),
        config.explain().to_string(),
        format!("{:?}", config.explain()),
        serde_json::to_string(config.explain().rows()).unwrap(),
        format!("{:?}", config.warnings()),
    ];
    match config.parameters() {
        Ok(parameters) => texts.push(format!("{parameters:?}")),
        Err(error) => {
            texts.extend([error.to_string(), format!("{error:?}")]);
            let outer = crate::Error::from(error);
            texts.extend([outer.to_string(), format!("{outer:?}")]);
        }
    }
    texts
}

#[test]
fn no_secret_is_ever_printed() {
    let mut secrets: Vec<String> =
        settings().filter(|setting| setting.is_secret()).map(|setting| setting.name().to_owned()).collect();
    assert!(secrets.len() >= 10, "{secrets:?}");
    for property in ["sasl.password", "sasl.pasword", "ssl.key.pem", "sasl.oauthbearer.config", "never.heard.of"] {
        secrets.push(format!("librdkafka.{property}"));
    }
    for name in &secrets {
        for protocol in ["PLAINTEXT", "SSL", "SASL_SSL"] {
            let base = config(&[("security.protocol", protocol), ("sasl.mechanism", "PLAIN"), ("ssl.keystore.type", "PEM")]);
            match base.set(name, planted(name)) {
                Ok(config) => {
                    assert_eq!(config.0.secrets().redact(&format!("is {SECRET}")), "is [hidden]", "{name}");
                    for text in every_text(&config) {
                        assert!(!text.contains(SECRET), "{name}: {text}");
                    }
                }
                Err(error) => assert!(!format!("{error} {error:?}").contains(SECRET), "{error}"),
            }
        }
        // In every source, with a valid and an invalid value, and with a misspelled name.
        let misspelled = name.replace("ss", "s");
        for (name, value) in [(name, planted(name)), (name, format!("{SECRET}\0")), (&misspelled, planted(name))] {
            let quoted = serde_json::to_string(&value).unwrap();
            for (text, format) in [
                (format!("\"{name}\" = {quoted}\nacks = 7\n"), Format::Toml),
                (format!("{name}: {quoted}\nacks: 7\n"), Format::Yaml),
                (format!("{{\"{name}\": {quoted}, \"acks\": 7}}"), Format::Json),
                (format!("{name}={value}\nacks=7"), Format::Properties),
            ] {
                let error = ProducerConfig::from_str(&text, format).unwrap_err();
                assert!(!format!("{error} {error:?}").contains(SECRET), "{format:?}: {error}");
            }
        }
    }
}

#[test]
fn secrets_within_values_are_redacted_too() {
    let config = config(&[
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanism", "PLAIN"),
        ("sasl.jaas.config", &planted("sasl.jaas.config")),
    ]);
    assert_eq!(config.parameters().unwrap().secrets.redact(&format!("is {SECRET}")), "is [hidden]");
}

#[test]
fn values_that_may_hold_a_password_are_not_shown() {
    for (name, value) in [
        ("bootstrap.servers", "alice:hunter2@broker"),
        ("sasl.mechanism", "hunter2"),
        ("ssl.keystore.type", "hunter2"),
        ("sasl.oauthbearer.token.endpoint.url", "htp://alice:hunter2@idp"),
    ] {
        let error = ProducerConfig::new().set(name, value).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
}

#[test]
fn later_sources_override_earlier_ones() {
    let file = ProducerConfig::from_str("linger.ms = 1\nacks = \"all\"\nretries = 3", Format::Toml).unwrap();
    let config = file
        .with_variables([("OTTLA_LINGER_MS", "2"), ("OTTLA_ACKS", "-1")])
        .unwrap()
        .set_with_origin("linger.ms", "3", Origin::Flag)
        .unwrap();
    assert_eq!((config.get("linger.ms"), config.get("acks"), config.get("retries")), (Some("3"), Some("-1"), Some("3")));
    assert_eq!(config.origin("linger.ms"), Some(&Origin::Flag));
    let merged = config.merge(ProducerConfig::new().set("retries", "4").unwrap());
    assert_eq!((merged.get("retries"), merged.get("linger.ms")), (Some("4"), Some("3")));
}

#[test]
fn unsupported_java_settings_suggest_an_alternative() {
    for (name, value, wanted) in [
        ("interceptor.classes", "com.acme.Trace", "pass interceptors to the producer's builder"),
        ("metrics.num.samples", "2", "librdkafka.statistics.interval.ms"),
        ("ssl.truststore.password", "changeit", "PEM files have no password"),
        ("transaction.two.phase.commit.enable", "true", "KIP-939"),
        ("ssl.enabled.protocols", "TLSv1.1", "TLS 1.2 and 1.3 are enabled"),
    ] {
        let error = ProducerConfig::new().set(name, value).unwrap_err().to_string();
        assert!(error.starts_with(name) && error.contains(wanted), "{error}");
    }
    config(&[("interceptor.classes", ""), ("ssl.enabled.protocols", "TLSv1.2, TLSv1.3")]).check().unwrap();
}

#[test]
fn librdkafka_properties_are_passed_on_unless_ottla_relies_on_them() {
    let config = config(&[("librdkafka.socket.nagle.disable", "false"), ("librdkafka.never.heard.of", "x")]);
    assert_eq!(native(&config, "socket.nagle.disable").as_deref(), Some("false"));
    assert_eq!(native(&config, "never.heard.of").as_deref(), Some("x"));
    for name in ["librdkafka.delivery.report.only.error", "librdkafka.dr_msg_cb", "librdkafka.group.id", "librdkafka."] {
        assert!(ProducerConfig::new().set(name, "true").is_err(), "{name}");
    }
    let error = ProducerConfig::new().set("librdkafka.statistics.interval.ms", "often").unwrap_err().to_string();
    assert_eq!(error, "librdkafka.statistics.interval.ms: \"often\" is not a whole number; must be 0 to 86400000 milliseconds");
}

#[test]
fn serializers_are_selected_by_javas_class_names() {
    let text = "key.serializer=org.apache.kafka.common.serialization.StringSerializer\nvalue.serializer=LongSerializer\nbootstrap.servers=a:1";
    let config = ProducerConfig::from_str(text, Format::Properties).unwrap();
    assert_eq!(config.key_serializer_name(), Some(SerializerName::String));
    assert_eq!(config.parameters().unwrap().value_serializer, Some(SerializerName::Long));
    let error = config.set("key.serializer", "com.acme.Own").unwrap_err().to_string();
    assert!(error.starts_with("key.serializer: \"com.acme.Own\" is not a serializer name: must be one of string"), "{error}");
}

#[test]
fn typed_setters_set_the_same_names_as_set() {
    let typed = ProducerConfig::new()
        .bootstrap_servers(["a:1", "b:2"])
        .client_id("me")
        .acks(Acks::All)
        .idempotence(true)
        .retries(7)
        .max_in_flight(3)
        .linger(Duration::from_millis(20))
        .batch_size(1000)
        .compression(Compression::Zstd)
        .delivery_timeout(Duration::from_secs(50))
        .request_timeout(Duration::from_secs(2))
        .max_block(Duration::from_secs(3))
        .buffer_memory(4000)
        .max_request_size(5000)
        .transactional_id("t")
        .transaction_timeout(Duration::from_secs(60))
        .retry_backoff(Duration::ZERO)
        .ignore_keys(true)
        .partitioner(PartitionerName::UniformSticky)
        .adaptive_partitioning(false)
        .rack_aware_partitioning(true)
        .client_rack("here")
        .partition_availability_timeout(Duration::from_secs(4))
        .security_protocol(SecurityProtocol::SaslSsl);
    for (name, wanted) in [
        ("bootstrap.servers", "a:1,b:2"),
        ("client.id", "me"),
        ("acks", "all"),
        ("enable.idempotence", "true"),
        ("retries", "7"),
        ("max.in.flight.requests.per.connection", "3"),
        ("linger.ms", "20"),
        ("batch.size", "1000"),
        ("compression.type", "zstd"),
        ("delivery.timeout.ms", "50000"),
        ("request.timeout.ms", "2000"),
        ("max.block.ms", "3000"),
        ("buffer.memory", "4000"),
        ("max.request.size", "5000"),
        ("transactional.id", "t"),
        ("transaction.timeout.ms", "60000"),
        ("retry.backoff.ms", "0"),
        ("partitioner.ignore.keys", "true"),
        ("partitioner.class", "UniformStickyPartitioner"),
        ("partitioner.adaptive.partitioning.enable", "false"),
        ("partitioner.availability.timeout.ms", "4000"),
        ("partitioner.rack.aware", "true"),
        ("client.rack", "here"),
        ("security.protocol", "SASL_SSL"),
    ] {
        assert_eq!(typed.get(name), Some(wanted), "{name}");
    }
    assert_eq!(typed.set("linger.ms", "3").unwrap().get("linger.ms"), Some("3"));
}

#[test]
fn values_out_of_range_are_reported_by_check() {
    let config = ProducerConfig::new()
        .linger(Duration::from_micros(500))
        .delivery_timeout(Duration::from_secs(u64::MAX / 1_000_000))
        .max_in_flight(0)
        .transactional_id("");
    let error = config.clone().check().unwrap_err().to_string();
    for wanted in [
        "linger.ms: 500µs is not a whole number of milliseconds",
        "delivery.timeout.ms: \"18446744073709000\" is out of range; must be 1 or more milliseconds",
        "max.in.flight.requests.per.connection: \"0\" is out of range",
        "transactional.id: \"\" is empty",
        "bootstrap.servers: is not set",
    ] {
        assert!(error.contains(wanted), "{wanted}\n{error}");
    }
    let fixed = config.linger(Duration::from_millis(1)).max_in_flight(1).set("delivery.timeout.ms", "90000").unwrap();
    let error = fixed.merge(ProducerConfig::new().transactional_id("t").bootstrap_servers(["a:1"])).check().unwrap_err();
    assert_eq!(error.to_string(), "delivery.timeout.ms: must be at most transaction.timeout.ms (60000)");
}

#[test]
fn any_name_and_password_are_quoted_correctly() {
    let (name, password) = ("al\"ice", "hunter\\2\n; \"'");
    let config = ProducerConfig::new().sasl_login(SaslMechanism::ScramSha512, name, password);
    let jaas = jaas::Jaas::parse(config.get("sasl.jaas.config").unwrap()).unwrap();
    assert_eq!((jaas.get("username"), jaas.get("password")), (Some(name), Some(password)));
    assert_eq!(config.get("sasl.mechanism"), Some("SCRAM-SHA-512"));
}

#[test]
fn the_defaults_are_those_of_javas_producer() {
    let parameters = config(&[]).parameters().unwrap();
    let mut native = exposed(&parameters.properties);
    native.retain(|(name, _)| !name.starts_with("client."));
    native.sort();
    let wanted = [
        ("connections.max.idle.ms", "540000"),
        ("enable.idempotence", "true"),
        ("max.in.flight.requests.per.connection", "5"),
        ("message.max.bytes", "1049600"),
        ("message.timeout.ms", "120000"),
        ("metadata.broker.list", "localhost:9092"),
        ("partitioner", "murmur2_random"),
        ("queue.buffering.max.kbytes", "2147483647"),
        ("queue.buffering.max.messages", "0"),
        ("reconnect.backoff.max.ms", "1000"),
        ("reconnect.backoff.ms", "50"),
        ("request.required.acks", "-1"),
        ("request.timeout.ms", "30000"),
        ("socket.connection.setup.timeout.ms", "10000"),
        ("socket.timeout.ms", "30000"),
    ];
    assert_eq!(native, wanted.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!(parameters.buffer_memory, 33_554_432);
    assert_eq!(parameters.max_request_size, 1_048_576);
    assert_eq!((parameters.max_block.as_millis(), parameters.sticky_bytes), (60_000, 16_384));
    assert_eq!(parameters.authentication_timeout.as_millis(), 3_000);
    assert_eq!((parameters.partitioner, parameters.ignore_keys), (PartitionerName::BuiltIn, false));
    assert_eq!((parameters.adaptive_partitioning, parameters.availability_timeout), (true, Duration::ZERO));
}

#[test]
fn a_client_id_is_generated_as_in_java() {
    let first = config(&[]).parameters().unwrap();
    assert!(first.client_id.strip_prefix("producer-").is_some_and(|number| number.parse::<u64>().is_ok()));
    assert_ne!(config(&[]).parameters().unwrap().client_id, first.client_id);
    assert!(first.properties.contains(&("client.id".to_owned(), first.client_id.into())));
    assert_eq!(config(&[("transactional.id", "t")]).parameters().unwrap().client_id, "producer-t");
    assert_eq!(config(&[("client.id", "me")]).parameters().unwrap().client_id, "me");
}

#[test]
fn the_sticky_partitioner_switches_after_batch_size() {
    assert_eq!(config(&[("batch.size", "2000000")]).parameters().unwrap().sticky_bytes, 2_000_000);
    assert_eq!(config(&[("batch.size", "0")]).parameters().unwrap().sticky_bytes, 1);
}
