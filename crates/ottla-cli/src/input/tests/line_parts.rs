//! Lines with keys and headers. The cases are those of Kafka's tests of its console producer, so that a file gives the same records.

use super::*;

/// A record: headers, key and value.
type Record = (Vec<(String, Option<String>)>, Option<String>, Option<String>);

/// The records of lines; the error of a line is its kind and message.
fn records(settings: &[(&str, &str)], lines: &str) -> Vec<Result<Record, (RowErrorKind, String)>> {
    let mut input = Input::read(Box::new(Cursor::new(lines.as_bytes().to_vec())), &with("a.txt", settings)).unwrap();
    let mut records = Vec::new();
    loop {
        records.push(match input.next().unwrap() {
            Step::Row(row) => {
                let headers = row.headers.iter().map(|(name, value)| (name.to_owned(), value.map(text))).collect();
                assert!(lines.lines().any(|line| line.as_bytes() == row.raw));
                Ok((headers, row.key.map(text), row.value.map(text)))
            }
            Step::Bad(error) => Err((error.kind, error.message)),
            Step::Layout | Step::End | Step::Wait => return records,
        });
    }
}

/// A record; `-` is null.
fn record(headers: &[(&str, &str)], key: &str, value: &str) -> Record {
    let text = |text: &str| (text != "-").then(|| text.to_owned());
    (headers.iter().map(|(name, value)| ((*name).to_owned(), text(value))).collect(), text(key), text(value))
}

const KEYS: [(&str, &str); 1] = [("parse_key", "true")];
const BOTH: [(&str, &str); 2] = [("parse_headers", "true"), ("parse_key", "true")];

#[track_caller]
fn check(settings: &[(&str, &str)], lines: &str, wanted: &[Record]) {
    let records: Vec<_> = records(settings, lines).into_iter().map(|record| record.unwrap()).collect();
    assert_eq!(records, wanted);
}

#[test]
fn keys_are_before_the_separator() {
    check(&KEYS, "key0\tvalue0\nkey1\tvalue1", &[record(&[], "key0", "value0"), record(&[], "key1", "value1")]);
    check(&KEYS, "key\t\n\tvalue\r\n\t\t", &[record(&[], "key", ""), record(&[], "", "value"), record(&[], "", "\t")]);
    check(&[("key_separator", ":"), KEYS[0]], "a:b:c", &[record(&[], "a", "b:c")]);
    check(&[], "value\n", &[record(&[], "-", "value")]);
}

#[test]
fn headers_are_before_the_key() {
    let two = [("headerKey0", "headerValue0"), ("headerKey1", "headerValue1")];
    check(&BOTH, "headerKey0:headerValue0,headerKey1:headerValue1\tkey0\tvalue0\n", &[record(&two, "key0", "value0")]);
    check(&BOTH, ":\t\t", &[record(&[("", "")], "", "")]);
    check(&BOTH[..1], "headerKey:headerValue\tvalue\n", &[record(&[("headerKey", "headerValue")], "-", "value")]);
    // The value of a header may contain the separator of its name.
    check(&BOTH[..1], "time:12:30,a:1,,\tvalue", &[record(&[("time", "12:30"), ("a", "1")], "-", "value")]);
    check(&BOTH[..1], ",\tvalue", &[record(&[], "-", "value")]);
}

#[test]
fn separators_have_any_length() {
    let long = [
        ("key_separator", "\t\t"),
        ("headers_delimiter", "\\t\\t"),
        ("headers_separator", "---"),
        ("headers_key_separator", "::::"),
    ];
    check(
        &[&BOTH[..], &long].concat(),
        "headerKey0.0::::headerValue0.0---headerKey1.0::::\t\tkey\t\tvalue",
        &[record(&[("headerKey0.0", "headerValue0.0"), ("headerKey1.0", "")], "key", "value")],
    );
    let short = [("key_separator", "#"), ("headers_delimiter", "!"), ("headers_separator", "&")];
    check(
        &[&BOTH[..], &short].concat(),
        "a:0&b:1!key0#value0\nc:2!key1#value1",
        &[record(&[("a", "0"), ("b", "1")], "key0", "value0"), record(&[("c", "2")], "key1", "value1")],
    );
}

#[test]
fn a_missing_separator_is_an_error_of_the_line() {
    let lines = "a:0,b:1\tkey0\tvalue0\na:0\tkey1 value1\nno header\tkey2\tvalue2\n\tkey3\tvalue3\nnone\n";
    let given = records(&BOTH, lines);
    assert_eq!(given[0], Ok(record(&[("a", "0"), ("b", "1")], "key0", "value0")));
    let error = |kind, message: &str| Err((kind, message.to_owned()));
    assert_eq!(given[1], error(MissingKey, "the line has no \"\\t\", which is `key_separator`"));
    for line in [2, 3] {
        assert_eq!(given[line], error(InvalidHeader, "header 1 has no \":\", which is `headers_key_separator`"));
    }
    assert_eq!(given[4], error(InvalidHeader, "the line has no \"\\t\", which is `headers_delimiter`"));
}

