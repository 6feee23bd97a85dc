//! The greatest batch that the brokers take for a topic.

use std::{ffi::CStr, sync::Arc};

use super::partitions::{elsewhere, persist};
use crate::{
    Error, ErrorKind,
    native::{Client, code},
    producer::{Producer, core::check_topic_name},
};

const MAX_MESSAGE_BYTES: &CStr = c"max.message.bytes";

impl<K: ?Sized + 'static, V: ?Sized + 'static> Producer<K, V> {
    /// The greatest batch in bytes that the brokers take for a topic: its `max.message.bytes`, asked of a broker; waits for `max.block.ms`
    /// at most (an hour at the longest).
    ///
    /// librdkafka does not know this limit, and a batch above it is refused whole, with [`BatchTooLarge`](ErrorKind::BatchTooLarge). So
    /// `batch.size`, 1000000 by default, should be at most this; Kafka's own default is 1048588. The size counts after compression.
    ///
    /// # Errors
    /// [`Closed`](ErrorKind::Closed) once the producer is closed; [`MetadataTimeout`](ErrorKind::MetadataTimeout) if no broker answered;
    /// [`Authentication`](ErrorKind::Authentication) if the brokers do not let this client in; [`Authorization`](ErrorKind::Authorization)
    /// without the right to describe the topic's settings (`DescribeConfigs`);
    /// [`UnknownTopicOrPartition`](ErrorKind::UnknownTopicOrPartition) if there is no such topic; [`Client`](ErrorKind::Client) if the
    /// broker does not know the question, as the embedded one does not.
    pub async fn max_message_bytes(&self, topic: &str) -> Result<usize, Error> {
        let core = &self.0.core;
        core.check_open()?;
        check_topic_name(topic)?;
        let (timeout, shared, name) = (core.shared.buffer_memory.max_block(), Arc::clone(&core.shared), topic.to_owned());
        let ask = move |client: &Client| {
            persist(client, &shared, timeout, |timeout| client.topic_setting(&name, MAX_MESSAGE_BYTES, timeout))
        };
        let context = format!("topic {topic}: max.message.bytes");
        match elsewhere(&core.client, ask).await? {
            Ok(value) => value.and_then(|value| value.parse().ok()).ok_or_else(|| {
                Error::new(ErrorKind::Client, format!("{context}: the broker's answer does not have it as a number"))
            }),
            Err(code::TIMED_OUT | code::TRANSPORT) => Err(self.unanswered(&context)),
            Err(code) => Err(core.shared.broker_errors.blame(Error::from_code(code, &context))),
        }
    }
}
