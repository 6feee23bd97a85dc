//! [`Producer::topic_configs`]: the configurations of a topic. [`Producer::max_message_bytes`]: its largest batch.

use std::sync::Arc;

use super::partitions::{elsewhere, persist};
use crate::{
    Error, ErrorKind,
    native::{Client, TopicSetting, code},
    producer::{Producer, untyped_producer::check_topic_name},
};

/// A configuration of a topic, from [`Producer::topic_configs`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicConfig {
    name: String,
    value: Option<String>,
    is_set_on_topic: bool,
}

impl TopicConfig {
    fn of(TopicSetting { name, value, is_of_topic }: TopicSetting) -> Self {
        Self { name, value, is_set_on_topic: is_of_topic }
    }

    /// Kafka's name, such as `retention.ms`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value; `None` if the broker does not report it, as for a secret.
    pub fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }

    /// Whether the topic itself sets the value. Otherwise it is that of the brokers, or Kafka's default.
    pub fn is_set_on_topic(&self) -> bool {
        self.is_set_on_topic
    }
}

const MAX_MESSAGE_BYTES: &str = "max.message.bytes";

impl<K: ?Sized + 'static, V: ?Sized + 'static> Producer<K, V> {
    /// Requests the value of a topic's configuration, such as `cleanup.policy`, from a broker; `None` if the broker does not report it, as with
    /// a name that it does not know. Waits at most `max.block.ms` (and at most an hour).
    ///
    /// # Errors
    /// - [`InvalidArgument`](ErrorKind::InvalidArgument) if the name contains a NUL
    /// - otherwise those of [`max_message_bytes`](Self::max_message_bytes)
    pub async fn topic_config(&self, topic: &str, name: &str) -> Result<Option<String>, Error> {
        if name.contains('\0') {
            let message = format!("topic {topic}: {name:?} must not contain a NUL");
            return Err(Error::new(ErrorKind::InvalidArgument, message));
        }
        let configs = self.request_configs(topic, &format!("topic {topic}: {name}")).await?;
        Ok(configs.into_iter().find(|config| config.name == name).and_then(|config| config.value))
    }

    /// Requests all configurations of a topic from a broker, in its order. Waits at most `max.block.ms` (and at most an hour).
    ///
    /// # Errors
    /// Those of [`max_message_bytes`](Self::max_message_bytes).
    pub async fn topic_configs(&self, topic: &str) -> Result<Vec<TopicConfig>, Error> {
        self.request_configs(topic, &format!("topic {topic}: configurations")).await
    }

    async fn request_configs(&self, topic: &str, context: &str) -> Result<Vec<TopicConfig>, Error> {
        let untyped = &self.0.untyped;
        untyped.check_open()?;
        check_topic_name(topic)?;
        let (timeout, state, topic) =
            (untyped.state.admission.buffer_memory.max_block(), Arc::clone(&untyped.state), topic.to_owned());
        let ask = move |client: &Client| persist(client, &state, timeout, |timeout| client.topic_settings(&topic, timeout));
        match elsewhere(&untyped.client, ask).await? {
            Ok(settings) => Ok(settings.into_iter().map(TopicConfig::of).collect()),
            Err(code::TIMED_OUT | code::TRANSPORT) => Err(self.unanswered(context)),
            Err(code) => Err(untyped.state.authentication.broker_errors.blame(Error::from_code(code, context))),
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
