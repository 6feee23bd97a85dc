//! The format `record`: what `ottla consume` writes, `ottla produce` sends.

use ottla::testing::EmbeddedKafka;
use ottla_test_support::folder::Folder;
use serde_json::json;

use crate::{
    arguments,
    command::{run, run_with_stdin},
    log::{self, Found},
};

/// Records with each kind of null, byte, header and timestamp.
const RECORDS: &str = r#"{"topic":"orders","partition":1,"offset":7,"timestamp":1,"timestamp_type":"CreateTime","key":null,"value":null,"headers":[]}
{"topic":"orders","partition":0,"timestamp":1700000000000,"key":"","value":"","headers":[{"key":"h","value":""},{"key":"h","value":null},{"key":"","value":"/w==","encoding":"base64"}]}
{"topic":"orders","partition":1,"timestamp":253402300799999,"key":"/gA=","key_encoding":"base64","value":"é\u0000\n\"","headers":[]}
"#;

struct Place {
    kafka: EmbeddedKafka,
    folder: Folder,
}

impl Place {
    fn new() -> Self {
        let kafka = EmbeddedKafka::builder().topic("orders", 2).topic("copies", 2).topic("single", 1).start().unwrap();
        Self { kafka, folder: Folder::new() }
    }

    fn servers(&self) -> &str {
        self.kafka.bootstrap_servers()
    }

    fn produce(&self, topic: &str, more: &[&str], lines: &str) -> crate::command::Ended {
        let arguments = ["produce", "-b", self.servers(), "-t", topic, "--format", "record", "--report", "json"];
        run_with_stdin(arguments.into_iter().chain(more.iter().copied()), lines.as_bytes())
    }

    fn consume(&self, topic: &str, records: &str) -> String {
        let arguments =
            ["consume", "-b", self.servers(), "-t", topic, "--from-beginning", "--format", "record", "--max", records];
        run(arguments).with(0).stdout
    }

    /// The records of a topic without their offsets, which may differ.
    fn found(&self, topic: &str) -> Vec<Found> {
        log::read(self.servers(), topic).into_iter().map(|found| Found { offset: 0, ..found }).collect()
    }
}

