//! Checkpoints of runs that end early, and of inputs that break off or are cut off.

use std::{fs, time::Duration};

use ottla::testing::{ApiKey, BrokerError};
use serde_json::json;

use super::{
    Place,
    checkpoint::{Job, gzip, numbers},
    kill,
};
use crate::{
    arguments,
    command::{Start as _, command, end, run},
};

#[test]
fn after_ctrl_c_a_failed_checkpoint_and_a_broken_input_are_reported() {
    let place = Place::new(1);
    fs::create_dir(place.folder.path("in")).unwrap();
    let archive = gzip(b"n\n1\n2\n");
    place.folder.file("in/a.csv.gz", &archive[..archive.len() - 4]);
    place.folder.file("in/b.csv", numbers(50_000));
    let job = Job::new(&place, "in", "", "file = \"orders.ckpt\"\ninterval.ms = 3600000");
    let child = command(job.arguments(&["--rate", "200/s"])).start();
    place.wait_for(20);
    std::os::unix::fs::symlink("/dev/full", place.folder.path("orders.ckpt.tmp")).unwrap();
    kill(&child, "INT");
    let full = "orders.ckpt: cannot be written: No space left on device";
    let report = end(child).with(130).saying(&["in/a.csv.gz: cannot read line ", "the gzip data is truncated", full]).report();
    let error = report["error"].as_str().unwrap();
    assert!(error.starts_with("interrupted; checkpoint file ") && error.contains(full), "{error}");
    assert!(report["inputs"][0]["error"].as_str().unwrap().contains("truncated"), "{report}");
}

#[test]
fn no_row_is_missing_after_an_archive_that_was_cut_off() {
    let text = "a,b\n1,\"x\ny\"\n2,z\n3,w\n";
    let whole = gzip(text.as_bytes());
    for length in (30..whole.len()).step_by(3) {
        let place = Place::new(1);
        let path = place.folder.file("rows.csv.gz", &whole[..length]);
        let job = Job::with_file(&place, "rows.csv.gz");
        // The header may be missing.
        job.run(&[]).with(2);
        fs::write(&path, &whole).unwrap();
        job.run(&[]).with(0);
        let wanted = ["{\"a\":\"1\",\"b\":\"x\\ny\"}", "{\"a\":\"2\",\"b\":\"z\"}", "{\"a\":\"3\",\"b\":\"w\"}"];
        assert_eq!(place.values(), wanted, "{length} bytes");
    }
}

#[test]
fn a_row_that_is_cut_off_is_sent_when_it_is_complete() {
    let place = Place::new(1);
    let path = place.folder.file("rows.csv", "a\n1\n\"2");
    let job = Job::with_file(&place, "rows.csv");
    let dead = place.folder.path("dead.jsonl");
    let dead = ["--dead-letter", dead.to_str().unwrap()];
    let failed = job.run(&dead).with(1).report();
    assert_eq!(failed["errors"], json!({"UnclosedQuote": 1}));
    fs::write(&path, "a\n1\n\"2\n3\"\n4\n").unwrap();
    job.run(&dead).with(0).saying(&["rows.csv: continues at line 3, byte 4"]);
    assert_eq!(place.values(), ["{\"a\":\"1\"}", "{\"a\":\"2\\n3\"}", "{\"a\":\"4\"}"]);
}

#[test]
fn rows_are_committed_before_an_input_that_an_earlier_run_has_begun() {
    let place = Place::new(1);
    place.kafka.create_topic("checkpoints", 1, 1).unwrap();
    let paths = ["a.txt", "b.txt"].map(|name| place.folder.file(name, "1\n"));
    let job = Job::with_topic(&place, "?.txt");
    job.run(&[]).with(0);
    for path in paths {
        fs::write(path, "1\n2\n").unwrap();
    }
    // The commit of the start, that before the second input, and that of its row.
    place.kafka.fail_next(ApiKey::EndTxn, &[BrokerError::NONE, BrokerError::NONE, BrokerError::PRODUCER_FENCED]).unwrap();
    let report = job.run(&[]).with(1).saying(&["not committed: ", "fenced"]).report();
    assert_eq!((&report["inputs"][0]["acknowledged"], &report["inputs"][1]["acknowledged"]), (&json!(1), &json!(0)));
}

#[test]
fn the_files_of_a_checkpoint_are_no_inputs() {
    let place = Place::new(1);
    fs::create_dir(place.folder.path("in")).unwrap();
    place.folder.file("in/notes.txt", "1\n");
    // A run that was killed left it.
    place.folder.file("in/orders.ckpt.tmp", "{");
    std::os::unix::fs::symlink("in/orders.ckpt", place.folder.path("link.ckpt")).unwrap();
    for file in ["in/orders.ckpt", "link.ckpt"] {
        let job = Job::new(&place, "in", "", &format!("file = \"{file}\""));
        for _ in 0..2 {
            job.run(&[]).with(0);
            place.folder.file("in/orders.ckpt.tmp", "{");
            run(arguments!["config", "check", job.config]).with(0);
        }
    }
    assert_eq!(place.values(), ["1"]);
    assert!(fs::symlink_metadata(place.folder.path("link.ckpt")).unwrap().is_symlink());
}

#[test]
fn a_checkpoint_topic_that_data_may_address_is_refused() {
    let place = Place::new(1);
    place.folder.file("a.jsonl", "{\"kind\":\"a\"}\n");
    for (topics, code) in [("checkpoints", 2), ("check*", 2), ("kind-*", 0)] {
        let config = format!(
            "[producer]\nbootstrap.servers = \"{}\"\ntransactional.id = \"t\"\n[input]\npath = \"a.jsonl\"\n[record]\n\
             topic = \"{{kind}}\"\ntopics = [\"{topics}\"]\n[checkpoint]\ntopic = \"checkpoints\"\n",
            place.kafka.bootstrap_servers()
        );
        let config = place.folder.file("rows.toml", config);
        let ended = run(arguments!["config", "check", config]).with(code);
        if code == 2 {
            ended.saying(&["rows.toml:10: checkpoint.topic: is one of the topics that record.topics allows for records"]);
        }
    }
}

#[test]
fn a_checkpoint_topic_that_must_not_be_written_ends_the_run_with_the_remedy() {
    let place = Place::new(1);
    place.kafka.create_topic("checkpoints", 1, 1).unwrap();
    place.folder.file("a.txt", "one\n");
    let job = Job::with_topic(&place, "a.txt");
    place.kafka.fail_next_on(1, ApiKey::Produce, &[(BrokerError::TOPIC_AUTHORIZATION_FAILED, Duration::ZERO)]).unwrap();
    job.run(&[])
        .with(3)
        .saying(&["checkpoint topic checkpoints: cannot be written: ", "grant this client the permission WRITE for it"]);
    assert_eq!(place.records(), []);
}
