//! `[checkpoint]`: a run continues where an earlier one ended.

use std::{ffi::OsString, fs, path::PathBuf, process::Command};

use serde_json::{Value, json};

use super::{Place, kill};
use crate::{
    arguments,
    command::{Ended, Start as _, command, end, run},
};

/// A configuration with checkpoints, and the arguments of `ottla produce` for it.
pub(super) struct Job<'a> {
    place: &'a Place,
    pub(super) config: PathBuf,
}

impl<'a> Job<'a> {
    /// `producer` and `checkpoint` are lines of these tables.
    pub(super) fn new(place: &'a Place, input: &str, producer: &str, checkpoint: &str) -> Self {
        let config = format!(
            "topic = \"orders\"\n[producer]\nbootstrap.servers = \"{}\"\nlinger.ms = 0\nmax.block.ms = 10000\n{producer}\n[input]\n\
             path = \"{input}\"\n[checkpoint]\n{checkpoint}\n",
            place.kafka.bootstrap_servers()
        );
        Self { place, config: place.folder.file("orders.toml", config) }
    }

    pub(super) fn with_file(place: &'a Place, input: &str) -> Self {
        Self::new(place, input, "", "file = \"orders.ckpt\"")
    }

    pub(super) fn with_topic(place: &'a Place, input: &str) -> Self {
        Self::new(place, input, "transactional.id = \"job\"", "topic = \"checkpoints\"")
    }

    pub(super) fn arguments(&self, more: &[&str]) -> Vec<OsString> {
        let arguments = arguments!["produce", "-c", self.config, "--report", "json"];
        arguments.into_iter().chain(more.iter().map(OsString::from)).collect()
    }

    pub(super) fn run(&self, more: &[&str]) -> Ended {
        run(self.arguments(more))
    }

    /// `ottla checkpoint` with these arguments.
    fn checkpoint(&self, subcommand: &str, more: &[&str]) -> Ended {
        let arguments = arguments!["checkpoint", subcommand, "-c", self.config];
        run(arguments.into_iter().chain(more.iter().map(OsString::from)))
    }

    /// Checks that the input is refused with these texts, and that nothing is sent.
    #[track_caller]
    fn is_refused(&self, texts: &[&str]) {
        let before = self.place.records().len();
        self.run(&[]).with(2).saying(texts);
        assert_eq!(self.place.records().len(), before);
    }
}

