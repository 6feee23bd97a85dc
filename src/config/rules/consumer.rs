//! The rules of a consumer: settings that require a group, the two group protocols, fetch sizes.

use super::super::{ClientConfig, conversion::Conversion};

/// Settings that the broker determines with `group.protocol=consumer`.
const CLASSIC: [&str; 3] = ["session.timeout.ms", "heartbeat.interval.ms", "partition.assignment.strategy"];
/// librdkafka's default of `message.max.bytes`.
const MESSAGE_MAX_BYTES: i64 = 1_000_000;
/// What librdkafka allows for the framing of a response.
const FRAMING: i64 = 512;

/// Checks the rules of a consumer and returns the derived values.
pub(super) fn derive(config: &ClientConfig, conversion: &mut Conversion) -> Vec<(&'static str, String)> {
    let auto_commit = auto_commit(config, conversion);
    group(config, conversion);
    if has_broker_protocol(config) {
        broker_protocol(config, conversion);
    } else {
        classic_protocol(config, conversion);
    }
    fetch_sizes(config, conversion);
    fetch_wait(config, conversion);
    vec![("enable.auto.commit", auto_commit.to_string())]
}

/// Whether the broker assigns partitions (KIP-848).
pub(crate) fn has_broker_protocol(config: &ClientConfig) -> bool {
    config.text("group.protocol").eq_ignore_ascii_case("consumer")
}

/// As in Java's `ConsumerConfig`: without a group nothing can be committed, so automatic commits are off, and an error if set
/// explicitly.
fn auto_commit(config: &ClientConfig, conversion: &mut Conversion) -> bool {
    let wanted = config.text("enable.auto.commit") != "false";
    let on = wanted && config.found("group.id").is_some();
    match config.found("enable.auto.commit").filter(|_| wanted && !on) {
        Some(asked) => {
            conversion.fail(config, asked.name, "must not be true without a group.id, because offsets are committed for a group");
        }
        None if wanted && !on => conversion.note("enable.auto.commit", "off without a group.id"),
        None => {}
    }
    if let (false, Some(interval)) = (on, config.found("auto.commit.interval.ms")) {
        let reason = if wanted { "group.id is not set" } else { "enable.auto.commit is false" };
        conversion.warn(config, interval.name, format!("has no effect, because {reason}"));
    }
    on
}

fn group(config: &ClientConfig, conversion: &mut Conversion) {
    if config.found("group.id").is_none() {
        if let Some(instance) = config.found("group.instance.id") {
            conversion.fail(config, instance.name, "requires a group.id");
        }
    }
}

fn broker_protocol(config: &ClientConfig, conversion: &mut Conversion) {
    for name in CLASSIC {
        if let Some(found) = config.found(name) {
            let instead = match name {
                "partition.assignment.strategy" => "use group.remote.assignor",
                _ => "the broker's group configuration determines it; remove it",
            };
            conversion.fail(config, found.name, format!("cannot be set with group.protocol=consumer; {instead}"));
        }
    }
    if config.has_raw("group.protocol.type") {
        conversion.fail(config, "librdkafka.group.protocol.type", "cannot be set with group.protocol=consumer; remove it");
    }
}

fn classic_protocol(config: &ClientConfig, conversion: &mut Conversion) {
    if let Some(assignor) = config.found("group.remote.assignor") {
        let message = "requires group.protocol=consumer; with classic, use partition.assignment.strategy";
        conversion.fail(config, assignor.name, message);
    }
    let session = config.number("session.timeout.ms", conversion);
    let set = |name: &'static str| config.found(name).map(|found| found.name);
    if config.number("heartbeat.interval.ms", conversion) >= session {
        let name = set("heartbeat.interval.ms").or(set("session.timeout.ms")).unwrap_or("heartbeat.interval.ms");
        conversion.fail(config, name, format!("heartbeat.interval.ms must be less than session.timeout.ms ({session})"));
    }
    let poll = config.number("max.poll.interval.ms", conversion);
    if poll < session {
        let name = set("max.poll.interval.ms").or(set("session.timeout.ms")).unwrap_or("max.poll.interval.ms");
        conversion.fail(config, name, format!("max.poll.interval.ms ({poll}) must be at least session.timeout.ms ({session})"));
    }
}

