//! [`TopicPartition`].

use std::{fmt, sync::Arc};

use rdkafka::TopicPartitionList;

/// A topic and the number of one of its partitions: Java's `TopicPartition`. Made from a pair as well.
///
/// ```
/// use ottla::consumer::TopicPartition;
///
/// let partition = TopicPartition::from(("orders", 3));
/// assert_eq!((partition.topic(), partition.partition()), ("orders", 3));
/// assert_eq!(partition.to_string(), "orders-3");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    topic: Arc<str>,
    partition: i32,
}

impl TopicPartition {
    /// A partition of a topic.
    pub fn new(topic: impl Into<Arc<str>>, partition: i32) -> Self {
        Self { topic: topic.into(), partition }
    }

    /// The topic.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// The partition's number.
    pub fn partition(&self) -> i32 {
        self.partition
    }

    /// Those of one of librdkafka's lists.
    pub(super) fn all_of(list: &TopicPartitionList) -> Vec<Self> {
        list.elements().iter().map(|element| Self::new(element.topic(), element.partition())).collect()
    }

    /// The same for librdkafka, without offsets.
    pub(super) fn list_of<'a>(partitions: impl IntoIterator<Item = &'a Self>) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            list.add_partition(&partition.topic, partition.partition);
        }
        list
    }
}

impl<T: Into<Arc<str>>> From<(T, i32)> for TopicPartition {
    fn from((topic, partition): (T, i32)) -> Self {
        Self::new(topic, partition)
    }
}

impl From<&Self> for TopicPartition {
    fn from(partition: &Self) -> Self {
        partition.clone()
    }
}

/// As Java prints it: `topic-partition`.
impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}
