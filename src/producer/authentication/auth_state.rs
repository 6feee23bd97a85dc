//! [`AuthState`]: whether the brokers accept the producer's credentials.
//!
//! librdkafka retries forever, since credentials may change, and records wait for `delivery.timeout.ms`. In Java, the calls of a producer that
//! cannot authenticate fail. Here they fail once every known broker has rejected the producer and it has retried for
//! `ottla.authentication.timeout.ms`. The producer stays usable and continues to retry, and later records wait for the same time again.
//!
//! After a first successful authentication this does not apply: credentials may be about to change on either side, so records wait as in Java.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use crate::{
    lock::lock,
    native::{AuthFailure, broker_of},
};

#[derive(Debug)]
pub(in crate::producer) struct AuthState {
    /// How long brokers may reject this producer before its records fail.
    timeout: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The brokers whose connections have failed, by librdkafka's names, and whether they have rejected this producer.
    brokers: HashMap<String, bool>,
    last: Option<Arc<AuthFailure>>,
    /// Since when all of them have rejected it.
    since: Option<Instant>,
    /// Since when records wait.
    waiting: Option<Instant>,
}

impl AuthState {
    pub(in crate::producer) fn new(timeout: Duration) -> Self {
        Self { timeout, state: Mutex::default() }
    }

    /// Stores a failed connection. `refusal` is the authentication error, if it was one.
    pub(in crate::producer) fn note(&self, text: &str, refusal: Option<AuthFailure>) {
        let Some((broker, _)) = broker_of(text) else { return };
        let mut state = lock(&self.state);
        let refused = state.brokers.entry(broker.to_owned()).or_insert(false);
        // A later error of another kind does not revoke the rejection.
        *refused |= refusal.is_some();
        if let Some(refusal) = refusal {
            state.last = Some(Arc::new(refusal));
        }
    }

    /// librdkafka has tried all known brokers and has no connection. It repeats this event after each further round.
    pub(in crate::producer) fn note_all_down(&self, now: Instant) {
        let mut state = lock(&self.state);
        if !state.brokers.is_empty() && state.brokers.values().all(|&refused| refused) {
            state.since.get_or_insert(now);
        }
    }

    /// The authentication error, if it has lasted for the timeout since `asked`, the time of the request. Without requests librdkafka does not
    /// try to connect.
    pub(in crate::producer) fn denied(&self, asked: Instant, now: Instant) -> Option<Arc<AuthFailure>> {
        let state = lock(&self.state);
        let since = state.since?.max(asked);
        if now.saturating_duration_since(since) >= self.timeout { state.last.clone() } else { None }
    }

    /// Stores whether records wait. Returns the time at which they fail, which may be in the past.
    pub(in crate::producer) fn watch(&self, records_wait: bool, now: Instant) -> Option<Instant> {
        let mut state = lock(&self.state);
        if !records_wait {
            state.waiting = None;
            return None;
        }
        let waiting = *state.waiting.get_or_insert(now);
        // `None` if the time overflows.
        state.since?.max(waiting).checked_add(self.timeout)
    }

    /// The authentication error with which waiting records must fail.
    pub(in crate::producer) fn records_denied(&self, now: Instant) -> Option<Arc<AuthFailure>> {
        let waiting = lock(&self.state).waiting?;
        self.denied(waiting, now)
    }

