//! `sasl.jaas.config`: as text, and as what a name and password become.

use ottla::{
    ProducerConfig,
    config::{SaslMechanism, SecurityProtocol},
};

/// Parses the text; and takes it for a name and a password, which must come to librdkafka as they are.
pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for mechanism in [SaslMechanism::Plain, SaslMechanism::OAuthBearer] {
        if let Ok(config) = config(mechanism).set("sasl.jaas.config", text) {
            let _ = (config.check(), config.explain().to_string());
        }
    }
    let (name, password) = text.split_once('\n').unwrap_or(("alice", text));
    if text.contains('\0') {
        return;
    }
    let config = config(SaslMechanism::Plain).sasl_login(SaslMechanism::Plain, name, password);
    let properties = config.native_properties().expect("every name and password can be written");
    for (property, wanted) in [("sasl.username", name), ("sasl.password", password)] {
        let found = properties.iter().find(|(found, _)| found == property).map(|(_, value)| value.as_str());
        assert_eq!(found, Some(wanted), "{property}");
    }
    // With any other password the same is shown.
    let other = self::config(SaslMechanism::Plain).sasl_login(SaslMechanism::Plain, name, "another");
    assert_eq!(shown(&config), shown(&other), "something of a password is shown");
}

fn shown(config: &ProducerConfig) -> String {
    format!("{config:?} {}", config.explain())
}

fn config(mechanism: SaslMechanism) -> ProducerConfig {
    ProducerConfig::new()
        .bootstrap_servers(["localhost:9092"])
        .security_protocol(SecurityProtocol::SaslPlaintext)
        .sasl_mechanism(mechanism)
}
