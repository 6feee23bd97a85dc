//! What the delivery thread counts of a topic's reports.
//!
//! Reports are counted in runs: the delivery thread adds up a topic's reports as long as they come in a row, most often a whole
//! event's, and adds the sum to the topic's counts. A record that is refused is counted where that happens, which is rare.
//! Nothing is added on the way of a record that goes well.

use std::sync::atomic::{AtomicU64, Ordering};

/// A topic's counts, since the producer was started. Written by the delivery thread alone, a run of reports at a time.
#[derive(Debug, Default)]
pub(crate) struct TopicCounts {
    acknowledged: AtomicU64,
    failed: AtomicU64,
    bytes: AtomicU64,
    largest: AtomicU64,
}

/// The same in plain numbers.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counted {
    /// Records that were acknowledged.
    pub(crate) acknowledged: u64,
    /// Records that were accepted and then failed.
    pub(crate) failed: u64,
    /// Of the acknowledged records' keys and values.
    pub(crate) bytes: u64,
    /// The largest acknowledged record's key and value, in bytes, since that was last asked for.
    pub(crate) largest: u64,
}

impl Counted {
    /// Counts one more report.
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

    /// As [`read`](Self::read), and begins anew with the largest.
    pub(crate) fn take(&self) -> Counted {
        let largest = self.largest.swap(0, Ordering::Relaxed);
        Counted { largest, ..self.read() }
    }
}
