//! [`Producer::max_message_bytes`]: the largest batch of a topic.

use std::{ffi::CStr, sync::Arc};

use super::partitions::{elsewhere, persist};
use crate::{
    Error, ErrorKind,
    native::{Client, code},
    producer::{Producer, untyped_producer::check_topic_name},
};

const MAX_MESSAGE_BYTES: &CStr = c"max.message.bytes";

impl<K: ?Sized + 'static, V: ?Sized + 'static> Producer<K, V> {
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
        let untyped = &self.0.untyped;
        untyped.check_open()?;
        check_topic_name(topic)?;
        let (timeout, state, name) =
            (untyped.state.admission.buffer_memory.max_block(), Arc::clone(&untyped.state), topic.to_owned());
        let ask = move |client: &Client| {
            persist(client, &state, timeout, |timeout| client.topic_setting(&name, MAX_MESSAGE_BYTES, timeout))
        };
        let context = format!("topic {topic}: max.message.bytes");
        match elsewhere(&untyped.client, ask).await? {
            Ok(value) => value.and_then(|value| value.parse().ok()).ok_or_else(|| {
                Error::new(ErrorKind::Client, format!("{context}: the broker's response contains no valid number"))
            }),
            Err(code::TIMED_OUT | code::TRANSPORT) => Err(self.unanswered(&context)),
            Err(code) => Err(untyped.state.authentication.broker_errors.blame(Error::from_code(code, &context))),
        }
    }
}
