//! [`PartitionTotals`]: the acknowledged records of a topic's partitions.

use serde::{Serialize, Serializer, ser::SerializeMap as _};

/// The records of a topic's partitions, by number.
pub(crate) type Partitions = Vec<PartitionTotals>;

/// The records of a partition. A partition without records is not reported.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct PartitionTotals {
    pub(crate) records: u64,
    pub(crate) first_offset: Option<i64>,
    pub(crate) last_offset: Option<i64>,
}

/// Adds the records of other partitions.
pub(crate) fn merge(partitions: &mut Partitions, others: Partitions) {
    if partitions.len() < others.len() {
        partitions.resize_with(others.len(), PartitionTotals::default);
    }
    for (mine, other) in partitions.iter_mut().zip(others) {
        mine.merge(&other);
    }
}

/// The partitions with records.
pub(crate) fn used(partitions: &Partitions) -> impl Iterator<Item = (usize, &PartitionTotals)> {
    partitions.iter().enumerate().filter(|(_, partition)| partition.records > 0)
}

impl PartitionTotals {
    pub(crate) fn add(&mut self, offset: Option<i64>) {
        self.merge(&Self { records: 1, first_offset: offset, last_offset: offset });
    }

    fn merge(&mut self, other: &Self) {
        self.records += other.records;
        self.first_offset = match (self.first_offset, other.first_offset) {
            (Some(mine), Some(other)) => Some(mine.min(other)),
            (mine, other) => mine.or(other),
        };
        // `None` sorts below every offset.
        self.last_offset = self.last_offset.max(other.last_offset);
    }
}

/// The partitions as a JSON object, ordered by number.
pub(crate) struct UsedPartitions<'a>(pub(crate) &'a Partitions);

impl Serialize for UsedPartitions<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(used(self.0).count()))?;
        for (number, partition) in used(self.0) {
            map.serialize_entry(&number, partition)?;
        }
        map.end()
    }
}
