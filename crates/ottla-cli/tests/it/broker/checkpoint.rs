//! Checkpoints on Apache Kafka: each row exactly once, whatever is killed.

use std::{
    env, fs,
    path::PathBuf,
    process::Child,
    thread,
    time::{Duration, Instant},
};

use futures::executor::block_on;
use ottla::{
    Producer, ProducerConfig, ProducerRecord,
    testing::{NewTopic, TestTopics},
};
use ottla_test_support::{
    broker::{self, bootstrap_servers, topic},
    folder::Folder,
    log,
    own_kafka::OwnKafka,
    repository,
};
use serde_json::{Value, json};

use crate::{
    arguments,
    command::{Ended, command, end, run},
};

/// The compressed flights with a number in each row, and a configuration that sends them with checkpoints.
struct Flights {
    /// Deleted with this.
    _folder: Folder,
    config: PathBuf,
    topic: String,
    rows: usize,
}

impl Flights {
    /// The sample, or the `.csv.gz` file that `OTTLA_TEST_FLIGHTS` names. `checkpoint` has lines of `[checkpoint]`.
    fn new(bootstrap_servers: &str, topic: String, checkpoint: &str) -> Self {
        let csv = match env::var("OTTLA_TEST_FLIGHTS") {
            Ok(path) => {
                let mut csv = String::new();
                let file = fs::File::open(path).unwrap();
                std::io::Read::read_to_string(&mut flate2::read::MultiGzDecoder::new(file), &mut csv).unwrap();
                csv
            }
            Err(_) => fs::read_to_string(repository("examples/data/flights-sample.csv")).unwrap(),
        };
        let folder = Folder::new();
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let mut rows = 0;
        for (n, line) in csv.lines().enumerate() {
            let first = if n == 0 { "n".to_owned() } else { n.to_string() };
            std::io::Write::write_all(&mut encoder, format!("{first},{line}\n").as_bytes()).unwrap();
            rows = n;
        }
        folder.file("flights.csv.gz", encoder.finish().unwrap());
        let config = format!(
            "topic = \"{topic}\"\n[producer]\nbootstrap.servers = \"{bootstrap_servers}\"\ntransactional.id = \"{topic}\"\n\
             linger.ms = 5\n[input]\npath = \"flights.csv.gz\"\nkey = \"tailnum\"\nnull = \"NA\"\n[checkpoint]\n{checkpoint}\n"
        );
        let config = folder.file("flights.toml", config);
        Self { _folder: folder, config, topic, rows }
    }

    fn start(&self, more: &[&str]) -> Child {
        let arguments = arguments!["produce", "-c", self.config, "--report", "json"];
        command(arguments.into_iter().chain(more.iter().map(|more| (*more).into()))).spawn().unwrap()
    }

    fn run(&self, more: &[&str]) -> Ended {
        end(self.start(more))
    }

    /// Starts the command and kills it, this many times, each time after a random part of `longest`. Prints a table.
    fn kill(&self, kills: usize, longest: Duration, more: &[&str]) {
        println!("kill | after ms | continued at line | ended before");
        for kill in 1..=kills {
            let delay = longest.mul_f64(fastrand::f64());
            let begun = Instant::now();
            let mut child = self.start(more);
            thread::sleep(delay);
            let after = begun.elapsed().as_millis();
            let ended = child.try_wait().unwrap().is_some();
            child.kill().unwrap();
            let output = child.wait_with_output().unwrap();
            let told = String::from_utf8(output.stderr).unwrap();
            let line = told.split_once("continues at line ").and_then(|(_, rest)| rest.split(',').next()).unwrap_or("-");
            println!("{kill:>4} | {after:>8} | {line:>17} | {ended}");
        }
    }

