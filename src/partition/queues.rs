//! [`Queues`]: how much of each partition is under way.
//!
//! The queues of adaptive partitioning cost a record without a key nothing but a mark in its slot. Only the draw of a next
//! partition reads them, and what has gone to the sticky partition meanwhile is known there; so it is added at the draw. The
//! delivery thread takes away what was marked, once for each run of reports of one partition. Records with a key or an explicit
//! partition are counted one by one, once the topic has had a record without a key.

use std::{
    num::NonZeroU32,
    sync::{
        OnceLock,
        atomic::{AtomicIsize, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// The bytes that this producer has accepted for each partition of a topic and has not had reported, and when each of these queues
/// moved last.
///
/// Senders add, the delivery thread takes away, and only the choice of a next partition reads: no order is needed between them.
#[derive(Debug)]
pub(crate) struct Queues {
    /// Segment `n` has the 2^n queues from partition 2^n - 1 on: queues stay where they are when partitions are added.
    segments: [OnceLock<Box<[Queue]>>; 32],
    /// `partitioner.availability.timeout.ms`; zero for never.
    patience: Duration,
    begun: Instant,
}

#[derive(Debug, Default)]
struct Queue {
    /// Below zero for a moment, where a report comes in before the sender has counted its record.
    bytes: AtomicIsize,
    /// Milliseconds from the beginning to when the queue moved last, or ceased to be empty.
    moved: AtomicU64,
}

impl Queues {
    /// A partition counts as stuck after `patience`, which is `partitioner.availability.timeout.ms`; after zero it never does.
    pub(crate) fn new(patience: Duration) -> Self {
        Self { segments: [const { OnceLock::new() }; 32], patience, begun: Instant::now() }
    }

    /// Makes the queues of a topic with so many partitions, those that are not there.
    pub(super) fn grow(&self, partitions: NonZeroU32) {
        for (n, segment) in self.segments.iter().enumerate().take(partitions.ilog2() as usize + 1) {
            segment.get_or_init(|| (0..1_usize << n).map(|_| Queue::default()).collect());
        }
    }

    /// Whether it is of interest when a queue ceases to be empty.
    pub(super) fn is_timed(&self) -> bool {
        !self.patience.is_zero()
    }

    /// Adds to a queue; `false` if there is no such queue (yet), so that nothing is to be taken away for it.
    pub(super) fn add(&self, partition: i32, bytes: usize) -> bool {
        let Some(queue) = self.queue(partition) else { return false };
        let before = queue.bytes.fetch_add(signed(bytes), Ordering::Relaxed);
        if before <= 0 {
            self.start_clock(queue);
        }
        true
    }

    /// Takes away what was reported; `moves` if a broker has taken some of it.
    pub(crate) fn remove(&self, partition: i32, bytes: usize, moves: bool) {
        let Some(queue) = self.queue(partition) else { return };
        queue.bytes.fetch_sub(signed(bytes), Ordering::Relaxed);
        if moves {
            self.start_clock(queue);
        }
    }

    /// How many bytes are under way.
    pub(super) fn bytes(&self, partition: i32) -> usize {
        let bytes = self.queue(partition).map_or(0, |queue| queue.bytes.load(Ordering::Relaxed));
        usize::try_from(bytes).unwrap_or_default()
    }

    /// Whether something is under way of which nothing has been written for longer than the patience.
    pub(super) fn is_stuck(&self, partition: i32) -> bool {
        if !self.is_timed() || self.bytes(partition) == 0 {
            return false;
        }
        let moved = self.queue(partition).map_or(0, |queue| queue.moved.load(Ordering::Relaxed));
        self.begun.elapsed().saturating_sub(Duration::from_millis(moved)) > self.patience
    }

    fn start_clock(&self, queue: &Queue) {
        if self.is_timed() {
            let now = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            queue.moved.store(now, Ordering::Relaxed);
        }
    }

    fn queue(&self, partition: i32) -> Option<&Queue> {
        let place = u32::try_from(partition).ok()?.checked_add(1)?;
        let segment = place.ilog2();
        self.segments.get(segment as usize)?.get()?.get((place - (1 << segment)) as usize)
    }
}

/// A size for the counters: no record is longer than `isize::MAX`.
fn signed(bytes: usize) -> isize {
    isize::try_from(bytes).unwrap_or(isize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queues(partitions: u32, patience: Duration) -> Queues {
        let queues = Queues::new(patience);
        queues.grow(NonZeroU32::new(partitions).unwrap());
        queues
    }

    #[test]
    fn each_partition_has_a_queue_of_its_own_and_more_may_come() {
        let queues = queues(3, Duration::ZERO);
        assert!(!queues.add(100, 1) && !queues.add(-1, 1) && !queues.add(i32::MAX, 1), "they are not there");
        assert!(queues.add(1, 7));
        queues.grow(NonZeroU32::new(1000).unwrap());
        for partition in 0..1000 {
            assert_eq!(queues.bytes(partition), if partition == 1 { 7 } else { 0 }, "{partition}");
            assert!(queues.add(partition, 2));
        }
        queues.remove(1, 4, true);
        assert_eq!([0, 1, 999].map(|partition| queues.bytes(partition)), [2, 5, 2]);
    }

    #[test]
    fn a_report_that_comes_before_its_record_is_counted_leaves_nothing_behind() {
        let queues = queues(1, Duration::ZERO);
        queues.remove(0, 5, true);
        assert_eq!(queues.bytes(0), 0);
        queues.add(0, 5);
        assert_eq!(queues.bytes(0), 0);
    }

    #[test]
    fn a_queue_is_stuck_when_nothing_of_it_is_written_for_the_patience() {
        let hour = Duration::from_secs(3600);
        let begun = Instant::now().checked_sub(2 * hour).unwrap();
        let queues = Queues { begun, ..queues(2, hour) };
        let stop_clock = || queues.queue(0).unwrap().moved.store(0, Ordering::Relaxed);
        stop_clock();
        assert!(!queues.is_stuck(0), "an empty queue waits for nothing");
        queues.add(0, 5);
        assert!(!queues.is_stuck(0), "the clock of an empty queue starts with its first record");
        stop_clock();
        queues.add(0, 5);
        assert!(queues.is_stuck(0) && !queues.is_stuck(1), "later ones do not start it anew");
        queues.remove(0, 1, false);
        assert!(queues.is_stuck(0), "nor do those that fail");
        queues.remove(0, 1, true);
        assert!(!queues.is_stuck(0), "those that are written do");
        stop_clock();
        queues.remove(0, 8, false);
        assert!(!queues.is_stuck(0));
        let patient = Queues { begun, ..self::queues(1, Duration::ZERO) };
        patient.add(0, 5);
        assert!(!patient.is_stuck(0), "zero is for ever");
    }
}
