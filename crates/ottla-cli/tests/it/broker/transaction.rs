//! Transactions of the command on Apache Kafka: what a consumer reads that reads committed records only.

use std::{env, fs, io::Write as _, process::Stdio, time::Duration};

use ottla_test_support::{
    broker::{bootstrap_servers, topic},
    folder::Folder,
    log,
};

use crate::{
    arguments,
    command::{command, end},
};

/// Ten times, or as often as `OTTLA_TEST_KILLS` says.
#[test]
#[ignore = "needs Kafka: make test-broker"]
fn a_process_that_is_killed_in_mid_transaction_leaves_nothing() {
    let kills = env::var("OTTLA_TEST_KILLS").map_or(10, |kills| kills.parse::<usize>().unwrap());
    let topic = topic("killed", 3, &[]);
    let folder = Folder::new();
    let settings = format!("bootstrap.servers={}\ntransactional.id={topic}\nlinger.ms=1\n", bootstrap_servers());
    let config = folder.file("producer.properties", settings);
    let arguments = arguments!["produce", "-c", config, "--topic", topic, "--input", "-", "--report", "json"];
    let counter = log::Counter::new(&bootstrap_servers(), &topic, 3);
    let lines: Vec<String> = (0..200).map(|n| format!("{n:0>10}\n")).collect();
    for kill in 0..kills {
        let before = counter.count();
        let mut child = command(&arguments).stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let records = 1 + kill * 17 % 199;
        stdin.write_all(lines[..records].concat().as_bytes()).unwrap();
        // All of them are in the log, and the transaction is open.
        while counter.count() < before + i64::try_from(records).unwrap() {
            assert_eq!(child.try_wait().unwrap(), None, "it ended by itself");
            std::thread::sleep(Duration::from_millis(20));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        drop(stdin);
    }
    let mut child = command(&arguments).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines.concat().as_bytes()).unwrap();
    let report = end(child).with(0).report();
    assert_eq!(report["acknowledged"], serde_json::json!(200));
    assert_eq!(
        log::committed_numbers(&bootstrap_servers(), &topic),
        (0..200).collect::<Vec<_>>(),
        "each input once, and nothing else"
    );
    assert!(counter.count() > 200 + i64::try_from(kills).unwrap(), "what was killed had written");
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn the_command_commits_every_so_many_records_and_aborts_the_rest() {
    let topic = topic("every", 3, &[("max.message.bytes", "2000")]);
    let folder = Folder::new();
    let settings = format!(
        "bootstrap.servers={}\ntransactional.id={topic}\nlinger.ms=0\nlibrdkafka.batch.num.messages=1\n",
        bootstrap_servers()
    );
    let config = folder.file("producer.properties", settings);
    let mut lines: Vec<String> = (0..250).map(|n| n.to_string()).collect();
    lines.insert(230, "9".repeat(5000));
    let (input, dead) = (folder.file("numbers.txt", lines.join("\n")), folder.path("dead.jsonl"));
    let arguments = arguments![
        "produce",
        "-c",
        config,
        "--topic",
        topic,
        "--input",
        input,
        "--report",
        "json",
        "--dead-letter",
        dead,
        "--transaction-records",
        "100"
    ];
    let ended = crate::command::run(&arguments).with(1).saying(&["the transaction is aborted; 200 records committed before it"]);
    let report = ended.report();
    assert_eq!(report["acknowledged"], serde_json::json!(200));
    assert_eq!(report["errors"]["RecordTooLarge"], serde_json::json!(1));
    assert!(report["errors"]["TransactionAborted"].as_u64().unwrap() >= 30, "{report}");
    assert_eq!(fs::read_to_string(dead).unwrap().lines().count(), 1, "the cause, not those that were aborted with it");
    assert_eq!(log::committed_numbers(&bootstrap_servers(), &topic), (0..200).collect::<Vec<_>>());
}
