//! Custom partitioners and those that are selected by name.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU32,
    sync::mpsc,
    thread,
    time::Duration,
};

use futures::executor::block_on;
use ottla::{
    Delivery, ErrorKind, Persistence, Producer, ProducerRecord,
    partition::{PartitionContext, partition_for},
    testing::EmbeddedKafka,
};

use super::{config, kafka, producer};
use crate::{java_keys::JavaKeys, log};

/// A producer of strings with a custom partitioner.
fn with_partitioner(
    kafka: &EmbeddedKafka,
    partitioner: impl Fn(&PartitionContext<'_>) -> i32 + Send + Sync + 'static,
) -> Producer<str, str> {
    Producer::builder(config(kafka)).partitioner(partitioner).build().unwrap()
}

/// Panics or returns a number, as the value says.
fn obey(record: &PartitionContext<'_>) -> i32 {
    let value = std::str::from_utf8(record.value().unwrap()).unwrap();
    assert_ne!(value, "panic", "panic by request");
    value.trim_start_matches('0').parse().unwrap_or(0)
}

/// Waits until librdkafka has connected these partitions to their brokers, so that they are available to the partitioner.
fn know(producer: &Producer<str, str>, partitions: impl IntoIterator<Item = i32>) {
    for partition in partitions {
        let record = ProducerRecord::to("orders").value("known").partition(partition);
        block_on(async { producer.send(record).await.unwrap().await.unwrap() });
    }
}

/// The number of records in each partition.
fn shares(kafka: &EmbeddedKafka) -> BTreeMap<i32, usize> {
    log::read(kafka.bootstrap_servers(), "orders").iter().fold(BTreeMap::new(), |mut shares, found| {
        *shares.entry(found.partition).or_default() += 1;
        shares
    })
}

fn partitions(deliveries: Vec<Delivery>) -> Vec<i32> {
    deliveries.into_iter().map(|delivery| block_on(delivery).unwrap().partition()).collect()
}

#[test]
fn partitioner_places_records_with_and_without_a_key() {
    let kafka = kafka(6);
    let producer = with_partitioner(&kafka, obey);
    let record = |n: usize| {
        // Small and large values: librdkafka copies the former and refers to the latter.
        let value = format!("{:0width$}", n % 6, width = [1, 3000][n / 6 % 2]);
        let record = ProducerRecord::to("orders").value(value);
        if n % 3 == 0 { record.key(n.to_string()) } else { record }
    };
    // The first ones are sent before the topic is known: librdkafka calls the partitioner on its own thread.
    let deliveries: Vec<_> = (0..3000).map(|n| producer.try_send(record(n)).unwrap()).collect();
    let wanted: Vec<_> = (0..3000).map(|n| n % 6).collect();
    assert_eq!(partitions(deliveries), wanted);
    let batch = block_on(async { producer.send_all((0..600).map(record)).await.unwrap().await.unwrap() });
    assert_eq!(batch.records(), 600);
    let (sender, receiver) = mpsc::channel();
    for n in 0..600 {
        let sender = sender.clone();
        let report = move |report: ottla::Report| sender.send((n, report.unwrap().partition())).unwrap();
        producer.send_with(record(n as usize), report).unwrap();
    }
    block_on(producer.flush()).unwrap();
    assert!(receiver.try_iter().all(|(n, partition)| partition == n % 6));
    let found = log::read(kafka.bootstrap_servers(), "orders");
    assert_eq!(found.len(), 4200);
    for found in found {
        assert_eq!(found.value_text().parse::<i32>().unwrap(), found.partition);
        assert_eq!(found.key.is_some(), found.partition % 3 == 0);
    }
}

#[test]
fn partitioner_gets_the_serialized_record() {
    let kafka = kafka(4);
    let (sender, receiver) = mpsc::channel();
    let producer = with_partitioner(&kafka, move |record| {
        let text = |bytes: Option<&[u8]>| bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let header = record.headers().last("priority").and_then(|header| text(header.value()));
        let seen = (record.topic().to_owned(), text(record.key()), text(record.value()), header, record.partitions().get());
        sender.send((seen, record.available().collect::<Vec<_>>())).unwrap();
        record.java_partition().unwrap_or(3)
    });
    let send = |record| block_on(async { producer.send(record).await.unwrap().await.unwrap().partition() });
    let java = |key: &str| partition_for(key.as_bytes(), NonZeroU32::new(4).unwrap());
    know(&producer, 0..4);
    assert_eq!(send(ProducerRecord::to("orders").key("key").value("v").header("priority", "high")), java("key"));
    assert_eq!(send(ProducerRecord::to("orders").value("")), 3);
    assert_eq!(send(ProducerRecord::to("orders").key("")), java(""));
    assert_eq!(send(ProducerRecord::to("orders").value("v").partition(0)), 0, "the partitioner is not called");
    let some = |text: &str| Some(text.to_owned());
    let seen = |key, value, header| (("orders".to_owned(), key, value, header, 4), vec![0, 1, 2, 3]);
    let wanted = [seen(some("key"), some("v"), some("high")), seen(None, some(""), None), seen(some(""), None, None)];
    assert_eq!(receiver.try_iter().collect::<Vec<_>>(), wanted);
}

#[test]
fn invalid_choice_fails_its_record_only() {
    let kafka = kafka(6);
    let producer = with_partitioner(&kafka, obey);
    let values = ["0", "99", "1", "-1", "2", "panic", "3", "6", "4", "-2147483648", "5", "2147483647"];
    let record = |value: &'static str| ProducerRecord::<str, str>::to("orders").value(value);
    // Before the topic is known the error comes from the delivery, afterwards from `send`.
    for round in 0..2 {
        let sent: Vec<_> = values.iter().map(|value| producer.try_send(record(value)).map_err(ottla::Error::from)).collect();
        for (value, sent) in values.iter().zip(sent) {
            assert!(round == 0 || value.len() == 1 && *value != "6" || sent.is_err(), "{value} was accepted");
            let error = match sent.and_then(block_on) {
                Ok(metadata) => {
                    assert_eq!(metadata.partition().to_string(), *value);
                    continue;
                }
                Err(error) => error,
            };
            assert_eq!((error.kind(), error.persistence()), (ErrorKind::Partitioner, Persistence::NotPersisted));
            assert!(!error.is_retriable() && !error.is_fatal());
            assert_eq!((error.code(), error.java_exception()), (None, Some("IllegalArgumentException")));
            let source = std::error::Error::source(&error).map(ToString::to_string);
            match *value {
                "panic" => {
                    assert_eq!(error.to_string(), "topic orders: the partitioner panicked");
                    assert!(source.unwrap().contains("panic by request"));
                }
                value => {
                    let wanted = format!("topic orders: the partitioner returned {value}: must be 0 to 5");
                    assert_eq!((error.to_string(), source), (wanted, None));
                }
            }
        }
    }
    let error = block_on(async { producer.send_all(values.map(record)).await.unwrap().await.unwrap_err() });
    assert_eq!(error.acknowledged(), 6);
    assert!(error.failures().iter().all(|(index, error)| index % 2 == 1 && error.kind() == ErrorKind::Partitioner));
    assert!(producer.send_with(record("panic"), |_| panic!("called for a rejected record")).is_err());
    block_on(producer.flush()).unwrap();
    assert_eq!(shares(&kafka), (0..6).map(|partition| (partition, 3)).collect());
    assert_eq!(producer.buffer_available_bytes(), 33_554_432);
}

#[test]
fn record_that_waited_for_the_buffer_gets_the_partitioner_error() {
    let kafka = kafka(6);
    let settings = config(&kafka).set("buffer.memory", "10000").unwrap();
    let producer: Producer<str, str> = Producer::builder(settings).partitioner(obey).build().unwrap();
    block_on(producer.partitions_for("orders")).unwrap();
    block_on(async { producer.send(ProducerRecord::to("orders").value("0")).await.unwrap().await.unwrap() });
    kafka.broker_down(1).unwrap();
    while producer.try_send(ProducerRecord::to("orders").value("1")).is_ok() {}
    let waiting: Vec<_> = ["7", "2"].map(|value| producer.send(ProducerRecord::to("orders").value(value))).into();
    kafka.broker_up(1).unwrap();
    let mut outcomes = waiting.into_iter().map(|sending| block_on(async { sending.await?.await }));
    let error = outcomes.next().unwrap().unwrap_err();
    assert!(error.to_string().contains("returned 7"), "{error}");
    assert_eq!(outcomes.next().unwrap().unwrap().partition(), 2);
}

#[test]
fn close_returns_small_records_of_a_producer_with_a_partitioner() {
    let kafka = kafka(6);
    let producer = with_partitioner(&kafka, |_| 0);
    block_on(async { producer.send(ProducerRecord::to("orders").value("0")).await.unwrap().await.unwrap() });
    kafka.broker_down(1).unwrap();
    drop(producer.try_send(ProducerRecord::to("orders").key("k").value("v")).unwrap());
    let unsent = block_on(producer.close(Duration::ZERO)).unwrap();
    assert_eq!(unsent.len(), 1);
    let record = unsent[0].record();
    assert_eq!((record.key_ref(), record.value_ref()), (Some(&b"k"[..]), Some(&b"v"[..])));
}

#[test]
fn keys_have_the_same_partition_as_in_java() {
    for partitions in [1, 6, 7, 32, 100] {
        let kafka = kafka(partitions);
        let producer: Producer<[u8], str> = Producer::builder(config(&kafka)).build().unwrap();
        let count = NonZeroU32::new(partitions.unsigned_abs()).unwrap();
        block_on(async {
            let mut sent = Vec::new();
            // Another test compares the hashes with Java's.
            for key in JavaKeys::new() {
                let delivery = producer.send(ProducerRecord::to("orders").key(&*key).value("v")).await.unwrap();
                sent.push((partition_for(&key, count), delivery));
            }
            for (wanted, delivery) in sent {
                assert_eq!(delivery.await.unwrap().partition(), wanted);
            }
        });
    }
}

#[test]
fn round_robin_ignores_the_key() {
    let kafka = kafka(3);
    let producer = producer(&kafka, &[("partitioner.class", "org.apache.kafka.clients.producer.RoundRobinPartitioner")]);
    know(&producer, 0..3);
    let record = |n: usize| if n % 2 == 0 { ProducerRecord::to("orders").key("a key") } else { ProducerRecord::to("orders") };
    let sent: Vec<_> = (0..300).map(|n| producer.try_send(record(n).value("v")).unwrap()).collect();
    let wanted: Vec<_> = (0..300).map(|n| n % 3).collect();
    assert_eq!(partitions(sent), wanted);
}

#[test]
fn uniform_sticky_changes_partition_with_each_batch() {
    let kafka = kafka(3);
    let producer = producer(&kafka, &[("partitioner.class", "UniformStickyPartitioner"), ("batch.size", "100")]);
    let record = || ProducerRecord::to("orders").key("a key").value("5 + 5 = 10");
    know(&producer, 0..3);
    // Each record is reported before the next is sent, so its batch is complete.
    let one_by_one: Vec<_> =
        (0..30).map(|_| block_on(async { producer.send(record()).await.unwrap().await.unwrap().partition() })).collect();
    assert!(one_by_one.windows(2).all(|pair| pair[0] != pair[1]), "{one_by_one:?}");
    kafka.broker_down(1).unwrap();
    // Six records of 15 bytes fit into a batch, and none is reported meanwhile.
    let sent: Vec<_> = (0..120).map(|_| producer.try_send(record()).unwrap()).collect();
    kafka.broker_up(1).unwrap();
    let chosen = partitions(sent);
    let batches: Vec<_> = chosen.chunks(6).collect();
    assert!(batches.iter().all(|batch| batch.iter().all(|partition| *partition == batch[0])), "{chosen:?}");
    assert!(batches.windows(2).all(|pair| pair[0][0] != pair[1][0]), "{chosen:?}");
}

#[test]
fn keyless_records_change_partition_after_sticky_bytes() {
    for (settings, records) in [(&[][..], 17), (&[("batch.size", "5000")], 5), (&[("batch.size", "0")], 1)] {
        let kafka = kafka(50);
        let producer = producer(&kafka, settings);
        know(&producer, 0..50);
        let value = "x".repeat(1000);
        let sent: Vec<_> =
            (0..records * 100).map(|_| producer.try_send(ProducerRecord::to("orders").value(&*value)).unwrap()).collect();
        let chosen = partitions(sent);
        let runs: Vec<_> = chosen.chunks(records).collect();
        assert!(runs.iter().all(|run| run.iter().all(|partition| *partition == run[0])), "{settings:?}: {chosen:?}");
        let switches = runs.windows(2).filter(|pair| pair[0][0] != pair[1][0]).count();
        assert!(switches > 80, "{settings:?}: {switches}");
    }
}

#[test]
fn partition_without_a_leader_gets_only_records_with_its_keys() {
    for name in ["DefaultPartitioner", "RoundRobinPartitioner", "UniformStickyPartitioner"] {
        let kafka = kafka(3);
        kafka.set_leader("orders", 1, None).unwrap();
        let producer = producer(&kafka, &[("partitioner.class", name), ("batch.size", "1")]);
        know(&producer, [0, 2]);
        let sent: Vec<_> = (0..300).map(|_| producer.try_send(ProducerRecord::to("orders").value("v")).unwrap()).collect();
        assert_eq!(partitions(sent).into_iter().collect::<BTreeSet<_>>(), [0, 2].into(), "{name}");
        if name == "DefaultPartitioner" {
            let three = NonZeroU32::new(3).unwrap();
            let key = (0..).map(|n| format!("k-{n}")).find(|key| partition_for(key.as_bytes(), three) == 1).unwrap();
            let keyed = producer.try_send(ProducerRecord::to("orders").key(key).value("v")).unwrap();
            kafka.set_leader("orders", 1, Some(1)).unwrap();
            assert_eq!(block_on(keyed).unwrap().partition(), 1);
        }
    }
}

/// Three partitions, each on its own broker.
fn three_brokers() -> EmbeddedKafka {
    let kafka = EmbeddedKafka::builder().brokers(3).topic("orders", 3).start().unwrap();
    for (partition, broker) in (0..3).zip(1..) {
        kafka.set_leader("orders", partition, Some(broker)).unwrap();
    }
    kafka
}

#[test]
fn stuck_partition_is_avoided_after_the_availability_timeout() {
    let kafka = three_brokers();
    let producer = producer(&kafka, &[("partitioner.availability.timeout.ms", "1000"), ("batch.size", "1000")]);
    know(&producer, 0..3);
    kafka.set_round_trip_time(2, Duration::from_secs(60)).unwrap();
    let value = "x".repeat(1000);
    let send = |count| (0..count).map(|_| producer.try_send(ProducerRecord::to("orders").value(&*value)).unwrap()).collect();
    let _before: Vec<Delivery> = send(300);
    // The last record of the first part must have waited for longer than the timeout, and no other partition may wait as long on a busy machine.
    thread::sleep(Duration::from_secs(3));
    assert!(!partitions(send(2000)).contains(&1), "the weight alone would select it");
    assert!(!block_on(producer.close(Duration::ZERO)).unwrap().is_empty());
}

#[test]
fn adaptive_partitioning_sends_less_to_a_slow_partition() {
    let share = |adaptive| {
        let kafka = three_brokers();
        kafka.set_round_trip_time(2, Duration::from_millis(300)).unwrap();
        let settings =
            [("partitioner.adaptive.partitioning.enable", adaptive), ("buffer.memory", "600000"), ("batch.size", "16384")];
        let producer = producer(&kafka, &settings);
        let value = "x".repeat(1000);
        let send = |_| block_on(producer.send(ProducerRecord::to("orders").value(&*value))).unwrap();
        let chosen = partitions((0..6000).map(send).collect());
        chosen.into_iter().filter(|&partition| partition == 1).count()
    };
    let (even, adapted) = (share("false"), share("true"));
    assert!(even > 1200 && adapted < even / 2, "{adapted} of 6000, {even} without adaptive partitioning");
}

#[test]
fn a_slow_broker_gets_fewer_records_without_a_key() {
    let kafka = EmbeddedKafka::builder().brokers(2).topic("orders", 6).start().unwrap();
    (0..6).for_each(|partition| kafka.set_leader("orders", partition, Some(1 + partition % 2)).unwrap());
    let producer = producer(&kafka, &[]);
    know(&producer, 0..6);
    kafka.set_round_trip_time(2, Duration::from_millis(1000)).unwrap();
    let value = "v".repeat(1000);
    // About 3 MB/s for four round trips: the slow partitions' queues reach some hundred kilobytes, and none reaches three megabytes.
    let mut deliveries = Vec::new();
    for _ in 0..800 {
        deliveries.extend((0..15).map(|_| producer.try_send(ProducerRecord::to("orders").value(&value)).unwrap()));
        thread::sleep(Duration::from_millis(5));
    }
    let slow = partitions(deliveries).into_iter().filter(|partition| partition % 2 == 1).count();
    assert!(slow < 12_000 * 3 / 10, "{slow} of 12000 records went to the slow broker's half of the partitions");
}
