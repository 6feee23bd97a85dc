//! What the brokers tell of a topic.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use futures::channel::oneshot;

use crate::{
    Error, ErrorKind,
    native::{Client, Metadata, code},
    producer::{Producer, core::check_topic_name, shared::Shared},
};

/// How long a topic that the brokers do not know may be one that they are creating.
const TOPIC_CREATION: Duration = Duration::from_secs(5);

const RETRY: Duration = Duration::from_millis(100);

/// How often to look whether it is of any use to wait for an answer.
const SLICE: Duration = Duration::from_secs(1);

/// One partition of a topic: Java's `PartitionInfo`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionInfo {
    partition: i32,
    leader: Option<i32>,
    replicas: Vec<i32>,
    in_sync_replicas: Vec<i32>,
}

impl PartitionInfo {
    /// `leader` is -1 for none.
    pub(crate) fn new(partition: i32, leader: i32, replicas: Vec<i32>, in_sync_replicas: Vec<i32>) -> Self {
        Self { partition, leader: (leader >= 0).then_some(leader), replicas, in_sync_replicas }
    }

    #[cfg(feature = "testing")]
    pub(crate) fn of_one_broker(partition: i32) -> Self {
        Self { partition, leader: Some(0), replicas: vec![0], in_sync_replicas: vec![0] }
    }

    /// The partition's number.
    pub fn partition(&self) -> i32 {
        self.partition
    }

    /// The broker that leads it, `None` while there is none.
    pub fn leader(&self) -> Option<i32> {
        self.leader
    }

    /// The brokers that hold it.
    pub fn replicas(&self) -> &[i32] {
        &self.replicas
    }

    /// Those of them that have caught up with the leader.
    pub fn in_sync_replicas(&self) -> &[i32] {
        &self.in_sync_replicas
    }
}

impl<K: ?Sized + 'static, V: ?Sized + 'static> Producer<K, V> {
    /// The topic's partitions, asked of the brokers; waits for `max.block.ms` at most (Java: `partitionsFor`).
    ///
    /// A topic that does not exist is created by this where the brokers' `auto.create.topics.enable` allows it.
    ///
    /// # Errors
    /// [`Closed`](ErrorKind::Closed) once the producer is closed;
    /// [`MetadataTimeout`](ErrorKind::MetadataTimeout) if no broker answered, with the last connection's error as its source;
    /// [`Authentication`](ErrorKind::Authentication) if the brokers do not let this client in;
    /// [`UnknownTopicOrPartition`](ErrorKind::UnknownTopicOrPartition) if there is no such topic.
    pub async fn partitions_for(&self, topic: &str) -> Result<Vec<PartitionInfo>, Error> {
        let core = &self.0.core;
        core.check_open()?;
        check_topic_name(topic)?;
        let timeout = core.shared.buffer_memory.max_block();
        let context = format!("topic {topic}");
        let shared = Arc::clone(&core.shared);
        let name = topic.to_owned();
        match elsewhere(&core.client, move |client| ask(client, &shared, &name, timeout)).await? {
            Ok(metadata) => partitions(topic, metadata),
            Err(code::TIMED_OUT | code::TRANSPORT) => Err(self.unanswered(&context)),
            Err(code) => Err(core.shared.broker_errors.blame(Error::from_code(code, &context))),
        }
    }

    /// The error of what no broker has answered.
    pub(in crate::producer) fn unanswered(&self, context: &str) -> Error {
        let shared = &self.0.core.shared;
        if let Some(error) = shared.broker_errors.not_let_in(context) {
            return error;
        }
        let waited = shared.buffer_memory.max_block().as_millis();
        let message = format!("{context}: no broker at {} answered within max.block.ms ({waited} ms)", shared.bootstrap_servers);
        shared.broker_errors.blame(Error::new(ErrorKind::MetadataTimeout, message))
    }
}

/// Runs what blocks on a thread of its own.
pub(in crate::producer) async fn elsewhere<T: Send + 'static>(
    client: &Arc<Client>,
    asks: impl FnOnce(&Client) -> T + Send + 'static,
) -> Result<T, Error> {
    let client = Arc::clone(client);
    let (sender, receiver) = oneshot::channel();
    thread::Builder::new()
        .name("ottla-metadata".to_owned())
        .spawn(move || {
            let answer = asks(&client);
            drop(client);
            let _ = sender.send(answer);
        })
        .map_err(|error| Error::new(ErrorKind::Client, "no thread to ask the brokers").with_source(error))?;
    receiver.await.map_err(|_| Error::new(ErrorKind::Client, "the thread that asked the brokers is gone"))
}

/// Asks until the topic is there. One that the brokers create on demand takes a moment; one that they do not know is given
/// that moment too.
fn ask(client: &Client, shared: &Shared, topic: &str, timeout: Duration) -> Result<Metadata, i32> {
    let begun = Instant::now();
    // As soon as librdkafka has the topic, it connects for it twice a second: that can wait for the first connection.
    let ask = |timeout| client.metadata(&*client.topic(topic)?, timeout);
    loop {
        let answer = persist(client, shared, timeout.saturating_sub(begun.elapsed()), ask);
        let patience = match answer {
            Ok(Metadata { code: code::UNKNOWN_TOPIC_OR_PARTITION, .. }) => timeout.min(TOPIC_CREATION),
            Ok(Metadata { code: code::LEADER_NOT_AVAILABLE, .. }) => timeout,
            _ => return answer,
        };
        if begun.elapsed() + RETRY > patience {
            return answer;
        }
        thread::sleep(RETRY);
    }
}

/// Asks for `timeout` at most, and no longer once it is clear that the brokers do not let this producer in. Without a connection nobody is
/// asked: librdkafka would connect far too often meanwhile (`native/reconnect.rs`).
pub(in crate::producer) fn persist<T>(
    client: &Client,
    shared: &Shared,
    timeout: Duration,
    ask: impl Fn(Duration) -> Result<T, i32>,
) -> Result<T, i32> {
    let begun = Instant::now();
    loop {
        let left = timeout.saturating_sub(begun.elapsed());
        let answer = if client.wait_for_connection(left.min(SLICE)) {
            ask(timeout.saturating_sub(begun.elapsed()))
        } else {
            Err(code::TRANSPORT)
        };
        match answer {
            Err(code::TIMED_OUT | code::TRANSPORT) if !left.is_zero() && shared.denied(client, begun).is_none() => {}
            answer => return answer,
        }
    }
}

fn partitions(topic: &str, metadata: Metadata) -> Result<Vec<PartitionInfo>, Error> {
    if metadata.code != code::NO_ERROR {
        return Err(Error::from_code(metadata.code, &format!("topic {topic}")));
    }
    let known = metadata.partitions.into_iter();
    Ok(known.map(|it| PartitionInfo::new(it.id, it.leader, it.replicas, it.in_sync_replicas)).collect())
}
