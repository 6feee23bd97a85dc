//! `ottla config check` and `ottla config explain`.

use ottla_test_support::folder::Folder;

use super::{Start as _, command, end, example, run, run_with_stdin};
use crate::arguments;

#[test]
fn the_example_passes_the_check() {
    let ended = run(arguments!["config", "check", example("flights.toml")]).with(0);
    assert!(ended.stdout.ends_with("flights.toml: good\n"), "{}", ended.stdout);
    assert_eq!(ended.stderr, "");
}

#[test]
fn every_file_is_checked() {
    let folder = Folder::new();
    let good = folder.file("good.properties", "bootstrap.servers=localhost:9092\nlinger.ms=5\n");
    let bad = folder.file("bad.yaml", "producer:\n  bootstrap.servers: localhost:9092\n  liger.ms: 5\n");
    let ended = run(arguments!["config", "check", bad, good])
        .with(2)
        .saying(&["bad.yaml:3: liger.ms: unknown setting; did you mean linger.ms?"]);
    assert!(ended.stdout.ends_with("good.properties: good\n"), "{}", ended.stdout);
    run(["config", "check"]).with(2);
}

#[test]
fn a_file_may_have_no_tables() {
    let folder = Folder::new();
    for (name, text) in [
        ("bare.toml", "bootstrap.servers = \"localhost:9092\"\nacks = \"all\"\n"),
        ("bare.json", "{\"bootstrap.servers\": \"localhost:9092\", \"acks\": \"all\"}"),
    ] {
        run(arguments!["config", "check", folder.file(name, text)]).with(0);
    }
}

#[test]
fn explain_shows_the_origin_of_each_value() {
    let folder = Folder::new();
    let file = folder.file(
        "orders.toml",
        "[producer]\nbootstrap.servers = \"in-file:9092\"\nlinger.ms = 1\nacks = \"all\"\nbatch.size = 1000\nssl.key.password = \"hunter2\"\n",
    );
    let mut explain = command(arguments!["config", "explain", file, "--set", "batch.size=3000"]);
    explain.env("OTTLA_BATCH_SIZE", "2000").env("OTTLA_LINGER_MS", "2").env("KAFKA_BOOTSTRAP_SERVERS", "in-environment:9092");
    let ended = end(explain.start()).with(0).saying(&["KAFKA_BOOTSTRAP_SERVERS is not used: bootstrap.servers is set in "]);
    let row = |name: &str| {
        let row = ended.stdout.lines().find(|line| line.split_whitespace().next() == Some(name));
        row.unwrap_or_else(|| panic!("{name} is not in\n{}", ended.stdout)).split_whitespace().take(3).collect::<Vec<_>>()
    };
    assert_eq!(row("batch.size"), ["batch.size", "3000", "--set"]);
    assert_eq!(row("linger.ms"), ["linger.ms", "2", "OTTLA_LINGER_MS"]);
    assert_eq!(row("bootstrap.servers")[..2], ["bootstrap.servers", "in-file:9092"]);
    assert!(row("bootstrap.servers")[2].ends_with("orders.toml:2"), "{:?}", row("bootstrap.servers"));
    assert_eq!(row("acks")[..2], ["acks", "all"]);
    assert!(row("acks")[2].ends_with("orders.toml:4"), "{:?}", row("acks"));
    assert_eq!(row("max.block.ms"), ["max.block.ms", "60000", "default"]);
    assert!(!ended.stdout.contains("hunter2") && ended.stdout.contains("[hidden]"), "{}", ended.stdout);
}

