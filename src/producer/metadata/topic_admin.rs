//! [`Producer::create_topic`]; deleting topics, for `TestTopics` of the feature `testing`.

#[cfg(feature = "testing")]
use std::ffi::CString;
use std::{
    cell::Cell,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use super::{
    new_topic::NewTopic,
    opening::{RETRY, SLICE, await_opened},
    partitions::{elsewhere, persist},
};
use crate::{
    Error, ErrorKind,
    deadline::Deadline,
    native::{Client, Metadata, TopicRefused, code},
    producer::{Producer, untyped_producer::check_topic_name},
};

/// `TOPIC_ALREADY_EXISTS`
const ALREADY_EXISTS: i32 = 36;

impl<K: ?Sized + 'static, V: ?Sized + 'static> Producer<K, V> {
    /// Creates a topic, and waits until the leader of each partition accepts records. Waits at most `max.block.ms` (and at most an hour).
    ///
    /// ```no_run
    /// # async fn create() -> Result<(), ottla::Error> {
    /// use ottla::{Producer, ProducerConfig, producer::NewTopic};
    ///
    /// let config = ProducerConfig::new().set("bootstrap.servers", "localhost:9092")?;
    /// let producer: Producer<str, str> = Producer::builder(config).build()?;
    /// producer.create_topic(NewTopic::new("states").partitions(1).config("cleanup.policy", "compact")).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// They name the topic; the source is the broker's reason, if it gave one.
    /// - [`InvalidRecord`](ErrorKind::InvalidRecord) or [`InvalidArgument`](ErrorKind::InvalidArgument) for an invalid name, number or
    ///   configuration that ottla can detect
    /// - [`Broker`](ErrorKind::Broker), with its [code](Error::name), if the brokers refuse the topic: `TOPIC_ALREADY_EXISTS`,
    ///   `INVALID_REPLICATION_FACTOR`, `INVALID_CONFIG`, `POLICY_VIOLATION` and so on
    /// - [`Closed`](ErrorKind::Closed) if the producer is closed
    /// - [`Authentication`](ErrorKind::Authentication), [`Authorization`](ErrorKind::Authorization)
    /// - [`MetadataTimeout`](ErrorKind::MetadataTimeout) if there was no response, or no leader, within `max.block.ms`; always with embedded
    ///   brokers, which do not support the request
    pub async fn create_topic(&self, topic: NewTopic) -> Result<(), Error> {
        let name = topic.name();
        let specification = topic.specification()?;
        check_topic_name(name)?;
        let timeout = self.0.untyped.state.admission.buffer_memory.max_block();
        let (deadline, partitions) = (Deadline::after(timeout), specification.partitions);
        let context = format!("topic {name}: not created");
        self.change_topic(&context, ALREADY_EXISTS, move |client, timeout| client.create_topic(&specification, timeout)).await?;
        let created = name.to_owned();
        match elsewhere(&self.0.untyped.client, move |client| await_leaders(client, &created, partitions, deadline)).await? {
            Ok(()) => Ok(()),
            Err(code::TIMED_OUT) => {
                let message = format!(
                    "topic {name}: created, but the brokers did not report a leader of each partition within max.block.ms ({} ms)",
                    timeout.as_millis()
                );
                Err(self.0.untyped.state.authentication.broker_errors.blame(Error::new(ErrorKind::MetadataTimeout, message)))
            }
            Err(code) => Err(Error::from_code(code, &format!("topic {name}: created, but its metadata failed"))),
        }
    }

    /// Deletes a topic. Waits at most `max.block.ms` (and at most an hour).
    #[cfg(feature = "testing")]
    pub(crate) async fn delete_topic(&self, name: &str) -> Result<(), Error> {
        check_topic_name(name)?;
        let c_name = CString::new(name).map_err(|error| {
            Error::new(ErrorKind::InvalidArgument, format!("topic {name:?}: a name must not contain a NUL")).with_source(error)
        })?;
        let context = format!("topic {name}: not deleted");
        let is_done = code::UNKNOWN_TOPIC_OR_PARTITION;
        self.change_topic(&context, is_done, move |client, timeout| client.delete_topic(&c_name, timeout)).await
    }

    /// Makes a request for one topic. `done` is the error of a repeated request if an earlier one was executed and its response lost.
    async fn change_topic(
        &self,
        context: &str,
        done: i32,
        request: impl Fn(&Client, Duration) -> Result<(), TopicRefused> + Send + 'static,
    ) -> Result<(), Error> {
        let untyped = &self.0.untyped;
        untyped.check_open()?;
        let (timeout, state) = (untyped.state.admission.buffer_memory.max_block(), Arc::clone(&untyped.state));
        let ask = move |client: &Client| {
            // The last refusal. `persist` needs only its code.
            let last: Cell<Option<TopicRefused>> = Cell::new(None);
            let answer = persist(client, &state, timeout, |timeout| {
                let is_repeated = last.take().is_some();
                match request(client, timeout) {
                    Err(refused) if is_repeated && refused.code == done => Ok(()),
                    Err(refused) => {
                        let code = refused.code;
                        last.set(Some(refused));
                        Err(code)
                    }
                    Ok(()) => Ok(()),
                }
            });
            answer.map_err(|code| last.take().filter(|refused| refused.code == code).unwrap_or_else(|| code.into()))
        };
        match elsewhere(&untyped.client, ask).await? {
            Ok(()) => Ok(()),
            Err(TopicRefused { code: code::TIMED_OUT | code::TRANSPORT, .. }) => Err(self.unanswered(context)),
            Err(TopicRefused { code, text }) => {
                let error = match text {
                    Some(text) => Error::from_code(code, context).with_source(text),
                    None => Error::from_code(code, context),
                };
                Err(untyped.state.authentication.broker_errors.blame(error))
            }
        }
    }
}

/// Waits until a broker reports `partitions` partitions, or any number if that is negative, each with a leader that hosts it. The error is a
/// code of a broker or of librdkafka, `TIMED_OUT` after the deadline.
fn await_leaders(client: &Client, topic: &str, partitions: i32, deadline: Deadline) -> Result<(), i32> {
    let topic = client.topic(topic)?;
    loop {
        let left = deadline.left(Instant::now());
        if left.is_zero() {
            return Err(code::TIMED_OUT);
        }
        let slice = left.min(SLICE);
        // Without a connection, a request would make librdkafka connect too often (`native/reconnect.rs`).
        let answer = if client.wait_for_connection(slice) { client.metadata(&topic, slice) } else { Err(code::TRANSPORT) };
        match answer {
            Ok(Metadata { code: code::NO_ERROR, partitions: found, .. }) => {
                let is_complete = if partitions < 0 { !found.is_empty() } else { i32::try_from(found.len()) == Ok(partitions) };
                if is_complete && found.iter().all(|partition| partition.leader >= 0) {
                    return await_opened(client, &topic, &found, deadline);
                }
            }
            Ok(Metadata { code: code::UNKNOWN_TOPIC_OR_PARTITION | code::LEADER_NOT_AVAILABLE, .. })
            | Err(code::TIMED_OUT | code::TRANSPORT) => {}
            Ok(Metadata { code, .. }) | Err(code) => return Err(code),
        }
        thread::sleep(RETRY.min(left));
    }
}