pub(super) fn gzip(data: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// A table of numbers, with a field of two lines in each row.
pub(super) fn numbers(count: usize) -> String {
    (0..count).fold("n,text\n".to_owned(), |table, n| format!("{table}{n},\"é\n{n}\"\n"))
}

/// The numbers in the topic, in order.
fn sent(place: &Place) -> Vec<usize> {
    let number = |value: &String| {
        let value: Value = serde_json::from_str(value).unwrap();
        value["n"].as_str().unwrap().parse().unwrap()
    };
    place.values().iter().map(number).collect()
}

#[test]
fn each_kind_of_file_is_continued_after_its_last_row() {
    let utf_16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let text = numbers(10);
    for (name, content, settings) in [
        ("numbers.csv", text.clone().into_bytes(), ""),
        ("numbers.csv.gz", gzip(text.as_bytes()), ""),
        ("numbers.csv", utf_16(&text), "encoding = \"utf-16le\""),
        ("numbers.csv.gz", gzip(&utf_16(&text)), "encoding = \"utf-16le\""),
    ] {
        for with_topic in [false, true] {
            let place = Place::new(1);
            place.kafka.create_topic("checkpoints", 2, 1).unwrap();
            place.folder.file(name, &content);
            let input = format!("{name}\"\n{settings}\nkey = \"n");
            let job = if with_topic { Job::with_topic(&place, &input) } else { Job::with_file(&place, &input) };
            let report = job.run(&["--limit", "3"]).with(0).report();
            assert_eq!((&report["acknowledged"], &report["inputs"][0]["continued_from"]), (&json!(3), &Value::Null));
            let ended = job.run(&["--limit", "4"]).with(0).saying(&[": continues at line 8, byte 34"]);
            let report = ended.report();
            assert_eq!(report["inputs"][0]["continued_from"], json!({"line": 8, "offset": 34}), "{name}");
            assert_eq!(job.run(&[]).with(0).report()["acknowledged"], json!(3));
            assert_eq!(job.run(&[]).with(0).report()["records"], json!(0), "everything is sent");
            assert_eq!(sent(&place), (0..10).collect::<Vec<_>>(), "{name}, topic: {with_topic}");
        }
    }
}

#[test]
fn a_file_that_grew_is_continued() {
    let place = Place::new(1);
    let path = place.folder.file("notes.txt", "one\ntwo");
    let job = Job::with_file(&place, "notes.txt");
    job.run(&[]).with(0);
    fs::write(&path, "one\ntwo\nthree\n").unwrap();
    job.run(&[]).with(0).saying(&["notes.txt: continues at line 2, byte 7"]);
    fs::write(&path, "one\ntwo\nthree\nfour\n").unwrap();
    job.run(&[]).with(0);
    assert_eq!(place.values(), ["one", "two", "three", "four"]);
}

#[test]
fn each_of_several_inputs_has_its_position() {
    let place = Place::new(1);
    fs::create_dir(place.folder.path("days")).unwrap();
    for (name, content) in [("a.txt", "1\n2\n3\n"), ("b.txt", "4\n5\n6\n")] {
        place.folder.file(&format!("days/{name}"), content);
    }
    let job = Job::with_file(&place, "days");
    job.run(&["--limit", "4"]).with(0);
    place.folder.file("days/c.txt", "7\n");
    let report = job.run(&[]).with(0).saying(&["days/b.txt: continues at line 2, byte 2"]).report();
    let records: Vec<&Value> = report["inputs"].as_array().unwrap().iter().map(|input| &input["records"]).collect();
    assert_eq!(records, [&json!(0), &json!(2), &json!(1)]);
    assert_eq!(place.values(), ["1", "2", "3", "4", "5", "6", "7"]);
}

#[test]
fn after_a_kill_no_row_is_missing() {
    let place = Place::new(1);
    place.folder.file("numbers.csv.gz", gzip(numbers(3000).as_bytes()));
    let job = Job::new(&place, "numbers.csv.gz", "", "file = \"orders.ckpt\"\ninterval.ms = 20");
    for records in [300, 900, 1500] {
        let mut child = command(job.arguments(&["--rate", "1000/s"])).start();
        place.wait_for(records);
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let ended = job.run(&[]).with(0).saying(&["numbers.csv.gz: continues at line "]);
    let skipped = ended.report()["inputs"][0]["continued_from"]["line"].as_u64().unwrap();
    assert!(skipped > 100, "{skipped}");
    let sent = sent(&place);
    let mut next = 0;
    for number in &sent {
        assert!(*number <= next, "{next} is missing before {number}");
        next = next.max(number + 1);
    }
    assert_eq!(next, 3000);
    assert!(sent.len() < 6000, "{} records were sent: the checkpoints had no effect", sent.len());
}

#[test]
fn ctrl_c_writes_the_position() {
    let place = Place::new(1);
    place.folder.file("numbers.csv", numbers(5000));
    let job = Job::with_file(&place, "numbers.csv");
    let child = command(job.arguments(&["--rate", "500/s"])).start();
    place.wait_for(20);
    kill(&child, "INT");
    let report = end(child).with(130).report();
    let again = job.run(&["--limit", "1"]).with(0).report();
    // The header, and two lines for each row.
    assert_eq!(again["inputs"][0]["continued_from"]["line"], json!(2 + 2 * report["acknowledged"].as_u64().unwrap()));
}

#[test]
fn a_failed_row_ends_the_run_unless_it_is_a_dead_letter() {
    let place = Place::new(1);
    place.folder.file("orders.jsonl", "{\"n\":1}\n{\"n\":2}\nwrong\n{\"n\":4}\n");
    let job = Job::with_file(&place, "orders.jsonl");
    let ended = job.run(&[]).with(1);
    ended.saying(&["line 3: InvalidJson: ", "no failed record is skipped: correct it, or pass --dead-letter FILE"]);
    // Nothing is skipped, because the first segment is not complete.
    assert_eq!(job.checkpoint("show", &[]).with(0).stdout.lines().count(), 1);
    let dead = place.folder.path("dead.jsonl");
    job.run(&["--dead-letter", dead.to_str().unwrap()]).with(1);
    assert_eq!(fs::read_to_string(&dead).unwrap().lines().count(), 1);
    let report = job.run(&[]).with(0).report();
    assert_eq!((&report["records"], &report["inputs"][0]["continued_from"]["line"]), (&json!(0), &json!(5)));
}

#[test]
fn another_file_or_setting_is_refused() {
    let place = Place::new(1);
    let path = place.folder.file("orders.jsonl", "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n");
    let job = Job::with_file(&place, "orders.jsonl");
    job.run(&["--limit", "2"]).with(0);
    let name = path.to_str().unwrap();
    let remedy = &format!("orders.toml --input {name}` to send it from its beginning");
    fs::write(&path, "{\"n\":7}\n{\"n\":8}\n{\"n\":9}\n").unwrap();
    job.is_refused(&[
        "orders.jsonl: is another file than the one of its checkpoint at line 3: the first 24 bytes differ; ",
        remedy,
    ]);
    fs::write(&path, "{\"n\":1}\n").unwrap();
    job.is_refused(&["orders.jsonl: has 8 bytes, but had 24 at its checkpoint at line 3; ", remedy]);
    fs::write(&path, "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n").unwrap();
    let wrong = |more: &[&str], text: &str| drop(job.run(more).with(2).saying(&[text, remedy]));
    wrong(
        &["--format", "lines"],
        "its checkpoint was written with input.format = jsonl, which is lines now, and would skip 2 lines",
    );
    wrong(&["--topic", "states"], "its checkpoint was written with topic = orders, which is states now");
    job.run(&[]).with(0);
    assert_eq!(place.values(), ["{\"n\":1}", "{\"n\":2}", "{\"n\":3}"]);
    // A copy is the same file.
    fs::copy(&path, place.folder.path("copy")).unwrap();
    fs::rename(place.folder.path("copy"), &path).unwrap();
    job.run(&[]).with(0).saying(&["continues at line 4, byte 24 (another file with the same beginning has its name now)"]);
}

#[test]
fn an_archive_that_shrank_is_refused() {
    let place = Place::new(1);
    let path = place.folder.file("numbers.csv.gz", gzip(numbers(50_000).as_bytes()));
    let job = Job::with_file(&place, "numbers.csv.gz");
    job.run(&["--limit", "49000"]).with(0);
    let whole = fs::read(&path).unwrap();
    assert!(whole.len() > 70_000, "the compared beginning must be shorter");
    fs::write(&path, &whole[..whole.len() - 8000]).unwrap();
    job.run(&[])
        .with(2)
        .saying(&["numbers.csv.gz: cannot be read up to its checkpoint at line 98002: ", "the gzip data is truncated"]);
}

#[test]
fn a_second_run_with_the_same_checkpoint_file_is_refused() {
    let place = Place::new(1);
    place.folder.file("numbers.csv", numbers(5000));
    let job = Job::new(&place, "numbers.csv", "", "file = \"orders.ckpt\"\ninterval.ms = 10");
    let child = command(job.arguments(&["--rate", "100/s"])).start();
    place.wait_for(20);
    job.run(&[]).with(2).saying(&["orders.ckpt: is in use by another run"]);
    job.checkpoint("reset", &[]).with(2).saying(&["is in use by another run"]);
    job.checkpoint("show", &[]).with(0);
    kill(&child, "INT");
    end(child).with(130);
    job.run(&["--limit", "1"]).with(0);
}

#[test]
fn a_checkpoint_file_that_cannot_be_written() {
    let place = Place::new(1);
    place.folder.file("notes.txt", "one\n");
    let job = Job::with_file(&place, "notes.txt");
    fs::create_dir(place.folder.path("orders.ckpt.tmp")).unwrap();
    job.is_refused(&["checkpoint file ", "orders.ckpt: cannot be written: "]);
    let job = Job::new(&place, "notes.txt", "", "file = \"no/orders.ckpt\"");
    job.is_refused(&["no/orders.ckpt: cannot be opened: No such file or directory"]);
    place.folder.file("table.csv", "a\n1\n");
    let job = Job::new(&place, "notes.txt", "", "file = \"table.csv\"");
    job.is_refused(&["table.csv: is not a checkpoint (", "give another file, or delete it"]);
    assert_eq!(fs::read_to_string(place.folder.path("table.csv")).unwrap(), "a\n1\n");
}

#[test]
fn a_disk_that_fills_up_ends_the_run() {
    let place = Place::new(1);
    place.folder.file("numbers.csv", numbers(5000));
    let job = Job::new(&place, "numbers.csv", "", "file = \"orders.ckpt\"\ninterval.ms = 10");
    let child = command(job.arguments(&["--rate", "500/s"])).start();
    place.wait_for(20);
    // A writer either finds the link, or creates the file just before: then the link cannot be made, and the next attempt is made.
    let temporary = place.folder.path("orders.ckpt.tmp");
    while std::os::unix::fs::symlink("/dev/full", &temporary).is_err() {}
    end(child).with(1).saying(&["stopped reading: checkpoint file ", "orders.ckpt: cannot be written: No space left on device"]);
    fs::remove_file(&temporary).unwrap();
    job.run(&["--limit", "1"]).with(0).saying(&["numbers.csv: continues at line "]);
}

#[test]
fn settings_that_do_not_fit_are_refused_with_their_line() {
    let place = Place::new(1);
    place.folder.file("notes.txt", "one\n");
    let topic = "topic = \"checkpoints\"";
    for (input, producer, checkpoint, text) in [
        ("notes.txt", "", topic, "orders.toml:10: checkpoint.topic: requires transactional.id"),
        ("notes.txt", "transactional.id = \"t\"", "topic = \"orders\"", ":10: checkpoint.topic: is the topic of the records"),
        (
            "notes.txt",
            "transactional.id = \"t\"",
            "topic = \"checkpoints\"\ninterval.ms = 60000",
            ":11: checkpoint.interval.ms: must be at most half of transaction.timeout.ms, which is 60000, but is 60000",
        ),
        (
            "notes.txt",
            "transactional.id = \"t\"\ntransaction.timeout.ms = 9000\nrequest.timeout.ms = 3000\ndelivery.timeout.ms = 8000",
            "file = \"a\"",
            "orders.toml: checkpoint.interval.ms: must be at most half of transaction.timeout.ms, which is 9000, but is 5000",
        ),
        ("notes.txt", "acks = \"0\"\nenable.idempotence = false", "file = \"a\"", "checkpoint.file: requires acknowledgements"),
        ("notes.txt", "", "file = \"a\"\ntopic = \"b\"", ":11: checkpoint.topic: `file` is set too"),
        ("notes.txt", "", "interval.ms = 5", ":10: checkpoint.interval.ms: has no effect without `file` or `topic`"),
        ("notes.txt", "", "file = \"notes.txt\"", "notes.txt is an input; give another file"),
        ("notes.txt", "", "file = \"orders.toml\"", "orders.toml is the configuration; give another file"),
        ("-", "", "file = \"a\"", ":10: checkpoint.file: stdin: a pipe or device cannot be read again from a checkpoint"),
        ("notes.txt", "", "fil = \"a\"", ":10: checkpoint.fil: unknown setting; did you mean checkpoint.file?"),
    ] {
        let job = Job::new(&place, input, producer, checkpoint);
        job.is_refused(&[text]);
        run(arguments!["config", "check", job.config]).with(2).saying(&[text]);
    }
    let job = Job::new(&place, "notes.txt", "", "file = \"dead.jsonl\"");
    let dead = place.folder.path("dead.jsonl");
    job.run(&["--dead-letter", dead.to_str().unwrap()]).with(2).saying(&["is the dead-letter file; give another file"]);
    // A path that names the same file only once that exists.
    fs::create_dir(place.folder.path("sub")).unwrap();
    let dead = place.folder.path("sub/../orders.ckpt");
    let job = Job::with_file(&place, "notes.txt");
    job.run(&["--dead-letter", dead.to_str().unwrap()])
        .with(2)
        .saying(&["orders.ckpt is the dead-letter file; give another file"]);
    let dead = place.folder.path("orders.ckpt.tmp");
    job.run(&["--dead-letter", dead.to_str().unwrap()])
        .with(2)
        .saying(&["orders.ckpt.tmp is the dead-letter file, and would be replaced when the checkpoint is written"]);
    fs::remove_file(place.folder.path("orders.ckpt")).unwrap();
    let pipe = place.folder.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).start().wait().unwrap().success());
    Job::with_file(&place, "pipe").is_refused(&["pipe: a pipe or device cannot be read again from a checkpoint"]);
    let job = Job::with_file(&place, "notes.txt");
    run(arguments!["config", "check", job.config]).with(0);
    let explained = run(arguments!["config", "explain", job.config]).with(0).stdout;
    assert!(explained.contains("[checkpoint]") && explained.contains("at least once"), "{explained}");
    job.run(&["--embedded"]).with(0).saying(&["--embedded: [checkpoint] has no effect"]);
    assert!(!place.folder.path("orders.ckpt").exists());
}

