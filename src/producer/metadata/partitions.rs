//! [`PartitionInfo`]: the partitions of a topic.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use futures::channel::oneshot;

use super::opening::await_opened;
use crate::{
    Error, ErrorKind,
    deadline::Deadline,
    native::{Client, Metadata, code},
    producer::{Producer, producer_state::ProducerState, untyped_producer::check_topic_name},
};

/// How long an unknown topic may be one that the brokers are creating.
const TOPIC_CREATION: Duration = Duration::from_secs(5);

const RETRY: Duration = Duration::from_millis(100);

/// The interval of checks whether waiting is still useful.
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

    /// The id of the leader; `None` while there is none.
    pub fn leader(&self) -> Option<i32> {
        self.leader
    }

    /// The ids of the brokers with a replica.
    pub fn replicas(&self) -> &[i32] {
        &self.replicas
    }

    /// The ids of the brokers whose replica is in sync.
    pub fn in_sync_replicas(&self) -> &[i32] {
        &self.in_sync_replicas
    }
}

impl<K: ?Sized + 'static, V: ?Sized + 'static> Producer<K, V> {
    /// Requests the topic's partitions from a broker (Java: `partitionsFor`). Waits at most `max.block.ms`.
    ///
    /// This creates a missing topic if the brokers' `auto.create.topics.enable` allows it, and then waits until its leaders have opened it.
    ///
    /// # Errors
    /// - [`Closed`](ErrorKind::Closed) if the producer is closed
    /// - [`MetadataTimeout`](ErrorKind::MetadataTimeout) if no broker responded, with the last broker error as the source
    /// - [`Authentication`](ErrorKind::Authentication) if the brokers reject this client
    /// - [`UnknownTopicOrPartition`](ErrorKind::UnknownTopicOrPartition) if the topic does not exist
    pub async fn partitions_for(&self, topic: &str) -> Result<Vec<PartitionInfo>, Error> {
        let untyped = &self.0.untyped;
        untyped.check_open()?;
        check_topic_name(topic)?;
        let timeout = untyped.state.admission.buffer_memory.max_block();
        let context = format!("topic {topic}");
        let state = Arc::clone(&untyped.state);
        let name = topic.to_owned();
        match elsewhere(&untyped.client, move |client| ask(client, &state, &name, timeout)).await? {
            Ok(metadata) => partitions(topic, metadata),
            Err(code::TIMED_OUT | code::TRANSPORT) => Err(self.unanswered(&context)),
            Err(code) => Err(untyped.state.authentication.broker_errors.blame(Error::from_code(code, &context))),
        }
    }

    /// The error of a request without a response.
    pub(in crate::producer) fn unanswered(&self, context: &str) -> Error {
        let state = &self.0.untyped.state;
        if let Some(error) = state.authentication.broker_errors.authentication_error(context) {
            return error;
        }
        let waited = state.admission.buffer_memory.max_block().as_millis();
        let message = format!("{context}: no broker at {} answered within max.block.ms ({waited} ms)", state.bootstrap_servers);
        state.authentication.broker_errors.blame(Error::new(ErrorKind::MetadataTimeout, message))
    }
}

/// Runs a blocking function on a new thread.
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
        .map_err(|error| Error::new(ErrorKind::Client, "could not start a thread for the metadata request").with_source(error))?;
    receiver.await.map_err(|_| Error::new(ErrorKind::Client, "the thread of the metadata request panicked"))
}

/// Requests metadata until the topic exists, since brokers need a moment to create a topic. An unknown topic is given that moment too, and one
/// that has just been created until its leaders have opened it.
fn ask(client: &Client, state: &ProducerState, topic: &str, timeout: Duration) -> Result<Metadata, i32> {
    let begun = Instant::now();
    // librdkafka connects twice a second for a topic that it has, so the topic is created only after the first connection.
    let ask = |timeout| client.metadata(&*client.topic(topic)?, timeout);
    let mut is_new = false;
    loop {
        let answer = persist(client, state, timeout.saturating_sub(begun.elapsed()), ask);
        let patience = match answer {
            Ok(Metadata { code: code::UNKNOWN_TOPIC_OR_PARTITION, .. }) => timeout.min(TOPIC_CREATION),
            Ok(Metadata { code: code::LEADER_NOT_AVAILABLE, .. }) => timeout,
            Ok(ref metadata) if is_new && metadata.code == code::NO_ERROR => {
                // What cannot be known within that time is left to the records' own retries.
                let deadline = Deadline::after(TOPIC_CREATION.min(timeout.saturating_sub(begun.elapsed())));
                let _ = await_opened(client, &*client.topic(topic)?, &metadata.partitions, deadline);
                return answer;
            }
            _ => return answer,
        };
        is_new = true;
        if begun.elapsed() + RETRY > patience {
            return answer;
        }
        thread::sleep(RETRY);
    }
}

/// Repeats a request for at most `timeout`, or until authentication has failed for good. Sends no request without a connection, since librdkafka
/// would then connect too often (`native/reconnect.rs`).
///
/// An attempt gets a second, the next one twice as long, and so on: librdkafka never answers a request that it has given to a broker which it
/// then drops (`rd_kafka_handle_Metadata`). It drops the address in `bootstrap.servers` once it knows the broker itself.
pub(in crate::producer) fn persist<T>(
    client: &Client,
    state: &ProducerState,
    timeout: Duration,
    ask: impl Fn(Duration) -> Result<T, i32>,
) -> Result<T, i32> {
    let begun = Instant::now();
    let mut patience = SLICE;
    loop {
        let left = timeout.saturating_sub(begun.elapsed());
        let answer = if client.wait_for_connection(left.min(SLICE)) {
            let attempt = patience.min(timeout.saturating_sub(begun.elapsed()));
            patience = patience.saturating_mul(2);
            ask(attempt)
        } else {
            Err(code::TRANSPORT)
        };
        match answer {
            Err(code::TIMED_OUT | code::TRANSPORT) if !left.is_zero() && state.authentication.denied(client, begun).is_none() => {
            }
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
