//! [`TopicPartition`].

use std::{ffi::CString, fmt, sync::Arc};

use crate::{
    Error,
    native::{OffsetList, code},
};

/// A topic and a partition number: Java's `TopicPartition`. It can be created from a pair.
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

    /// The partition number.
    pub fn partition(&self) -> i32 {
        self.partition
    }

    /// The topic name for librdkafka.
    pub(super) fn native_topic(&self) -> Result<CString, Error> {
        native_topic(&self.topic)
    }
}

/// A topic name for librdkafka.
pub(super) fn native_topic(topic: &str) -> Result<CString, Error> {
    CString::new(topic)
        .map_err(|_| Error::from_code(code::INVALID_ARG, &format!("topic {topic:?}: the name must not contain a NUL")))
}

/// Partitions and offsets (or logical offsets) for librdkafka.
pub(super) fn native_list(partitions: &[(TopicPartition, i64)]) -> Result<OffsetList, Error> {
    let topics: Vec<_> = partitions.iter().map(|(partition, _)| partition.native_topic()).collect::<Result<_, _>>()?;
    let elements = topics.iter().zip(partitions);
    Ok(OffsetList::of(elements.map(|(topic, (partition, offset))| (topic.as_c_str(), partition.partition, *offset))))
}

/// Partitions for librdkafka.
pub(super) fn native_partitions(partitions: &[TopicPartition]) -> Result<OffsetList, Error> {
    let partitions: Vec<_> = partitions.iter().map(|partition| (partition.clone(), code::NO_OFFSET_YET)).collect();
    native_list(&partitions)
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

/// In Java's form: `topic-partition`.
impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}