#[test]
fn checkpoints_are_shown_and_reset() {
    for with_topic in [false, true] {
        let place = Place::new(1);
        place.kafka.create_topic("checkpoints", 1, 1).unwrap();
        let path = place.folder.file("a.txt", "one\ntwo\n").canonicalize().unwrap();
        let other = place.folder.file("b.txt", "three\n").canonicalize().unwrap();
        let input = "*.txt";
        let job = if with_topic { Job::with_topic(&place, input) } else { Job::with_file(&place, input) };
        let shown = job.checkpoint("show", &[]).with(0).stdout;
        assert!(shown.ends_with(": no checkpoints\n"), "{shown}");
        job.run(&[]).with(0);
        let shown = job.checkpoint("show", &[]).with(0).stdout;
        let lines: Vec<Vec<&str>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[2], [path.to_str().unwrap(), "3", "8", "orders"], "{shown}");
        assert_eq!(lines.len(), 4, "{shown}");
        let json: Value = serde_json::from_str(&job.checkpoint("show", &["--report", "json"]).with(0).stdout).unwrap();
        assert_eq!(json["inputs"][other.to_str().unwrap()]["offset"], json!(6));
        let ended = job.checkpoint("reset", &["--input", "c.txt"]).with(2);
        ended.saying(&["c.txt: has no checkpoint; those are of ", "a.txt, "]);
        let reset = job.checkpoint("reset", &["--input", path.to_str().unwrap()]).with(0).stdout;
        assert_eq!(reset, format!("{}: reset; it was at line 3\n", path.display()));
        assert_eq!(job.run(&[]).with(0).report()["records"], json!(2));
        assert_eq!(job.checkpoint("reset", &[]).with(0).stdout.lines().count(), 2);
        assert_eq!(job.checkpoint("reset", &[]).with(0).stdout, "no checkpoints\n");
        assert_eq!(job.run(&[]).with(0).report()["records"], json!(3));
        assert_eq!(place.values(), ["one", "two", "three", "one", "two", "one", "two", "three"]);
    }
}

