//! Tests of the readers of input, with the check that the fuzz target uses.

#[path = "../../../../fuzz/src/rows.rs"]
mod fuzz_target;

use super::*;
use crate::{
    exit::chain,
    row::RowErrorKind::{self, *},
};
use proptest::prelude::*;
use std::{
    collections::HashSet,
    io::{Cursor, Write},
};

/// An item of an input: a row with its line, raw record, key and value, or an error with its line, kind, field and record.
#[derive(Debug, Clone, PartialEq)]
enum Given {
    Row(u64, String, Option<String>, String),
    Bad(u64, RowErrorKind, Option<String>, String),
}

fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}

/// A source that returns its bytes in pieces of a given size: bytes, position, size.
pub(super) struct Pieces(pub(super) Vec<u8>, pub(super) usize, pub(super) usize);

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let size = (self.0.len() - self.1).min(self.2).min(buffer.len());
        buffer[..size].copy_from_slice(&self.0[self.1..self.1 + size]);
        self.1 += size;
        Ok(size)
    }
}

fn options(path: &str) -> InputOptions {
    InputOptions { path: path.into(), format: None, key: None, null: None, max_record: 1000 }
}

fn with_key(path: &str, key: &str) -> InputOptions {
    InputOptions { key: Some(key.into()), ..options(path) }
}

fn drain(input: &mut Input) -> (Vec<Given>, Option<InputError>) {
    let mut given = Vec::new();
    loop {
        match input.next() {
            Ok(Step::Row(row)) => given.push(Given::Row(row.line, text(row.raw), row.key.map(text), text(row.value))),
            Ok(Step::Bad(error)) => given.push(Given::Bad(error.line, error.kind, error.field, text(&error.record))),
            Ok(Step::End) => return (given, None),
            Err(error) => return (given, Some(error)),
        }
    }
}

/// The record as read.
fn raw(given: &Given) -> Vec<u8> {
    match given {
        Given::Row(_, raw, ..) | Given::Bad(.., raw) => raw.chars().map(|c| u8::try_from(c).unwrap()).collect(),
    }
}

fn read_all(data: &[u8], options: &InputOptions) -> Vec<Given> {
    let whole = Input::read(Box::new(Pieces(data.to_vec(), 0, usize::MAX)), options).unwrap();
    let mut whole = whole;
    let (given, error) = drain(&mut whole);
    assert!(error.is_none(), "{error:?}");
    for size in [1, 2, 7] {
        let mut in_pieces = Input::read(Box::new(Pieces(data.to_vec(), 0, size)), options).unwrap();
        assert_eq!(drain(&mut in_pieces).0, given, "in pieces of {size} bytes");
    }
    given
}

fn row(line: u64, raw: &str, key: Option<&str>, value: &str) -> Given {
    Given::Row(line, raw.into(), key.map(Into::into), value.into())
}

fn bad(line: u64, kind: RowErrorKind, field: Option<&str>, record: &str) -> Given {
    Given::Bad(line, kind, field.map(Into::into), record.into())
}

fn refusal(data: &[u8], options: &InputOptions) -> String {
    chain(&Input::read(Box::new(Cursor::new(data.to_vec())), options).unwrap_err())
}

fn message(data: &[u8], options: &InputOptions) -> String {
    let mut input = Input::read(Box::new(Cursor::new(data.to_vec())), options).unwrap();
    loop {
        match input.next().unwrap() {
            Step::Bad(error) => return error.message,
            Step::Row(_) => {}
            Step::End => panic!("no row is malformed"),
        }
    }
}

#[test]
fn lines_are_returned_without_line_ends() {
    let line = |number, text| row(number, text, None, text);
    assert_eq!(read_all(b"", &options("a.txt")), []);
    assert_eq!(
        read_all(b"a\r\n\nb\rc\n\xff\xfe", &options("a.txt")),
        [line(1, "a"), line(2, ""), line(3, "b\rc"), line(4, "ÿþ")]
    );
    assert_eq!(read_all(b"a\n", &options("-")), [line(1, "a")]);
}

#[test]
fn a_line_that_is_too_long_is_one_error() {
    let options = InputOptions { max_record: 5, ..options("a.txt") };
    for end in ["\n", "\r\n"] {
        let data = ["12345", "123456", "x", "123456789012345", "y", ""].join(end);
        let given = read_all(data.as_bytes(), &options);
        let long = |line| bad(line, RecordTooLarge, None, "12345");
        assert_eq!(given, [row(1, "12345", None, "12345"), long(2), row(3, "x", None, "x"), long(4), row(5, "y", None, "y")]);
        assert!(message(b"123456789012345\r\n", &options).starts_with("the record has 15 bytes"));
    }
    assert_eq!(read_all(b"1234567890", &options), [bad(1, RecordTooLarge, None, "12345")]);
}

