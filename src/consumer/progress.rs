//! [`Progress`]: the offsets that the program has reached in each partition.

use std::{collections::HashMap, sync::Arc};

use super::{
    TopicPartition,
    done::{Awaited, Window},
};
use crate::Offsets;

/// The offsets reached in the partitions that a consumer has or had.
///
/// A record is *taken* when the program receives it. It is *processed* when the program requests the next one: Java, too, commits
/// automatically the records returned by earlier polls, not those of the last one. With `explicit_done` it is processed when it is marked.
#[derive(Debug)]
pub(super) struct Progress {
    partitions: Vec<PartitionProgress>,
    numbers: HashMap<Arc<str>, HashMap<i32, usize>>,
    /// The partitions with taken records that are not processed. Not used with `explicit_done`.
    unprocessed: Vec<usize>,
    /// The partitions with processed records that librdkafka does not know of. Not used with `explicit_done`.
    unstored: Vec<usize>,
    /// The lost partitions with taken records that were not committed, until the program's next commit.
    lost: Vec<TopicPartition>,
    /// For the windows of partitions, with `explicit_done`.
    explicit: Option<Arc<Awaited>>,
}

/// The progress in one partition. Each offset is that of the next record.
#[derive(Debug)]
struct PartitionProgress {
    name: TopicPartition,
    is_assigned: bool,
    is_paused: bool,
    taken: Option<i64>,
    /// After the records that the program had when it last requested more.
    processed: Option<i64>,
    /// The offset last stored in librdkafka.
    stored: Option<i64>,
    /// The offset of the program's own commits.
    committed: Option<i64>,
    is_unstored: bool,
    /// With `explicit_done`, while the partition is assigned.
    window: Option<Arc<Window>>,
}

impl Progress {
    pub(super) fn new(explicit: Option<Arc<Awaited>>) -> Self {
        Self {
            partitions: Vec::new(),
            numbers: HashMap::new(),
            unprocessed: Vec::new(),
            unstored: Vec::new(),
            lost: Vec::new(),
            explicit,
        }
    }

    /// The index of a partition.
    pub(super) fn number_of(&mut self, topic: &str, partition: i32) -> usize {
        if let Some(number) = self.find(topic, partition) {
            return number;
        }
        let number = self.partitions.len();
        let topic: Arc<str> = topic.into();
        self.numbers.entry(Arc::clone(&topic)).or_default().insert(partition, number);
        self.partitions.push(PartitionProgress {
            name: TopicPartition::new(topic, partition),
            is_assigned: false,
            is_paused: false,
            taken: None,
            processed: None,
            stored: None,
            committed: None,
            is_unstored: false,
            window: None,
        });
        number
    }

    /// The partition's index and window, if it is assigned.
    pub(super) fn assigned_number(&self, topic: &str, partition: i32) -> Option<(usize, Option<Arc<Window>>)> {
        let number = self.find(topic, partition)?;
        let partition = self.partitions.get(number).filter(|partition| partition.is_assigned)?;
        Some((number, partition.window.clone()))
    }

    /// The program has received a record.
    pub(super) fn take(&mut self, number: usize, offset: i64) {
        let Some(partition) = self.partitions.get_mut(number) else { return };
        partition.taken = Some(offset.saturating_add(1));
        match &partition.window {
            Some(window) => window.take(offset),
            None if self.unprocessed.last() != Some(&number) => self.unprocessed.push(number),
            None => {}
        }
    }

    /// The program requests more: the taken records are processed, except with `explicit_done`.
    pub(super) fn mark_processed(&mut self) {
        for number in self.unprocessed.drain(..) {
            let Some(partition) = self.partitions.get_mut(number) else { continue };
            partition.processed = partition.taken;
            if !partition.is_unstored {
                partition.is_unstored = true;
                self.unstored.push(number);
            }
        }
    }

