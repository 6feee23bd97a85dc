//! The table `[record]` in `ottla config check` and `ottla config explain`.

use ottla_test_support::folder::Folder;

use super::run;
use crate::arguments;

const HEAD: &str = "[producer]\nbootstrap.servers = \"127.0.0.1:1\"\n";

#[test]
fn mistakes_are_found_before_the_brokers_are_asked() {
    let folder = Folder::new();
    folder.file("orders.csv", "id,name\n1,a\n");
    folder.file("orders.jsonl", "{}\n");
    folder.file("orders.txt", "a\n");
    for (input, settings, error) in [
        ("orders.csv", "key = \"{idd}\"", "job.toml:7: record.key: the input has no column `idd`; did you mean id?"),
        ("orders.csv", "key = \"{zebra}\"", "job.toml:7: record.key: the input has no column `zebra`; its columns are id, name"),
        (
            "orders.csv",
            "value_fields = [\"id\", \"nam\"]",
            "record.value_fields: the input has no column `nam`; did you mean name?",
        ),
        ("orders.csv", "value_without = [\"x\"]", "record.value_without: the input has no column `x`"),
        ("orders.csv", "tombstone_field = \"x\"", "record.tombstone_field: the input has no column `x`"),
        ("orders.csv", "types.x = \"long\"", "job.toml:7: record.types.x: the input has no column `x`"),
        ("orders.csv", "headers.h = \"{x}\"", "job.toml:7: record.headers.h: the input has no column `x`"),
        ("orders.csv", "key = \"{id\"", "job.toml:7: record.key: has an unclosed `{` at byte 1; write {{ for a brace"),
        ("orders.csv", "kay = \"{id}\"", "job.toml:7: record.kay: unknown setting; did you mean record.key?"),
        (
            "orders.csv",
            "timestamp = \"{id}\"\ntimestamp_format = \"iso\"",
            "job.toml:8: record.timestamp_format: must be one of rfc3339",
        ),
        (
            "orders.csv",
            "timestamp = \"{id}\"\ntimestamp_format = \"%F\"\ntimestamp_zone = \"Mars\"",
            "job.toml:9: record.timestamp_zone: unknown time zone",
        ),
        ("orders.csv", "partition = \"one\"", "job.toml:7: record.partition: is not a partition number"),
        ("orders.csv", "topic = \"orders\"", "job.toml:7: record.topic: the file also has the setting topic; remove one of them"),
        (
            "orders.csv",
            "topic = \"o-{id}\"",
            "job.toml:7: record.topic: comes from data, which must not address an arbitrary topic",
        ),
        (
            "orders.csv",
            "tombstone_markers = [\"\"]",
            "job.toml:7: record.tombstone_markers: applies only to a value that is a text",
        ),
        ("orders.jsonl", "types = \"infer\"", "job.toml:7: record.types: applies only to csv input; remove it"),
        (
            "orders.txt",
            "key = \"{id}\"",
            "job.toml:7: record.key: needs fields, which lines and records do not have; use csv, jsonl or json input",
        ),
    ] {
        let text = format!("topic = \"orders\"\n{HEAD}[input]\npath = \"{input}\"\n[record]\n{settings}\n");
        let file = folder.file("job.toml", text);
        run(arguments!["config", "check", file.clone()]).with(2).saying(&[error]);
        run(arguments!["produce", "-c", file, "--set", "max.block.ms=1"]).with(2).saying(&[error]);
    }
    let both = format!("topic = \"orders\"\n{HEAD}[input]\nkey = \"id\"\n[record]\nkey = \"{{id}}\"\n");
    run(arguments!["config", "check", folder.file("job.toml", both)])
        .with(2)
        .saying(&["job.toml:7: record.key: the file also has input.key; remove one of them"]);
}

#[test]
fn schemas_for_topics_from_data_are_files() {
    let folder = Folder::new();
    folder.file("order.avsc", "\"string\"");
    let file = |topics: &str, schema: &str| {
        let record = format!("[record]\ntopic = \"orders-{{id}}\"\ntopics = [{topics}]\n");
        let registry = "[schema.registry]\nurl = \"http://localhost:1\"\n";
        folder.file("job.toml", format!("{HEAD}{record}{registry}[value]\nserializer = \"avro\"\n{schema}"))
    };
    let schema = "schema = \"order.avsc\"\n";
    for (topics, schema) in [("\"orders-1\"", ""), ("\"orders-*\"", schema)] {
        run(arguments!["config", "check", file(topics, schema)])
            .with(2)
            .saying(&["a schema for topics from data must be a file"]);
    }
    run(arguments!["config", "check", file("\"orders-1\", \"orders-*\"", schema)]).with(0);
}

#[test]
fn explain_shows_the_commands_settings_without_the_texts_of_headers() {
    let folder = Folder::new();
    let file = folder.file(
        "job.toml",
        format!(
            "topic = \"orders\"\n{HEAD}[record]\nkey = \"{{id}}\"\ntombstone_field = \"gone\"\n[record.headers]\ntoken = \"hunter2\"\n\
             carrier = \"{{carrier}}\"\n"
        ),
    );
    let ended = run(arguments!["config", "explain", file]).with(0);
    assert!(!ended.stdout.contains("hunter2"), "{}", ended.stdout);
    let table: Vec<&str> = ended.stdout.split_once("\n[record] ").unwrap().1.lines().skip(1).collect();
    let words = table.iter().map(|row| row.split_whitespace().collect::<Vec<_>>());
    let rows: Vec<(&str, &str, bool)> = words.map(|words| (words[0], words[1], words[2].contains("job.toml:"))).collect();
    assert_eq!(
        rows,
        [
            ("key", "\"{id}\"", true),
            ("tombstone_field", "\"gone\"", true),
            ("headers.token", "[hidden]", true),
            ("headers.carrier", "\"{carrier}\"", true),
        ]
    );
}

#[test]
fn explain_shows_placeholders_and_not_their_text() {
    let folder = Folder::new();
    let head = "topic = \"orders\"\n[producer]\nbootstrap.servers = \"127.0.0.1:1\"\n";
    let settings = "[input]\nkey = \"${PATH}\"\n[record]\nvalue = \"a ${PATH}\"\n";
    let file = folder.file("orders.toml", format!("{head}{settings}"));
    let explained = run(arguments!["config", "explain", file]).stdout;
    assert!(explained.contains("\"${PATH}\"") && explained.contains("\"a ${PATH}\""), "{explained}");
    assert!(!explained.contains(&std::env::var("PATH").unwrap()), "{explained}");
}

#[test]
fn a_schema_of_one_subject_does_not_apply_to_topics_from_data() {
    let folder = Folder::new();
    folder.file("order.avsc", "\"string\"");
    let head = "[producer]\nbootstrap.servers = \"127.0.0.1:1\"\n[record]\ntopic = \"{t}\"\ntopics = [\"orders\"]\n[value]\n\
                serializer = \"avro\"\nschema = \"order.avsc\"\n[schema.registry]\nurl = \"http://127.0.0.1:1\"\n";
    let check = |setting: &str| {
        let file = folder.file("orders.toml", format!("{head}{setting}\n"));
        run(arguments!["config", "check", file])
    };
    check("use.latest.version = true").with(2).saying(&["use.latest.version: takes the schema from the registry"]);
    check("use.schema.id = 7").with(2).saying(&["use.schema.id: takes the schema from the registry"]);
    check("use.latest.version = false").with(0);
}