#[test]
fn an_endless_line_does_not_grow_the_memory() {
    let source = io::repeat(b'x').take(50_000_000).chain(Cursor::new(b"\nnext"));
    let mut lines = lines::Lines::new(Box::new(source), 1000);
    let Step::Bad(error) = lines.next().unwrap() else { panic!("a line of 50 MB was accepted") };
    assert!(error.message.starts_with("the record has 50000000 bytes"), "{error}");
    assert!(error.record.capacity() < 10_000);
    assert!(matches!(lines.next().unwrap(), Step::Row(Row { line: 2, value: b"next", .. })));
}

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
    assert_eq!(message(b"[1]", &with_key("a.jsonl", "id")), "a line must be a JSON object, but this is an array");
    assert_eq!(message(b"{\"a\" 1}", &options("a.jsonl")), "expected `:` at column 6");
}

#[test]
fn deep_json_does_not_overflow_the_stack() {
    let data = [b"{\"id\":1,\"x\":".as_slice(), &b"[".repeat(400_000), &b"]".repeat(400_000), b"}"].concat();
    let options = InputOptions { max_record: 1_000_000, ..with_key("a.jsonl", "id") };
    let mut input = Input::read(Box::new(Cursor::new(data)), &options).unwrap();
    assert!(matches!(drain(&mut input).0[..], [Given::Row(1, _, Some(_), _)]));
}

