//! JSON that spans lines: arrays and pretty-printed objects.

use serde_json::json;

use super::Place;
use crate::{arguments, command::run};

#[test]
fn an_array_of_pretty_printed_objects_is_sent_object_by_object() {
    let place = Place::new(1);
    let text = "[\n  {\n    \"id\": \"a\",\n    \"price\": 1.50\n  },\n  {\n    \"id\": \"b\",\n  },\n  {\"id\": \"c\"}\n]\n";
    let mut arguments = place.produce("orders.json", text);
    let dead = place.folder.path("dead.jsonl");
    arguments.extend(arguments!["--key-field", "id", "--dead-letter", dead]);
    let report = run(arguments).with(1).report();
    assert_eq!((&report["acknowledged"], &report["errors"]), (&json!(2), &json!({"InvalidJson": 1})));
    let record = |key: &str, value: &str| (Some(key.to_owned()), Some(value.to_owned()));
    assert_eq!(place.records(), [record("a", "{\"id\":\"a\",\"price\":1.50}"), record("c", "{\"id\":\"c\"}")]);
    let letter: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(dead).unwrap()).unwrap();
    assert_eq!((&letter["line"], &letter["message"]), (&json!(6), &json!("trailing comma at line 8 column 3")));
    assert_eq!(letter["record"], "{\n    \"id\": \"b\",\n  }");
}

#[test]
fn a_truncated_array_is_an_error_after_its_records() {
    let place = Place::new(1);
    let report = run(place.produce("orders.json", "[{\"id\":1},\n{\"id\":2}\n"))
        .with(2)
        .saying(&["orders.json: cannot read line 3 or anything after it: the array that begins in line 1 has no end"]);
    assert_eq!(report.report()["acknowledged"], 2);
}

#[test]
fn an_array_in_json_lines_names_the_other_format() {
    let place = Place::new(1);
    run(place.produce("orders.jsonl", "[{\"id\":1}]\n")).with(1).saying(&["for an array of records use the format json"]);
}
