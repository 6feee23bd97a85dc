//! `ottla produce`: the delivered records and the report.

use std::io::Write as _;

use serde_json::{Value, json};

use super::Place;
use crate::{
    arguments,
    command::{Start as _, example, run, run_with_stdin},
};

const CSV: &str = "id,name,price\n1,Ann,5\n2,\"B\"\"ob\nBell\",NA\nNA,Cleo,7\n";

fn object(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn the_json_report_has_all_fields() {
    let place = Place::new(1);
    let ended = run(place.produce("orders.txt", "one\nthree\n")).with(0);
    let report = ended.report();
    let names: Vec<&String> = report.as_object().unwrap().keys().collect();
    for name in [
        "records",
        "acknowledged",
        "failed",
        "bytes",
        "elapsed_s",
        "records_per_s",
        "partitions",
        "errors",
        "topic",
        "brokers",
        "cluster_id",
        "error",
        "inputs",
    ] {
        assert!(names.iter().any(|known| *known == name), "{name} is not in {report}");
    }
    assert_eq!(names.len(), 13, "{report}");
    assert_eq!((&report["topic"], &report["brokers"]), (&json!("orders"), &json!(place.kafka.bootstrap_servers())));
    assert!(report["cluster_id"].is_string() && report["error"].is_null(), "{report}");
    assert_eq!(
        (&report["records"], &report["acknowledged"], &report["failed"], &report["bytes"]),
        (&json!(2), &json!(2), &json!(0), &json!(8))
    );
    assert_eq!(report["partitions"], json!({"0": {"records": 2, "first_offset": 0, "last_offset": 1}}));
    assert_eq!(report["errors"], json!({}));
    assert!(report["elapsed_s"].is_f64() && report["records_per_s"].is_f64(), "{report}");
    assert_eq!(ended.stderr, "", "a JSON report without failures prints nothing to stderr");
    assert_eq!(place.values(), ["one", "three"]);
}

#[test]
fn the_text_report_does_not_use_stdout() {
    let place = Place::new(1);
    let mut arguments = place.produce("orders.txt", "one\n");
    arguments.extend(arguments!["--report", "text"]);
    // clap rejects an option that is given twice.
    run(&arguments).with(2);
    arguments.retain(|argument| argument != "json" && argument != "--report" && argument != "text");
    let ended = run(&arguments).with(0).saying(&["1 record acknowledged in ", "first offset"]);
    let ended = ended.saying(&[&format!("\ntopic orders, brokers {}, cluster ", place.kafka.bootstrap_servers())]);
    assert_eq!(ended.stdout, "");
}

#[test]
fn the_example_needs_no_broker() {
    let ended = run(arguments!["produce", "-c", example("flights.toml"), "--embedded", "--report", "json"]).with(0);
    let report = ended.report();
    assert_eq!((&report["acknowledged"], &report["failed"]), (&json!(5000), &json!(0)));
    assert_eq!(report["partitions"].as_object().unwrap().len(), 6);
    ended.saying(&["5,000 records read back and compared: equal"]);
}

#[test]
fn csv_rows_become_json_objects_with_a_column_as_key() {
    let place = Place::new(3);
    let config = place.folder.file(
        "orders.toml",
        format!(
            "topic = \"orders\"\n[producer]\nbootstrap.servers = \"{}\"\n[input]\npath = \"orders.csv\"\nkey = \"id\"\nnull = \"NA\"\n",
            place.kafka.bootstrap_servers()
        ),
    );
    place.folder.file("orders.csv", CSV);
    run(arguments!["produce", "-c", config]).with(0);
    let mut records: Vec<_> = place.records().into_iter().map(|(key, value)| (key, object(&value.unwrap()))).collect();
    records.sort_by_key(|(key, _)| key.clone());
    assert_eq!(
        records,
        [
            (None, json!({"id": null, "name": "Cleo", "price": "7"})),
            (Some("1".to_owned()), json!({"id": "1", "name": "Ann", "price": "5"})),
            (Some("2".to_owned()), json!({"id": "2", "name": "B\"ob\nBell", "price": null})),
        ]
    );
}

#[test]
fn json_lines_are_sent_unchanged() {
    let place = Place::new(1);
    let input = "{\"id\": 7,  \"a\": {\"b\": \"x\"}}\n\n{\"id\":null,\"a\":{\"b\":\"y\"}}\n";
    let arguments = place.produce("orders.jsonl", input);
    run(arguments.into_iter().chain(arguments!["--key-field", "a.b"])).with(0);
    let expected = [("x", "{\"id\": 7,  \"a\": {\"b\": \"x\"}}"), ("y", "{\"id\":null,\"a\":{\"b\":\"y\"}}")];
    assert_eq!(place.records(), expected.map(|(key, value)| (Some(key.to_owned()), Some(value.to_owned()))));
}

#[test]
fn archives_and_stdin_are_read() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(b"one\ntwo\n").unwrap();
    let gzip = gzip.finish().unwrap();
    let zstd = zstd::encode_all(b"one\ntwo\n".as_slice(), 1).unwrap();
    for (name, bytes) in [("orders.txt", b"one\r\ntwo".to_vec()), ("orders.txt.gz", gzip.clone()), ("orders.txt.zst", zstd)] {
        let place = Place::new(1);
        run(place.produce(name, bytes)).with(0);
        assert_eq!(place.values(), ["one", "two"], "{name}");
    }
    for bytes in [b"one\ntwo\n".to_vec(), gzip] {
        let place = Place::new(1);
        run_with_stdin(place.produce_with(&arguments!["--input", "-"]), &bytes).with(0);
        assert_eq!(place.values(), ["one", "two"]);
    }
}

