//! A consumer's rules: what needs a group, the two protocols of groups, how much is fetched.

use super::super::{ClientConfig, resolution::Resolution};

/// What the broker decides with `group.protocol=consumer`.
const CLASSIC: [&str; 3] = ["session.timeout.ms", "heartbeat.interval.ms", "partition.assignment.strategy"];
/// librdkafka's default of `message.max.bytes`.
const MESSAGE_MAX_BYTES: i64 = 1_000_000;
/// What librdkafka adds to an answer for its framing.
const FRAMING: i64 = 512;

/// Checks a consumer's rules and gives what follows from them.
pub(super) fn derive(config: &ClientConfig, resolution: &mut Resolution) -> Vec<(&'static str, String)> {
    let auto_commit = auto_commit(config, resolution);
    group(config, resolution);
    if has_broker_protocol(config) {
        broker_protocol(config, resolution);
    } else {
        classic_protocol(config, resolution);
    }
    fetch_sizes(config, resolution);
    fetch_wait(config, resolution);
    vec![("enable.auto.commit", auto_commit.to_string())]
}

/// Whether the broker assigns partitions (KIP-848).
pub(crate) fn has_broker_protocol(config: &ClientConfig) -> bool {
    config.text("group.protocol").eq_ignore_ascii_case("consumer")
}

/// As Java's `ConsumerConfig`: without a group nothing can be committed, so that it is off, unless it was asked for.
fn auto_commit(config: &ClientConfig, resolution: &mut Resolution) -> bool {
    let wanted = config.text("enable.auto.commit") != "false";
    let on = wanted && config.found("group.id").is_some();
    match config.found("enable.auto.commit").filter(|_| wanted && !on) {
        Some(asked) => {
            resolution.fail(config, asked.name, "must not be true without a group.id, under which offsets are committed");
        }
        None if wanted && !on => resolution.note("enable.auto.commit", "off without a group.id"),
        None => {}
    }
    if let (false, Some(interval)) = (on, config.found("auto.commit.interval.ms")) {
        let reason = if wanted { "there is no group.id" } else { "enable.auto.commit is false" };
        resolution.warn(config, interval.name, format!("has no effect, since {reason}"));
    }
    on
}

fn group(config: &ClientConfig, resolution: &mut Resolution) {
    if config.found("group.id").is_none() {
        if let Some(instance) = config.found("group.instance.id") {
            resolution.fail(config, instance.name, "names a member of no group; set group.id");
        }
    }
}

fn broker_protocol(config: &ClientConfig, resolution: &mut Resolution) {
    for name in CLASSIC {
        if let Some(found) = config.found(name) {
            let instead = match name {
                "partition.assignment.strategy" => "use group.remote.assignor",
                _ => "it is the broker's group configuration; leave it out",
            };
            resolution.fail(config, found.name, format!("cannot be set with group.protocol=consumer: {instead}"));
        }
    }
    if config.has_raw("group.protocol.type") {
        resolution.fail(config, "librdkafka.group.protocol.type", "cannot be set with group.protocol=consumer; leave it out");
    }
}

fn classic_protocol(config: &ClientConfig, resolution: &mut Resolution) {
    if let Some(assignor) = config.found("group.remote.assignor") {
        let message =
            "needs group.protocol=consumer; with classic, partition.assignment.strategy says how partitions are assigned";
        resolution.fail(config, assignor.name, message);
    }
    let session = config.number("session.timeout.ms", resolution);
    let set = |name: &'static str| config.found(name).map(|found| found.name);
    if config.number("heartbeat.interval.ms", resolution) >= session {
        let name = set("heartbeat.interval.ms").or(set("session.timeout.ms")).unwrap_or("heartbeat.interval.ms");
        resolution.fail(config, name, format!("heartbeat.interval.ms must be less than session.timeout.ms, which is {session}"));
    }
    let poll = config.number("max.poll.interval.ms", resolution);
    if poll < session {
        let name = set("max.poll.interval.ms").or(set("session.timeout.ms")).unwrap_or("max.poll.interval.ms");
        resolution.fail(
            config,
            name,
            format!("max.poll.interval.ms, {poll}, must be at least session.timeout.ms, which is {session}"),
        );
    }
}