    /// Whether all taken records of these partitions are processed.
    pub(super) fn are_processed(&self, partitions: &[TopicPartition]) -> bool {
        if self.explicit.is_none() {
            let mut unprocessed = self.unprocessed.iter().filter_map(|number| self.partitions.get(*number));
            return !unprocessed.any(|unprocessed| partitions.contains(&unprocessed.name));
        }
        partitions.iter().all(|partition| {
            let window = self.get(partition).and_then(|partition| partition.window.as_ref());
            window.is_none_or(|window| window.is_done())
        })
    }

    /// The processed offsets of assigned partitions that have changed since the last call.
    pub(super) fn take_unstored(&mut self) -> Offsets {
        let mut offsets = Offsets::new();
        let mut store = |partition: &mut PartitionProgress| {
            let next = partition.window.as_ref().map_or(partition.processed, |window| window.next());
            if let (true, Some(next)) = (partition.is_assigned && next != partition.stored, next) {
                partition.stored = Some(next);
                offsets.set_next(partition.name.topic(), partition.name.partition(), next);
            }
        };
        if self.explicit.is_some() {
            self.partitions.iter_mut().for_each(&mut store);
        } else {
            for number in self.unstored.drain(..) {
                let Some(partition) = self.partitions.get_mut(number) else { continue };
                partition.is_unstored = false;
                store(partition);
            }
        }
        offsets
    }

    /// The offsets of a commit that are to be stored before it, because an automatic commit must not fall behind them. A partition is left out
    /// if the program has called `seek` since, or if a later offset is stored already.
    pub(super) fn take_committing(&mut self, offsets: &Offsets) -> Offsets {
        let mut committing = Offsets::new();
        for (topic, partition, next) in offsets.iter() {
            let number = self.find(topic, partition);
            let partition = number.and_then(|number| self.partitions.get_mut(number)).filter(|partition| partition.is_assigned);
            let Some(partition) = partition else { continue };
            let current = partition.window.as_ref().map_or(partition.taken, |window| window.next());
            if current == Some(next) || (current > Some(next) && partition.stored < Some(next)) {
                partition.stored = Some(next);
                // The program is done with what it commits.
                partition.processed = partition.processed.max(Some(next));
                committing.set_next(partition.name.topic(), partition.name.partition(), next);
            }
        }
        committing
    }

    /// The offsets that a commit commits, of assigned partitions: of taken records, or, with `explicit_done`, of those that are done.
    pub(super) fn taken(&self) -> Offsets {
        self.offsets(|partition| partition.taken)
    }

    /// The same without the records that the program is still processing.
    pub(super) fn processed(&self) -> Offsets {
        self.offsets(|partition| partition.processed)
    }

    /// The offsets of records that are done with `explicit_done`, and those of `next` otherwise.
    fn offsets(&self, next: impl Fn(&PartitionProgress) -> Option<i64>) -> Offsets {
        let mut offsets = Offsets::new();
        for partition in self.partitions.iter().filter(|partition| partition.is_assigned) {
            if let Some(next) = partition.window.as_ref().map_or_else(|| next(partition), |window| window.next()) {
                offsets.set_next(partition.name.topic(), partition.name.partition(), next);
            }
        }
        offsets
    }

    /// The program has committed these offsets.
    pub(super) fn committed(&mut self, offsets: &Offsets) {
        for (topic, partition, next) in offsets.iter() {
            let number = self.find(topic, partition);
            if let Some(partition) = number.and_then(|number| self.partitions.get_mut(number)) {
                partition.committed = Some(next);
            }
        }
    }

    /// The partitions that were lost with uncommitted records since the last call.
    pub(super) fn take_lost(&mut self) -> Vec<TopicPartition> {
        std::mem::take(&mut self.lost)
    }

    pub(super) fn position(&self, partition: &TopicPartition) -> Option<i64> {
        self.get(partition).filter(|partition| partition.is_assigned).and_then(|partition| partition.taken)
    }

    /// The assigned partitions, in order.
    pub(super) fn assignment(&self) -> Vec<TopicPartition> {
        self.names(|partition| partition.is_assigned)
    }

    /// The assigned partitions that are paused, in order.
    pub(super) fn paused(&self) -> Vec<TopicPartition> {
        self.names(|partition| partition.is_assigned && partition.is_paused)
    }

