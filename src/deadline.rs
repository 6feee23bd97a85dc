//! [`Deadline`]: the end of a wait, or none.
//!
//! A user may pass any `Duration`, including `Duration::MAX`, and `Instant + Duration` panics on overflow. So every timeout becomes a
//! `Deadline` first. A time that an `Instant` cannot hold becomes [`Deadline::NEVER`].

use std::time::{Duration, Instant};

/// The time at which a wait ends. The default is never.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// No end.
    pub(crate) const NEVER: Self = Self(None);

    /// `timeout` from now, or never if an `Instant` cannot hold that.
    pub(crate) fn after(timeout: Duration) -> Self {
        Self::from(Instant::now(), timeout)
    }

    /// `timeout` after `begun`, or never if an `Instant` cannot hold that.
    pub(crate) fn from(begun: Instant, timeout: Duration) -> Self {
        Self(begun.checked_add(timeout))
    }

    /// At `moment`.
    pub(crate) fn at(moment: Instant) -> Self {
        Self(Some(moment))
    }

    /// The time, `None` for never.
    pub(crate) fn instant(self) -> Option<Instant> {
        self.0
    }

    /// Whether the deadline has passed.
    pub(crate) fn is_over(self, now: Instant) -> bool {
        self.0.is_some_and(|moment| moment <= now)
    }

    /// The remaining time: zero if the deadline has passed, `Duration::MAX` for never.
    pub(crate) fn left(self, now: Instant) -> Duration {
        self.0.map_or(Duration::MAX, |moment| moment.saturating_duration_since(now))
    }

    /// The earlier of the two.
    pub(crate) fn earlier(self, other: Self) -> Self {
        match (self.0, other.0) {
            (Some(one), Some(two)) => Self(Some(one.min(two))),
            (one, two) => Self(one.or(two)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overflow_means_never() {
        let now = Instant::now();
        for deadline in [Deadline::after(Duration::MAX), Deadline::from(now, Duration::MAX), Deadline::NEVER] {
            assert_eq!((deadline, deadline.instant(), deadline.is_over(now)), (Deadline::NEVER, None, false));
            assert_eq!(deadline.left(now), Duration::MAX);
        }
    }

    #[test]
    fn is_over_starts_at_the_deadline() {
        let now = Instant::now();
        let deadline = Deadline::from(now, Duration::from_secs(2));
        assert_eq!((deadline.is_over(now), deadline.left(now)), (false, Duration::from_secs(2)));
        let later = now + Duration::from_secs(2);
        assert_eq!((deadline.is_over(later), deadline.left(later)), (true, Duration::ZERO));
        assert_eq!(deadline.left(later + Duration::from_secs(1)), Duration::ZERO);
        assert!(Deadline::from(now, Duration::ZERO).is_over(now));
    }

    #[test]
    fn earlier_treats_never_as_latest() {
        let now = Instant::now();
        let (one, two) = (Deadline::at(now), Deadline::from(now, Duration::from_secs(1)));
        assert_eq!((one.earlier(two), two.earlier(one)), (one, one));
        assert_eq!((one.earlier(Deadline::NEVER), Deadline::NEVER.earlier(one)), (one, one));
        assert_eq!(Deadline::NEVER.earlier(Deadline::NEVER), Deadline::NEVER);
    }
}
