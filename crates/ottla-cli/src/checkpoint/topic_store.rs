//! [`TopicStore`]: the checkpoint topic, whose records are in the transactions of the rows, as those of Kafka Connect's exactly-once sources
//! (KIP-618).

use std::{
    fmt::Display,
    time::{Duration, Instant},
};

use futures::{FutureExt as _, executor::block_on};
use ottla::{Consumer, ConsumerConfig, ErrorKind, Producer, ProducerRecord, consumer::TopicPartition, producer::NewTopic};
use serde::{Deserialize, Serialize};

use super::file_position::{FilePosition, Positions};
use crate::{
    decoder::{Decoded, Decoder},
    exit::{Exit, Failure, chain},
    interrupt::Interrupt,
    message,
};

/// The version of the records' format.
const VERSION: u32 = 1;

const CLEANUP_POLICY: &str = "cleanup.policy";

/// The partition of all records, so that partitions that are added do not change their order.
pub(crate) const PARTITION: i32 = 0;

/// The maximum number of replicas of a checkpoint topic that is created.
const MAX_REPLICAS: u16 = 3;

/// How long one poll waits for a record.
const POLL: Duration = Duration::from_millis(100);

/// How long the partition may be without a record before other transactions or entries that are not returned are assumed.
const QUIET: Duration = Duration::from_secs(5);

/// How many requests the broker has to answer after that, without a record, before what was read counts as all of it.
const ANSWERS: u32 = 10;

/// The checkpoints of one `transactional.id` in a compacted topic. A record's key is the JSON array of the id and the input's path.
#[derive(Debug)]
pub(crate) struct TopicStore {
    pub(crate) topic: String,
    transactional_id: String,
}

/// The version alone, because another version may have other content.
#[derive(Deserialize)]
struct Version {
    version: u32,
}

/// A record of the topic.
#[derive(Serialize, Deserialize)]
struct Value {
    version: u32,
    #[serde(flatten)]
    content: Content,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Content {
    Position(FilePosition),
    /// The beginning of a run. Its key is the id alone.
    Start {
        start: String,
    },
}

/// A record that was read.
struct Found {
    key: Vec<u8>,
    value: Option<Content>,
}

impl TopicStore {
    pub(crate) fn new(topic: String, transactional_id: String) -> Self {
        Self { topic, transactional_id }
    }

    /// Creates the topic if it is absent, and checks that it is compacted.
    ///
    /// # Errors
    /// The topic cannot be created or used, or is not compacted.
    pub(crate) async fn prepare<V: ?Sized + 'static>(&self, producer: &Producer<[u8], V>) -> Result<(), Failure> {
        let topic = &self.topic;
        let mut policy = producer.topic_config(topic, CLEANUP_POLICY).await;
        let kind = policy.as_ref().err().map(ottla::Error::kind);
        // If the brokers do not tell the policy, the topic may be absent. A request for its metadata would then create it, and not compacted.
        if matches!(policy, Ok(None)) || matches!(kind, Some(ErrorKind::UnknownTopicOrPartition | ErrorKind::Authorization)) {
            self.create(producer, kind == Some(ErrorKind::UnknownTopicOrPartition)).await?;
            producer.partitions_for(topic).await?;
            policy = producer.topic_config(topic, CLEANUP_POLICY).await;
        }
        match policy {
            Ok(Some(policy)) if policy == "compact" => {}
            Ok(Some(policy)) => {
                return Err(Failure::usage(format!(
                    "checkpoint topic {topic}: {CLEANUP_POLICY} is {policy}, so the brokers would delete checkpoints; set it to compact, or \
                     give another topic"
                )));
            }
            // An embedded or old broker, or no permission to describe the topic.
            Ok(None) => message::tell(format_args!("the brokers do not report {CLEANUP_POLICY} of {topic}; it must be compact")),
            Err(error) if matches!(error.kind(), ErrorKind::Client | ErrorKind::Authorization) => {
                message::tell(format_args!("{CLEANUP_POLICY} of {topic} is not known ({}); it must be compact", chain(&error)));
            }
            Err(error) => return Err(error.into()),
        }
        producer.partitions_for(topic).await?;
        Ok(())
    }

