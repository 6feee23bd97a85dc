//! The size of the fault tests.

use std::env;

/// The short form, in seconds, unless `OTTLA_TEST_FAULT_RECORDS` is set (`make faults`).
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    /// The least number of records around each fault.
    pub(super) records: usize,
    /// The records per second, so that records are in flight as long as the fault lasts.
    pub(super) rate: usize,
    /// How often the leader is killed, and the factor for the duration of network faults.
    pub(super) rounds: u32,
    /// Whether independent faults run in parallel.
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