#[test]
fn a_checkpoint_topic_commits_in_intervals() {
    let place = Place::new(1);
    place.kafka.create_topic("checkpoints", 3, 1).unwrap();
    place.folder.file("notes.txt", "1\n2\n3\n4\n5\n");
    let checkpoint = "topic = \"checkpoints\"\ninterval.records = 2";
    let job = Job::new(&place, "notes.txt", "transactional.id = \"job\"", checkpoint);
    job.run(&[]).with(0).saying(&["cleanup.policy of checkpoints is not known"]);
    let records = crate::log::read(place.kafka.bootstrap_servers(), "checkpoints");
    let keys: Vec<Value> = records.iter().map(|record| serde_json::from_slice(record.key.as_ref().unwrap()).unwrap()).collect();
    let path = place.folder.path("notes.txt").canonicalize().unwrap();
    let position = json!(["job", path.to_str().unwrap()]);
    assert!(records.iter().all(|record| record.partition == 0), "{records:?}");
    assert_eq!(keys, [json!(["job"]), position.clone(), position.clone(), position], "the start, and three positions");
    let lines: Vec<Value> = records[1..].iter().map(|record| serde_json::from_str(record.value_text()).unwrap()).collect();
    assert_eq!(lines.iter().map(|position: &Value| position["line"].clone()).collect::<Vec<_>>(), [json!(3), json!(5), json!(6)]);
    // Another id has positions of its own.
    let job = Job::new(&place, "notes.txt", "transactional.id = \"other\"", checkpoint);
    assert_eq!(job.run(&[]).with(0).report()["records"], json!(5));
}

