//! The table `[record]`: where the parts of each record come from.

use ottla::testing::EmbeddedKafka;
use ottla_test_support::{folder::Folder, log::Found};
use serde_json::{Value, json};

use crate::{
    arguments,
    command::{Ended, run, run_with_stdin},
    flights::Flights,
    log,
};

/// A broker, and a folder for files.
struct Place {
    kafka: EmbeddedKafka,
    folder: Folder,
}

impl Place {
    /// A broker with these topics of 3 partitions.
    fn new(topics: &[&str]) -> Self {
        let kafka = topics.iter().fold(EmbeddedKafka::builder(), |kafka, topic| kafka.topic(*topic, 3)).start().unwrap();
        Self { kafka, folder: Folder::new() }
    }

    /// Writes a configuration with these settings of the command.
    fn config(&self, settings: &str) -> std::path::PathBuf {
        let servers = self.kafka.bootstrap_servers();
        self.folder.file(
            "job.toml",
            format!("[producer]\nbootstrap.servers = \"{servers}\"\nlinger.ms = 0\nmax.block.ms = 10000\n{settings}"),
        )
    }

    /// Produces the input `input.csv` or `input.jsonl` with these settings of the command.
    fn produce(&self, name: &str, input: &str, settings: &str) -> Ended {
        let input = self.folder.file(name, input);
        let dead = self.folder.path("dead.jsonl");
        run(arguments!["produce", "-c", self.config(settings), "--input", input, "--dead-letter", dead, "--report", "json"])
    }

    /// The records of a topic, ordered by partition and offset.
    fn records(&self, topic: &str) -> Vec<Found> {
        log::read(self.kafka.bootstrap_servers(), topic)
    }

    fn values(&self, topic: &str) -> Vec<Option<String>> {
        let values = self.records(topic).into_iter().map(|record| record.value);
        values.map(|value| value.map(|value| String::from_utf8(value).unwrap())).collect()
    }

    /// The dead letters: line, kind, field and message.
    fn letters(&self) -> Vec<(u64, String, Option<String>, String)> {
        let letters = std::fs::read_to_string(self.folder.path("dead.jsonl")).unwrap_or_default();
        let letters = letters.lines().map(|letter| serde_json::from_str::<Value>(letter).unwrap());
        let text = |value: &Value| value.as_str().map(str::to_owned);
        letters
            .map(|letter| {
                let [kind, message] = ["kind", "message"].map(|name| text(&letter[name]).unwrap());
                (letter["line"].as_u64().unwrap(), kind, text(&letter["field"]), message)
            })
            .collect()
    }
}

fn letter(line: u64, kind: &str, field: &str, message: &str) -> (u64, String, Option<String>, String) {
    (line, kind.to_owned(), Some(field.to_owned()), message.to_owned())
}

fn text(bytes: Option<&Vec<u8>>) -> Option<&str> {
    bytes.map(|bytes| std::str::from_utf8(bytes).unwrap())
}

#[test]
fn flights_have_key_timestamp_headers_topic_and_typed_values_of_their_row() {
    let flights = Flights::read("flights");
    let place = Place::new(&flights.topics().iter().map(String::as_str).collect::<Vec<_>>());
    flights.produce_and_compare(place.kafka.bootstrap_servers());
}

#[test]
fn rows_for_a_topic_that_does_not_exist_are_dead_letters_and_delay_no_others() {
    let place = Place::new(&["orders-eu"]);
    let rows: String = (0..40).map(|n| format!("{n},{}\n", if n % 2 == 0 { "eu" } else { "us" })).collect();
    let settings =
        "librdkafka.allow.auto.create.topics = false\n[record]\ntopic = \"orders-{region}\"\ntopics = [\"orders-*\"]\n";
    let ended = place.produce("input.csv", &format!("id,region\n{rows}"), settings);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert_eq!(place.values("orders-eu").len(), 20);
    let letters = place.letters();
    assert_eq!(letters.len(), 20);
    let message = "topic: the text with the field `region` is the topic orders-us, which does not exist; create it, and send the dead \
                   letters again";
    assert_eq!(letters[0], letter(3, "InvalidTopic", "region", message));
}

