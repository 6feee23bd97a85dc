//! `ottla perf`: counts, figures, errors, Ctrl-C, and the page.

use std::{collections::BTreeSet, ffi::OsString};

use ottla::testing::{ApiKey, BrokerError};
use ottla_test_support::{secrets::jaas, seen::Seen};
use serde_json::{Value, json};

use super::{Place, kill};
use crate::{
    arguments,
    command::{Start as _, command, end, run},
};

impl Place {
    /// The arguments of `ottla perf` for the topic `orders`.
    fn perf(&self, more: &[OsString]) -> Vec<OsString> {
        let config = self.config("producer.properties", "linger.ms=0\nmax.block.ms=10000\n");
        arguments!["perf", "-c", config, "-t", "orders"].iter().chain(more).cloned().collect()
    }
}

/// Checks that each element is closed where HTML requires it, and that the page refers to nothing outside.
fn assert_page(page: &str) {
    let mut open = Vec::new();
    let mut rest = page.strip_prefix("<!DOCTYPE html>\n").expect("no doctype");
    while let Some(start) = rest.find('<') {
        assert!(!rest[..start].contains('>'), "> outside of an element: {}", &rest[..start]);
        let (tag, after) = rest[start + 1..].split_once('>').expect("an element is not complete");
        rest = after;
        let name = tag.trim_start_matches('/').split([' ', '\n', '/']).next().unwrap();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "before {}", &rest[..rest.len().min(80)]);
        } else if !tag.ends_with('/') {
            open.push(name);
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        assert!(!tag.contains("src=") && !tag.contains("href=") && name != "script" && name != "link", "{tag}");
    }
    assert!(open.is_empty() && rest.trim().is_empty(), "{open:?} {rest:?}");
    assert!(!page.contains("url(") && !page.contains("NaN"), "{page}");
}

#[test]
fn counts_and_figures() {
    let place = Place::new(3);
    let flags = arguments!["--records", "200", "--warmup", "20", "--size", "10-20", "--keys", "5", "--rate", "2000/s", "--json"];
    let report = run(place.perf(&flags)).with(0).report();
    let records = place.records();
    assert_eq!(records.len(), 220);
    let sizes: BTreeSet<usize> = records.iter().map(|(_, value)| value.as_ref().unwrap().len()).collect();
    assert_eq!((sizes.first(), sizes.last()), (Some(&10), Some(&20)));
    assert!(records.iter().all(|(_, value)| value.as_ref().unwrap().bytes().all(|byte| byte.is_ascii_uppercase())));
    let keys: BTreeSet<&str> = records.iter().map(|(key, _)| key.as_deref().unwrap()).collect();
    assert_eq!(keys.into_iter().collect::<Vec<_>>(), ["0", "1", "2", "3", "4"]);
    for (name, value) in [
        ("records", json!(200)),
        ("acknowledged", json!(200)),
        ("failed", json!(0)),
        ("warmup_records", json!(20)),
        ("target_records_per_s", json!(2000.0)),
        ("topic", json!("orders")),
        ("brokers", json!(place.kafka.bootstrap_servers())),
        ("errors", json!({})),
        ("error", json!(null)),
    ] {
        assert_eq!(report[name], value, "{name}: {report}");
    }
    let number = |value: &Value| value.as_f64().unwrap();
    let bytes = number(&report["bytes"]);
    assert!((200.0 * 11.0..=200.0 * 21.0).contains(&bytes), "{report}");
    assert!((number(&report["records_per_s"]) - 200.0 / number(&report["elapsed_s"])).abs() < 0.01, "{report}");
    let latency = |name: &str| number(&report["latency_ms"][name]);
    assert!(0.0 < latency("p50") && latency("avg") > 0.0, "{report}");
    let rising = ["p50", "p95", "p99", "p99_9", "max"].map(latency);
    assert!(rising.is_sorted(), "{rising:?}");
    let intervals = report["intervals"].as_array().unwrap();
    assert_eq!(intervals.iter().map(|interval| interval["acknowledged"].as_u64().unwrap()).sum::<u64>(), 200);
    assert_eq!((&report["settings"]["linger.ms"], &report["settings"]["acks"]), (&json!("0"), &json!("all")));
    assert!(report["settings"].get("librdkafka.statistics.interval.ms").is_none(), "{report}");
}

#[test]
fn javas_names_of_the_flags() {
    let place = Place::new(1);
    let flags = arguments![
        "--num-records",
        "10",
        "--record-size",
        "7",
        "--throughput",
        "-1",
        "--warmup-records",
        "3",
        "--transactional-id",
        "t",
        "--transaction-duration-ms",
        "1",
        "--print-metrics",
        "--json"
    ];
    let report = run(place.perf(&flags)).with(0).report();
    assert_eq!((&report["acknowledged"], &report["bytes"]), (&json!(10), &json!(70)));
    assert_eq!(report["settings"]["transactional.id"], "t");
    assert_eq!((&report["metrics"]["record-send-total"], &report["target_records_per_s"]), (&json!(13.0), &json!(null)));
}