    /// Creates the topic unless it exists. If it may exist, a missing permission is no error: then no broker creates it on a request for its
    /// metadata either.
    ///
    /// # Errors
    /// The topic cannot be created.
    async fn create<V: ?Sized + 'static>(&self, producer: &Producer<[u8], V>, is_absent: bool) -> Result<(), Failure> {
        let topic = &self.topic;
        let brokers = producer.cluster().await?.brokers().len();
        let replicas = u16::try_from(brokers).unwrap_or(MAX_REPLICAS).clamp(1, MAX_REPLICAS);
        let new = NewTopic::new(topic).partitions(1).replication_factor(replicas).config(CLEANUP_POLICY, "compact");
        match producer.create_topic(new).await {
            Ok(()) => {
                let noun = if replicas == 1 { "replica" } else { "replicas" };
                message::tell(format_args!("the checkpoint topic {topic} is created: 1 partition, {replicas} {noun}, compacted"));
                Ok(())
            }
            Err(error) if error.name() == Some("TOPIC_ALREADY_EXISTS") => Ok(()),
            Err(error) if error.kind() == ErrorKind::Authorization && !is_absent => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads the positions, after `init_transactions`: an earlier run with the same id is fenced, and its last transaction has ended.
    ///
    /// A transaction of its own marks the end. Transactions of other ids that are open delay what comes after them, so that
    /// the end of the committed records alone could be before the last checkpoint.
    ///
    /// # Errors
    /// The topic cannot be written or read, or has other records.
    pub(crate) fn load(
        &self,
        producer: &Producer<[u8], [u8]>,
        config: &ConsumerConfig,
        interrupt: &Interrupt,
    ) -> Result<Positions, Failure> {
        let start = format!("{:032x}", fastrand::u128(..));
        let content = Content::Start { start: start.clone() };
        let (key, value) = (self.key(None)?, json(&Value { version: VERSION, content })?);
        let transaction = block_on(producer.begin_transaction())?;
        let record = ProducerRecord::to(&*self.topic).key(&*key).value(&*value).partition(PARTITION);
        let sent = block_on(transaction.send(record)).map_err(|error| self.not_written(&error))?;
        if let Err(error) = block_on(transaction.commit()) {
            // The reason of the record is that of the transaction.
            let reason = sent.now_or_never().and_then(Result::err);
            return Err(self.not_written(reason.as_ref().unwrap_or(&error)));
        }
        let mut positions = Positions::new();
        let (consumer, timeout) = self.consumer(config)?;
        let (mut last, mut is_told, mut is_read) = (Instant::now(), false, false);
        while !is_read {
            for Found { key, value } in self.poll(&consumer)? {
                last = Instant::now();
                match value {
                    Some(Content::Start { start: found }) if found == start => is_read = true,
                    value => self.apply(&key, value, &mut positions),
                }
            }
            if interrupt.is_pressed() {
                return Err(Failure::new(Exit::Interrupted, "interrupted before the first record"));
            }
            if last.elapsed() > timeout {
                return Err(Failure::new(
                    Exit::Unreachable,
                    format!(
                        "checkpoint topic {}: no record for {} ms before its end: a transaction of another producer may be open, until its \
                         transaction.timeout.ms; try again",
                        self.topic,
                        timeout.as_millis()
                    ),
                ));
            }
            if last.elapsed() > QUIET && !std::mem::replace(&mut is_told, true) {
                message::tell(format_args!("waiting for the end of other transactions in the checkpoint topic {}", self.topic));
            }
        }
        Ok(positions)
    }

    /// The error of a checkpoint that the brokers did not write.
    fn not_written(&self, error: &ottla::Error) -> Failure {
        let topic = &self.topic;
        let remedy = match error.kind() {
            ErrorKind::Authorization => "; grant this client the permission WRITE for it, or give another topic",
            _ => "",
        };
        Failure::new(Exit::of(error.kind()), format!("checkpoint topic {topic}: cannot be written: {}{remedy}", chain(error)))
    }

    /// Reads the positions without writing or fencing, while a run may change them.
    ///
    /// # Errors
    /// The topic cannot be read, or has other records.
    pub(crate) fn read(&self, config: &ConsumerConfig) -> Result<Positions, Failure> {
        let config = config.clone().set("isolation.level", "read_committed")?;
        let (consumer, _) = self.consumer(&config)?;
        let offset = |offsets: &ottla::Offsets| offsets.next(&self.topic, PARTITION).unwrap_or(0);
        let end = || Ok::<_, Failure>(offset(&block_on(consumer.end_offsets([self.partition()]))?));
        let first = offset(&block_on(consumer.beginning_offsets([self.partition()]))?);
        let last = end()?;
        let mut positions = Positions::new();
        let (mut since, mut answers) = (Instant::now(), 0);
        // The last entry is the marker of a transaction, which is not returned. Neither are aborted records, which may be before it.
        while consumer.position(self.partition()).unwrap_or(first) + 1 < last && answers < ANSWERS {
            let found = self.poll(&consumer)?;
            if !found.is_empty() {
                (since, answers) = (Instant::now(), 0);
            } else if since.elapsed() > QUIET {
                // A broker answers the requests of a connection in order, so that earlier requests for records are answered too.
                end()?;
                answers += 1;
            }
            found.into_iter().for_each(|Found { key, value }| self.apply(&key, value, &mut positions));
        }
        Ok(positions)
    }

    /// The record of an input's position; `None` deletes it.
    ///
    /// # Errors
    /// The position cannot be written as JSON.
    pub(crate) fn record(&self, input: &str, position: Option<&FilePosition>) -> Result<(Vec<u8>, Option<Vec<u8>>), Failure> {
        let value = position.map(|position| Value { version: VERSION, content: Content::Position(position.clone()) });
        Ok((self.key(Some(input))?, value.map(|value| json(&value)).transpose()?))
    }

    fn key(&self, input: Option<&str>) -> Result<Vec<u8>, Failure> {
        match input {
            Some(input) => json(&[&*self.transactional_id, input]),
            None => json(&[&*self.transactional_id]),
        }
    }

    /// Sets or removes a position, if the record is of this id.
    fn apply(&self, key: &[u8], value: Option<Content>, positions: &mut Positions) {
        let Ok([id, input]) = serde_json::from_slice::<[String; 2]>(key) else { return };
        if id != self.transactional_id {
            return;
        }
        match value {
            Some(Content::Position(position)) => drop(positions.insert(input, position)),
            Some(Content::Start { .. }) => {}
            None => drop(positions.remove(&input)),
        }
    }

    fn partition(&self) -> TopicPartition {
        TopicPartition::new(&*self.topic, PARTITION)
    }

    /// A consumer of committed records, at the beginning of the partition, and its timeout.
    fn consumer(&self, config: &ConsumerConfig) -> Result<(Consumer<Decoded, Decoded>, Duration), Failure> {
        let consumer = build(&config.clone().set("isolation.level", "read_committed")?)?;
        let timeout = config.get("default.api.timeout.ms").and_then(|timeout| timeout.parse().ok()).unwrap_or(60_000);
        block_on(async {
            consumer.assign([self.partition()]).await?;
            consumer.seek_to_beginning([self.partition()]).await
        })?;
        Ok((consumer, Duration::from_millis(timeout)))
    }

    /// Polls once.
    fn poll(&self, consumer: &Consumer<Decoded, Decoded>) -> Result<Vec<Found>, Failure> {
        let mut found = Vec::new();
        for item in consumer.blocking().poll(POLL) {
            let record = match item {
                Ok(record) => record,
                Err(error) if error.error().is_retriable() => continue,
                Err(error) => return Err(Failure::new(Exit::of(error.kind()), chain(error.error()))),
            };
            let Decoded::Bytes(key) = record.key() else { continue };
            let value = match record.value() {
                Decoded::Bytes(value) => Some(self.value(value, key, record.offset())?),
                _ => None,
            };
            found.push(Found { key: key.clone(), value: value.flatten() });
        }
        Ok(found)
    }

    /// Reads a value. Those of other ids are not read, because another version may have written them.
    fn value(&self, value: &[u8], key: &[u8], offset: i64) -> Result<Option<Content>, Failure> {
        let keys: Vec<String> = serde_json::from_slice(key).unwrap_or_default();
        if keys.first() != Some(&self.transactional_id) {
            return Ok(None);
        }
        let wrong = |reason: &dyn Display| {
            let topic = &self.topic;
            Failure::usage(format!(
                "checkpoint topic {topic}: offset {offset} is not a checkpoint ({reason}); give another topic"
            ))
        };
        let Version { version } = serde_json::from_slice(value).map_err(|error| wrong(&error))?;
        if version != VERSION {
            return Err(Failure::usage(format!(
                "checkpoint topic {}: offset {offset} has version {version}, but this program reads version {VERSION}; use the newer program",
                self.topic
            )));
        }
        let Value { content, .. } = serde_json::from_slice(value).map_err(|error| wrong(&error))?;
        if let Content::Position(position) = &content {
            position.check().map_err(|reason| wrong(&reason))?;
        }
        Ok(Some(content))
    }
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(value)
        .map_err(|error| Failure::new(Exit::Failed, format!("a checkpoint cannot be written as JSON: {error}")))
}

/// Creates a consumer that joins no group and commits nothing.
fn build(config: &ConsumerConfig) -> Result<Consumer<Decoded, Decoded>, Failure> {
    let config = config.clone().set("enable.auto.commit", "false")?.set("auto.offset.reset", "earliest")?;
    let decoder = Decoder::new(None);
    Ok(Consumer::builder(config).key_deserializer(decoder.clone()).value_deserializer(decoder).build()?)
}

#[cfg(test)]
mod tests {
    use ottla::{
        ProducerConfig,
        testing::{ApiKey, BrokerError, EmbeddedKafka},
    };

