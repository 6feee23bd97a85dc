//! [`Offsets`]: the offsets of a consumer to commit.

use std::{collections::BTreeMap, ffi::CString};

use crate::{
    Error,
    native::{NextOffset, code},
};

/// The next offset to read for each partition, to commit with [`Transaction::send_offsets`](crate::Transaction::send_offsets).
///
/// As always in Kafka, the next offset is the offset of the last record plus one. [`OffsetAndMetadata`] adds a leader epoch and metadata.
///
/// ```
/// use ottla::{OffsetAndMetadata, Offsets};
///
/// let mut offsets = Offsets::new();
/// for (partition, offset) in [(0, 41), (1, 7), (0, 42)] {
///     offsets.consumed("payments", partition, offset);
/// }
/// assert_eq!(offsets.next("payments", 0), Some(43));
/// assert_eq!(offsets.next("payments", 1), Some(8));
///
/// offsets.set("payments", 1, OffsetAndMetadata::new(8).with_metadata("up to invoice 17"));
/// assert_eq!(offsets.get("payments", 1).map(OffsetAndMetadata::metadata), Some("up to invoice 17"));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Offsets(BTreeMap<String, BTreeMap<i32, OffsetAndMetadata>>);

/// The next offset to read from a partition, with the data that the group coordinator stores with it: Java's `OffsetAndMetadata`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OffsetAndMetadata {
    offset: i64,
    leader_epoch: Option<i32>,
    metadata: String,
}

impl OffsetAndMetadata {
    /// Creates an offset without leader epoch and metadata.
    pub fn new(offset: i64) -> Self {
        Self { offset, ..Self::default() }
    }

    /// Sets the leader epoch of the last record before the offset (`ConsumerRecord::leader_epoch`). A consumer that starts here uses it to
    /// detect that the new leader lacks that record (KIP-320). Defaults to none.
    #[must_use]
    pub fn with_leader_epoch(self, leader_epoch: i32) -> Self {
        Self { leader_epoch: Some(leader_epoch), ..self }
    }

    /// Sets the metadata, any string of up to the broker's `offset.metadata.max.bytes`, 4096 bytes by default. Defaults to an empty string.
    #[must_use]
    pub fn with_metadata(self, metadata: impl Into<String>) -> Self {
        Self { metadata: metadata.into(), ..self }
    }

    /// The next offset.
    pub fn offset(&self) -> i64 {
        self.offset
    }

    /// The leader epoch, if it is known.
    pub fn leader_epoch(&self) -> Option<i32> {
        self.leader_epoch
    }

    /// The metadata; empty for none.
    pub fn metadata(&self) -> &str {
        &self.metadata
    }
}

/// The offset without leader epoch and metadata.
impl From<i64> for OffsetAndMetadata {
    fn from(offset: i64) -> Self {
        Self::new(offset)
    }
}

impl Offsets {
    /// Creates an empty collection.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a partition's next offset. Replaces the earlier offset and its metadata.
    pub fn set_next(&mut self, topic: &str, partition: i32, next: i64) {
        self.set(topic, partition, next);
    }

    /// Sets a partition's next offset with its metadata, replacing the earlier ones.
    pub fn set(&mut self, topic: &str, partition: i32, next: impl Into<OffsetAndMetadata>) {
        let next = next.into();
        self.change(topic, partition, |known| *known = next);
    }

    /// Marks a record as read: the next offset becomes at least the record's plus one. If the offset advances, its metadata is removed.
    pub fn consumed(&mut self, topic: &str, partition: i32, offset: i64) {
        let next = offset.saturating_add(1);
        self.change(topic, partition, |known| {
            if known.offset < next {
                *known = next.into();
            }
        });
    }

    /// A partition's next offset.
    pub fn next(&self, topic: &str, partition: i32) -> Option<i64> {
        self.get(topic, partition).map(OffsetAndMetadata::offset)
    }

