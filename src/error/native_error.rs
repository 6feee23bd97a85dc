//! The errors of codes, reports and failures that the native layer returns.

use std::sync::Arc;

use super::{
    Error, ErrorKind, Persistence,
    code::{self, Meaning},
};
use crate::native::{self, AuthFailure, Contained, Outcome, TransactionRefused};

impl Error {
    /// An error of librdkafka or of a broker. `context` says where it occurred.
    pub(crate) fn from_code(code: i32, context: &str) -> Self {
        let meaning = code::meaning(code);
        let text = code::own_text(code).map_or_else(|| native::error_text(code), str::to_owned);
        let name = if meaning.name.is_empty() { native::error_name(code) } else { meaning.name.to_owned() };
        let message = format!("{context}: {text} ({name})");
        let mut error = Self::new(meaning.kind, message);
        error.0.code = Some(code);
        error
    }

    /// The error of a record that failed after it was accepted.
    pub(crate) fn from_report(topic: &str, outcome: &Outcome) -> Self {
        let context = if outcome.partition < 0 {
            format!("topic {topic}")
        } else {
            format!("topic {topic}, partition {}", outcome.partition)
        };
        #[cfg(feature = "testing")]
        if let Some(given) = outcome.details.as_ref().and_then(|details| details.given.as_ref()?.downcast_ref::<Self>()) {
            return given.clone();
        }
        let failure = outcome.details.as_ref().and_then(|details| details.refusal.as_ref());
        let mut error = match failure {
            Some(failure) => Self::from_auth_failure(failure, &context),
            None => Self::from_code(outcome.code(), &context),
        };
        error.0.persistence = Persistence::from_status(outcome.status.into());
        let Some(details) = &outcome.details else { return error };
        error.0.record.clone_from(&details.record);
        if let Some(answered) = &details.partitioner {
            // librdkafka got a placeholder instead of a partition, so its code means nothing.
            error.0.code = None;
            error.0.kind = ErrorKind::Partitioner;
            error.0.message = format!("{context}: the partitioner {answered}");
        }
        if let Some(meaning) = code::of_batch(outcome.code()).filter(|_| details.batch_records > 1) {
            let (records, name) = (details.batch_records, meaning.name);
            error.0.kind = meaning.kind;
            error.0.meaning = Some(meaning);
            error.0.message = match meaning.kind {
                ErrorKind::BatchTooLarge => {
                    format!("{context}: its batch of {records} records is too large for the broker ({name})")
                }
                _ => {
                    let text = native::error_text(outcome.code());
                    format!(
                        "{context}: the broker rejected its batch of {records} records because of one of them: {text} ({name})"
                    )
                }
            };
        }
        if details.only_aborts && error.is_fatal() {
            // As in Java: such an error is fatal only outside transactions.
            error.0.kind = ErrorKind::Broker;
            let by_code = code::meaning(outcome.code());
            error.0.meaning = Some(Meaning { kind: ErrorKind::Broker, abortable: true, fatal: false, advice: None, ..by_code });
        }
        if details.has_expired {
            let kind = ErrorKind::TransactionExpired;
            error.0.kind = kind;
            error.0.meaning = Some(code::ended(outcome.code(), kind));
            error.0.message.push_str("; the transaction was open for longer than transaction.timeout.ms, so its coordinator has most likely aborted it");
        }
        if let Some(text) = &details.broker {
            error.0.message.push_str("; the broker says: ");
            error.0.message.push_str(text);
            error.0.broker_message = Some(text.clone());
        }
        if let Some(cause) = &details.cause {
            error.0.source = Some(Arc::new(Contained::new(cause.clone().into_string().into())));
        }
        error
    }

    /// The error of a client that a broker rejects, or that rejects a broker's certificate. `context` says where it occurred.
    pub(crate) fn from_auth_failure(failure: &AuthFailure, context: &str) -> Self {
        let meaning = Meaning { advice: Some(failure.reason().advice()), ..code::meaning(failure.code()) };
        let mut error = Self::new(meaning.kind, format!("{context}: {failure} ({})", meaning.name));
        error.0.code = Some(failure.code());
        error.0.meaning = Some(meaning);
        error.with_source(failure.text())
    }

    /// The error of a transaction call. librdkafka's flags say what to do, not the code. `context` names the call.
    pub(crate) fn from_transaction(refused: &TransactionRefused, context: &str) -> Self {
        let by_code = code::meaning(refused.code);
        let (kind, advice) = match by_code.kind {
            kind @ (ErrorKind::Fenced | ErrorKind::Authorization | ErrorKind::Authentication) if refused.fatal => {
                (kind, "; the producer has failed and cannot be used any more: build a new one")
            }
            _ if refused.fatal => (ErrorKind::Fatal, "; the producer has failed and cannot be used any more: build a new one"),
            _ if refused.abortable => (ErrorKind::TransactionFailed, "; abort the transaction"),
            _ if code::OUT_OF_ORDER.contains(&refused.code) => (ErrorKind::TransactionState, ""),
            kind => (kind, ""),
        };
        let name = if by_code.name.is_empty() { native::error_name(refused.code) } else { by_code.name.to_owned() };
        let message = format!("{context}: {} ({name}){advice}", refused.text);
        let mut error = Self::new(kind, message);
        error.0.code = Some(refused.code);
        let TransactionRefused { retriable, abortable, fatal, .. } = *refused;
        error.0.meaning =
            Some(Meaning { kind, retriable, abortable: abortable && !fatal, fatal, advice: kind.advice(), ..by_code });
        error
    }