#[test]
fn kafka_bootstrap_servers_has_the_lowest_precedence() {
    let folder = Folder::new();
    let servers = |text: &str, variables: &[(&str, &str)], flags: &[&str]| {
        let file = folder.file("servers.toml", text);
        let mut explain = command(arguments!["config", "explain", file].into_iter().chain(flags.iter().map(Into::into)));
        explain.envs(variables.iter().copied());
        let ended = end(explain.start()).with(0);
        let rows = ended.stdout.lines().filter(|line| line.starts_with("bootstrap.servers"));
        rows.map(|row| row.split_whitespace().nth(1).unwrap().to_owned()).collect::<Vec<_>>()
    };
    let (kafka, own) = (("KAFKA_BOOTSTRAP_SERVERS", "kafka:1"), ("OTTLA_BOOTSTRAP_SERVERS", "own:1"));
    let flag = ["--set", "bootstrap.servers=flag:1"];
    assert_eq!(servers("[producer]\n", &[kafka], &[]), ["kafka:1"]);
    assert_eq!(servers("[consumer]\ngroup.id = \"g\"\n", &[kafka], &[]), ["kafka:1"]);
    assert_eq!(servers("[producer]\nbootstrap.servers = \"file:1\"\n", &[kafka], &[]), ["file:1"]);
    assert_eq!(servers("[producer]\nbootstrap.servers = \"file:1\"\n[consumer]\n", &[kafka], &[]), ["file:1", "file:1"]);
    assert_eq!(servers("[producer]\n[consumer]\nbootstrap.servers = \"file:1\"\n", &[kafka], &[]), ["kafka:1", "file:1"]);
    assert_eq!(servers("[producer]\nbootstrap.servers = \"file:1\"\n", &[kafka, own], &[]), ["own:1"]);
    assert_eq!(servers("[producer]\nbootstrap.servers = \"file:1\"\n", &[kafka, own], &flag), ["flag:1"]);
}

#[test]
fn the_variables_of_a_kubernetes_service_are_ignored() {
    let folder = Folder::new();
    let file = folder.file("orders.properties", "bootstrap.servers=localhost:9092\n");
    let mut check = command(arguments!["config", "check", file]);
    check.envs([
        ("OTTLA_SERVICE_HOST", "10.96.3.7"),
        ("OTTLA_SERVICE_PORT", "80"),
        ("OTTLA_SERVICE_PORT_HTTP", "80"),
        ("OTTLA_PORT", "tcp://10.96.3.7:80"),
        ("OTTLA_PORT_80_TCP", "tcp://10.96.3.7:80"),
        ("OTTLA_PORT_80_TCP_PROTO", "tcp"),
        ("OTTLA_PORT_80_TCP_PORT", "80"),
        ("OTTLA_PORT_80_TCP_ADDR", "10.96.3.7"),
    ]);
    end(check.start()).with(0);
    let mut check = command(arguments!["config", "check", file]);
    check.env("OTTLA_PORT", "tcp://10.96.3.7:80").env("OTTLA_LIGNER_MS", "5");
    let ended = end(check.start()).with(2).saying(&["OTTLA_LIGNER_MS", "did you mean OTTLA_LINGER_MS"]);
    assert!(!ended.stderr.contains("OTTLA_PORT"), "{}", ended.stderr);
}

