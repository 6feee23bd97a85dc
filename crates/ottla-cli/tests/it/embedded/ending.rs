//! Runs that end early or with failures: the broker, the topic, Ctrl-C.

use std::{ffi::OsString, process::Stdio, time::Duration};

use ottla::testing::{ApiKey, BrokerError};
use serde_json::json;

use super::{Place, kill, start_with_stdin};
use crate::{
    arguments,
    command::{Start as _, command, end, run, take_down},
};

fn set(arguments: Vec<OsString>, settings: &[&str]) -> Vec<OsString> {
    arguments.into_iter().chain(settings.iter().flat_map(|setting| arguments!["--set", setting])).collect()
}

#[test]
fn a_topic_that_does_not_exist() {
    let place = Place::new(1);
    place.kafka.set_topic_error("orders", BrokerError::UNKNOWN_TOPIC_OR_PARTITION).unwrap();
    let arguments = set(place.produce("orders.txt", "one\n"), &["max.block.ms=300"]);
    let ended = run(arguments).with(2).saying(&["topic orders", "UNKNOWN_TOPIC_OR_PART"]);
    let report = ended.report();
    assert!(report["records"] == 0 && report["error"].as_str().unwrap().contains("UNKNOWN_TOPIC_OR_PART"), "{report}");
    run(place
        .produce("orders.txt", "one\n")
        .into_iter()
        .chain(arguments!["--set", "linger.ms=1"])
        .map(|argument| if argument == "orders" { "no such topic".into() } else { argument }))
    .with(2)
    .saying(&["no such topic", "ASCII letters"]);
}

#[test]
fn an_unauthorized_client() {
    let place = Place::new(1);
    place.kafka.set_topic_error("orders", BrokerError::TOPIC_AUTHORIZATION_FAILED).unwrap();
    let ended = run(place.produce("orders.txt", "one\n")).with(3).saying(&["topic orders", "uthoriz"]);
    assert!(ended.report()["error"].as_str().unwrap().contains("uthoriz"), "{ended:?}");
    place.kafka.set_topic_error("orders", BrokerError::NONE).unwrap();
    place.kafka.fail_next(ApiKey::Produce, &[BrokerError::TOPIC_AUTHORIZATION_FAILED]).unwrap();
    let ended = run(place.produce("orders.txt", "one\n")).with(3);
    assert_eq!(ended.report()["errors"], json!({"Authorization": 1}));
}

#[test]
fn the_broker_stops_during_the_run() {
    let place = Place::new(1);
    let dead = place.folder.path("dead.jsonl");
    let arguments = place.produce_with(&arguments!["--input", "-", "--dead-letter", dead]);
    // Long enough for the first two records on a busy machine: getting a producer id alone takes half a second.
    let arguments = set(arguments, &["request.timeout.ms=2000", "delivery.timeout.ms=8000"]);
    let mut child = start_with_stdin(&arguments, "one\ntwo\n");
    place.wait_for(2);
    take_down(&place.kafka, 1);
    std::io::Write::write_all(child.stdin.as_mut().unwrap(), b"three\nfour\nfive\n").unwrap();
    drop(child.stdin.take());
    let report = end(child).with(1).report();
    assert_eq!((&report["records"], &report["acknowledged"], &report["failed"]), (&json!(5), &json!(2), &json!(3)));
    assert_eq!(report["errors"], json!({"DeliveryTimeout": 3}));
    let letters = std::fs::read_to_string(dead).unwrap();
    let mut records: Vec<_> =
        letters.lines().map(|letter| serde_json::from_str::<serde_json::Value>(letter).unwrap()["record"].clone()).collect();
    records.sort_by_key(ToString::to_string);
    assert_eq!(records, ["five", "four", "three"]);
}

#[test]
fn a_full_buffer_delays_records_without_loss() {
    let place = Place::new(1);
    place.kafka.set_round_trip_time(1, Duration::from_millis(100)).unwrap();
    let lines = "x".repeat(1000) + "\n";
    let arguments = place.produce("orders.txt", lines.repeat(100));
    let report = run(set(arguments, &["buffer.memory=20000", "max.block.ms=30000"])).with(0).report();
    assert_eq!(report["acknowledged"], json!(100));
}

#[test]
fn a_buffer_that_stays_full_for_max_block_ms() {
    let place = Place::new(1);
    let arguments = place.produce_with(&arguments!["--input", "-"]);
    let settings = ["buffer.memory=5000", "max.block.ms=2000", "request.timeout.ms=4000", "delivery.timeout.ms=4000"];
    let mut child = start_with_stdin(&set(arguments, &settings), "one\n");
    place.wait_for(1);
    take_down(&place.kafka, 1);
    let line = "x".repeat(4000) + "\n";
    std::io::Write::write_all(child.stdin.as_mut().unwrap(), line.repeat(2).as_bytes()).unwrap();
    drop(child.stdin.take());
    let ended = end(child)
        .with(1)
        .saying(&["line 3: BufferTimeout: no room in buffer.memory (5000 bytes) within max.block.ms (2000 ms)"]);
    assert_eq!(ended.report()["errors"], json!({"BufferTimeout": 1, "DeliveryTimeout": 1}));
}

