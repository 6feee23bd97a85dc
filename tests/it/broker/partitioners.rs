//! Partitioning with Apache Kafka: when keyless records change partition, how they are spread, and topics that grow.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use futures::executor::block_on;
use ottla::{Producer, ProducerConfig, ProducerRecord, partition::PartitionContext, producer::PartitionInfo};

use super::{add_partitions, config, own_kafka::OwnKafka, topic};

/// Sends 100 MB of records without a key. Returns the runs of equal partitions, each with its number of records.
fn send(size: usize, settings: &[(&str, &str)]) -> Vec<(i32, usize)> {
    let topic = topic("spread", 6, &[]);
    let config = settings.iter().fold(config(), |config, (name, value)| config.set(name, value).unwrap());
    let producer: Producer<str, [u8]> = Producer::builder(config).build().unwrap();
    let mut runs: Vec<(i32, usize)> = Vec::new();
    block_on(async {
        // So that librdkafka has connected all partitions to their brokers before it calls the partitioner.
        for partition in 0..6 {
            producer.send(ProducerRecord::to(&*topic).partition(partition)).await.unwrap().await.unwrap();
        }
        let value = vec![7; size];
        let mut under_way = VecDeque::new();
        for _ in 0..100_000_000 / size {
            under_way.push_back(producer.send(ProducerRecord::to(&*topic).value(&*value)).await.unwrap());
            if under_way.len() > 50_000 {
                add(&mut runs, under_way.pop_front().unwrap().await.unwrap().partition());
            }
        }
        for delivery in under_way {
            add(&mut runs, delivery.await.unwrap().partition());
        }
    });
    runs
}