    pub(super) fn is_assigned(&self, partition: &TopicPartition) -> bool {
        self.get(partition).is_some_and(|partition| partition.is_assigned)
    }

    /// Whether the partition is assigned, and not paused by the program.
    pub(super) fn is_active(&self, partition: &TopicPartition) -> bool {
        self.get(partition).is_some_and(|partition| partition.is_assigned && !partition.is_paused)
    }

    /// A partition is assigned.
    pub(super) fn assign(&mut self, partition: &TopicPartition) {
        self.reset(partition, true);
    }

    /// A partition is revoked; its progress is forgotten. If it is lost with uncommitted records, the program's next commit fails.
    pub(super) fn unassign(&mut self, partition: &TopicPartition, is_lost: bool) {
        let is_uncommitted = self.get(partition).is_some_and(|partition| {
            partition.is_assigned && partition.taken.is_some() && partition.taken != partition.committed
        });
        if is_lost && is_uncommitted && !self.lost.contains(partition) {
            self.lost.push(partition.clone());
        }
        self.reset(partition, false);
    }

    fn reset(&mut self, partition: &TopicPartition, is_assigned: bool) {
        let number = self.number_of(partition.topic(), partition.partition());
        self.unprocessed.retain(|unprocessed| *unprocessed != number);
        let explicit = self.explicit.as_ref().filter(|_| is_assigned);
        let window = explicit.map(|awaited| Arc::new(Window::new(None, Arc::clone(awaited))));
        if let Some(partition) = self.partitions.get_mut(number) {
            (partition.is_assigned, partition.is_paused) = (is_assigned, false);
            (partition.taken, partition.processed, partition.stored, partition.committed) = (None, None, None, None);
            partition.window = window;
        }
    }

    pub(super) fn set_paused(&mut self, partition: &TopicPartition, is_paused: bool) {
        let number = self.number_of(partition.topic(), partition.partition());
        if let Some(partition) = self.partitions.get_mut(number) {
            partition.is_paused = is_paused;
        }
    }

    /// The next record is at this offset, which also counts for commits, as in Java. `None` if the offset is not known yet.
    pub(super) fn seek(&mut self, partition: &TopicPartition, next: Option<i64>) {
        let number = self.number_of(partition.topic(), partition.partition());
        self.unprocessed.retain(|unprocessed| *unprocessed != number);
        let window = self.explicit.as_ref().map(|awaited| Arc::new(Window::new(next, Arc::clone(awaited))));
        if let Some(partition) = self.partitions.get_mut(number) {
            (partition.taken, partition.processed) = (next, next);
            partition.window = window;
            if !partition.is_unstored {
                partition.is_unstored = true;
                self.unstored.push(number);
            }
        }
    }

    fn find(&self, topic: &str, partition: i32) -> Option<usize> {
        self.numbers.get(topic).and_then(|numbers| numbers.get(&partition)).copied()
    }

    fn get(&self, partition: &TopicPartition) -> Option<&PartitionProgress> {
        self.partitions.get(self.find(partition.topic(), partition.partition())?)
    }

