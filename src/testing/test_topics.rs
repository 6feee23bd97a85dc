//! [`TestTopics`]: the topics of a test on a real Kafka.

use std::{fmt, sync::Mutex};

#[cfg(doc)]
use crate::ErrorKind;
use crate::{
    Error, Producer, ProducerConfig,
    block_on::block_on,
    lock::{lock, unpoisoned},
    panic::emit,
    producer::NewTopic,
};

/// Creates and deletes topics on a real Kafka, for integration tests. ([`EmbeddedKafka`](super::EmbeddedKafka) has methods of its own for
/// its topics, and does not support these requests.)
///
/// The methods block for `max.block.ms` at most. They do not need a runtime, and may be called in one.
///
/// ```no_run
/// use ottla::{
///     ProducerConfig,
///     testing::{NewTopic, TestTopics},
/// };
///
/// let config = ProducerConfig::new().set("bootstrap.servers", "localhost:9092")?;
/// let topics = TestTopics::connect(config)?.delete_on_drop(true);
/// topics.create(NewTopic::new("orders").partitions(6).config("cleanup.policy", "compact"))?;
///
/// // .. the test sends to the topic ..
///
/// # Ok::<(), ottla::Error>(())
/// ```
pub struct TestTopics {
    producer: Producer<[u8], [u8]>,
    /// The topics to delete on drop.
    created: Mutex<Vec<String>>,
    delete_on_drop: bool,
}

impl TestTopics {
    /// A client of these brokers. The configuration is that of a producer: `bootstrap.servers`, and the settings of TLS and SASL if needed.
    /// Connects in the background.
    ///
    /// # Errors
    /// The errors of [`ProducerBuilder::build`](crate::ProducerBuilder::build).
    pub fn connect(config: ProducerConfig) -> Result<Self, Error> {
        Ok(Self { producer: Producer::builder(config).build()?, created: Mutex::default(), delete_on_drop: false })
    }

    /// Sets whether dropping this value deletes the topics that it has created and not deleted. Defaults to false. The drop blocks for
    /// `max.block.ms` at most for each of them, and logs what fails as a warning.
    #[must_use]
    pub fn delete_on_drop(mut self, delete_on_drop: bool) -> Self {
        self.delete_on_drop = delete_on_drop;
        self
    }

    /// Creates a topic, and blocks until the leader of each of its partitions has opened it. (A broker that is still opening a partition may
    /// reject a producer's first batch and accept the second one, after which the first one fails with
    /// [`Unconfirmed`](ErrorKind::Unconfirmed).)
    ///
    /// # Errors
    /// The errors of [`Producer::create_topic`].
    pub fn create(&self, topic: NewTopic) -> Result<(), Error> {
        let name = topic.name().to_owned();
        block_on(self.producer.create_topic(topic))?;
        lock(&self.created).push(name);
        Ok(())
    }

    /// Deletes a topic, also one that another program has created. The brokers remove its records later.
    ///
    /// # Errors
    /// As for [`create`](Self::create); [`UnknownTopicOrPartition`](ErrorKind::UnknownTopicOrPartition) if the topic does not exist.
    pub fn delete(&self, name: &str) -> Result<(), Error> {
        block_on(self.producer.delete_topic(name))?;
        lock(&self.created).retain(|created| created != name);
        Ok(())
    }
}

impl Drop for TestTopics {
    fn drop(&mut self) {
        if !self.delete_on_drop {
            return;
        }
        for topic in std::mem::take(unpoisoned(self.created.get_mut())) {
            if let Err(error) = block_on(self.producer.delete_topic(&topic)) {
                emit!(warn, %error, "a topic of a test was not deleted");
            }
        }
    }
}

impl fmt::Debug for TestTopics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestTopics")
            .field("created", &*lock(&self.created))
            .field("delete_on_drop", &self.delete_on_drop)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn unreachable() -> TestTopics {
        let config = ProducerConfig::new().bootstrap_servers(["127.0.0.1:1"]).set("max.block.ms", "100").unwrap();
        TestTopics::connect(config).unwrap()
    }

    #[test]
    fn invalid_topics_are_rejected_without_a_broker() {
        let topics = unreachable();
        for (new, kind, message) in [
            (NewTopic::new("t").partitions(0), ErrorKind::InvalidArgument, "topic \"t\": 0 partitions: must be at least 1"),
            (
                NewTopic::new("t").partitions(u32::MAX),
                ErrorKind::InvalidArgument,
                "topic \"t\": 4294967295 partitions are too many",
            ),
            (
                NewTopic::new("t").replication_factor(0),
                ErrorKind::InvalidArgument,
                "topic \"t\": a replication factor of 0: must be at least 1",
            ),
            (NewTopic::new("t").config("a", "b\0c"), ErrorKind::InvalidArgument, "topic \"t\": \"b\\0c\" must not contain a NUL"),
        ] {
            let error = topics.create(new).unwrap_err();
            assert_eq!((error.kind(), error.to_string().as_str()), (kind, message));
        }
        let error = topics.create(NewTopic::new("")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRecord, "{error}");
        assert_eq!(topics.delete("a b").unwrap_err().kind(), ErrorKind::InvalidRecord);
    }

    #[test]
    fn unreachable_brokers_are_reported_with_the_topic() {
        let topics = unreachable();
        for (error, what) in [
            (topics.create(NewTopic::new("orders").partitions(1)).unwrap_err(), "topic orders: not created: "),
            (topics.delete("orders").unwrap_err(), "topic orders: not deleted: "),
        ] {
            assert_eq!(error.kind(), ErrorKind::MetadataTimeout, "{error:?}");
            assert!(error.to_string().starts_with(what), "{error}");
        }
    }
}
