//! `follow`: files that grow, are replaced and appear while the command runs.

use std::{
    fs::{self, File, OpenOptions},
    io::Write as _,
    path::Path,
    process::{Child, Stdio},
    thread,
    time::Duration,
};

use serde_json::json;

use super::{Place, checkpoint::gzip, kill};
use crate::{
    arguments,
    command::{Ended, Start as _, command, end, run},
};

/// A configuration that follows files.
struct Follow<'a> {
    place: &'a Place,
    config: std::path::PathBuf,
}

impl<'a> Follow<'a> {
    /// `input` is the path, which may be followed by other lines of `[input]`.
    fn new(place: &'a Place, input: &str, producer: &str, checkpoint: &str) -> Self {
        let config = format!(
            "topic = \"orders\"\n[producer]\nbootstrap.servers = \"{}\"\nlinger.ms = 0\nmax.block.ms = 10000\n{producer}\n[input]\n\
             follow = true\npoll_ms = 10\nrotate_wait_ms = 50\npath = \"{input}\"\n{checkpoint}\n",
            place.kafka.bootstrap_servers()
        );
        Self { place, config: place.folder.file("orders.toml", config) }
    }

    fn start(&self, more: &[&str]) -> Child {
        let arguments = arguments!["produce", "-c", self.config, "--report", "json"];
        command(arguments.into_iter().chain(more.iter().map(|more| (*more).into()))).start()
    }

    /// Starts the command, waits until the topic has this many records, and stops it.
    #[track_caller]
    fn run_until(&self, records: usize) -> Ended {
        let child = self.start(&[]);
        self.place.wait_for(records);
        stop(child)
    }

    fn append(&self, name: &str, text: &str) {
        append(&self.place.folder.path(name), text);
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.place.folder.path(from), self.place.folder.path(to)).unwrap();
    }
}

