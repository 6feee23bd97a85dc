//! No secret is shown: the tests put secrets wherever they can occur, and search all output of every channel for them.

mod log;
#[cfg(target_os = "linux")]
mod memory;

use ottla::{
    Consumer, ConsumerConfig, Producer, ProducerConfig,
    config::{ConfigError, Format, host_settings},
};
use ottla_test_support::{
    echoing_broker::EchoingBroker,
    folder::Folder,
    secrets::{LOGIN, jaas, planted},
    seen::Seen,
};

/// Records everything that a configuration shows.
macro_rules! show {
    ($seen:ident, $config:expr) => {{
        let config = $config;
        $seen.debug(&config);
        $seen.text("serialized", serde_json::to_string(&config).unwrap());
        $seen.text("explain", config.explain().to_string());
        $seen.text("explain", serde_json::to_string(config.explain().rows()).unwrap());
        $seen.debug(&config.explain());
        for warning in config.warnings() {
            $seen.debug(&warning);
            $seen.text("warning", warning.to_string());
        }
        $seen.result(config.check());
    }};
}

/// A configuration with errors in every format; only the secrets are valid.
fn texts(name: &str, value: &str) -> Vec<(String, Format)> {
    let quoted = serde_json::to_string(value).unwrap();
    vec![
        (format!("\"{name}\" = {quoted}\nacks = 7\n"), Format::Toml),
        (format!("\"{name}\" = {value}\nlinger.ms = {quoted}{quoted}\n"), Format::Toml),
        (format!("{name}: {quoted}\nacks: 7\n"), Format::Yaml),
        (format!("{name}: [{quoted}\n"), Format::Yaml),
        (format!("{{\"{name}\": {quoted}, \"acks\": 7}}"), Format::Json),
        (format!("{{\"{name}\": [[{quoted}]], \"acks\": {value}}}"), Format::Json),
        (format!("{name}={value}\nacks=7"), Format::Properties),
        (format!("{name}={value}\\u12\nacks=7"), Format::Properties),
    ]
}

fn variable(name: &str) -> String {
    format!("OTTLA_{}", name.to_ascii_uppercase().replace(['.', '-'], "_"))
}

#[test]
fn no_secret_in_errors_debug_and_explanations_of_a_configuration() {
    let mut seen = Seen::default();
    for (name, value) in planted() {
        for protocol in ["PLAINTEXT", "SSL", "SASL_SSL"] {
            let common = [
                ("bootstrap.servers", "localhost:1"),
                ("security.protocol", protocol),
                ("sasl.mechanism", "PLAIN"),
                ("ssl.keystore.type", "PEM"),
            ];
            let producer = ProducerConfig::from_pairs(common).unwrap();
            for value in [value.clone(), format!("{value}\0"), format!("{value}'\"")] {
                if let Some(config) = seen.result(producer.clone().set(&name, &value)) {
                    show!(seen, &config);
                    let builder = Producer::<str, str>::builder(config);
                    seen.debug(&builder);
                    if let Some(producer) = seen.result(builder.build()) {
                        seen.debug(&producer);
                    }
                }
                let consumer = ConsumerConfig::from_pairs(common).unwrap();
                if let Some(config) = seen.result(consumer.set(&name, &value)) {
                    show!(seen, &config);
                    let builder = Consumer::<String, String>::builder(config);
                    seen.debug(&builder);
                    if let Some(consumer) = seen.result(builder.build()) {
                        seen.debug(&consumer);
                    }
                }
            }
        }
        for (text, format) in texts(&name, &value) {
            seen.error(&ProducerConfig::from_str(&text, format).unwrap_err());
            seen.error(&ConsumerConfig::from_str(&text, format).unwrap_err());
        }
        let unlikely = serde_json::json!({ name.as_str(): [[value]], "acks": 7 });
        seen.error(&serde_json::from_value::<ProducerConfig>(unlikely).unwrap_err());
        for (name, value) in [(variable(&name), value.clone()), (variable(&name), format!("{value}\0"))] {
            if let Some(config) = seen.result(ProducerConfig::new().with_variables([(name, value)])) {
                show!(seen, &config);
            }
        }
    }
    seen.search(&["Debug", "serialized", "explain", "warning", "error", "panic"]);
}

#[test]
fn no_secret_in_errors_of_a_file() {
    let (folder, mut seen) = (Folder::new(), Seen::default());
    folder.file("password", "hunter2-file\n");
    let path = folder.path("password");
    let text = format!(
        "topic = \"orders\"\n[producer]\nbootstrap.servers = \"localhost:1\"\nacks = \"${{file:{0}}}\"\nlinger.ms = \"${{file:{0}/none}}\"\n\
         [schema.registry]\nbasic.auth.user.info = \"{LOGIN}\"\nurl = \"${{file:{0}}}\"\n",
        path.display()
    );
    let file = folder.file("orders.toml", text);
    seen.error(&ProducerConfig::from_file(&file).unwrap_err());
    let beside = host_settings(&file).unwrap();
    assert_eq!(beside.len(), 3);
    seen.debug(&beside);
    seen.search(&["Debug", "error", "panic"]);
}

/// `ConfigError` can be the source of other errors.
#[test]
fn no_secret_in_wrapping_errors() {
    let mut seen = Seen::default();
    let error: ConfigError = ProducerConfig::new().set("sasl.jaas.config", "hunter2").unwrap_err();
    seen.error(&ottla::Error::from(error));
    seen.search(&["Debug", "error", "panic"]);
}
