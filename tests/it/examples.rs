//! Runs all examples and checks their output.

use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// Lines of each example's output; `*` matches anything.
const CHECKS: &[(&str, &[&str])] = &[
    (
        "audit_log",
        &[
            "record 1 for payments acknowledged at payments-*@*",
            "record 2 for payments failed: RecordTooLarge (RecordTooLargeException)",
            "record 3 for payments acknowledged at payments-*@*",
            "send said: topic payments: the record takes * bytes, more than max.request.size allows (1000)",
        ],
    ),
    ("avro", &["o-1: 11 bytes", "o-2: 18 bytes", "o-3: 11 bytes", "version 1: {*\"name\":\"Order\"*}", "read back: true"]),
    ("await_each", &["acknowledged: 1000, failed: 0, by partition: {*}"]),
    ("backpressure", &["after * records: no room in buffer.memory (100000 bytes)*", "acknowledged: 2* of 2*"]),
    ("callback", &["acknowledged: 1000, failed: 0"]),
    (
        "consume",
        &[
            "partitions assigned: *",
            "o-1: 1250 cents",
            "skipped: topic orders-*, partition 0, offset 1: the value could not be deserialized",
            "o-3: 80 cents",
            "committed: Some(3)",
        ],
    ),
    ("counter", &["orders: 101 sent, 100 acknowledged, 1 failed"]),
    (
        "custom_serializer",
        &[
            "value of Some(4) bytes",
            "value of None bytes",
            "refused: topic temperatures: the value could not be serialized: a temperature must be a finite number",
        ],
    ),
    ("exactly_once", &["receipts: 30, each payment once"]),
    ("fatal_error", &["attempt 1: fatal (Fenced): *", "attempt 2: committed"]),
    ("fire_and_forget", &["acknowledged: 1000, failed: 0"]),
    (
        "from_file",
        &[
            "acks = all (*orders.toml:9)",
            "linger.ms = 50 (code)",
            "compression.type = gzip (*orders.toml:11)",
            "acknowledged: 3",
            "line 1: liger.ms: unknown setting; did you mean linger.ms?",
            "line 2: acks: *",
        ],
    ),
    (
        "headers",
        &["trace = 4bf92f35", "tag = gift", "tag = express", "coupon = null", "service = checkout", "acknowledged: orders-*@*"],
    ),
    ("quickstart", &["acknowledged: orders-*@*", "not delivered: 0"]),
    ("rate_limit", &["acknowledged: 100, at least 490 ms: true"]),
    ("return_from_main", &["accepted: 10000"]),
    ("sink", &["acknowledged: 1000"]),
    ("sync", &["login is at audit-*@*, 5 bytes", "logout is at audit-*@*, 6 bytes", "not delivered: 0"]),
    (
        "testing",
        &["without brokers: o-1 to partition *", "without brokers: o-2 to partition *", "with a broker: 0 to be placed again"],
    ),
];

mod embedded {
    use super::*;

    #[test]
    fn examples_run_without_kafka() {
        run_all(|example| example.env_remove("KAFKA_BOOTSTRAP_SERVERS"));
    }
}

mod broker {
    use super::*;

    #[test]
    #[ignore = "needs Kafka: make test-broker"]
    fn examples_run_on_a_real_kafka() {
        assert!(env::var_os("KAFKA_BOOTSTRAP_SERVERS").is_some(), "KAFKA_BOOTSTRAP_SERVERS is not set");
        run_all(|example| example);
    }
}

#[test]
fn readme_contains_the_quickstart() {
    let read = |path: &str| std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let quickstart = read("examples/quickstart.rs");
    let (_, program) = quickstart.split_once("\n\n").unwrap();
    assert!(
        read("README.md").contains(&format!("```rust\n{program}```")),
        "README.md does not have examples/quickstart.rs, from its first blank line on, as a block"
    );
}

#[test]
fn patterns_match_lines() {
    assert!(matches("sent * of *", "sent 1 of 2"));
    assert!(matches("orders-*", "orders-"));
    assert!(!matches("sent 10", "sent 100"));
    assert!(!matches("sent * of 2", "sent 1 of 20"));
    assert!(!matches("*ab*b", "xab"));
}

fn run_all(prepare: impl Fn(&mut Command) -> &mut Command) {
    let examples = built();
    let names: Vec<_> = examples.keys().map(String::as_str).collect();
    assert_eq!(names, CHECKS.iter().map(|(name, _)| *name).collect::<Vec<_>>(), "the examples and their checks, sorted by name");
    let failures: Vec<_> = CHECKS
        .iter()
        .filter_map(|(name, lines)| {
            let output = prepare(&mut Command::new(&examples[*name])).output().unwrap();
            let printed = String::from_utf8_lossy(&output.stdout);
            let missing: Vec<_> = lines.iter().filter(|line| !printed.lines().any(|printed| matches(line, printed))).collect();
            (!output.status.success() || !missing.is_empty()).then(|| {
                let errors = String::from_utf8_lossy(&output.stderr);
                format!("{name}: {}, missing lines {missing:?}\n{printed}{errors}", output.status)
            })
        })
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The examples by name, as cargo has just built them, with the features and profile of this test, so that the library is not built again.
pub(crate) fn built() -> BTreeMap<String, PathBuf> {
    // target/PROFILE/deps/it-HASH
    let test = env::current_exe().unwrap();
    let target = test.ancestors().nth(3).unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args([
        "build",
        "--quiet",
        "--workspace",
        "--examples",
        "--message-format",
        "json-render-diagnostics",
        "--manifest-path",
    ]);
    cargo.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).arg("--target-dir").arg(target);
    // The last three are the schema registry's.
    cargo.args(["--features", &format!("{},avro,protobuf,json-schema", features().join(","))]);
    if !cfg!(feature = "default") {
        cargo.arg("--no-default-features");
    }
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    // Cargo describes this package in the environment of its tests. Build scripts that watch these variables would run again, now and in the
    // next build.
    let of_package = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_str().is_some_and(of_package)) {
        cargo.env_remove(name);
    }
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "cargo cannot build the examples:\n{}", String::from_utf8_lossy(&output.stderr));
    let artifacts = output.stdout.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    artifacts
        .map(|line| serde_json::from_slice::<serde_json::Value>(line).unwrap())
        .filter(|artifact| artifact["reason"] == "compiler-artifact" && artifact["target"]["kind"][0] == "example")
        .map(|artifact| {
            let text = |field: &serde_json::Value| field.as_str().unwrap().to_owned();
            (text(&artifact["target"]["name"]), text(&artifact["executable"]).into())
        })
        .collect()
}

/// The features of this test binary.
fn features() -> Vec<&'static str> {
    macro_rules! enabled {
        ($($feature:literal)*) => {
            [$(($feature, cfg!(feature = $feature))),*]
        };
    }
    let all = enabled!["default" "tls" "tls-vendored" "oidc" "zstd" "gzip" "dynamic-linking" "rdkafka" "consumer" "uuid" "metrics" "opentelemetry" "bytes" "testing"];
    all.into_iter().filter_map(|(feature, enabled)| enabled.then_some(feature)).collect()
}

/// Whether the line matches the pattern, in which `*` matches anything.
fn matches(pattern: &str, line: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == line };
    let Some(line) = line.strip_prefix(start) else { return false };
    (0..=line.len()).any(|skipped| line.get(skipped..).is_some_and(|line| matches(rest, line)))
}