fn append(path: &Path, text: &str) {
    OpenOptions::new().append(true).create(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

/// Ends a run as a service manager does.
#[track_caller]
fn stop(child: Child) -> Ended {
    kill(&child, "TERM");
    end(child).with(0)
}

/// Ends a run that has noticed what was done to its files last.
#[track_caller]
fn settle_and_stop(child: Child) -> Ended {
    thread::sleep(Duration::from_millis(1500));
    stop(child)
}

const FILE: &str = "[checkpoint]\nfile = \"orders.ckpt\"\ninterval.ms = 20";

#[test]
fn what_is_appended_is_sent_until_a_signal_also_from_replaced_and_new_files() {
    let place = Place::new(1);
    let follow = Follow::new(&place, "*.log", "", "");
    let child = follow.start(&[]);
    follow.append("a.log", "1\n2\n3");
    place.wait_for(2);
    follow.append("a.log", "\n");
    place.wait_for(3);
    let mut old = OpenOptions::new().append(true).open(place.folder.path("a.log")).unwrap();
    follow.rename("a.log", "a.log.1");
    old.write_all(b"4\n").unwrap();
    follow.append("a.log", "5\n");
    place.wait_for(5);
    follow.append("b.log", "6\nincomplete");
    place.wait_for(6);
    fs::write(place.folder.path("a.log"), "").unwrap();
    thread::sleep(Duration::from_millis(100));
    follow.append("a.log", "7\n");
    place.wait_for(7);
    let ended = stop(child).saying(&["a.log: was truncated", "stopping:"]);
    assert_eq!(place.values(), ["1", "2", "3", "4", "5", "6", "7"]);
    let report = ended.report();
    assert_eq!((&report["acknowledged"], &report["error"]), (&json!(7), &json!(null)));
    let counts: Vec<_> = report["inputs"].as_array().unwrap().iter().map(|input| &input["acknowledged"]).collect();
    assert_eq!(counts, [&json!(6), &json!(1)]);
}

#[test]
fn a_limit_ends_a_run_and_interrupts_are_its_normal_end() {
    let place = Place::new(1);
    let follow = Follow::new(&place, "a.log", "", "");
    follow.append("a.log", "1\n2\n3\n");
    assert_eq!(end(follow.start(&["--limit", "2"])).with(0).report()["records"], json!(2));
    let child = follow.start(&[]);
    place.wait_for(5);
    kill(&child, "INT");
    assert_eq!(end(child).with(0).report()["records"], json!(3));
}

#[test]
fn transactions_are_committed_while_no_row_comes() {
    let place = Place::new(1);
    place.kafka.create_topic("checkpoints", 1, 1).unwrap();
    for checkpoint in ["", "[checkpoint]\ntopic = \"checkpoints\"\ninterval.ms = 50"] {
        let timeout = if checkpoint.is_empty() { "transaction.timeout.ms = 3000\n" } else { "" };
        let follow = Follow::new(&place, "a.log", &format!("transactional.id = \"job\"\n{timeout}"), checkpoint);
        let path = place.folder.path("a.log");
        fs::write(&path, "1\n").unwrap();
        let committed = || ottla_test_support::log::committed(place.kafka.bootstrap_servers(), "orders").len();
        let before = committed();
        let child = follow.start(&[]);
        for _ in 0..600 {
            if committed() > before {
                break;
            }
            thread::sleep(Duration::from_millis(50));
        }
        assert!(committed() > before, "nothing was committed");
        stop(child);
    }
}

#[test]
fn a_run_continues_with_the_file_that_was_replaced_meanwhile() {
    for is_compressed in [false, true] {
        let place = Place::new(1);
        let follow = Follow::new(&place, "a.log", "", FILE);
        follow.append("a.log", "1\n2\n");
        follow.run_until(2);
        follow.append("a.log", "3\n");
        follow.rename("a.log", "a.log.3");
        // Replaced twice more, before the next run.
        thread::sleep(Duration::from_millis(20));
        follow.append("a.log.2", "4\n");
        thread::sleep(Duration::from_millis(20));
        follow.append("a.log.1", "5\n");
        follow.append("a.log", "6\n");
        if is_compressed {
            fs::write(place.folder.path("a.log.3.gz"), gzip(b"1\n2\n3\n")).unwrap();
            let modified = fs::metadata(place.folder.path("a.log.3")).unwrap().modified().unwrap();
            let file = OpenOptions::new().append(true).open(place.folder.path("a.log.3.gz")).unwrap();
            file.set_modified(modified).unwrap();
            fs::remove_file(place.folder.path("a.log.3")).unwrap();
        }
        follow.run_until(6).saying(&["continues at line 3, byte 4"]);
        assert_eq!(place.values(), ["1", "2", "3", "4", "5", "6"], "compressed: {is_compressed}");
        follow.append("a.log", "7\n");
        follow.run_until(7).saying(&["a.log: continues at line 2, byte 2"]);
        assert_eq!(place.values().len(), 7);
    }
}

#[test]
fn only_files_that_had_the_path_are_sent_before_the_new_one() {
    let place = Place::new(1);
    let checkpoint = FILE.replace("orders.ckpt", "app.log.ckpt");
    let follow = Follow::new(&place, "app.log", "", &checkpoint);
    follow.append("app.log", "1\n");
    let dead = place.folder.path("app.log.9");
    let start = || follow.start(&["--dead-letter", dead.to_str().unwrap()]);
    let child = start();
    place.wait_for(1);
    stop(child);
    thread::sleep(Duration::from_millis(20));
    follow.rename("app.log", "app.log.2");
    for other in ["app-errors.log", "app_access.log", "app.log.failed"] {
        follow.append(other, "other\n");
    }
    append(&dead, "dead\n");
    follow.append("app.log.1", "2\n");
    follow.append("app.log", "3\n");
    let child = start();
    place.wait_for(3);
    settle_and_stop(child);
    assert_eq!(place.values(), ["1", "2", "3"]);
}

#[test]
fn renamed_and_compressed_files_of_a_pattern_are_not_sent_again_by_later_runs() {
    let place = Place::new(1);
    let follow = Follow::new(&place, "a.log*\"\nformat = \"lines", "", FILE);
    let child = follow.start(&[]);
    follow.append("a.log", "1\n2\n");
    place.wait_for(2);
    follow.rename("a.log", "a.log.1");
    follow.append("a.log", "3\n");
    place.wait_for(3);
    settle_and_stop(child);
    // Replaced again while nothing runs.
    fs::write(place.folder.path("a.log.2.gz"), gzip(b"1\n2\n")).unwrap();
    follow.rename("a.log", "a.log.1");
    follow.append("a.log", "4\n");
    let child = follow.start(&[]);
    place.wait_for(4);
    settle_and_stop(child);
    assert_eq!(place.values(), ["1", "2", "3", "4"]);
}

/// Starts the command twice, and checks that the topic has only these records.
#[track_caller]
fn check_restarts(follow: &Follow<'_>, values: &[&str]) {
    for _ in 0..2 {
        let mut wait = Duration::from_millis(1500);
        loop {
            let child = follow.start(&[]);
            thread::sleep(wait);
            kill(&child, "TERM");
            let ended = end(child);
            // On a busy machine it may not have begun.
            if ended.code != 130 || wait > Duration::from_secs(30) {
                ended.with(0);
                break;
            }
            wait *= 2;
        }
        assert_eq!(follow.place.values(), values);
    }
}

#[test]
fn files_that_were_replaced_twice_are_not_sent_again_by_later_runs() {
    let place = Place::new(1);
    place.kafka.create_topic("checkpoints", 1, 1).unwrap();
    let topic = "[checkpoint]\ntopic = \"checkpoints\"\ninterval.ms = 50";
    for (name, producer, checkpoint) in [("a", "", FILE), ("b", "transactional.id = \"job\"\n", topic)] {
        let follow = Follow::new(&place, &format!("{name}.log*\"\nformat = \"lines"), producer, checkpoint);
        let before = place.values();
        let log = |rotated: &str| format!("{name}.log{rotated}");
        let child = follow.start(&[]);
        follow.append(&log(""), "1\n");
        place.wait_for(before.len() + 1);
        for row in 2..4 {
            let _ = fs::rename(place.folder.path(&log(".1")), place.folder.path(&log(".2")));
            follow.rename(&log(""), &log(".1"));
            follow.append(&log(""), &format!("{row}\n"));
            place.wait_for(before.len() + row);
        }
        settle_and_stop(child);
        let values: Vec<String> = before.into_iter().chain(["1", "2", "3"].map(str::to_owned)).collect();
        check_restarts(&follow, &values.iter().map(|value| &**value).collect::<Vec<_>>());
    }
}

#[test]
fn a_file_that_was_replaced_with_a_date_is_not_sent_again_by_the_third_run() {
    let place = Place::new(1);
    let follow = Follow::new(&place, "*.log", "", FILE);
    follow.append("a.log", "1\n2\n");
    follow.run_until(2);
    follow.append("a.log", "3\n");
    follow.rename("a.log", "a-20260102.log");
    follow.append("a.log", "4\n");
    let child = follow.start(&[]);
    place.wait_for(4);
    settle_and_stop(child);
    check_restarts(&follow, &["1", "2", "3", "4"]);
    let shown = run(arguments!["checkpoint", "show", "-c", follow.config]).with(0).stdout;
    assert!(shown.contains("a-20260102.log (complete)"), "{shown}");
    // A file that is gone needs no checkpoint.
    fs::remove_file(place.folder.path("a-20260102.log")).unwrap();
    check_restarts(&follow, &["1", "2", "3", "4"]);
    let shown = run(arguments!["checkpoint", "show", "-c", follow.config]).with(0).stdout;
    assert!(!shown.contains("complete"), "{shown}");
}

#[test]
fn a_file_that_was_compressed_is_not_sent_again_by_later_runs() {
    let place = Place::new(1);
    let follow = Follow::new(&place, "a.log*\"\nformat = \"lines", "", FILE);
    let child = follow.start(&[]);
    follow.append("a.log", "1\n2\n");
    place.wait_for(2);
    // Compressed at once, before the file counts as complete.
    follow.rename("a.log", "a.log.1");
    fs::write(place.folder.path("a.log.1.gz"), gzip(b"1\n2\n")).unwrap();
    fs::remove_file(place.folder.path("a.log.1")).unwrap();
    follow.append("a.log", "3\n");
    place.wait_for(3);
    settle_and_stop(child);
    check_restarts(&follow, &["1", "2", "3"]);
    // Compressed while nothing runs, after the run that read it.
    follow.rename("a.log", "a.log.2");
    follow.append("a.log", "4\n");
    let child = follow.start(&[]);
    place.wait_for(4);
    settle_and_stop(child);
    fs::write(place.folder.path("a.log.2.gz"), gzip(b"3\n")).unwrap();
    fs::remove_file(place.folder.path("a.log.2")).unwrap();
    check_restarts(&follow, &["1", "2", "3", "4"]);
}

#[test]
fn a_file_that_is_renamed_to_another_path_of_the_inputs_keeps_its_position() {
    let place = Place::new(1);
    let follow = Follow::new(&place, "*.log", "", FILE);
    follow.append("a.part.log", "1\n");
    let child = follow.start(&[]);
    place.wait_for(1);
    follow.rename("a.part.log", "a.log");
    follow.append("a.part.log", "2\n");
    place.wait_for(2);
    follow.append("a.log", "3\n");
    place.wait_for(3);
    settle_and_stop(child);
    follow.append("a.log", "4\n");
    follow.append("a.part.log", "5\n");
    follow.run_until(5);
    settle_and_stop(follow.start(&[]));
    let mut values = place.values();
    values.sort();
    assert_eq!(values, ["1", "2", "3", "4", "5"]);
}

#[test]
fn a_file_that_was_renamed_to_another_path_of_the_inputs_between_two_runs_is_followed_there() {
    let place = Place::new(1);
    let follow = Follow::new(&place, "*.log", "", FILE);
    follow.append("a.part.log", "1\n");
    follow.run_until(1);
    follow.rename("a.part.log", "a.log");
    follow.append("a.part.log", "2\n");
    let child = follow.start(&[]);
    place.wait_for(2);
    follow.append("a.log", "3\n");
    place.wait_for(3);
    settle_and_stop(child);
    follow.append("a.log", "4\n");
    follow.run_until(4);
    check_restarts(&follow, &["1", "2", "3", "4"]);
}

#[test]
fn the_rest_of_a_file_that_is_gone_when_the_run_starts_is_read_before_another_gets_its_path() {
    let place = Place::new(1);
    let follow = Follow::new(&place, "*.log", "", FILE);
    follow.append("b.log", "1\n");
    follow.append("a.log", "2\n");
    follow.run_until(2);
    follow.append("b.log", "3\n");
    follow.rename("b.log", "b.log.1");
    follow.append("a.log", "4\n");
    let child = follow.start(&[]);
    place.wait_for(3);
    follow.rename("a.log", "b.log");
    follow.append("a.log", "5\n");
    place.wait_for(5);
    follow.append("b.log", "6\n");
    place.wait_for(6);
    settle_and_stop(child);
    assert_eq!(place.values()[2..].iter().filter(|value| *value == "3").count(), 1);
    assert_eq!(place.values().len(), 6);
}

#[test]
fn files_that_are_renamed_one_after_the_other_are_followed_and_not_sent_again() {
    let place = Place::new(1);
    let follow = Follow::new(&place, "*.log", "", FILE);
    let rotate = |row: &str| {
        for (from, to) in [("d.log", "e.log"), ("c.log", "d.log"), ("b.log", "c.log"), ("a.log", "b.log")] {
            let _ = fs::rename(place.folder.path(from), place.folder.path(to));
        }
        follow.append("a.log", row);
    };
    let child = follow.start(&[]);
    for n in 1..4 {
        rotate(&format!("{n}\n"));
        place.wait_for(n);
    }
    settle_and_stop(child);
    // Once more between two runs, and once more in the second.
    rotate("4\n");
    let child = follow.start(&[]);
    place.wait_for(4);
    rotate("5\n");
    place.wait_for(5);
    for (n, name) in ["e.log", "d.log", "c.log", "b.log", "a.log"].into_iter().enumerate() {
        follow.append(name, &format!("{}b\n", n + 1));
        place.wait_for(6 + n);
    }
    settle_and_stop(child);
    check_restarts(&follow, &["1", "2", "3", "4", "5", "1b", "2b", "3b", "4b", "5b"]);
}

#[test]
fn a_file_that_was_truncated_or_replaced_after_its_end_is_no_missing_file() {
    let place = Place::new(1);
    let follow = Follow::new(&place, "a.log", "", FILE);
    let child = follow.start(&[]);
    follow.append("a.log", "1\n2\n");
    place.wait_for(2);
    File::create(place.folder.path("a.log")).unwrap();
    settle_and_stop(child);
    check_restarts(&follow, &["1", "2"]);
    let child = follow.start(&[]);
    follow.append("a.log", "3\n");
    place.wait_for(3);
    fs::remove_file(place.folder.path("a.log")).unwrap();
    settle_and_stop(child);
    follow.append("a.log", "4\n");
    follow.run_until(4);
    assert_eq!(place.values(), ["1", "2", "3", "4"]);
}

#[test]
fn the_file_of_a_link_is_read_to_its_end_after_the_link_has_another_target() {
    let place = Place::new(1);
    fs::create_dir(place.folder.path("logs")).unwrap();
    let link = |target: &str| {
        let _ = fs::remove_file(place.folder.path("current.log"));
        std::os::unix::fs::symlink(target, place.folder.path("current.log")).unwrap();
    };
    let follow = Follow::new(&place, "current.log", "", FILE);
    follow.append("logs/a.log", "1\n2\n");
    link("logs/a.log");
    follow.run_until(2);
    follow.append("logs/a.log", "3\n");
    follow.append("logs/b.log", "4\n");
    link("logs/b.log");
    follow.run_until(4);
    assert_eq!(place.values(), ["1", "2", "3", "4"]);
    run(arguments!["checkpoint", "reset", "-c", follow.config, "--input", place.folder.path("current.log")]).with(0);
}

#[test]
fn a_converted_file_is_recognized_by_the_rows_that_were_read() {
    let place = Place::new(1);
    let follow = Follow::new(&place, "a.csv\"\nencoding = \"latin-1", "", FILE);
    follow.append("a.csv", "id\n");
    let child = follow.start(&[]);
    thread::sleep(Duration::from_millis(300));
    follow.append("a.csv", "1\n2\n");
    place.wait_for(2);
    stop(child);
    fs::remove_file(place.folder.path("a.csv")).unwrap();
    follow.append("a.csv", "id\n3\n4\n5\n");
    end(follow.start(&[])).with(2).saying(&["is another file than the one of its checkpoint"]);
}

#[test]
fn a_replaced_file_is_found_beside_more_files_than_may_be_open() {
    let place = Place::new(1);
    let follow = Follow::new(&place, "a.log", "", FILE);
    follow.append("a.log", "1\n");
    follow.run_until(1);
    follow.append("a.log", "2\n");
    follow.rename("a.log", "a.log.1");
    follow.append("a.log", "3\n");
    (0..300).for_each(|n| drop(place.folder.file(&format!("other-{n}"), "")));
    let produce = command(arguments!["produce", "-c", follow.config]);
    let mut limited = std::process::Command::new("sh");
    limited.args(["-c", "ulimit -n 100; exec \"$@\"", "sh"]).arg(produce.get_program()).args(produce.get_args());
    limited.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = limited.start();
    place.wait_for(3);
    stop(child);
    assert_eq!(place.values(), ["1", "2", "3"]);
}

/// The command of a user who may read only what the modes of files permit, which do not apply to root.
fn without_privileges(command: std::process::Command) -> std::process::Command {
    use std::os::unix::fs::MetadataExt as _;
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return command;
    }
    let mut limited = std::process::Command::new("setpriv");
    limited.arg("--bounding-set=-dac_override,-dac_read_search").arg(command.get_program()).args(command.get_args());
    limited.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    limited
}

#[test]
fn a_file_that_may_not_be_read_is_no_missing_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new(1);
    let follow = Follow::new(&place, "a.log", "", FILE);
    follow.append("a.log", "1\n");
    follow.run_until(1);
    follow.append("a.log", "2\n");
    follow.rename("a.log", "a.log.2");
    thread::sleep(Duration::from_millis(20));
    follow.append("a.log.1", "3\n");
    follow.append("a.log", "4\n");
    let permit = |name: &str, mode| fs::set_permissions(place.folder.path(name), fs::Permissions::from_mode(mode)).unwrap();
    // The file of the checkpoint, and one that had its path after it.
    for name in ["a.log.2", "a.log.1"] {
        permit(name, 0o000);
        let text = format!("/{name}: Permission denied");
        end(without_privileges(command(arguments!["produce", "-c", follow.config])).start()).with(2).saying(&["a.log: ", &text]);
        permit(name, 0o600);
    }
    follow.run_until(4);
    assert_eq!(place.values(), ["1", "2", "3", "4"]);
}

