//! Wrong usage, configurations and input files: the exit code is 2, all errors are reported, nothing is sent, no secret is shown.

use serde_json::json;

use ottla_test_support::folder::Folder;

use super::{run, run_with_stdin};
use crate::arguments;

const GOOD: &str = "topic = \"orders\"\n[producer]\nbootstrap.servers = \"127.0.0.1:1\"\n";

#[test]
fn invalid_arguments() {
    run(["produce"]).with(2).saying(&["--config <FILE>"]);
    run(["prodcue"]).with(2).saying(&["produce"]);
    run(["perf"]).with(2).saying(&["perf"]);
    let folder = Folder::new();
    let good = folder.file("good.toml", GOOD);
    for (flag, value, error) in [
        ("--rate", "fast", "must be a number of records per second"),
        ("--format", "tsv", "lines, jsonl, json, csv, avro, record, dead-letters"),
        ("--report", "xml", "text"),
        ("--limit", "-1", "--limit"),
        ("--set", "sasl.password:hunter2", "--set number 1: missing `=`"),
        ("--set", "liger.ms=1", "--set: liger.ms: unknown setting; did you mean linger.ms?"),
        ("--transaction-records", "5", "--transaction-records"),
    ] {
        let ended = run(arguments!["produce", "-c", good, format!("{flag}={value}")]).with(2).saying(&[error]);
        assert_eq!(ended.stdout, "", "{flag}");
        assert!(!ended.stderr.contains("hunter2"), "{}", ended.stderr);
    }
    run(arguments!["consume", "-c", good, "--idle", "soon"]).with(2).saying(&["must be a number of seconds"]);
}

#[test]
fn a_topic_and_an_input_are_required() {
    let folder = Folder::new();
    let properties = folder.file("producer.properties", "bootstrap.servers=127.0.0.1:1\n");
    run(arguments!["produce", "-c", properties]).with(2).saying(&["no topic: pass --topic"]);
    run(arguments!["consume", "-c", properties]).with(2).saying(&["no topic: pass --topic"]);
    run(arguments!["produce", "-c", properties, "--topic", "orders"]).with(2).saying(&["no input: pass --input"]);
}

#[test]
fn unreadable_configurations() {
    let folder = Folder::new();
    let produce = |file: &std::path::Path| run(arguments!["produce", "-c", file, "--topic", "t", "--input", "-"]).with(2);
    produce(&folder.path("none.toml")).saying(&["none.toml: no such file"]);
    std::fs::create_dir(folder.path("folder.toml")).unwrap();
    produce(&folder.path("folder.toml")).saying(&["folder.toml: is a directory"]);
    produce(&folder.file("orders.ini", "x")).saying(&["must be one of .toml"]);
    for (name, text) in [
        ("broken.toml", "[producer\npassword = hunter2"),
        ("broken.yaml", "producer: {\n  password: hunter2"),
        ("broken.json", "{\"producer\": {\"password\": \"hunter2\""),
        ("broken.properties", "client.id=a\nsasl.password=hunter2\\uZZZZ\n"),
    ] {
        let ended = produce(&folder.file(name, text)).saying(&[&format!("{name}:")]);
        assert!(!ended.stderr.contains("hunter2"), "{name}: {}", ended.stderr);
    }
}

#[cfg(unix)]
#[test]
fn a_file_without_read_permission() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new();
    let file = folder.file("locked.toml", GOOD);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o000)).unwrap();
    // root can read the file anyway.
    if std::fs::read(&file).is_err() {
        run(arguments!["produce", "-c", file]).with(2).saying(&["locked.toml: permission denied"]);
    }
}

#[test]
fn all_errors_are_listed_with_their_lines_and_without_secrets() {
    let folder = Folder::new();
    let file = folder.file(
        "orders.toml",
        "topik = \"orders\"\n[producer]\nbootstrap.servers = \"127.0.0.1:1\"\nliger.ms = 5\nbatch.size = \"many\"\n\
         linger.ms = -5\nmetric.reporters = \"x\"\nsasl.jaas.config = \"hunter2\"\nssl.key.pasword = \"hunter2\"\n\
         client.id = \"${OTTLA_TEST_NO_SUCH_VARIABLE}\"\n[input]\npth = \"orders.csv\"\n",
    );
    let ended = run(arguments!["produce", "-c", file]).with(2).saying(&[
        "orders.toml:1: topik: unknown setting; did you mean topic?",
        "orders.toml:4: liger.ms: unknown setting; did you mean linger.ms?",
        "orders.toml:5: batch.size: ",
        "orders.toml:6: linger.ms: ",
        "orders.toml:7: metric.reporters: ",
        "orders.toml:10: client.id: the environment variable OTTLA_TEST_NO_SUCH_VARIABLE is not set",
        "orders.toml:12: input.pth: unknown setting; did you mean input.path?",
    ]);
    assert!(!ended.stderr.contains("hunter2"), "{}", ended.stderr);
    assert_eq!(ended.stdout, "");
}