#[test]
fn values_of_a_file() {
    let place = Place::new(1);
    let file = place.folder.file("values.txt", "one;two;three");
    let flags = arguments!["--records", "100", "--payload-file", file, "--payload-delimiter", ";", "--acks", "0", "--json"];
    let report = run(place.perf(&flags)).with(0).report();
    assert_eq!((&report["acknowledged"], &report["sent"]), (&json!(0), &json!(100)));
    place.wait_for(100);
    let values: BTreeSet<String> = place.values().into_iter().collect();
    assert_eq!(values.into_iter().collect::<Vec<_>>(), ["one", "three", "two"]);
    let flags = |file: std::path::PathBuf| arguments!["--records", "1", "--payload-file", file];
    let empty = place.folder.file("empty.txt", "");
    run(place.perf(&flags(empty.clone()))).with(2).saying(&["empty.txt: is empty"]);
    run(place.perf(&flags(place.folder.path("absent")))).with(2).saying(&["absent: cannot be read"]);
}

#[test]
fn records_that_fail() {
    let place = Place::new(1);
    let too_large = arguments!["--records", "5", "--size", "5000", "--set", "max.request.size=1000"];
    let ended = run(place.perf(&too_large)).with(1);
    assert!(ended.stdout.contains("5 records failed\n          5   RecordTooLarge: "), "{ended:?}");
    let report = run(place.perf(&too_large).into_iter().chain(arguments!["--json"])).with(1).report();
    assert_eq!((&report["failed"], &report["errors"]), (&json!(5), &json!({"RecordTooLarge": 5})));
    assert_eq!(report["latency_ms"], json!(null));
    place.kafka.fail_next(ApiKey::Produce, &[BrokerError::TOPIC_AUTHORIZATION_FAILED]).unwrap();
    let report = run(place.perf(&arguments!["--records", "1", "--json"])).with(3).report();
    assert_eq!(report["errors"], json!({"Authorization": 1}));
    place.kafka.set_topic_error("orders", BrokerError::UNKNOWN_TOPIC_OR_PARTITION).unwrap();
    let absent = run(place.perf(&arguments!["--records", "1", "--json", "--set", "max.block.ms=300"])).with(2);
    assert!(absent.report()["error"].as_str().unwrap().contains("orders"), "{absent:?}");
}

#[test]
fn an_interrupted_run_has_the_figures_until_then() {
    let place = Place::new(1);
    let page = place.folder.path("page.html");
    let flags = arguments!["--duration", "3600", "--rate", "500", "--html", page, "--json"];
    let child = command(place.perf(&flags)).start();
    place.wait_for(20);
    kill(&child, "INT");
    let ended = end(child).with(130);
    let report = ended.report();
    assert!(report["acknowledged"].as_u64().unwrap() >= 20, "{report}");
    assert_eq!(report["records"], place.records().len(), "{report}");
    assert_eq!((&report["failed"], &report["error"]), (&json!(0), &json!("interrupted")));
    assert!(std::fs::read_to_string(page).unwrap().contains("<strong>The run ended early:</strong> interrupted"));
}

#[test]
fn an_interrupted_transaction() {
    let place = Place::new(1);
    let flags = arguments!["--duration", "3600", "--rate", "500", "--transactional-id", "t", "--json"];
    let child = command(place.perf(&flags)).start();
    place.wait_for(20);
    kill(&child, "TERM");
    assert_eq!(end(child).with(130).report()["error"], "interrupted");
}

#[test]
fn the_page_is_complete_and_has_no_secret() {
    let place = Place::new(1);
    let page = place.folder.path("page.html");
    let secret = jaas("hunter2-jaas");
    let flags = arguments![
        "--records",
        "50",
        "--html",
        page,
        "--set",
        format!("sasl.jaas.config={secret}"),
        "--set",
        "ssl.key.password=hunter2",
        "--set",
        "client.id=<script>&\"'",
        "--set",
        "schema.registry.url=https://alice:hunter2-registry@localhost:1",
    ];
    let ended = run(place.perf(&flags)).with(0);
    let page = std::fs::read_to_string(page).unwrap();
    assert_page(&page);
    for text in ["50</dd>", "sasl.jaas.config</td><td>[hidden]", "&lt;script&gt;&amp;&quot;&#39;", "producer.properties:2"] {
        assert!(page.contains(text), "{text} is not in\n{page}");
    }
    let mut seen = Seen::default();
    seen.text("page", page);
    seen.text("stdout", ended.stdout);
    seen.text("stderr", ended.stderr);
    seen.search(&["page", "stdout"]);
}