#[test]
fn a_run_ends_if_rows_would_be_missing() {
    let place = Place::new(1);
    let follow = Follow::new(&place, "a.log", "", FILE);
    follow.append("a.log", "1\n2\n");
    follow.run_until(2);
    fs::remove_file(place.folder.path("a.log")).unwrap();
    follow.append("a.log", "3\n4\n5\n");
    let remedy = "ottla checkpoint reset -c ";
    let texts =
        ["a.log: is another file than the one of its checkpoint at line 3, byte 4, and that file is not in its folder", remedy];
    end(follow.start(&[])).with(2).saying(&texts);
    // Truncated below the checkpoint; the copy is found, as logrotate's copytruncate leaves it.
    fs::write(place.folder.path("a.log.1"), "1\n2\n2b\n").unwrap();
    follow.run_until(6);
    assert_eq!(place.values(), ["1", "2", "2b", "3", "4", "5"]);
    // Another topic.
    let config = fs::read_to_string(&follow.config).unwrap().replace("topic = \"orders\"", "topic = \"others\"");
    place.kafka.create_topic("others", 1, 1).unwrap();
    fs::write(&follow.config, config).unwrap();
    end(follow.start(&[])).with(2).saying(&["its checkpoint was written with topic = orders, which is others now"]);
}

