//! [`Reconnect`]: enforces `reconnect.backoff.ms` and `reconnect.backoff.max.ms`.
//!
//! librdkafka observes them only for a broker that it has requests for. While a function waits for any broker, as `rd_kafka_metadata` does, it
//! chooses one each `reconnect.backoff.ms / 2`, whatever the result of the last attempt: choosing a broker (`rd_kafka_connect_any`) resets
//! its backoff. With a broker that closes each connection this means 40 connections a second. So such a function is called only when there
//! is a connection; until then ottla asks librdkafka to choose a broker at the times of the backoff. By itself librdkafka chooses one each
//! second, and for an idempotent producer, which needs an id, each half second.

use std::{
    ptr,
    sync::Mutex,
    time::{Duration, Instant},
};

use super::{client::Client, metadata::MetadataAnswer};
use crate::{lock::lock, secret::Secret};

/// How often librdkafka connects by itself; a shorter interval needs no additional attempts.
const BY_ITSELF: Duration = Duration::from_secs(1);

/// librdkafka's defaults, for a client without these settings.
const DEFAULTS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// The time of the next attempt, for all threads of a client.
#[derive(Debug)]
pub(super) struct Reconnect {
    shortest: Duration,
    longest: Duration,
    next: Mutex<Next>,
}

#[derive(Debug)]
struct Next {
    /// `None` for at once.
    at: Option<Instant>,
    backoff: Duration,
}

impl Reconnect {
    /// With the backoff of these properties.
    pub(super) fn new(properties: &[(String, Secret)]) -> Self {
        let of = |name: &str| {
            let set = properties.iter().rev().find(|(property, _)| property == name);
            set.and_then(|(_, value)| value.expose().parse().ok()).map(Duration::from_millis)
        };
        let shortest = of("reconnect.backoff.ms").unwrap_or(DEFAULTS.0).max(Duration::from_millis(1));
        let longest = of("reconnect.backoff.max.ms").unwrap_or(DEFAULTS.1).max(shortest);
        Self { shortest, longest, next: Mutex::new(Next { at: None, backoff: shortest }) }
    }

    /// Whether an attempt is due at `now`, and until when to wait for its result.
    fn is_due(&self, now: Instant) -> (bool, Instant) {
        let mut next = lock(&self.next);
        if let Some(at) = next.at.filter(|at| *at > now) {
            return (false, at);
        }
        let at = now + next.backoff;
        if next.backoff >= BY_ITSELF {
            return (false, at);
        }
        *next = Next { at: Some(at), backoff: (next.backoff * 2).min(self.longest) };
        (true, at)
    }

    /// There is a connection: when it is lost, the backoff restarts.
    fn has_connected(&self) {
        *lock(&self.next) = Next { at: None, backoff: self.shortest };
    }
}

impl Client {
    /// Waits for a connection to a broker, for `timeout` at most. Returns whether there is one.
    pub(crate) fn wait_for_connection(&self, timeout: Duration) -> bool {
        // Much longer than any timeout of a client.
        let end = Instant::now() + timeout.min(Duration::from_secs(1 << 31));
        while !self.connections().wait_for_one(Duration::ZERO) {
            let now = Instant::now();
            if now >= end {
                return false;
            }
            let (is_due, at) = self.reconnect().is_due(now);
            if is_due {
                self.choose_broker();
            }
            self.connections().wait_for_one(at.min(end).saturating_duration_since(now));
        }
        self.reconnect().has_connected();
        true
    }

    /// Makes librdkafka connect to a broker. It does not wait: without a connection there is no response, and with one it has no time for it.
    fn choose_broker(&self) {
        // SAFETY: `self` keeps the client alive; a null topic asks for the topics that the client knows.
        drop(unsafe { MetadataAnswer::ask(self.handle(), ptr::null_mut(), Duration::ZERO) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reconnect(shortest: &str, longest: &str) -> Reconnect {
        let properties = [("reconnect.backoff.ms", shortest), ("reconnect.backoff.max.ms", longest)];
        Reconnect::new(&properties.map(|(name, value)| (name.to_owned(), value.into())))
    }

    #[test]
    fn backoff_doubles_up_to_the_maximum() {
        let reconnect = reconnect("50", "300");
        let mut now = Instant::now();
        let mut attempts = Vec::new();
        for _ in 0..6 {
            let (is_due, at) = reconnect.is_due(now);
            assert!(is_due && !reconnect.is_due(at - Duration::from_millis(1)).0, "another thread waits for the same attempt");
            attempts.push((at - now).as_millis());
            now = at;
        }
        assert_eq!(attempts, [50, 100, 200, 300, 300, 300]);
        reconnect.has_connected();
        assert_eq!(reconnect.is_due(now), (true, now + Duration::from_millis(50)));
    }

    #[test]
    fn attempts_are_left_to_librdkafka_if_it_connects_as_often() {
        let reconnect = reconnect("400", "5000");
        let mut now = Instant::now();
        for wanted in [(true, 400), (true, 800), (false, 1600), (false, 1600)] {
            let (is_due, at) = reconnect.is_due(now);
            assert_eq!((is_due, (at - now).as_millis()), wanted);
            now = at;
        }
    }

    #[test]
    fn defaults_are_those_of_librdkafka_and_never_zero() {
        let reconnect = Reconnect::new(&[]);
        assert_eq!((reconnect.shortest, reconnect.longest), DEFAULTS);
        let reconnect = self::reconnect("0", "0");
        assert_eq!((reconnect.shortest, reconnect.longest), (Duration::from_millis(1), Duration::from_millis(1)));
    }
}
