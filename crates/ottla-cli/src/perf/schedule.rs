//! [`Schedule`]: when each record is due. [`run`]: sends the records at that time.

use std::{ops::ControlFlow, time::Duration};

/// When the records are due.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Schedule {
    /// As soon as the previous one was accepted.
    Unlimited,
    /// This many per second, evenly spaced, whatever happens to the previous ones.
    Rate(f64),
}

impl Schedule {
    /// When the record with this index is due, after the start; `None` if it is due at once.
    fn due(self, index: u64) -> Option<Duration> {
        match self {
            Self::Unlimited => None,
            #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 records")]
            Self::Rate(rate) => Some(Duration::try_from_secs_f64(index as f64 / rate).unwrap_or(Duration::MAX)),
        }
    }
}

/// When to end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// The records to send first, which are not measured.
    pub(crate) warmup: u64,
    /// The number of measured records.
    pub(crate) records: Option<u64>,
    /// The time of the measured records.
    pub(crate) duration: Option<Duration>,
}

/// The time since the start.
pub(crate) trait Clock {
    fn now(&self) -> Duration;

    /// Returns at this time, or earlier to end the run.
    fn sleep_until(&self, time: Duration);
}

/// A record that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Due {
    /// The time from which the latency is counted.
    pub(crate) time: Duration,
    pub(crate) is_warmup: bool,
}