#[test]
fn a_csv_row_becomes_a_json_object() {
    let options = InputOptions { null: Some("NA".into()), ..with_key("a.csv", "tail \"num\"") };
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
fn complete_records_are_returned_before_more_bytes_arrive() {
    for (first, second, path, wanted) in [
        (&b"ab\n"[..], &b"cd\n"[..], "a.txt", "ab"),
        (b"a\n1\n", b"2\n", "a.csv", r#"{"a":"1"}"#),
        (b"{}\n", b"{}\n", "a.jsonl", "{}"),
        (b"P\n", b"x\n", "a.txt", "P"),
        (b"BZ\n", b"x\n", "a.txt", "BZ"),
    ] {
        let mut input =
            Input::read(Box::new(Cursor::new(first).chain(NotYet).chain(Cursor::new(second))), &options(path)).unwrap();
        let Step::Row(row) = input.next().unwrap() else { panic!("{path}: no row") };
        assert_eq!(text(row.value), wanted, "{path}");
    }
    for compress in [gzip, zstd] {
        let source = Cursor::new(compress(b"ab\n")).chain(NotYet);
        let mut input = Input::read(Box::new(source), &options("a.txt")).unwrap();
        assert!(matches!(input.next(), Ok(Step::Row(Row { value: b"ab", .. }))));
    }
}

/// Bytes that have not been written yet: a real read would block forever.
struct NotYet;

impl Read for NotYet {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        panic!("read more than needed for the first record");
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
fn option_errors_are_found_before_the_first_record() {
    assert_eq!(refusal(b"a,b\n1,2", &with_key("f.csv", "c")), "f.csv: the header has no key column `c`; its columns are a, b");
    assert_eq!(refusal(b"a,b,a\n", &options("f.csv")), "f.csv: duplicate column `a` in the header: columns 1 and 3");
    assert_eq!(refusal(b"", &options("f.csv")), "f.csv: the input is empty; CSV must begin with a header");
    assert!(refusal(b"a,\xff\n", &options("f.csv")).contains("column 2 of the header is not UTF-8"));
    assert!(refusal(b"a,\"b\n", &options("f.csv")).contains("invalid header in line 1: unclosed quote"));
    assert!(refusal(b"", &options("f.json")).contains("pass --format"));
    assert!(refusal(b"", &with_key("f.txt", "a")).contains("lines have no fields"));
    let null = InputOptions { null: Some("NA".into()), ..options("f.jsonl") };
    assert!(refusal(b"", &null).contains("`null` applies only to csv"));
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn zstd(data: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn archives_are_detected_by_extension_and_first_bytes() {
    let plain = b"one\ntwo\n";
    let expected = read_all(plain, &options("a.txt"));
    for archive in [gzip(plain), zstd(plain)] {
        assert_eq!(read_all(&archive, &options("-")), expected);
        assert_eq!(read_all(&archive, &options("a.txt")), expected);
    }
    assert_eq!(read_all(&gzip(plain), &options("a.txt.gz")), expected);
    assert_eq!(read_all(&zstd(plain), &options("a.txt.ZST")), expected);
    assert!(refusal(plain, &options("a.txt.gz")).contains("the file extension says gzip, but the content is not gzip"));
    assert!(refusal(&gzip(plain), &options("a.txt.zst")).contains("the file extension says zstd"));
    assert!(refusal(b"", &options("a.txt.gz")).contains("truncated"));
}

#[test]
fn zstd_with_skippable_frames_and_gzip_with_zero_padding_are_read() {
    let plain = b"one\ntwo\n";
    let expected = read_all(plain, &options("a.txt"));
    for kind in 0x50..=0x5f {
        let skipped = [&[kind, 0x2a, 0x4d, 0x18, 5, 0, 0, 0][..], b"\n\nhi\n"].concat();
        let archive = [skipped.clone(), zstd(b"one\n"), skipped.clone(), zstd(b"two\n"), skipped].concat();
        for path in ["-", "a.txt", "a.txt.zst"] {
            assert_eq!(read_all(&archive, &options(path)), expected, "{path}");
        }
    }
    for zeros in [1, 511, 100_000] {
        let archive = [gzip(plain), vec![0; zeros]].concat();
        assert_eq!(read_all(&archive, &options("a.txt.gz")), expected);
        let two = [gzip(b"one\n"), vec![0; zeros], gzip(b"two\n"), vec![0; zeros]].concat();
        assert_eq!(read_all(&two, &options("-")), expected);
    }
    let mut input = Input::read(Box::new(Cursor::new([gzip(plain), b"\0\0x".to_vec()].concat())), &options("a.txt.gz")).unwrap();
    let (given, error) = drain(&mut input);
    assert_eq!(given, expected);
    let error = chain(&error.unwrap());
    assert!(error.contains("cannot read line 3") && error.contains("trailing bytes are not gzip"), "{error}");
}

#[test]
fn unsupported_containers_are_rejected_by_name() {
    for (bytes, wanted) in [
        (&b"\xfd7zXZ\0\0\x04\xe6"[..], "xz data is not supported: decompress it first (xz -dc FILE) and pass --input -"),
        (b"\x04\x22\x4d\x18d@", "lz4 data is not supported"),
        (b"BZh91AY&SY", "bzip2 data is not supported"),
        (b"PK\x03\x04", "zip data is not supported"),
        (b"PAR1\x15\x04", "Parquet data is not supported: convert it to csv or jsonl first"),
        (b"Obj\x01\x04", "Avro object container data is not supported"),
    ] {
        for path in ["-", "a.txt", "a.jsonl", "a.csv"] {
            let whole = refusal(bytes, &options(path));
            assert!(whole.contains(wanted), "{path}: {whole}");
            let in_pieces = Input::read(Box::new(Pieces(bytes.to_vec(), 0, 1)), &options(path)).map(drop).unwrap_err();
            assert_eq!(chain(&in_pieces), whole);
        }
        let inside = refusal(&gzip(bytes), &options("-"));
        assert!(inside.contains("gzip data that contains other data: "), "{inside}");
    }
    assert!(refusal(&zstd(&gzip(b"x")), &options("-")).contains("zstd data that contains gzip data"));
    assert!(refusal(b"", &options("orders.csv.xz")).contains("xz data is not supported"));
    let mut tar = vec![0; 512];
    tar[..5].copy_from_slice(b"a.txt");
    tar[257..262].copy_from_slice(b"ustar");
    assert!(refusal(&gzip(&tar), &options("-")).contains("tar"));
}

#[test]
fn all_members_of_an_archive_are_read() {
    for compress in [gzip, zstd] {
        let data = [compress(b"one\ntw"), compress(b"o\nthree")].concat();
        let given = read_all(&data, &options("-"));
        assert_eq!(given, ["one", "two", "three"].iter().zip(1..).map(|(t, n)| row(n, t, None, t)).collect::<Vec<_>>());
    }
}

#[test]
fn records_before_the_end_of_a_truncated_archive_are_kept() {
    let mut plain = String::from("number,square\n");
    for number in 0_u64..40_000 {
        plain.push_str(&format!("{number},{}\n", number * number));
    }
    for (name, archive) in [("gzip", gzip(plain.as_bytes())), ("zstd", zstd(plain.as_bytes()))] {
        for path in ["a.csv", "a.txt"] {
            let half = archive[..archive.len() * 2 / 3].to_vec();
            let mut input = Input::read(Box::new(Cursor::new(half)), &options(path)).unwrap();
            let (given, error) = drain(&mut input);
            let error = chain(&error.unwrap());
            assert!(given.len() > 1000, "{} rows", given.len());
            let whole: HashSet<_> = plain.lines().collect();
            let is_whole = |given: &Given| matches!(given, Given::Row(_, raw, ..) if whole.contains(&**raw));
            assert!(given.iter().all(is_whole), "an incomplete row was returned");
            let line = given.len() + 1 + usize::from(path == "a.csv");
            let expected = format!("{path}: cannot read line {line} or anything after it: the {name} data is truncated");
            assert!(error.starts_with(&expected), "{error}");
        }
        let mut damaged = archive.clone();
        let middle = damaged.len() / 2;
        damaged[middle..middle + 50].fill(0x55);
        let mut input = Input::read(Box::new(Cursor::new(damaged)), &options("a.txt")).unwrap();
        let error = chain(&drain(&mut input).1.unwrap());
        assert!(error.contains(&format!("the {name} data is ")), "{error}");
    }
}

proptest! {
    /// The first byte chooses format, piece size and container.
    #[test]
    fn any_bytes_in_any_container_are_accounted_for(which: u8, data in proptest::collection::vec(prop_oneof![Just(b','), Just(b'"'), Just(b'\n'), Just(b'\r'), Just(b'a'), Just(b'{'), Just(b'}'), Just(b':'), any::<u8>()], 0..700)) {
        fuzz_target::run(&[&[which], &data[..]].concat());
    }

    #[test]
    fn no_input_panics_or_loses_bytes(data in proptest::collection::vec(prop_oneof![Just(b','), Just(b'"'), Just(b'\n'), Just(b'\r'), Just(b'a'), Just(b'{'), any::<u8>()], 0..200), max in 1..40_usize) {
        for format in [Format::Lines, Format::Jsonl, Format::Csv] {
            let options = InputOptions { format: Some(format), max_record: max, ..options("-") };
            let mut given = Vec::new();
            for size in [usize::MAX, 1, 3] {
                let Ok(mut input) = Input::read(Box::new(Pieces(data.clone(), 0, size)), &options) else {
                    given.push(None);
                    continue;
                };
                let (rows, error) = drain(&mut input);
                let lines: Vec<_> = rows.iter().map(|row| match row { Given::Row(line, ..) | Given::Bad(line, ..) => *line }).collect();
                prop_assert!(lines.is_sorted_by(|one, other| one < other), "{:?}", lines);
                let plain = data.strip_prefix(b"\xef\xbb\xbf").filter(|_| format == Format::Csv).unwrap_or(&data);
                if error.is_none() {
                    fuzz_target::check_all_is_there(plain, &lines, &rows.iter().map(raw).collect::<Vec<_>>(), format, max);
                }
                given.push(Some(rows));
            }
            prop_assert!(given.windows(2).all(|two| two[0] == two[1]), "the result depends on the piece size: {:?}", given);
        }
    }

    #[test]
    fn written_csv_is_read_back(rows in proptest::collection::vec(proptest::collection::vec("[a\",\r\n\\PC]{0,8}", 3), 1..8), quote_all: bool) {
        let mut data = b"a,b,c\n".to_vec();
        for row in &rows {
            let fields: Vec<_> = row.iter().map(|field| match quote_all || field.is_empty() || field.contains([',', '"', '\n', '\r']) {
                true => format!("\"{}\"", field.replace('"', "\"\"")),
                false => field.clone(),
            }).collect();
            data.extend_from_slice(fields.join(",").as_bytes());
            data.push(b'\n');
        }
        let mut line = 2;
        let expected: Vec<_> = rows.iter().map(|row| {
            let at = line;
            let ends = |field: &String| (field.replace("\r\n", "\n").matches(['\n', '\r']).count()) as u64;
            line += 1 + row.iter().map(ends).sum::<u64>();
            (at, serde_json::json!({"a": row[0], "b": row[1], "c": row[2]}))
        }).collect();
        let mut input = Input::read(Box::new(Pieces(data, 0, 5)), &options("a.csv")).unwrap();
        let mut given = Vec::new();
        while let Step::Row(row) = input.next().unwrap() {
            given.push((row.line, serde_json::from_slice::<serde_json::Value>(row.value).unwrap()));
        }
        prop_assert_eq!(given, expected);
    }
}

#[test]
fn the_fuzz_corpus_passes() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/rows");
    let inputs: Vec<_> = std::fs::read_dir(corpus).unwrap().map(|input| input.unwrap().path()).collect();
    assert!(inputs.len() >= 5, "{inputs:?}");
    for input in inputs {
        eprintln!("{}", input.display()); // names the input that panics
        fuzz_target::run(&std::fs::read(input).unwrap());
    }
}