#[test]
fn the_files_of_the_run_are_not_followed() {
    let place = Place::new(1);
    let follow = Follow::new(&place, ".\"\nformat = \"jsonl", "", FILE);
    follow.append("a.jsonl", "{\"n\":1}\nwrong\n{\"n\":2}\n");
    let dead = place.folder.path("dead.jsonl");
    let child = follow.start(&["--dead-letter", dead.to_str().unwrap()]);
    place.wait_for(2);
    for n in 3..6 {
        follow.append("a.jsonl", &format!("{{\"n\":{n}}}\n"));
        place.wait_for(n);
    }
    kill(&child, "TERM");
    let report = end(child).with(1).report();
    assert_eq!((&report["acknowledged"], &report["failed"]), (&json!(5), &json!(1)));
}

#[test]
fn inputs_that_cannot_be_followed_are_refused() {
    let place = Place::new(1);
    place.folder.file("a.json", "[]");
    for (input, text) in [
        ("a.json", "`follow` applies only to lines, jsonl, csv and record, but the format is json"),
        ("-", "stdin: `follow` reads files that grow"),
        ("a.txt\"\nencoding = \"utf-16", "input.encoding: utf-16 cannot be followed"),
    ] {
        let follow = Follow::new(&place, input, "", "");
        end(follow.start(&[])).with(2).saying(&[text]);
        run(arguments!["config", "check", follow.config]).with(2).saying(&[text]);
    }
    let dry = Follow::new(&place, "b.log", "", "");
    dry.append("b.log", "one\n");
    assert!(run(arguments!["produce", "-c", dry.config, "--dry-run", "3"]).with(0).stdout.contains("\"value\":\"one\""));
}

