//! [`Troubles`]: what brokers' connections have last suffered from.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use crate::{Error, native::code, secret::Secrets};

/// As many are kept.
const KEPT: usize = 8;

/// The errors of broker connections that came last.
pub(super) struct Troubles {
    /// The newest at the end.
    last: Mutex<VecDeque<Trouble>>,
    /// Values that librdkafka's texts must not show.
    secrets: Secrets,
}

#[derive(Debug, Clone)]
pub(super) struct Trouble {
    pub(super) code: i32,
    pub(super) text: String,
    at: Instant,
}

impl Troubles {
    pub(super) fn new(secrets: Secrets) -> Self {
        Self { last: Mutex::default(), secrets }
    }

    /// A text of librdkafka's without the secrets that may be in it.
    pub(super) fn redact(&self, text: &str) -> String {
        self.secrets.redact(text)
    }

    /// Takes note of one; its text is [redacted](Self::redact).
    pub(super) fn note(&self, code: i32, text: String) {
        let mut last = self.lock();
        // That all brokers are down says less than why the last one is.
        if code == code::ALL_BROKERS_DOWN && !last.is_empty() {
            return;
        }
        if last.len() == KEPT {
            last.pop_front();
        }
        last.push_back(Trouble { code, text, at: Instant::now() });
    }

    pub(super) fn last(&self) -> Option<Trouble> {
        self.lock().back().cloned()
    }

    /// The last one that says that this producer is not let in.
    pub(super) fn not_let_in(&self) -> Option<Trouble> {
        self.lock().iter().rev().find(|trouble| code::REFUSALS.contains(&trouble.code)).cloned()
    }

    /// Adds the last one as the error's source.
    pub(super) fn blame(&self, error: Error) -> Error {
        match self.last() {
            Some(trouble) => error.with_source(trouble.to_string()),
            None => error,
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Trouble>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As it stands behind an error of a record or of a call.
impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the last trouble with a broker, {} s ago: {}", self.at.elapsed().as_secs(), self.text)
    }
}
