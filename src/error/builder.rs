//! [`ErrorBuilder`]: errors for tests.

use std::error::Error as StdError;

use super::{Error, ErrorKind, Persistence, code::Meaning};

/// Builds an [`Error`], for tests of the code that handles it. Not for other code, whose errors are its own types.
///
/// ```
/// use ottla::{ErrorKind, testing::ErrorBuilder};
///
/// let error = ErrorBuilder::new(ErrorKind::TransactionTimeout).build();
/// assert!(error.is_retriable() && !error.is_fatal());
///
/// let error = ErrorBuilder::from_code(19).message("topic orders, partition 3").build();
/// assert_eq!((error.kind(), error.name()), (ErrorKind::NotEnoughReplicas, Some("NOT_ENOUGH_REPLICAS")));
/// ```
#[derive(Debug, Clone)]
#[must_use = "call build() to get the error"]
pub struct ErrorBuilder(Error);

impl ErrorBuilder {
    /// An error of this kind without a code. What it says about retries, transactions and the producer is that of its kind.
    pub fn new(kind: ErrorKind) -> Self {
        Self(Error::new(kind, format!("an error made by a test ({kind})")))
    }

    /// An error with a code of a broker or of librdkafka (below -1), which determines its kind and meaning. `docs/errors.md` lists the codes.
    pub fn from_code(code: i32) -> Self {
        Self(Error::from_code(code, "an error made by a test"))
    }

    /// Sets the message, which `Display` shows. Defaults to one with the kind, or the code and its text.
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.0.0.message = message.into();
        self
    }

    /// Sets whether the failed record may have been written. Defaults to [`NotPersisted`](Persistence::NotPersisted).
    pub fn persistence(mut self, persistence: Persistence) -> Self {
        self.0.0.persistence = persistence;
        self
    }

    /// Sets the cause. Defaults to none.
    pub fn source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0 = self.0.with_source(source);
        self
    }

    /// Sets the broker's message about the record (KIP-467). Defaults to none.
    pub fn broker_message(mut self, message: impl Into<String>) -> Self {
        self.0.0.broker_message = Some(message.into().into_boxed_str());
        self
    }

    /// Sets [`Error::is_retriable`]. Defaults to that of the kind or code.
    pub fn retriable(self, retriable: bool) -> Self {
        self.with_meaning(|meaning| Meaning { retriable, ..meaning })
    }

    /// Sets [`Error::is_abortable`]. Defaults to that of the kind or code.
    pub fn abortable(self, abortable: bool) -> Self {
        self.with_meaning(|meaning| Meaning { abortable, ..meaning })
    }

    /// Sets [`Error::is_fatal`]. Defaults to that of the kind or code.
    pub fn fatal(self, fatal: bool) -> Self {
        self.with_meaning(|meaning| Meaning { fatal, ..meaning })
    }

    /// Builds the error.
    pub fn build(self) -> Error {
        self.0
    }

    fn with_meaning(mut self, change: impl FnOnce(Meaning) -> Meaning) -> Self {
        let error = &self.0;
        let meaning = Meaning {
            code: error.code().unwrap_or_default(),
            name: error.name().unwrap_or_default(),
            kind: error.kind(),
            retriable: error.is_retriable(),
            abortable: error.is_abortable(),
            fatal: error.is_fatal(),
            java: error.java_exception(),
            advice: error.advice(),
        };
        self.0.0.meaning = Some(change(meaning));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_set_is_returned() {
        let error = ErrorBuilder::new(ErrorKind::Network)
            .message("connection lost")
            .persistence(Persistence::PossiblyPersisted)
            .source("cable")
            .broker_message("bye")
            .build();
        assert_eq!((error.kind(), error.to_string().as_str(), error.code()), (ErrorKind::Network, "connection lost", None));
        assert_eq!((error.persistence(), error.broker_message()), (Persistence::PossiblyPersisted, Some("bye")));
        assert_eq!(StdError::source(&error).map(ToString::to_string).as_deref(), Some("cable"));
        assert!(error.is_retriable() && !error.is_abortable() && !error.is_fatal());
    }

    #[test]
    fn each_flag_is_set_alone() {
        for builder in [ErrorBuilder::new(ErrorKind::Network), ErrorBuilder::from_code(13), ErrorBuilder::from_code(31)] {
            let before = builder.clone().build();
            let flags = |error: &Error| [error.is_retriable(), error.is_abortable(), error.is_fatal()];
            let [retriable, abortable, fatal] = flags(&before);
            let error = builder.clone().retriable(!retriable).build();
            assert_eq!(flags(&error), [!retriable, abortable, fatal]);
            let error = builder.clone().abortable(!abortable).build();
            assert_eq!(flags(&error), [retriable, !abortable, fatal]);
            let error = builder.fatal(!fatal).build();
            assert_eq!(flags(&error), [retriable, abortable, !fatal]);
            let rest = |error: &Error| (error.kind(), error.code(), error.name(), error.java_exception(), error.advice());
            assert_eq!(rest(&error), rest(&before));
        }
    }
}
