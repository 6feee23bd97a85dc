//! The rules between settings, and the values derived from them. This module has the rules of every client; the submodules have
//! those of each kind.

mod consumer;
mod producer;

pub(super) use consumer::has_broker_protocol;

use super::{ClientConfig, ClientKind, conversion::Conversion, librdkafka_property};

/// Checks the rules and returns, by name, the values of settings that depend on other settings.
pub(super) fn derive(config: &ClientConfig, conversion: &mut Conversion) -> Vec<(&'static str, String)> {
    conflicts(config, conversion);
    required(config, conversion);
    let mut derived = match config.kind {
        ClientKind::Producer => producer::derive(config, conversion),
        ClientKind::Consumer => consumer::derive(config, conversion),
    };
    derived.push(("reconnect.backoff.max.ms", backoffs(config, conversion).to_string()));
    derived
}

/// Reports a setting that is set under Java's name and as a librdkafka property, and a property that is set under two names.
fn conflicts(config: &ClientConfig, conversion: &mut Conversion) {
    let raw: Vec<(&str, &str)> = config
        .entries
        .keys()
        .filter_map(|name| Some((name.as_str(), librdkafka_property::canonical(name.strip_prefix("librdkafka.")?))))
        .collect();
    for (index, (name, property)) in raw.iter().enumerate() {
        if let Some((other, _)) = raw[..index].iter().find(|(_, other)| other == property) {
            conversion.fail(config, name, format!("sets the same property as {other}; set only one of them"));
        }
        let java = config.entries.keys().filter_map(|name| config.kind.setting(name)).find(|setting| {
            setting.is_java() && setting.properties().iter().any(|becomes| librdkafka_property::canonical(becomes) == *property)
        });
        if let Some(java) = java {
            let place = config.origin(java.name()).map(|origin| format!(" ({origin})")).unwrap_or_default();
            conversion.fail(config, name, format!("sets the same property as {}{place}; set only one of them", java.name()));
        }
    }
}

fn required(config: &ClientConfig, conversion: &mut Conversion) {
    let mock = config.get("librdkafka.test.mock.num.brokers").is_some_and(|number| number != "0");
    if !mock && config.text("bootstrap.servers").is_empty() {
        let message =
            "is not set; set it to the host:port of at least one broker, or set the environment variable KAFKA_BOOTSTRAP_SERVERS";
        conversion.fail(config, "bootstrap.servers", message);
    }
}

/// Derives `reconnect.backoff.max.ms`, which is raised to `reconnect.backoff.ms` if only that is set.
fn backoffs(config: &ClientConfig, conversion: &mut Conversion) -> i64 {
    let base = config.number("reconnect.backoff.ms", conversion);
    let mut greatest = config.number("reconnect.backoff.max.ms", conversion);
    if greatest < base {
        match (config.found("reconnect.backoff.ms"), config.found("reconnect.backoff.max.ms")) {
            (Some(_), None) => {
                greatest = base;
                conversion.note("reconnect.backoff.max.ms", "raised to reconnect.backoff.ms");
            }
            (_, found) => {
                let name = found.map_or("reconnect.backoff.max.ms", |found| found.name);
                conversion.fail(config, name, format!("must be at least reconnect.backoff.ms ({base})"));
            }
        }
    }
    let (retry, retry_max) = (config.number("retry.backoff.ms", conversion), config.number("retry.backoff.max.ms", conversion));
    if retry > retry_max {
        let name = config.found("retry.backoff.ms").map_or("retry.backoff.ms", |found| found.name);
        conversion.warn(config, name, format!("exceeds retry.backoff.max.ms, so every backoff is {retry_max} ms"));
    }
    greatest
}

#[cfg(test)]
mod tests {
    use super::super::tests::{config, native, problems, warnings};

    #[test]
    fn backoffs_are_derived_and_checked() {
        let followed = config(&[("reconnect.backoff.ms", "5000")]);
        assert_eq!(native(&followed, "reconnect.backoff.max.ms").as_deref(), Some("5000"));
        let error = problems(&[("reconnect.backoff.ms", "5000"), ("reconnect.backoff.max.ms", "4000")]);
        assert_eq!(error, "reconnect.backoff.max.ms: must be at least reconnect.backoff.ms (5000)");
        assert_eq!(
            warnings(&[("retry.backoff.ms", "2000")]),
            ["retry.backoff.ms: exceeds retry.backoff.max.ms, so every backoff is 1000 ms"]
        );
    }

    #[test]
    fn a_property_set_under_two_names_is_an_error_with_both_names() {
        let error = problems(&[("linger.ms", "1"), ("librdkafka.queue.buffering.max.ms", "2")]);
        assert_eq!(error, "librdkafka.queue.buffering.max.ms: sets the same property as linger.ms (code); set only one of them");
        let error = problems(&[("librdkafka.linger.ms", "1"), ("librdkafka.queue.buffering.max.ms", "2")]);
        assert_eq!(
            error,
            "librdkafka.queue.buffering.max.ms: sets the same property as librdkafka.linger.ms; set only one of them"
        );
        assert!(
            problems(&[("request.timeout.ms", "100"), ("librdkafka.socket.timeout.ms", "100")])
                .contains("sets the same property as")
        );
    }

    #[test]
    fn brokers_are_required_except_for_a_mock_cluster() {
        let none = super::super::ProducerConfig::new();
        assert!(none.check().unwrap_err().to_string().starts_with("bootstrap.servers: is not set; set it to the host:port"));
        none.set("librdkafka.test.mock.num.brokers", "1").unwrap().check().unwrap();
    }
}
