//! The rules between settings, and the values that follow from them: idempotence, the timeouts, transactions, backoffs.

use std::time::Duration;

use super::{
    PartitionerName, ProducerConfig, native_name,
    resolution::{Resolution, partitioner},
    setting,
};

/// Values that depend on more than their own setting.
pub(crate) struct Derived {
    pub(crate) idempotence: bool,
    /// Milliseconds; 0 for no end.
    pub(crate) delivery_timeout: i64,
    /// Milliseconds.
    pub(crate) request_timeout: i64,
    /// Milliseconds.
    pub(crate) reconnect_backoff_max: i64,
}

const IDEMPOTENT_IN_FLIGHT: i64 = 5;
const IN_FLIGHT: &str = "max.in.flight.requests.per.connection";

/// Checks the rules and gives what follows from them.
pub(crate) fn derive(config: &ProducerConfig, resolution: &mut Resolution) -> Derived {
    set_twice(config, resolution);
    required(config, resolution);
    let idempotence = idempotence(config, resolution);
    let linger = linger(config, resolution);
    let (delivery_timeout, request_timeout) = timeouts(config, linger, resolution);
    let reconnect_backoff_max = backoffs(config, resolution);
    compression(config, resolution);
    partitioning(config, resolution);
    Derived { idempotence, delivery_timeout, request_timeout, reconnect_backoff_max }
}

