//! Tests of the readers of input, with the check that the fuzz target uses.

mod archives;
mod avro;
mod csv;
mod dialects;
#[path = "../../../../../fuzz/src/rows.rs"]
mod fuzz_target;
mod json;
mod jsonl;
mod letters;
mod line_parts;
mod lines;
mod record_lines;
mod resume;
mod vectors;

use super::*;
use crate::{
    exit::chain,
    row::RowErrorKind::{self, *},
};
use archives::{gzip, lz4, xz, zstd};
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
    InputOptions {
        path: path.into(),
        format: None,
        key: None,
        letters_format: None,
        settings: InputSettings::default(),
        max_record: 1000,
    }
}

fn with_key(path: &str, key: &str) -> InputOptions {
    InputOptions { key: Some(key.into()), ..options(path) }
}

/// The options with these settings of `[input]`.
fn with(path: &str, settings: &[(&str, &str)]) -> InputOptions {
    let mut options = options(path);
    for (name, value) in settings {
        options.settings.put(name, value, 1).unwrap();
    }
    options
}

fn drain(input: &mut Input) -> (Vec<Given>, Option<InputError>) {
    let mut given = Vec::new();
    loop {
        match input.next() {
            Ok(Step::Row(row)) => given.push(Given::Row(row.line, text(row.raw), row.key.map(text), text(row.value.unwrap()))),
            Ok(Step::Bad(error)) => given.push(Given::Bad(error.line, error.kind, error.field, text(&error.record))),
            Ok(Step::Layout | Step::End | Step::Wait) => return (given, None),
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
            Step::Layout | Step::End | Step::Wait => panic!("no row is malformed"),
        }
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
        assert_eq!(text(row.value.unwrap()), wanted, "{path}");
    }
    for compress in [gzip, zstd, xz, lz4] {
        let source = Cursor::new(compress(b"ab\n")).chain(NotYet);
        let mut input = Input::read(Box::new(source), &options("a.txt")).unwrap();
        assert!(matches!(input.next(), Ok(Step::Row(Row { value: Some(b"ab"), .. }))));
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
fn option_errors_are_found_before_the_first_record() {
    assert_eq!(refusal(b"a,b\n1,2", &with_key("f.csv", "c")), "f.csv: the header has no key column `c`; its columns are a, b");
    assert_eq!(refusal(b"a,b,a\n", &options("f.csv")), "f.csv: duplicate column `a` in the header: columns 1 and 3");
    assert_eq!(refusal(b"", &options("f.csv")), "f.csv: the input is empty; CSV must begin with a header");
    assert!(refusal(b"a,\xff\n", &options("f.csv")).contains("column 2 of the header is not UTF-8"));
    assert!(refusal(b"a,\"b\n", &options("f.csv")).contains("invalid header in line 1: unclosed quote"));
    assert!(refusal(b"", &options("f.dat")).contains("pass --format"));
    assert!(refusal(b"", &with_key("f.txt", "a")).contains("lines have no fields"));
    assert!(refusal(b"", &with("f.jsonl", &[("null", "NA")])).contains("`null` applies only to csv"));
}

proptest! {
    /// The first byte chooses format, piece size and container.
    #[test]
    fn any_bytes_in_any_container_are_accounted_for(which: u8, data in proptest::collection::vec(prop_oneof![Just(b','), Just(b'"'), Just(b'\n'), Just(b'\r'), Just(b'a'), Just(b'{'), Just(b'}'), Just(b':'), any::<u8>()], 0..700)) {
        fuzz_target::run(&[&[which], &data[..]].concat());
    }

    #[test]
    fn no_input_panics_or_loses_bytes(data in proptest::collection::vec(prop_oneof![Just(b','), Just(b'"'), Just(b'\n'), Just(b'\r'), Just(b'a'), Just(b'{'), any::<u8>()], 0..200), max in 1..40_usize) {
        for format in [Format::Lines, Format::Jsonl, Format::Csv, Format::Record] {
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
            given.push((row.line, serde_json::from_slice::<serde_json::Value>(row.value.unwrap()).unwrap()));
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