    use super::*;

    #[test]
    fn a_slow_answer_is_not_the_end_of_the_checkpoints() {
        let kafka = EmbeddedKafka::builder().topic("checkpoints", 1).start().unwrap();
        let store = TopicStore::new("checkpoints".to_owned(), "id".to_owned());
        let config = ProducerConfig::new().set("bootstrap.servers", kafka.bootstrap_servers()).unwrap();
        let producer = crate::produce::build(&config).unwrap();
        let file = tempfile::tempfile().unwrap();
        let position = FilePosition::of_copy(&file, "orders").unwrap();
        // The last entry of a checkpoint topic is the marker of a transaction. Here it is a record of another id, which is left out, too.
        let other = TopicStore::new("checkpoints".to_owned(), "other".to_owned());
        for n in 0..=10 {
            let store = if n < 10 { &store } else { &other };
            let (key, value) = store.record(&format!("{n}.csv"), Some(&position)).unwrap();
            let value = value.unwrap();
            let record = ProducerRecord::to("checkpoints").key(&*key).value(&*value).partition(PARTITION);
            block_on(async { producer.send(record).await.unwrap().await.unwrap() });
        }
        // Each answer has one record. The sixth comes later than `QUIET`.
        let delays = [200, 200, 200, 200, 200, 8000].map(|delay| (BrokerError::NONE, Duration::from_millis(delay)));
        kafka.fail_next_on(1, ApiKey::Fetch, &delays).unwrap();
        let consumer = ConsumerConfig::new().set("bootstrap.servers", kafka.bootstrap_servers()).unwrap();
        let read: Vec<String> = store.read(&consumer).unwrap().into_keys().collect();
        assert_eq!(read, (0..10).map(|n| format!("{n}.csv")).collect::<Vec<_>>());
    }
}
