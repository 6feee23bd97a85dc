//! Dead letters that are sent again with `--format dead-letters`.

use std::{ffi::OsString, fs, path::Path};

use serde_json::{Value, json};

use super::Place;
use crate::{
    arguments,
    command::{run, run_with_stdin},
};

/// A configuration with these lines after `[producer]`.
fn job(place: &Place, lines: &str) -> std::path::PathBuf {
    let servers = place.kafka.bootstrap_servers();
    place.folder.file("job.toml", format!("topic = \"orders\"\n[producer]\nbootstrap.servers = \"{servers}\"\n{lines}"))
}

fn produce(config: &Path, more: &[OsString]) -> crate::command::Ended {
    run(arguments!["produce", "-c", config, "--report", "json"].into_iter().chain(more.iter().cloned()))
}

fn letters(path: &Path) -> Vec<Value> {
    fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn corrected_records_are_sent_as_their_rows_would_be() {
    let place = Place::new(1);
    let config = job(
        &place,
        "[input]\npath = \"orders.tsv\"\nnull = \"NA\"\n[record]\nkey = \"{id}-{name}\"\nvalue_fields = [\"id\", \"n\"]\n[record.types]\nn = \"long\"\n",
    );
    place.folder.file("orders.tsv", "id\tname\tn\n1\ta\t5\n2\tb\tfive\n3\tNA\t6\n4\td\tsix\n");
    let [dead, again] = ["dead.jsonl", "again.jsonl"].map(|name| place.folder.path(name));
    produce(&config, &arguments!["--dead-letter", dead]).with(1);
    let failed = letters(&dead);
    assert_eq!(failed.len(), 3);
    let input = failed[0]["input"].as_str().unwrap();
    assert!(input.ends_with("orders.tsv"), "{input}");
    assert_eq!(
        (&failed[0]["line"], &failed[0]["format"], &failed[0]["columns"], &failed[0]["attempts"]),
        (&json!(3), &json!("csv"), &json!(["id", "name", "n"]), &json!(1))
    );
    // Two are corrected, one as a field and one as a text that needs quotes.
    let corrected = fs::read_to_string(&dead).unwrap().replace("five", "7").replace("\\tNA\\t", "\\t\\\"c\\tc\\\"\\t");
    fs::write(&dead, corrected).unwrap();
    let redrive = arguments!["--input", dead, "--format", "dead-letters", "--dead-letter", again];
    let report = produce(&config, &redrive).with(1).report();
    assert_eq!((&report["acknowledged"], &report["errors"]), (&json!(2), &json!({"InvalidValue": 1})));
    let some = |key: &str, value: &str| (Some(key.to_owned()), Some(value.to_owned()));
    assert_eq!(
        place.records(),
        [some("1-a", "{\"id\":\"1\",\"n\":5}"), some("2-b", "{\"id\":\"2\",\"n\":7}"), some("3-c\tc", "{\"id\":\"3\",\"n\":6}")]
    );
    let failed_again = letters(&again);
    let mut expected = failed[2].clone();
    expected["attempts"] = json!(2);
    assert_eq!(failed_again, [expected]);
    // Its letter can be sent again.
    fs::write(&again, fs::read_to_string(&again).unwrap().replace("six", "8")).unwrap();
    produce(&config, &arguments!["--input", again, "--format", "dead-letters"]).with(0);
    assert_eq!(place.records().last(), Some(&some("4-d", "{\"id\":\"4\",\"n\":8}")));
}

#[test]
fn records_that_the_brokers_refused_are_sent_again() {
    let place = Place::new(1);
    let config = job(&place, "[input]\nparse_key = true\nkey_separator = \":\"\n[record.headers]\nsource = \"shop\"\n");
    let dead = place.folder.path("dead.jsonl");
    let input = place.folder.file("orders.txt", b"a:1\nb:\xff\nc\n");
    let small = arguments!["--input", input, "--dead-letter", dead, "--set", "max.request.size=40"];
    let report = produce(&config, &small).with(1).report();
    assert_eq!((&report["acknowledged"], &report["failed"]), (&json!(0), &json!(3)));
    let kinds: Vec<_> = letters(&dead).iter().map(|letter| letter["kind"].clone()).collect();
    assert_eq!(kinds, [json!("RecordTooLarge"), json!("RecordTooLarge"), json!("MissingKey")]);
    fs::write(&dead, fs::read_to_string(&dead).unwrap().replace("\"c\"", "\"c:3\"")).unwrap();
    produce(&config, &arguments!["--input", dead, "--format", "dead-letters"]).with(0);
    let found = crate::log::read(place.kafka.bootstrap_servers(), "orders");
    let values: Vec<_> = found.iter().map(|found| (found.key.clone().unwrap(), found.value.clone().unwrap())).collect();
    let pair = |key: &[u8], value: &[u8]| (key.to_vec(), value.to_vec());
    assert_eq!(values, [pair(b"a", b"1"), pair(b"b", b"\xff"), pair(b"c", b"3")]);
    assert!(found.iter().all(|found| found.headers == [("source".to_owned(), Some(b"shop".to_vec()))]));
}

#[test]
fn a_redrive_does_not_read_its_own_output() {
    let place = Place::new(1);
    let config = job(&place, "");
    let dead = place.folder.file("dead.jsonl", "{\"line\":1,\"format\":\"jsonl\",\"record\":\"{\"}\n");
    let refused = arguments!["--input", dead, "--format", "dead-letters", "--dead-letter", dead];
    produce(&config, &refused).with(2).saying(&["is the input; give another file"]);
    // A pattern does not find it.
    let (pattern, again) = (place.folder.path("*.jsonl"), place.folder.path("again.jsonl"));
    for attempts in [1, 2] {
        let redrive = arguments!["--input", pattern, "--format", "dead-letters", "--dead-letter", again];
        let report = produce(&config, &redrive).with(1).report();
        assert_eq!(report["failed"], json!(1));
        assert_eq!(letters(&again).len(), attempts);
    }
}

#[test]
fn limit_several_inputs_stdin_and_dry_runs() {
    let place = Place::new(1);
    let config = job(&place, "[input]\nformat = \"lines\"\n");
    let letter = |record: &str| format!("{{\"line\":1,\"format\":\"lines\",\"record\":\"{record}\"}}\n");
    let one = place.folder.file("1.jsonl", letter("a") + &letter("b"));
    let two = place.folder.file("2.jsonl", letter("c") + "{}\n" + &letter("d"));
    let report = produce(&config, &arguments!["--input", one, two, "--format", "dead-letters", "--limit", "3"]).with(0).report();
    assert_eq!(report["acknowledged"], json!(3));
    assert_eq!(place.values(), ["a", "b", "c"]);
    let flags = arguments!["produce", "-c", config, "--input", "-", "--format", "dead-letters"];
    run_with_stdin(flags.clone(), letter("e").as_bytes()).with(0);
    assert_eq!(place.values(), ["a", "b", "c", "e"]);
    let shown = run_with_stdin(flags.into_iter().chain(arguments!["--dry-run", "1"]), letter("f").as_bytes()).with(0);
    assert!(shown.stdout.contains("\"value\":\"f\""), "{}", shown.stdout);
}

#[test]
fn a_redrive_continues_at_its_checkpoint() {
    let place = Place::new(1);
    let config = job(&place, "[checkpoint]\nfile = \"orders.ckpt\"\n");
    let letters: String =
        (0..5).map(|line| format!("{{\"line\":{line},\"format\":\"lines\",\"record\":\"{line}\"}}\n")).collect();
    let dead = place.folder.file("dead.jsonl", letters);
    let redrive = arguments!["--input", dead, "--format", "dead-letters"];
    produce(&config, &[&redrive[..], &arguments!["--limit", "2"]].concat()).with(0);
    let ended = produce(&config, &redrive).with(0).saying(&["dead.jsonl: continues at line 3"]);
    assert_eq!(ended.report()["acknowledged"], json!(3));
    assert_eq!(place.values(), ["0", "1", "2", "3", "4"]);
}

#[test]
fn records_with_all_their_parts_are_sent_again() {
    let place = Place::new(2);
    let config = job(&place, "");
    let record = r#"{"topic":"x","partition":9,"timestamp":17,"key":"k","value":"/w==","value_encoding":"base64","headers":[]}"#;
    let input = place.folder.file("orders.record", format!("{record}\n"));
    let dead = place.folder.path("dead.jsonl");
    produce(&config, &arguments!["--input", input, "--format", "record", "--dead-letter", dead]).with(1);
    fs::write(&dead, fs::read_to_string(&dead).unwrap().replace("\\\"partition\\\":9", "\\\"partition\\\":1")).unwrap();
    produce(&config, &arguments!["--input", dead, "--format", "dead-letters"]).with(0);
    let found = crate::log::read(place.kafka.bootstrap_servers(), "orders");
    assert_eq!((found[0].partition, found[0].timestamp), (1, Some(17)));
    assert_eq!((found[0].key.as_deref(), found[0].value.as_deref()), (Some(&b"k"[..]), Some(&b"\xff"[..])));
}

#[test]
fn records_that_lack_what_the_configuration_needs_end_the_run() {
    let place = Place::new(1);
    let config = job(&place, "[record]\nkey = \"{id}\"\n");
    let dead = place.folder.file("dead.jsonl", "{\"line\":1,\"format\":\"csv\",\"columns\":[\"name\"],\"record\":\"a\"}\n");
    let redrive = arguments!["--input", dead, "--format", "dead-letters"];
    produce(&config, &redrive).with(2).saying(&["job.toml:5: record.key: the input has no column `id`"]);
    place.folder.file("dead.jsonl", "{\"line\":1,\"format\":\"lines\",\"record\":\"a\"}\n");
    produce(&config, &redrive).with(2).saying(&["record.key: needs fields, which lines and records do not have"]);
    job(&place, "[input]\nformat = \"dead-letters\"\n");
    produce(&config, &redrive)
        .with(2)
        .saying(&["job.toml:5: input.format: must be the format of the records that are in dead letters"]);
}

#[test]
fn a_partition_that_does_not_exist_is_known_without_waiting_for_it() {
    let place = Place::new(2);
    let config = job(&place, "");
    let letter = |format: &str, record: &str| json!({"line": 1, "format": format, "record": record}).to_string() + "\n";
    let record = |partition: u32| letter("record", &format!("{{\"partition\":{partition},\"key\":null,\"value\":\"v\"}}"));
    let one = place.folder.file("1.jsonl", record(9) + &letter("lines", "l") + &record(1) + &record(8));
    let two = place.folder.file("2.jsonl", record(7));
    let report = produce(&config, &arguments!["--input", one, two, "--format", "dead-letters"]).with(1).report();
    assert_eq!((&report["acknowledged"], &report["errors"]), (&json!(2), &json!({"InvalidPartition": 3})));
}

#[test]
fn records_are_serialized_as_in_the_run_that_wrote_the_letters() {
    let place = Place::new(1);
    let config = job(&place, "[key]\nserializer = \"long\"\n[value]\nserializer = \"json\"\n");
    let dead = place.folder.path("dead.jsonl");
    let refused = arguments!["--dead-letter", dead, "--set", "max.request.size=1"];
    let record = place.folder.file("orders.record", "{\"key\":\"k\",\"value\":\"not JSON\",\"headers\":[]}\n");
    produce(&config, &[&arguments!["--input", record, "--format", "record"], &refused[..]].concat()).with(1);
    let rows = place.folder.file("orders.jsonl", "{\"id\":7}\n");
    produce(&config, &[&arguments!["--input", rows, "--key-field", "id"], &refused[..]].concat()).with(1);
    let lines = place.folder.file("lines.jsonl", "a line\n");
    produce(&config, &[&arguments!["--input", lines, "--format", "lines"], &refused[..]].concat()).with(1);
    let text = place.folder.file("lines.txt", "not JSON\n");
    produce(&config, &[&arguments!["--input", text], &refused[..]].concat()).with(1);
    assert_eq!(letters(&dead).len(), 4);
    let redrive = arguments!["--input", dead, "--format", "dead-letters", "--key-field", "id"];
    let check = |settings: &str| {
        let before = crate::log::read(place.kafka.bootstrap_servers(), "orders").len();
        let config = job(&place, &format!("{settings}[key]\nserializer = \"long\"\n[value]\nserializer = \"json\"\n"));
        let report = produce(&config, &redrive).with(1).report();
        let found = crate::log::read(place.kafka.bootstrap_servers(), "orders").split_off(before);
        let sent: Vec<_> = found.into_iter().map(|found| (found.key, found.value.unwrap())).collect();
        (sent, report["errors"].clone())
    };
    let sent = |key: Option<&[u8]>, value: &str| (key.map(<[u8]>::to_vec), value.as_bytes().to_vec());
    let (of_record, of_row) = (sent(Some(b"k"), "not JSON"), sent(Some(&7_i64.to_be_bytes()), "{\"id\":7}"));
    assert_eq!(check(""), (vec![of_record.clone(), of_row.clone(), sent(None, "a line")], json!({"InvalidJson": 1})));
    // The configuration says a format, which `--format` overrides in a run.
    assert_eq!(check("[input]\nformat = \"lines\"\n"), (vec![of_record.clone(), of_row.clone()], json!({"InvalidJson": 2})));
}

#[test]
fn letters_of_a_configuration_of_records_are_serialized_if_their_rows_were() {
    let place = Place::new(1);
    let config = job(&place, "[input]\nformat = \"record\"\n[key]\nserializer = \"long\"\n");
    let letter =
        |format: &str, record: &str| json!({"input": "a", "line": 1, "format": format, "record": record}).to_string() + "\n";
    let record = "{\"key\":\"k\",\"value\":null}";
    let dead = place.folder.file("dead.jsonl", letter("record", record) + &letter("jsonl", "{\"id\":7}"));
    produce(&config, &arguments!["--input", dead, "--format", "dead-letters", "--key-field", "id"]).with(0);
    let found = crate::log::read(place.kafka.bootstrap_servers(), "orders");
    let keys: Vec<_> = found.into_iter().map(|found| found.key.unwrap()).collect();
    assert_eq!(keys, [b"k".to_vec(), 7_i64.to_be_bytes().to_vec()]);
}

#[test]
fn a_letter_that_ends_the_run_is_read_by_the_next_one() {
    let place = Place::new(1);
    let config = job(&place, "[checkpoint]\nfile = \"orders.ckpt\"\n[record]\nkey = \"{id}\"\n");
    let letter = |column: &str, record: &str| {
        json!({"line": 1, "format": "csv", "columns": [column], "record": record}).to_string() + "\n"
    };
    let dead = place.folder.file("dead.jsonl", letter("id", "1") + &letter("n", "2") + &letter("id", "3"));
    let redrive = arguments!["--input", dead, "--format", "dead-letters"];
    produce(&config, &redrive).with(2).saying(&["record.key: the input has no column `id`"]);
    job(&place, "[checkpoint]\nfile = \"orders.ckpt\"\n");
    produce(&config, &redrive).with(0);
    assert_eq!(place.values(), ["{\"id\":\"1\"}", "{\"n\":\"2\"}", "{\"id\":\"3\"}"]);
}
