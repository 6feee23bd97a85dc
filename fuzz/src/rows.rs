//! The command's readers: lines, JSON lines and CSV, plain, gzip or zstd. The first byte chooses the format and in what pieces the rest comes.

use std::{
    collections::HashMap,
    io::{self, Read},
};

use serde_json::value::RawValue;

use crate::{
    input::{Format, Input, InputOptions, Step},
    row::RowErrorKind,
};

/// The longest record, here.
const MAX_RECORD: usize = 300;

/// Reads all records, and again in pieces: it must come to the same.
pub(crate) fn run(data: &[u8]) {
    let Some((which, data)) = data.split_first() else { return };
    let format = [Format::Lines, Format::Jsonl, Format::Csv][usize::from(which % 3)];
    let with_key = format != Format::Lines && which & 0x40 != 0;
    let options = InputOptions {
        path: "-".into(),
        format: Some(format),
        key: with_key.then(|| "a".to_owned()),
        null: (format == Format::Csv).then(|| "NA".to_owned()),
        max_record: MAX_RECORD,
    };
    let (whole, end) = read(data, usize::MAX, &options);
    let (in_pieces, end_in_pieces) = read(data, 1 + usize::from(which >> 4 & 3) * 3, &options);
    assert_eq!(end.is_some(), end_in_pieces.is_some(), "{end:?} {end_in_pieces:?}");
    // Of a damaged archive the one may come further than the other.
    let common = if end.is_some() { whole.len().min(in_pieces.len()) } else { usize::MAX };
    let of = |given: &[String]| given.iter().take(common).cloned().collect::<Vec<_>>();
    assert_eq!(of(&in_pieces), of(&whole), "in pieces it is another input");
}

/// What an input gives: the line, the record, the key and the value of each, or its error; and the error that ends it.
fn read(data: &[u8], piece: usize, options: &InputOptions) -> (Vec<String>, Option<String>) {
    let source = Pieces { data: data.to_vec(), at: 0, piece };
    let mut given = Vec::new();
    let mut input = match Input::read(Box::new(source), options) {
        Ok(input) => input,
        Err(error) => return (Vec::new(), Some(error.to_string())),
    };
    let mut before = 0;
    loop {
        let (line, text) = match input.next() {
            Ok(Step::End) => return (given, None),
            Ok(Step::Row(row)) => {
                assert!(row.raw.len() <= MAX_RECORD + 3, "a record of {} bytes", row.raw.len());
                if options.format != Some(Format::Lines) {
                    // Whatever its numbers are.
                    let object: HashMap<String, &RawValue> = serde_json::from_slice(row.value).expect("a value is a JSON object");
                    let is_csvs = |value: &&RawValue| value.get().starts_with('"') || value.get() == "null";
                    assert!(options.format != Some(Format::Csv) || object.values().all(is_csvs));
                }
                (row.line, format!("{:?} {:?} {:?}", row.raw, row.key, row.value))
            }
            Ok(Step::Bad(error)) => {
                assert!(error.record.len() <= MAX_RECORD + 3 || error.kind != RowErrorKind::RecordTooLarge);
                (error.line, format!("{error} {:?} {:?}", error.field, error.record))
            }
            Err(error) => return (given, Some(error.to_string())),
        };
        // CSV may have several on a line, with a \r alone between them.
        assert!(line > before || (line == before && options.format == Some(Format::Csv)), "line {line} behind line {before}");
        before = line;
        given.push(format!("{line}: {text}"));
    }
}

/// A source that gives its bytes in pieces of so many.
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
