//! [`Deadline`]: when a wait ends, if it ends at all.
//!
//! A user may pass any `Duration`, also `Duration::MAX`, and `Instant + Duration` panics on overflow. So every timeout becomes a
//! `Deadline` first, and a moment that an `Instant` cannot hold is one that never comes.

use std::time::{Duration, Instant};

/// The moment at which a wait ends. The default is never.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// The wait has no end.
    pub(crate) const NEVER: Self = Self(None);

    /// `timeout` from now. Never, if that is too far away for an `Instant`.
    pub(crate) fn after(timeout: Duration) -> Self {
        Self::from(Instant::now(), timeout)
    }

    /// `timeout` from `begun`.
    pub(crate) fn from(begun: Instant, timeout: Duration) -> Self {
        Self(begun.checked_add(timeout))
    }

    /// This very moment.
    pub(crate) fn at(moment: Instant) -> Self {
        Self(Some(moment))
    }

    /// The moment, `None` if it never comes.
    pub(crate) fn instant(self) -> Option<Instant> {
        self.0
    }

    /// Whether it has come.
    pub(crate) fn is_over(self, now: Instant) -> bool {
        self.0.is_some_and(|moment| moment <= now)
    }

    /// How long it is until then: zero if it has come, `Duration::MAX` if it never comes.
    pub(crate) fn left(self, now: Instant) -> Duration {
        self.0.map_or(Duration::MAX, |moment| moment.saturating_duration_since(now))
    }

    /// The earlier one of two.
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
    fn a_moment_that_is_too_far_away_never_comes() {
        let now = Instant::now();
        for deadline in [Deadline::after(Duration::MAX), Deadline::from(now, Duration::MAX), Deadline::NEVER] {
            assert_eq!((deadline, deadline.instant(), deadline.is_over(now)), (Deadline::NEVER, None, false));
            assert_eq!(deadline.left(now), Duration::MAX);
        }
    }

    #[test]
    fn a_deadline_is_over_from_its_moment_on() {
        let now = Instant::now();
        let deadline = Deadline::from(now, Duration::from_secs(2));
        assert_eq!((deadline.is_over(now), deadline.left(now)), (false, Duration::from_secs(2)));
        let later = now + Duration::from_secs(2);
        assert_eq!((deadline.is_over(later), deadline.left(later)), (true, Duration::ZERO));
        assert_eq!(deadline.left(later + Duration::from_secs(1)), Duration::ZERO);
        assert!(Deadline::from(now, Duration::ZERO).is_over(now));
    }

    #[test]
    fn the_earlier_one_counts_and_never_is_the_latest() {
        let now = Instant::now();
        let (one, two) = (Deadline::at(now), Deadline::from(now, Duration::from_secs(1)));
        assert_eq!((one.earlier(two), two.earlier(one)), (one, one));
        assert_eq!((one.earlier(Deadline::NEVER), Deadline::NEVER.earlier(one)), (one, one));
        assert_eq!(Deadline::NEVER.earlier(Deadline::NEVER), Deadline::NEVER);
    }
}
