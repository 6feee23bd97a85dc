//! The format `dead-letters`.

use serde_json::json;

use super::*;

fn letter_options(settings: &[(&str, &str)], format: Option<Format>) -> InputOptions {
    InputOptions { format: Some(Format::DeadLetters), letters_format: format, ..with("dead.jsonl", settings) }
}

/// The rows of letters, as line, source, attempts and JSON of the value; errors as line, kind and message.
fn read_letters(letters: &[serde_json::Value], options: &InputOptions) -> Vec<String> {
    let data: String = letters.iter().map(|letter| format!("{letter}\n")).collect();
    let mut input = Input::read(Box::new(Pieces(data.into_bytes(), 0, 7)), options).unwrap();
    let mut found = Vec::new();
    loop {
        match input.next().unwrap() {
            Step::Layout => found.push("layout".to_owned()),
            Step::Row(row) => {
                let letter = row.letter.unwrap();
                let value = row.value.map_or_else(|| "null".to_owned(), text);
                found.push(format!(
                    "{}: {}:{} {} {:?} {value}",
                    row.line,
                    letter.source.input,
                    letter.line,
                    letter.attempts,
                    row.key.map(text)
                ));
            }
            Step::Bad(error) => found.push(format!("{error}")),
            Step::End | Step::Wait => return found,
        }
    }
}

#[test]
fn records_are_read_as_their_input_was() {
    let csv = |record: &str| json!({"input": "a.tsv", "line": 7, "format": "csv", "columns": ["id", "n"], "attempts": 2, "record": record});
    let options =
        InputOptions { key: Some("id".into()), ..letter_options(&[("null", "NA"), ("comment", "#"), ("skip_lines", "3")], None) };
    let letters = [
        csv("1\tNA"),
        csv("#2\t\"a\nb\""),
        json!({"input": "b.jsonl", "line": 3, "format": "jsonl", "record": "{\"id\":5}"}),
        json!({"input": "c.json", "line": 4, "format": "json", "record": "{\n  \"id\": 6\n}"}),
        csv("3\t4"),
    ];
    assert_eq!(
        read_letters(&letters, &options),
        [
            "layout",
            "1: a.tsv:7 2 Some(\"1\") {\"id\":\"1\",\"n\":null}",
            "2: a.tsv:7 2 Some(\"#2\") {\"id\":\"#2\",\"n\":\"a\\nb\"}",
            "layout",
            "3: b.jsonl:3 1 Some(\"5\") {\"id\":5}",
            "layout",
            "4: c.json:4 1 Some(\"6\") {\"id\":6}",
            "layout",
            "5: a.tsv:7 2 Some(\"3\") {\"id\":\"3\",\"n\":\"4\"}",
        ]
    );
}

#[test]
fn lines_keep_every_byte() {
    let options = letter_options(&[("parse_key", "true"), ("key_separator", ":")], None);
    let line = |record: &str, encoding: Option<&str>| json!({"input": "a.txt", "line": 1, "format": "lines", "record": record, "encoding": encoding});
    let letters = [line("k:v\r", None), line(":", None), line("azr/AA==", Some("base64"))];
    assert_eq!(
        read_letters(&letters, &options),
        ["layout", "1: a.txt:1 1 Some(\"k\") v\r", "2: a.txt:1 1 Some(\"\") ", "3: a.txt:1 1 Some(\"k\") \u{ff}\u{0}"]
    );
    // Bytes that look like an archive are a record.
    let zstd = line("KLUv/Q==", Some("base64"));
    assert_eq!(read_letters(&[zstd], &letter_options(&[], None))[1], "1: a.txt:1 1 None (\u{b5}/\u{fd}");
}

#[test]
fn letters_of_older_versions_are_read_with_the_configuration() {
    let old = |record: &str| json!({"line": 7, "kind": "MissingKey", "message": "m", "field": null, "record": record});
    let row = "1: an input:7 1 None {\"column1\":\"1\",\"column2\":\"2\"}";
    assert_eq!(read_letters(&[old("1,2")], &letter_options(&[("header", "false")], Some(Format::Csv))), ["layout", row]);
    let named = read_letters(&[old("1,2")], &letter_options(&[("header", "a,b")], Some(Format::Csv)));
    assert_eq!(named[1], "1: an input:7 1 None {\"a\":\"1\",\"b\":\"2\"}");
    let unnamed = read_letters(&[old("1,2")], &letter_options(&[], Some(Format::Csv)));
    assert_eq!(unnamed.len(), 1);
    assert!(unnamed[0].starts_with("line 1: InvalidRecord: an older version wrote the letter without `columns`; set `header`"));
    let unknown = read_letters(&[old("{}")], &letter_options(&[], None));
    assert!(unknown[0].contains("without `format`; set `format` in [input] of the configuration"), "{unknown:?}");
    let mut several = old("{}");
    several["input"] = json!("b.jsonl");
    assert_eq!(read_letters(&[several], &letter_options(&[], None))[1], "1: b.jsonl:7 1 None {}");
}