#[test]
fn check_finds_the_errors_that_produce_finds() {
    let folder = Folder::new();
    folder.file("orders.csv", "id,name\n1,a\n");
    folder.file("orders.txt", "a\n");
    folder.file("order.avsc", "{\"type\": \"recrod\"}");
    folder.file("order.json", "{");
    folder.file("order.proto", "syntax = \"proto3\"; message Order {}");
    folder.file("orders.csv.gz", "id\n1\n");
    let head = "topic = \"orders\"\n[producer]\nbootstrap.servers = \"127.0.0.1:1\"\n";
    let registry = "[schema.registry]\nurl = \"http://localhost:1\"\n";
    let with_schema = |kind: &str, more: &str| {
        format!("{head}{registry}[input]\npath = \"orders.csv\"\n[value]\nserializer = \"{kind}\"\n{more}\n")
    };
    for (text, error) in [
        (format!("{head}[input]\npath = \"none.csv\"\n"), "none.csv: cannot be opened: No such file"),
        (format!("{head}[input]\npath = \"*.dat\"\nformat = \"csv\"\n"), "*.dat: no file matches this pattern"),
        (format!("{head}[input]\npath = [\"orders.csv\", \"orders.txt\"]\n"), "one run cannot mix them"),
        (format!("{head}[input]\npath = \"orders.csv\"\nkey = \"ident\"\n"), "no key column `ident`"),
        (format!("{head}[input]\npath = \"orders.txt\"\nkey = \"id\"\n"), "lines have no fields"),
        (format!("{head}[input]\npath = \"orders.csv.gz\"\n"), "the file extension says gzip"),
        (format!("{head}[input]\npath = \"order.avsc\"\n"), "unknown file extension"),
        (
            format!("{head}[input]\npath = \"orders.csv\"\n[value]\nserializer = \"long\"\n"),
            "long cannot serialize the JSON objects of csv input",
        ),
        (
            format!("{head}[input]\nformat = \"jsonl\"\n[value]\nserializer = \"long\"\n"),
            "long cannot serialize the JSON objects of jsonl input",
        ),
        (head.replace("\"orders\"", "\"or ders\""), "topic \"or ders\": must have only ASCII letters"),
        (head.replace("\"orders\"", "\"..\""), "topic \"..\": must not be"),
        (with_schema("avro", "schema = \"none.avsc\""), "none.avsc: No such file"),
        (with_schema("avro", "schema = \"order.avsc\""), "invalid Avro schema"),
        (with_schema("json-schema", "schema = \"order.json\""), "order.json"),
        (
            with_schema("protobuf", "schema = \"order.proto\"\nmessage = \"Other\""),
            "has no message Other; its messages are Order",
        ),
        (with_schema("avro", "").replace(registry, ""), "no registry is configured"),
    ] {
        let file = folder.file("orders.toml", &text);
        run(arguments!["config", "check", file.clone()]).with(2).saying(&[error]);
        // The check does not connect to a registry, and produce needs an input.
        if !text.contains("http://") && text.contains("path") {
            run(arguments!["produce", "-c", file, "--set", "max.block.ms=1"]).with(2).saying(&[error]);
        }
    }
    let good = folder.file("good.toml", format!("{head}[input]\npath = \"orders.csv\"\nkey = \"id\"\n"));
    run(arguments!["config", "check", good]).with(0);
    let stdin = folder.file("stdin.toml", format!("{head}[input]\npath = \"-\"\nformat = \"csv\"\nkey = \"id\"\n"));
    run(arguments!["config", "check", stdin]).with(0);
}

#[test]
fn a_placeholder_in_a_jaas_string_may_hold_any_characters() {
    let folder = Folder::new();
    let text = "[producer]\nbootstrap.servers = \"127.0.0.1:1\"\nsecurity.protocol = \"SASL_PLAINTEXT\"\nsasl.mechanism = \"PLAIN\"\n\
                sasl.jaas.config = 'org.apache.kafka.common.security.plain.PlainLoginModule required username=\"a\" password=\"${KAFKA_PASSWORD}\";'\n";
    let file = folder.file("orders.toml", text);
    for password in ["pass\"word", "back\\slash", "\"; x=\"y", "'", "\\", "a\nb"] {
        let mut check = command(arguments!["config", "check", file]);
        check.env("KAFKA_PASSWORD", password);
        end(check.start()).with(0);
    }
}

#[test]
fn a_misspelled_variable_is_an_error() {
    let folder = Folder::new();
    let file = folder.file("orders.properties", "bootstrap.servers=localhost:9092\n");
    let mut check = command(arguments!["config", "check", file]);
    check.env("OTTLA_LIGER_MS", "5");
    end(check.start()).with(2).saying(&["OTTLA_LIGER_MS", "OTTLA_LINGER_MS"]);
}

#[test]
fn a_file_may_configure_a_consumer() {
    let folder = Folder::new();
    let both = "[producer]\nbootstrap.servers = \"localhost:9092\"\nlinger.ms = 1\n[consumer]\ngroup.id = \"billing\"\n";
    let file = folder.file("both.toml", both);
    run(arguments!["config", "check", file.clone()]).with(0);
    let flags = ["--set", "max.poll.records=7", "--set", "client.id=both", "--set", "consumer.client.id=reader"];
    let mut explain = command(arguments!["config", "explain", file].into_iter().chain(flags.map(Into::into)));
    explain
        .env("OTTLA_LINGER_MS", "2")
        .env("OTTLA_AUTO_OFFSET_RESET", "earliest")
        .env("OTTLA_CONSUMER_GROUP_INSTANCE_ID", "here");
    let ended = end(explain.start()).with(0);
    let (producer, consumer) = ended.stdout.split_once("\n[consumer]\n").unwrap();
    let row = |table: &str, name: &str| {
        let row = table.lines().find(|line| line.split_whitespace().next() == Some(name));
        row.map(|row| row.split_whitespace().nth(1).unwrap_or_default().to_owned())
    };
    for (name, in_producer, in_consumer) in [
        ("bootstrap.servers", Some("localhost:9092"), Some("localhost:9092")),
        ("client.id", Some("both"), Some("reader")),
        ("linger.ms", Some("2"), None),
        ("group.id", None, Some("billing")),
        ("max.poll.records", None, Some("7")),
        ("auto.offset.reset", None, Some("earliest")),
        ("group.instance.id", None, Some("here")),
    ] {
        assert_eq!(row(producer, name).as_deref(), in_producer, "{name}");
        assert_eq!(row(consumer, name).as_deref(), in_consumer, "{name}");
    }
    let bare = folder.file("consumer.properties", "bootstrap.servers=localhost:9092\ngroup.id=billing\n");
    run(arguments!["config", "check", bare.clone()]).with(0);
    run(arguments!["produce", "-c", bare, "--topic", "t", "--input", "-"]).with(2).saying(&["only consumer settings"]);
}

