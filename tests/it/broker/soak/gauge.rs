//! The resources of the process: memory, files, threads.

use std::{
    thread,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use crate::own_process::{open_files, resident, threads};

const EVERY: Duration = Duration::from_millis(250);

/// The resources at one time, or their typical values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Held {
    pub(super) resident: usize,
    pub(super) files: usize,
    pub(super) threads: usize,
}

impl Held {
    pub(super) fn now() -> Self {
        Self { resident: resident(), files: open_files(), threads: threads() }
    }
}

/// Measures repeatedly until the end. `own` returns the memory of the test itself.
pub(super) fn watch(until: Instant, own: impl Fn() -> usize) -> Vec<Held> {
    let mut samples = Vec::new();
    while Instant::now() < until {
        let mut held = Held::now();
        held.resident = held.resident.saturating_sub(own());
        samples.push(held);
        thread::sleep(EVERY);
    }
    samples
}

/// The typical values of the first and last quarter, without the first tenth.
pub(super) fn quarters(samples: &[Held]) -> [Held; 2] {
    let warm = &samples[samples.len() / 10..];
    let quarter = warm.len().div_ceil(4);
    [&warm[..quarter], &warm[warm.len() - quarter..]].map(|quarter| Held {
        resident: median(quarter, |held| held.resident),
        files: median(quarter, |held| held.files),
        threads: median(quarter, |held| held.threads),
    })
}

fn median(samples: &[Held], of: impl Fn(&Held) -> usize) -> usize {
    let mut values: Vec<_> = samples.iter().map(of).collect();
    values.sort_unstable();
    values[values.len() / 2]
}