#[test]
fn a_file_that_the_command_reads_is_not_overwritten_by_the_page() {
    let place = Place::new(1);
    let values = place.folder.file("values.txt", "one");
    let settings = place.config("b.properties", "linger.ms=0\n");
    let records = arguments!["--records", "1"];
    let is_refused = |arguments: Vec<OsString>, file: &std::path::Path, what: &str| {
        let before = std::fs::read_to_string(file).unwrap();
        run(arguments.into_iter().chain(arguments!["--html", file])).with(2).saying(&[&format!("{what}; give another file")]);
        assert_eq!(std::fs::read_to_string(file).unwrap(), before);
    };
    is_refused(place.perf(&records), &place.folder.path("producer.properties"), "is a configuration");
    let compared = arguments!["perf", "--compare", place.config("a.properties", ""), settings, "-t", "orders", "--records", "1"];
    is_refused(compared.to_vec(), &settings, "is a configuration");
    is_refused(place.perf(&arguments!["--records", "1", "--payload-file", values]), &values, "is --payload-file");
    assert!(place.records().is_empty());

    // An older page is kept until there is a new one.
    let page = place.folder.file("page.html", "an older page");
    let more = arguments!["--records", "1", "--html", page, "--set"];
    run(place.perf(&more).into_iter().chain(arguments!["linger.ms=x"])).with(2);
    assert_eq!(std::fs::read_to_string(&page).unwrap(), "an older page");
    run(place.perf(&more).into_iter().chain(arguments!["linger.ms=1"])).with(0);
    assert_page(&std::fs::read_to_string(&page).unwrap());
}

#[cfg(target_os = "linux")]
#[test]
fn a_page_that_cannot_be_written_leaves_one_json_object() {
    let place = Place::new(1);
    let ended = run(place.perf(&arguments!["--records", "1", "--json", "--html", "/dev/full"])).with(1);
    assert_eq!(ended.report()["acknowledged"], 1);
    ended.saying(&["--html /dev/full: cannot be written"]);
}

#[test]
fn a_comparison_of_two_configurations() {
    let place = Place::new(1);
    let page = place.folder.path("page.html");
    let a = place.config("a.properties", "linger.ms=0\n");
    let b = place.config("b.properties", "linger.ms=30\nclient.id=<b>\n");
    let flags = arguments![
        "perf",
        "--compare",
        a,
        b,
        "-t",
        "orders",
        "--records",
        "40",
        "--rate",
        "400",
        "--rounds",
        "3",
        "--html",
        page
    ];
    let ended = run(flags.clone()).with(0);
    let (names, table) = ended.stdout.split_once("\n\n").unwrap();
    assert!(names.starts_with("A  ") && names.ends_with("b.properties"), "{names}");
    assert!(table.starts_with("median ") && table.lines().count() == 8, "{table}");
    let order: Vec<&str> = ended.stderr.lines().filter_map(|line| line.strip_prefix("round ")?.get(..4)).collect();
    assert_eq!(order, ["1, A", "1, B", "2, B", "2, A", "3, A", "3, B"]);
    assert_eq!(place.records().len(), 240);
    assert_page(&std::fs::read_to_string(&page).unwrap());
    let report = run(flags.iter().cloned().chain(arguments!["--json"])).with(0).report();
    for side in ["a", "b"] {
        let runs = report[side]["runs"].as_array().unwrap();
        assert_eq!(runs.iter().map(|run| run["acknowledged"].as_u64().unwrap()).collect::<Vec<_>>(), [40, 40, 40]);
    }
    assert_eq!(report["ratios"]["p50"]["rounds"].as_array().unwrap().len(), 3);
    assert_eq!((&report["a"]["settings"]["linger.ms"], &report["b"]["settings"]["linger.ms"]), (&json!("0"), &json!("30")));
    // At this rate the records of B wait for its linger.ms. The flush after the last one does not wait.
    assert!(report["ratios"]["p50"]["median"].as_f64().unwrap() > 1.0, "{report}");
}

#[test]
fn usage() {
    let place = Place::new(1);
    run(place.perf(&[])).with(2).saying(&["--records <N>", "--duration <SECONDS>"]);
    for (flag, value, error) in [
        ("--rate", "-2", "must be a number of records per second"),
        ("--size", "20-10", "a range such as 50-200"),
        ("--size", "9223372036854775807", "a value has at most 2147483647 bytes"),
        ("--keys", "0", "must be none, random, or the number"),
        ("--records", "0", "--records"),
        ("--payload-delimiter", ";", "--payload-file"),
        ("--payload-delimiter", "\\q", "write \\x5c"),
        ("--transaction-duration-ms", "0", "--transaction-duration-ms"),
        ("--rounds", "3", "--compare"),
        ("--acks", "two", "acks"),
        ("--html", "/", "--html /: cannot be written"),
    ] {
        let code = if flag == "--html" { 1 } else { 2 };
        let arguments = place.perf(&arguments!["--duration", "1"]).into_iter().chain(arguments![format!("{flag}={value}")]);
        run(arguments).with(code).saying(&[error]);
    }
    let shared = place.config("shared.properties", "acks=all\ngroup.id=g\n");
    let strict = arguments!["perf", "-c", shared, "-t", "orders", "--records", "1", "--strict"];
    run(strict).with(2).saying(&["group.id", "leave out --strict"]);
    let config = place.config("a.properties", "");
    run(place.perf(&arguments!["--records", "1", "--compare", config, config]))
        .with(2)
        .saying(&["--config", "cannot be used with"]);
    run(arguments!["perf", "-c", config, "--records", "1"]).with(2).saying(&["no topic: pass --topic"]);
    assert!(place.records().is_empty());
}
