//! How much a fault is tried with.

use std::env;

/// The short form, in seconds, unless `OTTLA_TEST_FAULT_RECORDS` is set (`make faults`).
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    /// As many records at least are sent around each fault,
    pub(super) records: usize,
    /// and so many a second, so that they are under way for as long as it lasts.
    pub(super) rate: usize,
    /// How often the leader is killed, and how many times longer the network is bad.
    pub(super) rounds: u32,
    /// What does not disturb another is tried at the same time.
    pub(super) is_short: bool,
}

impl Scale {
    pub(super) fn of_environment() -> Self {
        match env::var("OTTLA_TEST_FAULT_RECORDS") {
            Ok(records) => Self { records: records.parse().unwrap(), rate: 25_000, rounds: 5, is_short: false },
            Err(_) => Self { records: 3_000, rate: 3_000, rounds: 1, is_short: true },
        }
    }
}