    /// Restarts the timeout, because the waiting records have failed or the credentials have changed. Keeps the brokers' errors, since librdkafka
    /// does not repeat them.
    pub(in crate::producer) fn start_over(&self) {
        let mut state = lock(&self.state);
        (state.since, state.waiting) = (None, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::code;

    const PATIENCE: Duration = Duration::from_secs(3);

    const DOWN: &str = "Connect to ipv4#127.0.0.1:9092 failed: Connection refused";

    /// Stores an error of a broker's connection.
    fn note(auth_state: &AuthState, broker: &str, code: i32, words: &str) {
        let text = format!("sasl_ssl://{broker}/bootstrap: {words}");
        auth_state.note(&text, AuthFailure::read(code, &text, |_| None));
    }

    #[test]
    fn records_fail_after_all_brokers_have_rejected_the_client_for_the_timeout() {
        let (auth_state, now) = (AuthState::new(PATIENCE), Instant::now());
        auth_state.note_all_down(now);
        assert_eq!(auth_state.watch(true, now), None, "no broker has failed");
        note(&auth_state, "a:1", code::AUTHENTICATION, "SASL authentication error: Invalid username or password");
        assert_eq!(auth_state.watch(true, now), None, "another broker may accept the client");
        auth_state.note_all_down(now);
        auth_state.note_all_down(now + PATIENCE / 2);
        assert_eq!((auth_state.watch(true, now), auth_state.records_denied(now + PATIENCE / 2)), (Some(now + PATIENCE), None));
        let denied = auth_state.records_denied(now + PATIENCE).unwrap();
        assert!(denied.to_string().starts_with("authentication with the broker at a:1 failed: "), "{denied}");
        note(&auth_state, "a:1", code::TRANSPORT, "Send failed: Broken pipe");
        assert!(auth_state.records_denied(now + PATIENCE).is_some(), "a later connection error does not revoke the rejection");
        auth_state.start_over();
        assert_eq!((auth_state.watch(true, now), auth_state.records_denied(now + PATIENCE)), (None, None));
        auth_state.note_all_down(now + PATIENCE);
        assert_eq!(
            auth_state.watch(true, now),
            Some(now + 2 * PATIENCE),
            "the reason is kept, since librdkafka does not repeat it"
        );
    }

    #[test]
    fn a_new_record_waits_for_the_timeout_again() {
        let (auth_state, now) = (AuthState::new(PATIENCE), Instant::now());
        note(&auth_state, "a:1", code::SSL, "SSL handshake failed: error:0A000086:SSL routines::certificate verify failed");
        auth_state.note_all_down(now);
        assert_eq!((auth_state.watch(false, now), auth_state.records_denied(now + 10 * PATIENCE)), (None, None));
        let later = now + 9 * PATIENCE;
        assert_eq!(auth_state.watch(true, later), Some(later + PATIENCE));
        assert_eq!((auth_state.records_denied(later), auth_state.denied(later, later)), (None, None));
        assert!(auth_state.records_denied(later + PATIENCE).is_some() && auth_state.denied(later, later + PATIENCE).is_some());
    }

    #[test]
    fn a_broker_that_is_down_prevents_the_failure() {
        let (auth_state, now) = (AuthState::new(PATIENCE), Instant::now());
        note(&auth_state, "a:1", code::AUTHENTICATION, "SASL authentication error: Invalid username or password");
        note(&auth_state, "b:1", code::TRANSPORT, DOWN);
        auth_state.note_all_down(now);
        assert_eq!(auth_state.denied(now, now + 10 * PATIENCE), None);
    }

    #[test]
    fn the_timeout_may_be_zero_or_overflow() {
        for (timeout, is_denied, deadline) in [
            (Duration::ZERO, true, Some(Duration::ZERO)),
            (Duration::from_secs(60), false, Some(Duration::from_secs(60))),
            (Duration::MAX, false, None),
        ] {
            let (auth_state, now) = (AuthState::new(timeout), Instant::now());
            note(&auth_state, "a:1", code::AUTHENTICATION, "SASL authentication error: Invalid username or password");
            auth_state.note_all_down(now);
            assert_eq!(auth_state.watch(true, now), deadline.map(|deadline| now + deadline), "{timeout:?}");
            assert_eq!(auth_state.records_denied(now).is_some(), is_denied, "{timeout:?}");
        }
    }

    #[test]
    fn errors_without_a_broker_do_not_count() {
        let (auth_state, now) = (AuthState::new(PATIENCE), Instant::now());
        auth_state.note("Failed to acquire SASL OAUTHBEARER token: no", None);
        auth_state.note_all_down(now);
        assert_eq!(auth_state.denied(now, now + 10 * PATIENCE), None);
    }
}
