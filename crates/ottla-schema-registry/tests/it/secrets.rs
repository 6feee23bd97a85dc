//! The client of a registry shows and logs no secret.

use std::fmt::Debug;

use ottla_schema_registry::{
    Avro, Schema, SchemaRegistry, SchemaRegistryConfig, SchemaType,
    testing::{EmbeddedRegistry, RegistryFault},
};
use ottla_test_support::{
    lines::Lines,
    own_process::alone,
    secrets::{LOGIN, planted},
    seen::Seen,
};

#[test]
fn no_secret_in_settings_and_client() {
    let mut seen = Seen::default();
    for (name, value) in planted() {
        let url = ("schema.registry.url", "http://localhost:1");
        let config = SchemaRegistryConfig::from_pairs([url, ("max.retries", "0")]).unwrap();
        if let Some(config) = seen.result(config.set(&name, value)) {
            registry(&mut seen, &config);
        }
    }
    let embedded = EmbeddedRegistry::start().unwrap();
    let (user, password) = LOGIN.split_once(':').unwrap();
    embedded.require_login(user, password);
    seen.debug(&embedded);
    let host = embedded.url().strip_prefix("http://").unwrap();
    for fault in [None, Some(RegistryFault::Status(403)), Some(RegistryFault::NoHttp), Some(RegistryFault::Disconnect)] {
        embedded.fail(fault);
        let in_url = format!("http://alice:hunter2-wrong@{host}");
        for pairs in [
            vec![("schema.registry.url", in_url.as_str())],
            vec![
                ("schema.registry.url", embedded.url()),
                ("basic.auth.credentials.source", "USER_INFO"),
                ("basic.auth.user.info", LOGIN),
            ],
            vec![
                ("schema.registry.url", embedded.url()),
                ("bearer.auth.credentials.source", "STATIC_TOKEN"),
                ("bearer.auth.token", "hunter2-token\u{7f}"),
            ],
        ] {
            let pairs = pairs.into_iter().chain([("max.retries", "0")]);
            registry(&mut seen, &SchemaRegistryConfig::from_pairs(pairs).unwrap());
        }
    }
    seen.search(&["Debug", "error", "panic"]);
}

/// Shows a registry's settings, its client, and its errors.
fn registry(seen: &mut Seen, config: &SchemaRegistryConfig) {
    seen.debug(config);
    seen.result(config.check());
    let Some(registry) = seen.result(SchemaRegistry::new(config)) else { return };
    seen.debug(&registry);
    let avro = Avro::<str>::with_schema(&registry, Schema::new(SchemaType::Avro, r#""string""#));
    seen.debug(&avro as &dyn Debug);
    seen.result(registry.latest("orders-value").wait());
}

#[test]
fn no_secret_in_the_log() {
    // The log is global to the process.
    alone("secrets::no_secret_in_the_log", || {
        let (lines, mut seen) = (Lines::start(), Seen::default());
        refused(&mut seen);
        lines.wait_for("log: TRACE ureq");
        seen.text("log", lines.text());
        seen.search(&["log", "error", "panic", "Debug"]);
    });
}

/// Requests that the registry rejects.
fn refused(seen: &mut Seen) {
    let embedded = EmbeddedRegistry::start().unwrap();
    embedded.require_token("another");
    for pairs in [
        [("basic.auth.credentials.source", "USER_INFO"), ("basic.auth.user.info", LOGIN)],
        [("bearer.auth.credentials.source", "STATIC_TOKEN"), ("bearer.auth.token", "hunter2-token")],
    ] {
        let pairs = pairs.into_iter().chain([("schema.registry.url", embedded.url()), ("max.retries", "0")]);
        let registry = SchemaRegistry::new(&SchemaRegistryConfig::from_pairs(pairs).unwrap()).unwrap();
        seen.error(&registry.latest("orders-value").wait().unwrap_err());
    }
}