#[test]
fn a_letter_that_cannot_be_read_fails_again_without_its_content() {
    let letter = |record: &str| json!({"input": "a.jsonl", "line": 7, "format": "jsonl", "record": record});
    let with_member = |name: &str, value: serde_json::Value| {
        let mut letter = letter("{}");
        letter[name] = value;
        letter
    };
    let old = json!({"line": 7, "kind": "RecordTooLarge", "record": "hunter2",
                     "message": "the record has 2000 bytes, but the limit is 1000; the first 1000 are kept"});
    for (letter, wanted) in [
        (letter("hunter2"), "line 1: InvalidJson: expected value at column 1"),
        (letter(""), "line 1: InvalidRecord: `record` has no record"),
        (letter("{\"a\":1}\n{\"a\":2}"), "line 1: InvalidRecord: `record` has more than one record"),
        (with_member("truncated", json!(true)), "line 1: RecordTooLarge: the letter has only the beginning of a record"),
        (old, "line 1: RecordTooLarge: the letter has only the beginning of a record"),
        (with_member("format", json!("xml")), "line 1: InvalidRecord: unknown input format `xml`"),
        (with_member("encoding", json!("hex")), "line 1: InvalidRecord: `encoding` must be \"base64\" or absent"),
        (with_member("encoding", json!("base64")), "line 1: InvalidRecord: `record` is not base64"),
        (with_member("line", json!("hunter2")), "line 1: InvalidJson: the line is not a dead letter"),
        (json!("hunter2"), "line 1: InvalidJson: the line is not a dead letter"),
    ] {
        let found = read_letters(&[letter], &letter_options(&[], Some(Format::Jsonl)));
        let last = found.last().unwrap();
        assert!(last.starts_with(wanted) && !last.contains("hunter2"), "{found:?} is not {wanted:?}");
    }
}

#[test]
fn a_letter_in_a_letter_is_the_corrected_letter() {
    let inner = json!({"input": "a.jsonl", "line": 7, "format": "jsonl", "attempts": 3, "record": "{}"});
    let outer = json!({"input": "dead.jsonl", "line": 2, "format": "dead-letters", "record": inner.to_string()});
    assert_eq!(read_letters(&[outer], &letter_options(&[], None)), ["layout", "1: a.jsonl:7 3 None {}"]);
}

#[test]
fn a_letter_that_is_not_returned_yet_is_not_passed() {
    let line = |format: &str, record: &str| json!({"input": "a", "line": 1, "format": format, "record": record}).to_string();
    let data = [line("lines", "a"), String::new(), line("jsonl", "{}"), line("jsonl", "{\"b\":1}")].join("\n");
    let options = letter_options(&[], None);
    let open = || Input::read(Box::new(Cursor::new(data.clone().into_bytes())), &options).unwrap();
    let mut input = open();
    let (mut found, mut before_layouts) = (Vec::new(), Vec::new());
    loop {
        let is_layout = match input.next().unwrap() {
            Step::Layout => true,
            Step::Row(_) => false,
            Step::Bad(_) | Step::End | Step::Wait => break,
        };
        let position = input.position();
        if is_layout {
            before_layouts.push(position);
        }
        found.push((is_layout, position.line));
    }
    assert_eq!(found, [(true, 1), (false, 2), (true, 2), (false, 4), (false, 4)]);
    // Another run returns the letter that was pending.
    let mut again = open();
    again.resume(Cursor::new(data.clone().into_bytes()), before_layouts[1], &options).unwrap();
    assert!(matches!(again.next().unwrap(), Step::Layout));
    let Step::Row(row) = again.next().unwrap() else { panic!("no row") };
    assert_eq!((row.line, text(row.raw)), (3, "{}".to_owned()));
}

#[test]
fn a_record_that_ends_with_an_escape_is_not_accepted_uncorrected() {
    let options = letter_options(&[("escape", "\\")], None);
    let csv = |columns: &[&str], record: &str| json!({"input": "a.csv", "line": 1, "format": "csv", "columns": columns, "record": record});
    let found = read_letters(&[csv(&["a", "b"], "1,x\\"), csv(&["a", "b"], "1,x"), csv(&["a"], "")], &options);
    assert!(found[1].starts_with("line 1: UnfinishedEscape: "), "{found:?}");
    assert_eq!(found[2..], ["2: a.csv:1 1 None {\"a\":\"1\",\"b\":\"x\"}", "layout", "3: a.csv:1 1 None {\"a\":\"\"}"]);
}

#[test]
fn a_letter_that_fails_again_has_its_whole_record() {
    let records = [
        ("csv", "1,\"a\nb"),
        ("csv", "1,\"a\"b\nc"),
        ("jsonl", "{\n{}"),
        ("lines", "a line that is longer than the limit"),
        ("jsonl", "{\"a\":\"an object that is longer\"}"),
    ];
    for (format, record) in records {
        let letter = json!({"input": "a", "line": 1, "format": format, "columns": ["a", "b"], "record": record}).to_string();
        let options = InputOptions { max_record: 16, ..letter_options(&[], None) };
        let mut input = Input::read(Box::new(Cursor::new(letter.into_bytes())), &options).unwrap();
        assert!(matches!(input.next().unwrap(), Step::Layout));
        let Step::Bad(error) = input.next().unwrap() else { panic!("{record}") };
        assert_eq!(text(&error.record), record);
        assert!(!crate::dead_letter::Reason::from(&error).truncated, "{record}");
    }
}