#[test]
fn missing_separators_can_be_ignored() {
    let settings = [&BOTH[..], &[("ignore_error", "true")]].concat();
    check(
        &settings,
        "a:0\tkey0\tvalue0\nb:1,c:2[NO]key1\tvalue1\nd:3\tkey2[NO]value2\ne:4[NO]key3[NO]value3\nkey-val\tkey4\tvalue4",
        &[
            record(&[("a", "0")], "key0", "value0"),
            record(&[("b", "1"), ("c", "2[NO]key1")], "-", "value1"),
            record(&[("d", "3")], "-", "key2[NO]value2"),
            record(&[], "-", "e:4[NO]key3[NO]value3"),
            record(&[("key-val", "-")], "key4", "value4"),
        ],
    );
}

#[test]
fn the_null_marker_is_null_in_each_part() {
    let lines = "key\t\nkey\t<NULL>\nkey\t<NULL>value\n<NULL>\tvalue\n<NULL>\t<NULL>";
    let marker = ("null_marker", "<NULL>");
    let with_marker = [("key", ""), ("key", "-"), ("key", "<NULL>value"), ("-", "value"), ("-", "-")];
    check(&[KEYS[0], marker], lines, &with_marker.map(|(key, value)| record(&[], key, value)));
    let without = [("key", ""), ("key", "<NULL>"), ("key", "<NULL>value"), ("<NULL>", "value"), ("<NULL>", "<NULL>")];
    check(&KEYS, lines, &without.map(|(key, value)| record(&[], key, value)));
    check(&[marker], "<NULL>\na", &[record(&[], "-", "-"), record(&[], "-", "a")]);

    let lines =
        "h0:v0,h1:v1\t<NULL>\tvalue\n<NULL>\tkey\t<NULL>\nh0:,h1:v1\t<NULL>\t<NULL>\nh0:<NULL>,h1:<NULL>value\tkey\t<NULL>\n";
    let settings = [&BOTH[..], &[marker]].concat();
    check(
        &settings,
        lines,
        &[
            record(&[("h0", "v0"), ("h1", "v1")], "-", "value"),
            record(&[], "key", "-"),
            record(&[("h0", ""), ("h1", "v1")], "-", "-"),
            record(&[("h0", "-"), ("h1", "<NULL>value")], "key", "-"),
        ],
    );
    let given = records(&settings, "<NULL>:v0,h1:v1\tkey\tvalue\n");
    assert_eq!(given, [Err((InvalidHeader, "header 1 has the null marker as its name, which must not be null".to_owned()))]);
    check(&BOTH, "<NULL>:v0,h1:v1\tkey\tvalue", &[record(&[("<NULL>", "v0"), ("h1", "v1")], "key", "value")]);
}

#[test]
fn bytes_are_kept_and_names_are_text() {
    let options = with("a.txt", &BOTH);
    let mut input = Input::read(Box::new(Cursor::new(b"a:\xff\t\xfe\t\xfd\n\xff:b\t\t\n".to_vec())), &options).unwrap();
    let Step::Row(row) = input.next().unwrap() else { panic!("not a row") };
    assert_eq!(row.headers.iter().collect::<Vec<_>>(), [("a", Some(&b"\xff"[..]))]);
    assert_eq!((row.key, row.value), (Some(&b"\xfe"[..]), Some(&b"\xfd"[..])));
    let Step::Bad(error) = input.next().unwrap() else { panic!("a name that is not UTF-8 was accepted") };
    assert_eq!((error.kind, &*error.message), (InvalidHeader, "header 1 has a name that is not UTF-8"));
}

#[test]
fn separators_that_clash_and_settings_without_effect_are_conflicts() {
    let conflicts = |settings: &[(&str, &str)]| {
        let found = with("a.txt", settings).settings;
        found.conflicts().into_iter().map(|(given, message)| format!("{}: {message}", given.name)).collect::<Vec<_>>()
    };
    for (settings, wanted) in [
        (&[("headers_separator", "\t")][..], "headers_separator: must differ from `headers_delimiter`"),
        (&[("headers_key_separator", "\t")], "headers_key_separator: must differ from `headers_delimiter`"),
        (&[("headers_key_separator", ",")], "headers_key_separator: must differ from `headers_separator`"),
        (&[("headers_delimiter", ":")], "headers_delimiter: must differ from `headers_key_separator`"),
        (&[("null_marker", "\t")], "null_marker: must differ from `key_separator`"),
        (&[("null_marker", "#"), ("headers_delimiter", "#")], "null_marker: must differ from `headers_delimiter`"),
        (&[("null_marker", ",")], "null_marker: must differ from `headers_separator`"),
        (&[("null_marker", ":")], "null_marker: must differ from `headers_key_separator`"),
        (&[("null_marker", "#"), ("key_separator", "#")], "null_marker: must differ from `key_separator`"),
    ] {
        assert_eq!(conflicts(&[&BOTH[..], settings].concat()), [wanted], "{settings:?}");
    }
    assert_eq!(conflicts(&[("key_separator", ";")]), ["key_separator: has no effect without `parse_key = true`"]);
    assert_eq!(
        conflicts(&[("headers_separator", ";"), KEYS[0]]),
        ["headers_separator: has no effect without `parse_headers = true`"]
    );
    assert_eq!(
        conflicts(&[("ignore_error", "true")]),
        ["ignore_error: has no effect without `parse_key = true` or `parse_headers = true`"]
    );
    assert_eq!(InputSettings::default().put("key_separator", "", 1), Err("must not be empty".to_owned()));
}
