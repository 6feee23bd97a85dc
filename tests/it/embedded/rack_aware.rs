//! Rack-aware partitioning (KIP-1123): records without a key go to partitions whose leader is in the client's rack.

use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

use futures::executor::block_on;
use ottla::{ErrorKind, Producer, ProducerRecord, testing::EmbeddedKafka};

/// Only guards against a hang.
const PATIENCE: Duration = Duration::from_secs(60);

/// Three brokers in the racks a, b and c. Partition 0 is led by broker 1, 1 by 2, 2 by 3, 3 by 1, and so on.
fn kafka(partitions: i32) -> EmbeddedKafka {
    let kafka = EmbeddedKafka::builder().brokers(3).topic("orders", partitions).start().unwrap();
    for (broker, rack) in kafka.brokers().zip(["a", "b", "c"]) {
        kafka.set_rack(broker, rack).unwrap();
    }
    for partition in 0..partitions {
        kafka.set_leader("orders", partition, Some(partition % 3 + 1)).unwrap();
    }
    kafka
}

/// A producer that draws a partition for every record.
fn producer(kafka: &EmbeddedKafka, settings: &[(&str, &str)]) -> Producer<str, str> {
    let aware = [("partitioner.rack.aware", "true"), ("client.rack", "b"), ("batch.size", "1")];
    super::producer(kafka, &[&aware, settings].concat())
}

/// Sends records without a key and counts their partitions.
fn shares(producer: &Producer<str, str>, records: usize) -> BTreeMap<i32, usize> {
    let accepted: Vec<_> =
        (0..records).map(|_| block_on(producer.send(ProducerRecord::to("orders").value("v"))).unwrap()).collect();
    accepted.into_iter().fold(BTreeMap::new(), |mut shares, delivery| {
        *shares.entry(block_on(delivery).unwrap().partition()).or_default() += 1;
        shares
    })
}

/// Sends until only these partitions are used.
fn until_only(producer: &Producer<str, str>, wanted: &[i32]) {
    let begun = Instant::now();
    loop {
        let shares = shares(producer, 60);
        if shares.keys().copied().collect::<Vec<_>>() == wanted {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{shares:?}, not {wanted:?}");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn from_the_first_record_on_only_leaders_in_the_rack_are_used() {
    let kafka = kafka(6);
    for adaptive in ["true", "false"] {
        let producer = producer(&kafka, &[("partitioner.adaptive.partitioning.enable", adaptive)]);
        let shares = shares(&producer, 300);
        assert_eq!(shares.keys().copied().collect::<Vec<_>>(), [1, 4], "{shares:?}");
        assert!(shares.values().all(|share| (100..=200).contains(share)), "{shares:?}");
    }
}

#[test]
fn all_partitions_are_used_without_a_leader_in_the_rack() {
    let kafka = kafka(6);
    let producer = producer(&kafka, &[("client.rack", "d")]);
    // librdkafka needs a moment to connect each partition to its broker.
    until_only(&producer, &[0, 1, 2, 3, 4, 5]);
}

#[test]
fn keys_and_explicit_partitions_are_not_affected() {
    let kafka = kafka(6);
    let producer = producer(&kafka, &[]);
    let sent = |record| block_on(async { producer.send(record).await.unwrap().await.unwrap().partition() });
    let keys: Vec<String> = (0..60).map(|n| n.to_string()).collect();
    let used: Vec<i32> = keys.iter().map(|key| sent(ProducerRecord::to("orders").key(&**key).value("v"))).collect();
    assert!((0..6).all(|partition| used.contains(&partition)), "{used:?}");
    assert_eq!(sent(ProducerRecord::to("orders").partition(3).value("v")), 3);
    let ignoring = self::producer(&kafka, &[("partitioner.ignore.keys", "true")]);
    let sent = |record| block_on(async { ignoring.send(record).await.unwrap().await.unwrap().partition() });
    assert!(keys.iter().all(|key| [1, 4].contains(&sent(ProducerRecord::to("orders").key(&**key).value("v")))));
}

#[test]
fn a_custom_partitioner_is_not_affected() {
    let kafka = kafka(6);
    let config = super::config(&kafka).rack_aware_partitioning(true).client_rack("b");
    let producer: Producer<str, str> =
        Producer::builder(config).partitioner(|_: &ottla::partition::PartitionContext<'_>| 3).build().unwrap();
    let delivery = block_on(producer.send(ProducerRecord::to("orders").value("v"))).unwrap();
    assert_eq!(block_on(delivery).unwrap().partition(), 3);
}

#[test]
fn moved_leaders_are_noticed() {
    let kafka = kafka(6);
    let producer = producer(&kafka, &[("metadata.max.age.ms", "1000"), ("retry.backoff.ms", "10")]);
    until_only(&producer, &[1, 4]);
    // The producer is told by a broker's error that partition 1 has moved, and by the periodic metadata that 2 has.
    kafka.set_leader("orders", 1, Some(1)).unwrap();
    kafka.set_leader("orders", 2, Some(2)).unwrap();
    until_only(&producer, &[2, 4]);
    for partition in [2, 4] {
        kafka.set_leader("orders", partition, Some(3)).unwrap();
    }
    until_only(&producer, &[0, 1, 2, 3, 4, 5]);
    kafka.set_leader("orders", 5, Some(2)).unwrap();
    until_only(&producer, &[5]);
}

#[test]
fn a_broker_with_another_rack_is_noticed() {
    let kafka = kafka(6);
    let producer = producer(&kafka, &[("metadata.max.age.ms", "1000")]);
    until_only(&producer, &[1, 4]);
    kafka.set_rack(2, "a").unwrap();
    kafka.set_rack(3, "b").unwrap();
    until_only(&producer, &[2, 5]);
}

#[test]
fn try_send_fails_until_the_racks_are_known() {
    let kafka = kafka(6);
    let producer = producer(&kafka, &[]);
    let begun = Instant::now();
    let delivery = loop {
        match producer.try_send(ProducerRecord::to("orders").value("v")) {
            Ok(delivery) => break delivery,
            Err(error) => {
                assert_eq!(error.error().kind(), ErrorKind::UnknownTopicOrPartition, "{error}");
                assert!(begun.elapsed() < PATIENCE, "{error}");
                thread::sleep(Duration::from_millis(10));
            }
        }
    };
    assert!([1, 4].contains(&block_on(delivery).unwrap().partition()));
}

#[test]
fn a_record_is_accepted_without_racks_after_max_block_ms() {
    let kafka = kafka(6);
    kafka.brokers().for_each(|broker| kafka.broker_down(broker).unwrap());
    let producer = producer(&kafka, &[("max.block.ms", "300")]);
    let delivery = block_on(producer.send(ProducerRecord::to("orders").value("v"))).unwrap();
    kafka.brokers().for_each(|broker| kafka.broker_up(broker).unwrap());
    block_on(delivery).unwrap();
    until_only(&producer, &[1, 4]);
}

#[test]
fn closing_ends_the_wait_for_racks() {
    let kafka = kafka(6);
    kafka.brokers().for_each(|broker| kafka.broker_down(broker).unwrap());
    let producer = producer(&kafka, &[]);
    let waiting = producer.clone();
    let sender = thread::spawn(move || block_on(waiting.send(ProducerRecord::to("orders").value("v"))).map(drop));
    thread::sleep(Duration::from_millis(100));
    let _ = block_on(producer.close(Duration::ZERO));
    assert_eq!(sender.join().unwrap().unwrap_err().kind(), ErrorKind::Closed);
}