/// A Java name and the librdkafka property that it becomes may not both be set, nor a property under two names.
fn set_twice(config: &ProducerConfig, resolution: &mut Resolution) {
    let raw: Vec<(&str, &str)> = config
        .entries
        .keys()
        .filter_map(|name| Some((name.as_str(), native_name::canonical(name.strip_prefix("librdkafka.")?))))
        .collect();
    for (index, (name, property)) in raw.iter().enumerate() {
        if let Some((other, _)) = raw[..index].iter().find(|(_, other)| other == property) {
            resolution.fail(config, name, format!("is the same property as {other}; leave one out"));
        }
        let java = config.entries.keys().filter_map(|name| setting::find(name)).find(|setting| {
            setting.is_java() && setting.properties().iter().any(|becomes| native_name::canonical(becomes) == *property)
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

fn required(config: &ProducerConfig, resolution: &mut Resolution) {
    let mock = config.get("librdkafka.test.mock.num.brokers").is_some_and(|number| number != "0");
    if !mock && config.text("bootstrap.servers").is_empty() {
        let message =
            "is not set; give host:port of one broker or more, here or in the environment variable KAFKA_BOOTSTRAP_SERVERS";
        resolution.fail(config, "bootstrap.servers", message);
    }
}

/// As Java's `ProducerConfig`: what is set against idempotence turns it off, unless it was asked for; only too many requests in flight
/// are always an error (since Kafka 4.0).
fn idempotence(config: &ProducerConfig, resolution: &mut Resolution) -> bool {
    let asked = config.found("enable.idempotence");
    let transactional = config.found("transactional.id").is_some();
    let mut on = asked.as_ref().is_none_or(|asked| asked.value != "false");
    let explicit = asked.is_some();
    if on {
        let acks = config.text("acks");
        let against = [
            ("acks", !matches!(acks, "all" | "-1"), "must be all with enable.idempotence=true"),
            ("retries", config.number("retries", resolution) == 0, "must not be 0 with enable.idempotence=true"),
        ];
        for (name, conflict, message) in against {
            if conflict && explicit {
                resolution.fail(config, name, message);
            } else if conflict {
                on = false;
                let value = config.text(name);
                resolution.warn(
                    config,
                    name,
                    format!("is {value}, which turns enable.idempotence off: records may be duplicated or reordered; set it yourself to say so"),
                );
            }
        }
        if on && config.number(IN_FLIGHT, resolution) > IDEMPOTENT_IN_FLIGHT {
            resolution.fail(config, IN_FLIGHT, "must be at most 5, unless enable.idempotence=false");
        }
    }
    if transactional && !on {
        resolution.fail(config, "transactional.id", "needs idempotence, which enable.idempotence, acks or retries turns off");
    }
    if on && config.get("librdkafka.queue.buffering.backpressure.threshold").is_some_and(|value| value != "1") {
        resolution.fail(
            config,
            "librdkafka.queue.buffering.backpressure.threshold",
            "must be 1, unless enable.idempotence=false",
        );
    }
    if !on && config.get("librdkafka.enable.gapless.guarantee") == Some("true") {
        resolution.fail(config, "librdkafka.enable.gapless.guarantee", "needs enable.idempotence=true");
    }
    on
}

fn linger(config: &ProducerConfig, resolution: &mut Resolution) -> Duration {
    // librdkafka's own property takes fractions of a millisecond.
    let text = config.text("linger.ms");
    let milliseconds: Option<f64> = text.parse().ok().filter(|milliseconds| (0.0..=900_000.0).contains(milliseconds));
    match milliseconds.and_then(|milliseconds| Duration::try_from_secs_f64(milliseconds / 1000.0).ok()) {
        Some(linger) => linger,
        None => {
            let name = config.found("linger.ms").map_or("linger.ms", |found| found.name);
            resolution.fail(config, name, "is not a number of milliseconds from 0 to 900000");
            Duration::from_millis(5)
        }
    }
}

/// `delivery.timeout.ms` and `request.timeout.ms`, in milliseconds, fitted to each other, to `linger.ms` and to the transaction.
fn timeouts(config: &ProducerConfig, linger: Duration, resolution: &mut Resolution) -> (i64, i64) {
    let delivery_set = config.found("delivery.timeout.ms");
    let request_set = config.found("request.timeout.ms");
    let mut delivery = config.number("delivery.timeout.ms", resolution);
    let mut request = config.number("request.timeout.ms", resolution);
    let linger = i64::try_from(linger.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX);
    let delivery_name = delivery_set.as_ref().map_or("delivery.timeout.ms", |found| found.name);
    if config.found("transactional.id").is_some() {
        let transaction = config.number("transaction.timeout.ms", resolution);
        if delivery_set.is_none() && delivery > transaction {
            delivery = transaction;
            resolution.note("delivery.timeout.ms", "lowered to transaction.timeout.ms");
        }
        if request_set.is_none() && delivery_set.is_none() && linger.saturating_add(request) > transaction {
            // Below 10 librdkafka refuses it; the rule on delivery.timeout.ms tells then.
            request = (transaction - linger).max(10);
            resolution.note("request.timeout.ms", "lowered to fit into transaction.timeout.ms");
        }
        if delivery_set.is_some() && (delivery > transaction || delivery == 0) {
            resolution.fail(config, delivery_name, format!("must be at most transaction.timeout.ms, which is {transaction}"));
            return (delivery, request);
        }
        if linger.saturating_add(request) > transaction {
            let name = if request_set.is_some() { "request.timeout.ms" } else { "linger.ms" };
            let name = config.found(name).map_or(name, |found| found.name);
            resolution.fail(
                config,
                name,
                format!("linger.ms + request.timeout.ms, {linger} + {request}, must be at most transaction.timeout.ms, which is {transaction}"),
            );
            return (delivery, request);
        }
    }
    let least = linger.saturating_add(request).min(i32::MAX.into());
    // librdkafka's own 0 means without end.
    if delivery != 0 && delivery < least {
        if delivery_set.is_some() {
            let message = format!("must be at least linger.ms + request.timeout.ms, which is {linger} + {request}");
            resolution.fail(config, delivery_name, message);
        } else {
            resolution.warn(
                config,
                "delivery.timeout.ms",
                format!("is raised from {delivery} to {least}, which is linger.ms + request.timeout.ms"),
            );
            resolution.note("delivery.timeout.ms", "raised to linger.ms + request.timeout.ms");
            delivery = least;
        }
    }
    (delivery, request)
}

/// `reconnect.backoff.max.ms`, which follows `reconnect.backoff.ms` if only that is set.
fn backoffs(config: &ProducerConfig, resolution: &mut Resolution) -> i64 {
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

fn compression(config: &ProducerConfig, resolution: &mut Resolution) {
    let codec = config.text("compression.type");
    for (level, of) in [("compression.gzip.level", "gzip"), ("compression.lz4.level", "lz4"), ("compression.zstd.level", "zstd")]
    {
        if config.get(level).is_some() && codec != of {
            resolution.warn(config, level, format!("has no effect, since compression.type is {codec}"));
        }
    }
    let missing = match codec {
        "gzip" => !cfg!(feature = "gzip"),
        "zstd" => !cfg!(feature = "zstd"),
        _ => false,
    };
    if missing && !super::sasl::IS_SYSTEMS {
        let name = config.found("compression.type").map_or("compression.type", |found| found.name);
        resolution.fail(config, name, format!("is {codec}, which is not built in; build with the cargo feature {codec}"));
    }
}

/// Which settings of partitioners have no effect with the others.
fn partitioning(config: &ProducerConfig, resolution: &mut Resolution) {
    const ADAPTIVE: &str = "partitioner.adaptive.partitioning.enable";
    const AVAILABILITY: &str = "partitioner.availability.timeout.ms";
    let partitioner = partitioner(config);
    let mut no_effect = |name: &str, reason: &str| resolution.warn(config, name, format!("has no effect, since {reason}"));
    if partitioner == PartitionerName::BuiltIn {
        if config.text(ADAPTIVE) == "false" && config.text(AVAILABILITY) != "0" {
            no_effect(AVAILABILITY, &format!("{ADAPTIVE} is false"));
        }
    } else {
        for name in [ADAPTIVE, AVAILABILITY, "partitioner.ignore.keys"] {
            let default = setting::find(name).and_then(setting::Setting::default);
            if config.get(name).is_some_and(|value| Some(value) != default) {
                no_effect(name, &format!("partitioner.class is {partitioner}"));
            }
        }
    }
    let linger = "librdkafka.sticky.partitioning.linger.ms";
    if config.get(linger).is_some() && !matches!(partitioner, PartitionerName::Native(_)) {
        no_effect(linger, &format!("partitioner.class is {partitioner}, which is none of librdkafka's"));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{config, native, problems};

    fn warnings(pairs: &[(&str, &str)]) -> Vec<String> {
        config(pairs).warnings().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_set_against_idempotence_turns_it_off_unless_it_was_asked_for() {
        for pair in [("acks", "1"), ("acks", "0"), ("retries", "0")] {
            let off = config(&[pair]);
            off.check().unwrap();
            assert_eq!(native(&off, "enable.idempotence").as_deref(), Some("false"), "{pair:?}");
            assert!(off.warnings()[0].message().contains("turns enable.idempotence off"));
            let error = problems(&[pair, ("enable.idempotence", "true")]);
            assert!(error.starts_with(&format!("{}: must", pair.0)), "{error}");
            assert!(problems(&[pair, ("transactional.id", "t")]).starts_with("transactional.id: needs idempotence"));
        }
        assert_eq!(native(&config(&[("acks", "-1")]), "enable.idempotence").as_deref(), Some("true"));
    }

    #[test]
    fn too_many_in_flight_are_an_error_as_in_java_4() {
        let six = ("max.in.flight.requests.per.connection", "6");
        assert!(problems(&[six]).contains("must be at most 5, unless enable.idempotence=false"));
        assert!(problems(&[six, ("enable.idempotence", "true")]).contains("must be at most 5"));
        config(&[six, ("enable.idempotence", "false")]).check().unwrap();
        assert!(problems(&[("transactional.id", "t"), ("enable.idempotence", "false")]).starts_with("transactional.id: needs"));
    }

    #[test]
    fn delivery_takes_at_least_linger_and_request() {
        let error = problems(&[("delivery.timeout.ms", "30004")]);
        assert_eq!(error, "delivery.timeout.ms: must be at least linger.ms + request.timeout.ms, which is 5 + 30000");
        config(&[("delivery.timeout.ms", "30005")]).check().unwrap();
        let raised = [("request.timeout.ms", "200000")];
        assert_eq!(
            warnings(&raised),
            ["delivery.timeout.ms: is raised from 120000 to 200005, which is linger.ms + request.timeout.ms"]
        );
        assert_eq!(native(&config(&raised), "message.timeout.ms").as_deref(), Some("200005"));
    }

    #[test]
    fn a_transaction_bounds_its_timeouts() {
        let transactional = config(&[("transactional.id", "t")]);
        assert_eq!(native(&transactional, "message.timeout.ms").as_deref(), Some("60000"));
        assert_eq!(native(&transactional, "socket.timeout.ms").as_deref(), Some("30000"));
        let short = config(&[("transactional.id", "t"), ("transaction.timeout.ms", "10000")]);
        assert_eq!(native(&short, "message.timeout.ms").as_deref(), Some("10000"));
        assert_eq!(native(&short, "socket.timeout.ms").as_deref(), Some("9995"));
        let shown = short.explain().to_string();
        assert!(shown.contains("lowered to transaction.timeout.ms"), "{shown}");
        assert!(
            problems(&[("transactional.id", "t"), ("delivery.timeout.ms", "60001")]).contains("at most transaction.timeout.ms")
        );
        assert!(
            problems(&[("transactional.id", "t"), ("request.timeout.ms", "60000")])
                .starts_with("request.timeout.ms: linger.ms +")
        );
        assert!(problems(&[("transactional.id", "t"), ("linger.ms", "60000")]).contains("at most transaction.timeout.ms"));
    }

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
    fn librdkafkas_own_spelling_counts_in_the_rules() {
        assert!(problems(&[("librdkafka.acks", "1"), ("enable.idempotence", "true")]).contains("acks: must be all"));
        // Half a millisecond counts as one where the rules add up.
        let fast = [("librdkafka.queue.buffering.max.ms", "0.5"), ("request.timeout.ms", "200000")];
        assert_eq!(native(&config(&fast), "message.timeout.ms").as_deref(), Some("200001"));
        assert!(problems(&[("librdkafka.linger.ms", "soon")]).contains("is not a number of milliseconds"));
        assert!(problems(&[("librdkafka.retries", "many")]).contains("is not a whole number"));
        config(&[("librdkafka.message.timeout.ms", "0"), ("request.timeout.ms", "300000")]).check().unwrap();
    }

    #[test]
    fn a_level_of_another_codec_is_told() {
        assert_eq!(
            warnings(&[("compression.gzip.level", "3")]),
            ["compression.gzip.level: has no effect, since compression.type is none"]
        );
    }

    #[test]
    fn settings_that_the_partitioner_does_not_read_are_told() {
        let availability = ("partitioner.availability.timeout.ms", "1000");
        assert_eq!(warnings(&[availability, ("partitioner.ignore.keys", "true")]), [""; 0]);
        assert_eq!(
            warnings(&[availability, ("partitioner.adaptive.partitioning.enable", "false")]),
            [format!("{}: has no effect, since partitioner.adaptive.partitioning.enable is false", availability.0)]
        );
        for (class, name) in [("RoundRobinPartitioner", "RoundRobinPartitioner"), ("fnv1a", "fnv1a")] {
            let ignored = [("partitioner.class", class), ("partitioner.ignore.keys", "true")];
            assert_eq!(
                warnings(&ignored),
                [format!("partitioner.ignore.keys: has no effect, since partitioner.class is {name}")]
            );
            assert_eq!(warnings(&[("partitioner.class", class), ("partitioner.ignore.keys", "false")]), [""; 0]);
        }
        let linger = ("librdkafka.sticky.partitioning.linger.ms", "20");
        assert!(warnings(&[linger])[0].contains("partitioner.class is DefaultPartitioner"));
        assert_eq!(warnings(&[linger, ("partitioner.class", "random")]), [""; 0]);
    }

    #[test]
    fn brokers_must_be_named_unless_librdkafka_plays_them() {
        let none = super::ProducerConfig::new();
        assert!(none.check().unwrap_err().to_string().starts_with("bootstrap.servers: is not set; give host:port"));
        none.set("librdkafka.test.mock.num.brokers", "1").unwrap().check().unwrap();
    }
}
