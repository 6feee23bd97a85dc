//! Tests of the reader of JSON values that span lines.

use super::*;

const PRETTY: &str = "[\n  {\n    \"id\": \"a b\",\n    \"list\": [ 1, { } ]\n  },\n  { \"id\": 2.50 }, {\"id\":null}\n]\n";

#[test]
fn arrays_and_values_that_span_lines_are_records() {
    let first = "{\n    \"id\": \"a b\",\n    \"list\": [ 1, { } ]\n  }";
    let wanted = [
        row(2, first, Some("a b"), r#"{"id":"a b","list":[1,{}]}"#),
        row(6, "{ \"id\": 2.50 }", Some("2.50"), r#"{"id":2.50}"#),
        row(6, r#"{"id":null}"#, None, r#"{"id":null}"#),
    ];
    assert_eq!(read_all(PRETTY.as_bytes(), &with_key("a.json", "id")), wanted);
    let line_ends = PRETTY.replace('\n', "\r\n");
    let given = read_all(line_ends.as_bytes(), &with_key("a.json", "id"));
    let lines = given.iter().map(|given| if let Given::Row(line, ..) = given { *line } else { 0 });
    assert_eq!(lines.collect::<Vec<_>>(), [2, 6, 6]);
}

#[test]
fn values_follow_each_other() {
    let simple = |line, text: &str| row(line, text, None, text);
    for (data, wanted) in [
        ("", vec![]),
        (" \n\t[ ] [\n]", vec![]),
        ("{}{}\n\n{}", vec![simple(1, "{}"), simple(1, "{}"), simple(3, "{}")]),
        (
            "[{\"a\":1}]\n{\"b\":\"]}\\\"\"}\n[{}\n,{}]",
            vec![simple(1, "{\"a\":1}"), simple(2, "{\"b\":\"]}\\\"\"}"), simple(3, "{}"), simple(4, "{}")],
        ),
        ("\u{feff}[{}]", vec![simple(1, "{}")]),
        ("{\"a\\\\\":\"\\\\\"} {}", vec![simple(1, "{\"a\\\\\":\"\\\\\"}"), simple(1, "{}")]),
    ] {
        assert_eq!(read_all(data.as_bytes(), &options("a.json")), wanted, "{data:?}");
    }
}

#[test]
fn an_invalid_value_does_not_end_the_input() {
    let data = "[{\"a\":1,},\n 7, \"x\", [1], true,\n{\"id\":{}},\n{\"a\":\n  tru},{\"id\":1}]";
    let options = with_key("a.json", "id");
    let invalid = |line, record: &str| bad(line, InvalidJson, None, record);
    assert_eq!(
        read_all(data.as_bytes(), &options),
        [
            invalid(1, "{\"a\":1,}"),
            invalid(2, "7"),
            invalid(2, "\"x\""),
            invalid(2, "[1]"),
            invalid(2, "true"),
            bad(3, InvalidKey, Some("id"), "{\"id\":{}}"),
            invalid(4, "{\"a\":\n  tru}"),
            row(5, "{\"id\":1}", Some("1"), "{\"id\":1}"),
        ]
    );
    let message = |data: &str| super::message(data.as_bytes(), &super::options("a.json"));
    assert_eq!(message("[\n {\"a\":1,}]"), "key must be a string at line 2 column 9");
    assert_eq!(message("{\"a\":\n tru}"), "expected ident at line 2 column 5");
    assert_eq!(message("[[1]]"), "a record must be a JSON object, but this is an array");
    assert_eq!(message("{}\n{\"a\": ["), "the value is cut off by the end of the input in line 2");
}

#[test]
fn a_broken_structure_ends_the_input_after_its_value() {
    for (data, records, error) in [
        (
            "[{} {}]",
            1,
            "cannot read line 1 or anything after it: unexpected `{` at column 5: a comma or the end of the array is missing",
        ),
        ("[{},\n]", 1, "line 2 or anything after it: unexpected `]` at column 1: an element of the array is missing"),
        ("[,{}]", 0, "unexpected `,` at column 2: an element of the array is missing"),
        ("{}\n}", 1, "line 2 or anything after it: unexpected `}` at column 1: no value begins with it"),
        ("[{}", 1, "the array that begins in line 1 has no end"),
        ("[{},", 1, "the array that begins in line 1 has no end"),
        ("[", 0, "the array that begins in line 1 has no end"),
        (
            "{\"a\":\"x\n\"} {}",
            1,
            "the end of the value that begins in line 1 was not found, because it has a string that does not end",
        ),
        ("{\"a\":[1}} {}", 1, "because it has a bracket that closes another kind of bracket"),
    ] {
        let mut input = Input::read(Box::new(Cursor::new(data.as_bytes().to_vec())), &options("a.json")).unwrap();
        let (given, failed) = drain(&mut input);
        let failed = chain(&failed.unwrap_or_else(|| panic!("{data:?} has no error")));
        assert!(given.len() == records && failed.contains(error), "{data:?}: {given:?}: {failed}");
    }
    let deep = "[".repeat(200);
    let mut input = Input::read(Box::new(Cursor::new(deep.into_bytes())), &options("a.json")).unwrap();
    let (given, failed) = drain(&mut input);
    assert!(given.len() == 1 && chain(&failed.unwrap()).contains("is nested deeper than 128 levels"), "{given:?}");
}

#[test]
fn the_record_limit_bounds_the_memory() {
    let options = InputOptions { max_record: 20, ..options("a.json") };
    let data = format!("[{{\"a\":\"{}\"}},\n{{\"a\":\"123456789012\"}}]", "x".repeat(1000));
    let given = read_all(data.as_bytes(), &options);
    assert_eq!(given[0], bad(1, RecordTooLarge, None, "{\"a\":\"xxxxxxxxxxxxxx"));
    assert_eq!(given[1], row(2, "{\"a\":\"123456789012\"}", None, "{\"a\":\"123456789012\"}"));
    assert!(message(data.as_bytes(), &options).starts_with("the record has 1008 bytes, but the limit is 20"));

    let endless = io::repeat(b'x').take(50_000_000);
    let source = Cursor::new(b"[{\"a\":\"").chain(endless).chain(Cursor::new(b"\"},{}]"));
    let mut json = super::super::json::Json::new(Box::new(source), 1000, None, None);
    let Step::Bad(error) = json.next().unwrap() else { panic!("a value of 50 MB was accepted") };
    assert!(error.message.starts_with("the record has 50000008 bytes"), "{error}");
    assert!(error.record.capacity() < 10_000);
    assert!(matches!(json.next().unwrap(), Step::Row(Row { value: Some(b"{}"), .. })));
}

proptest! {
    /// Values of serde_json, written in every way, are read as they are.
    #[test]
    fn all_values_are_read_in_every_layout(texts in prop::collection::vec("[a\\\\\"\\[\\]{},:\n\u{e9} ]{0,8}", 0..6), is_array: bool, is_pretty: bool) {
        let values: Vec<_> = texts.iter().map(|text| serde_json::json!({ text.as_str(): [text, {"x": text}] })).collect();
        let write = |value: &serde_json::Value| if is_pretty { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
        let data = if is_array { write(&values.clone().into()).unwrap() } else { values.iter().map(|value| write(value).unwrap()).collect::<Vec<_>>().join("\n") };
        let mut input = Input::read(Box::new(Pieces(data.into_bytes(), 0, 3)), &options("a.json")).unwrap();
        let mut read = Vec::new();
        while let Step::Row(row) = input.next().unwrap() {
            let value = row.value.unwrap();
            prop_assert!(!value.contains(&b'\n'));
            read.push(serde_json::from_slice::<serde_json::Value>(value).unwrap());
        }
        prop_assert_eq!(read, values);
    }
}