#[test]
fn a_run_with_a_checkpoint_topic_is_fenced_by_the_next() {
    use ottla::testing::{ApiKey, BrokerError};
    let place = Place::new(1);
    place.kafka.create_topic("checkpoints", 1, 1).unwrap();
    place.folder.file("notes.txt", "1\n2\n");
    let job = Job::with_topic(&place, "notes.txt");
    // The first commit is that of the start, the second that of the rows.
    place.kafka.fail_next(ApiKey::EndTxn, &[BrokerError::NONE, BrokerError::PRODUCER_FENCED]).unwrap();
    let report = job.run(&[]).with(1).saying(&["not committed: ", "fenced"]).report();
    assert_eq!(report["acknowledged"], json!(0));
}

#[test]
fn a_foreign_record_in_the_checkpoint_topic_is_refused() {
    let place = Place::new(1);
    place.kafka.create_topic("checkpoints", 1, 1).unwrap();
    place.folder.file("notes.jsonl", "{\"key\":\"[\\\"job\\\",\\\"a\\\"]\"}\n{\"key\":\"other\"}\n");
    let config = place.config("plain.properties", "linger.ms=0\n");
    run(arguments![
        "produce",
        "-c",
        config,
        "--topic",
        "checkpoints",
        "--key-field",
        "key",
        "--input",
        place.folder.path("notes.jsonl")
    ])
    .with(0);
    place.folder.file("notes.txt", "1\n");
    let job = Job::with_topic(&place, "notes.txt");
    job.is_refused(&["checkpoint topic checkpoints: offset 0 is not a checkpoint (", "give another topic"]);
}
