//! The command against a real Kafka broker.

use std::{collections::BTreeMap, fs, path::PathBuf};

use serde_json::{Map, Value, json};

use ottla_test_support::{
    broker::{bootstrap_servers, topic},
    folder::Folder,
    log,
};

use crate::{
    arguments,
    command::{command, end, example, run},
};

fn at_kafka() -> String {
    format!("bootstrap.servers={}", bootstrap_servers())
}

fn sample() -> PathBuf {
    example("data/flights-sample.csv")
}

/// The expected keys and JSON values of the sample's rows, with the number of occurrences. Parsed by hand, since the sample has
/// no quotes.
fn expected() -> BTreeMap<(Option<String>, String), usize> {
    let text = fs::read_to_string(sample()).unwrap();
    assert!(!text.contains('"'));
    let mut lines = text.lines();
    let columns: Vec<&str> = lines.next().unwrap().split(',').collect();
    let mut records = BTreeMap::new();
    for line in lines {
        let value = |text: &str| if text == "NA" { Value::Null } else { text.into() };
        let row: Map<String, Value> =
            columns.iter().zip(line.split(',')).map(|(name, text)| ((*name).to_owned(), value(text))).collect();
        let key = row["tailnum"].as_str().map(str::to_owned);
        *records.entry((key, Value::Object(row).to_string())).or_default() += 1;
    }
    records
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn the_whole_sample_is_delivered() {
    let topic = topic("flights", 6, &[]);
    let dead = tempfile::tempdir().unwrap();
    let dead = dead.path().join("dead.jsonl");
    let arguments = arguments!["produce", "-c", example("flights.toml"), "--topic", topic, "--set", at_kafka()];
    let ended = run(arguments.iter().cloned().chain(arguments!["--report", "json", "--dead-letter", dead])).with(0);
    let report = ended.report();
    assert_eq!((&report["acknowledged"], &report["failed"]), (&json!(5000), &json!(0)));
    assert!(!dead.exists(), "there were no dead letters");
    let mut found = BTreeMap::new();
    for record in log::read(&bootstrap_servers(), &topic) {
        let value: Value = serde_json::from_str(record.value_text()).unwrap();
        let key = record.key.clone().map(|key| String::from_utf8(key).unwrap());
        *found.entry((key, value.to_string())).or_insert(0_usize) += 1;
    }
    assert_eq!(found, expected());
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn produced_records_are_consumed() {
    let topic = topic("lines", 2, &[]);
    let arguments =
        arguments!["produce", "-c", example("flights.toml"), "--topic", topic, "--set", at_kafka(), "--format", "lines"];
    run(arguments).with(0);
    let arguments =
        arguments!["consume", "-c", example("flights.toml"), "--topic", topic, "--set", at_kafka(), "--from-beginning"];
    let more = arguments!["--max", "5001", "--format", "lines"];
    let ended = run(arguments.iter().cloned().chain(more)).with(0).saying(&["have no effect on consuming: acks"]);
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    assert_eq!(sorted(&ended.stdout), sorted(&fs::read_to_string(sample()).unwrap()));
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn records_too_large_for_the_broker_are_dead_letters() {
    let topic = topic("small", 1, &[("max.message.bytes", "1000")]);
    let folder = Folder::new();
    let input = folder.file("orders.txt", format!("one\n{}\ntwo\n", "x".repeat(5000)));
    let dead = folder.path("dead.jsonl");
    // One record per batch, so that the large one fails alone.
    let config = folder.file("producer.properties", "linger.ms=0\nlibrdkafka.batch.num.messages=1\n");
    let arguments = arguments!["produce", "-c", config, "--topic", topic, "--set", at_kafka(), "--input", input];
    let report = run(arguments.iter().cloned().chain(arguments!["--report", "json", "--dead-letter", dead])).with(1).report();
    assert_eq!((&report["acknowledged"], &report["errors"]), (&json!(2), &json!({"RecordTooLarge": 1})));
    let letter: Value = serde_json::from_str(&fs::read_to_string(dead).unwrap()).unwrap();
    assert_eq!(
        (&letter["line"], &letter["kind"], &letter["record"]),
        (&json!(2), &json!("RecordTooLarge"), &json!("x".repeat(5000)))
    );
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn batches_stay_within_max_message_bytes() {
    let topic = topic("small-batches", 1, &[("max.message.bytes", "51200")]);
    let folder = Folder::new();
    let input = folder.file("orders.txt", format!("{}\n", "x".repeat(1024)).repeat(200));
    let config = folder.file("producer.properties", "linger.ms=500\n");
    let run = |set: &str, code| {
        let arguments = arguments!["produce", "-c", config, "--topic", topic, "--set", at_kafka(), "--set", set];
        run(arguments.iter().cloned().chain(arguments!["--input", input, "--report", "json"])).with(code)
    };
    let ended = run("acks=all", 0).saying(&["batch.size is lowered to 51200, the max.message.bytes of topic small-batches"]);
    assert_eq!(ended.report()["acknowledged"], json!(200));
    // A value set by the user is not lowered.
    assert_eq!(run("batch.size=1000000", 1).report()["errors"], json!({"BatchTooLarge": 200}));
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn a_plaintext_listener_with_ssl() {
    let mut produce = command(arguments![
        "produce",
        "-c",
        example("flights.toml"),
        "--set",
        at_kafka(),
        "--set",
        "security.protocol=SSL",
        "--set",
        "max.block.ms=3000",
    ]);
    produce.env("RUST_LOG", "off");
    let ended = end(produce.spawn().unwrap()).with(3).saying(&["SSL"]);
    assert_eq!(ended.stdout, "");
}
