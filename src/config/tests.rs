//! Tests of the configuration as a whole, and helpers for the other tests.

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
    match config.resolve() {
        Ok(resolved) => texts.push(format!("{resolved:?}")),
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
    assert_eq!(config.resolve().unwrap().secrets.redact(&format!("is {SECRET}")), "is [hidden]");
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
    assert_eq!(config.resolve().unwrap().value_serializer, Some(SerializerName::Long));
    let error = config.set("key.serializer", "com.acme.Own").unwrap_err().to_string();
    assert!(error.starts_with("key.serializer: \"com.acme.Own\" is not a serializer name: must be one of string"), "{error}");
}
