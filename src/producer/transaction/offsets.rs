//! [`Offsets`]: how far a consumer has come.

use std::{collections::BTreeMap, ffi::CString};

use crate::{
    Error,
    native::{NextOffset, code},
};

/// The next offset to read, of partitions: what [`Transaction::send_offsets`](crate::Transaction::send_offsets) commits.
///
/// As everywhere in Kafka that is one more than the offset of the last record that was read.
///
/// ```
/// use ottla::Offsets;
///
/// let mut offsets = Offsets::new();
/// for (partition, offset) in [(0, 41), (1, 7), (0, 42)] {
///     offsets.consumed("payments", partition, offset);
/// }
/// assert_eq!(offsets.next("payments", 0), Some(43));
/// assert_eq!(offsets.next("payments", 1), Some(8));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Offsets(BTreeMap<(String, i32), i64>);

impl Offsets {
    /// None so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a partition's next offset, in place of the one that it has.
    pub fn set_next(&mut self, topic: &str, partition: i32, next: i64) {
        self.0.insert((topic.to_owned(), partition), next);
    }

    /// Takes note that a record has been read: the next offset is at least one more than its own.
    pub fn consumed(&mut self, topic: &str, partition: i32, offset: i64) {
        let next = self.0.entry((topic.to_owned(), partition)).or_default();
        *next = (*next).max(offset.saturating_add(1));
    }

    /// A partition's next offset.
    pub fn next(&self, topic: &str, partition: i32) -> Option<i64> {
        self.0.get(&(topic.to_owned(), partition)).copied()
    }

    /// Topic, partition and next offset of each, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, i32, i64)> {
        self.0.iter().map(|((topic, partition), next)| (topic.as_str(), *partition, *next))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Copies them for the transaction thread, if they are offsets.
    pub(super) fn to_native(&self) -> Result<NativeOffsets, Error> {
        let invalid = |what: String| Error::from_code(code::INVALID_ARG, &what);
        let offsets = self.0.iter().map(|((topic, partition), next)| {
            if *partition < 0 || *next < 0 {
                return Err(invalid(format!("topic {topic}, partition {partition}: offset {next} is not one to read from")));
            }
            let topic = CString::new(topic.as_str()).map_err(|_| invalid(format!("topic {topic:?} has a NUL in its name")))?;
            Ok((topic, *partition, *next))
        });
        offsets.collect::<Result<_, _>>().map(NativeOffsets)
    }
}

/// Checked offsets, with their topics' names as C has them.
pub(super) struct NativeOffsets(Vec<(CString, i32, i64)>);

impl NativeOffsets {
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = NextOffset<'_>> {
        self.0.iter().map(|(topic, partition, offset)| NextOffset { topic, partition: *partition, offset: *offset })
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
    fn what_is_no_offset_is_refused() {
        for (topic, partition, next) in [("t", 0, -1), ("t", -1, 0), ("a\0b", 0, 0)] {
            let mut offsets = Offsets::new();
            offsets.set_next(topic, partition, next);
            assert_eq!(offsets.to_native().err().map(|error| error.kind()), Some(ErrorKind::InvalidRecord));
        }
    }
}
