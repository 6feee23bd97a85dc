//! `ottla config check` and `ottla config explain`.

use super::{Folder, command, end, example, run};
use crate::arguments;

#[test]
fn the_example_is_good() {
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
fn java_s_names_at_the_top_of_a_file_are_enough() {
    let folder = Folder::new();
    for (name, text) in [
        ("bare.toml", "bootstrap.servers = \"localhost:9092\"\nacks = \"all\"\n"),
        ("bare.json", "{\"bootstrap.servers\": \"localhost:9092\", \"acks\": \"all\"}"),
    ] {
        run(arguments!["config", "check", folder.file(name, text)]).with(0);
    }
}

#[test]
fn explain_says_which_source_won() {
    let folder = Folder::new();
    let file = folder.file(
        "orders.toml",
        "[producer]\nbootstrap.servers = \"in-file:9092\"\nlinger.ms = 1\nacks = \"all\"\nbatch.size = 1000\nssl.key.password = \"hunter2\"\n",
    );
    let mut explain = command(arguments!["config", "explain", file, "--set", "batch.size=3000"]);
    explain.env("OTTLA_BATCH_SIZE", "2000").env("OTTLA_LINGER_MS", "2").env("KAFKA_BOOTSTRAP_SERVERS", "in-environment:9092");
    let ended = end(explain.spawn().unwrap()).with(0);
    let row = |name: &str| {
        let row = ended.stdout.lines().find(|line| line.split_whitespace().next() == Some(name));
        row.unwrap_or_else(|| panic!("{name} is not in\n{}", ended.stdout)).split_whitespace().take(3).collect::<Vec<_>>()
    };
    assert_eq!(row("batch.size"), ["batch.size", "3000", "--set"]);
    assert_eq!(row("linger.ms"), ["linger.ms", "2", "OTTLA_LINGER_MS"]);
    assert_eq!(row("bootstrap.servers"), ["bootstrap.servers", "in-environment:9092", "KAFKA_BOOTSTRAP_SERVERS"]);
    assert_eq!(row("acks")[..2], ["acks", "all"]);
    assert!(row("acks")[2].ends_with("orders.toml:4"), "{:?}", row("acks"));
    assert_eq!(row("max.block.ms"), ["max.block.ms", "60000", "default"]);
    assert!(!ended.stdout.contains("hunter2") && ended.stdout.contains("[hidden]"), "{}", ended.stdout);
}

#[test]
fn a_misspelt_variable_is_an_error() {
    let folder = Folder::new();
    let file = folder.file("orders.properties", "bootstrap.servers=localhost:9092\n");
    let mut check = command(arguments!["config", "check", file]);
    check.env("OTTLA_LIGER_MS", "5");
    end(check.spawn().unwrap()).with(2).saying(&["OTTLA_LIGER_MS", "OTTLA_LINGER_MS"]);
}

#[test]
fn a_file_may_be_about_a_consumer() {
    let folder = Folder::new();
    let both = "[producer]\nbootstrap.servers = \"localhost:9092\"\nlinger.ms = 1\n[consumer]\ngroup.id = \"billing\"\n";
    let file = folder.file("both.toml", both);
    run(arguments!["config", "check", file.clone()]).with(0);
    let flags = ["--set", "max.poll.records=7", "--set", "client.id=both", "--set", "consumer.client.id=reader"];
    let mut explain = command(arguments!["config", "explain", file].into_iter().chain(flags.map(Into::into)));
    explain.env("OTTLA_LINGER_MS", "2").env("OTTLA_AUTO_OFFSET_RESET", "earliest").env("OTTLA_CONSUMER_CLIENT_RACK", "here");
    let ended = end(explain.spawn().unwrap()).with(0);
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
        ("client.rack", None, Some("here")),
    ] {
        assert_eq!(row(producer, name).as_deref(), in_producer, "{name}");
        assert_eq!(row(consumer, name).as_deref(), in_consumer, "{name}");
    }
    let bare = folder.file("consumer.properties", "bootstrap.servers=localhost:9092\ngroup.id=billing\n");
    run(arguments!["config", "check", bare.clone()]).with(0);
    run(arguments!["produce", "-c", bare, "--topic", "t", "--input", "-"]).with(2).saying(&["a consumer alone"]);
}

#[test]
fn what_is_wrong_with_a_consumer_s_settings_is_told_as_a_producer_s_is() {
    let folder = Folder::new();
    let text = "[producer]\nbootstrap.servers = \"localhost:9092\"\nmax.poll.records = 1\n[consumer]\nacks = \"all\"\ngroup.ip = \"b\"\n";
    run(arguments!["config", "check", folder.file("both.toml", text)]).with(2).saying(&[
        "both.toml:3: max.poll.records: is a consumer's setting; a producer has no use for it",
        "both.toml:5: acks: is a producer's setting; a consumer has no use for it",
        "both.toml:6: group.ip: unknown setting; did you mean group.id?",
    ]);
    let file = folder.file("rules.toml", "[consumer]\nbootstrap.servers = \"localhost:9092\"\nenable.auto.commit = true\n");
    run(arguments!["config", "check", file.clone()]).with(2).saying(&["rules.toml:3: enable.auto.commit: must not be true"]);
    let set = |flag: &'static str| run(arguments!["config", "explain", file.clone(), "--set", flag]).with(2);
    set("max.poll.records=0").saying(&["--set: max.poll.records: \"0\" is out of range"]);
    set("consumer.linger.ms=1").saying(&["--set: linger.ms: is a producer's setting"]);
    set("grop.id=g").saying(&["--set: grop.id: unknown setting"]);
}