/// librdkafka's own rules: a fetch must be able to return the largest batch, and the response must not exceed the receive limit.
fn fetch_sizes(config: &ClientConfig, conversion: &mut Conversion) {
    let fetch = config.number("fetch.max.bytes", conversion);
    let raw = |name: &str| config.get(name).and_then(|value| value.parse::<i64>().ok());
    let message = raw("librdkafka.message.max.bytes").unwrap_or(MESSAGE_MAX_BYTES);
    if let Some(found) = config.found("fetch.max.bytes").filter(|_| fetch < message) {
        let message = format!("must be at least librdkafka.message.max.bytes ({message}); lower that too");
        conversion.fail(config, found.name, message);
    }
    let receive = "librdkafka.receive.message.max.bytes";
    if raw(receive).is_some_and(|receive| receive < fetch.max(message) + FRAMING) {
        conversion.fail(config, receive, format!("must be at least fetch.max.bytes + {FRAMING} ({fetch} + {FRAMING})"));
    }
    let partition = config.number("max.partition.fetch.bytes", conversion);
    if let Some(found) = config.found("max.partition.fetch.bytes").filter(|_| partition > fetch) {
        conversion.warn(config, found.name, format!("is limited by fetch.max.bytes ({fetch})"));
    }
}

fn fetch_wait(config: &ClientConfig, conversion: &mut Conversion) {
    let (wait, request) = (config.number("fetch.max.wait.ms", conversion), config.number("request.timeout.ms", conversion));
    if wait + 1000 > request {
        let name = ["fetch.max.wait.ms", "request.timeout.ms"].into_iter().find_map(|name| config.found(name));
        let name = name.map_or("fetch.max.wait.ms", |found| found.name);
        conversion.warn(
            config,
            name,
            format!("fetch.max.wait.ms ({wait}) should be at least a second less than request.timeout.ms ({request}), because requests queue behind each other"),
        );
    }
}

#[cfg(test)]
#[cfg(feature = "consumer")]
mod tests {
    use super::super::super::{
        ConsumerConfig,
        tests::{consumer, native_of},
    };

    fn problems(pairs: &[(&str, &str)]) -> String {
        consumer(pairs).check().unwrap_err().to_string()
    }

    fn warnings(pairs: &[(&str, &str)]) -> Vec<String> {
        consumer(pairs).warnings().iter().map(ToString::to_string).collect()
    }

    const GROUP: (&str, &str) = ("group.id", "g");

    #[test]
    fn without_a_group_nothing_is_committed() {
        let alone = consumer(&[]);
        alone.check().unwrap();
        assert_eq!(native_of(&alone, "enable.auto.commit").as_deref(), Some("false"));
        assert!(!alone.parameters().unwrap().enable_auto_commit);
        assert!(alone.explain().to_string().contains("off without a group.id"));
        assert_eq!(
            problems(&[("enable.auto.commit", "true")]),
            "enable.auto.commit: must not be true without a group.id, because offsets are committed for a group"
        );
        assert_eq!(native_of(&consumer(&[GROUP]), "enable.auto.commit").as_deref(), Some("true"));
        consumer(&[("librdkafka.group.id", "g"), ("enable.auto.commit", "true")]).check().unwrap();
    }

    #[test]
    fn a_commit_interval_without_commits_is_a_warning() {
        let interval = ("auto.commit.interval.ms", "100");
        let wanted = |reason: &str| [format!("auto.commit.interval.ms: has no effect, because {reason}")];
        assert_eq!(warnings(&[interval]), wanted("group.id is not set"));
        assert_eq!(warnings(&[GROUP, interval, ("enable.auto.commit", "false")]), wanted("enable.auto.commit is false"));
        assert_eq!(warnings(&[GROUP, interval]), [""; 0]);
    }

    #[test]
    fn a_static_member_requires_a_group() {
        let member = ("group.instance.id", "m");
        assert_eq!(problems(&[member]), "group.instance.id: requires a group.id");
        consumer(&[GROUP, member]).check().unwrap();
    }

