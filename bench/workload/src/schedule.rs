//! [`Schedule`]: when each record of a fixed rate is due.

use std::{
    thread,
    time::{Duration, Instant},
};

/// The shortest sleep: what is due meanwhile is sent together. The same in all clients, Go's timers have no finer grain.
const TICK: Duration = Duration::from_millis(1);

#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    start: Instant,
    rate: u64,
}

impl Schedule {
    /// Begins now, with `rate` records a second.
    pub fn start(rate: u64) -> Self {
        Self { start: Instant::now(), rate }
    }

    /// When a record should be sent.
    pub fn due(&self, index: usize) -> Instant {
        self.start + Duration::from_nanos(index as u64 * 1_000_000_000 / self.rate)
    }

    /// Blocks until a record is due, and does not block if it was due before.
    pub fn wait(&self, index: usize) {
        let ahead = self.due(index).saturating_duration_since(Instant::now());
        if !ahead.is_zero() {
            thread::sleep(ahead.max(TICK));
        }
    }
}
