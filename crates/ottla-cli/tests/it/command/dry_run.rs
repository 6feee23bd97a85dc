//! `--dry-run`, which needs no broker.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader, Write as _},
    os::unix::ffi::OsStrExt as _,
    process::Stdio,
    sync::mpsc::channel,
    thread,
};

use ottla_test_support::folder::Folder;
use serde_json::{Value, json};

use super::{LONGEST, Start as _, command, end, run, run_with_stdin};
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
fn after_an_input_that_breaks_off_the_next_one_is_shown() {
    let folder = Folder::new();
    let broken = folder.file("1.json", "{\"id\":1}\n]\n");
    let [missing, good] = [folder.file("2.jsonl", ""), folder.file("3.jsonl", "{\"id\":3}\n")];
    let arguments =
        arguments!["produce", "-b", "127.0.0.1:1", "-t", "orders", "--input", broken, missing, good, "--dry-run", "9"];
    let shown = run(arguments.clone()).with(2).saying(&["1.json: cannot read line 2"]);
    assert_eq!(shown.stdout.lines().count(), 2, "{}", shown.stdout);
    // A transaction would be aborted.
    let transactional = arguments.into_iter().chain(arguments!["--set", "transactional.id=t"]);
    assert_eq!(run(transactional).with(2).stdout.lines().count(), 1);
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

/// The values of these parts of the records that are shown.
fn parts(shown: &str, names: [&str; 2]) -> Vec<[Value; 2]> {
    let records = shown.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    records.map(|record| names.map(|name| record[name].clone())).collect()
}

#[test]
fn a_configuration_that_a_run_refuses_is_refused() {
    for (flags, error) in [
        (&["-t", "a", "--set", "acks=0", "--set", "enable.idempotence=true"][..], "enable.idempotence"),
        (&["-t", "a b"], "topic \"a b\": must have only ASCII letters"),
    ] {
        let arguments = ["produce", "-b", "127.0.0.1:1", "--dry-run", "1"];
        let refused = run_with_stdin(arguments.iter().chain(flags), b"one\n").with(2).saying(&[error]);
        assert_eq!(refused.stdout, "");
    }
    let folder = Folder::new();
    let schema = folder.file("order.avsc", "{");
    let file = folder.file(
        "orders.toml",
        "topic = \"orders\"\n[producer]\nbootstrap.servers = \"127.0.0.1:1\"\n[value]\nserializer = \"avro\"\nschema = \"order.avsc\"\n\
         [schema.registry]\nurl = \"http://127.0.0.1:1\"\n",
    );
    let input = folder.file("orders.jsonl", "{}\n");
    let dry_run = || run(arguments!["produce", "-c", file, "--input", input, "--dry-run", "1"]);
    dry_run().with(2).saying(&["order.avsc: invalid Avro schema"]);
    fs::remove_file(schema).unwrap();
    dry_run().with(2).saying(&["order.avsc"]);
}

#[test]
fn headers_with_a_placeholder_are_hidden() {
    let folder = Folder::new();
    let file = folder.file(
        "orders.toml",
        "topic = \"orders\"\n[producer]\nbootstrap.servers = \"127.0.0.1:1\"\n[record.headers]\nplain = \"x\"\n\
         token = \"Bearer ${OTTLA_NO_SUCH:-hunter2}\"\n",
    );
    for (flag, token) in [(&[][..], "[hidden]"), (&["-H", "token=flag"], "flag")] {
        let arguments = arguments!["produce", "-c", file, "--dry-run", "1"];
        let shown = run_with_stdin(arguments.into_iter().chain(flag.iter().map(Into::into)), b"one\n").with(0).stdout;
        let headers = json!([{"key": "plain", "value": "x"}, {"key": "token", "value": token}]);
        assert_eq!(parts(&shown, ["value", "headers"]), [[json!("one"), headers]]);
    }
}

#[test]
fn a_record_of_a_pipe_is_shown_before_the_next_line() {
    let arguments = ["produce", "-b", "127.0.0.1:1", "-t", "orders", "--dry-run", "2"];
    let mut child = command(arguments).stdin(Stdio::piped()).start();
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(b"a line that is longer than the first bytes of an archive\n").unwrap();
    let mut shown = BufReader::new(child.stdout.take().unwrap());
    let (sender, first) = channel();
    let reading = thread::spawn(move || {
        let mut line = String::new();
        shown.read_line(&mut line).unwrap();
        sender.send(line).unwrap();
    });
    let line = first.recv_timeout(LONGEST).unwrap();
    assert!(line.contains("a line that is longer"), "{line}");
    drop(pipe);
    reading.join().unwrap();
    end(child).with(0);
}

#[test]
fn a_key_separator_overrides_the_keys_of_the_file() {
    let folder = Folder::new();
    let file = |settings: &str| {
        let head = "topic = \"orders\"\n[producer]\nbootstrap.servers = \"127.0.0.1:1\"\n";
        folder.file("orders.toml", format!("{head}{settings}"))
    };
    let dry_run = |settings: &str, flags: &[&str], lines: &str| {
        let arguments = arguments!["produce", "-c", file(settings), "--dry-run", "9"];
        run_with_stdin(arguments.into_iter().chain(flags.iter().map(Into::into)), lines.as_bytes())
    };
    for (settings, flags) in [
        ("[record]\nkey = \"file\"\n", &["-K", ":"][..]),
        ("[input]\nparse_key = true\nkey_separator = \";\"\n", &["-K", "\\x3a"]),
        ("[input]\nkey = \"id\"\nformat = \"jsonl\"\n", &["-K", ":", "--format", "lines"]),
    ] {
        let shown = dry_run(settings, flags, "a:1\n2\n").with(0);
        assert_eq!(parts(&shown.stdout, ["key", "value"]), [[json!("a"), json!("1")], [Value::Null, json!("2")]], "{settings}");
        assert_eq!(shown.stderr, "", "{settings}");
    }
    let shown = dry_run("[input]\nkey = \"id\"\nformat = \"jsonl\"\n", &["-k", "b", "--format", "lines"], "a\n").with(0);
    assert_eq!((parts(&shown.stdout, ["key", "value"]), &*shown.stderr), (vec![[json!("b"), json!("a")]], ""));
    // A line without headers is still an error.
    let headers = "[input]\nparse_headers = true\n";
    let shown = dry_run(headers, &["-K", ":"], "h:1\ta:1\na:1\n").with(1).saying(&["line 2: InvalidHeader: "]);
    assert_eq!(parts(&shown.stdout, ["key", "value"]), [[json!("a"), json!("1")]]);
    for (settings, flags, error) in [
        (
            "[input]\nnull_marker = \":\"\n",
            &["-K", ":"][..],
            "orders.toml:5: input.null_marker: must differ from `key_separator`",
        ),
        ("", &["-K", "\\n"], "--key-separator: must not have a line end"),
        ("", &["-K", "\\q"], "--key-separator: has a `\\` that is not"),
        ("", &["-K", ":", "--format", "csv"], "--key-separator: applies only to lines, but the format is csv"),
    ] {
        let refused = dry_run(settings, flags, "a:1\n").with(2).saying(&[error]);
        assert_eq!(refused.stderr.lines().count(), 1, "{}", refused.stderr);
    }
}

#[test]
fn null_empty_adds_to_the_markers_of_the_file() {
    let folder = Folder::new();
    let head = "topic = \"orders\"\n[producer]\nbootstrap.servers = \"127.0.0.1:1\"\n";
    for (markers, null) in [("[\"NULL\"]", Value::Null), ("[]", json!("NULL"))] {
        let file = folder.file("orders.toml", format!("{head}[record]\ntombstone_markers = {markers}\n"));
        let shown = run_with_stdin(arguments!["produce", "-c", file, "-Z", "--dry-run", "3"], b"NULL\n\nx\n").with(0).stdout;
        let values: Vec<_> = parts(&shown, ["value", "key"]).into_iter().map(|[value, _]| value).collect();
        assert_eq!(values, [null, Value::Null, json!("x")], "{markers}");
    }
}

#[test]
fn patterns_find_odd_names_and_not_the_output() {
    let folder = Folder::new();
    folder.file("-", "dash\n");
    folder.file("b.csv", "id\n1\n");
    File::create(folder.path(".").join(std::ffi::OsStr::from_bytes(b"caf\xe9.txt"))).unwrap();
    let dry_run = |input: &str| {
        let mut command =
            command(["produce", "-b", "127.0.0.1:1", "-t", "orders", "--dry-run", "9", "--format", "lines", "--input", input]);
        command.current_dir(folder.path("."));
        command
    };
    let shown = end(dry_run("?").start()).with(0).stdout;
    assert_eq!(parts(&shown, ["value", "key"]), [[json!("dash"), Value::Null]]);
    assert_eq!(end(dry_run("*.csv").start()).with(0).stdout.lines().count(), 2);
    end(dry_run("*").start()).with(2).saying(&["caf\\xE9.txt\" is not UTF-8"]);
    let output = folder.path("c.csv");
    for _ in 0..2 {
        end(dry_run("*.csv").stdout(File::create(&output).unwrap()).start()).with(0);
        assert_eq!(fs::read_to_string(&output).unwrap().lines().count(), 2);
    }
}