#[test]
fn a_timestamp_in_another_unit_and_a_name_that_is_no_text_are_dead_letters() {
    let place = Place::new(&["orders"]);
    let rows = "{\"id\":1,\"time\":1357034400000}\n{\"id\":2,\"time\":1357034400000000}\n\
                {\"id\":3,\"\\ud800\":0,\"time\":1357034400000}\n";
    let settings = "[record]\ntopic = \"orders\"\ntimestamp = \"{time}\"\ntimestamp_format = \"unix-ms\"\n";
    let ended = place.produce("input.jsonl", rows, settings);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert_eq!(place.values("orders").len(), 1);
    let letters: Vec<_> = place.letters().into_iter().map(|(line, kind, ..)| (line, kind)).collect();
    assert_eq!(letters, [(2, "InvalidTimestamp".to_owned()), (3, "InvalidJson".to_owned())]);
}

#[test]
fn a_part_that_cannot_be_produced_makes_a_dead_letter_with_part_and_field() {
    let place = Place::new(&["orders-eu", "orders-us"]);
    let row = |name: &str, value: Value| {
        let mut row =
            json!({"region": "eu", "id": "o", "shard": 2, "time": 1_357_034_400, "meta": {"who": "me"}, "payload": "p"});
        row[name] = value;
        row.to_string() + "\n"
    };
    let rows = [
        row("id", json!("good")),
        row("region", json!("asia")),
        row("region", json!("../eu")),
        row("region", Value::Null),
        row("id", json!({"a": 1})),
        row("shard", json!(3)),
        row("shard", json!("x")),
        row("time", json!("2013-01-01T10:00:00Z")),
        row("time", json!(0)),
        row("meta", json!({"who": [1]})),
        row("meta", json!({})),
        "{\"region\":\"eu\",\"shard\":0,\"time\":1}\n".to_owned(),
        "{\"region\":\"eu\",\"id\":\"o\",\"shard\":0,\"time\":1,\"meta\":{\"who\":null}}\n".to_owned(),
    ];
    let settings = "[record]\ntopic = \"orders-{region}\"\ntopics = [\"orders-eu\", \"orders-us\"]\nkey = \"{id}\"\n\
                    partition = \"{shard}\"\ntimestamp = \"{time}\"\ntimestamp_format = \"unix-s\"\nvalue = \"{payload}\"\n\
                    [record.headers]\nwho = \"{meta.who}\"\n";
    let ended = place.produce("input.jsonl", &rows.concat(), settings).with(1);
    assert_eq!(ended.report()["acknowledged"], json!(1));
    let not_allowed =
        "topic: the text with the field `region` is not in record.topics; correct the field, or add the topic there";
    assert_eq!(
        place.letters(),
        [
            letter(2, "InvalidTopic", "region", not_allowed),
            letter(3, "InvalidTopic", "region", not_allowed),
            letter(4, "InvalidTopic", "region", "topic: the field `region` is null"),
            letter(5, "InvalidKey", "id", "key: the field `id` is an object; it must be a string, a number or a boolean"),
            letter(
                6,
                "InvalidPartition",
                "shard",
                "partition: the field `shard` is out of range; topic orders-eu has 3 partitions, counted from 0"
            ),
            letter(7, "InvalidPartition", "shard", "partition: the field `shard` is not a partition number, which is 0 or more"),
            letter(
                8,
                "InvalidTimestamp",
                "time",
                "timestamp: the field `time` is not a number of seconds since 1970; correct it, or set record.timestamp_format"
            ),
            letter(9, "InvalidTimestamp", "time", "timestamp: the field `time` is not after 1970-01-01"),
            letter(
                10,
                "InvalidHeader",
                "meta.who",
                "header who: the field `meta.who` is an array; it must be a string, a number or a boolean"
            ),
            letter(11, "InvalidHeader", "meta.who", "header who: the field `meta.who` is missing"),
            letter(12, "MissingKey", "id", "key: the field `id` is missing"),
            letter(13, "InvalidValue", "payload", "value: the field `payload` is missing"),
        ]
    );
    let records = place.records("orders-eu");
    let [record] = &records[..] else { panic!("{records:?}") };
    assert_eq!((record.partition, record.timestamp), (2, Some(1_357_034_400_000)));
    assert_eq!((text(record.key.as_ref()), record.value_text()), (Some("good"), "p"));
    assert_eq!(record.headers, [("who".to_owned(), Some(b"me".to_vec()))]);
    assert_eq!(place.records("orders-us"), []);
}

