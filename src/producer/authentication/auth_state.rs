//! [`AuthState`]: whether the brokers let this producer in.
//!
//! librdkafka tries again for ever, since credentials may change; its records wait for `delivery.timeout.ms`. Java fails what a producer
//! wants that cannot log in, and so does this one: once every broker that it knows has refused it, and it has kept on trying for
//! `ottla.authentication.timeout.ms`. That ends neither the producer nor its attempts: what is sent later has as long again.
//!
//! A producer that has been let in before is another matter. Its credentials may be about to be changed, on one of the two sides, and
//! its records wait as Java's do.

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
    /// How long brokers may refuse this producer before its records fail.
    timeout: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The brokers whose connections have failed, by librdkafka's names, and whether they have refused this producer.
    brokers: HashMap<String, bool>,
    last: Option<Arc<AuthFailure>>,
    /// Since when all of them have refused it.
    since: Option<Instant>,
    /// Since when records wait.
    waiting: Option<Instant>,
}

impl AuthState {
    pub(in crate::producer) fn new(timeout: Duration) -> Self {
        Self { timeout, state: Mutex::default() }
    }

    /// A broker's connection has failed; `refusal` if that is what it was.
    pub(in crate::producer) fn note(&self, text: &str, refusal: Option<AuthFailure>) {
        let Some((broker, _)) = broker_of(text) else { return };
        let mut state = lock(&self.state);
        let refused = state.brokers.entry(broker.to_owned()).or_insert(false);
        // How the connection of a broker that has refused breaks the next time says nothing new.
        *refused |= refusal.is_some();
        if let Some(refusal) = refusal {
            state.last = Some(Arc::new(refusal));
        }
    }

    /// librdkafka has tried every broker that it knows, and has a connection to none. It says so again after each further round.
    pub(in crate::producer) fn note_all_down(&self, now: Instant) {
        let mut state = lock(&self.state);
        if !state.brokers.is_empty() && state.brokers.values().all(|&refused| refused) {
            state.since.get_or_insert(now);
        }
    }

    /// Why this producer is not let in, if that has been so for long enough since `asked`: since something has been wanted of the brokers.
    /// Without that librdkafka does not try.
    pub(in crate::producer) fn denied(&self, asked: Instant, now: Instant) -> Option<Arc<AuthFailure>> {
        let state = lock(&self.state);
        let since = state.since?.max(asked);
        if now.saturating_duration_since(since) >= self.timeout { state.last.clone() } else { None }
    }

    /// Takes note whether records wait. If they do, tells when to ask again what to fail them for; in the past if that is now.
    pub(in crate::producer) fn watch(&self, records_wait: bool, now: Instant) -> Option<Instant> {
        let mut state = lock(&self.state);
        if !records_wait {
            state.waiting = None;
            return None;
        }
        let waiting = *state.waiting.get_or_insert(now);
        // A time that the clock cannot show never comes.
        state.since?.max(waiting).checked_add(self.timeout)
    }

    /// Why the records that wait are to fail, if they are.
    pub(in crate::producer) fn records_denied(&self, now: Instant) -> Option<Arc<AuthFailure>> {
        let waiting = lock(&self.state).waiting?;
        self.denied(waiting, now)
    }

    /// The records that have waited have failed, or the credentials are others now: from here on there is as long again. What brokers
    /// have said before stays, since librdkafka is silent when they say it again.
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

    /// Notes an error of a broker's connection.
    fn note(auth_state: &AuthState, broker: &str, code: i32, words: &str) {
        let text = format!("sasl_ssl://{broker}/bootstrap: {words}");
        auth_state.note(&text, AuthFailure::read(code, &text, |_| None));
    }

    #[test]
    fn records_fail_when_all_brokers_have_refused_them_for_a_while() {
        let (auth_state, now) = (AuthState::new(PATIENCE), Instant::now());
        auth_state.note_all_down(now);
        assert_eq!(auth_state.watch(true, now), None, "no broker has said anything");
        note(&auth_state, "a:1", code::AUTHENTICATION, "SASL authentication error: Invalid username or password");
        assert_eq!(auth_state.watch(true, now), None, "another broker may let it in");
        auth_state.note_all_down(now);
        auth_state.note_all_down(now + PATIENCE / 2);
        assert_eq!((auth_state.watch(true, now), auth_state.records_denied(now + PATIENCE / 2)), (Some(now + PATIENCE), None));
        let denied = auth_state.records_denied(now + PATIENCE).unwrap();
        assert!(denied.to_string().starts_with("authentication with the broker at a:1 failed: "), "{denied}");
        note(&auth_state, "a:1", code::TRANSPORT, "Send failed: Broken pipe");
        assert!(
            auth_state.records_denied(now + PATIENCE).is_some(),
            "the connection of a broker that has refused may break as well"
        );
        auth_state.start_over();
        assert_eq!((auth_state.watch(true, now), auth_state.records_denied(now + PATIENCE)), (None, None));
        auth_state.note_all_down(now + PATIENCE);
        assert_eq!(auth_state.watch(true, now), Some(now + 2 * PATIENCE), "librdkafka does not repeat the reason");
    }

    #[test]
    fn what_was_refused_long_ago_says_nothing_of_a_record_that_has_just_come() {
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
    fn a_broker_that_is_away_may_come_back_and_let_it_in() {
        let (auth_state, now) = (AuthState::new(PATIENCE), Instant::now());
        note(&auth_state, "a:1", code::AUTHENTICATION, "SASL authentication error: Invalid username or password");
        note(&auth_state, "b:1", code::TRANSPORT, DOWN);
        auth_state.note_all_down(now);
        assert_eq!(auth_state.denied(now, now + 10 * PATIENCE), None);
    }

    #[test]
    fn the_timeout_may_be_nothing_or_longer_than_the_clock_shows() {
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
    fn what_is_about_no_broker_does_not_count() {
        let (auth_state, now) = (AuthState::new(PATIENCE), Instant::now());
        auth_state.note("Failed to acquire SASL OAUTHBEARER token: no", None);
        auth_state.note_all_down(now);
        assert_eq!(auth_state.denied(now, now + 10 * PATIENCE), None);
    }
}