/// The answer to a request for this path.
fn get(address: &str, path: &str) -> String {
    use std::io::Read as _;
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Asks until the answer has this text.
#[track_caller]
fn wait_for_answer(address: &str, path: &str, text: &str) -> String {
    let mut answer = String::new();
    for _ in 0..600 {
        answer = get(address, path);
        if answer.contains(text) {
            return answer;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("{text:?} is not in {answer}");
}

#[test]
fn metrics_and_health_of_a_run_are_served() {
    use std::io::{BufRead as _, BufReader};
    let place = Place::new(1);
    let follow = Follow::new(&place, "*.jsonl", "", &format!("{FILE}\n[metrics]\naddress = \"0\""));
    follow.append("a.jsonl", "{\"n\":1}\nwrong\n{\"n\":2}\n{\"n\":");
    let dead = place.folder.path("dead.txt");
    let mut child = follow.start(&["--dead-letter", dead.to_str().unwrap()]);
    let mut told = BufReader::new(child.stderr.take().unwrap()).lines();
    let address = told.find_map(|line| {
        let line = line.unwrap();
        Some(line.split_once("metrics at http://")?.1.split_once('/')?.0.to_owned())
    });
    let address = address.unwrap();
    let reading = thread::spawn(move || told.map(Result::unwrap).collect::<Vec<_>>());
    place.wait_for(2);
    let input = format!("{{input=\"{}\"}}", place.folder.path("a.jsonl").display());
    let metrics = wait_for_answer(&address, "/metrics", &format!("\nottla_rows_acknowledged_total{input} 2\n"));
    for line in [
        &format!("ottla_rows_failed_total{input} 1"),
        "ottla_failures_total{kind=\"InvalidJson\"} 1",
        "ottla_dead_letters_total 1",
        "ottla_acknowledged_bytes_total 14",
        &format!("ottla_input_lag_bytes{input} 5"),
        &format!("ottla_input_broken{input} 0"),
        "ottla_followed_files 1",
        "# TYPE ottla_checkpoint_age_seconds gauge",
        "# TYPE kafka_producer_record_send_total counter",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} in {metrics}");
    }
    wait_for_answer(&address, "/healthz", "200 OK");
    // A file of a format that is not supported is left out, and the others are read on.
    fs::write(place.folder.path("b.jsonl"), b"BZh91AY&SY\n").unwrap();
    let health = wait_for_answer(&address, "/healthz", "503 Service Unavailable");
    assert!(health.contains("an input is not read further: "), "{health}");
    follow.append("a.jsonl", "3}\n");
    place.wait_for(3);
    kill(&child, "TERM");
    end(child).with(2);
    reading.join().unwrap();
}