    /// A partition's next offset with its metadata.
    pub fn get(&self, topic: &str, partition: i32) -> Option<&OffsetAndMetadata> {
        self.0.get(topic)?.get(&partition)
    }

    /// Topic, partition and next offset, sorted by topic and partition.
    pub fn iter(&self) -> impl Iterator<Item = (&str, i32, i64)> {
        self.entries().map(|(topic, partition, next)| (topic, partition, next.offset))
    }

    /// Topic, partition, and next offset with its metadata, sorted by topic and partition.
    pub fn entries(&self) -> impl Iterator<Item = (&str, i32, &OffsetAndMetadata)> {
        self.0
            .iter()
            .flat_map(|(topic, partitions)| partitions.iter().map(|(partition, next)| (topic.as_str(), *partition, next)))
    }

    /// Changes a partition's offset. Copies the topic name only for a new topic.
    fn change(&mut self, topic: &str, partition: i32, change: impl FnOnce(&mut OffsetAndMetadata)) {
        match self.0.get_mut(topic) {
            Some(partitions) => change(partitions.entry(partition).or_default()),
            None => change(self.0.entry(topic.to_owned()).or_default().entry(partition).or_default()),
        }
    }

    /// Whether there are no offsets.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Checks the offsets and converts topic names to C strings.
    pub(crate) fn to_native(&self) -> Result<NativeOffsets, Error> {
        let invalid = |what: String| Error::from_code(code::INVALID_ARG, &what).not_abortable();
        let offsets = self.entries().map(|(topic, partition, next)| {
            if partition < 0 || next.offset < 0 {
                let offset = next.offset;
                return Err(invalid(format!(
                    "topic {topic}, partition {partition}, offset {offset}: partition and offset must not be negative"
                )));
            }
            let topic = CString::new(topic).map_err(|_| invalid(format!("topic name {topic:?} must not contain NUL")))?;
            Ok((topic, partition, next.clone()))
        });
        offsets.collect::<Result<_, _>>().map(NativeOffsets)
    }
}

/// Checked offsets, with topic names as C strings.
#[derive(PartialEq)]
pub(crate) struct NativeOffsets(Vec<(CString, i32, OffsetAndMetadata)>);

impl NativeOffsets {
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = NextOffset<'_>> {
        self.0.iter().map(|(topic, partition, next)| NextOffset {
            topic,
            partition: *partition,
            offset: next.offset,
            leader_epoch: next.leader_epoch,
            metadata: &next.metadata,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn consumed_never_decreases_the_offset() {
        let mut offsets = Offsets::new();
        assert!(offsets.is_empty());
        offsets.consumed("t", 0, 5);
        offsets.consumed("t", 0, 3);
        assert_eq!(offsets.next("t", 0), Some(6));
        offsets.set_next("t", 0, 2);
        assert_eq!((offsets.next("t", 0), offsets.next("t", 1)), (Some(2), None));
    }

    #[test]
    fn metadata_is_kept_until_the_offset_advances() {
        let mut offsets = Offsets::new();
        let with = OffsetAndMetadata::new(6).with_leader_epoch(3).with_metadata("m");
        offsets.set("t", 0, with.clone());
        offsets.consumed("t", 0, 5);
        assert_eq!(offsets.get("t", 0), Some(&with), "the offset was already the next one");
        let native = offsets.to_native().unwrap();
        let next = native.iter().next().unwrap();
        assert_eq!((next.offset, next.leader_epoch, next.metadata), (6, Some(3), "m"));
        offsets.consumed("t", 0, 6);
        assert_eq!(offsets.get("t", 0), Some(&OffsetAndMetadata::new(7)));
    }

    #[test]
    fn invalid_offsets_are_rejected() {
        for (topic, partition, next) in [("t", 0, -1), ("t", -1, 0), ("a\0b", 0, 0)] {
            let mut offsets = Offsets::new();
            offsets.set_next(topic, partition, next);
            assert_eq!(offsets.to_native().err().map(|error| error.kind()), Some(ErrorKind::InvalidArgument));
        }
    }
}
