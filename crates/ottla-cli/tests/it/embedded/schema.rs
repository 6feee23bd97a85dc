//! `ottla` with a schema registry: typed rows, decoded records, `ottla schema`.

use std::path::{Path, PathBuf};

use ottla_schema_registry::testing::{EmbeddedRegistry, RegistryFault};
use serde_json::{Value, json};

use super::Place;
use crate::{
    arguments,
    command::{Ended, run},
    log,
};

const ORDER: &str = r#"{"type":"record","name":"Order","namespace":"shop","fields":[
    {"name":"id","type":"string"},{"name":"quantity","type":["null","int"]},
    {"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":6,"scale":2}},
    {"name":"day","type":{"type":"int","logicalType":"date"}}]}"#;

/// A broker and a registry.
struct Shop {
    place: Place,
    registry: EmbeddedRegistry,
}

impl Shop {
    fn new() -> Self {
        Self { place: Place::new(1), registry: EmbeddedRegistry::start().unwrap() }
    }

    /// A configuration file whose table `value` has these lines.
    fn job(&self, value: &str) -> PathBuf {
        let text = format!(
            "topic = \"orders\"\n[producer]\nbootstrap.servers = \"{}\"\nmax.block.ms = 10000\n[schema.registry]\nurl = \"{}\"\n\
             max.retries = 0\n[value]\n{value}\n[input]\nkey = \"id\"\n",
            self.place.kafka.bootstrap_servers(),
            self.registry.url()
        );
        self.place.folder.file("job.toml", text)
    }

    /// The same for CSV, with `NA` for null.
    fn job_of_csv(&self, value: &str) -> PathBuf {
        let job = std::fs::read_to_string(self.job(value)).unwrap();
        self.place.folder.file("csv.toml", job + "null = \"NA\"\n")
    }

    fn produce(&self, job: &Path, name: &str, input: &str) -> Ended {
        let (input, dead) = (self.place.folder.file(name, input), self.place.folder.path("dead.jsonl"));
        run(arguments!["produce", "-c", job, "--input", input, "--dead-letter", dead, "--report", "json"])
    }

    fn letters(&self) -> Vec<Value> {
        let letters = std::fs::read_to_string(self.place.folder.path("dead.jsonl")).unwrap();
        letters.lines().map(|letter| serde_json::from_str(letter).unwrap()).collect()
    }

