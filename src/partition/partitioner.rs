//! [`Partitioner`]: a custom partitioner.

use std::{fmt, num::NonZeroU32};

use crate::record::Headers;

/// Chooses the partition of each record that does not name one: Java's `Partitioner`. Pass it to
/// [`ProducerBuilder::partitioner`](crate::ProducerBuilder::partitioner).
///
/// It sees the serialized key, the serialized value and the headers. Java also passes the objects, and blocks `send` until the topic's
/// partitions are known. Here nothing blocks: for a topic that is not known yet, the partitioner is called later on a thread of librdkafka,
/// with the serialized bytes. If the choice needs the objects, make it where they are: an [`Interceptor`](crate::Interceptor) or the program
/// sets a header that the partitioner reads, or sets the partition itself ([`ProducerRecord::partition`](crate::ProducerRecord::partition)).
///
/// One partitioner serves all topics of a producer, and is called for records with and without a key. It is called on several threads at
/// once, while librdkafka holds a lock on the topic, so it must not block and must not call the producer. The serialized bytes stay in memory
/// until the record is reported; `buffer.memory` counts them as usual.
///
/// If it panics or returns a partition that the topic does not have, the record fails with
/// [`ErrorKind::Partitioner`](crate::ErrorKind::Partitioner); other records are not affected. The error comes from `send` if the partitions
/// were known, and from the [`Delivery`](crate::Delivery) otherwise.
///
/// A closure can be a partitioner:
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
    /// Returns the partition for this record, counted from 0.
    fn partition(&self, record: &PartitionContext<'_>) -> i32;
}

impl<F: Fn(&PartitionContext<'_>) -> i32 + Send + Sync + 'static> Partitioner for F {
    fn partition(&self, record: &PartitionContext<'_>) -> i32 {
        self(record)
    }
}

/// A record without a partition, and the partitions of its topic.
///
/// The producer creates it. Tests of a partitioner create one with [`new`](Self::new):
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
    /// A record without key, value and headers, for a topic with `partitions` partitions, all of them available.
    pub fn new(topic: &'a str, partitions: NonZeroU32) -> Self {
        const NO_HEADERS: &Headers = &Headers::new();
        Self { topic, key: None, value: None, headers: NO_HEADERS, partitions, available: &|_| true }
    }

    /// Sets the serialized key.
    #[must_use]
    pub fn with_key(self, key: &'a [u8]) -> Self {
        Self { key: Some(key), ..self }
    }

    /// Sets the serialized value.
    #[must_use]
    pub fn with_value(self, value: &'a [u8]) -> Self {
        Self { value: Some(value), ..self }
    }

    /// Sets the headers.
    #[must_use]
    pub fn with_headers(self, headers: &'a Headers) -> Self {
        Self { headers, ..self }
    }

    /// Sets the available partitions.
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

    /// The headers, including those that serializers and interceptors added.
    pub fn headers(&self) -> &'a Headers {
        self.headers
    }

    /// The number of partitions of the topic in the latest metadata; it grows when partitions are added. They are numbered from 0.
    pub fn partitions(&self) -> NonZeroU32 {
        self.partitions
    }

    /// Whether the partition exists and librdkafka knows its leader.
    pub fn is_available(&self, partition: i32) -> bool {
        (0..self.count()).contains(&partition) && (self.available)(partition)
    }

    /// The available partitions in ascending order; there may be none.
    pub fn available(&self) -> impl Iterator<Item = i32> {
        let available = self.available;
        (0..self.count()).filter(move |&partition| available(partition))
    }

    /// The Java client's choice for this key ([`partition_for`](super::partition_for)); `None` for a null key.
    pub fn java_partition(&self) -> Option<i32> {
        self.key.map(|key| super::partition_for(key, self.partitions))
    }

    fn count(&self) -> i32 {
        i32::try_from(self.partitions.get()).unwrap_or(i32::MAX)
    }
}

/// Shows where the record goes and which parts it has, never their content.
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
    fn availability_is_checked_for_existing_partitions_only() {
        let odd = |partition: i32| partition % 2 == 1;
        let record = PartitionContext::new("orders", NonZeroU32::new(6).unwrap()).with_available(&odd);
        assert_eq!(record.available().collect::<Vec<_>>(), [1, 3, 5]);
        assert_eq!([-1, 0, 1, 7].map(|partition| record.is_available(partition)), [false, false, true, false]);
    }

    #[test]
    fn debug_does_not_show_record_content() {
        let headers: Headers = [("name", Some("secret"))].into_iter().collect();
        let record = PartitionContext::new("orders", NonZeroU32::MIN).with_key(b"secret").with_value(b"secret");
        let printed = format!("{:?}", record.with_headers(&headers));
        assert!(printed.contains("name") && !printed.contains("secret") && !printed.contains("115"), "{printed}");
        assert_eq!(record.java_partition(), Some(0));
    }
}