#[test]
fn settings_of_a_consumer_in_a_shared_file_are_a_warning_or_with_strict_an_error() {
    let folder = Folder::new();
    let text = "bootstrap.servers=127.0.0.1:1\nacks=all\ngroup.id=billing\nlinger.ms=5\nauto.offset.reset=earliest\n";
    let shared = folder.file("shared.properties", text);
    let warning = "these settings are the consumer's and have no effect on producing: group.id (";
    let named = ["shared.properties:3), auto.offset.reset (", "shared.properties:5)"];
    let ended = run(arguments!["config", "check", shared]).with(0).saying(&[&format!("warning: {warning}")]).saying(&named);
    assert_eq!(ended.stderr.matches("group.id").count(), 1, "{}", ended.stderr);
    let dry = arguments!["produce", "-c", shared, "-t", "orders", "--dry-run", "1"];
    run_with_stdin(dry.clone(), b"one\n").with(0).saying(&[warning]).saying(&named);
    run_with_stdin(dry.into_iter().chain(arguments!["--strict"]), b"one\n").with(2).saying(&[warning, "leave out --strict"]);
    run(arguments!["config", "check", "--strict", shared]).with(2).saying(&[warning]);
    run(arguments!["consume", "-c", shared, "-t", "orders", "--strict"])
        .with(2)
        .saying(&["no effect on consuming: acks, linger.ms"]);
    // Unknown settings are errors in any case, and a file without mistakes is good.
    let typo = folder.file("typo.properties", format!("{text}liger.ms=5\n"));
    run(arguments!["config", "check", typo])
        .with(2)
        .saying(&["typo.properties:6: liger.ms: unknown setting; did you mean linger.ms?"]);
    let good = folder.file("good.properties", "bootstrap.servers=127.0.0.1:1\nacks=all\n");
    run(arguments!["config", "check", "--strict", good]).with(0);
    let explained = run(arguments!["config", "explain", shared]).with(0).stdout;
    assert!(explained.contains("[producer]") && explained.contains("[consumer]"), "{explained}");
}

#[test]
fn errors_in_consumer_settings_are_reported() {
    let folder = Folder::new();
    let text = "[producer]\nbootstrap.servers = \"localhost:9092\"\nmax.poll.records = 1\n[consumer]\nacks = \"all\"\ngroup.ip = \"b\"\n";
    run(arguments!["config", "check", folder.file("both.toml", text)]).with(2).saying(&[
        "both.toml:3: max.poll.records: is a consumer setting and does not apply to a producer",
        "both.toml:5: acks: is a producer setting and does not apply to a consumer",
        "both.toml:6: group.ip: unknown setting; did you mean group.id?",
    ]);
    let file = folder.file("rules.toml", "[consumer]\nbootstrap.servers = \"localhost:9092\"\nenable.auto.commit = true\n");
    run(arguments!["config", "check", file.clone()]).with(2).saying(&["rules.toml:3: enable.auto.commit: must not be true"]);
    let set = |flag: &'static str| run(arguments!["config", "explain", file.clone(), "--set", flag]).with(2);
    set("max.poll.records=0").saying(&["--set: max.poll.records: \"0\" is out of range"]);
    set("consumer.linger.ms=1").saying(&["--set: linger.ms: is a producer setting"]);
    set("grop.id=g").saying(&["--set: grop.id: unknown setting"]);
}
