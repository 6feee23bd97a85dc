//! [`Producer::topic_config`]: a configuration of a topic. [`Producer::max_message_bytes`]: its largest batch.

use std::{ffi::CString, sync::Arc};

use super::partitions::{elsewhere, persist};
use crate::{
    Error, ErrorKind,
    native::{Client, code},
    producer::{Producer, untyped_producer::check_topic_name},
};

const MAX_MESSAGE_BYTES: &str = "max.message.bytes";

impl<K: ?Sized + 'static, V: ?Sized + 'static> Producer<K, V> {
    /// Requests the value of a topic's configuration, such as `cleanup.policy`, from a broker; `None` if the broker does not report it, as with
    /// a name that it does not know. Waits at most `max.block.ms` (and at most an hour).
    ///
    /// # Errors
    /// - [`InvalidArgument`](ErrorKind::InvalidArgument) if the name contains a NUL
    /// - otherwise those of [`max_message_bytes`](Self::max_message_bytes)
    pub async fn topic_config(&self, topic: &str, name: &str) -> Result<Option<String>, Error> {
        let untyped = &self.0.untyped;
        untyped.check_open()?;
        check_topic_name(topic)?;
        let context = format!("topic {topic}: {name}");
        let c_name = CString::new(name).map_err(|error| {
            Error::new(ErrorKind::InvalidArgument, format!("topic {topic}: {name:?} must not contain a NUL")).with_source(error)
        })?;
        let (timeout, state, topic) =
            (untyped.state.admission.buffer_memory.max_block(), Arc::clone(&untyped.state), topic.to_owned());
        let ask =
            move |client: &Client| persist(client, &state, timeout, |timeout| client.topic_setting(&topic, &c_name, timeout));
        match elsewhere(&untyped.client, ask).await? {
            Ok(value) => Ok(value),
            Err(code::TIMED_OUT | code::TRANSPORT) => Err(self.unanswered(&context)),
            Err(code) => Err(untyped.state.authentication.broker_errors.blame(Error::from_code(code, &context))),
        }
    }

    /// Requests the topic's `max.message.bytes`, its largest batch in bytes, from a broker. Waits at most `max.block.ms` (and at most an hour).
    ///
    /// librdkafka does not know this limit. A larger batch is rejected as a whole with [`BatchTooLarge`](ErrorKind::BatchTooLarge), so
    /// `batch.size`, 1000000 by default, should not exceed it. Kafka's default is 1048588. The limit applies after compression.
    ///
    /// # Errors
    /// - [`Closed`](ErrorKind::Closed) if the producer is closed
    /// - [`MetadataTimeout`](ErrorKind::MetadataTimeout) if no broker responded
    /// - [`Authentication`](ErrorKind::Authentication) if the brokers reject this client
    /// - [`Authorization`](ErrorKind::Authorization) without the ACL `DescribeConfigs` for the topic
    /// - [`UnknownTopicOrPartition`](ErrorKind::UnknownTopicOrPartition) if the topic does not exist
    /// - [`Client`](ErrorKind::Client) if the broker does not support the request, like the embedded one
    pub async fn max_message_bytes(&self, topic: &str) -> Result<usize, Error> {
        let value = self.topic_config(topic, MAX_MESSAGE_BYTES).await?;
        value.and_then(|value| value.parse().ok()).ok_or_else(|| {
            let message = format!("topic {topic}: {MAX_MESSAGE_BYTES}: the broker's response contains no valid number");
            Error::new(ErrorKind::Client, message)
        })
    }
}
