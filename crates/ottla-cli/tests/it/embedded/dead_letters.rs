//! The dead-letter file: letters are appended, each counted failure is in it, and it must not be a file that the run uses
//! otherwise.

use std::{ffi::OsString, fs, path::Path, process::Stdio};

use serde_json::{Value, json};

use super::{Place, kill, start_with_stdin};
use crate::{
    arguments,
    command::{Start as _, command, end, run, run_with_stdin},
};

const ROWS: &str = "{\"id\":1}\nno json\n{\"id\":2}\n";

fn text_report(arguments: Vec<OsString>) -> Vec<OsString> {
    arguments.into_iter().filter(|argument| argument != "--report" && argument != "json").collect()
}

fn letters(path: &Path) -> Vec<Value> {
    fs::read_to_string(path).unwrap().lines().map(|letter| serde_json::from_str(letter).unwrap()).collect()
}

#[test]
fn the_input_is_rejected_as_dead_letter_file_under_any_name() {
    let place = Place::new(1);
    let input = place.folder.file("in.jsonl", ROWS);
    let [hard, soft] = ["hard.jsonl", "soft.jsonl"].map(|name| place.folder.path(name));
    fs::hard_link(&input, &hard).unwrap();
    std::os::unix::fs::symlink(&input, &soft).unwrap();
    for dead in [&input, &hard, &soft] {
        let arguments = place.produce_with(&arguments!["--input", input, "--dead-letter", dead]);
        run(arguments).with(2).saying(&["dead-letter file ", "is the input; give another file"]);
    }
    // stdin may be the file too, opened by the shell.
    let mut redirected = command(place.produce_with(&arguments!["--input", "-", "--format", "jsonl", "--dead-letter", input]));
    redirected.stdin(fs::File::open(&input).unwrap());
    end(redirected.start()).with(2).saying(&["is the input"]);
    let config = place.config("producer.properties", "linger.ms=0\n");
    let arguments = place.produce_with(&arguments!["--input", input, "--dead-letter", config]);
    run(arguments).with(2).saying(&["is the configuration"]);
    assert_eq!(fs::read_to_string(&input).unwrap(), ROWS);
    assert!(place.values().is_empty());
}

#[test]
fn stdout_must_not_be_the_input_but_may_share_a_file_with_stderr() {
    let place = Place::new(1);
    let input = place.folder.file("in.jsonl", ROWS);
    let log = place.folder.file("log", "");
    let appended = |path: &Path| fs::OpenOptions::new().append(true).open(path).unwrap();
    for dead in ["-", "/dev/stdout"] {
        let arguments = text_report(place.produce_with(&arguments!["--input", input, "--dead-letter", dead]));
        let mut onto_input = command(&arguments);
        onto_input.stdout(appended(&input));
        end(onto_input.start()).with(2).saying(&["dead-letter file - (stdout): is the input; give another file"]);
        let mut together = command(&arguments);
        together.stdout(appended(&log)).stderr(appended(&log));
        end(together.start()).with(1);
    }
    assert_eq!(fs::read_to_string(&input).unwrap(), ROWS);
    assert!(fs::read_to_string(&log).unwrap().contains("InvalidJson"));
}

#[test]
fn letters_are_appended() {
    let place = Place::new(1);
    let dead = place.folder.file("dead.jsonl", "{\"line\":77}\n");
    let arguments = place.produce("in.jsonl", ROWS).into_iter().chain(arguments!["--dead-letter", dead]).collect::<Vec<_>>();
    for _ in 0..2 {
        run(&arguments).with(1);
    }
    let lines: Vec<_> = letters(&dead).iter().map(|letter| letter["line"].clone()).collect();
    assert_eq!(lines, [77, 2, 2]);
}

#[test]
fn letters_that_are_produced_again_are_not_lost() {
    let place = Place::new(1);
    // The user's command: jq -r .record failed.jsonl | ottla produce .. --dead-letter failed.jsonl.
    let dead = place.folder.path("failed.jsonl");
    let broken = "no json\n".repeat(2000);
    let arguments = place.produce_with(&arguments!["--input", "-", "--format", "jsonl", "--dead-letter", dead]);
    run_with_stdin(&arguments, broken.as_bytes()).with(1);
    assert_eq!(letters(&dead).len(), 2000);
    let again: String = letters(&dead).iter().map(|letter| letter["record"].as_str().unwrap().to_owned() + "\n").collect();
    let report = run_with_stdin(&arguments, again.as_bytes()).with(1).report();
    assert_eq!((&report["failed"], letters(&dead).len()), (&json!(2000), 4000));
}