    /// The records as `ottla consume` prints them.
    fn consumed(&self, job: &Path, records: &str) -> Vec<Value> {
        let ended = run(arguments!["consume", "-c", job, "--from-beginning", "--max", records]).with(0);
        ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

#[test]
fn csv_rows_become_avro_and_are_decoded_by_consume() {
    let shop = Shop::new();
    shop.place.folder.file("order.avsc", ORDER);
    let job = shop.job_of_csv("serializer = \"avro\"\nschema = \"order.avsc\"");
    let input =
        "id,quantity,price,day\no-1,3,12.5,2013-01-31\no-2,NA,1,1970-01-01\no-3,many,1,1970-01-01\no-4,1,1.234,1970-01-01\n";
    let ended = shop.produce(&job, "orders.csv", input).with(1);
    assert_eq!(ended.report()["errors"], json!({"Serialization": 2}), "{:?}", shop.letters());
    assert_eq!(ended.report()["acknowledged"], 2);
    let letters = shop.letters();
    assert_eq!((&letters[0]["line"], &letters[0]["field"]), (&json!(4), &json!("quantity")));
    assert_eq!(letters[0]["message"], "`quantity` is not an int (32 bits)");
    assert_eq!(letters[1]["message"], "`price` is not a decimal with at most 6 digits, 2 of them after the point");
    let values: Vec<_> =
        log::read(shop.place.kafka.bootstrap_servers(), "orders").into_iter().map(|found| found.value.unwrap()).collect();
    assert_eq!(values[0], b"\0\0\0\0\x01\x06o-1\x02\x06\x04\x04\xe2\xf0\xf5\x01");
    assert_eq!(shop.registry.requests(), ["POST /subjects/orders-value/versions"]);
    let shown: Vec<_> = shop.consumed(&job, "2").into_iter().map(|record| record["value"].clone()).collect();
    assert_eq!(
        shown,
        [
            json!({"id": "o-1", "quantity": 3, "price": "12.50", "day": "2013-01-31"}),
            json!({"id": "o-2", "quantity": null, "price": "1.00", "day": "1970-01-01"}),
        ]
    );
}

#[test]
fn the_schema_defaults_to_the_latest_version_of_the_subject() {
    let shop = Shop::new();
    let missing = shop.produce(&shop.job("serializer = \"avro\""), "orders.jsonl", "{}\n").with(2);
    missing.saying(&["subject orders-value: not found in the schema registry"]);
    let schema = shop.place.folder.file("order.avsc", ORDER);
    let url = shop.registry.url().to_owned();
    let registered = run(arguments!["schema", "register", schema, "--subject", "orders-value", "--url", url]).with(0);
    assert_eq!(registered.stdout, "orders-value: id 1, version 1\n");
    let job = shop.job("serializer = \"avro\"\nunknown = \"ignore\"");
    shop.produce(&job, "orders.jsonl", "{\"id\":\"o-1\",\"price\":\"1\",\"day\":0,\"more\":1}\n").with(0);
    assert_eq!(shop.consumed(&job, "1")[0]["value"]["day"], "1970-01-01");
}

#[test]
fn rows_become_protobuf_with_imports() {
    let shop = Shop::new();
    shop.place.folder.file("money.proto", "syntax = \"proto3\"; package shop; message Money { int64 cents = 1; }");
    shop.place.folder.file(
        "order.proto",
        "syntax = \"proto3\"; package shop; import \"money.proto\"; import \"google/protobuf/timestamp.proto\";\n\
         message Other {} message Order { string id = 1; Money price = 2; bool paid = 3; google.protobuf.Timestamp at = 4; }",
    );
    let job = shop.job("serializer = \"protobuf\"\nschema = \"order.proto\"\nmessage = \"shop.Order\"");
    let input = "{\"id\":\"o-1\",\"price\":{\"cents\":\"12\"},\"paid\":\"true\",\"at\":\"2013-01-01T10:00:00Z\"}\n\
                 {\"id\":\"o-2\",\"price\":{\"cents\":\"a few\"}}\n";
    shop.produce(&job, "orders.jsonl", input).with(1);
    assert_eq!(
        (&shop.letters()[0]["field"], &shop.letters()[0]["message"]),
        (&json!("price.cents"), &json!("`price.cents` is not an int64"))
    );
    let shown = shop.consumed(&job, "1");
    assert_eq!(shown[0]["value"], json!({"id": "o-1", "price": {"cents": "12"}, "paid": true, "at": "2013-01-01T10:00:00Z"}));
    let asked = shop.registry.requests();
    assert!(asked.contains(&"POST /subjects/money.proto/versions".to_owned()), "{asked:?}");
}

#[test]
fn rows_become_valid_json() {
    let shop = Shop::new();
    let schema = r#"{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","required":["id"],
        "properties":{"id":{"type":"string"},"quantity":{"type":["null","integer"],"minimum":1}}}"#;
    shop.place.folder.file("order.json", schema);
    let job = shop.job_of_csv("serializer = \"json-schema\"\nschema = \"order.json\"");
    shop.produce(&job, "orders.csv", "id,quantity\no-1,3\no-2,NA\no-3,0\n").with(1);
    let message = shop.letters()[0]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("/quantity") && message.contains("minimum"), "{message}");
    let shown: Vec<_> = shop.consumed(&job, "2").into_iter().map(|record| record["value"].clone()).collect();
    assert_eq!(shown, [json!({"id": "o-1", "quantity": 3}), json!({"id": "o-2", "quantity": null})]);
}

