//! Rows that cannot be sent: each is kept or printed, and the others are delivered.

use serde_json::{Value, json};

use super::Place;
use crate::{arguments, command::run};

/// Produces with a dead-letter file. Returns the report and the dead letters.
fn produce(place: &Place, name: &str, input: impl AsRef<[u8]>, more: &[std::ffi::OsString]) -> (Value, Vec<Value>) {
    let dead = place.folder.path("dead.jsonl");
    let arguments = place.produce(name, input);
    let ended = run(arguments.iter().cloned().chain(arguments!["--dead-letter", dead]).chain(more.iter().cloned())).with(1);
    let ended = ended.saying(&["failed records are in ", "dead.jsonl"]);
    let letters = std::fs::read_to_string(dead).unwrap();
    (ended.report(), letters.lines().map(|letter| serde_json::from_str(letter).unwrap()).collect())
}

#[test]
fn malformed_csv_rows() {
    let place = Place::new(1);
    let input = b"id,name\n1,Ann\n2,Bob,more\n3\n\"4\n4\",Dan\n5,\xff\n6,Eve\n".as_slice();
    let (report, letters) = produce(&place, "orders.csv", input, &arguments!["--key-field", "id"]);
    assert_eq!((&report["records"], &report["acknowledged"], &report["failed"]), (&json!(6), &json!(3), &json!(3)));
    assert_eq!(report["errors"], json!({"ColumnCount": 2, "InvalidUtf8": 1}));
    let found: Vec<_> =
        letters.iter().map(|letter| (letter["line"].as_u64().unwrap(), letter["kind"].as_str().unwrap())).collect();
    assert_eq!(found, [(3, "ColumnCount"), (4, "ColumnCount"), (7, "InvalidUtf8")]);
    assert_eq!(letters[0]["record"], "2,Bob,more");
    assert_eq!((&letters[0]["field"], &letters[2]["field"]), (&Value::Null, &json!("name")));
    assert!(letters[0]["message"].as_str().unwrap().contains("3 columns"), "{}", letters[0]);
    assert_eq!((&letters[2]["record"], &letters[2]["encoding"]), (&json!("NSz/"), &json!("base64")));
    assert_eq!(place.values().len(), 3);
}

#[test]
fn malformed_json_lines() {
    let place = Place::new(1);
    let input = "{\"id\":1}\n{\"id\":\nno json\n[1]\n{\"name\":\"Ann\"}\n{\"id\":{}}\n{\"id\":2}\n";
    let (report, letters) = produce(&place, "orders.jsonl", input, &arguments!["--key-field", "id"]);
    assert_eq!(report["errors"], json!({"InvalidJson": 3, "MissingKey": 1, "InvalidKey": 1}));
    let found: Vec<_> =
        letters.iter().map(|letter| (letter["line"].as_u64().unwrap(), letter["kind"].as_str().unwrap())).collect();
    assert_eq!(found, [(2, "InvalidJson"), (3, "InvalidJson"), (4, "InvalidJson"), (5, "MissingKey"), (6, "InvalidKey")]);
    assert_eq!((&letters[3]["field"], &letters[3]["record"]), (&json!("id"), &json!("{\"name\":\"Ann\"}")));
    assert_eq!(place.values(), ["{\"id\":1}", "{\"id\":2}"]);
}

#[test]
fn records_over_max_request_size() {
    let place = Place::new(1);
    let input = format!("one\n{}\n{}\ntwo\n", "x".repeat(3000), "y".repeat(200_000));
    let (report, letters) = produce(&place, "orders.txt", input, &arguments!["--set", "max.request.size=2000"]);
    assert_eq!((&report["acknowledged"], &report["errors"]), (&json!(2), &json!({"RecordTooLarge": 2})));
    assert_eq!((&letters[0]["line"], &letters[1]["line"]), (&json!(2), &json!(3)));
    assert_eq!(letters[0]["record"], "x".repeat(3000));
    assert!(letters[0]["message"].as_str().unwrap().contains("max.request.size"), "{}", letters[0]["message"]);
    assert_eq!(place.values(), ["one", "two"]);
}

