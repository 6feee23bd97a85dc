//! [`Error`]: one opaque type, with a kind to match on and questions to ask.

use std::{error::Error as StdError, fmt};

/// What went wrong, where, and what it means for the record.
///
/// `Display` tells this level only; [`source`](StdError::source) tells the cause. It never shows a record's content or a secret.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    code: Option<i32>,
    broker_message: Option<String>,
    persistence: Persistence,
    source: Option<Box<dyn StdError + Send + Sync + 'static>>,
}

/// The kinds of error, for matching.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The configuration is wrong; the source is a [`ConfigError`](crate::config::ConfigError) with every problem of it.
    Config,
}

/// Whether a record that failed may have been written all the same (librdkafka's `rd_kafka_msg_status_t`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Persistence {
    /// It was certainly not written: sending it again cannot make a duplicate.
    NotPersisted,
    /// It may have been written: sending it again may make a duplicate.
    PossiblyPersisted,
    /// It was written.
    Persisted,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            code: None,
            broker_message: None,
            persistence: Persistence::NotPersisted,
            source: None,
        }))
    }

    pub(crate) fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync + 'static>>) -> Self {
        self.0.source = Some(source.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error").field("kind", &self.0.kind).field("message", &self.0.message).field("source", &self.0.source).finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_ref().map(|source| &**source as &(dyn StdError + 'static))
    }
}
