//! The command's readers: lines, JSON lines and CSV, plain and in every container. The first byte chooses the format and the size of the pieces in which the rest
//! is read. All bytes are in a record, in the error of a record, or in the error that ends the input.

use std::{
    collections::HashMap,
    io::{self, Read, Write},
};

use serde_json::value::RawValue;

use crate::{
    input::{Format, Input, InputOptions, InputSettings, Step},
    row::RowErrorKind,
};

/// The record limit of this target.
const MAX_RECORD: usize = 300;

/// A record: its line, its bytes, and everything else that the reader returns.
type Given = (u64, Vec<u8>, String);

/// Reads all records, and again in pieces and in containers: the result must be the same.
pub(crate) fn run(data: &[u8]) {
    let Some((which, data)) = data.split_first() else { return };
    let json = if which & 0x80 != 0 { Format::Json } else { Format::Jsonl };
    let format = [Format::Lines, json, Format::Csv][usize::from(which % 3)];
    let with_key = format != Format::Lines && which & 0x40 != 0;
    let mut options = InputOptions {
        path: "-".into(),
        format: Some(format),
        key: with_key.then(|| "a".to_owned()),
        letters_format: None,
        settings: InputSettings::default(),
        max_record: MAX_RECORD,
    };
    if format == Format::Csv {
        options.settings.put("null", "NA", 1).expect("a valid setting");
    }
    if format == Format::Lines && which & 0x40 != 0 {
        for (name, value) in [("parse_headers", "true"), ("parse_key", "true"), ("key_separator", "=="), ("null_marker", "NA")] {
            options.settings.put(name, value, 1).expect("a valid setting");
        }
    }
    let piece = 1 + usize::from(which >> 4 & 3) * 3;
    let (whole, end) = read(data, usize::MAX, &options);
    let (in_pieces, end_in_pieces) = read(data, piece, &options);
    assert_eq!(end.is_some(), end_in_pieces.is_some(), "{end:?} {end_in_pieces:?}");
    // One of them may read more of a damaged archive than the other.
    let common = if end.is_some() { whole.len().min(in_pieces.len()) } else { usize::MAX };
    assert_eq!(beginning(&in_pieces, common), beginning(&whole, common), "the result in pieces differs");
    if end.is_some() || is_archive(data) {
        return;
    }
    let lines: Vec<u64> = whole.iter().map(|(line, ..)| *line).collect();
    let raw: Vec<Vec<u8>> = whole.iter().map(|(_, raw, _)| raw.clone()).collect();
    let plain = data.strip_prefix(b"\xef\xbb\xbf").filter(|_| format == Format::Csv).unwrap_or(data);
    check_all_is_there(plain, &lines, &raw, format, MAX_RECORD);
    for archive in archives(data, *which) {
        let (inside, end) = read(&archive, piece, &options);
        assert_eq!((inside, end), (whole.clone(), None), "the result in an archive differs");
        // A truncated archive returns the first of the same records, and then the error that ends the input.
        let (left, end) = read(&archive[..archive.len() - 1 - data.len() % 4], piece, &options);
        let left = left.len();
        assert!(end.is_some(), "a truncated archive is complete");
        assert!(left <= whole.len(), "a truncated archive has more");
    }
}

fn beginning(given: &[Given], records: usize) -> &[Given] {
    &given[..records.min(given.len())]
}

/// Whether the bytes may be a container, which has no lines.
fn is_archive(data: &[u8]) -> bool {
    matches!(
        data,
        [0x1f, 0x8b, ..]
            | [0x28, 0xb5, 0x2f, 0xfd, ..]
            | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..]
            | [0xfd, b'7', b'z', b'X', b'Z', 0, ..]
            | [0x04, 0x22, 0x4d, 0x18, ..]
    )
}

