//! Bad usage, configurations and input files: exit code 2, everything wrong is said, nothing is sent, no secret is shown.

use serde_json::json;

use ottla_test_support::folder::Folder;

use super::{run, run_with_stdin};
use crate::arguments;

const GOOD: &str = "topic = \"orders\"\n[producer]\nbootstrap.servers = \"127.0.0.1:1\"\n";

#[test]
fn arguments_that_are_none() {
    run(["produce"]).with(2).saying(&["--config <FILE>"]);
    run(["prodcue"]).with(2).saying(&["produce"]);
    run(["perf"]).with(2).saying(&["perf"]);
    let folder = Folder::new();
    let good = folder.file("good.toml", GOOD);
    for (flag, value, said) in [
        ("--rate", "fast", "is no rate"),
        ("--format", "tsv", "lines, jsonl and csv"),
        ("--report", "xml", "text"),
        ("--limit", "-1", "--limit"),
        ("--set", "sasl.password:hunter2", "--set: number 1 has no ="),
        ("--set", "liger.ms=1", "--set: liger.ms: unknown setting; did you mean linger.ms?"),
        ("--transaction-records", "5", "--transaction-records"),
    ] {
        let ended = run(arguments!["produce", "-c", good, format!("{flag}={value}")]).with(2).saying(&[said]);
        assert_eq!(ended.stdout, "", "{flag}");
        assert!(!ended.stderr.contains("hunter2"), "{}", ended.stderr);
    }
    run(arguments!["consume", "-c", good, "--idle", "soon"]).with(2).saying(&["is no time"]);
}

#[test]
fn a_topic_and_an_input_are_needed() {
    let folder = Folder::new();
    let properties = folder.file("producer.properties", "bootstrap.servers=127.0.0.1:1\n");
    run(arguments!["produce", "-c", properties]).with(2).saying(&["there is no topic: give --topic"]);
    run(arguments!["consume", "-c", properties]).with(2).saying(&["there is no topic: give --topic"]);
    run(arguments!["produce", "-c", properties, "--topic", "orders"]).with(2).saying(&["there is no input: give --input"]);
}

#[test]
fn configurations_that_cannot_be_read() {
    let folder = Folder::new();
    let produce = |file: &std::path::Path| run(arguments!["produce", "-c", file, "--topic", "t", "--input", "-"]).with(2);
    produce(&folder.path("none.toml")).saying(&["none.toml: no such file"]);
    std::fs::create_dir(folder.path("folder.toml")).unwrap();
    produce(&folder.path("folder.toml")).saying(&["folder.toml: is a directory"]);
    produce(&folder.file("orders.ini", "x")).saying(&["name the file .toml"]);
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
fn a_file_without_permission() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new();
    let file = folder.file("locked.toml", GOOD);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o000)).unwrap();
    // Root may read everything.
    if std::fs::read(&file).is_err() {
        run(arguments!["produce", "-c", file]).with(2).saying(&["locked.toml: no permission to read it"]);
    }
}

#[test]
fn every_problem_is_listed_with_its_line_and_no_secret() {
    let folder = Folder::new();
    let file = folder.file(
        "orders.toml",
        "topik = \"orders\"\n[producer]\nbootstrap.servers = \"127.0.0.1:1\"\nliger.ms = 5\nbatch.size = \"many\"\n\
         linger.ms = -5\nmetric.reporters = \"x\"\nsasl.jaas.config = \"hunter2\"\nssl.key.pasword = \"hunter2\"\n\
         client.id = \"${OTTLA_TEST_NO_SUCH_VARIABLE}\"\n[input]\npth = \"orders.csv\"\n",
    );
    let ended = run(arguments!["produce", "-c", file]).with(2).saying(&[
        "orders.toml:1: topik: unknown to the command; did you mean topic?",
        "orders.toml:4: liger.ms: unknown setting; did you mean linger.ms?",
        "orders.toml:5: batch.size: ",
        "orders.toml:6: linger.ms: ",
        "orders.toml:7: metric.reporters: ",
        "orders.toml:10: client.id: the environment variable OTTLA_TEST_NO_SUCH_VARIABLE is not set",
        "orders.toml:12: input.pth: unknown to the command; did you mean input.path?",
    ]);
    assert!(!ended.stderr.contains("hunter2"), "{}", ended.stderr);
    assert_eq!(ended.stdout, "");
}

