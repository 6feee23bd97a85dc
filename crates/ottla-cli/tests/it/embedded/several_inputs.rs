//! Several inputs in one run: their order, formats and compressions, and what happens to the others if one breaks off.

use std::{fs, io::Write as _};

use serde_json::{Value, json};

use super::{Place, kill, start_with_stdin};
use crate::{
    arguments,
    command::{end, run, run_with_stdin},
};

/// The entries of the report: input without its folder, acknowledged, failed, complete, and whether there is an error.
fn entries(report: &Value) -> Vec<(String, u64, u64, bool, bool)> {
    let entry = |entry: &Value| {
        let input = entry["input"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        let count = |name: &str| entry[name].as_u64().unwrap();
        assert_eq!(count("records"), count("acknowledged") + count("failed"), "{entry}");
        (input, count("acknowledged"), count("failed"), entry["complete"].as_bool().unwrap(), !entry["error"].is_null())
    };
    report["inputs"].as_array().unwrap().iter().map(entry).collect()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn each_input_has_its_own_format_compression_and_header_and_they_are_read_in_order() {
    let place = Place::new(1);
    place.folder.file("b.csv.gz", gzip("id,name\n3,c\n"));
    place.folder.file("a.csv", "name,id\nb,2\n");
    place.folder.file("z.jsonl.zst", zstd::encode_all(&b"{\"id\":\"1\"}\n"[..], 1).unwrap());
    place.folder.file("c.tsv", "id\tname\n4\td\n");
    let arguments = arguments!["--input", place.folder.path("z.*"), place.folder.path("?.csv*"), "--key-field", "id"];
    let arguments = [&arguments[..], &arguments!["--input", place.folder.path("*.tsv")]].concat();
    let report = run(place.produce_with(&arguments)).with(0).report();
    let keys: Vec<_> = place.records().into_iter().map(|(key, _)| key.unwrap()).collect();
    assert_eq!(keys, ["1", "2", "3", "4"]);
    let read = |name: &str| (name.to_owned(), 1, 0, true, false);
    assert_eq!(entries(&report), [read("z.jsonl.zst"), read("a.csv"), read("b.csv.gz"), read("c.tsv")]);
    assert_eq!(report["records"], 4);
}

#[test]
fn the_configuration_names_files_folders_and_patterns() {
    let place = Place::new(1);
    for (name, text) in [("2.txt", "two\n"), ("1.txt", "one\n"), ("more/4.txt", "four\n"), ("more/3.txt", "three\n")] {
        fs::create_dir_all(place.folder.path("in/more")).unwrap();
        place.folder.file(&format!("in/{name}"), text);
    }
    // The configuration is in the folder that it names.
    let settings = format!(
        "topic = \"orders\"\n[producer]\nbootstrap.servers = \"{}\"\n[input]\nformat = \"lines\"\npath = [\".\", \"more/*.txt\", \"-\"]\n",
        place.kafka.bootstrap_servers()
    );
    let config = place.folder.file("in/orders.toml", settings);
    let ended = run_with_stdin(arguments!["produce", "-c", config], b"five\n").with(0);
    assert_eq!(place.values(), ["one", "two", "three", "four", "five"]);
    for line in ["  input", "in/1.txt", "in/more/4.txt", "  stdin"] {
        assert_eq!(ended.stderr.lines().filter(|shown| shown.contains(line)).count(), 1, "{line}: {}", ended.stderr);
    }
    run(arguments!["config", "check", config]).with(0);
}

#[test]
fn after_an_input_that_breaks_off_the_others_are_sent() {
    let place = Place::new(1);
    let archive = gzip("id\n1\n2\n");
    let broken = place.folder.file("1.csv.gz", &archive[..archive.len() - 4]);
    let dead = place.folder.path("dead.jsonl");
    let good = place.folder.file("2.csv", "id\n3\n4,4\n");
    let last = place.folder.file("3.csv", "id\n5\n");
    let arguments = place.produce_with(&arguments!["--input", broken, good, last, "--dead-letter", dead]);
    let ended = run(arguments).with(2).saying(&["1.csv.gz: cannot read line", "the gzip data is truncated"]);
    let report = ended.report();
    let read = entries(&report);
    assert_eq!((&read[0].0[..], read[0].3, read[0].4), ("1.csv.gz", false, true), "{report}");
    assert_eq!(read[1..], [("2.csv".to_owned(), 1, 1, true, false), ("3.csv".to_owned(), 1, 0, true, false)]);
    assert!(report["error"].as_str().unwrap().contains("truncated"), "{report}");
    assert!(place.values().ends_with(&["{\"id\":\"3\"}".to_owned(), "{\"id\":\"5\"}".to_owned()]), "{:?}", place.values());
    let letter: Value = serde_json::from_str(&fs::read_to_string(dead).unwrap()).unwrap();
    assert_eq!((&letter["input"], &letter["line"]), (&json!(good), &json!(3)));
}

#[test]
fn a_mistake_in_any_input_is_found_before_the_first_record() {
    let place = Place::new(1);
    let good = place.folder.file("1.csv", "id\n1\n");
    for (other, text, error) in [
        ("2.csv", "name\na\n", "2.csv: the header has no key column `id`"),
        ("2.dat", "", "2.dat: unknown file extension"),
        ("2.csv.gz", "id\n", "2.csv.gz: cannot read line 1"),
        ("2.txt", "id\n", "2.txt has lines, and "),
    ] {
        let other = place.folder.file(other, text);
        let report = run(place.produce_with(&arguments!["--input", good, other, "--key-field", "id"])).with(2).saying(&[error]);
        assert_eq!(report.report()["records"], 0, "{error}");
    }
    let missing = place.folder.path("none.csv");
    run(place.produce_with(&arguments!["--input", good, missing])).with(2).saying(&["none.csv: cannot be opened"]);
    assert_eq!(place.values(), [] as [&str; 0]);
}

#[test]
fn all_inputs_are_one_transaction() {
    let place = Place::new(1);
    let archive = gzip("id\n1\n2\n");
    let first = place.folder.file("1.csv", "id\n3\n");
    let broken = place.folder.file("2.csv.gz", &archive[..archive.len() - 4]);
    let last = place.folder.file("3.csv", "id\n5\n");
    let transactional = arguments!["--set", "transactional.id=inputs"];
    let arguments = place.produce_with(&[&transactional[..], &arguments!["--input", first, broken, last]].concat());
    let report = run(arguments).with(2).saying(&["the gzip data is truncated", "the transaction is aborted"]).report();
    let read = entries(&report);
    assert_eq!((read[0].1, read[0].2, read[0].3), (0, 1, true), "{report}");
    assert!(read[1].4 && !read[2].3, "{report}");
    assert_eq!(report["acknowledged"], 0);
    let arguments = place.produce_with(&[&transactional[..], &arguments!["--input", first, last]].concat());
    assert_eq!(
        entries(&run(arguments).with(0).report()),
        [("1.csv".to_owned(), 1, 0, true, false), ("3.csv".to_owned(), 1, 0, true, false)]
    );
}

#[test]
fn an_interrupt_and_the_limit_leave_the_following_inputs_unread() {
    let place = Place::new(1);
    let first = place.folder.file("1.txt", "one\ntwo\n");
    let last = place.folder.file("3.txt", "four\n");
    let mut child = start_with_stdin(&place.produce_with(&arguments!["--input", first, "-", last]), "three\n");
    place.wait_for(3);
    let _open = child.stdin.take();
    kill(&child, "INT");
    let read = entries(&end(child).with(130).report());
    assert_eq!(read.iter().map(|entry| (entry.1, entry.3)).collect::<Vec<_>>(), [(2, true), (1, false), (0, false)]);
    let report = run(place.produce_with(&arguments!["--input", first, last, "--limit", "2"])).with(0).report();
    assert_eq!(entries(&report).iter().map(|entry| entry.1).collect::<Vec<_>>(), [2, 0]);
}

#[test]
fn dead_letters_never_go_to_an_input() {
    let place = Place::new(1);
    place.folder.file("in-1.jsonl", "{\"id\":1}\n");
    let dead = place.folder.file("in-2.jsonl", "{\"id\":2}\n");
    let pattern = place.folder.path("in-*.jsonl");
    run(place.produce_with(&arguments!["--input", pattern, dead, "--dead-letter", dead]))
        .with(2)
        .saying(&["in-2.jsonl: is one of the inputs"]);
    // Before the first run it does not exist, and then it is not found.
    let dead = place.folder.path("in-3.jsonl");
    place.folder.file("in-1.jsonl", "{\"id\":1}\n{\n");
    for input in [&pattern, &pattern, &place.folder.path(".")] {
        let report =
            run(place.produce_with(&arguments!["--format", "jsonl", "--input", input, "--dead-letter", dead])).with(1).report();
        let names: Vec<_> = entries(&report).into_iter().map(|entry| entry.0).collect();
        assert!(names.starts_with(&["in-1.jsonl".to_owned(), "in-2.jsonl".to_owned()]), "{report}");
        assert!(!names.contains(&"in-3.jsonl".to_owned()), "{report}");
    }
    let letters = fs::read_to_string(dead).unwrap();
    assert!(letters.lines().filter(|letter| letter.contains("in-1.jsonl")).count() == 3, "{letters}");
}
