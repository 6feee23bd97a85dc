//! `sasl.jaas.config`: as text, and as the result of a user name and a password.

use ottla::{
    ProducerConfig,
    config::{SaslMechanism, SecurityProtocol},
};

/// Parses the text; and uses it as user name and password, which librdkafka must get unchanged.
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
    let properties = config.native_properties().expect("every user name and password can be written");
    for (property, wanted) in [("sasl.username", name), ("sasl.password", password)] {
        let found = properties.iter().find(|(found, _)| found == property).map(|(_, value)| value.as_str());
        assert_eq!(found, Some(wanted), "{property}");
    }
    // The output does not depend on the password.
    let other = self::config(SaslMechanism::Plain).sasl_login(SaslMechanism::Plain, name, "another");
    assert_eq!(shown(&config), shown(&other), "a part of the password is shown");
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