#[test]
fn a_file_read_by_the_same_pipeline_is_rejected() {
    let place = Place::new(1);
    // More than the pipes hold, so that the reader cannot have finished.
    let letters = "no json\n".repeat(500_000);
    let dead = place.folder.file("failed.jsonl", &letters);
    let ottla = command(place.produce_with(&arguments!["--input", "-", "--format", "jsonl", "--dead-letter", dead]));
    let mut shell = std::process::Command::new("bash");
    shell.args(["-c", "cat \"$0\" | \"$@\""]).arg(&dead).arg(ottla.get_program()).args(ottla.get_args());
    shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    end(shell.start()).with(2).saying(&["cat reads it as part of this pipeline", "give another file"]);
    assert!(fs::read_to_string(&dead).unwrap() == letters, "the file has changed");
}

#[test]
fn a_dash_and_dev_stdout_are_stdout() {
    let place = Place::new(1);
    let input = place.folder.file("in.jsonl", ROWS);
    let produce = |dead: &str| place.produce_with(&arguments!["--input", input, "--dead-letter", dead]);
    run(produce("-")).with(2).saying(&["--dead-letter - and --report json would both write to stdout"]);
    for dead in ["-", "/dev/stdout"] {
        let ended = run(text_report(produce(dead))).with(1);
        let letter: Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!((&letter["line"], &letter["kind"]), (&json!(2), &json!("InvalidJson")), "{dead}");
        assert!(!Path::new("-").exists());
        // A file behind stdout is appended to.
        let log = place.folder.file("log", "before\n");
        let mut logged = command(text_report(produce(dead)));
        logged.stdout(fs::OpenOptions::new().append(true).open(&log).unwrap());
        end(logged.start()).with(1);
        let text = fs::read_to_string(&log).unwrap();
        assert!(
            text.starts_with("before\n{\"input\":") && text.contains("\"line\":2,") && text.lines().count() == 2,
            "{dead}: {text}"
        );
    }
}

#[test]
fn counted_failures_are_in_the_file_after_any_end() {
    let place = Place::new(1);
    for (signals, dead) in [(&["INT", "INT"][..], "twice.jsonl"), (&["KILL"], "killed.jsonl")] {
        let dead = place.folder.path(dead);
        let before = place.records().len();
        let arguments = place.produce_with(&arguments!["--input", "-", "--format", "jsonl", "--dead-letter", dead]);
        let mut child = start_with_stdin(&arguments, &"no json\n".repeat(500));
        std::io::Write::write_all(child.stdin.as_mut().unwrap(), b"{}\n").unwrap();
        // When this record is delivered the rows before it have been counted.
        place.wait_for(before + 1);
        assert_eq!(letters(&dead).len(), 500, "letters written during the run");
        // An undeliverable record keeps the first Ctrl-C from ending the run.
        place.answer_no_more();
        std::io::Write::write_all(child.stdin.as_mut().unwrap(), b"{}\n").unwrap();
        place.wait_for(before + 2);
        let stderr = child.stderr.take().unwrap();
        let mut lines = std::io::BufRead::lines(std::io::BufReader::new(stderr)).map_while(Result::ok);
        for (count, signal) in signals.iter().enumerate() {
            if count > 0 {
                assert!(lines.any(|line| line.starts_with("interrupted: ")), "the first Ctrl-C was not reported");
            }
            kill(&child, signal);
        }
        let drained = std::thread::spawn(move || lines.for_each(drop));
        let ended = end(child);
        drained.join().unwrap();
        assert_eq!(letters(&dead).len(), 500, "{signals:?}");
        if signals.len() == 2 {
            assert_eq!(ended.with(130).report()["errors"]["InvalidJson"], json!(500));
        }
    }
}

#[test]
fn a_full_disk_ends_the_run_and_unwritten_letters_are_printed() {
    if !Path::new("/dev/full").exists() {
        return;
    }
    let place = Place::new(1);
    let input = "no json\n".repeat(100_000);
    let arguments = place.produce("in.jsonl", input).into_iter().chain(arguments!["--dead-letter", "/dev/full"]);
    let ended = run(arguments).with(1).saying(&["stopped reading: dead-letter file /dev/full: ", "line 1: InvalidJson: "]);
    assert!(!ended.stderr.contains("--dead-letter FILE"), "{}", ended.stderr);
    let report = ended.report();
    assert!(report["failed"].as_u64().unwrap() < 10 && report["error"].as_str().unwrap().contains("/dev/full"), "{report}");
}

#[test]
fn the_first_failure_suggests_a_dead_letter_file() {
    let place = Place::new(1);
    let mut child = start_with_stdin(&place.produce_with(&arguments!["--input", "-", "--format", "jsonl"]), "no json\n");
    let open = child.stdin.take();
    let stderr = std::io::BufReader::new(child.stderr.take().unwrap());
    let (found, hint) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut lines = std::io::BufRead::lines(stderr).map_while(Result::ok);
        let _ = found.send(lines.find(|line| line.contains("--dead-letter FILE")));
        lines.for_each(drop);
    });
    // stdin is still open, so the hint does not depend on the end of the run.
    let hint = hint.recv_timeout(std::time::Duration::from_secs(60)).ok().flatten();
    drop(open);
    end(child).with(1);
    assert!(hint.is_some());
}
