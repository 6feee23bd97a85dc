//! [`Offsets`]: how far a consumer has come.

use std::{collections::BTreeMap, ffi::CString};

use crate::{
    Error,
    native::{NextOffset, code},
};

/// The next offset to read, of partitions: what [`Transaction::send_offsets`](crate::Transaction::send_offsets) commits.
///
/// As everywhere in Kafka that is one more than the offset of the last record that was read. What else is kept with an offset is its
/// [`OffsetAndMetadata`].
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

/// A partition's next offset to read, and what its group's coordinator keeps with it: Java's `OffsetAndMetadata`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OffsetAndMetadata {
    offset: i64,
    leader_epoch: Option<i32>,
    metadata: String,
}

impl OffsetAndMetadata {
    /// The next offset, with nothing beside it.
    pub fn new(offset: i64) -> Self {
        Self { offset, ..Self::default() }
    }

    /// With the epoch of the leader from which the last record before the offset was read (`ConsumerRecord::leader_epoch`): a consumer
    /// that reads on from here notices by it that a leader without that record has taken over (KIP-320). Defaults to none.
    #[must_use]
    pub fn with_leader_epoch(self, leader_epoch: i32) -> Self {
        Self { leader_epoch: Some(leader_epoch), ..self }
    }

    /// With a text of the program's own; a broker takes up to its `offset.metadata.max.bytes`, 4096 by default. Defaults to an empty one.
    #[must_use]
    pub fn with_metadata(self, metadata: impl Into<String>) -> Self {
        Self { metadata: metadata.into(), ..self }
    }

    /// The next offset.
    pub fn offset(&self) -> i64 {
        self.offset
    }

    /// The leader's epoch, if it is known.
    pub fn leader_epoch(&self) -> Option<i32> {
        self.leader_epoch
    }

    /// The program's text; empty for none.
    pub fn metadata(&self) -> &str {
        &self.metadata
    }
}

/// The next offset alone.
impl From<i64> for OffsetAndMetadata {
    fn from(offset: i64) -> Self {
        Self::new(offset)
    }
}

impl Offsets {
    /// None so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a partition's next offset, in place of the one that it has and of what was kept with that.
    pub fn set_next(&mut self, topic: &str, partition: i32, next: i64) {
        self.set(topic, partition, next);
    }

    /// Sets a partition's next offset and what is kept with it, in place of what it has.
    pub fn set(&mut self, topic: &str, partition: i32, next: impl Into<OffsetAndMetadata>) {
        let next = next.into();
        self.change(topic, partition, |known| *known = next);
    }

    /// Takes note that a record has been read: the next offset is at least one more than its own. Of a partition that goes on, nothing is kept
    /// with the offset any more.
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

    /// A partition's next offset with what is kept with it.
    pub fn get(&self, topic: &str, partition: i32) -> Option<&OffsetAndMetadata> {
        self.0.get(topic)?.get(&partition)
    }

    /// Topic, partition and next offset of each, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, i32, i64)> {
        self.entries().map(|(topic, partition, next)| (topic, partition, next.offset))
    }

    /// Topic, partition, and next offset with what is kept with it of each, in order.
    pub fn entries(&self) -> impl Iterator<Item = (&str, i32, &OffsetAndMetadata)> {
        self.0
            .iter()
            .flat_map(|(topic, partitions)| partitions.iter().map(|(partition, next)| (topic.as_str(), *partition, next)))
    }

    /// Changes what a partition has. The topic's name is copied only where it is new.
    fn change(&mut self, topic: &str, partition: i32, change: impl FnOnce(&mut OffsetAndMetadata)) {
        match self.0.get_mut(topic) {
            Some(partitions) => change(partitions.entry(partition).or_default()),
            None => change(self.0.entry(topic.to_owned()).or_default().entry(partition).or_default()),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Copies them for C, if they are offsets.
    pub(crate) fn to_native(&self) -> Result<NativeOffsets, Error> {
        let invalid = |what: String| Error::from_code(code::INVALID_ARG, &what).that_fails_nothing();
        let offsets = self.entries().map(|(topic, partition, next)| {
            if partition < 0 || next.offset < 0 {
                let offset = next.offset;
                return Err(invalid(format!("topic {topic}, partition {partition}: offset {offset} is not one to read from")));
            }
            let topic = CString::new(topic).map_err(|_| invalid(format!("topic {topic:?} has a NUL in its name")))?;
            Ok((topic, partition, next.clone()))
        });
        offsets.collect::<Result<_, _>>().map(NativeOffsets)
    }
}

/// Checked offsets, with their topics' names as C has them.
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
    fn what_was_consumed_never_goes_back() {
        let mut offsets = Offsets::new();
        assert!(offsets.is_empty());
        offsets.consumed("t", 0, 5);
        offsets.consumed("t", 0, 3);
        assert_eq!(offsets.next("t", 0), Some(6));
        offsets.set_next("t", 0, 2);
        assert_eq!((offsets.next("t", 0), offsets.next("t", 1)), (Some(2), None));
    }

    #[test]
    fn what_is_kept_with_an_offset_goes_with_it() {
        let mut offsets = Offsets::new();
        let with = OffsetAndMetadata::new(6).with_leader_epoch(3).with_metadata("m");
        offsets.set("t", 0, with.clone());
        offsets.consumed("t", 0, 5);
        assert_eq!(offsets.get("t", 0), Some(&with), "it was the next one already");
        let native = offsets.to_native().unwrap();
        let next = native.iter().next().unwrap();
        assert_eq!((next.offset, next.leader_epoch, next.metadata), (6, Some(3), "m"));
        offsets.consumed("t", 0, 6);
        assert_eq!(offsets.get("t", 0), Some(&OffsetAndMetadata::new(7)));
    }

    #[test]
    fn what_is_no_offset_is_refused() {
        for (topic, partition, next) in [("t", 0, -1), ("t", -1, 0), ("a\0b", 0, 0)] {
            let mut offsets = Offsets::new();
            offsets.set_next(topic, partition, next);
            assert_eq!(offsets.to_native().err().map(|error| error.kind()), Some(ErrorKind::InvalidArgument));
        }
    }
}
