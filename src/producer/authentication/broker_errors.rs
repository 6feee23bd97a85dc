//! [`BrokerErrors`]: the last errors of broker connections.

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

/// The number of errors and of later secrets that are kept.
const KEPT: usize = 8;

/// The last errors of broker connections.
pub(in crate::producer) struct BrokerErrors {
    /// The newest at the end.
    last: Mutex<VecDeque<ConnectionError>>,
    /// Values to redact in librdkafka's messages.
    secrets: RwLock<Known>,
}

struct Known {
    all: Secrets,
    /// The secrets of `all` that were added later, the newest at the end.
    later: VecDeque<Secret>,
}

#[derive(Debug, Clone)]
pub(in crate::producer) struct ConnectionError {
    pub(in crate::producer) code: i32,
    pub(in crate::producer) text: String,
    /// The authentication error, if it was one.
    refusal: Option<AuthFailure>,
    at: Instant,
}

impl BrokerErrors {
    pub(in crate::producer) fn new(secrets: Secrets) -> Self {
        Self { last: Mutex::default(), secrets: RwLock::new(Known { all: secrets, later: VecDeque::new() }) }
    }

    /// Redacts secrets in a message of librdkafka.
    pub(in crate::producer) fn redact(&self, text: &str) -> String {
        read(&self.secrets).all.redact(text)
    }

    /// Adds a secret to redact. Removes the oldest added one if there are too many.
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

    /// Stores an error. `text` must be [redacted](Self::redact).
    pub(in crate::producer) fn note(&self, code: i32, text: String, refusal: Option<AuthFailure>) {
        let mut last = lock(&self.last);
        // The error of the last broker says more than that all brokers are down.
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

    /// The error of a request that failed because of authentication, if that is the reason. `context` describes the request.
    pub(in crate::producer) fn authentication_error(&self, context: &str) -> Option<Error> {
        let last = lock(&self.last);
        let error = last.iter().rev().find(|error| code::REFUSALS.contains(&error.code))?;
        Some(match &error.refusal {
            Some(refusal) => Error::from_auth_failure(refusal, context),
            None => Error::from_code(error.code, context).with_source(error.text.clone()),
        })
    }

    /// Adds the last broker error as the source.
    pub(in crate::producer) fn blame(&self, error: Error) -> Error {
        match self.last() {
            Some(last) => error.with_source(last.to_string()),
            None => error,
        }
    }
}

/// The source of an error of a record or of a call.
impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the last broker error, {} s ago: {}", self.at.elapsed().as_secs(), self.text)
    }
}
