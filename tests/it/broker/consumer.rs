//! The consumer with a real Kafka.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures::executor::block_on;
use ottla::{
    Consumer, ConsumerConfig, Producer, ProducerConfig, ProducerRecord, RebalanceListener, TopicPartition, consumer::Revoked,
};

use super::{bootstrap_servers, config, topic};

type Text = Consumer<Option<String>, String>;

fn consumer_config(group: &str, settings: &[(&str, &str)]) -> ConsumerConfig {
    let servers = bootstrap_servers();
    let usual = [
        ("bootstrap.servers", servers.as_str()),
        ("group.id", group),
        ("auto.offset.reset", "earliest"),
        ("enable.auto.commit", "false"),
    ];
    settings.iter().fold(ConsumerConfig::from_pairs(usual).unwrap(), |config, (name, value)| config.set(name, value).unwrap())
}

/// Writes the numbers from 0 to `count`, spread over all partitions.
fn write(topic: &str, count: u32) {
    let producer: Producer<str, str> = Producer::builder(config().set("linger.ms", "5").unwrap()).build().unwrap();
    block_on(async {
        let records = (0..count).map(|n| ProducerRecord::to(topic).key(n.to_string()).value(n.to_string()));
        producer.send_all(records).await.unwrap().await.unwrap();
    });
}

/// Commits the taken records when partitions are revoked.
struct CommitsFirst;

impl RebalanceListener for CommitsFirst {
    fn on_partitions_revoked(&self, revoked: &Revoked<'_>) {
        revoked.commit().unwrap();
    }
}

fn member(topic: &str, settings: &[(&str, &str)]) -> Text {
    let builder = Consumer::builder(consumer_config(topic, settings)).rebalance_listener(CommitsFirst);
    let consumer: Text = builder.drop_timeout(Duration::from_secs(10)).build().unwrap();
    block_on(consumer.subscribe(&[topic])).unwrap();
    consumer
}

/// Takes the records of one poll, and checks that offsets ascend in each partition.
fn poll(consumer: &Text, last: &mut BTreeMap<TopicPartition, i64>) -> Vec<u32> {
    let records = consumer.blocking().poll(Duration::from_millis(200)).into_iter().map(Result::unwrap);
    let read = records.map(|record| {
        let partition = TopicPartition::new(record.topic(), record.partition());
        let before = last.insert(partition, record.offset());
        assert!(before.is_none_or(|before| before < record.offset()), "{record:?} after {before:?}");
        record.value().parse().unwrap()
    });
    read.collect()
}

/// Two members with manual commits. The second one joins while records are read, and the first one leaves.
fn with_a_rebalance(name: &str, count: u32, settings: &[(&str, &str)]) {
    let topic = topic(name, 6, &[]);
    write(&topic, count);
    let (mut found, mut orders) = (Vec::new(), (BTreeMap::new(), BTreeMap::new()));
    let first = member(&topic, settings);
    while found.len() < count as usize / 3 {
        found.extend(poll(&first, &mut orders.0));
        if found.len() % 10_000 < 500 {
            block_on(first.commit()).unwrap();
        }
    }
    let second = member(&topic, settings);
    let mut shared = false;
    while found.len() < count as usize * 2 / 3 || !shared {
        found.extend(poll(&first, &mut orders.0));
        found.extend(poll(&second, &mut orders.1));
        shared |= first.assignment().len() == 3 && second.assignment().len() == 3;
    }
    block_on(first.commit()).unwrap();
    block_on(first.close(Duration::from_secs(60))).unwrap();
    while found.len() < count as usize {
        found.extend(poll(&second, &mut orders.1));
    }
    block_on(second.commit()).unwrap();
    assert!(poll(&second, &mut orders.1).is_empty());
    // Each commit was after the taken records, so no record is lost and none is read twice.
    assert_eq!(found.len(), count as usize);
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>().len(), count as usize);
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn rebalance_of_a_million_records_loses_none() {
    with_a_rebalance("consumer-million", 1_000_000, &[("partition.assignment.strategy", "range")]);
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn cooperative_rebalance_loses_no_record() {
    with_a_rebalance("consumer-cooperative", 30_000, &[("partition.assignment.strategy", "cooperative-sticky")]);
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn the_protocol_of_kip_848_moves_partitions_without_loss() {
    with_a_rebalance("consumer-kip-848", 30_000, &[("group.protocol", "consumer")]);
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn read_committed_returns_no_aborted_record() {
    let topic = topic("consumer-committed", 1, &[]);
    let config: ProducerConfig = config().set("transactional.id", &topic).unwrap();
    let producer: Producer<str, str> = Producer::builder(config).build().unwrap();
    block_on(async {
        producer.init_transactions().await.unwrap();
        for n in 0..6 {
            let transaction = producer.begin_transaction().await.unwrap();
            transaction.send(ProducerRecord::to(&*topic).value(n.to_string())).await.unwrap().await.unwrap();
            if n % 2 == 0 { transaction.commit().await.unwrap() } else { transaction.abort().await.unwrap() }
        }
    });
    let read = |level: &str, count: usize| {
        let config = consumer_config(&format!("{topic}-{level}"), &[("isolation.level", level)]);
        let consumer: Text = Consumer::builder(config).build().unwrap();
        block_on(consumer.subscribe(&[&topic])).unwrap();
        let mut found = Vec::new();
        while found.len() < count {
            found.extend(poll(&consumer, &mut BTreeMap::new()));
        }
        found.extend(poll(&consumer, &mut BTreeMap::new()));
        found
    };
    assert_eq!(read("read_committed", 3), [0, 2, 4]);
    assert_eq!(read("read_uncommitted", 6), [0, 1, 2, 3, 4, 5]);
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn static_member_keeps_its_partitions() {
    let topic = topic("consumer-static", 2, &[]);
    write(&topic, 100);
    let settings = [("group.instance.id", "member-1"), ("enable.auto.commit", "true")];
    let mut found = Vec::new();
    for _ in 0..2 {
        let consumer = member(&topic, &settings);
        while consumer.assignment().len() < 2 || found.is_empty() {
            found.extend(poll(&consumer, &mut BTreeMap::new()));
        }
        let member = block_on(consumer.group_metadata()).unwrap();
        assert!(format!("{member:?}").contains("member-1"), "{member:?}");
        block_on(consumer.close(Duration::from_secs(60))).unwrap();
    }
    assert!(found.iter().collect::<BTreeSet<_>>().len() == found.len(), "{found:?}");
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn offsets_for_times_returns_the_first_record_since() {
    let topic = topic("consumer-times", 1, &[]);
    let producer: Producer<str, str> = Producer::builder(config()).build().unwrap();
    let times = [1_700_000_000_000, 1_700_000_001_000, 1_700_000_002_000];
    block_on(async {
        for time in times {
            producer.send(ProducerRecord::to(&*topic).value("x").timestamp(time)).await.unwrap().await.unwrap();
        }
        let consumer: Text = Consumer::builder(consumer_config(&topic, &[])).build().unwrap();
        let find = async |time| consumer.offsets_for_times([((topic.as_str(), 0), time)]).await.unwrap().next(&topic, 0);
        assert_eq!(find(times[0] - 5).await, Some(0));
        assert_eq!(find(times[1]).await, Some(1));
        assert_eq!(find(times[1] + 1).await, Some(2));
        assert_eq!(find(times[2] + 1).await, None);
    });
}
