//! [`Failure`]: why a transaction cannot be committed, and what librdkafka's refusals mean for it.

use std::time::Duration;

use crate::{
    Error, ErrorKind,
    native::{TransactionRefused, code},
};

/// Why a transaction cannot be committed.
#[derive(Debug, Clone)]
pub(in crate::producer) struct Failure {
    pub(in crate::producer) what: String,
    /// If it has ended the producer as well: as what, and by which code.
    pub(in crate::producer) fatal: Option<(ErrorKind, i32)>,
}

impl Failure {
    /// One that the transaction can be aborted after.
    pub(in crate::producer) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), fatal: None }
    }

    /// One that ends the producer. A transaction that was `open` for longer than its `timeout` is told from one whose producer was replaced:
    /// the coordinator aborts it and counts the producer's epoch up, and answers both in the same way from then on.
    pub(super) fn fatal(code: i32, what: &str, open: Option<Duration>, timeout: Duration) -> Self {
        let kind = match Error::from_code(code, "").kind() {
            ErrorKind::Fenced => match open.filter(|open| *open >= timeout) {
                Some(open) => {
                    let (open, timeout) = (open.as_millis(), timeout.as_millis());
                    let what = format!(
                        "it has been open for {open} ms, which is longer than transaction.timeout.ms ({timeout} ms), so that its coordinator \
                         has most likely aborted it: {what}"
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

    /// The kind of a fatal one.
    pub(in crate::producer) fn fatal_kind(&self) -> Option<ErrorKind> {
        self.fatal.map(|(kind, _)| kind)
    }

    pub(in crate::producer) fn error(&self) -> Error {
        match self.fatal {
            Some((ErrorKind::TransactionExpired, code)) => {
                let message = format!(
                    "the transaction has expired, and none of it is committed: {}; build a new producer, and do the transaction again",
                    self.what
                );
                Error::from_ended(ErrorKind::TransactionExpired, code, message)
            }
            Some((kind, code)) => {
                let message = "this producer can do no more: build a new one";
                Error::from_ended(kind, code, message.to_owned()).with_source(self.what.clone())
            }
            None => {
                let message = "a part of the transaction has failed: abort it";
                Error::new(ErrorKind::TransactionFailed, message).with_source(self.what.clone())
            }
        }
    }
}

/// Whether a refusal says that another producer has this one's `transactional.id`, or that the coordinator has ended its transaction.
pub(in crate::producer) fn is_fence(code: i32) -> bool {
    code::FENCES.contains(&code)
}

impl TransactionRefused {
    /// Whether the same call goes on where this one stopped, as far as librdkafka can tell.
    pub(super) fn is_resumable(&self) -> bool {
        self.retriable && !self.abortable && !self.fatal
    }

    /// The code, if the broker answered it and is not expected to answer anything else when it is asked again. librdkafka asks again all
    /// the same, where Java gives up.
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
    fn a_transaction_that_was_open_too_long_is_told_from_one_whose_producer_was_replaced() {
        for code in code::FENCES {
            let kind = |open| Failure::fatal(code, "no", open, MINUTE).error().kind();
            assert_eq!(kind(Some(MINUTE)), ErrorKind::TransactionExpired);
            assert_eq!(kind(Some(MINUTE - Duration::from_nanos(1))), ErrorKind::Fenced);
            assert_eq!(kind(None), ErrorKind::Fenced, "there was no transaction");
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
