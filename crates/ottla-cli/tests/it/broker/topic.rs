//! The table `[topic]` and `ottla topic` against a real Kafka broker.

use futures::executor::block_on;
use ottla::Producer;
use ottla_test_support::{
    broker::{bootstrap_servers, config},
    folder::Folder,
    log,
    secured::{SECRETS, Secured, login},
};
use serde_json::{Value, json};

use crate::{
    arguments,
    command::{run, run_with_stdin},
};

fn name(what: &str) -> String {
    format!("{what}-{}", std::process::id())
}

fn described(topic: &str) -> Value {
    let servers = bootstrap_servers();
    run(["topic", "describe", "-b", &servers, "-t", topic, "--json"]).with(0).report()
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn an_absent_topic_is_created_and_an_existing_one_is_compared() {
    let (folder, servers, topic) = (Folder::new(), bootstrap_servers(), name("created"));
    run(["topic", "describe", "-b", &servers, "-t", &topic]).with(2).saying(&[&format!("topic {topic}: does not exist")]);
    let job = |partitions: u32, retention: &str| {
        let text = format!(
            "[producer]\nbootstrap.servers = \"{servers}\"\n[topic]\nname = \"{topic}\"\ncreate = true\npartitions = {partitions}\n\
             replication = 1\nconfig.retention.ms = {retention}\nconfig.cleanup.policy = \"compact\"\n"
        );
        folder.file("job.toml", text)
    };
    let file = job(3, "-1");
    run(arguments!["config", "check", file]).with(0);
    let created = format!("the topic {topic} is created: 3 partitions, 1 replica");
    run_with_stdin(arguments!["produce", "-c", file, "-k", "k"], b"one\n").with(0).saying(&[&created]);
    let found = described(&topic);
    assert_eq!(found["configs"], json!({"cleanup.policy": "compact", "retention.ms": "-1"}));
    assert_eq!(found["partitions"].as_array().unwrap().len(), 3);
    assert_eq!(found["partitions"][0]["replicas"], found["partitions"][0]["in_sync_replicas"]);
    let text = run(arguments!["topic", "describe", "-c", file]).with(0).stdout;
    for part in [
        &*format!("topic {topic}: 3 partitions, replication factor 1\n"),
        "PARTITION  LEADER  REPLICAS  IN SYNC",
        "retention.ms    -1",
    ] {
        assert!(text.contains(part), "{part:?} in {text}");
    }

    // The second run changes nothing and has nothing to report.
    let ended = run_with_stdin(arguments!["produce", "-c", file, "-k", "k"], b"two\n").with(0);
    assert!(!ended.stderr.contains("[topic]") && !ended.stderr.contains("is created"), "{}", ended.stderr);
    let file = job(6, "1000");
    run_with_stdin(arguments!["produce", "-c", file, "-k", "k"], b"three\n").with(0).saying(&[
        &format!("warning: topic {topic}: partitions is 3, and [topic] has 6; an existing topic is not changed"),
        &format!("warning: topic {topic}: retention.ms is -1, and [topic] has 1000; an existing topic is not changed"),
    ]);
    assert_eq!(described(&topic), found);
    assert_eq!(log::read(&servers, &topic).len(), 3);
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn each_topic_that_data_may_address_is_created() {
    let (folder, servers) = (Folder::new(), bootstrap_servers());
    let [one, two] = ["eu", "us"].map(|region| name(&format!("orders-{region}")));
    let file = folder.file(
        "job.toml",
        format!(
            "[producer]\nbootstrap.servers = \"{servers}\"\n[input]\nformat = \"jsonl\"\n[record]\ntopic = \"orders-{{region}}\"\n\
             topics = [\"{one}\", \"{two}\"]\n[topic]\ncreate = true\npartitions = 2\n"
        ),
    );
    let row = format!("{{\"region\":\"{}\"}}\n", one.strip_prefix("orders-").unwrap());
    run_with_stdin(arguments!["produce", "-c", file], row.as_bytes()).with(0);
    for topic in [&one, &two] {
        assert_eq!(described(topic)["partitions"].as_array().unwrap().len(), 2, "{topic}");
    }
    let lines = run(arguments!["topic", "describe", "-c", file, "--json"]).with(0).stdout;
    assert_eq!(lines.lines().count(), 2);
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn topics_that_the_brokers_refuse_end_the_run() {
    let (folder, servers, topic) = (Folder::new(), bootstrap_servers(), name("refused"));
    let refused = |settings: &str, code, error: &str| {
        let text = format!("[producer]\nbootstrap.servers = \"{servers}\"\n[topic]\nname = \"{topic}\"\n{settings}\n");
        let file = folder.file("job.toml", text);
        run_with_stdin(arguments!["produce", "-c", file], b"one\n").with(code).saying(&[error]);
    };
    refused("create = true\nreplication = 99", 2, "correct [topic], or create the topic yourself");
    refused("create = true\nconfig.retention.ms = \"soon\"", 2, "correct [topic], or create the topic yourself");
    refused("create = true\nconfig.no.such = \"x\"", 2, "correct [topic], or create the topic yourself");
    let producer: Producer<str, str> = Producer::builder(config()).build().unwrap();
    assert!(block_on(producer.topic_configs(&topic)).is_err(), "the topic was created");
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn a_missing_permission_has_its_exit_code() {
    let secured = Secured::start();
    let folder = Folder::new();
    let settings = secured.settings("SASL_SSL", login("SCRAM-SHA-512", "mallory", "mallory-secret"));
    let lines: Vec<_> = settings.iter().map(|(name, value)| format!("{name} = {}", json!(value))).collect();
    let text = format!("[producer]\n{}\n[topic]\nname = \"forbidden\"\ncreate = true\n", lines.join("\n"));
    let file = folder.file("job.toml", text);
    for ended in [
        run_with_stdin(arguments!["produce", "-c", file], b"one\n").with(3),
        run(arguments!["topic", "describe", "-c", file]).with(3),
    ] {
        let ended = ended.saying(&["topic forbidden"]);
        assert!(!SECRETS.iter().any(|secret| ended.stderr.contains(secret)), "{}", ended.stderr);
    }
}