#[test]
fn consumed_records_are_produced_unchanged() {
    let place = Place::new();
    place.produce("orders", &[], RECORDS).with(0);
    let found = place.found("orders");
    assert_eq!(found.iter().map(|found| found.partition).collect::<Vec<_>>(), [0, 1, 1]);
    let headers = [("h", Some(&b""[..])), ("h", None), ("", Some(b"\xff"))];
    assert_eq!(found[0].headers, headers.map(|(name, value)| (name.to_owned(), value.map(<[u8]>::to_vec))));
    assert_eq!((&found[1].key, &found[1].value, found[1].timestamp), (&None, &None, Some(1)));
    assert_eq!((found[2].key.as_deref(), found[2].value.as_deref()), (Some(&b"\xfe\x00"[..]), Some("é\0\n\"".as_bytes())));

    let text = place.consume("orders", "3");
    assert!(text.contains(r#""timestamp_type":"CreateTime""#), "{text}");
    place.produce("copies", &[], &text).with(0);
    assert_eq!(place.found("copies"), found);
    assert_eq!(place.consume("copies", "3").replace("\"copies\"", "\"orders\"").lines().count(), 3);
}

#[test]
fn a_partition_that_the_topic_does_not_have_is_kept_only_on_request() {
    let place = Place::new();
    let letters = place.folder.path("dead.jsonl");
    let report = place.produce("single", &["--dead-letter", letters.to_str().unwrap()], RECORDS).with(1).report();
    assert_eq!((&report["acknowledged"], &report["errors"]), (&json!(1), &json!({"InvalidPartition": 2})));
    let letters = std::fs::read_to_string(letters).unwrap();
    assert!(
        letters.contains("the record's partition is out of range; topic single has 1 partitions, counted from 0; keep = "),
        "{letters}"
    );
    assert_eq!(place.produce("single", &["--keep", "none"], RECORDS).with(0).report()["acknowledged"], json!(3));
    // A flag sets the partition of every record.
    assert_eq!(place.produce("single", &["-p", "0"], RECORDS).with(0).report()["acknowledged"], json!(3));
}

#[test]
fn records_keep_their_topic_if_it_is_allowed() {
    let place = Place::new();
    let servers = place.servers();
    let config = |topics: &str| {
        let text = format!(
            "[producer]\nbootstrap.servers = \"{servers}\"\n[input]\nformat = \"record\"\nkeep = [\"topic\", \"partition\"]\n{topics}"
        );
        place.folder.file("copy.toml", text)
    };
    let refused = config("");
    run(arguments!["config", "check", refused]).with(2).saying(&["copy.toml: input.keep: with `topic`, data must not address"]);
    let allowed = config("[record]\ntopics = [\"orders\", \"copies\"]\n");
    run(arguments!["config", "check", allowed]).with(0);
    let lines = format!("{RECORDS}{}", RECORDS.lines().next().unwrap().replace("orders", "single"));
    let ended = run_with_stdin(arguments!["produce", "-c", allowed, "--report", "json"], lines.as_bytes()).with(1);
    assert_eq!(ended.report()["errors"], json!({"InvalidTopic": 1}));
    ended.saying(&["the record's topic is not in record.topics"]);
    assert_eq!(place.found("orders").len(), 3);
    // A flag decides for all records.
    run_with_stdin(arguments!["produce", "-c", allowed, "-t", "single", "--keep", "topic"], lines.as_bytes()).with(0);
    assert_eq!(place.found("single").len(), 4);
}

#[test]
fn serialized_records_are_not_serialized_again_and_parts_can_be_replaced() {
    let place = Place::new();
    let text = format!(
        "topic = \"copies\"\n[producer]\nbootstrap.servers = \"{}\"\n[key]\nserializer = \"json\"\n[value]\nserializer = \"avro\"\n\
         schema = \"none.avsc\"\n[record.headers]\nsource = \"copy\"\n",
        place.servers()
    );
    let config = place.folder.file("copy.toml", text);
    let arguments = arguments!["produce", "-c", config, "--input", "-", "--format", "record", "-k", "new"];
    run_with_stdin(arguments, RECORDS.lines().nth(1).unwrap().as_bytes())
        .with(0)
        .saying(&["format record: [value] serializer = \"avro\"", "records are sent unchanged"]);
    let found = place.found("copies");
    assert_eq!((found[0].key.as_deref(), found[0].value.as_deref()), (Some(&b"new"[..]), Some(&b""[..])));
    assert_eq!(found[0].headers.last(), Some(&("source".to_owned(), Some(b"copy".to_vec()))));
}

#[test]
fn a_dry_run_writes_records() {
    let place = Place::new();
    let shown =
        run_with_stdin(["produce", "-b", "127.0.0.1:1", "-t", "orders", "-K", ":", "--dry-run", "2"], b"a:1\nb:2\n").with(0);
    place.produce("orders", &[], &shown.stdout).with(0);
    let mut values: Vec<_> = place.found("orders").into_iter().map(|found| (found.key, found.value)).collect();
    values.sort();
    let bytes = |text: &str| Some(text.as_bytes().to_vec());
    assert_eq!(values, [(bytes("a"), bytes("1")), (bytes("b"), bytes("2"))]);
}

#[test]
fn settings_of_other_formats_are_refused() {
    let refused = |flags: &[&str], error: &str| {
        let arguments = ["produce", "-b", "127.0.0.1:1", "-t", "orders"];
        run_with_stdin(arguments.into_iter().chain(flags.iter().copied()), b"").with(2).saying(&[error]);
    };
    refused(&["--keep", "none"], "--keep: applies only to the format record, but the format is lines");
    refused(&["--format", "record", "--keep", "topics"], "must be `partition`, `topic`, a list of both, or `none`");
    run_with_stdin(["produce", "-b", "127.0.0.1:1", "--format", "record", "--keep", "topic"], b"")
        .with(2)
        .saying(&["--keep: with `topic`, data must not address an arbitrary topic"]);
    refused(&["--format", "record", "--key-field", "id"], "records have a key, so `key` does not apply");
}