/// Calls `send` for each record when it is due, until the limits are reached or `send` breaks. Returns when the first measured record was due.
///
/// A record that is due while an earlier `send` still blocks is sent late, and its latency counts from the time at which it was due. The first
/// measured record is due at the earliest when the last one of the warm-up was sent, so that a delay of the warm-up is not part of the figures.
pub(crate) fn run(
    schedule: Schedule,
    limits: Limits,
    clock: &impl Clock,
    mut send: impl FnMut(Due) -> ControlFlow<()>,
) -> Option<Duration> {
    let last = limits.records.map_or(u64::MAX, |records| limits.warmup.saturating_add(records));
    let mut begun = None;
    for index in 0..last {
        let is_warmup = index < limits.warmup;
        let mut time = schedule.due(index).unwrap_or_else(|| clock.now());
        if !is_warmup {
            let begun = *begun.get_or_insert_with(|| time.max(clock.now()));
            time = schedule.due(index - limits.warmup).map_or(time, |after| begun.saturating_add(after));
            // Also if the rate is not reached, and the record was due long ago.
            if limits.duration.is_some_and(|duration| time.max(clock.now()).saturating_sub(begun) >= duration) {
                break;
            }
        }
        if schedule != Schedule::Unlimited && clock.now() < time {
            clock.sleep_until(time);
        }
        if send(Due { time, is_warmup }).is_break() {
            break;
        }
    }
    begun
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// A clock that moves only when something sleeps or takes time.
    #[derive(Default)]
    struct ScriptedClock(Cell<Duration>);

    impl ScriptedClock {
        fn pass(&self, milliseconds: u64) {
            self.0.set(self.0.get() + Duration::from_millis(milliseconds));
        }
    }

    impl Clock for ScriptedClock {
        fn now(&self) -> Duration {
            self.0.get()
        }

        fn sleep_until(&self, time: Duration) {
            assert!(time > self.now(), "slept although the record was due");
            self.0.set(time);
        }
    }

    const TO_RECORDS: fn(u64) -> Limits = |records| Limits { warmup: 0, records: Some(records), duration: None };

    /// The latency of each record in milliseconds; sending record `i` takes `takes(i)` milliseconds.
    fn latencies(schedule: Schedule, limits: Limits, takes: impl Fn(usize) -> u64) -> Vec<u128> {
        let (clock, mut latencies) = (ScriptedClock::default(), Vec::new());
        run(schedule, limits, &clock, |due| {
            clock.pass(takes(latencies.len()));
            latencies.push((clock.now() - due.time).as_millis());
            ControlFlow::Continue(())
        });
        latencies
    }

    #[test]
    fn records_are_due_evenly_and_after_any_number_of_records() {
        let schedule = Schedule::Rate(3.0);
        assert_eq!(schedule.due(0), Some(Duration::ZERO));
        assert_eq!(schedule.due(3), Some(Duration::from_secs(1)));
        assert_eq!(schedule.due(3_000_000_000), Some(Duration::from_secs(1_000_000_000)));
        assert_eq!(Schedule::Rate(1e-6).due(u64::MAX), Some(Duration::MAX), "it must not overflow");
        assert_eq!(Schedule::Unlimited.due(7), None);
    }

    #[test]
    fn a_stall_counts_for_all_records_that_were_due_during_it() {
        let stall = |record| if record == 2 { 45 } else { 1 };
        assert_eq!(latencies(Schedule::Rate(100.0), TO_RECORDS(8), stall), [1, 1, 45, 36, 27, 18, 9, 1]);
        // Without a rate only the record that waits is late.
        assert_eq!(latencies(Schedule::Unlimited, TO_RECORDS(5), stall), [1, 1, 45, 1, 1]);
    }

    #[test]
    fn a_rate_is_made_up_for_after_a_stall() {
        let clock = ScriptedClock::default();
        let mut sent = 0;
        let limits = Limits { warmup: 0, records: None, duration: Some(Duration::from_secs(10)) };
        run(Schedule::Rate(100.0), limits, &clock, |_| {
            clock.pass(if sent == 100 { 5000 } else { 0 });
            sent += 1;
            ControlFlow::Continue(())
        });
        assert_eq!(sent, 1000);
    }

    #[test]
    fn warmup_records_come_first_and_their_time_does_not_count() {
        let clock = ScriptedClock::default();
        let mut warmup = Vec::new();
        let limits = Limits { warmup: 5, records: None, duration: Some(Duration::from_millis(30)) };
        let begun = run(Schedule::Rate(100.0), limits, &clock, |due| {
            warmup.push(due.is_warmup);
            ControlFlow::Continue(())
        });
        assert_eq!(warmup, [true, true, true, true, true, false, false, false]);
        assert_eq!(begun, Some(Duration::from_millis(50)));
    }

    #[test]
    fn a_delay_of_the_warmup_does_not_count() {
        let limits = Limits { warmup: 3, records: Some(4), duration: Some(Duration::from_millis(35)) };
        let stall = |record| if record == 1 { 5000 } else { 1 };
        // The third record of the warm-up is late, and those after it are on time again.
        assert_eq!(latencies(Schedule::Rate(100.0), limits, stall), [1, 5000, 4991, 1, 1, 1, 1]);
        let clock = ScriptedClock::default();
        let begun = run(Schedule::Rate(100.0), limits, &clock, |due| {
            clock.pass(if due.is_warmup { 100 } else { 0 });
            ControlFlow::Continue(())
        });
        assert_eq!((begun, clock.now()), (Some(Duration::from_millis(300)), Duration::from_millis(330)));
    }

    #[test]
    fn the_first_limit_ends_the_run() {
        let both = |records, seconds| Limits { warmup: 0, records: Some(records), duration: Some(Duration::from_secs(seconds)) };
        assert_eq!(latencies(Schedule::Rate(10.0), both(5, 1), |_| 0).len(), 5);
        assert_eq!(latencies(Schedule::Rate(10.0), both(50, 1), |_| 0).len(), 10);
    }

    #[test]
    fn a_rate_that_is_not_reached_does_not_prolong_the_run() {
        let limits = Limits { warmup: 0, records: None, duration: Some(Duration::from_secs(1)) };
        assert_eq!(latencies(Schedule::Rate(1000.0), limits, |_| 100).len(), 10);
    }

    #[test]
    fn a_break_ends_the_run() {
        let clock = ScriptedClock::default();
        let mut sent = 0;
        let begun = run(Schedule::Unlimited, TO_RECORDS(9), &clock, |_| {
            sent += 1;
            if sent == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!((sent, begun), (3, Some(Duration::ZERO)));
    }
}
