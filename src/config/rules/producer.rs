//! The rules of a producer: idempotence, timeouts, transactions, compression, partitioners.

use std::time::Duration;

use super::super::{ClientConfig, PartitionerName, client::partitioner, conversion::Conversion, setting::Setting};

/// librdkafka's limit of `queue.buffering.max.ms`.
const MAX_LINGER: Duration = Duration::from_secs(900);
const IDEMPOTENT_IN_FLIGHT: i64 = 5;
const IN_FLIGHT: &str = "max.in.flight.requests.per.connection";

/// Checks the rules of a producer and returns the derived values.
pub(super) fn derive(config: &ClientConfig, conversion: &mut Conversion) -> Vec<(&'static str, String)> {
    let idempotence = idempotence(config, conversion);
    let linger = check_linger(config, conversion);
    let (delivery, request) = timeouts(config, linger, conversion);
    compression(config, conversion);
    partitioning(config, conversion);
    vec![
        ("enable.idempotence", idempotence.to_string()),
        ("delivery.timeout.ms", delivery.to_string()),
        ("request.timeout.ms", request.to_string()),
    ]
}

/// As in Java's `ProducerConfig`: conflicting settings turn idempotence off, or are errors if it is set explicitly. Too many
/// requests in flight are always an error (since Kafka 4.0).
fn idempotence(config: &ClientConfig, conversion: &mut Conversion) -> bool {
    let asked = config.found("enable.idempotence");
    let transactional = config.found("transactional.id").is_some();
    let mut on = asked.as_ref().is_none_or(|asked| asked.value != "false");
    let explicit = asked.is_some();
    if on {
        let acks = config.text("acks");
        let against = [
            ("acks", !matches!(acks, "all" | "-1"), "must be all with enable.idempotence=true"),
            ("retries", config.number("retries", conversion) == 0, "must not be 0 with enable.idempotence=true"),
        ];
        for (name, conflict, message) in against {
            if conflict && explicit {
                conversion.fail(config, name, message);
            } else if conflict {
                on = false;
                let value = config.text(name);
                conversion.warn(
                    config,
                    name,
                    format!("is {value}, which turns enable.idempotence off: records may be duplicated or reordered; set enable.idempotence=false to silence this warning"),
                );
            }
        }
        if on && config.number(IN_FLIGHT, conversion) > IDEMPOTENT_IN_FLIGHT {
            conversion.fail(config, IN_FLIGHT, "must be at most 5, unless enable.idempotence=false");
        }
    }
    if transactional && !on {
        conversion.fail(config, "transactional.id", "requires idempotence, which enable.idempotence, acks or retries turns off");
    }
    if on && config.get("librdkafka.queue.buffering.backpressure.threshold").is_some_and(|value| value != "1") {
        conversion.fail(
            config,
            "librdkafka.queue.buffering.backpressure.threshold",
            "must be 1, unless enable.idempotence=false",
        );
    }
    if !on && config.get("librdkafka.enable.gapless.guarantee") == Some("true") {
        conversion.fail(config, "librdkafka.enable.gapless.guarantee", "requires enable.idempotence=true");
    }
    on
}

/// Checks `linger.ms`, which may also be set as librdkafka's property, and returns it.
fn check_linger(config: &ClientConfig, conversion: &mut Conversion) -> Duration {
    config.milliseconds("linger.ms").filter(|linger| *linger <= MAX_LINGER).unwrap_or_else(|| {
        let name = config.found("linger.ms").map_or("linger.ms", |found| found.name);
        conversion.fail(config, name, "must be a number of milliseconds from 0 to 900000");
        Duration::from_millis(5)
    })
}