#[test]
fn registry_errors_are_reported_before_the_first_row() {
    let shop = Shop::new();
    shop.place.folder.file("order.avsc", ORDER);
    let job = shop.job("serializer = \"avro\"\nschema = \"order.avsc\"");
    for (fault, code, says) in [
        (RegistryFault::Status(401), 3, "subject orders-value: the schema registry rejected the credentials (401"),
        (RegistryFault::Status(409), 1, "not compatible with the earlier versions (409"),
        (RegistryFault::Status(422), 2, "the schema registry rejected the schema as invalid (422"),
        (RegistryFault::Status(500), 3, "the schema registry is unavailable (500"),
        (RegistryFault::Garbage, 3, "unexpected response from the schema registry"),
    ] {
        shop.registry.fail(Some(fault));
        shop.produce(&job, "orders.jsonl", "{}\n").with(code).saying(&[says]);
    }
    assert_eq!(shop.place.records(), []);
}

#[test]
fn a_registry_outage_is_not_an_idle_end() {
    let shop = Shop::new();
    shop.place.folder.file("order.avsc", ORDER);
    let job = shop.job("serializer = \"avro\"\nschema = \"order.avsc\"");
    let row = "{\"id\":\"o-1\",\"quantity\":3,\"price\":\"1.50\",\"day\":\"2024-02-29\"}\n";
    shop.produce(&job, "orders.jsonl", row).with(0);
    let consume = arguments!["consume", "-c", job, "--from-beginning", "--idle", "3"];
    shop.registry.fail(Some(RegistryFault::Status(500)));
    let ended = run(&consume)
        .with(1)
        .saying(&["the schema registry failed, so records could not be decoded: ", "the schema registry is unavailable (500"]);
    assert_eq!(ended.stdout, "");
    shop.registry.fail(None);
    assert_eq!(run(&consume).with(0).stdout.lines().count(), 1);
}

#[test]
fn undecodable_records_are_printed_unchanged_with_the_error() {
    let shop = Shop::new();
    shop.place.folder.file("order.avsc", ORDER);
    let job = shop.job("serializer = \"string\"");
    let arguments = arguments![
        "produce",
        "-c",
        job,
        "--format",
        "lines",
        "--input",
        shop.place.folder.file("a.txt", b"\0\0\0\0\x07xx\nplain\n")
    ];
    run(arguments).with(0);
    let shown = shop.consumed(&job, "2");
    assert_eq!(shown[0]["value"], "\0\0\0\0\u{7}xx");
    let error = shown[0]["error"].as_str().unwrap();
    assert!(error.contains("schema id 7: not found in the schema registry"), "{error}");
    assert_eq!((&shown[1]["value"], &shown[1]["error"]), (&json!("plain"), &Value::Null));
}

#[test]
fn a_schema_is_checked_against_registered_versions() {
    let shop = Shop::new();
    let (url, folder) = (shop.registry.url().to_owned(), &shop.place.folder);
    let schema = |name: &str, text: &str| {
        arguments!["schema", "check", folder.file(name, text), "--subject", "orders-value", "--url", url]
    };
    let ended = run(schema("order.avsc", ORDER)).with(0);
    assert!(ended.stdout.ends_with("order.avsc: good: orders-value has no version yet\n"), "{}", ended.stdout);
    run(arguments!["schema", "register", folder.path("order.avsc"), "--subject", "orders-value", "--url", url]).with(0);
    let ended = run(schema("order.avsc", ORDER)).with(0);
    assert!(
        ended.stdout.ends_with("order.avsc: good: compatible with the versions registered under orders-value\n"),
        "{}",
        ended.stdout
    );
    let more = ORDER.replace("\"type\":[\"null\",\"int\"]", "\"type\":\"boolean\"");
    run(schema("other.avsc", &more))
        .with(1)
        .saying(&["other.avsc: not compatible with the versions registered under orders-value: "]);
    run(schema("order.txt", ORDER))
        .with(2)
        .saying(&["order.txt: the extension must be one of .avsc, .proto, .json; otherwise pass --type"]);
    run(arguments!["schema", "check", folder.path("order.avsc"), "--subject", "s"])
        .with(2)
        .saying(&["no schema registry: pass --url"]);
}

#[test]
fn embedded_starts_a_registry_too() {
    let ended = run(arguments!["produce", "-c", crate::command::example("flights-avro.toml"), "--embedded"]).with(0);
    ended.saying(&["5,000 records acknowledged", "5,000 records read back and compared: equal"]);
}