/// The bytes as gzip in two members, as gzip with an empty member, and as zstd after a skippable frame.
fn archives(data: &[u8], which: u8) -> [Vec<u8>; 3] {
    let gzip = |data: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(data).and_then(|()| encoder.finish()).expect("memory can be written")
    };
    let (one, other) = data.split_at(usize::from(which).min(data.len()));
    let skipped = [&[0x50 + which % 16, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
    let zstd = zstd::stream::encode_all(data, 1).expect("memory can be written");
    [[gzip(one), gzip(other)].concat(), [gzip(b""), gzip(data)].concat(), [skipped, zstd].concat()]
}

/// Checks that the records are at their reported lines, with only line ends or blank lines
/// between them.
pub(crate) fn check_all_is_there(data: &[u8], lines: &[u64], raw: &[Vec<u8>], format: Format, max_record: usize) {
    if format == Format::Json {
        return check_values_are_there(data, lines, raw, max_record);
    }
    // The start of each line, as the format counts lines.
    let mut starts = vec![0];
    for (at, &byte) in data.iter().enumerate() {
        let is_pair = byte == b'\r' && data.get(at + 1) == Some(&b'\n');
        if byte == b'\n' || (byte == b'\r' && format == Format::Csv && !is_pair) {
            starts.push(at + 1);
        }
    }
    let start_of =
        |line: &u64| usize::try_from(*line).ok().and_then(|line| starts.get(line - 1).copied()).expect("an existing line");
    let mut before = if format == Format::Csv {
        // The header is not a record: it only ends before the first one.
        lines.first().map_or(data.len(), start_of)
    } else {
        0
    };
    for (line, raw) in lines.iter().zip(raw) {
        let start = start_of(line);
        assert!(start >= before, "line {line} is in the record before it");
        let is_blank = |bytes: &[u8]| match format {
            Format::Lines => matches!(bytes, b"" | b"\n" | b"\r\n"),
            Format::Jsonl | Format::Json | Format::Avro | Format::Record | Format::DeadLetters => bytes.trim_ascii().is_empty(),
            Format::Csv => bytes.iter().all(|byte| matches!(byte, b'\n' | b'\r')),
        };
        assert!(is_blank(&data[before..start]), "bytes before line {line} are missing");
        assert!(data[start..].starts_with(raw), "the record of line {line} is missing");
        before = start + raw.len();
        if raw.len() >= max_record {
            // The beginning of a record that is too long is returned.
            let ends = |byte: &u8| *byte == b'\n' || (*byte == b'\r' && format == Format::Csv);
            before += data[before..].iter().position(ends).unwrap_or(data.len() - before);
        }
    }
    let rest = &data[before..];
    let is_rest = match format {
        Format::Lines => matches!(rest, b"" | b"\n" | b"\r\n"),
        Format::Jsonl | Format::Json | Format::Avro | Format::Record | Format::DeadLetters => rest.trim_ascii().is_empty(),
        Format::Csv => rest.iter().all(|byte| matches!(byte, b'\n' | b'\r')),
    };
    assert!(is_rest || (lines.is_empty() && format == Format::Csv), "bytes after the last record are missing");
}

/// Checks that the values are in order in their lines, with only white space, brackets of arrays and commas between them.
fn check_values_are_there(data: &[u8], lines: &[u64], raw: &[Vec<u8>], max_record: usize) {
    let mut before = 0;
    for (line, raw) in lines.iter().zip(raw) {
        let is_between = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b'[' | b']' | b',' | 0xef | 0xbb | 0xbf);
        let start = (before..data.len())
            .take_while(|&start| start == before || is_between(&data[start - 1]))
            .find(|&start| data[start..].starts_with(raw) && line_of(data, start) == *line);
        let start = start.unwrap_or_else(|| panic!("the record of line {line} is missing"));
        before = start + raw.len();
        if raw.len() >= max_record {
            // The beginning of a record that is too long is returned.
            return;
        }
    }
}

/// The line of a byte, counted from 1.
fn line_of(data: &[u8], at: usize) -> u64 {
    1 + data[..at].iter().filter(|&&byte| byte == b'\n').count() as u64
}

/// The records of an input, and the error that ends it.
fn read(data: &[u8], piece: usize, options: &InputOptions) -> (Vec<Given>, Option<String>) {
    let source = Pieces { data: data.to_vec(), at: 0, piece };
    let mut given = Vec::new();
    let mut input = match Input::read(Box::new(source), options) {
        Ok(input) => input,
        Err(error) => return (Vec::new(), Some(error.to_string())),
    };
    let mut before = 0;
    loop {
        let (line, raw, text) = match input.next() {
            Ok(Step::Layout | Step::End | Step::Wait) => return (given, None),
            Ok(Step::Row(row)) => {
                assert!(row.raw.len() <= MAX_RECORD + 3, "a record of {} bytes", row.raw.len());
                if options.format != Some(Format::Lines) {
                    // With any numbers.
                    let object: HashMap<String, &RawValue> =
                        serde_json::from_slice(row.value.expect("a value")).expect("a value is a JSON object");
                    let is_csvs = |value: &&RawValue| value.get().starts_with('"') || value.get() == "null";
                    assert!(options.format != Some(Format::Csv) || object.values().all(is_csvs));
                }
                (
                    row.line,
                    row.raw.to_vec(),
                    format!("{:?} {:?} {:?}", row.key, row.value, row.headers.iter().collect::<Vec<_>>()),
                )
            }
            Ok(Step::Bad(error)) => {
                assert!(error.record.len() <= MAX_RECORD + 3 || error.kind != RowErrorKind::RecordTooLarge);
                let text = format!("{error} {:?}", error.field);
                (error.line, error.record, text)
            }
            Err(error) => return (given, Some(error.to_string())),
        };
        let may_share_a_line = options.format == Some(Format::Json);
        assert!(line > before || (line == before && may_share_a_line), "line {line} after line {before}");
        before = line;
        given.push((line, raw, text));
    }
}

/// A source that returns its bytes in pieces of this size.
struct Pieces {
    data: Vec<u8>,
    at: usize,
    piece: usize,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let size = (self.data.len() - self.at).min(self.piece).min(buffer.len());
        buffer[..size].copy_from_slice(&self.data[self.at..self.at + size]);
        self.at += size;
        Ok(size)
    }
}
