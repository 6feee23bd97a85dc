//! Inputs in other dialects, formats and encodings than the default: the settings of `[input]`.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use serde_json::json;

use super::Place;
use crate::{arguments, command::run, log};

/// A configuration with this table `[input]`, for the place's broker.
fn config(place: &Place, input: &str) -> PathBuf {
    let servers = place.kafka.bootstrap_servers();
    let text = format!("topic = \"orders\"\n[producer]\nbootstrap.servers = \"{servers}\"\nlinger.ms = 0\n[input]\n{input}");
    place.folder.file("orders.toml", text)
}

fn produce(config: &Path) -> Vec<OsString> {
    arguments!["produce", "-c", config, "--report", "json"].to_vec()
}

#[test]
fn csv_in_another_dialect() {
    let place = Place::new(1);
    place.folder.file("orders.txt", "made by hand\n# none\nid;'na;me'\n1;'it''s'\n#2;x\n3;x\\;y\n4;\n5;''\n");
    let config = config(
        &place,
        "path = \"orders.txt\"\nformat = \"csv\"\nkey = \"id\"\ndelimiter = \";\"\nquote = \"'\"\nescape = '\\'\ncomment = \"#\"\n\
         skip_lines = 1\nnull = \"\"\nquoted_null = false\n",
    );
    run(arguments!["config", "check", config]).with(0);
    run(produce(&config)).with(0);
    let record = |key: &str, value: &str| (Some(key.to_owned()), Some(format!(r#"{{"id":"{key}","na;me":{value}}}"#)));
    assert_eq!(place.records(), [record("1", "\"it's\""), record("3", "\"x;y\""), record("4", "null"), record("5", "\"\"")]);
}

#[test]
fn csv_without_a_header() {
    let place = Place::new(1);
    place.folder.file("orders.tsv", "1\tNA\n2\t-\n");
    run(produce(&config(&place, "path = \"orders.tsv\"\nheader = false\n"))).with(0);
    run(produce(&config(&place, "path = \"orders.tsv\"\nheader = [\"id\", \"name\"]\nnull = { id = \"NA\", name = \"-\" }\n")))
        .with(0);
    assert_eq!(
        place.values(),
        [
            r#"{"column1":"1","column2":"NA"}"#,
            r#"{"column1":"2","column2":"-"}"#,
            r#"{"id":"1","name":"NA"}"#,
            r#"{"id":"2","name":null}"#
        ]
    );
}

#[test]
fn text_in_other_encodings() {
    let place = Place::new(1);
    let utf16: Vec<u8> = "\u{feff}id,name\n1,Zoë\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
    place.folder.file("orders.csv", utf16);
    run(produce(&config(&place, "path = \"orders.csv\"\nencoding = \"utf-16\"\n"))).with(0);
    place.folder.file("orders.jsonl", b"{\"name\":\"Zo\xeb \x80\"}\n{\"name\":\"\x81\"}\n{}\n");
    let dead = place.folder.path("dead.jsonl");
    let config = config(&place, "path = \"orders.jsonl\"\nencoding = \"windows-1252\"\n");
    let report = run(produce(&config).into_iter().chain(arguments!["--dead-letter", dead])).with(1).report();
    assert_eq!(report["errors"], json!({"InvalidEncoding": 1}));
    let letter: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(dead).unwrap()).unwrap();
    assert_eq!((&letter["line"], &letter["encoding"]), (&json!(2), &json!("base64")));
    assert_eq!(place.values(), [r#"{"id":"1","name":"Zoë"}"#, r#"{"name":"Zoë €"}"#, "{}"]);
}

#[test]
fn mistakes_in_the_dialect_are_reported_before_anything_is_sent() {
    let place = Place::new(1);
    place.folder.file("orders.csv", "id;name\n1;a\n");
    place.folder.file("orders.txt", "a\n");
    for (input, errors) in [
        (
            "path = \"orders.csv\"\ndelimiter = \"||\"\nencoding = \"ebcdic\"\nquote = \"\"\nescape = '\\'\nskip_lines = -1\n",
            &[
                "orders.toml:7: input.delimiter: must be one character, but \"||\" has 2",
                "orders.toml:8: input.encoding: unknown encoding `ebcdic`; must be one of utf-8",
                "orders.toml:10: input.escape: requires a quote",
                "orders.toml:11: input.skip_lines: must be a number of lines",
            ][..],
        ),
        ("path = \"orders.csv\"\nheader = [\"a\", \"a\"]\n", &["orders.toml:7: input.header: duplicate column `a`"]),
        ("path = \"orders.txt\"\ndelimiter = \";\"\n", &["orders.txt: `delimiter` applies only to csv, but the format is lines"]),
        ("path = \"orders.csv\"\nnull = { c = \"\" }\n", &["orders.csv: the header has no column `c`, which `null` names"]),
        ("path = \"orders.csv\"\nquote = \",\"\n", &["orders.csv: `quote` must differ from the delimiter"]),
        ("path = \"orders.csv\"\ndelimitre = \";\"\n", &["input.delimitre: unknown setting; did you mean input.delimiter?"]),
    ] {
        let config = config(&place, input);
        run(arguments!["config", "check", config]).with(2).saying(errors);
        run(produce(&config)).with(2).saying(errors);
    }
    let warned = config(&place, "path = \"orders.csv\"\n");
    let warning = "orders.csv: the header is a single column that contains \";\"";
    run(arguments!["config", "check", warned]).with(0).saying(&[warning]);
    run(produce(&warned)).with(0).saying(&[warning]);
    assert_eq!(place.values(), [r#"{"id;name":"1;a"}"#]);
}

#[test]
fn explain_shows_the_settings_of_the_input() {
    let place = Place::new(1);
    let config = config(&place, "path = \"orders.csv\"\ndelimiter = \";\"\nnull = { a = \"NA\" }\n");
    let ended = run(arguments!["config", "explain", config]).with(0);
    let row = |name: &str| {
        let row = ended.stdout.lines().find(|line| line.split_whitespace().next() == Some(name));
        row.unwrap_or_else(|| panic!("{name} is not in\n{}", ended.stdout)).split_whitespace().take(3).collect::<Vec<_>>()
    };
    assert!(row("delimiter")[1] == "\";\"" && row("delimiter")[2].ends_with("orders.toml:7"), "{:?}", row("delimiter"));
    assert_eq!(row("null.a")[1], "\"NA\"");
    assert_eq!(row("header"), ["header", "true", "default"]);
    assert!(!ended.stdout.lines().any(|line| line.starts_with("null ")), "{}", ended.stdout);
}

#[test]
fn a_format_flag_drops_settings_that_do_not_apply() {
    let place = Place::new(1);
    place.folder.file("orders.csv", "{}\n");
    let config = config(&place, "path = \"orders.csv\"\ndelimiter = \";\"\nkey = \"id\"\n");
    run(produce(&config).into_iter().chain(arguments!["--format", "lines"])).with(0).saying(&[
        "--format lines: delimiter = \";\" in ",
        "--format lines: key = \"id\" in ",
        " does not apply: every key is null",
    ]);
    assert_eq!(place.values(), ["{}"]);
}

#[test]
fn lines_with_headers_keys_and_nulls() {
    let place = Place::new(1);
    let lines = "source:web,trace:<NULL>|1|one\n<NULL>|2|<NULL>\nsource:web|<NULL>|\nnone\nsource:web,x|3|three\n";
    place.folder.file("orders.txt", lines);
    let settings = "path = \"orders.txt\"\nparse_headers = true\nparse_key = true\nkey_separator = \"|\"\nheaders_delimiter = \"|\"\n\
                    null_marker = \"<NULL>\"\n[key]\nserializer = \"long\"\n[record.headers]\nfrom = \"lines\"\n";
    let config = config(&place, settings);
    run(arguments!["config", "check", config]).with(0);
    let explained = run(arguments!["config", "explain", config]).with(0).stdout;
    assert!(explained.lines().any(|line| line.starts_with("headers_separator ") && line.contains("default")), "{explained}");
    let dead = place.folder.path("dead.jsonl");
    let mut arguments = produce(&config);
    arguments.extend(arguments!["--dead-letter", dead]);
    let report = run(arguments).with(1).report();
    assert_eq!((&report["acknowledged"], &report["errors"]), (&json!(3), &json!({"InvalidHeader": 2})));
    let found = log::read(place.kafka.bootstrap_servers(), "orders");
    let header = |name: &str, value: Option<&str>| (name.to_owned(), value.map(|value| value.as_bytes().to_vec()));
    let from = || header("from", Some("lines"));
    let web = || header("source", Some("web"));
    assert_eq!(
        found.iter().map(|record| record.headers.clone()).collect::<Vec<_>>(),
        [vec![web(), header("trace", None), from()], vec![from()], vec![web(), from()]]
    );
    let key = |number: i64| Some(number.to_be_bytes().to_vec());
    assert_eq!(found.iter().map(|record| record.key.clone()).collect::<Vec<_>>(), [key(1), key(2), None]);
    assert_eq!(
        found.iter().map(|record| record.value.clone()).collect::<Vec<_>>(),
        [Some(b"one".to_vec()), None, Some(b"".to_vec())]
    );
    let letters = std::fs::read_to_string(dead).unwrap();
    assert!(letters.contains("\"record\":\"none\"") && letters.contains("header 2 has no \\\":\\\""), "{letters}");
}

#[test]
fn settings_of_lines_do_not_apply_to_csv() {
    let place = Place::new(1);
    place.folder.file("orders.csv", "id\n1\n");
    let config = config(&place, "path = \"orders.csv\"\nparse_key = true\n");
    run(produce(&config)).with(2).saying(&["`parse_key` applies only to lines, but the format is csv; remove it"]);
    let mut arguments = produce(&config);
    arguments.extend(arguments!["--format", "csv"]);
    run(arguments).with(0).saying(&["parse_key = \"true\"", "does not apply"]);
}
