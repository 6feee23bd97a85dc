//! [`Partitioner`]: a choice of partitions of one's own.

use std::{fmt, num::NonZeroU32};

use crate::record::Headers;

/// Chooses the partition of each record that does not name one: Java's `Partitioner`, given to
/// [`ProducerBuilder::partitioner`](crate::ProducerBuilder::partitioner).
///
/// It sees the record as it goes out: key and value serialized, and the headers. Java shows the objects too, and waits in `send` until
/// it knows the topic's partitions. Here nothing waits: for a topic that the brokers have not told of yet the choice is made once they
/// have, on a thread of librdkafka's, when key and value are bytes and no more. A choice that needs more than their bytes is made
/// where the types are: an [`Interceptor`](crate::Interceptor) or the program sets a header that the partitioner reads, or names the
/// partition itself ([`ProducerRecord::partition`](crate::ProducerRecord::partition)), so that no partitioner is asked.
///
/// One partitioner serves all of a producer's topics, and is called for records without a key too. It runs on whichever thread has
/// the record and the topic's metadata, on several at once, and while librdkafka has locked the topic: it must not block, and must
/// not call the producer. As long as a record is under way its bytes are kept in memory for it, which `buffer.memory` counts as always.
///
/// What is not one of the topic's partitions, and a panic, fail the record with
/// [`ErrorKind::Partitioner`](crate::ErrorKind::Partitioner), and no other: from `send` if the partitions were known, else from the
/// [`Delivery`](crate::Delivery).
///
/// A closure will do:
///
/// ```
/// use ottla::{Producer, ProducerConfig, partition::PartitionContext};
///
/// # let config = ProducerConfig::new().set("bootstrap.servers", "localhost:9092")?;
/// let producer: Producer<str, str> = Producer::builder(config)
///     .partitioner(|record: &PartitionContext<'_>| match record.headers().last("priority") {
///         Some(_) => 0,
///         None => record.java_partition().unwrap_or(1),
///     })
///     .build()?;
/// # Ok::<(), ottla::Error>(())
/// ```
pub trait Partitioner: Send + Sync + 'static {
    /// The partition for this record, from 0.
    fn partition(&self, record: &PartitionContext<'_>) -> i32;
}

impl<F: Fn(&PartitionContext<'_>) -> i32 + Send + Sync + 'static> Partitioner for F {
    fn partition(&self, record: &PartitionContext<'_>) -> i32 {
        self(record)
    }
}

/// A record without a partition and what is known of its topic, as a [`Partitioner`] sees them.
///
/// Made by the producer; by [`new`](Self::new) to test a partitioner:
///
/// ```
/// use std::num::NonZeroU32;
///
/// use ottla::partition::{PartitionContext, Partitioner};
///
/// let by_length = |record: &PartitionContext<'_>| record.value().map_or(0, <[u8]>::len) as i32 % record.partitions().get() as i32;
/// let three = NonZeroU32::new(3).ok_or("no partitions")?;
/// assert_eq!(by_length.partition(&PartitionContext::new("orders", three).with_value(b"paid")), 1);
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Copy)]
pub struct PartitionContext<'a> {
    topic: &'a str,
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    headers: &'a Headers,
    partitions: NonZeroU32,
    available: &'a dyn Fn(i32) -> bool,
}

impl<'a> PartitionContext<'a> {
    /// A record without key, value and headers, for a topic with so many partitions, all of which are available.
    pub fn new(topic: &'a str, partitions: NonZeroU32) -> Self {
        const NO_HEADERS: &Headers = &Headers::new();
        Self { topic, key: None, value: None, headers: NO_HEADERS, partitions, available: &|_| true }
    }

    /// The same record with this serialized key.
    #[must_use]
    pub fn with_key(self, key: &'a [u8]) -> Self {
        Self { key: Some(key), ..self }
    }

    /// The same record with this serialized value.
    #[must_use]
    pub fn with_value(self, value: &'a [u8]) -> Self {
        Self { value: Some(value), ..self }
    }

    /// The same record with these headers.
    #[must_use]
    pub fn with_headers(self, headers: &'a Headers) -> Self {
        Self { headers, ..self }
    }

    /// The same record where only these partitions are available.
    #[must_use]
    pub fn with_available(self, available: &'a dyn Fn(i32) -> bool) -> Self {
        Self { available, ..self }
    }

    /// The topic.
    pub fn topic(&self) -> &'a str {
        self.topic
    }

    /// The serialized key, `None` for null.
    pub fn key(&self) -> Option<&'a [u8]> {
        self.key
    }

    /// The serialized value, `None` for null.
    pub fn value(&self) -> Option<&'a [u8]> {
        self.value
    }

    /// The headers, with what serializers and interceptors have added.
    pub fn headers(&self) -> &'a Headers {
        self.headers
    }

    /// How many partitions the topic has, as of the metadata that came last: it grows when some are added. They are numbered from 0.
    pub fn partitions(&self) -> NonZeroU32 {
        self.partitions
    }

    /// Whether the partition exists and has a leader that librdkafka knows.
    pub fn is_available(&self, partition: i32) -> bool {
        (0..self.count()).contains(&partition) && (self.available)(partition)
    }

    /// The partitions that are available, ascending; perhaps none.
    pub fn available(&self) -> impl Iterator<Item = i32> {
        let available = self.available;
        (0..self.count()).filter(move |&partition| available(partition))
    }

    /// The partition that the Java client chooses for this key ([`partition_for`](super::partition_for)); `None` for a null key.
    pub fn java_partition(&self) -> Option<i32> {
        self.key.map(|key| super::partition_for(key, self.partitions))
    }

    fn count(&self) -> i32 {
        i32::try_from(self.partitions.get()).unwrap_or(i32::MAX)
    }
}

/// Shows where the record goes and which parts it has, never what is in it.
impl fmt::Debug for PartitionContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartitionContext")
            .field("topic", &self.topic)
            .field("key", &self.key.map(<[u8]>::len))
            .field("value", &self.value.map(<[u8]>::len))
            .field("headers", &self.headers)
            .field("partitions", &self.partitions)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_available_is_asked_for_the_topic_s_partitions_only() {
        let odd = |partition: i32| partition % 2 == 1;
        let record = PartitionContext::new("orders", NonZeroU32::new(6).unwrap()).with_available(&odd);
        assert_eq!(record.available().collect::<Vec<_>>(), [1, 3, 5]);
        assert_eq!([-1, 0, 1, 7].map(|partition| record.is_available(partition)), [false, false, true, false]);
    }

    #[test]
    fn a_record_s_content_is_not_printed() {
        let headers: Headers = [("name", Some("secret"))].into_iter().collect();
        let record = PartitionContext::new("orders", NonZeroU32::MIN).with_key(b"secret").with_value(b"secret");
        let printed = format!("{:?}", record.with_headers(&headers));
        assert!(printed.contains("name") && !printed.contains("secret") && !printed.contains("115"), "{printed}");
        assert_eq!(record.java_partition(), Some(0));
    }
}
