//! [`BrokerErrors`]: what brokers' connections have last suffered from.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Mutex, RwLock},
    time::Instant,
};

use crate::{
    Error,
    lock::{lock, read, write},
    native::{AuthFailure, code},
    secret::{Secret, Secrets},
};

/// As many are kept.
const KEPT: usize = 8;

/// The errors of broker connections that came last.
pub(in crate::producer) struct BrokerErrors {
    /// The newest at the end.
    last: Mutex<VecDeque<ConnectionError>>,
    /// Values that librdkafka's texts must not show.
    secrets: RwLock<Known>,
}

struct Known {
    all: Secrets,
    /// Of these, those that were added while the producer runs: the newest at the end.
    later: VecDeque<Secret>,
}

#[derive(Debug, Clone)]
pub(in crate::producer) struct ConnectionError {
    pub(in crate::producer) code: i32,
    pub(in crate::producer) text: String,
    /// The broker that has not let this producer in, if that is what it was.
    refusal: Option<AuthFailure>,
    at: Instant,
}

impl BrokerErrors {
    pub(in crate::producer) fn new(secrets: Secrets) -> Self {
        Self { last: Mutex::default(), secrets: RwLock::new(Known { all: secrets, later: VecDeque::new() }) }
    }

    /// A text of librdkafka's without the secrets that may be in it.
    pub(in crate::producer) fn redact(&self, text: &str) -> String {
        read(&self.secrets).all.redact(text)
    }

    /// Adds a secret that texts must not show, in place of the oldest of those that were added if they are many.
    pub(in crate::producer) fn keep_secret(&self, secret: &str) {
        let Known { all, later } = &mut *write(&self.secrets);
        if secret.is_empty() || all.contains(secret) {
            return;
        }
        if later.len() == KEPT {
            later.pop_front().into_iter().for_each(|oldest| all.remove(&oldest));
        }
        later.push_back(secret.into());
        all.insert(secret.into());
    }

    /// Takes note of one; its text is [redacted](Self::redact).
    pub(in crate::producer) fn note(&self, code: i32, text: String, refusal: Option<AuthFailure>) {
        let mut last = lock(&self.last);
        // That all brokers are down says less than why the last one is.
        if code == code::ALL_BROKERS_DOWN && !last.is_empty() {
            return;
        }
        if last.len() == KEPT {
            last.pop_front();
        }
        last.push_back(ConnectionError { code, text, refusal, at: Instant::now() });
    }

    pub(in crate::producer) fn last(&self) -> Option<ConnectionError> {
        lock(&self.last).back().cloned()
    }

    /// The error of what nobody has answered since this producer is not let in, if it is not; `context` says what that is.
    pub(in crate::producer) fn not_let_in(&self, context: &str) -> Option<Error> {
        let last = lock(&self.last);
        let error = last.iter().rev().find(|error| code::REFUSALS.contains(&error.code))?;
        Some(match &error.refusal {
            Some(refusal) => Error::from_auth_failure(refusal, context),
            None => Error::from_code(error.code, context).with_source(error.text.clone()),
        })
    }

    /// Adds the last one as the error's source.
    pub(in crate::producer) fn blame(&self, error: Error) -> Error {
        match self.last() {
            Some(last) => error.with_source(last.to_string()),
            None => error,
        }
    }
}

/// As it stands behind an error of a record or of a call.
impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the last trouble with a broker, {} s ago: {}", self.at.elapsed().as_secs(), self.text)
    }
}
