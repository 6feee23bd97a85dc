//! Hostile input files: rows that cannot be sent become dead letters, the rest is delivered, and memory stays bounded.

use std::{
    env, fs,
    io::{self, Write},
    process::{Child, ChildStdin, Stdio},
    thread,
};

use serde_json::{Value, json};

use ottla_test_support::table::{Row, Table};

use super::Place;
use crate::{
    arguments,
    command::{Start as _, command, end, run_with_stdin},
    log,
};

/// The limit of the command's resident memory in bytes for any input, including 32 MiB of `buffer.memory`.
const MAX_RESIDENT: usize = 100_000_000;

/// The length of an endless line in bytes. `make hostile` sets 10 GB.
fn endless() -> u64 {
    env::var("OTTLA_TEST_ENDLESS").map_or(300_000_000, |bytes| bytes.parse().unwrap())
}

/// Writes `count` copies of a byte.
fn repeat(byte: u8, count: u64, to: &mut dyn Write) -> io::Result<()> {
    let block = vec![byte; 1 << 20];
    let mut left = count;
    while left > 0 {
        let size = left.min(block.len() as u64);
        to.write_all(&block[..usize::try_from(size).unwrap()])?;
        left -= size;
    }
    Ok(())
}

/// The peak resident memory of the process so far, in bytes.
fn peak(child: &Child) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() * 1024
}

/// Produces a stream of three records; the second one is endless.
fn stream(input: &'static str, format: &str, write: impl FnOnce(&mut ChildStdin) -> io::Result<()>) -> Row {
    let place = Place::new(1);
    let dead = place.folder.path("dead.jsonl");
    let arguments = place.produce_with(&arguments!["--input", "-", "--format", format, "--dead-letter", dead]);
    let mut child = command(arguments).stdin(Stdio::piped()).start();
    let mut stdin = child.stdin.take().unwrap();
    write(&mut stdin).unwrap();
    stdin.flush().unwrap();
    // The command waits for more input, so its memory can be read.
    place.wait_for(2);
    let peak = peak(&child);
    drop(stdin);
    let report = end(child).with(1).report();
    println!("{input}: peak RSS {:.1} MB", peak as f64 / 1e6);
    assert!(peak < MAX_RESIDENT, "{input}: {peak}");
    let letters = fs::read_to_string(dead).unwrap();
    let letter: Value = serde_json::from_str(letters.lines().next().unwrap()).unwrap();
    assert_eq!((letters.lines().count(), &letter["line"]), (1, &json!(if format == "csv" { 3 } else { 2 })), "{input}");
    assert_eq!(letter["record"].as_str().unwrap().len(), 1_048_576, "{input}: the size of the kept beginning");
    row(input, &report, place.values().len(), &letter)
}

fn row(input: &'static str, report: &Value, found: usize, letter: &Value) -> Row {
    let number = |name: &str| usize::try_from(report[name].as_u64().unwrap()).unwrap();
    let text = |name: &str| letter[name].as_str().unwrap_or_default();
    let told = format!("{}: {}", text("kind"), text("message"));
    Row {
        input,
        accepted: number("records"),
        acknowledged: number("acknowledged"),
        failed: number("failed"),
        lost: number("acknowledged").abs_diff(found),
        told: told.replace(&endless().to_string(), "N"),
    }
}

#[test]
fn an_endless_line_is_one_dead_letter_in_constant_memory() {
    let mut table = Table::default();
    let length = endless();
    let around = |first: &'static str, before: &'static str, byte, behind: &'static str| {
        move |stdin: &mut ChildStdin| {
            stdin.write_all(first.as_bytes())?;
            stdin.write_all(before.as_bytes())?;
            repeat(byte, length - (before.len() + behind.trim_end().lines().next().unwrap().len()) as u64, stdin)?;
            stdin.write_all(behind.as_bytes())
        }
    };
    thread::scope(|scope| {
        let rows = [
            scope.spawn(move || stream("an endless line", "lines", around("one\n", "x", b'x', "x\nthree\n"))),
            scope.spawn(move || stream("an endless JSON text", "jsonl", around("{}\n", "{\"a\":\"", b'x', "\"}\n{\"b\":3}\n"))),
            scope.spawn(move || stream("an endless CSV field", "csv", around("a\none\n", "x", b'x', "x\nthree\n"))),
            scope.spawn(move || stream("a CSV quote that is never closed", "csv", around("a\none\n", "\"", b'x', "x\nthree\n"))),
            scope.spawn(move || {
                stream("a gzip bomb", "lines", move |stdin| {
                    // A sequence of members, each with a part of the line.
                    let part = gzip(&vec![b'x'; 10_000_000]);
                    stdin.write_all(&gzip(b"one\n"))?;
                    (0..length / 10_000_000).try_for_each(|_| stdin.write_all(&part))?;
                    stdin.write_all(&gzip(b"\nthree\n"))
                })
            }),
            scope.spawn(move || {
                stream("a zstd bomb", "lines", move |stdin| {
                    let mut archive = zstd::stream::write::Encoder::new(stdin, 1)?;
                    archive.write_all(b"one\n")?;
                    repeat(b'x', length, &mut archive)?;
                    archive.write_all(b"\nthree\n")?;
                    archive.finish().map(drop)
                })
            }),
        ];
        rows.into_iter().for_each(|row| table.add(row.join().unwrap()));
    });
    table.finish();
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// Produces an input. Returns its row, and the values delivered.
fn produce(input: &'static str, format: &str, content: &[u8], more: &[&str]) -> (Row, Vec<Option<Vec<u8>>>) {
    let place = Place::new(1);
    let dead = place.folder.path("dead.jsonl");
    let more = more.iter().flat_map(|setting| arguments!["--set", setting]).collect::<Vec<_>>();
    let arguments = place.produce_with(&arguments!["--input", "-", "--format", format, "--dead-letter", dead]);
    let ended = run_with_stdin(arguments.into_iter().chain(more), content);
    let letters = fs::read_to_string(dead).unwrap_or_default();
    let letter = letters.lines().next().map_or(Value::Null, |letter| serde_json::from_str(letter).unwrap());
    let found = log::read(place.kafka.bootstrap_servers(), "orders");
    // Without a record read. The report's cluster id does not tell: it can be unknown yet after a record was delivered.
    if ended.code == 2 && found.is_empty() && letters.is_empty() {
        return (Row::refused(input, ended.stderr.trim()), Vec::new());
    }
    let mut row = row(input, &ended.report(), found.len(), &letter);
    if letter.is_null() {
        // Without dead letters the table shows stderr.
        let told = ended.stderr.trim();
        row.told = if told.is_empty() { "nothing" } else { told }.to_owned();
    }
    assert!([0, 1, 2].contains(&ended.code), "{input}: {}: {}", ended.code, ended.stderr);
    (row, found.into_iter().map(|found| found.value).collect())
}