    #[test]
    fn the_consumer_protocol_rejects_classic_settings() {
        let protocol = ("group.protocol", "consumer");
        for (setting, instead) in [
            (("session.timeout.ms", "10000"), "the broker's group configuration determines it; remove it"),
            (("heartbeat.interval.ms", "1000"), "the broker's group configuration determines it; remove it"),
            (("partition.assignment.strategy", "RangeAssignor"), "use group.remote.assignor"),
        ] {
            assert_eq!(
                problems(&[GROUP, protocol, setting]),
                format!("{}: cannot be set with group.protocol=consumer; {instead}", setting.0)
            );
            consumer(&[GROUP, setting]).check().unwrap();
        }
        assert!(problems(&[GROUP, protocol, ("librdkafka.group.protocol.type", "consumer")]).contains("remove it"));
        let config = consumer(&[GROUP, protocol, ("group.remote.assignor", "uniform"), ("max.poll.interval.ms", "1000")]);
        for name in ["session.timeout.ms", "heartbeat.interval.ms", "partition.assignment.strategy"] {
            assert_eq!(native_of(&config, name), None, "{name}");
            assert!(config.explain().rows().iter().all(|row| row.name() != name), "{name} is not in force");
        }
        assert_eq!(native_of(&config, "group.remote.assignor").as_deref(), Some("uniform"));
        assert!(problems(&[GROUP, ("group.remote.assignor", "uniform")]).contains("requires group.protocol=consumer"));
    }

    #[test]
    fn heartbeat_session_and_poll_intervals_are_checked() {
        assert_eq!(
            problems(&[GROUP, ("heartbeat.interval.ms", "45000")]),
            "heartbeat.interval.ms: heartbeat.interval.ms must be less than session.timeout.ms (45000)"
        );
        consumer(&[GROUP, ("heartbeat.interval.ms", "44999")]).check().unwrap();
        assert!(problems(&[GROUP, ("session.timeout.ms", "3000")]).starts_with("session.timeout.ms: heartbeat.interval.ms must"));
        assert_eq!(
            problems(&[GROUP, ("max.poll.interval.ms", "44999")]),
            "max.poll.interval.ms: max.poll.interval.ms (44999) must be at least session.timeout.ms (45000)"
        );
        consumer(&[GROUP, ("max.poll.interval.ms", "45000")]).check().unwrap();
        assert!(
            problems(&[GROUP, ("session.timeout.ms", "300001")]).starts_with("session.timeout.ms: max.poll.interval.ms (300000)")
        );
    }

    #[test]
    fn fetch_sizes_are_checked() {
        let small = ("fetch.max.bytes", "999999");
        assert!(problems(&[small]).contains("at least librdkafka.message.max.bytes (1000000)"));
        consumer(&[small, ("librdkafka.message.max.bytes", "999999")]).check().unwrap();
        let receive = "librdkafka.receive.message.max.bytes";
        assert!(problems(&[("fetch.max.bytes", "2000000"), (receive, "2000511")]).contains("fetch.max.bytes + 512"));
        consumer(&[("fetch.max.bytes", "2000000"), (receive, "2000512")]).check().unwrap();
        assert_eq!(
            warnings(&[("max.partition.fetch.bytes", "60000000")]),
            ["max.partition.fetch.bytes: is limited by fetch.max.bytes (52428800)"]
        );
    }

    #[test]
    fn fetch_max_wait_should_be_below_the_request_timeout() {
        assert!(
            warnings(&[("fetch.max.wait.ms", "29001")])[0].starts_with("fetch.max.wait.ms: fetch.max.wait.ms (29001) should")
        );
        assert!(warnings(&[("request.timeout.ms", "1499")])[0].starts_with("request.timeout.ms: "));
        assert_eq!(warnings(&[("fetch.max.wait.ms", "29000")]), [""; 0]);
    }

    #[test]
    fn common_rules_apply_to_consumers() {
        assert!(ConsumerConfig::new().check().unwrap_err().to_string().starts_with("bootstrap.servers: is not set"));
        assert!(problems(&[("fetch.max.wait.ms", "1"), ("librdkafka.fetch.wait.max.ms", "2")]).contains("set only one of them"));
        assert!(
            problems(&[("max.partition.fetch.bytes", "1"), ("librdkafka.fetch.message.max.bytes", "2")])
                .contains("set only one of them")
        );
        assert!(
            problems(&[("security.protocol", "SASL_SSL"), ("sasl.mechanism", "PLAIN")]).starts_with("sasl.jaas.config: is not")
        );
    }
}
