//! Reads a topic's log with a client of the crate `rdkafka`.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
    message::{BorrowedMessage, Headers},
};

/// A record in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub partition: i32,
    pub offset: i64,
    pub timestamp: Option<i64>,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Found {
    pub fn value_text(&self) -> &str {
        std::str::from_utf8(self.value.as_deref().unwrap_or_default()).unwrap()
    }
}

/// The records that a reader sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// Committed records, up to the first open transaction.
    Committed,
    /// All records.
    Uncommitted,
}

/// Calls a function with each record of the topic, those of a partition in order. It stores none.
pub fn each(bootstrap_servers: &str, topic: &str, isolation: Isolation, mut see: impl FnMut(&BorrowedMessage<'_>)) {
    let isolation = if isolation == Isolation::Committed { "read_committed" } else { "read_uncommitted" };
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap_servers)
        .set("group.id", "log")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("isolation.level", isolation)
        .set("check.crcs", "true")
        .create()
        .unwrap();
    let patience = Duration::from_secs(60);
    let metadata = consumer.fetch_metadata(Some(topic), patience).unwrap();
    let mut assignment = TopicPartitionList::new();
    for partition in metadata.topics()[0].partitions() {
        // A new leader does not answer before it knows the high watermark (KIP-207).
        let (low, _) = consumer.fetch_watermarks(topic, partition.id(), patience).unwrap();
        assignment.add_partition_offset(topic, partition.id(), Offset::Offset(low)).unwrap();
    }
    consumer.assign(&assignment).unwrap();
    let mut open: BTreeSet<i32> = metadata.topics()[0].partitions().iter().map(|partition| partition.id()).collect();
    let mut end = Instant::now() + patience;
    while !open.is_empty() {
        assert!(Instant::now() < end, "timeout: partitions {open:?} of {topic} have not reached their end");
        match consumer.poll(Duration::from_millis(100)) {
            None => {}
            Some(Err(KafkaError::PartitionEOF(partition))) => drop(open.remove(&partition)),
            // librdkafka reconnects.
            Some(Err(KafkaError::MessageConsumption(error))) => eprintln!("reading {topic}: {error}"),
            Some(message) => {
                end = Instant::now() + patience;
                see(&message.unwrap());
            }
        }
    }
}

/// The values of committed records, up to the first open transaction.
pub fn committed(bootstrap_servers: &str, topic: &str) -> Vec<String> {
    let mut values = Vec::new();
    each(bootstrap_servers, topic, Isolation::Committed, |message| {
        values.push(String::from_utf8(message.payload().unwrap_or_default().to_vec()).unwrap());
    });
    values
}

/// The values of committed records by partition, in order.
pub fn committed_by_partition(bootstrap_servers: &str, topic: &str) -> BTreeMap<i32, Vec<String>> {
    let mut values: BTreeMap<i32, Vec<String>> = BTreeMap::new();
    each(bootstrap_servers, topic, Isolation::Committed, |message| {
        let value = String::from_utf8(message.payload().unwrap_or_default().to_vec()).unwrap();
        values.entry(message.partition()).or_default().push(value);
    });
    values
}

/// The values of committed records, which are numbers, in ascending order.
pub fn committed_numbers(bootstrap_servers: &str, topic: &str) -> Vec<usize> {
    let mut numbers: Vec<usize> = committed(bootstrap_servers, topic).iter().map(|value| value.parse().unwrap()).collect();
    numbers.sort_unstable();
    numbers
}

/// The number of records and markers of a topic, committed or not.
pub struct Counter {
    consumer: BaseConsumer,
    topic: String,
    partitions: i32,
}

impl Counter {
    pub fn new(bootstrap_servers: &str, topic: &str, partitions: i32) -> Self {
        // With `read_committed` the end is at the first open transaction.
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", bootstrap_servers).set("isolation.level", "read_uncommitted");
        let consumer = config.create().unwrap();
        Self { consumer, topic: topic.to_owned(), partitions }
    }

    pub fn count(&self) -> i64 {
        let end = |partition| self.consumer.fetch_watermarks(&self.topic, partition, Duration::from_secs(30)).unwrap().1;
        (0..self.partitions).map(end).sum()
    }
}

/// Reads the topic from its start to its current end, sorted by partition and offset.
pub fn read(bootstrap_servers: &str, topic: &str) -> Vec<Found> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap_servers)
        .set("group.id", "log")
        .set("enable.auto.commit", "false")
        .set("check.crcs", "true")
        .create()
        .unwrap();
    let patience = Duration::from_secs(30);
    let metadata = consumer.fetch_metadata(Some(topic), patience).unwrap();
    let mut assignment = TopicPartitionList::new();
    let mut missing = 0;
    for partition in metadata.topics()[0].partitions() {
        let (low, high) = consumer.fetch_watermarks(topic, partition.id(), patience).unwrap();
        assignment.add_partition_offset(topic, partition.id(), Offset::Offset(low)).unwrap();
        missing += high - low;
    }
    consumer.assign(&assignment).unwrap();
    let mut found = Vec::new();
    let mut end = Instant::now() + patience;
    while missing > 0 {
        assert!(Instant::now() < end, "timeout: {missing} records of {topic} are missing");
        let Some(message) = consumer.poll(Duration::from_millis(100)) else { continue };
        let message = match message {
            Ok(message) => message,
            // librdkafka reconnects. A record that cannot be read stays missing.
            Err(KafkaError::MessageConsumption(error)) => {
                eprintln!("reading {topic}: {error}");
                continue;
            }
            Err(error) => panic!("{topic}: {error}"),
        };
        missing -= 1;
        end = Instant::now() + patience;
        found.push(Found {
            partition: message.partition(),
            offset: message.offset(),
            timestamp: message.timestamp().to_millis(),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers: message.headers().map_or_else(Vec::new, |headers| {
                headers.iter().map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec))).collect()
            }),
        });
    }
    found.sort_by_key(|found| (found.partition, found.offset));
    found
}
