//! Secrets for all places where one can occur.

use ottla::config::{Setting, consumer_settings, schema_registry_settings, settings};

/// The prefix of every secret.
pub const STEM: &str = "hunter2";
/// User name and password for a schema registry.
pub const LOGIN: &str = "alice:hunter2-registry";

/// Every setting that can hold a secret, and some invalid ones, with a value that has a secret.
pub fn planted() -> Vec<(String, String)> {
    let all = settings().chain(consumer_settings()).chain(schema_registry_settings());
    let mut planted: Vec<(String, String)> = all
        .filter(|setting| setting.is_secret())
        .map(Setting::name)
        .map(|name| match name {
            "sasl.jaas.config" => (name.to_owned(), jaas("hunter2-jaas")),
            "basic.auth.user.info" => (name.to_owned(), LOGIN.to_owned()),
            name => (name.to_owned(), format!("hunter2-{name}")),
        })
        .collect();
    let pem = "-----BEGIN PRIVATE KEY-----\nhunter2key\n-----END PRIVATE KEY-----\n";
    for (name, value) in [
        ("ssl.keystore.key", pem),
        ("librdkafka.sasl.password", "hunter2-raw"),
        ("librdkafka.sasl.pasword", "hunter2-misspelt"),
        ("librdkafka.ssl.key.pem", pem),
        ("librdkafka.ssl.key.password", "hunter2-key"),
        ("librdkafka.sasl.oauthbearer.config", "principal=hunter2 odd=hunter2"),
        ("librdkafka.sasl.oauthbearer.client.secret", "hunter2-client"),
        ("schema.registry.url", "https://alice:hunter2-registry@localhost:1"),
        ("schema.registry.url", "https://alice:hunter2/registry@localhost:1"),
        ("sasl.oauthbearer.token.endpoint.url", "https://alice:hunter2/endpoint@localhost:1/token"),
        ("bootstrap.servers", "SASL_PLAINTEXT://alice:hunter2@localhost:1"),
        ("sasl.jaas.confg", "hunter2-name"),
        ("sasl.jaas.config", "org.apache.kafka.PlainLoginModule required username=alice password=hunter2 hunter2;"),
        ("hunter2", "hunter2"),
    ] {
        planted.push((name.to_owned(), value.to_owned()));
    }
    planted
}

pub fn jaas(password: &str) -> String {
    format!("org.apache.kafka.common.security.plain.PlainLoginModule required username=\"alice\" password=\"{password}\";")
}
