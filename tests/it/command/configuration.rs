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