    /// The error of a producer that ended with this kind and code.
    pub(crate) fn from_ended(kind: ErrorKind, code: i32, message: String) -> Self {
        let mut error = Self::new(kind, message);
        error.0.code = Some(code);
        error.0.meaning = Some(code::ended(code, kind));
        error
    }

    /// The fatal error of a consumer.
    #[cfg(feature = "consumer")]
    pub(crate) fn from_fatal(code: i32, cause: &str, context: &str) -> Self {
        let by_code = code::meaning(code);
        let mut error = Self::from_code(code, context).with_source(cause);
        error.0.kind = ErrorKind::Fatal;
        error.0.meaning = Some(Meaning { kind: ErrorKind::Fatal, retriable: false, abortable: false, fatal: true, ..by_code });
        error
    }

    /// The error of a commit after the group has assigned the partitions to other members.
    #[cfg(feature = "consumer")]
    pub(crate) fn into_commit_failed(mut self) -> Self {
        let kind = ErrorKind::CommitFailed;
        self.0.kind = kind;
        if let Some(code) = self.0.code {
            let by_code = code::meaning(code);
            let (java, advice) = (kind.java_exception(), kind.advice());
            self.0.meaning = Some(Meaning { kind, retriable: false, abortable: false, fatal: false, java, advice, ..by_code });
        }
        self
    }

    /// The same error, not abortable: the transaction continues, and the record can be sent again or the call repeated.
    pub(crate) fn not_abortable(mut self) -> Self {
        self.0.meaning = self.meaning().map(|meaning| Meaning { abortable: false, ..meaning });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::ErrorDetails;

    #[test]
    fn unknown_broker_code_is_kept() {
        let outcome = Outcome { code: 4711, partition: 2, status: 1, ..Outcome::default() };
        let error = Error::from_report("orders", &outcome);
        assert_eq!(error.code(), Some(4711));
        assert_eq!(error.kind(), ErrorKind::Broker);
        assert_eq!(error.persistence(), Persistence::PossiblyPersisted);
        assert_eq!((error.name(), error.java_exception(), error.advice()), (None, None, None));
        assert!(error.to_string().starts_with("topic orders, partition 2: "), "{error}");
    }

    #[test]
    fn flags_of_a_transaction_call_override_the_code() {
        let refused = |code, retriable, abortable, fatal| {
            let refused = TransactionRefused { code, text: "no".to_owned(), retriable, abortable, fatal };
            let error = Error::from_transaction(&refused, "the commit failed");
            assert_eq!((error.is_retriable(), error.is_abortable(), error.is_fatal()), (retriable, abortable && !fatal, fatal));
            assert!(error.to_string().starts_with("the commit failed: no ("), "{error}");
            error.kind()
        };
        // OUT_OF_ORDER_SEQUENCE_NUMBER, fatal elsewhere, only fails the transaction.
        assert_eq!(refused(45, false, true, false), ErrorKind::TransactionFailed);
        assert_eq!(refused(-144, false, false, true), ErrorKind::Fenced);
        assert_eq!(refused(-149, false, true, true), ErrorKind::Fatal);
        assert_eq!(refused(-172, false, false, false), ErrorKind::TransactionState);
        // COORDINATOR_LOAD_IN_PROGRESS.
        assert_eq!(refused(14, true, false, false), ErrorKind::Broker);
    }

    #[test]
    fn rejected_batch_does_not_blame_the_record() {
        let report = |code, batch_records| {
            let details = Box::new(ErrorDetails { batch_records, ..ErrorDetails::default() });
            Error::from_report("orders", &Outcome { code, partition: 0, details: Some(details), ..Outcome::default() })
        };
        let (single, batched) = (report(10, 0), report(10, 200));
        assert_eq!((single.kind(), batched.kind()), (ErrorKind::RecordTooLarge, ErrorKind::BatchTooLarge));
        assert_eq!(batched.code(), Some(10));
        assert!(batched.to_string().contains("its batch of 200 records"), "{batched}");
        assert!(batched.advice().is_some_and(|advice| advice.contains("batch.size") && advice.contains("max.message.bytes")));
        let batched = report(32, 3);
        assert_eq!((batched.kind(), batched.is_retriable()), (ErrorKind::BatchRejected, false));
        assert!(
            batched
                .to_string()
                .ends_with("its batch of 3 records because of one of them: Broker: Invalid timestamp (INVALID_TIMESTAMP)"),
            "{batched}"
        );
        assert_eq!(report(87, 0).kind(), ErrorKind::InvalidRecord);
    }

    #[test]
    fn message_quotes_the_broker() {
        let details = Box::new(ErrorDetails { broker: Some("no key".into()), ..ErrorDetails::default() });
        let outcome = Outcome { code: 87, partition: 0, details: Some(details), ..Outcome::default() };
        let error = Error::from_report("compacted", &outcome);
        assert_eq!(error.broker_message(), Some("no key"));
        assert!(error.to_string().ends_with("; the broker says: no key"), "{error}");
    }
}