#[test]
fn values_are_some_fields_or_a_text() {
    let rows = "{\"id\": 7, \"a\": {\"b\": [1, \"x\"]}, \"c\": \"é\\n\", \"n\": null}\n";
    for (settings, wanted) in [
        ("value_fields = [\"c\", \"a.b\"]", Some("{\"c\":\"é\\n\",\"a.b\":[1, \"x\"]}")),
        ("value_without = [\"a\", \"n\", \"none\"]", Some("{\"id\":7,\"c\":\"é\\n\"}")),
        ("value = \"{a}\"", Some("{\"b\": [1, \"x\"]}")),
        ("value = \"{/a/b/1}: {c}\"", Some("x: é\n")),
        ("value = \"{n}\"", None),
        ("key_fields = [\"id\", \"c\"]\nvalue = \"{{}}\"", Some("{}")),
    ] {
        let place = Place::new(&["orders"]);
        place.produce("input.jsonl", rows, &format!("[record]\ntopic = \"orders\"\n{settings}\n")).with(0);
        assert_eq!(place.values("orders"), [wanted.map(str::to_owned)], "{settings}");
        let key = text(place.records("orders")[0].key.as_ref()).map(str::to_owned);
        assert_eq!(key.as_deref(), settings.starts_with("key").then_some("{\"id\":7,\"c\":\"é\\n\"}"), "{settings}");
    }
}

#[test]
fn columns_have_types() {
    let rows = "id,distance,delayed,name\n1,1400,true,007\n2,NA,false,x\n3,far,true,y\n4,5,maybe,z\n";
    for (settings, wanted, letters) in [
        (
            "[record.types]\ndistance = \"long\"\ndelayed = \"boolean\"\n",
            &[
                "{\"id\":\"1\",\"distance\":1400,\"delayed\":true,\"name\":\"007\"}",
                "{\"id\":\"2\",\"distance\":null,\"delayed\":false,\"name\":\"x\"}",
            ][..],
            vec![
                letter(4, "InvalidValue", "distance", "value: the field `distance` is not a long (an integer of 64 bits)"),
                letter(5, "InvalidValue", "delayed", "value: the field `delayed` is not true or false"),
            ],
        ),
        (
            "[record]\ntypes = \"infer\"\nvalue_without = [\"id\"]\n",
            &[
                "{\"distance\":1400,\"delayed\":true,\"name\":\"007\"}",
                "{\"distance\":null,\"delayed\":false,\"name\":\"x\"}",
                "{\"distance\":\"far\",\"delayed\":true,\"name\":\"y\"}",
                "{\"distance\":5,\"delayed\":\"maybe\",\"name\":\"z\"}",
            ],
            vec![],
        ),
        (
            "[record]\nvalue_fields = [\"name\", \"distance\"]\n[record.types]\ndistance = \"json\"\n",
            &["{\"name\":\"007\",\"distance\":1400}", "{\"name\":\"x\",\"distance\":null}", "{\"name\":\"z\",\"distance\":5}"],
            vec![letter(4, "InvalidValue", "distance", "value: the field `distance` is not JSON")],
        ),
    ] {
        let place = Place::new(&["orders"]);
        let one_partition = if settings.starts_with("[record]") { "partition = 0\n" } else { "[record]\npartition = 0\n" };
        let settings = match settings.strip_prefix("[record]\n") {
            Some(rest) => format!("[record]\ntopic = \"orders\"\n{one_partition}{rest}"),
            None => format!("{one_partition}topic = \"orders\"\n{settings}"),
        };
        let ended = place.produce("input.csv", rows, &format!("[input]\nnull = \"NA\"\n{settings}"));
        ended.with(i32::from(!letters.is_empty()));
        assert_eq!(place.values("orders").into_iter().flatten().collect::<Vec<_>>(), wanted, "{settings}");
        assert_eq!(place.letters(), letters, "{settings}");
    }
}

#[test]
fn malformed_csv_rows_are_dead_letters_when_values_are_made_of_columns() {
    let place = Place::new(&["orders"]);
    let input = place.folder.file("input.csv", b"id,name\n1,a\n2,b,c\n3,\xff\n4,\xc3\n".as_slice());
    let dead = place.folder.path("dead.jsonl");
    let config = place.config("[record]\ntopic = \"orders\"\nvalue_fields = [\"name\"]\n");
    run(arguments!["produce", "-c", config, "--input", input, "--dead-letter", dead, "--report", "json"]).with(1);
    let kinds: Vec<_> = place.letters().into_iter().map(|(line, kind, field, _)| (line, kind, field)).collect();
    let name = Some("name".to_owned());
    assert_eq!(
        kinds,
        [(3, "ColumnCount".to_owned(), None), (4, "InvalidUtf8".to_owned(), name.clone()), (5, "InvalidUtf8".to_owned(), name)]
    );
    assert_eq!(place.values("orders"), [Some("{\"name\":\"a\"}".to_owned())]);
}