/// Derives `delivery.timeout.ms` and `request.timeout.ms`, in milliseconds, from each other, `linger.ms` and the transaction
/// timeout.
fn timeouts(config: &ClientConfig, linger: Duration, conversion: &mut Conversion) -> (i64, i64) {
    let delivery_set = config.found("delivery.timeout.ms");
    let request_set = config.found("request.timeout.ms");
    let mut delivery = config.number("delivery.timeout.ms", conversion);
    let mut request = config.number("request.timeout.ms", conversion);
    let linger = i64::try_from(linger.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX);
    let delivery_name = delivery_set.as_ref().map_or("delivery.timeout.ms", |found| found.name);
    if config.found("transactional.id").is_some() {
        let transaction = config.number("transaction.timeout.ms", conversion);
        if delivery_set.is_none() && delivery > transaction {
            delivery = transaction;
            conversion.note("delivery.timeout.ms", "lowered to transaction.timeout.ms");
        }
        if request_set.is_none() && delivery_set.is_none() && linger.saturating_add(request) > transaction {
            // librdkafka rejects values below 10. The check of delivery.timeout.ms reports such a conflict.
            request = (transaction - linger).max(10);
            conversion.note("request.timeout.ms", "lowered to fit into transaction.timeout.ms");
        }
        if delivery_set.is_some() && (delivery > transaction || delivery == 0) {
            conversion.fail(config, delivery_name, format!("must be at most transaction.timeout.ms ({transaction})"));
            return (delivery, request);
        }
        if linger.saturating_add(request) > transaction {
            let name = if request_set.is_some() { "request.timeout.ms" } else { "linger.ms" };
            let name = config.found(name).map_or(name, |found| found.name);
            conversion.fail(
                config,
                name,
                format!(
                    "linger.ms + request.timeout.ms ({linger} + {request}) must be at most transaction.timeout.ms ({transaction})"
                ),
            );
            return (delivery, request);
        }
    }
    let least = linger.saturating_add(request).min(i32::MAX.into());
    // librdkafka's own 0 means no timeout.
    if delivery != 0 && delivery < least {
        if delivery_set.is_some() {
            let message = format!("must be at least linger.ms + request.timeout.ms ({linger} + {request})");
            conversion.fail(config, delivery_name, message);
        } else {
            conversion.warn(
                config,
                "delivery.timeout.ms",
                format!("is raised from {delivery} to {least}, the sum of linger.ms and request.timeout.ms"),
            );
            conversion.note("delivery.timeout.ms", "raised to linger.ms + request.timeout.ms");
            delivery = least;
        }
    }
    (delivery, request)
}

fn compression(config: &ClientConfig, conversion: &mut Conversion) {
    let codec = config.text("compression.type");
    for (level, of) in [("compression.gzip.level", "gzip"), ("compression.lz4.level", "lz4"), ("compression.zstd.level", "zstd")]
    {
        if config.get(level).is_some() && codec != of {
            conversion.warn(config, level, format!("has no effect, because compression.type is {codec}"));
        }
    }
    let missing = match codec {
        "gzip" => !cfg!(feature = "gzip"),
        "zstd" => !cfg!(feature = "zstd"),
        _ => false,
    };
    if missing && !super::super::sasl::IS_SYSTEMS {
        let name = config.found("compression.type").map_or("compression.type", |found| found.name);
        conversion.fail(config, name, format!("{codec} is not built in; build with the cargo feature {codec}"));
    }
}