#[test]
fn settings_that_conflict() {
    let folder = Folder::new();
    let file = folder.file("orders.toml", format!("{GOOD}acks = 1\nenable.idempotence = true\n"));
    run(arguments!["produce", "-c", file, "--input", "-"]).with(2).saying(&["enable.idempotence", "acks"]);
    let file = folder.file("two.toml", format!("{GOOD}value.serializer = \"string\"\n[value]\nserializer = \"json\"\n"));
    run(arguments!["produce", "-c", file, "--input", "-"]).with(2).saying(&["value.serializer: is string"]);
}

#[test]
fn a_schema_wants_a_registry_and_a_serializer() {
    let folder = Folder::new();
    for (text, said) in [
        ("[value]\nserializer = \"avro\"\n", "the value has a schema, and there is no registry: set `url` in [schema.registry]"),
        ("[value]\nschema = \"a.avsc\"\n", "has a schema: set its serializer to avro, protobuf or json-schema"),
        ("[schema.registry]\nurl = \"localhost:1\"\n", "good.toml:5: schema.registry.url: "),
        (
            "[value]\nserializer = \"avro\"\nschema = \"none.avsc\"\n[schema.registry]\nurl = \"http://localhost:1\"\n",
            "none.avsc: No such file",
        ),
    ] {
        let file = folder.file("good.toml", format!("{GOOD}{text}"));
        run(arguments!["produce", "-c", file, "--input", "-"]).with(2).saying(&[said]);
    }
}

#[test]
fn inputs_that_are_none() {
    let folder = Folder::new();
    let good = folder.file("good.toml", GOOD);
    let csv = folder.file("orders.csv", "id,name\n1,a\n");
    let produce = |rest: &[std::ffi::OsString]| run(arguments!["produce", "-c", good].iter().chain(rest)).with(2);
    produce(&arguments!["--input", folder.path("none.csv")]).saying(&["none.csv: cannot be opened: No such file"]);
    produce(&arguments!["--input", folder.path("."), "--format", "csv"]).saying(&["directory"]);
    produce(&arguments!["--input", folder.file("orders.dat", "x")]).saying(&["orders.dat: its name does not tell the format"]);
    produce(&arguments!["--input", csv, "--key-field", "ident"]).saying(&["no column `ident`", "id, name"]);
    produce(&arguments!["--input", folder.file("notes.txt", "x"), "--key-field", "id"]).saying(&["lines have no fields"]);
    produce(&arguments!["--input", folder.file("orders.csv.gz", "id\n1\n")]).saying(&["named as gzip"]);
    produce(&arguments!["--input", csv, "--dead-letter", folder.path("no/dead.jsonl")])
        .saying(&["no/dead.jsonl", "does not exist"]);
    let file = folder.file("long.toml", format!("{GOOD}[value]\nserializer = \"long\"\n"));
    run(arguments!["produce", "-c", file, "--input", csv])
        .with(2)
        .saying(&["value.serializer: long, and a record of csv is a JSON object"]);
    run_with_stdin(arguments!["produce", "-c", good, "--input", "-", "--format", "csv"], b"")
        .with(2)
        .saying(&["stdin: it is empty"]);
}

#[test]
fn a_json_report_says_what_is_wrong_with_the_usage() {
    let folder = Folder::new();
    let good = folder.file("good.toml", GOOD);
    let csv = folder.file("orders.csv", "id,name\n1,a\n");
    for (arguments, said) in [
        (arguments!["-c", folder.path("none.toml")].to_vec(), "none.toml: no such file"),
        (arguments!["-c", good].to_vec(), "there is no input"),
        (arguments!["-c", good, "--input", folder.path("none.csv")].to_vec(), "none.csv: cannot be opened"),
        (arguments!["-c", good, "--input", csv, "--key-field", "ident"].to_vec(), "no column `ident`"),
    ] {
        let arguments = arguments!["produce", "--report", "json"].into_iter().chain(arguments);
        let ended = run(arguments).with(2).saying(&[said]);
        let report = ended.report();
        assert!(report["error"].as_str().unwrap().contains(said), "{report}");
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
