//! The rules between settings, and the values that follow from them: here those of every client, in files of their own what each
//! kind adds.

mod consumer;
mod producer;

pub(super) use consumer::has_broker_protocol;

use super::{ClientConfig, ClientKind, librdkafka_property, resolution::Resolution};

/// Checks the rules and gives, by name, the values of settings that depend on more than themselves.
pub(super) fn derive(config: &ClientConfig, resolution: &mut Resolution) -> Vec<(&'static str, String)> {
    set_twice(config, resolution);
    required(config, resolution);
    let mut derived = match config.kind {
        ClientKind::Producer => producer::derive(config, resolution),
        ClientKind::Consumer => consumer::derive(config, resolution),
    };
    derived.push(("reconnect.backoff.max.ms", backoffs(config, resolution).to_string()));
    derived
}

/// A Java name and the librdkafka property that it becomes may not both be set, nor a property under two names.
fn set_twice(config: &ClientConfig, resolution: &mut Resolution) {
    let raw: Vec<(&str, &str)> = config
        .entries
        .keys()
        .filter_map(|name| Some((name.as_str(), librdkafka_property::canonical(name.strip_prefix("librdkafka.")?))))
        .collect();
    for (index, (name, property)) in raw.iter().enumerate() {
        if let Some((other, _)) = raw[..index].iter().find(|(_, other)| other == property) {
            resolution.fail(config, name, format!("is the same property as {other}; leave one out"));
        }
        let java = config.entries.keys().filter_map(|name| config.kind.setting(name)).find(|setting| {
            setting.is_java() && setting.properties().iter().any(|becomes| librdkafka_property::canonical(becomes) == *property)
        });
        if let Some(java) = java {
            let place = config.origin(java.name()).map(|origin| format!(" ({origin})")).unwrap_or_default();
            resolution.fail(
                config,
                name,
                format!("is set, and so is {}{place}, which becomes the same property; leave one out", java.name()),
            );
        }
    }
}

fn required(config: &ClientConfig, resolution: &mut Resolution) {
    let mock = config.get("librdkafka.test.mock.num.brokers").is_some_and(|number| number != "0");
    if !mock && config.text("bootstrap.servers").is_empty() {
        let message =
            "is not set; give host:port of one broker or more, here or in the environment variable KAFKA_BOOTSTRAP_SERVERS";
        resolution.fail(config, "bootstrap.servers", message);
    }
}

/// `reconnect.backoff.max.ms`, which follows `reconnect.backoff.ms` if only that is set.
fn backoffs(config: &ClientConfig, resolution: &mut Resolution) -> i64 {
    let base = config.number("reconnect.backoff.ms", resolution);
    let mut greatest = config.number("reconnect.backoff.max.ms", resolution);
    if greatest < base {
        match (config.found("reconnect.backoff.ms"), config.found("reconnect.backoff.max.ms")) {
            (Some(_), None) => {
                greatest = base;
                resolution.note("reconnect.backoff.max.ms", "as long as reconnect.backoff.ms");
            }
            (_, found) => {
                let name = found.map_or("reconnect.backoff.max.ms", |found| found.name);
                resolution.fail(config, name, format!("must be at least reconnect.backoff.ms, which is {base}"));
            }
        }
    }
    let (retry, retry_max) = (config.number("retry.backoff.ms", resolution), config.number("retry.backoff.max.ms", resolution));
    if retry > retry_max {
        let name = config.found("retry.backoff.ms").map_or("retry.backoff.ms", |found| found.name);
        resolution.warn(config, name, format!("is more than retry.backoff.max.ms, so every wait is {retry_max} ms"));
    }
    greatest
}

#[cfg(test)]
mod tests {
    use super::super::tests::{config, native, problems, warnings};

    #[test]
    fn backoffs_follow_each_other() {
        let followed = config(&[("reconnect.backoff.ms", "5000")]);
        assert_eq!(native(&followed, "reconnect.backoff.max.ms").as_deref(), Some("5000"));
        let error = problems(&[("reconnect.backoff.ms", "5000"), ("reconnect.backoff.max.ms", "4000")]);
        assert_eq!(error, "reconnect.backoff.max.ms: must be at least reconnect.backoff.ms, which is 5000");
        assert_eq!(
            warnings(&[("retry.backoff.ms", "2000")]),
            ["retry.backoff.ms: is more than retry.backoff.max.ms, so every wait is 1000 ms"]
        );
    }

    #[test]
    fn one_property_under_two_names_is_an_error_that_names_both() {
        let error = problems(&[("linger.ms", "1"), ("librdkafka.queue.buffering.max.ms", "2")]);
        assert_eq!(
            error,
            "librdkafka.queue.buffering.max.ms: is set, and so is linger.ms (code), which becomes the same property; leave one out"
        );
        let error = problems(&[("librdkafka.linger.ms", "1"), ("librdkafka.queue.buffering.max.ms", "2")]);
        assert_eq!(error, "librdkafka.queue.buffering.max.ms: is the same property as librdkafka.linger.ms; leave one out");
        assert!(
            problems(&[("request.timeout.ms", "100"), ("librdkafka.socket.timeout.ms", "100")]).contains("is set, and so is")
        );
    }

    #[test]
    fn brokers_must_be_named_unless_librdkafka_plays_them() {
        let none = super::super::ProducerConfig::new();
        assert!(none.check().unwrap_err().to_string().starts_with("bootstrap.servers: is not set; give host:port"));
        none.set("librdkafka.test.mock.num.brokers", "1").unwrap().check().unwrap();
    }
}
