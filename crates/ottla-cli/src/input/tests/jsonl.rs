//! Tests of the reader of JSON lines.

use super::*;

#[test]
fn json_is_returned_unchanged() {
    let data =
        b"{ \"id\" : \"a\\u00e9\" }\r\n\n  \n{\"id\":1.50,\"x\":[{}]}\n{\"id\":true}\n{\"id\":null}\n{\"id\":1,\"id\":\"last\"}";
    assert_eq!(
        read_all(data, &with_key("a.jsonl", "id")),
        [
            row(1, r#"{ "id" : "a\u00e9" }"#, Some("a\u{c3}\u{a9}"), r#"{ "id" : "a\u00e9" }"#),
            row(4, r#"{"id":1.50,"x":[{}]}"#, Some("1.50"), r#"{"id":1.50,"x":[{}]}"#),
            row(5, r#"{"id":true}"#, Some("true"), r#"{"id":true}"#),
            row(6, r#"{"id":null}"#, None, r#"{"id":null}"#),
            row(7, r#"{"id":1,"id":"last"}"#, Some("last"), r#"{"id":1,"id":"last"}"#),
        ]
    );
    assert_eq!(read_all(b"\xef\xbb\xbf{}", &options("a.jsonl")), [row(1, "ï»¿{}", None, "{}")]);
}

#[test]
fn a_key_may_be_nested() {
    let data = br#"{"a":{"b/c":{"d":"deep"}},"a.b":"dotted"}"#;
    let key = |path| match &read_all(data, &with_key("a.jsonl", path))[..] {
        [Given::Row(_, _, key, _)] => Ok(key.clone().unwrap()),
        [Given::Bad(_, kind, field, _)] => Err((*kind, field.clone().unwrap())),
        other => panic!("{other:?}"),
    };
    assert_eq!(key("a.b/c.d"), Ok("deep".into()));
    assert_eq!(key("/a/b~1c/d"), Ok("deep".into()));
    assert_eq!(key("/a.b"), Ok("dotted".into()));
    assert_eq!(key("a.b"), Err((MissingKey, "a.b".into())));
    assert_eq!(key("a.b/c"), Err((InvalidKey, "a.b/c".into())));
    assert_eq!(key("/a.b/c"), Err((MissingKey, "/a.b/c".into())));
}

#[test]
fn an_invalid_json_line_does_not_end_the_input() {
    let bad_lines: [(&[u8], RowErrorKind); 9] = [
        (b"{\"id\":1", InvalidJson),
        (b"{\"id\":1}}", InvalidJson),
        (b"{\"id\":1} {\"id\":2}", InvalidJson),
        (b"[1]", InvalidJson),
        (b"\"hunter2\"", InvalidJson),
        (b"hunter2", InvalidJson),
        (b"null", InvalidJson),
        (b"{\"id\":\"\xff\"}", InvalidUtf8),
        (b"{\"id\":1,\"x\":\"\x01\"}", InvalidJson),
    ];
    for key in [None, Some("id")] {
        let options = InputOptions { key: key.map(Into::into), ..options("a.jsonl") };
        for (line, kind) in bad_lines {
            let data = [line, b"\n{\"id\":7}\n"].concat();
            let given = read_all(&data, &options);
            assert_eq!(given[0], bad(1, kind, None, &text(line)));
            assert_eq!(given[1..], [row(2, "{\"id\":7}", key.map(|_| "7"), "{\"id\":7}")]);
            assert!(!message(line, &options).contains("hunter2"));
        }
    }
    assert_eq!(read_all(b"{\"x\":1}", &with_key("a.jsonl", "id")), [bad(1, MissingKey, Some("id"), "{\"x\":1}")]);
    assert_eq!(
        message(b"[1]", &with_key("a.jsonl", "id")),
        "a line must be a JSON object, but this is an array; for an array of records use the format json"
    );
    assert_eq!(message(b"{\"a\" 1}", &options("a.jsonl")), "expected `:` at column 6");
}

#[test]
fn deep_json_does_not_overflow_the_stack() {
    let data = [b"{\"id\":1,\"x\":".as_slice(), &b"[".repeat(400_000), &b"]".repeat(400_000), b"}"].concat();
    let options = InputOptions { max_record: 1_000_000, ..with_key("a.jsonl", "id") };
    let mut input = Input::read(Box::new(Cursor::new(data)), &options).unwrap();
    assert!(matches!(drain(&mut input).0[..], [Given::Row(1, _, Some(_), _)]));
}