#[test]
fn some_rows_are_tombstones() {
    let rows = "{\"id\": 1, \"op\": \"u\", \"v\": \"a\"}\n{\"id\": 2, \"op\": \"d\", \"v\": \"b\"}\n{\"id\": 3, \"v\": \"\", \"gone\": true}\n";
    let [first, second, third] = ["a", "b", ""].map(|value| Some(value.to_owned()));
    for (settings, wanted) in [
        ("tombstone_field = \"op\"\ntombstone_values = [\"d\", \"delete\"]", [first.clone(), None, third.clone()]),
        ("tombstone_field = \"gone\"", [first.clone(), second.clone(), None]),
        ("tombstone_markers = [\"\"]", [first.clone(), second.clone(), None]),
        ("tombstone_markers = [\"a\", \"b\"]", [None, None, third]),
    ] {
        let place = Place::new(&["orders"]);
        let settings = format!("[record]\ntopic = \"orders\"\npartition = 1\nkey = \"{{id}}\"\nvalue = \"{{v}}\"\n{settings}\n");
        place.produce("input.jsonl", rows, &settings).with(0);
        assert_eq!(place.values("orders"), wanted, "{settings}");
    }
}

#[test]
fn lines_have_constants_and_markers() {
    let place = Place::new(&["orders"]);
    let config = place.config(
        "[record]\ntopic = \"orders\"\nkey = \"{{k}}\"\npartition = 2\ntimestamp = \"2013-01-01T10:00:00Z\"\n\
         tombstone_markers = [\"\", \"NULL\"]\n[record.headers]\n\"a.b\" = \"x\"\n",
    );
    run_with_stdin(arguments!["produce", "-c", config, "--input", "-"], b"one\n\nNULL\nNULLS\n").with(0);
    let records = place.records("orders");
    let values: Vec<_> = records.iter().map(|record| text(record.value.as_ref())).collect();
    assert_eq!(values, [Some("one"), None, None, Some("NULLS")]);
    for record in &records {
        assert_eq!((record.partition, record.timestamp), (2, Some(1_357_034_400_000)));
        assert_eq!((text(record.key.as_ref()), &*record.headers), (Some("{k}"), &[("a.b".to_owned(), Some(b"x".to_vec()))][..]));
    }
}

#[test]
fn flags_override_topic_and_key() {
    let place = Place::new(&["orders", "others"]);
    let config = place.config("[record]\ntopic = \"orders-{id}\"\ntopics = [\"orders-*\"]\nkey = \"{none}\"\n");
    let input = place.folder.file("input.csv", "id,name\n1,a\n");
    run(arguments!["produce", "-c", config, "--input", input, "--topic", "others", "--key-field", "name"]).with(0);
    let records = place.records("others");
    assert_eq!(records.iter().map(|record| text(record.key.as_ref())).collect::<Vec<_>>(), [Some("a")]);
    run(arguments!["produce", "-c", config, "--input", input, "--embedded"])
        .with(2)
        .saying(&["--embedded: starts a broker with one topic, but the topic comes from data"]);
}

#[test]
fn serializers_apply_to_the_parts() {
    let place = Place::new(&["orders"]);
    let settings = "[record]\ntopic = \"orders\"\nkey = \"{id}\"\nvalue = \"{count}\"\n[key]\nserializer = \"integer\"\n\
                    [value]\nserializer = \"long\"\n";
    let rows = "id,count\n1,258\nx,1\n2,many\n";
    place.produce("input.csv", rows, settings).with(1);
    let records = place.records("orders");
    assert_eq!(records.len(), 1);
    assert_eq!((&records[0].key, &records[0].value), (&Some(vec![0, 0, 0, 1]), &Some(vec![0, 0, 0, 0, 0, 0, 1, 2])));
    let kinds: Vec<_> = place.letters().into_iter().map(|(line, kind, field, _)| (line, kind, field)).collect();
    assert_eq!(kinds, [(3, "Serialization".to_owned(), Some("id".to_owned())), (4, "Serialization".to_owned(), None)]);
}

#[test]
fn a_constant_partition_that_the_topic_does_not_have_is_found_before_the_first_record() {
    let place = Place::new(&["orders"]);
    place
        .produce("input.csv", "id\n1\n", "[record]\ntopic = \"orders\"\npartition = 3\n")
        .with(2)
        .saying(&["job.toml:7: record.partition: is out of range; topic orders has 3 partitions, counted from 0"]);
    assert_eq!(place.records("orders"), []);
}
