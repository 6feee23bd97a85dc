//! [`Rate`] and [`Pace`]: a limit of records per second.

use std::{
    str::FromStr,
    time::{Duration, Instant},
};

/// Records per second: `50/s`, or `50`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rate(f64);

impl Rate {
    /// Records per second.
    pub(crate) fn per_second(self) -> f64 {
        self.0
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_suffix("/s").unwrap_or(text).trim().parse::<f64>() {
            // Less than one record in eleven days is a mistake, and its interval would overflow.
            Ok(rate) if rate >= 1e-6 && rate.is_finite() => Ok(Self(rate)),
            _ => Err("must be a number of records per second, such as 500/s or 0.5/s".to_owned()),
        }
    }
}

/// Computes when each record is due, for a steady rate without a burst after a pause.
#[derive(Debug)]
pub(crate) struct Pace {
    interval: Duration,
    due: Instant,
}

impl Pace {
    /// Starts now: the first record is due immediately.
    pub(crate) fn new(Rate(rate): Rate) -> Self {
        Self { interval: Duration::from_secs_f64(1.0 / rate), due: Instant::now() }
    }

    /// Returns how long to wait at `now` for the next record, and counts that record as sent.
    pub(crate) fn next(&mut self, now: Instant) -> Duration {
        /// The delay to make up for: timer resolution and scheduling, but not a pause of the input.
        const CATCH_UP: Duration = Duration::from_millis(100);
        let wait = self.due.saturating_duration_since(now);
        let earliest = now.checked_sub(CATCH_UP).unwrap_or(now);
        self.due = self.due.max(earliest) + self.interval;
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_parsed() {
        assert_eq!("50/s".parse(), Ok(Rate(50.0)));
        assert_eq!("0.5".parse(), Ok(Rate(0.5)));
        for wrong in ["", "/s", "0/s", "-1/s", "inf", "NaN", "1e-9", "50/m", "fast"] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn records_are_due_an_interval_apart() {
        let mut pace = Pace::new(Rate(4.0));
        let start = pace.due;
        assert_eq!(pace.next(start), Duration::ZERO);
        assert_eq!(pace.next(start), Duration::from_millis(250));
        assert_eq!(pace.next(start), Duration::from_millis(500));
    }

    #[test]
    fn a_pause_causes_no_burst() {
        let mut pace = Pace::new(Rate(100.0));
        let late = pace.due + Duration::from_secs(60);
        let at_once = (0..1000).take_while(|_| pace.next(late) == Duration::ZERO).count();
        assert_eq!(at_once, 11, "100 ms' worth, and the record that is due");
    }
}
