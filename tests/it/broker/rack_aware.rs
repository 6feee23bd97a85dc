//! Rack-aware partitioning (KIP-1123) with three brokers of Apache Kafka in three racks, compared with the Java client if its jars are given.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use futures::executor::block_on;
use ottla::{Producer, ProducerConfig, ProducerRecord};
use ottla_test_support::repository;

use super::own_kafka::OwnKafka;

const TOPIC: &str = "rack-aware";
const RECORDS: usize = 200_000;
/// Only guards against a hang.
const PATIENCE: Duration = Duration::from_secs(120);
/// The classpath of the Java client, version 4.4 or newer.
const JAVA: &str = "OTTLA_TEST_JAVA_CLIENT";
/// In the rack of broker 2.
const AWARE: [(&str, &str); 2] = [("partitioner.rack.aware", "true"), ("client.rack", "rack-2")];

type Shares = BTreeMap<i32, usize>;

fn producer(kafka: &OwnKafka, settings: &[(&str, &str)]) -> Producer<str, [u8]> {
    let all = [("bootstrap.servers", kafka.bootstrap_servers())];
    Producer::builder(ProducerConfig::from_pairs(all.iter().chain(settings).copied()).unwrap()).build().unwrap()
}

/// Sends records of 100 bytes without a key.
fn send(producer: &Producer<str, [u8]>, records: usize) -> Shares {
    block_on(async {
        let mut accepted = Vec::new();
        for _ in 0..records {
            accepted.push(producer.send(ProducerRecord::to(TOPIC).value(&[7; 100][..])).await.unwrap());
        }
        let mut shares = Shares::new();
        for delivery in accepted {
            *shares.entry(delivery.await.unwrap().partition()).or_default() += 1;
        }
        shares
    })
}

/// The partitions that a broker leads, or all without a broker.
fn led(producer: &Producer<str, [u8]>, broker: Option<i32>) -> BTreeSet<i32> {
    let partitions = block_on(producer.partitions_for(TOPIC)).unwrap();
    let led = partitions.iter().filter(|partition| broker.is_none() || partition.leader() == broker);
    led.map(|partition| partition.partition()).collect()
}

/// The Java client's shares with the same settings; `None` without its jars.
fn java(kafka: &OwnKafka, settings: &[(&str, &str)]) -> Option<Shares> {
    let classpath = env::var_os(JAVA)?;
    let mut command = Command::new("java");
    command.arg("-cp").arg(classpath).arg(repository("tests/java/RackShares.java"));
    command.args([kafka.bootstrap_servers(), TOPIC, &RECORDS.to_string()]);
    let output = command.args(settings.iter().map(|(name, value)| format!("{name}={value}"))).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

/// Sends with new clients, prints the shares of both, and checks that they are spread evenly over these partitions.
fn compare(what: &str, kafka: &OwnKafka, settings: &[(&str, &str)], wanted: &BTreeSet<i32>) {
    let producer = producer(kafka, settings);
    let ours = send(&producer, RECORDS);
    let java = java(kafka, settings);
    println!("{what}\n  ottla {ours:?}\n  Java  {}", java.as_ref().map_or("not run".to_owned(), |java| format!("{java:?}")));
    for shares in [Some(&ours), java.as_ref()].into_iter().flatten() {
        assert_eq!(&shares.keys().copied().collect::<BTreeSet<_>>(), wanted, "{what}: {shares:?}");
        // Each of about 1,200 draws takes 164 records, so that a share is off by 7 % at the most that is likely (six deviations).
        let even = 1.0 / wanted.len() as f64;
        let far = shares.values().map(|&records| (records as f64 / RECORDS as f64 - even).abs()).fold(0.0, f64::max);
        assert!(far < 0.09, "{what}: {shares:?}");
    }
}

/// Sends with a running producer until it uses exactly the partitions that a broker leads.
fn follow(producer: &Producer<str, [u8]>, broker: Option<i32>) {
    let begun = Instant::now();
    loop {
        let wanted = led(producer, broker);
        let used: BTreeSet<i32> = send(producer, 20_000).into_keys().collect();
        if !wanted.is_empty() && used == wanted {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{used:?}, not {wanted:?}");
        thread::sleep(Duration::from_millis(200));
    }
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn keyless_records_stay_in_the_rack_as_in_java() {
    let kafka = OwnKafka::start(&[
        "--brokers",
        "3",
        "--set",
        "broker.rack=rack-{N}",
        "--set",
        "leader.imbalance.check.interval.seconds=1",
    ]);
    kafka.tool(&["topics", "--create", TOPIC, "--partitions", "6", "--replication-factor", "3"]);
    let running = producer(&kafka, &AWARE);
    let racks: Vec<_> = block_on(running.cluster()).unwrap().brokers().iter().map(|it| it.rack().map(str::to_owned)).collect();
    assert_eq!(racks, [1, 2, 3].map(|n| Some(format!("rack-{n}"))));
    let all = led(&running, None);
    let local = led(&running, Some(2));
    assert!(local.len() == 2 && all.len() == 6, "{local:?} of {all:?}");
    follow(&running, Some(2));
    compare("client.rack=rack-2", &kafka, &AWARE, &local);
    compare(
        "client.rack=rack-2, not adaptive",
        &kafka,
        &[&AWARE[..], &[("partitioner.adaptive.partitioning.enable", "false")]].concat(),
        &local,
    );
    compare("without client.rack", &kafka, &[], &all);
    kafka.stop(2);
    follow(&running, None);
    compare("client.rack=rack-2, broker 2 stopped", &kafka, &AWARE, &all);
    // Its leaderships return after a moment.
    kafka.restart(2);
    follow(&running, Some(2));
}