/// Checks the partitioner's settings, and warns about those that have no effect. As in Java, rack-aware partitioning requires a rack even with
/// another partitioner.
fn partitioning(config: &ClientConfig, conversion: &mut Conversion) {
    const ADAPTIVE: &str = "partitioner.adaptive.partitioning.enable";
    const RACK_AWARE: &str = "partitioner.rack.aware";
    const AVAILABILITY: &str = "partitioner.availability.timeout.ms";
    let partitioner = partitioner(config);
    if config.text(RACK_AWARE) == "true" && config.text("client.rack").is_empty() {
        conversion.fail(config, RACK_AWARE, "requires client.rack; set it to the rack of this client, as in broker.rack");
    }
    let mut no_effect = |name: &str, reason: &str| conversion.warn(config, name, format!("has no effect, because {reason}"));
    if partitioner == PartitionerName::BuiltIn {
        if config.text(ADAPTIVE) == "false" && config.text(AVAILABILITY) != "0" {
            no_effect(AVAILABILITY, &format!("{ADAPTIVE} is false"));
        }
    } else {
        for name in [ADAPTIVE, AVAILABILITY, "partitioner.ignore.keys", RACK_AWARE] {
            let default = config.kind.setting(name).and_then(Setting::default);
            if config.get(name).is_some_and(|value| Some(value) != default) {
                no_effect(name, &format!("partitioner.class is {partitioner}"));
            }
        }
    }
    let linger = "librdkafka.sticky.partitioning.linger.ms";
    if config.get(linger).is_some() && !matches!(partitioner, PartitionerName::Native(_)) {
        no_effect(linger, &format!("partitioner.class is {partitioner}, which is not one of librdkafka's"));
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::{config, native, problems, warnings};
    use super::*;

    #[test]
    fn conflicting_settings_turn_idempotence_off_unless_it_is_set() {
        for pair in [("acks", "1"), ("acks", "0"), ("retries", "0")] {
            let off = config(&[pair]);
            off.check().unwrap();
            assert_eq!(native(&off, "enable.idempotence").as_deref(), Some("false"), "{pair:?}");
            assert!(off.warnings()[0].message().contains("turns enable.idempotence off"));
            let error = problems(&[pair, ("enable.idempotence", "true")]);
            assert!(error.starts_with(&format!("{}: must", pair.0)), "{error}");
            assert!(problems(&[pair, ("transactional.id", "t")]).starts_with("transactional.id: requires idempotence"));
        }
        assert_eq!(native(&config(&[("acks", "-1")]), "enable.idempotence").as_deref(), Some("true"));
    }

    #[test]
    fn too_many_requests_in_flight_are_an_error_as_in_java_4() {
        let six = ("max.in.flight.requests.per.connection", "6");
        assert!(problems(&[six]).contains("must be at most 5, unless enable.idempotence=false"));
        assert!(problems(&[six, ("enable.idempotence", "true")]).contains("must be at most 5"));
        config(&[six, ("enable.idempotence", "false")]).check().unwrap();
        assert!(
            problems(&[("transactional.id", "t"), ("enable.idempotence", "false")]).starts_with("transactional.id: requires")
        );
    }

    #[test]
    fn the_delivery_timeout_is_at_least_linger_and_request() {
        let error = problems(&[("delivery.timeout.ms", "30004")]);
        assert_eq!(error, "delivery.timeout.ms: must be at least linger.ms + request.timeout.ms (5 + 30000)");
        config(&[("delivery.timeout.ms", "30005")]).check().unwrap();
        let raised = [("request.timeout.ms", "200000")];
        assert_eq!(
            warnings(&raised),
            ["delivery.timeout.ms: is raised from 120000 to 200005, the sum of linger.ms and request.timeout.ms"]
        );
        assert_eq!(native(&config(&raised), "message.timeout.ms").as_deref(), Some("200005"));
    }

    #[test]
    fn the_transaction_timeout_limits_the_other_timeouts() {
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
    fn rules_apply_to_librdkafka_properties_too() {
        assert!(problems(&[("librdkafka.acks", "1"), ("enable.idempotence", "true")]).contains("acks: must be all"));
        // Half a millisecond is rounded up in the rules.
        let fast = [("librdkafka.queue.buffering.max.ms", "0.5"), ("request.timeout.ms", "200000")];
        assert_eq!(native(&config(&fast), "message.timeout.ms").as_deref(), Some("200001"));
        assert_eq!(config(&fast).parameters().unwrap().linger, Duration::from_micros(500));
        assert!(problems(&[("librdkafka.linger.ms", "soon")]).contains("must be a number of milliseconds"));
        assert!(problems(&[("librdkafka.retries", "many")]).contains("must be a whole number"));
        config(&[("librdkafka.message.timeout.ms", "0"), ("request.timeout.ms", "300000")]).check().unwrap();
    }

    #[test]
    fn a_level_of_another_codec_is_a_warning() {
        assert_eq!(
            warnings(&[("compression.gzip.level", "3")]),
            ["compression.gzip.level: has no effect, because compression.type is none"]
        );
    }

    #[test]
    fn settings_that_the_partitioner_ignores_are_warnings() {
        let availability = ("partitioner.availability.timeout.ms", "1000");
        assert_eq!(warnings(&[availability, ("partitioner.ignore.keys", "true")]), [""; 0]);
        assert_eq!(
            warnings(&[availability, ("partitioner.adaptive.partitioning.enable", "false")]),
            [format!("{}: has no effect, because partitioner.adaptive.partitioning.enable is false", availability.0)]
        );
        for (class, name) in [("RoundRobinPartitioner", "RoundRobinPartitioner"), ("fnv1a", "fnv1a")] {
            let ignored = [("partitioner.class", class), ("partitioner.ignore.keys", "true")];
            assert_eq!(
                warnings(&ignored),
                [format!("partitioner.ignore.keys: has no effect, because partitioner.class is {name}")]
            );
            assert_eq!(warnings(&[("partitioner.class", class), ("partitioner.ignore.keys", "false")]), [""; 0]);
        }
        let aware = ("partitioner.rack.aware", "true");
        let error = "partitioner.rack.aware: requires client.rack; set it to the rack of this client, as in broker.rack";
        for class in ["DefaultPartitioner", "RoundRobinPartitioner"] {
            assert_eq!(problems(&[aware, ("partitioner.class", class), ("client.rack", " ")]), error);
        }
        let rack = ("client.rack", "a");
        assert_eq!(warnings(&[aware, rack]), [""; 0]);
        assert_eq!(
            warnings(&[aware, rack, ("partitioner.class", "random")]),
            ["partitioner.rack.aware: has no effect, because partitioner.class is random"]
        );
        let linger = ("librdkafka.sticky.partitioning.linger.ms", "20");
        assert!(warnings(&[linger])[0].contains("partitioner.class is DefaultPartitioner"));
        assert_eq!(warnings(&[linger, ("partitioner.class", "random")]), [""; 0]);
    }
}
