//! Avro object container files.

use apache_avro::{Codec, Schema, Writer, types::Record};
use serde_json::json;

use super::Place;
use crate::{arguments, command::run};

/// A file with an order in each block.
fn orders(ids: &[&str]) -> Vec<u8> {
    let schema =
        r#"{"type":"record","name":"Order","fields":[{"name":"id","type":"string"},{"name":"count","type":["null","long"]}]}"#;
    let schema = Schema::parse_str(schema).unwrap();
    let mut writer = Writer::with_codec(&schema, Vec::new(), Codec::Snappy);
    for (count, id) in ids.iter().enumerate() {
        let mut record = Record::new(&schema).unwrap();
        record.put("id", *id);
        record.put("count", (count > 0).then_some(i64::try_from(count).unwrap()));
        writer.append(record).unwrap();
        writer.flush().unwrap();
    }
    writer.into_inner().unwrap()
}

#[test]
fn the_records_of_an_avro_file_are_sent_as_objects() {
    let place = Place::new(1);
    let mut arguments = place.produce("orders.avro", orders(&["a", "b"]));
    arguments.extend(arguments!["--key-field", "id"]);
    assert_eq!(run(arguments).with(0).report()["acknowledged"], json!(2));
    let record = |key: &str, value: &str| (Some(key.to_owned()), Some(value.to_owned()));
    assert_eq!(place.records(), [record("a", r#"{"id":"a","count":null}"#), record("b", r#"{"id":"b","count":1}"#)]);
}

#[test]
fn a_truncated_avro_file_is_an_error_after_its_records() {
    let place = Place::new(1);
    let whole = orders(&["a", "b"]);
    let ended = run(place.produce("orders.avro", &whole[..whole.len() - 1]))
        .with(2)
        .saying(&["orders.avro: cannot read line 2 or anything after it: the Avro file is truncated after "]);
    assert_eq!(ended.report()["acknowledged"], 1);
}
