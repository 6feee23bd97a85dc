//! [`Failure`]: why a transaction cannot be committed, and the classification of librdkafka's errors.

use std::time::Duration;

use crate::{
    Error, ErrorKind,
    native::{TransactionRefused, code},
};

/// Why a transaction cannot be committed.
#[derive(Debug, Clone)]
pub(in crate::producer) struct Failure {
    pub(in crate::producer) what: String,
    /// The kind and the code, if the failure is fatal for the producer.
    pub(in crate::producer) fatal: Option<(ErrorKind, i32)>,
}

impl Failure {
    /// A failure after which the transaction can be aborted.
    pub(in crate::producer) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), fatal: None }
    }

    /// A failure that is fatal for the producer. Brokers respond the same to an expired transaction and to a fenced producer, because the
    /// coordinator also increments the producer's epoch when it aborts an expired transaction. So a transaction that was `open` for longer than
    /// its `timeout` counts as expired.
    pub(super) fn fatal(code: i32, what: &str, open: Option<Duration>, timeout: Duration) -> Self {
        let kind = match Error::from_code(code, "").kind() {
            ErrorKind::Fenced => match open.filter(|open| *open >= timeout) {
                Some(open) => {
                    let (open, timeout) = (open.as_millis(), timeout.as_millis());
                    let what = format!(
                        "it was open for {open} ms, longer than transaction.timeout.ms ({timeout} ms), so its coordinator has most likely \
                         aborted it: {what}"
                    );
                    return Self { what, fatal: Some((ErrorKind::TransactionExpired, code)) };
                }
                None => ErrorKind::Fenced,
            },
            kind @ (ErrorKind::Authorization | ErrorKind::Authentication) => kind,
            _ => ErrorKind::Fatal,
        };
        Self { what: what.to_owned(), fatal: Some((kind, code)) }
    }

    /// The kind of a fatal failure.
    pub(in crate::producer) fn fatal_kind(&self) -> Option<ErrorKind> {
        self.fatal.map(|(kind, _)| kind)
    }

    pub(in crate::producer) fn error(&self) -> Error {
        match self.fatal {
            Some((ErrorKind::TransactionExpired, code)) => {
                let message = format!(
                    "the transaction expired, and nothing was committed: {}; build a new producer and repeat the transaction",
                    self.what
                );
                Error::from_ended(ErrorKind::TransactionExpired, code, message)
            }
            Some((kind, code)) => {
                let message = "the producer has failed and cannot be used any more: build a new one";
                Error::from_ended(kind, code, message.to_owned()).with_source(self.what.clone())
            }
            None => {
                let message = "the transaction has failed: abort it";
                Error::new(ErrorKind::TransactionFailed, message).with_source(self.what.clone())
            }
        }
    }
}

/// Whether the code means that another producer uses the `transactional.id`, or that the coordinator has aborted the transaction.
pub(in crate::producer) fn is_fence(code: i32) -> bool {
    code::FENCES.contains(&code)
}

impl TransactionRefused {
    /// Whether librdkafka allows the call to be resumed.
    pub(super) fn is_resumable(&self) -> bool {
        self.retriable && !self.abortable && !self.fatal
    }

    /// The broker's error code, if it is not retriable. librdkafka retries such errors, whereas Java gives up.
    pub(super) fn permanent(&self) -> Option<i32> {
        let by_code = Error::from_code(self.code, "");
        (self.code != code::TIMED_OUT && !by_code.is_retriable()).then_some(self.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn an_expired_transaction_is_distinguished_from_a_fenced_producer() {
        for code in code::FENCES {
            let kind = |open| Failure::fatal(code, "no", open, MINUTE).error().kind();
            assert_eq!(kind(Some(MINUTE)), ErrorKind::TransactionExpired);
            assert_eq!(kind(Some(MINUTE - Duration::from_nanos(1))), ErrorKind::Fenced);
            assert_eq!(kind(None), ErrorKind::Fenced, "without an open transaction");
        }
        let error = Failure::fatal(-144, "no", Some(MINUTE), MINUTE).error();
        assert!(error.is_fatal() && !error.is_abortable() && !error.is_retriable(), "{error:?}");
        assert!(error.to_string().contains("transaction.timeout.ms (60000 ms)"), "{error}");
        assert_eq!((error.code(), error.name()), (Some(-144), Some("_FENCED")));
        assert!(error.advice().is_some_and(|advice| advice.contains("transaction.timeout.ms")));
        assert_eq!(Failure::fatal(48, "no", Some(MINUTE), MINUTE).error().kind(), ErrorKind::Fatal);
        assert_eq!(Failure::fatal(53, "no", None, MINUTE).error().kind(), ErrorKind::Authorization);
    }
}
