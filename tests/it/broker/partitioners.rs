//! Partitions on Apache Kafka's own broker: where records without a key change, how they spread, and topics that grow.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use futures::executor::block_on;
use ottla::{Producer, ProducerRecord, partition::PartitionContext};
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewPartitions},
    client::DefaultClientContext,
};

use super::{bootstrap_servers, config, topic};

/// Sends 100 MB of records without a key; gives their partitions as runs, each with its number of records.
fn send(size: usize, settings: &[(&str, &str)]) -> Vec<(i32, usize)> {
    let topic = topic("spread", 6, &[]);
    let config = settings.iter().fold(config(), |config, (name, value)| config.set(name, value).unwrap());
    let producer: Producer<str, [u8]> = Producer::builder(config).build().unwrap();
    let mut runs: Vec<(i32, usize)> = Vec::new();
    block_on(async {
        // So that librdkafka has connected all partitions with their brokers before it asks for a choice.
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
    // The smaller the batches, the more what is just under way counts.
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
fn partitions_that_are_added_are_used_by_a_producer_that_runs() {
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
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", bootstrap_servers()).create().unwrap();
    let grown = block_on(admin.create_partitions(&[NewPartitions::new(&topic, 4)], &AdminOptions::new())).unwrap();
    grown.into_iter().for_each(|result| drop(result.unwrap()));
    for producer in &producers {
        let end = Instant::now() + Duration::from_secs(60);
        while send(producer) < 3 {
            assert!(Instant::now() < end, "no record goes to the new partitions");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
