//! The counts of a topic's reports.
//!
//! Reports are counted in runs: the delivery thread adds up consecutive reports of a topic (usually those of a whole event), and adds the sum
//! to the topic's counts. A rejected record is counted where it is rejected, which is rare. Sending a record adds nothing.

use std::sync::atomic::{AtomicU64, Ordering};

/// The counts of a topic since the start of the producer. Only the delivery thread writes them, one run of reports at a time.
#[derive(Debug, Default)]
pub(crate) struct TopicCounts {
    acknowledged: AtomicU64,
    failed: AtomicU64,
    bytes: AtomicU64,
    largest: AtomicU64,
}

/// The counts as plain numbers.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counted {
    /// Acknowledged records.
    pub(crate) acknowledged: u64,
    /// Records that failed after they were accepted.
    pub(crate) failed: u64,
    /// Bytes of the acknowledged records' keys and values.
    pub(crate) bytes: u64,
    /// The size of key and value of the largest acknowledged record since the last [`take`](TopicCounts::take), in bytes.
    pub(crate) largest: u64,
}

impl Counted {
    /// Adds a report.
    pub(super) fn add(&mut self, is_acknowledged: bool, size: usize) {
        if is_acknowledged {
            let size = size as u64;
            self.acknowledged += 1;
            self.bytes += size;
            self.largest = self.largest.max(size);
        } else {
            self.failed += 1;
        }
    }
}

impl TopicCounts {
    /// Adds a run of reports.
    pub(super) fn add(&self, run: Counted) {
        self.acknowledged.fetch_add(run.acknowledged, Ordering::Relaxed);
        self.failed.fetch_add(run.failed, Ordering::Relaxed);
        self.bytes.fetch_add(run.bytes, Ordering::Relaxed);
        self.largest.fetch_max(run.largest, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Counted {
        Counted {
            acknowledged: self.acknowledged.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            largest: self.largest.load(Ordering::Relaxed),
        }
    }

    /// Like [`read`](Self::read), and resets the largest record.
    pub(crate) fn take(&self) -> Counted {
        let largest = self.largest.swap(0, Ordering::Relaxed);
        Counted { largest, ..self.read() }
    }
}