#[test]
fn unusual_bytes_are_delivered_unchanged_or_become_dead_letters() {
    let deep = |open: &str, inner: &str, close: &str| {
        format!("{}{inner}{}\n{{}}\n", open.repeat(100_000), close.repeat(100_000)).into_bytes()
    };
    let columns = |count: usize| (0..count).map(|n| format!("c{n},")).collect::<String>() + "last\n";
    let gzipped =
        gzip(&(0..100_000).map(|n| format!("record {n} {}\n", n * 7919 % 104_729)).collect::<Vec<_>>().concat().into_bytes());
    let mut damaged = gzipped.clone();
    damaged[gzipped.len() / 2] ^= 0x55;
    // A frame whose header declares a window of 2 GiB.
    let window = b"\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00";
    let pzstd = [&b"\x50\x2a\x4d\x18\x04\0\0\0\x20\0\0\0"[..], &zstd::encode_all(&b"one\n"[..], 1).unwrap()].concat();
    let mut table = Table::default();
    for (input, format, content, more) in [
        ("lines that are not UTF-8, with NUL", "lines", b"\xff\xfe\0\none\r\n\xef\xbb\xbftwo\n".to_vec(), &[][..]),
        ("JSON that is not UTF-8", "jsonl", b"{\"a\":\"\xff\"}\n{}\n".to_vec(), &[]),
        ("JSON in UTF-16", "jsonl", b"\xff\xfe{\0}\0\n\0".to_vec(), &[]),
        ("JSON with NUL", "jsonl", b"{\"a\":\"\0\"}\n{}\n".to_vec(), &[]),
        ("JSON after a byte order mark, with CRLF", "jsonl", b"\xef\xbb\xbf{\"a\":1}\r\n\r\n{}\r\n".to_vec(), &[]),
        ("100,000 nested JSON arrays", "jsonl", [b"{\"a\":", &deep("[", "", "]")[..200_000], b"}\n{}\n"].concat(), &[]),
        ("100,000 nested JSON objects", "jsonl", deep("{\"a\":", "1", "}"), &[]),
        ("JSON with a duplicate name", "jsonl", b"{\"a\":1,\"a\":2}\n".to_vec(), &[]),
        ("a JSON number out of range", "jsonl", b"{\"a\":1e999999999}\n".to_vec(), &[]),
        ("a number out of range for the serializer", "lines", b"9223372036854775808\n1\n".to_vec(), &["value.serializer=long"]),
        ("CSV that is not UTF-8, with NUL", "csv", b"a,b\n\xff,\0\n\0,1\n".to_vec(), &[]),
        ("CSV after a byte order mark, with CRLF", "csv", b"\xef\xbb\xbfa\r\n1\r\n".to_vec(), &[]),
        ("a CSV quote not closed on its line", "csv", b"a,b\n1,\"x\n2,y\n3,\"z\"\n4,u\n".to_vec(), &[]),
        ("text after a closing quote in CSV", "csv", b"a,b\n1,\"x\"y\n2,z\n".to_vec(), &[]),
        ("a CSV file with \\r line ends", "csv", b"a,b\r1,2\r3\r4,5\r".to_vec(), &[]),
        ("a CSV row with 1,000,000 columns", "csv", [&b"a\n"[..], &b",".repeat(1_000_000), b"\n1\n"].concat(), &[]),
        ("a CSV header with 130,000 columns", "csv", (columns(130_000) + "1\n").into_bytes(), &[]),
        ("a CSV header longer than a record", "csv", (columns(200_000) + "1\n").into_bytes(), &[]),
        ("truncated gzip", "lines", gzipped[..gzipped.len() / 2].to_vec(), &[]),
        ("damaged gzip", "lines", damaged, &[]),
        ("zstd with a window of 2 GiB", "lines", window.to_vec(), &[]),
        ("zstd after a skippable frame, as written by pzstd", "lines", pzstd, &[]),
        ("gzip padded with zeros", "lines", [gzip(b"one\n"), vec![0; 1000]].concat(), &[]),
        ("bzip2 and other unsupported formats", "lines", b"BZh91AY&SY\xe6\xd6\xb4\x46".to_vec(), &[]),
        ("gzip in gzip", "lines", gzip(&gzip(b"one\n")), &[]),
    ] {
        let (row, _) = produce(input, format, &content, more);
        table.add(row);
    }
    table.finish();
}