    /// Checks that each row is in the topic exactly once, and those of a partition are in order.
    #[track_caller]
    fn check(&self, bootstrap_servers: &str) {
        let number = |value: &String| {
            let value: Value = serde_json::from_str(value).unwrap();
            value["n"].as_str().unwrap().parse::<usize>().unwrap()
        };
        let mut all: Vec<usize> = Vec::new();
        for (partition, values) in log::committed_by_partition(bootstrap_servers, &self.topic) {
            let numbers: Vec<usize> = values.iter().map(number).collect();
            assert!(numbers.is_sorted_by(|one, other| one < other), "partition {partition} is not in order");
            all.extend(numbers);
        }
        all.sort_unstable();
        assert_eq!(all.len(), self.rows, "the number of rows");
        assert_eq!(all, (1..=self.rows).collect::<Vec<_>>());
        println!("{} rows, each exactly once, in order within their partitions", self.rows);
    }
}

/// The number of kills: five, or as many as `OTTLA_TEST_KILLS` says.
fn kills() -> usize {
    env::var("OTTLA_TEST_KILLS").map_or(5, |kills| kills.parse().unwrap())
}

/// A rate at which all kills are in the middle of the input.
fn rate(rows: usize, kills: usize) -> String {
    format!("{}/s", (rows / (kills + 1)).max(1))
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn a_compressed_file_is_sent_exactly_once_whenever_the_command_is_killed() {
    let checkpoints = format!("checkpoints-{}", std::process::id());
    let flights =
        Flights::new(&bootstrap_servers(), topic("flights", 3, &[]), &format!("topic = \"{checkpoints}\"\ninterval.ms = 100"));
    flights.kill(kills(), Duration::from_secs(3), &["--rate", &rate(flights.rows, kills())]);
    let ended = flights.run(&[]).with(0).saying(&["flights.csv.gz: continues at line "]);
    let report = ended.report();
    let line = report["inputs"][0]["continued_from"]["line"].as_u64().unwrap();
    assert_eq!(report["acknowledged"], json!(flights.rows as u64 + 2 - line), "the rest of the file");
    flights.check(&bootstrap_servers());
    assert_eq!(flights.run(&[]).with(0).report()["records"], json!(0));
    // The topic was created for the first run.
    let producer: Producer<str, str> = Producer::builder(broker::config()).build().unwrap();
    assert_eq!(block_on(producer.topic_config(&checkpoints, "cleanup.policy")).unwrap().as_deref(), Some("compact"));
    let brokers = block_on(producer.cluster()).unwrap().brokers().len();
    let partitions = block_on(producer.partitions_for(&checkpoints)).unwrap();
    assert_eq!((partitions.len(), partitions[0].replicas().len()), (1, brokers.min(3)));
    let shown = run(arguments!["checkpoint", "show", "-c", flights.config]).with(0).stdout;
    assert!(shown.contains("flights.csv.gz"), "{shown}");
    run(arguments!["checkpoint", "reset", "-c", flights.config]).with(0);
    assert_eq!(flights.run(&["--limit", "1"]).with(0).report()["inputs"][0]["continued_from"], Value::Null);
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn a_compressed_file_is_sent_at_least_once_with_a_checkpoint_file() {
    let flights = Flights::new(&bootstrap_servers(), topic("flights", 3, &[]), "file = \"flights.ckpt\"\ninterval.ms = 100");
    flights.kill(2, Duration::from_secs(3), &["--rate", &rate(flights.rows, 4)]);
    flights.run(&[]).with(0);
    // A transaction that was committed after the last checkpoint is repeated, and nothing else.
    let sent = log::committed(&bootstrap_servers(), &flights.topic).len();
    assert!((flights.rows..flights.rows * 2).contains(&sent), "{sent} of {} rows", flights.rows);
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn a_second_run_fences_the_first_and_continues_it() {
    let flights = Flights::new(
        &bootstrap_servers(),
        topic("flights", 3, &[]),
        &format!("topic = \"{}\"\ninterval.ms = 50", topic("checkpoints", 2, &[("cleanup.policy", "compact")])),
    );
    // Slow enough that it has not ended when the second one begins, on a busy machine too.
    let first = flights.start(&["--rate", "100/s"]);
    while log::committed(&bootstrap_servers(), &flights.topic).len() < 200 {
        thread::sleep(Duration::from_millis(50));
    }
    flights.run(&[]).with(0).saying(&["continues at line "]);
    end(first).with(1).saying(&["fenced"]);
    flights.check(&bootstrap_servers());
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn an_open_transaction_of_another_producer_does_not_hide_a_checkpoint() {
    let checkpoints = topic("checkpoints", 1, &[("cleanup.policy", "compact")]);
    let flights =
        Flights::new(&bootstrap_servers(), topic("flights", 3, &[]), &format!("topic = \"{checkpoints}\"\ninterval.ms = 1000"));
    flights.run(&["--limit", "1000"]).with(0);
    let other = broker::config().set("transactional.id", format!("{checkpoints}-other")).unwrap();
    let other: Producer<str, str> = Producer::builder(other).build().unwrap();
    block_on(other.init_transactions()).unwrap();
    let transaction = block_on(other.begin_transaction()).unwrap();
    let key = format!("[\"other\",\"{checkpoints}\"]");
    block_on(async { transaction.send(ProducerRecord::to(&*checkpoints).key(&*key)).await.unwrap().await.unwrap() });
    // Its checkpoint is after the open transaction, and not readable yet.
    let waiting = flights.start(&["--limit", "1000"]);
    thread::sleep(Duration::from_secs(7));
    block_on(transaction.abort()).unwrap();
    end(waiting).with(0).saying(&["waiting for the end of other transactions", "continues at line 1002, "]);
    flights.run(&[]).with(0).saying(&["continues at line 2002, "]);
    flights.check(&bootstrap_servers());
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn a_checkpoint_topic_that_is_not_compacted_is_refused() {
    let checkpoints = topic("checkpoints", 1, &[]);
    let flights = Flights::new(&bootstrap_servers(), topic("flights", 1, &[]), &format!("topic = \"{checkpoints}\""));
    flights.run(&[]).with(2).saying(&[&format!(
        "checkpoint topic {checkpoints}: cleanup.policy is delete, so the brokers would delete checkpoints; set it to compact"
    )]);
    assert_eq!(log::committed(&bootstrap_servers(), &flights.topic), [] as [&str; 0]);
}

/// Each of three brokers is killed and restarted, and the command is killed meanwhile.
#[test]
#[ignore = "needs Kafka: make test-broker"]
fn a_compressed_file_is_sent_exactly_once_whichever_broker_is_killed() {
    let kafka = OwnKafka::start(&["--with", "jars", "--brokers", "3"]);
    let servers = kafka.bootstrap_servers();
    let topics = TestTopics::connect(ProducerConfig::new().set("bootstrap.servers", servers).unwrap()).unwrap();
    let new = |name: &str| NewTopic::new(name).replication_factor(3).config("min.insync.replicas", "2");
    topics.create(new("flights").partitions(3)).unwrap();
    topics.create(new("checkpoints").partitions(1).config("cleanup.policy", "compact")).unwrap();
    let flights = Flights::new(servers, "flights".to_owned(), "topic = \"checkpoints\"\ninterval.ms = 100");
    let rate = rate(flights.rows, 30);
    for broker in 1..=3 {
        let child = flights.start(&["--rate", &rate]);
        thread::sleep(Duration::from_secs(3));
        kafka.kill(broker);
        println!("broker {broker} is killed");
        thread::sleep(Duration::from_secs(2));
        let mut child = child;
        child.kill().unwrap();
        child.wait().unwrap();
        flights.kill(1, Duration::from_secs(4), &["--rate", &rate]);
        kafka.restart(broker);
    }
    flights.run(&[]).with(0).saying(&["continues at line "]);
    flights.check(servers);
}
