//! Compares [`CsvRecords`] with Python's `csv` in strict mode on damaged texts. `OTTLA_TEST_CSV_TEXTS=200000` sets the number of
//! texts.

use std::{
    env,
    fs::File,
    io::Cursor,
    path::Path,
    process::{Command, Stdio},
};

use super::{
    csv_records::{CsvAdvance, CsvRecords},
    dialect::Marks,
};

/// A record: its line, and its fields unless it is malformed.
type Record = (u64, Option<Vec<String>>);

/// Generates a valid table and inserts, removes or replaces some bytes. Returns it with the number of changes.
fn damaged(random: &mut fastrand::Rng) -> (Vec<u8>, usize) {
    let (columns, end) = (random.usize(1..4), ["\n", "\r\n", "\r"][random.usize(..3)]);
    let mut text = String::new();
    for _ in 0..random.usize(1..8) {
        let fields: Vec<String> = (0..columns)
            .map(|_| {
                let field: String =
                    (0..random.usize(..6)).map(|_| ['a', 'b', ' ', '"', ',', '\n', '\r', 'é'][random.usize(..8)]).collect();
                let quoted = random.bool() || field.contains(['"', ',', '\n', '\r']);
                if quoted { format!("\"{}\"", field.replace('"', "\"\"")) } else { field }
            })
            .collect();
        text.push_str(&fields.join(","));
        text.push_str(end);
    }
    let mut text: Vec<u8> = text.chars().filter_map(|c| u8::try_from(c).ok()).collect();
    let damages = random.usize(..4);
    for _ in 0..damages {
        let at = random.usize(..=text.len());
        let byte = *b"\",\n\r ax\""[..].get(random.usize(..8)).unwrap();
        match random.usize(..3) {
            0 => text.insert(at, byte),
            1 if at < text.len() => drop(text.remove(at)),
            _ if at < text.len() => text[at] = byte,
            _ => text.push(byte),
        }
    }
    (text, damages)
}

/// Reads a text in pieces of this many bytes.
fn read(text: &[u8], piece: usize) -> Vec<Record> {
    let mut records = CsvRecords::new(Box::new(super::tests::Pieces(text.to_vec(), 0, piece)), Marks::RFC_4180, 1_000_000);
    let mut found = Vec::new();
    loop {
        match records.advance().unwrap() {
            CsvAdvance::End => return found,
            CsvAdvance::Wrong(..) => found.push((records.line(), None)),
            CsvAdvance::Record => {
                let (bytes, ends, gap) = records.fields();
                let starts = std::iter::once(0).chain(ends.iter().map(|end| end + gap));
                let fields =
                    starts.zip(ends).map(|(start, &end)| bytes[start..end].iter().map(|&byte| char::from(byte)).collect());
                found.push((records.line(), Some(fields.collect())));
            }
        }
    }
}

#[test]
fn damaged_csv_is_read_as_by_pythons_strict_reader() {
    let texts: usize = env::var("OTTLA_TEST_CSV_TEXTS").map_or(3000, |texts| texts.parse().unwrap());
    let mut random = fastrand::Rng::with_seed(0x07_71_a0);
    let damaged: Vec<(Vec<u8>, usize)> = (0..texts).map(|_| damaged(&mut random)).collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("texts");
    let hexadecimal = |text: &[u8]| text.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + "\n";
    std::fs::write(&path, damaged.iter().map(|(text, _)| hexadecimal(text)).collect::<String>()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/csv_strict.py");
    let python = Command::new("python3").arg(script).stdin(Stdio::from(File::open(&path).unwrap())).output();
    let Ok(python) = python else {
        eprintln!("skipped: python3 is not installed");
        return;
    };
    assert!(python.status.success(), "{}", String::from_utf8_lossy(&python.stderr));
    let theirs = String::from_utf8(python.stdout).unwrap();
    assert_eq!(theirs.lines().count(), texts);
    let (mut rows, mut rejected, mut damages) = (0, 0, 0);
    for ((text, count), theirs) in damaged.iter().zip(theirs.lines()) {
        let theirs: Vec<Record> = serde_json::from_str(theirs).unwrap();
        for piece in [usize::MAX, 1] {
            assert_eq!(read(text, piece), theirs, "{:?}", String::from_utf8_lossy(text));
        }
        rows += theirs.len();
        rejected += theirs.iter().filter(|(_, fields)| fields.is_none()).count();
        damages += count;
    }
    println!("{texts} texts with {damages} changed bytes: {rows} rows, {rejected} of them rejected by both, 0 disagreements");
    assert!(rejected > texts / 20 && rows > texts, "{rejected} of {rows} rows are rejected: these texts test little");
}

#[test]
fn fields_do_not_depend_on_the_size_of_reads() {
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..2000 {
        let (text, _) = damaged(&mut random);
        assert_eq!(read(&text, 1), read(&text, usize::MAX), "{:?}", String::from_utf8_lossy(&text));
    }
    let mut records = CsvRecords::new(Box::new(Cursor::new(b"a,b\r\n1,2")), Marks::RFC_4180, 100);
    assert!(matches!(records.advance(), Ok(CsvAdvance::Record)));
}