#[test]
fn texts_that_the_serializer_rejects() {
    for (serializer, kind) in [("string", "InvalidUtf8"), ("long", "Serialization")] {
        let place = Place::new(1);
        let value = format!("value.serializer={serializer}");
        let (report, letters) = produce(&place, "orders.txt", b"12\nx\xff\n34\n", &arguments!["--set", value]);
        assert_eq!((&report["acknowledged"], &report["errors"]), (&json!(2), &json!({kind: 1})), "{serializer}");
        assert_eq!((&letters[0]["line"], &letters[0]["record"]), (&json!(2), &json!("eP8=")));
    }
}

#[test]
fn lines_that_are_not_json_with_the_json_serializer() {
    let place = Place::new(1);
    let config = place
        .folder
        .file("orders.toml", "topic = \"orders\"\n[producer]\n[input]\npath = \"orders.txt\"\n[value]\nserializer = \"json\"\n");
    place.folder.file("orders.txt", "[1]\nno json\n{}\n");
    let address = format!("bootstrap.servers={}", place.kafka.bootstrap_servers());
    run(arguments!["produce", "-c", config, "--set", address]).with(1).saying(&["line 2: InvalidJson: the value is not JSON"]);
    assert_eq!(place.values(), ["[1]", "{}"]);
}

#[test]
fn a_record_that_the_broker_rejects() {
    use ottla::testing::{ApiKey, BrokerError};
    let place = Place::new(1);
    place.kafka.fail_next(ApiKey::Produce, &[BrokerError::INVALID_RECORD]).unwrap();
    // One record per request, so that only one of them fails.
    let one = arguments!["--set", "librdkafka.batch.num.messages=1"];
    let (report, letters) = produce(&place, "orders.txt", "one\ntwo\n", &one);
    assert_eq!(
        (&report["records"], &report["acknowledged"], &report["failed"]),
        (&json!(2), &json!(1), &json!(1)),
        "{letters:?}"
    );
    assert_eq!((&letters[0]["line"], &letters[0]["record"]), (&json!(1), &json!("one")));
    assert_eq!(place.values(), ["two"]);
}

#[test]
fn without_a_dead_letter_file_the_first_failures_are_printed() {
    let place = Place::new(1);
    let input: String = (0..30).map(|n| if n == 20 { "id\n7\n".to_owned() } else { "id,no\n".to_owned() }).collect();
    let input = format!("id\n{input}");
    let ended = run(place.produce("orders.csv", input)).with(1).saying(&[
        "line 2: ColumnCount: 2 columns, but the header has 1",
        "line 11: ColumnCount: ",
        "pass --dead-letter FILE to keep all of them",
    ]);
    assert!(!ended.stderr.contains("line 12:"), "{}", ended.stderr);
    assert_eq!(ended.report()["failed"], json!(29));
}

#[test]
fn records_before_the_end_of_a_truncated_archive_are_delivered() {
    let place = Place::new(1);
    let lines: String = (0..50_000).map(|n| format!("record {n} {}\n", n * 7919 % 104_729)).collect();
    let mut archive = zstd::encode_all(lines.as_bytes(), 1).unwrap();
    archive.truncate(archive.len() / 2);
    let ended = run(place.produce("orders.txt.zst", archive)).with(2).saying(&["truncated"]);
    let report = ended.report();
    assert_eq!(report["failed"], json!(0));
    let values = place.values();
    assert!(values.len() > 1000 && json!(values.len()) == report["acknowledged"], "{report}");
    assert!(values.iter().zip(lines.lines()).all(|(value, line)| value == line));
}

#[test]
fn an_unwritable_dead_letter_file_ends_the_run() {
    if !std::path::Path::new("/dev/full").exists() {
        return;
    }
    let place = Place::new(1);
    let arguments = place.produce("orders.jsonl", "no\n".repeat(100_000));
    let ended = run(arguments.into_iter().chain(arguments!["--dead-letter", "/dev/full"])).with(1);
    let ended = ended.saying(&["stopped reading: dead-letter file /dev/full: "]);
    assert!(ended.report()["records"].as_u64().unwrap() < 100_000);
}