fn add(runs: &mut Vec<(i32, usize)>, partition: i32) {
    match runs.last_mut() {
        Some((last, records)) if *last == partition => *records += 1,
        _ => runs.push((partition, 1)),
    }
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn keyless_records_change_partition_as_in_java_and_spread_evenly() {
    // With smaller batches, the records in flight matter more.
    for (size, settings, sticky_bytes, allowed) in [
        (100_usize, &[][..], 16_384_usize, 0.05),
        (10_000, &[], 16_384, 0.05),
        (100, &[("batch.size", "65536")], 65_536, 0.3),
        (10_000, &[("partitioner.adaptive.partitioning.enable", "false")], 16_384, 0.002),
    ] {
        let runs = send(size, settings);
        // The same partition may be drawn again.
        let run = sticky_bytes.div_ceil(size);
        let odd = runs[..runs.len() - 1].iter().find(|(_, records)| records % run != 0);
        assert_eq!(odd, None, "{size} bytes, {settings:?}: partitions change after each {run} records");
        let mut shares = BTreeMap::new();
        runs.iter().for_each(|(partition, records)| *shares.entry(*partition).or_insert(0) += records);
        println!("{size} bytes, {settings:?}: {shares:?}");
        let even = (100_000_000 / size) as f64 / 6.0;
        let far = shares.values().map(|&records| (records as f64 / even - 1.0).abs()).fold(0.0, f64::max);
        assert!(shares.len() == 6 && far < allowed, "{size} bytes, {settings:?}: {shares:?}, {far} off");
    }
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn running_producer_uses_added_partitions() {
    let topic = topic("grows", 2, &[]);
    let config = || config().set("metadata.max.age.ms", "500").unwrap().set("batch.size", "1").unwrap();
    let chosen = |record: &PartitionContext<'_>| i32::try_from(record.partitions().get()).unwrap() - 1;
    let producers: [Producer<str, str>; 3] = [
        Producer::builder(config()).build().unwrap(),
        Producer::builder(config().set("partitioner.class", "RoundRobinPartitioner").unwrap()).build().unwrap(),
        Producer::builder(config()).partitioner(chosen).build().unwrap(),
    ];
    let send = |producer: &Producer<str, str>| {
        block_on(async { producer.send(ProducerRecord::to(&*topic).value("v")).await.unwrap().await.unwrap().partition() })
    };
    for producer in &producers {
        assert!((0..20).all(|_| send(producer) < 2));
    }
    add_partitions(&topic, 4);
    for producer in &producers {
        let end = Instant::now() + Duration::from_secs(60);
        while send(producer) < 3 {
            assert!(Instant::now() < end, "timeout: no record in the new partitions");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Three brokers, and a topic with six partitions, two for each broker. Returns the partitions of the first broker, and a producer that has
/// sent to all partitions.
fn three_brokers() -> (OwnKafka, Producer<str, [u8]>, Vec<i32>) {
    let kafka = OwnKafka::start(&["--brokers", "3", "--set", "num.partitions=6", "--set", "default.replication.factor=1"]);
    let config = ProducerConfig::new().set("bootstrap.servers", kafka.bootstrap_servers()).unwrap();
    let config = config.set("metadata.max.age.ms", "1000").unwrap().set("buffer.memory", "268435456").unwrap();
    // Java's default: queues are measured in batches.
    let config = config.set("batch.size", "16384").unwrap();
    let producer: Producer<str, [u8]> = Producer::builder(config).build().unwrap();
    for partition in 0..6 {
        block_on(async { producer.send(ProducerRecord::to("spread").partition(partition)).await.unwrap().await.unwrap() });
    }
    let of_first = led_by(&producer, |leader| leader == Some(1));
    assert!(!of_first.is_empty() && of_first.len() < 6, "{of_first:?}");
    (kafka, producer, of_first)
}

fn led_by(producer: &Producer<str, [u8]>, wanted: impl Fn(Option<i32>) -> bool) -> Vec<i32> {
    let partitions = block_on(producer.partitions_for("spread")).unwrap();
    partitions.iter().filter(|partition| wanted(partition.leader())).map(PartitionInfo::partition).collect()
}

/// The number of records without a key that went to these partitions. They are sent no faster than the brokers accept them. `go_on` is called
/// when all are sent.
fn sent_to(producer: &Producer<str, [u8]>, partitions: &[i32], records: usize, go_on: impl FnOnce()) -> usize {
    let mut deliveries = Vec::new();
    for n in 1..=records {
        deliveries.push(producer.try_send(ProducerRecord::to("spread").value(&[7; 1000][..])).unwrap());
        if n % 100 == 0 {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    go_on();
    let chosen = deliveries.into_iter().map(|delivery| block_on(delivery).unwrap().partition());
    chosen.filter(|partition| partitions.contains(partition)).count()
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn partition_without_a_leader_gets_no_records() {
    let (kafka, producer, of_first) = three_brokers();
    kafka.kill(1);
    let end = Instant::now() + Duration::from_secs(60);
    while led_by(&producer, |leader| leader.is_none()) != of_first {
        assert!(Instant::now() < end, "timeout: the stopped broker is still the leader");
        std::thread::sleep(Duration::from_millis(100));
    }
    // librdkafka checks each second.
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(sent_to(&producer, &of_first, 3000, || {}), 0);
    kafka.restart(1);
    let end = Instant::now() + Duration::from_secs(60);
    while sent_to(&producer, &of_first, 300, || {}) == 0 {
        assert!(Instant::now() < end, "timeout: no record in the partitions that have a leader again");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn partitions_of_a_slow_broker_get_fewer_records() {
    const RECORDS: usize = 10_000;
    let (kafka, producer, of_first) = three_brokers();
    let usual = sent_to(&producer, &of_first, RECORDS, || {});
    kafka.pause(1);
    let paused = sent_to(&producer, &of_first, RECORDS, || kafka.resume(1));
    println!("{usual} of {RECORDS} records, {paused} while the broker is paused");
    assert!(usual > RECORDS * of_first.len() / 12, "{usual}");
    // A tenth on an idle machine; on a busy one the other brokers are slow as well.
    assert!(paused < usual * 3 / 4, "{paused}, {usual} without a pause");
}
