//! [`Health`]: whether a run does what it is for.

use std::time::{Duration, Instant};

use super::Run;

/// How long records may be outstanding while none is acknowledged or fails.
const STALLED: Duration = Duration::from_secs(60);

/// How old a checkpoint may be, in intervals, and at least.
const OLD: (u32, Duration) = (10, Duration::from_secs(60));

/// The reports when a check first found records outstanding without a report since, and the time of that check; `None` if nothing was
/// outstanding at the last check.
#[derive(Debug, Default)]
pub(super) struct Health(Option<(f64, Instant)>);

impl Health {
    /// Why the run is not healthy; `None` if it is.
    pub(super) fn check(&mut self, run: &Run) -> Option<String> {
        if let Some(reason) = run.totals.ended() {
            return Some(reason);
        }
        let report = run.totals.snapshot();
        if let Some(error) = report.input_errors().next() {
            return Some(format!("an input is not read further: {error}"));
        }
        let metrics = run.producer.metrics();
        let value = |name| metrics.value(name).unwrap_or(0.0);
        let is_outstanding = value("buffer-available-bytes") < value("buffer-total-bytes");
        let reports = value("record-send-total") + value("record-error-total");
        if let Some(stalled) = self.stalled(reports, is_outstanding, Instant::now()) {
            return Some(format!("no record was acknowledged for {} s, and some are waiting", stalled.as_secs()));
        }
        let age = run.progress.age();
        let interval = run.progress.interval?;
        (age > old(interval)).then(|| format!("the last checkpoint is {} s old", age.as_secs()))
    }

    /// For how long there has been no progress, if that is too long. The time begins with a check that finds records outstanding.
    fn stalled(&mut self, reports: f64, is_outstanding: bool, now: Instant) -> Option<Duration> {
        match self.0 {
            _ if !is_outstanding => {
                self.0 = None;
                None
            }
            Some((before, since)) if before == reports => {
                Some(now.saturating_duration_since(since)).filter(|stalled| *stalled > STALLED)
            }
            _ => {
                self.0 = Some((reports, now));
                None
            }
        }
    }
}

fn old(interval: Duration) -> Duration {
    interval.saturating_mul(OLD.0).max(OLD.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_that_wait_without_a_report_are_a_stall() {
        let mut health = Health::default();
        let start = Instant::now();
        let mut at = |seconds, reports: u32, is_outstanding| {
            let reports = f64::from(reports);
            health.stalled(reports, is_outstanding, start + Duration::from_secs(seconds)).map(|stalled| stalled.as_secs())
        };
        assert_eq!(at(0, 5, false), None);
        assert_eq!(at(1000, 5, false), None, "there is nothing to send");
        assert_eq!(at(1015, 5, true), None);
        assert_eq!(at(1070, 6, true), None, "one was reported");
        assert_eq!(at(1131, 6, true), Some(61));
        assert_eq!(at(1132, 7, true), None);
        assert_eq!(at(1140, 8, false), None);
        assert_eq!(at(1260, 8, true), None, "the record may have been sent just now");
        assert_eq!(at(1320, 8, true), None);
        assert_eq!(at(1321, 8, true), Some(61));
    }

    #[test]
    fn a_checkpoint_is_old_after_ten_intervals_and_a_minute() {
        assert_eq!(old(Duration::from_secs(5)), Duration::from_secs(60));
        assert_eq!(old(Duration::from_secs(30)), Duration::from_secs(300));
    }
}