#[test]
fn ctrl_c_ends_reading_and_reports() {
    let place = Place::new(1);
    for signal in ["INT", "TERM"] {
        let before = place.records().len();
        let mut arguments = place.produce_with(&arguments!["--input", "-"]);
        arguments.extend(arguments!["--set", "linger.ms=10"]);
        let mut child = start_with_stdin(&arguments, "one\ntwo\nhalf a line");
        place.wait_for(before + 2);
        let open = child.stdin.take();
        kill(&child, signal);
        let ended = end(child).with(130).saying(&["interrupted: delivering accepted records"]);
        assert_eq!((&ended.report()["records"], &ended.report()["acknowledged"]), (&json!(2), &json!(2)), "{signal}");
        drop(open);
    }
    assert_eq!(place.values(), ["one", "two", "one", "two"], "an incomplete line was sent");
}

#[test]
fn a_second_ctrl_c_ends_at_once_with_the_counts_so_far() {
    let place = Place::new(1);
    // The second request is sent after the response to the first, and gets no response.
    let arguments = set(place.produce_with(&arguments!["--input", "-"]), &["max.in.flight.requests.per.connection=1"]);
    let mut child = start_with_stdin(&arguments, "one\n");
    place.wait_for(1);
    place.answer_no_more();
    std::io::Write::write_all(child.stdin.as_mut().unwrap(), b"two\n").unwrap();
    place.wait_for(2);
    kill(&child, "INT");
    let stderr = std::io::BufReader::new(child.stderr.take().unwrap());
    // Log lines about the broker may come before it.
    let message = std::io::BufRead::lines(stderr).map_while(Result::ok).find(|line| line.starts_with("interrupted: "));
    assert!(message.is_some(), "the first Ctrl-C was not reported");
    kill(&child, "INT");
    let report = end(child).with(130).report();
    assert_eq!((&report["records"], &report["acknowledged"]), (&json!(1), &json!(1)), "the counts so far");
    assert!(report["error"].as_str().unwrap().contains("interrupted twice"), "{report}");
}

#[test]
fn a_signal_ignored_at_start_stays_ignored() {
    let place = Place::new(1);
    let ottla = command(place.produce_with(&arguments!["--input", "-"]));
    // nohup ignores SIGHUP this way.
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", "trap '' HUP; exec \"$0\" \"$@\""]).arg(ottla.get_program()).args(ottla.get_args());
    shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).env_remove("KAFKA_BOOTSTRAP_SERVERS");
    let mut child = shell.start();
    std::io::Write::write_all(child.stdin.as_mut().unwrap(), b"one\n").unwrap();
    place.wait_for(1);
    kill(&child, "HUP");
    std::io::Write::write_all(child.stdin.as_mut().unwrap(), b"two\n").unwrap();
    place.wait_for(2);
    drop(child.stdin.take());
    assert_eq!(end(child).with(0).report()["acknowledged"], json!(2));
}

#[test]
fn a_missing_topic_is_reported_before_reading() {
    let place = Place::new(1);
    place.kafka.set_topic_error("orders", BrokerError::UNKNOWN_TOPIC_OR_PARTITION).unwrap();
    for format in ["lines", "jsonl", "csv"] {
        let arguments = set(place.produce_with(&arguments!["--input", "-", "--format", format]), &["max.block.ms=300"]);
        let mut child = start_with_stdin(&arguments, "");
        let open = child.stdin.take();
        end(child).with(2).saying(&["topic orders", "UNKNOWN_TOPIC_OR_PART"]);
        drop(open);
    }
}

#[test]
fn a_record_is_sent_without_waiting_for_the_next() {
    for (format, first, second) in [("lines", "ab\n", "cd\n"), ("jsonl", "{}\n", "{}\n"), ("csv", "a\n1\n", "2\n")] {
        let place = Place::new(1);
        let mut child = start_with_stdin(&place.produce_with(&arguments!["--input", "-", "--format", format]), first);
        // This fails if the first record is held back until the second arrives.
        place.wait_for(1);
        std::io::Write::write_all(child.stdin.as_mut().unwrap(), second.as_bytes()).unwrap();
        drop(child.stdin.take());
        assert_eq!(end(child).with(0).report()["acknowledged"], json!(2), "{format}");
    }
}

#[test]
fn ctrl_c_while_no_broker_answers() {
    let place = Place::new(1);
    take_down(&place.kafka, 1);
    let mut child = start_with_stdin(&place.produce_with(&arguments!["--input", "-"]), "one\n");
    drop(child.stdin.take());
    // The command handles signals before it connects, but nothing shows when it does.
    std::thread::sleep(Duration::from_millis(1500));
    kill(&child, "INT");
    let report = end(child).with(130).saying(&["interrupted before the first record"]).report();
    assert_eq!(report["error"], json!("interrupted before the first record"));
    assert_eq!((&report["records"], &report["topic"]), (&json!(0), &json!("orders")));
}

#[test]
fn ctrl_c_before_the_first_bytes() {
    let place = Place::new(1);
    let mut child = start_with_stdin(&place.produce_with(&arguments!["--input", "-"]), "");
    let open = child.stdin.take();
    std::thread::sleep(Duration::from_millis(1500));
    kill(&child, "INT");
    let report = end(child).with(130).report();
    assert_eq!((&report["records"], &report["error"]), (&json!(0), &json!("interrupted before the first record")));
    drop(open);
}

#[test]
fn closed_stdout_and_stderr_are_ignored() {
    let place = Place::new(1);
    let mut child = command(place.produce("orders.txt", "one\n")).stdout(Stdio::piped()).stderr(Stdio::piped()).start();
    drop((child.stdout.take(), child.stderr.take()));
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(place.values(), ["one"]);
}
