//! `--dry-run`, which needs no broker.

use ottla_test_support::folder::Folder;
use serde_json::{Value, json};

use super::{run, run_with_stdin};
use crate::arguments;

#[test]
fn records_are_shown_as_they_would_be_sent() {
    let arguments = ["produce", "-b", "127.0.0.1:1", "-t", "orders", "-k", "k", "--dry-run", "2"];
    let shown = run_with_stdin(arguments, b"one\n\xff\nthree\n");
    let lines: Vec<Value> = shown.with(0).stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        lines,
        [
            json!({"topic": "orders", "partition": null, "timestamp": null, "key": "k", "value": "one", "headers": []}),
            json!({
                "topic": "orders", "partition": null, "timestamp": null, "key": "k", "value": "/w==", "value_encoding": "base64",
                "headers": []
            }),
        ]
    );
    run_with_stdin(["produce", "-b", "127.0.0.1:1", "-t", "orders", "--dry-run", "2"], b"").with(0);
}

#[test]
fn rows_that_cannot_be_sent_are_errors() {
    let folder = Folder::new();
    let head = "topic = \"orders\"\n[producer]\nbootstrap.servers = \"127.0.0.1:1\"\n";
    let input = folder.file("orders.csv", "id\n1\nx\n2,2\n3\n");
    let file = folder.file("orders.toml", format!("{head}[input]\nkey = \"id\"\n[key]\nserializer = \"integer\"\n"));
    let dry_run = |records: &str| run(arguments!["produce", "-c", file, "--input", input, "--dry-run", records]);
    let shown = dry_run("9").with(1).saying(&["orders.csv: line 3: Serialization: ", "orders.csv: line 4: ColumnCount: "]);
    assert_eq!(shown.stdout.lines().count(), 2);
    assert_eq!(dry_run("1").with(0).stdout.lines().count(), 1);
    run(arguments!["produce", "-c", file, "--input", folder.path("none.csv"), "--dry-run", "1"]).with(2).saying(&["none.csv"]);
    for flag in ["--embedded", "--dead-letter=-", "--report=json", "--limit=1"] {
        run(arguments!["produce", "-c", file, "--input", input, "--dry-run", "1", flag]).with(2).saying(&["cannot be used with"]);
    }
    // The registry is not asked.
    let schema = "[value]\nserializer = \"avro\"\n[schema.registry]\nurl = \"http://127.0.0.1:1\"\n";
    let schema = folder.file("schema.toml", format!("{head}{schema}"));
    let shown = run(arguments!["produce", "-c", schema, "--input", input, "--dry-run", "1"]).with(0).stdout;
    assert!(shown.contains(r#""value":"{\"id\":\"1\"}""#), "{shown}");
}

#[test]
fn flags_without_a_configuration_are_checked() {
    let produce = |flags: &[&str]| run(["produce", "-b", "127.0.0.1:1"].iter().chain(flags)).with(2);
    produce(&[]).saying(&["no topic: pass --topic"]);
    run(["consume", "-b", "127.0.0.1:1"]).with(2).saying(&["no topic: pass --topic"]);
    produce(&["-t", "a", "-H", "name"]).saying(&["expected NAME=VALUE"]);
    produce(&["-t", "a", "-p", "-1"]);
    produce(&["-t", "a", "-k", "k", "-K", ":"]).saying(&["cannot be used with"]);
    produce(&["-t", "a", "--set", "liger.ms=1"]).saying(&["did you mean linger.ms"]);
    run(["produce", "-b", "", "-t", "a"]).with(2).saying(&["bootstrap.servers"]);
}

#[test]
fn an_empty_list_of_markers_is_not_the_empty_marker() {
    let folder = Folder::new();
    let head = "topic = \"orders\"\n[producer]\nbootstrap.servers = \"127.0.0.1:1\"\n";
    for (markers, value) in [("[]", json!("")), ("[\"\"]", Value::Null)] {
        let file = folder.file("orders.toml", format!("{head}[record]\ntombstone_markers = {markers}\n"));
        let shown = run_with_stdin(arguments!["produce", "-c", file, "--dry-run", "1"], b"\n").with(0).stdout;
        assert_eq!(serde_json::from_str::<Value>(&shown).unwrap()["value"], value, "{markers}");
    }
    for setting in ["[record]\nkey_fields = []", "[input]\nnull = []", "[input]\npath = []", "[key]\nserializer = []"] {
        let file = folder.file("orders.toml", format!("{head}{setting}\n"));
        run(arguments!["config", "check", file]).with(2).saying(&["orders.toml:5: ", "must not be an empty list; remove it"]);
    }
    let file = folder.file("orders.toml", format!("{head}[input]\nnul = []\n"));
    run(arguments!["config", "check", file]).with(2).saying(&["unknown setting; did you mean input.null?"]);
}
