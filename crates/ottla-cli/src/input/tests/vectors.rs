//! Compares the readers with Python's `csv` and codecs on the texts that `tests/python/input_vectors.py` has written.

use serde::Deserialize;

use super::*;
use crate::input::{
    csv_records::{CsvAdvance, CsvRecords},
    text_encoding::TextEncoding,
};

fn vectors<T: for<'de> Deserialize<'de>>(name: &str) -> Vec<T> {
    let path = format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"));
    let vectors = std::fs::read_to_string(path).unwrap();
    vectors.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn bytes(hexadecimal: &str) -> Vec<u8> {
    let digits = hexadecimal.as_bytes().chunks(2);
    digits.map(|digits| u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap()).collect()
}

#[derive(Deserialize)]
struct DialectVector {
    settings: Vec<(String, String)>,
    text: String,
    records: Vec<(u64, Option<Vec<String>>)>,
}

#[test]
fn each_dialect_is_read_as_by_pythons_csv() {
    let vectors: Vec<DialectVector> = vectors("dialects.jsonl");
    let (mut rows, mut rejected) = (0, 0);
    for DialectVector { settings, text: hexadecimal, records: theirs } in &vectors {
        let mut ours = InputSettings::default();
        for (name, value) in settings {
            ours.put(name, value, 1).unwrap();
        }
        for piece in [usize::MAX, 1, 3] {
            let source = Box::new(Pieces(bytes(hexadecimal), 0, piece));
            let mut records = CsvRecords::new(source, ours.csv.marks(b','), 1_000_000);
            records.skip_lines(ours.csv.skip_lines).unwrap();
            let mut found = Vec::new();
            loop {
                match records.advance().unwrap() {
                    CsvAdvance::End => break,
                    CsvAdvance::Wrong(..) => found.push((records.line(), None)),
                    CsvAdvance::Record => {
                        let (bytes, ends, gap) = records.fields();
                        let starts = std::iter::once(0).chain(ends.iter().map(|end| end + gap));
                        let fields = starts.zip(ends).map(|(start, &end)| text(&bytes[start..end])).collect();
                        found.push((records.line(), Some(fields)));
                    }
                }
            }
            assert_eq!(&found, theirs, "{settings:?} {:?}", text(&bytes(hexadecimal)));
        }
        rows += theirs.len();
        rejected += theirs.iter().filter(|(_, fields)| fields.is_none()).count();
    }
    assert!(vectors.len() > 600 && rejected > rows / 30, "{rejected} of {rows} rows are rejected: these texts test little");
}

#[derive(Deserialize)]
struct EncodingVector {
    encoding: String,
    text: String,
    lines: Vec<Option<String>>,
}

#[test]
fn each_encoding_is_decoded_as_by_pythons_codecs() {
    let vectors: Vec<EncodingVector> = vectors("encodings.jsonl");
    let mut rejected = 0;
    for EncodingVector { encoding, text, lines: theirs } in &vectors {
        let options = with("a.txt", &[("encoding", encoding)]);
        for piece in [usize::MAX, 1, 3] {
            let mut input = Input::read(Box::new(Pieces(bytes(text), 0, piece)), &options).unwrap();
            let mut found = Vec::new();
            loop {
                match input.next().unwrap() {
                    Step::Layout | Step::End | Step::Wait => break,
                    Step::Row(row) => found.push(Some(String::from_utf8(row.value.unwrap().to_vec()).unwrap())),
                    Step::Bad(error) => {
                        assert!(matches!(error.kind, InvalidEncoding | InvalidUtf8), "{error}");
                        found.push(None);
                    }
                }
            }
            assert_eq!(&found, theirs, "{encoding} {text}");
        }
        rejected += theirs.iter().filter(|line| line.is_none()).count();
        assert_eq!(encoding.parse::<TextEncoding>().unwrap().to_string(), *encoding);
    }
    assert!(vectors.len() >= 200 && rejected > 100, "{rejected} lines are rejected: these texts test little");
}