#[test]
fn conflicting_settings() {
    let folder = Folder::new();
    let file = folder.file("orders.toml", format!("{GOOD}acks = 1\nenable.idempotence = true\n"));
    run(arguments!["produce", "-c", file, "--input", "-"]).with(2).saying(&["enable.idempotence", "acks"]);
    let file = folder.file("two.toml", format!("{GOOD}value.serializer = \"string\"\n[value]\nserializer = \"json\"\n"));
    run(arguments!["produce", "-c", file, "--input", "-"]).with(2).saying(&["value.serializer: is string"]);
}

#[test]
fn a_schema_requires_a_registry_and_a_serializer() {
    let folder = Folder::new();
    for (text, error) in [
        (
            "[value]\nserializer = \"avro\"\n",
            "the value has a schema, but no registry is configured: set `url` in [schema.registry]",
        ),
        ("[value]\nschema = \"a.avsc\"\n", "has a schema: set its serializer to avro, protobuf or json-schema"),
        ("[schema.registry]\nurl = \"localhost:1\"\n", "good.toml:5: schema.registry.url: "),
        (
            "[value]\nserializer = \"avro\"\nschema = \"none.avsc\"\n[schema.registry]\nurl = \"http://localhost:1\"\n",
            "none.avsc: No such file",
        ),
    ] {
        let file = folder.file("good.toml", format!("{GOOD}{text}"));
        run(arguments!["produce", "-c", file, "--input", "-"]).with(2).saying(&[error]);
    }
}

#[test]
fn invalid_inputs() {
    let folder = Folder::new();
    let good = folder.file("good.toml", GOOD);
    let csv = folder.file("orders.csv", "id,name\n1,a\n");
    let produce = |rest: &[std::ffi::OsString]| run(arguments!["produce", "-c", good].iter().chain(rest)).with(2);
    produce(&arguments!["--input", folder.path("none.csv")]).saying(&["none.csv: cannot be opened: No such file"]);
    std::fs::create_dir(folder.path("empty")).unwrap();
    produce(&arguments!["--input", folder.path("empty")]).saying(&["empty: the folder has no files to read"]);
    produce(&arguments!["--input", folder.path("*.dat")]).saying(&["*.dat: no file matches this pattern"]);
    produce(&arguments!["--input", folder.file("orders.dat", "x")]).saying(&["orders.dat: unknown file extension"]);
    produce(&arguments!["--input", csv, "--key-field", "ident"]).saying(&["no key column `ident`", "id, name"]);
    produce(&arguments!["--input", folder.file("notes.txt", "x"), "--key-field", "id"]).saying(&["lines have no fields"]);
    produce(&arguments!["--input", folder.file("orders.csv.gz", "id\n1\n")]).saying(&["the file extension says gzip"]);
    produce(&arguments!["--input", csv, "--dead-letter", folder.path("no/dead.jsonl")])
        .saying(&["no/dead.jsonl", "does not exist"]);
    let file = folder.file("long.toml", format!("{GOOD}[value]\nserializer = \"long\"\n"));
    run(arguments!["produce", "-c", file, "--input", csv])
        .with(2)
        .saying(&["value.serializer: long cannot serialize the JSON objects of csv input"]);
    run_with_stdin(arguments!["produce", "-c", good, "--input", "-", "--format", "csv"], b"")
        .with(2)
        .saying(&["stdin: the input is empty"]);
}

#[test]
fn a_json_report_has_usage_errors() {
    let folder = Folder::new();
    let good = folder.file("good.toml", GOOD);
    let csv = folder.file("orders.csv", "id,name\n1,a\n");
    for (arguments, error) in [
        (arguments!["-c", folder.path("none.toml")].to_vec(), "none.toml: no such file"),
        (arguments!["-c", good].to_vec(), "no input: pass --input"),
        (arguments!["-c", good, "--input", folder.path("none.csv")].to_vec(), "none.csv: cannot be opened"),
        (arguments!["-c", good, "--input", csv, "--key-field", "ident"].to_vec(), "no key column `ident`"),
    ] {
        let arguments = arguments!["produce", "--report", "json"].into_iter().chain(arguments);
        let ended = run(arguments).with(2).saying(&[error]);
        let report = ended.report();
        assert!(report["error"].as_str().unwrap().contains(error), "{report}");
        assert_eq!((&report["records"], &report["failed"]), (&json!(0), &json!(0)));
    }
}

#[test]
fn no_broker() {
    let folder = Folder::new();
    let good = folder.file("good.toml", format!("{GOOD}max.block.ms = 300\n"));
    let notes = folder.file("notes.txt", "one\n");
    let ended = run(arguments!["produce", "-c", good, "--input", notes, "--report", "json"]).with(3).saying(&[
        "127.0.0.1:1",
        "max.block.ms",
        "refused",
    ]);
    let report = ended.report();
    assert_eq!((&report["records"], &report["topic"], &report["brokers"]), (&json!(0), &json!("orders"), &json!("127.0.0.1:1")));
    assert!(report["error"].as_str().unwrap().contains("refused"), "{report}");
    let ended = run(arguments!["consume", "-c", good]).with(3).saying(&["127.0.0.1:1", "refused"]);
    assert_eq!(ended.stdout, "");
}
