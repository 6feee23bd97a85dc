//! [`Queues`]: the outstanding bytes of each partition.
//!
//! For adaptive partitioning, a record without a key only needs a flag in its slot. The queues are read when the next partition is drawn, and
//! the bytes sent to the sticky partition are known at that point, so they are added there. The delivery thread subtracts flagged records,
//! once for each run of reports of one partition. Records with a key or an explicit partition are counted one by one, after the topic has
//! had a record without a key.

use std::{
    num::NonZeroU32,
    sync::{
        OnceLock,
        atomic::{AtomicIsize, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// For each partition of a topic: the bytes that this producer has accepted and that are not reported yet, and when this last changed.
///
/// Senders add, the delivery thread subtracts, and only the draw of the next partition reads, so relaxed ordering suffices.
#[derive(Debug)]
pub(crate) struct Queues {
    /// Segment `n` has the 2^n queues from partition 2^n - 1 on, so queues never move when partitions are added.
    segments: [OnceLock<Box<[Queue]>>; 32],
    /// The moving average of the bytes that a broker took at once; zero before the first. The delivery thread alone writes it.
    batch_bytes: AtomicUsize,
    /// `partitioner.availability.timeout.ms`; zero for no limit.
    patience: Duration,
    begun: Instant,
}

#[derive(Debug, Default)]
struct Queue {
    /// Briefly negative if a report arrives before the sender has counted its record.
    bytes: AtomicIsize,
    /// Milliseconds from `begun` until a broker last took records, or the queue last became non-empty.
    moved: AtomicU64,
}

impl Queues {
    /// `patience` is `partitioner.availability.timeout.ms`: a partition is stuck after that time. Zero means never.
    pub(crate) fn new(patience: Duration) -> Self {
        Self { segments: [const { OnceLock::new() }; 32], batch_bytes: AtomicUsize::new(0), patience, begun: Instant::now() }
    }

    /// Creates the missing queues of a topic with this many partitions.
    pub(super) fn grow(&self, partitions: NonZeroU32) {
        for (n, segment) in self.segments.iter().enumerate().take(partitions.ilog2() as usize + 1) {
            segment.get_or_init(|| (0..1_usize << n).map(|_| Queue::default()).collect());
        }
    }

    /// Whether the time at which a queue becomes non-empty is needed.
    pub(super) fn is_timed(&self) -> bool {
        !self.patience.is_zero()
    }

    /// Adds to a queue. Returns `false` if the queue does not exist yet; then nothing must be subtracted.
    pub(super) fn add(&self, partition: i32, bytes: usize) -> bool {
        let Some(queue) = self.queue(partition) else { return false };
        let before = queue.bytes.fetch_add(signed(bytes), Ordering::Relaxed);
        if before <= 0 {
            self.start_clock(queue);
        }
        true
    }

    /// Subtracts reported bytes. `moves` says whether a broker has taken some of them.
    pub(crate) fn remove(&self, partition: i32, bytes: usize, moves: bool) {
        let Some(queue) = self.queue(partition) else { return };
        queue.bytes.fetch_sub(signed(bytes), Ordering::Relaxed);
        if moves {
            self.start_clock(queue);
            let average = self.batch_bytes.load(Ordering::Relaxed);
            let average = if average == 0 { bytes } else { average - average / 8 + bytes / 8 };
            self.batch_bytes.store(average, Ordering::Relaxed);
        }
    }

    /// The average size of the batches that brokers took lately, in bytes; zero before the first.
    pub(super) fn batch_bytes(&self) -> usize {
        self.batch_bytes.load(Ordering::Relaxed)
    }

    /// How many bytes are in flight.
    pub(super) fn bytes(&self, partition: i32) -> usize {
        let bytes = self.queue(partition).map_or(0, |queue| queue.bytes.load(Ordering::Relaxed));
        usize::try_from(bytes).unwrap_or_default()
    }

    /// Whether records are outstanding and none has been written for longer than `patience`.
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

/// Converts a size for the counters; no record is larger than `isize::MAX`.
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
    fn queues_are_separate_and_can_grow() {
        let queues = queues(3, Duration::ZERO);
        assert!(!queues.add(100, 1) && !queues.add(-1, 1) && !queues.add(i32::MAX, 1), "queues that do not exist");
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
    fn report_before_its_record_is_counted_cancels_out() {
        let queues = queues(1, Duration::ZERO);
        queues.remove(0, 5, true);
        assert_eq!(queues.bytes(0), 0);
        queues.add(0, 5);
        assert_eq!(queues.bytes(0), 0);
    }

    #[test]
    fn the_average_batch_follows_what_brokers_take() {
        let queues = queues(2, Duration::ZERO);
        queues.remove(0, 100_000, false);
        assert_eq!(queues.batch_bytes(), 0, "a batch that failed does not count");
        queues.remove(0, 800, true);
        assert_eq!(queues.batch_bytes(), 800);
        queues.remove(1, 1600, true);
        assert_eq!(queues.batch_bytes(), 900);
        (0..200).for_each(|_| queues.remove(0, 80_000, true));
        assert!((79_000..=80_000).contains(&queues.batch_bytes()), "{}", queues.batch_bytes());
    }

    #[test]
    fn a_queue_is_stuck_when_nothing_of_it_is_written_for_the_patience() {
        let hour = Duration::from_secs(3600);
        let begun = Instant::now().checked_sub(2 * hour).unwrap();
        let queues = Queues { begun, ..queues(2, hour) };
        let stop_clock = || queues.queue(0).unwrap().moved.store(0, Ordering::Relaxed);
        stop_clock();
        assert!(!queues.is_stuck(0), "an empty queue is not stuck");
        queues.add(0, 5);
        assert!(!queues.is_stuck(0), "the clock of an empty queue starts with its first record");
        stop_clock();
        queues.add(0, 5);
        assert!(queues.is_stuck(0) && !queues.is_stuck(1), "later records do not restart the clock");
        queues.remove(0, 1, false);
        assert!(queues.is_stuck(0), "failed records do not restart the clock");
        queues.remove(0, 1, true);
        assert!(!queues.is_stuck(0), "written records restart the clock");
        stop_clock();
        queues.remove(0, 8, false);
        assert!(!queues.is_stuck(0));
        let patient = Queues { begun, ..self::queues(1, Duration::ZERO) };
        patient.add(0, 5);
        assert!(!patient.is_stuck(0), "zero means no limit");
    }
}
