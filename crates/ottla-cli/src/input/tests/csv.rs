//! Tests of the reader of CSV.

use super::*;

#[test]
fn a_csv_row_becomes_a_json_object() {
    let options = InputOptions { key: Some("tail \"num\"".into()), ..with("a.csv", &[("null", "NA")]) };
    let data = "\u{feff}day,\"tail \"\"num\"\"\",note\n1,N1,NA\n\n2,NA,\"a \"\"q\"\"\n\tb, c\"\r\n3,,x\\y";
    let object = |day: &str, tail: &str, note: &str| format!(r#"{{"day":{day},"tail \"num\"":{tail},"note":{note}}}"#);
    assert_eq!(
        read_all(data.as_bytes(), &options),
        [
            row(2, "1,N1,NA", Some("N1"), &object("\"1\"", "\"N1\"", "null")),
            row(4, "2,NA,\"a \"\"q\"\"\n\tb, c\"", None, &object("\"2\"", "null", r#""a \"q\"\n\tb, c""#)),
            row(6, "3,,x\\y", Some(""), &object("\"3\"", "\"\"", r#""x\\y""#)),
        ]
    );
}

#[test]
fn a_malformed_csv_row_does_not_end_the_input() {
    for end in ["\n", "\r\n"] {
        let data = ["a,b", "1,2", "3", "4,5,6", "\"7\n7\",8", "9,\"x\"\"", "y\",z", "10,11"].join(end);
        let given = read_all(data.as_bytes(), &with_key("a.csv", "a"));
        let quoted = format!("9,\"x\"\"{end}y\",z");
        assert_eq!(
            given,
            [
                row(2, "1,2", Some("1"), r#"{"a":"1","b":"2"}"#),
                bad(3, ColumnCount, None, "3"),
                bad(4, ColumnCount, None, "4,5,6"),
                row(5, "\"7\n7\",8", Some("7\n7"), r#"{"a":"7\n7","b":"8"}"#),
                bad(7, ColumnCount, None, &quoted),
                row(9, "10,11", Some("10"), r#"{"a":"10","b":"11"}"#),
            ]
        );
    }
    // Two fields that are valid UTF-8 only when concatenated.
    let given = read_all(b"a,b\n\xc3,\xa9\n1,\xff\n1,2\n", &options("a.csv"));
    assert_eq!(given[..2], [bad(2, InvalidUtf8, Some("a"), "Ã,©"), bad(3, InvalidUtf8, Some("b"), "1,ÿ")]);
    assert!(matches!(given[2], Given::Row(4, ..)));
}

#[test]
fn text_after_a_closing_quote_affects_only_its_row() {
    let given = read_all(b"id,note\n1,\"abc\n2,def\n3,\"x\"\n4,ok\n", &options("a.csv"));
    let note = |line, raw: &str, id: &str, note: &str| row(line, raw, None, &format!(r#"{{"id":"{id}","note":"{note}"}}"#));
    assert_eq!(
        given,
        [
            bad(2, UnclosedQuote, None, "1,\"abc"),
            note(3, "2,def", "2", "def"),
            note(4, "3,\"x\"", "3", "x"),
            note(5, "4,ok", "4", "ok")
        ]
    );
    let given = read_all(b"id,note\n1,\"a\"b,c\n2,\"d\" \n3,\"\"\"\"\n4,e\"f\n", &options("a.csv"));
    assert_eq!(
        given,
        [
            bad(2, TextAfterQuote, None, "1,\"a\"b,c"),
            bad(3, TextAfterQuote, None, "2,\"d\" "),
            note(4, "3,\"\"\"\"", "3", "\\\""),
            note(5, "4,e\"f", "4", "e\\\"f"),
        ]
    );
    let message = message(b"id,note\n1,\"abc\n2,def\n3,\"x\"\n", &options("a.csv"));
    assert!(message.contains("column 2") && message.contains("line 4"), "{message}");
}

#[test]
fn a_blank_line_of_a_single_column_is_a_row() {
    let value = |line, raw: &str, value: &str| row(line, raw, None, &format!(r#"{{"a":"{value}"}}"#));
    for end in ["\n", "\r\n", "\r"] {
        let text = ["", "a", "1", "", "\"\"", "2", "", ""].join(end);
        let given = read_all(text.as_bytes(), &options("a.csv"));
        let wanted = [value(3, "1", "1"), value(4, "", ""), value(5, "\"\"", ""), value(6, "2", "2"), value(7, "", "")];
        assert_eq!(given, wanted, "{end:?}");
    }
}

#[test]
fn an_unclosed_quote_affects_one_line() {
    let after = |given: &[Given]| given.iter().filter(|given| matches!(given, Given::Row(..))).count();
    let data = b"a,b\n1,2\n3,\"4\n5,6\r\n7,8\n";
    let given = read_all(data, &options("a.csv"));
    assert_eq!(given[1], bad(3, UnclosedQuote, None, "3,\"4"));
    assert_eq!(given[2], row(4, "5,6", None, r#"{"a":"5","b":"6"}"#));
    assert_eq!((given.len(), after(&given)), (4, 3));
    // The same far from the end of the input, where the quoted text exceeds the record limit.
    let data = [b"a,b\n\"1,2\n".as_slice(), &b"3,4\n".repeat(200_000)].concat();
    let mut input = Input::read(Box::new(Cursor::new(data)), &options("a.csv")).unwrap();
    let (given, error) = drain(&mut input);
    assert!(error.is_none());
    assert_eq!(given[0], bad(2, RecordTooLarge, None, "\"1,2"));
    assert_eq!(after(&given), 200_000);
    assert!(matches!(given.last(), Some(Given::Row(200_002, ..))));
}

#[test]
fn a_csv_row_that_is_too_long_is_one_error() {
    let options = InputOptions { max_record: 10, ..options("a.csv") };
    for size in [11, 100, 1_000_000] {
        let data = format!("a,b\n\n{},2\n3,4", "x".repeat(size));
        let mut input = Input::read(Box::new(Cursor::new(data.into_bytes())), &options).unwrap();
        let (given, _) = drain(&mut input);
        assert_eq!(given, [bad(3, RecordTooLarge, None, "xxxxxxxxxx"), row(4, "3,4", None, r#"{"a":"3","b":"4"}"#)], "{size}");
    }
    assert_eq!(
        read_all(b"a,b\r\n12345678901,2\r\n3,4\r\n", &options),
        [bad(2, RecordTooLarge, None, "1234567890"), row(3, "3,4", None, r#"{"a":"3","b":"4"}"#)]
    );
}

#[test]
fn blank_lines_do_not_count_as_a_record() {
    let options = InputOptions { max_record: 10, ..options("a.csv") };
    let data = ["\n".repeat(50), "a,b\n".into(), "\r\n".repeat(50), "12345678,1\r\n".into(), "\n".repeat(50)].concat();
    let value = r#"{"a":"12345678","b":"1"}"#;
    assert_eq!(read_all(data.as_bytes(), &options), [row(102, "12345678,1", None, value)]);
}

#[test]
fn a_row_longer_than_the_buffer_is_read_whole() {
    let long = "y".repeat(900_000);
    let options = InputOptions { max_record: 1_000_000, ..options("a.csv") };
    let data = format!("a,b\n1,{long}\n2,\"{long}\"\n3,4\n");
    let mut input = Input::read(Box::new(Pieces(data.into_bytes(), 0, 10_000)), &options).unwrap();
    let values: Vec<_> = drain(&mut input).0;
    assert_eq!(values[0], row(2, &format!("1,{long}"), None, &format!(r#"{{"a":"1","b":"{long}"}}"#)));
    assert_eq!(values[1], row(3, &format!("2,\"{long}\""), None, &format!(r#"{{"a":"2","b":"{long}"}}"#)));
    assert_eq!(values.len(), 3);
}

#[test]
fn fields_do_not_depend_on_the_length_of_their_line_or_its_end() {
    let options = InputOptions { max_record: 100_000, ..options("a.csv") };
    for (size, end) in [10, 4093, 4094, 4095, 20_000].into_iter().flat_map(|size| ["\n", "\r\n", "\r"].map(|end| (size, end))) {
        let long = "x".repeat(size);
        let lines = ["a,b,c", &format!("{long},,y"), &format!(",{long},"), &format!(",y,\"{long}\""), ""];
        let object = |a: &str, b: &str, c: &str| format!(r#"{{"a":"{a}","b":"{b}","c":"{c}"}}"#);
        let objects = [object(&long, "", "y"), object("", &long, ""), object("", "y", &long)];
        let wanted: Vec<_> =
            (2..).zip(&lines[1..]).zip(&objects).map(|((line, raw), value)| row(line, raw, None, value)).collect();
        assert_eq!(read_all(lines.join(end).as_bytes(), &options), wanted, "{size} bytes, {end:?}");
    }
}

#[test]
fn every_kind_of_line_end_is_counted() {
    for end in ["\n", "\r\n", "\r"] {
        let text = ["a,b", "1,2", "", "\"3\n\r\r\n3\",4", "5", "6,7", ""].join(end);
        let lines: Vec<u64> = read_all(text.as_bytes(), &options("a.csv"))
            .iter()
            .map(|given| match given {
                Given::Row(line, ..) | Given::Bad(line, ..) => *line,
            })
            .collect();
        assert_eq!(lines, [2, 4, 8, 9], "{end:?}");
    }
}