#[test]
fn an_empty_input_is_not_an_error() {
    let place = Place::new(1);
    let report = run(place.produce("orders.txt", "")).with(0).report();
    assert_eq!((&report["records"], &report["partitions"]), (&json!(0), &json!({})));
}

#[test]
fn keys_and_values_are_serialized_as_java_does() {
    let place = Place::new(1);
    let config = place.config(
        "producer.properties",
        "key.serializer=org.apache.kafka.common.serialization.StringSerializer\n\
         value.serializer=org.apache.kafka.common.serialization.LongSerializer\n",
    );
    let input = place.folder.file("orders.txt", "1\n-2\n");
    run(arguments!["produce", "-c", config, "--topic", "orders", "--input", input]).with(0);
    let found = crate::log::read(place.kafka.bootstrap_servers(), "orders");
    let values: Vec<_> = found.into_iter().map(|found| found.value.unwrap()).collect();
    assert_eq!(values, [1_i64.to_be_bytes(), (-2_i64).to_be_bytes()]);
}

#[test]
fn limit_ends_the_run_and_rate_is_accepted() {
    let place = Place::new(1);
    let lines: String = (0..100).map(|n| format!("{n}\n")).collect();
    let arguments = place.produce("orders.txt", lines);
    let report = run(arguments.into_iter().chain(arguments!["--limit", "7", "--rate", "1000/s"])).with(0).report();
    assert_eq!(report["acknowledged"], json!(7));
    assert_eq!(place.values(), ["0", "1", "2", "3", "4", "5", "6"]);
}

#[test]
fn the_format_flag_drops_settings_of_the_file_and_reports_them() {
    let place = Place::new(1);
    let address = format!("bootstrap.servers={}", place.kafka.bootstrap_servers());
    let arguments = arguments![
        "produce",
        "-c",
        example("flights.toml"),
        "--topic",
        "orders",
        "--format",
        "lines",
        "--limit",
        "2",
        "--set",
        address
    ];
    run(arguments).with(0).saying(&["key = \"tailnum\"", "every key is null", "null = \"NA\"", "[value] serializer = \"json\""]);
    let records = place.records();
    assert_eq!(records.len(), 2);
    assert!(records[0].0.is_none() && records[0].1.as_deref().unwrap().starts_with("year,month,day,"), "{records:?}");
}

#[test]
fn the_environment_overrides_the_file() {
    let place = Place::new(1);
    let mut command = crate::command::command(arguments![
        "produce",
        "-c",
        example("flights.toml"),
        "--topic",
        "orders",
        "--limit",
        "1",
        "--report",
        "json"
    ]);
    command.env("OTTLA_BOOTSTRAP_SERVERS", place.kafka.bootstrap_servers());
    let ended = crate::command::end(command.start()).with(0);
    assert_eq!(ended.report()["acknowledged"], json!(1));
    assert_eq!(place.records().len(), 1);
}

#[test]
fn stdin_is_the_default_input_if_it_is_a_pipe_or_a_file() {
    let place = Place::new(1);
    let arguments = place.produce_with(&arguments!["--format", "lines"]);
    run_with_stdin(&arguments, b"one\n").with(0);
    let mut command = crate::command::command(&arguments);
    command.stdin(std::fs::File::open(place.folder.file("orders.txt", "two\n")).unwrap());
    crate::command::end(command.start()).with(0);
    assert_eq!(place.values(), ["one", "two"]);
    // stdin is /dev/null here.
    run(&arguments).with(2).saying(&["no input: pass --input"]);
}

#[test]
fn with_acks_0_records_are_sent_and_not_acknowledged() {
    let place = Place::new(1);
    let settings = arguments!["--set", "acks=0", "--set", "enable.idempotence=false"];
    let arguments: Vec<_> = place.produce("orders.txt", "one\ntwo\n").into_iter().chain(settings).collect();
    let report = run(&arguments).with(0).report();
    assert_eq!((&report["records"], &report["sent"], &report["acknowledged"]), (&json!(2), &json!(2), &json!(0)));
    let arguments = arguments.into_iter().filter(|argument| argument != "--report" && argument != "json");
    let ended = run(arguments).with(0).saying(&["2 records sent, none of them acknowledged (acks=0), in "]);
    assert!(!ended.stderr.contains(" acknowledged in "), "{}", ended.stderr);
}
