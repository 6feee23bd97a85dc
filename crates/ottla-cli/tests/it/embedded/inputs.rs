//! Random bytes in any container: each row becomes a record or a dead letter, or follows the error that ended reading, and the
//! input file is unchanged.

use std::{fs, io::Write as _};

use serde_json::{Value, json};

use super::Place;
use crate::{
    arguments,
    command::{run, run_with_stdin},
    log,
};

/// Generates text with mostly valid rows and some inserted bytes.
fn text(random: &mut fastrand::Rng, format: &str) -> Vec<u8> {
    let mut text = if format == "csv" { b"id,name\n".to_vec() } else { Vec::new() };
    for number in 0..random.usize(1..60) {
        let row = match format {
            "csv" => format!("{number},\"n {number}\""),
            "jsonl" => format!("{{\"id\":{number}}}"),
            _ => format!("line {number}"),
        };
        let mut row = row.into_bytes();
        if random.usize(..5) == 0 {
            let at = random.usize(..=row.len());
            row.insert(at, *b"\",\r\x00\xff{".get(random.usize(..6)).unwrap());
        }
        text.append(&mut row);
        text.extend_from_slice(if random.usize(..9) == 0 { b"\r\n\n" } else { b"\n" });
    }
    text
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// Compresses the text. Returns it with the file extension, and whether it was truncated.
fn contained(random: &mut fastrand::Rng, text: &[u8]) -> (Vec<u8>, &'static str, bool) {
    let skipped = b"\x5a\x2a\x4d\x18\x03\0\0\0abc";
    let (mut bytes, extension) = match random.usize(..4) {
        0 => (text.to_vec(), ""),
        1 => ([gzip(text), vec![0; random.usize(..600)]].concat(), ".gz"),
        2 => ([&skipped[..], &zstd::encode_all(text, 1).unwrap()].concat(), ".zst"),
        _ => ([gzip(&text[..text.len() / 2]), gzip(&text[text.len() / 2..])].concat(), ".gz"),
    };
    let is_cut = !extension.is_empty() && !bytes.ends_with(b"\0") && random.bool();
    if is_cut {
        bytes.truncate(bytes.len() - 1 - random.usize(..bytes.len() / 3));
    }
    (bytes, extension, is_cut)
}

#[test]
fn every_row_is_accounted_for_and_the_input_is_unchanged() {
    let place = Place::new(1);
    let mut random = fastrand::Rng::with_seed(15);
    for run_number in 0..24 {
        let format = ["lines", "jsonl", "csv"][run_number % 3];
        let text = text(&mut random, format);
        let (bytes, extension, is_cut) = contained(&mut random, &text);
        let input = place.folder.file(&format!("in-{run_number}.{format}{extension}"), &bytes);
        let dead = place.folder.path(&format!("dead-{run_number}.jsonl"));
        let before = log::read(place.kafka.bootstrap_servers(), "orders").len();
        let arguments = place.produce_with(&arguments!["--input", input, "--format", format, "--dead-letter", dead]);
        let ended = run(&arguments);
        assert_eq!(fs::read(&input).unwrap(), bytes, "the input was changed");
        let report = ended.report();
        let count = |name: &str| usize::try_from(report[name].as_u64().unwrap()).unwrap();
        let letters: Vec<Value> =
            fs::read_to_string(&dead).unwrap_or_default().lines().map(|letter| serde_json::from_str(letter).unwrap()).collect();
        assert_eq!(count("records"), count("acknowledged") + count("failed"), "{report}");
        assert_eq!(
            (letters.len(), log::read(place.kafka.bootstrap_servers(), "orders").len() - before),
            (count("failed"), count("acknowledged")),
            "{report}"
        );
        for letter in &letters {
            check_letter(letter, &text, format);
        }
        assert_eq!((ended.code == 2, report["error"].is_string()), (is_cut, is_cut), "{ended:?}");
        if is_cut {
            assert!(ended.stderr.contains("truncated"), "{ended:?}");
            continue;
        }
        if format != "csv" {
            let rows = text.split(|&byte| byte == b'\n').filter(|row| format == "lines" || !row.trim_ascii().is_empty());
            // There is no row after the last line end.
            let rows = rows.count() - usize::from(format == "lines");
            assert_eq!(count("records"), rows, "{report}");
        }
        // The same input from stdin gives the same result.
        fs::remove_file(&dead).unwrap_or_default();
        let arguments = place.produce_with(&arguments!["--input", "-", "--format", format, "--dead-letter", dead]);
        let piped = run_with_stdin(&arguments, &bytes).report();
        for name in ["records", "acknowledged", "failed", "errors", "bytes"] {
            assert_eq!(piped[name], report[name], "{name}");
        }
    }
}

/// Checks that a letter's record is the input's text at its line.
fn check_letter(letter: &Value, text: &[u8], format: &str) {
    use base64::Engine as _;
    let record = letter["record"].as_str().unwrap();
    let record = if letter["encoding"] == json!("base64") {
        base64::prelude::BASE64_STANDARD.decode(record).unwrap()
    } else {
        record.as_bytes().to_vec()
    };
    // Lines as an editor counts them; in CSV a \r ends a line too.
    let mut starts = vec![0];
    for (at, &byte) in text.iter().enumerate() {
        if byte == b'\n' || (byte == b'\r' && format == "csv" && text.get(at + 1) != Some(&b'\n')) {
            starts.push(at + 1);
        }
    }
    let line = usize::try_from(letter["line"].as_u64().unwrap()).unwrap();
    assert!(text[starts[line - 1]..].starts_with(&record), "line {line}: {letter}");
}
