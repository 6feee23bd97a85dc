//! The flags that need no configuration file, as users of kcat type them.

use serde_json::json;

use super::Place;
use crate::{
    arguments,
    command::{run, run_with_stdin},
    log,
};

#[test]
fn stdin_is_sent_without_a_configuration() {
    let place = Place::new(2);
    let servers = place.kafka.bootstrap_servers();
    let produce = |flags: &[&str], lines: &str| {
        let arguments = ["produce", "-b", servers, "-t", "orders"];
        run_with_stdin(arguments.into_iter().chain(flags.iter().copied()), lines.as_bytes()).with(0)
    };
    produce(&["-p", "1", "-k", "{k}", "-H", "a=1", "-H", "b={2}=", "-Z"], "one\n\n");
    produce(&["-p1", "-K:"], "id:two\nthree\n:four\n");
    produce(&["-p", "0", "--set", "acks=1"], "\n");
    let found = log::read(servers, "orders");
    let text = |bytes: &Option<Vec<u8>>| bytes.as_ref().map(|bytes| String::from_utf8(bytes.clone()).unwrap());
    let records: Vec<_> = found.iter().map(|record| (record.partition, text(&record.key), text(&record.value))).collect();
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        records,
        [
            (0, None, some("")),
            (1, some("{k}"), some("one")),
            (1, some("{k}"), None),
            (1, some("id"), some("two")),
            (1, None, some("three")),
            (1, some(""), some("four")),
        ]
    );
    let header = |name: &str, value: &str| (name.to_owned(), Some(value.as_bytes().to_vec()));
    assert_eq!(found[1].headers, [header("a", "1"), header("b", "{2}=")]);
    let consumed = run(["consume", "-b", servers, "-t", "orders", "--from-beginning", "--max", "6", "--format", "lines"]).with(0);
    let mut lines: Vec<_> = consumed.stdout.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["", "", "four", "one", "three", "two"]);
    assert_eq!(consumed.stderr, "");
}

#[test]
fn flags_override_the_file() {
    let place = Place::new(2);
    let servers = place.kafka.bootstrap_servers();
    let file = place.folder.file(
        "orders.toml",
        "topic = \"orders\"\n[producer]\nbootstrap.servers = \"127.0.0.1:1\"\nmax.block.ms = 20000\n[input]\npath = \"orders.jsonl\"\n\
         [record]\nkey = \"{id}\"\npartition = \"{p}\"\n[record.headers]\na = \"file\"\nb = \"{id}\"\n",
    );
    place.folder.file("orders.jsonl", "{\"id\":1,\"p\":0}\n");
    run(arguments!["produce", "-c", file, "-b", servers, "-k", "flag", "-p", "1", "-H", "a=flag"]).with(0);
    let found = log::read(servers, "orders");
    assert_eq!((found[0].partition, found[0].key.as_deref()), (1, Some(&b"flag"[..])));
    let header = |name: &str, value: &str| (name.to_owned(), Some(value.as_bytes().to_vec()));
    assert_eq!(found[0].headers, [header("b", "1"), header("a", "flag")]);
    for (flags, error) in [
        (&["-p", "2"][..], "--partition: is out of range; topic orders has 2 partitions, counted from 0"),
        (&["-Z"], "--null-empty: applies only to a value that is a text"),
        (&["-K", ":"], "--key-separator: applies only to lines, but the format is jsonl; use --key-field"),
        (&["-K", ""], "--key-separator: must not be empty"),
    ] {
        let arguments = arguments!["produce", "-c", file, "-b", servers];
        run(arguments.into_iter().chain(flags.iter().map(Into::into))).with(2).saying(&[error]);
    }
}

#[test]
fn a_dry_run_shows_the_records_that_a_run_sends() {
    let place = Place::new(1);
    let servers = place.kafka.bootstrap_servers();
    let file = place.folder.file(
        "orders.toml",
        format!(
            "topic = \"orders\"\n[producer]\nbootstrap.servers = \"{servers}\"\n[input]\npath = [\"1.csv\", \"2.csv\"]\n\
             [record]\nkey = \"{{id}}\"\npartition = \"0\"\ntimestamp = \"{{time}}\"\n[record.headers]\nsource = \"{{id}}\"\n"
        ),
    );
    place.folder.file("1.csv", "id,time\n1,2024-01-02T03:04:05Z\n");
    place.folder.file("2.csv", "time,id\n2024-01-02T03:04:06Z,2\n2024-01-02T03:04:07Z,3\n");
    let shown = run(arguments!["produce", "-c", file, "--dry-run", "2"]).with(0);
    assert_eq!(shown.stderr, "");
    run(arguments!["produce", "-c", file, "--limit", "2"]).with(0);
    let consumed = run(arguments!["consume", "-c", file, "--from-beginning", "--max", "2"]).with(0).stdout;
    let without_offset = |line: &str| {
        let mut record: serde_json::Value = serde_json::from_str(line).unwrap();
        record.as_object_mut().unwrap().remove("offset");
        record
    };
    let shown: Vec<_> = shown.stdout.lines().map(without_offset).collect();
    assert_eq!(shown, consumed.lines().map(without_offset).collect::<Vec<_>>());
    assert_eq!(shown[0]["timestamp"], json!(1_704_164_645_000_u64));
}