    fn names(&self, wanted: impl Fn(&PartitionProgress) -> bool) -> Vec<TopicPartition> {
        let mut names: Vec<_> =
            self.partitions.iter().filter(|partition| wanted(partition)).map(|partition| partition.name.clone()).collect();
        names.sort();
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_one(explicit: bool) -> (Progress, TopicPartition, usize) {
        let mut progress = Progress::new(explicit.then(|| Arc::new(Awaited::new(Arc::default()))));
        let partition = TopicPartition::new("t", 0);
        progress.assign(&partition);
        let number = progress.number_of("t", 0);
        (progress, partition, number)
    }

    #[test]
    fn record_is_processed_at_the_next_request() {
        let (mut progress, partition, number) = with_one(false);
        progress.take(number, 4);
        assert_eq!((progress.position(&partition), progress.are_processed(std::slice::from_ref(&partition))), (Some(5), false));
        assert!(progress.take_unstored().is_empty());
        progress.mark_processed();
        progress.take(number, 5);
        assert_eq!((progress.taken().next("t", 0), progress.processed().next("t", 0)), (Some(6), Some(5)));
        assert_eq!(progress.take_unstored().next("t", 0), Some(5));
        assert!(progress.take_unstored().is_empty());
    }

    #[test]
    fn unprocessed_record_affects_its_partition_only() {
        let (mut progress, partition, number) = with_one(false);
        let other = TopicPartition::new("t", 1);
        progress.assign(&other);
        progress.take(number, 4);
        assert!(progress.are_processed(std::slice::from_ref(&other)));
        assert!(!progress.are_processed(&[other, partition]));
        assert_eq!(progress.processed().next("t", 0), None);
    }

    #[test]
    fn unassign_forgets_progress() {
        let (mut progress, partition, number) = with_one(false);
        progress.take(number, 4);
        progress.mark_processed();
        progress.take(number, 5);
        progress.unassign(&partition, false);
        assert!(
            progress.are_processed(std::slice::from_ref(&partition))
                && progress.taken().is_empty()
                && progress.take_unstored().is_empty()
        );
        assert_eq!((progress.position(&partition), progress.assignment()), (None, vec![]));
        assert!(progress.assigned_number("t", 0).is_none() && progress.take_lost().is_empty());
        progress.assign(&partition);
        assert_eq!((progress.position(&partition), progress.assignment()), (None, vec![partition]));
    }

    #[test]
    fn seek_sets_the_offset_to_commit() {
        for explicit in [false, true] {
            let (mut progress, partition, number) = with_one(explicit);
            progress.take(number, 40);
            progress.seek(&partition, Some(7));
            assert_eq!((progress.taken().next("t", 0), progress.take_unstored().next("t", 0)), (Some(7), Some(7)));
            progress.seek(&partition, None);
            assert!(progress.taken().is_empty() && progress.take_unstored().is_empty());
        }
    }

    #[test]
    fn take_lost_returns_partitions_with_uncommitted_records_once() {
        let (mut progress, partition, number) = with_one(false);
        progress.take(number, 4);
        progress.unassign(&partition, true);
        assert_eq!(progress.take_lost(), std::slice::from_ref(&partition));
        assert!(progress.take_lost().is_empty());
        progress.assign(&partition);
        progress.take(number, 4);
        let taken = progress.taken();
        progress.committed(&taken);
        progress.unassign(&partition, true);
        assert!(progress.take_lost().is_empty());
    }

    #[test]
    fn automatic_commits_do_not_fall_behind_a_commit() {
        let (mut progress, partition, number) = with_one(false);
        progress.take(number, 4);
        progress.mark_processed();
        progress.take(number, 5);
        let taken = progress.taken();
        assert_eq!(progress.take_committing(&taken).next("t", 0), Some(6));
        assert!(progress.take_unstored().is_empty(), "5 is older");
        progress.mark_processed();
        progress.take(number, 6);
        progress.mark_processed();
        assert_eq!(progress.take_unstored().next("t", 0), Some(7));
        assert!(progress.take_committing(&taken).is_empty(), "7 is stored");
        progress.seek(&partition, Some(2));
        assert!(progress.take_committing(&taken).is_empty(), "seek has moved the position");
        progress.unassign(&partition, false);
        assert!(progress.take_committing(&taken).is_empty());
    }

    #[test]
    fn explicit_done_is_not_affected_by_requests() {
        let (mut progress, partition, number) = with_one(true);
        let (_, window) = progress.assigned_number("t", 0).unwrap();
        let (window, partitions) = (window.unwrap(), [partition]);
        [4, 5, 6].into_iter().for_each(|offset| progress.take(number, offset));
        progress.mark_processed();
        window.done(5);
        assert!(progress.taken().is_empty() && progress.take_unstored().is_empty() && !progress.are_processed(&partitions));
        window.done(4);
        assert_eq!((progress.taken().next("t", 0), progress.take_unstored().next("t", 0)), (Some(6), Some(6)));
        assert!(progress.take_unstored().is_empty());
        window.done(6);
        assert!(progress.are_processed(&partitions));
        assert_eq!(progress.position(&partitions[0]), Some(7));
    }
}