/// librdkafka's own rules: a request must be able to bring the greatest batch, and its answer must be read whole.
fn fetch_sizes(config: &ClientConfig, resolution: &mut Resolution) {
    let fetch = config.number("fetch.max.bytes", resolution);
    let raw = |name: &str| config.get(name).and_then(|value| value.parse::<i64>().ok());
    let message = raw("librdkafka.message.max.bytes").unwrap_or(MESSAGE_MAX_BYTES);
    if let Some(found) = config.found("fetch.max.bytes").filter(|_| fetch < message) {
        let message = format!("must be at least librdkafka.message.max.bytes, which is {message}; lower that as well");
        resolution.fail(config, found.name, message);
    }
    let receive = "librdkafka.receive.message.max.bytes";
    if raw(receive).is_some_and(|receive| receive < fetch.max(message) + FRAMING) {
        resolution.fail(config, receive, format!("must be at least fetch.max.bytes + {FRAMING}, {fetch} + {FRAMING}"));
    }
    let partition = config.number("max.partition.fetch.bytes", resolution);
    if let Some(found) = config.found("max.partition.fetch.bytes").filter(|_| partition > fetch) {
        resolution.warn(config, found.name, format!("is more than fetch.max.bytes, {fetch}, which limits it"));
    }
}

fn fetch_wait(config: &ClientConfig, resolution: &mut Resolution) {
    let (wait, request) = (config.number("fetch.max.wait.ms", resolution), config.number("request.timeout.ms", resolution));
    if wait + 1000 > request {
        let name = ["fetch.max.wait.ms", "request.timeout.ms"].into_iter().find_map(|name| config.found(name));
        let name = name.map_or("fetch.max.wait.ms", |found| found.name);
        resolution.warn(
            config,
            name,
            format!("fetch.max.wait.ms, {wait}, should be a second less than request.timeout.ms, {request}, since requests wait behind each other"),
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
        assert!(!alone.resolve().unwrap().enable_auto_commit);
        assert!(alone.explain().to_string().contains("off without a group.id"));
        assert_eq!(
            problems(&[("enable.auto.commit", "true")]),
            "enable.auto.commit: must not be true without a group.id, under which offsets are committed"
        );
        assert_eq!(native_of(&consumer(&[GROUP]), "enable.auto.commit").as_deref(), Some("true"));
        consumer(&[("librdkafka.group.id", "g"), ("enable.auto.commit", "true")]).check().unwrap();
    }

    #[test]
    fn an_interval_without_commits_is_told() {
        let interval = ("auto.commit.interval.ms", "100");
        let wanted = |reason: &str| [format!("auto.commit.interval.ms: has no effect, since {reason}")];
        assert_eq!(warnings(&[interval]), wanted("there is no group.id"));
        assert_eq!(warnings(&[GROUP, interval, ("enable.auto.commit", "false")]), wanted("enable.auto.commit is false"));
        assert_eq!(warnings(&[GROUP, interval]), [""; 0]);
    }

    #[test]
    fn a_static_member_is_one_of_a_group() {
        let member = ("group.instance.id", "m");
        assert_eq!(problems(&[member]), "group.instance.id: names a member of no group; set group.id");
        consumer(&[GROUP, member]).check().unwrap();
    }

    #[test]
    fn the_brokers_protocol_takes_none_of_the_classic_settings() {
        let protocol = ("group.protocol", "consumer");
        for (setting, instead) in [
            (("session.timeout.ms", "10000"), "it is the broker's group configuration; leave it out"),
            (("heartbeat.interval.ms", "1000"), "it is the broker's group configuration; leave it out"),
            (("partition.assignment.strategy", "RangeAssignor"), "use group.remote.assignor"),
        ] {
            assert_eq!(
                problems(&[GROUP, protocol, setting]),
                format!("{}: cannot be set with group.protocol=consumer: {instead}", setting.0)
            );
            consumer(&[GROUP, setting]).check().unwrap();
        }
        assert!(problems(&[GROUP, protocol, ("librdkafka.group.protocol.type", "consumer")]).contains("leave it out"));
        let config = consumer(&[GROUP, protocol, ("group.remote.assignor", "uniform"), ("max.poll.interval.ms", "1000")]);
        for name in ["session.timeout.ms", "heartbeat.interval.ms", "partition.assignment.strategy"] {
            assert_eq!(native_of(&config, name), None, "{name}");
            assert!(config.explain().rows().iter().all(|row| row.name() != name), "{name} is not in force");
        }
        assert_eq!(native_of(&config, "group.remote.assignor").as_deref(), Some("uniform"));
        assert!(problems(&[GROUP, ("group.remote.assignor", "uniform")]).contains("needs group.protocol=consumer"));
    }

    #[test]
    fn heartbeat_session_and_poll_follow_each_other() {
        assert_eq!(
            problems(&[GROUP, ("heartbeat.interval.ms", "45000")]),
            "heartbeat.interval.ms: heartbeat.interval.ms must be less than session.timeout.ms, which is 45000"
        );
        consumer(&[GROUP, ("heartbeat.interval.ms", "44999")]).check().unwrap();
        assert!(problems(&[GROUP, ("session.timeout.ms", "3000")]).starts_with("session.timeout.ms: heartbeat.interval.ms must"));
        assert_eq!(
            problems(&[GROUP, ("max.poll.interval.ms", "44999")]),
            "max.poll.interval.ms: max.poll.interval.ms, 44999, must be at least session.timeout.ms, which is 45000"
        );
        consumer(&[GROUP, ("max.poll.interval.ms", "45000")]).check().unwrap();
        assert!(
            problems(&[GROUP, ("session.timeout.ms", "300001")]).starts_with("session.timeout.ms: max.poll.interval.ms, 300000")
        );
    }

    #[test]
    fn fetch_sizes_fit_into_each_other() {
        let small = ("fetch.max.bytes", "999999");
        assert!(problems(&[small]).contains("at least librdkafka.message.max.bytes, which is 1000000"));
        consumer(&[small, ("librdkafka.message.max.bytes", "999999")]).check().unwrap();
        let receive = "librdkafka.receive.message.max.bytes";
        assert!(problems(&[("fetch.max.bytes", "2000000"), (receive, "2000511")]).contains("fetch.max.bytes + 512"));
        consumer(&[("fetch.max.bytes", "2000000"), (receive, "2000512")]).check().unwrap();
        assert_eq!(
            warnings(&[("max.partition.fetch.bytes", "60000000")]),
            ["max.partition.fetch.bytes: is more than fetch.max.bytes, 52428800, which limits it"]
        );
    }

    #[test]
    fn a_broker_should_not_wait_as_long_as_a_request() {
        assert!(
            warnings(&[("fetch.max.wait.ms", "29001")])[0].starts_with("fetch.max.wait.ms: fetch.max.wait.ms, 29001, should")
        );
        assert!(warnings(&[("request.timeout.ms", "1499")])[0].starts_with("request.timeout.ms: "));
        assert_eq!(warnings(&[("fetch.max.wait.ms", "29000")]), [""; 0]);
    }

    #[test]
    fn the_rules_of_every_client_are_a_consumers_too() {
        assert!(ConsumerConfig::new().check().unwrap_err().to_string().starts_with("bootstrap.servers: is not set"));
        assert!(problems(&[("fetch.max.wait.ms", "1"), ("librdkafka.fetch.wait.max.ms", "2")]).contains("leave one out"));
        assert!(
            problems(&[("max.partition.fetch.bytes", "1"), ("librdkafka.fetch.message.max.bytes", "2")])
                .contains("leave one out")
        );
        assert!(
            problems(&[("security.protocol", "SASL_SSL"), ("sasl.mechanism", "PLAIN")]).starts_with("sasl.jaas.config: is not")
        );
    }
}
