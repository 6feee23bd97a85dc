//! [`Error`]: one opaque error type with a kind to match on and methods to classify it.

mod broker_codes;
#[cfg(feature = "testing")]
mod builder;
mod code;
mod kind;
mod librdkafka_codes;
#[cfg(test)]
mod markdown;

use std::{error::Error as StdError, fmt, sync::Arc};

#[cfg(feature = "testing")]
pub use builder::ErrorBuilder;
pub use kind::{ErrorKind, Persistence};

use self::code::Meaning;
use crate::{
    ProducerRecord,
    native::{self, AuthFailure, Contained, Outcome, TransactionRefused},
    record::SerializedRecord,
    serialize::Unavailable,
};

type Source = Box<dyn StdError + Send + Sync + 'static>;

/// An error of ottla: what failed, where, and whether the record may have been written.
///
/// `Display` shows this error only; [`source`](StdError::source) is its cause. It never shows record content or a secret.
///
/// Clones share the cause, so that a [`Delivery`](crate::Delivery) can be awaited in several places:
/// [`delivery.shared()`](futures::FutureExt::shared).
///
/// ```
/// use ottla::{ErrorKind, Producer, ProducerConfig};
///
/// let config = ProducerConfig::new().set("liger.ms", "5");
/// assert_eq!(ottla::Error::from(config.unwrap_err()).kind(), ErrorKind::Config);
/// ```
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    code: Option<i32>,
    /// Overrides the meaning of code and kind.
    meaning: Option<Meaning>,
    broker_message: Option<Box<str>>,
    persistence: Persistence,
    record: Option<Arc<SerializedRecord>>,
    /// A user's error may be in it, which may be dropped on the delivery thread.
    source: Option<Arc<Contained<Source>>>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            code: None,
            meaning: None,
            broker_message: None,
            persistence: Persistence::NotPersisted,
            record: None,
            source: None,
        }))
    }

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

    /// Whether the service that a serializer or deserializer needs may still answer ([`Unavailable::pending`]).
    #[cfg(feature = "consumer")]
    pub(crate) fn is_pending(&self) -> bool {
        self.0.source.as_deref().and_then(|source| source.downcast_ref()).is_some_and(Unavailable::is_pending)
    }

    pub(crate) fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.0.source = Some(Arc::new(Contained::new(source.into())));
        self
    }

    /// The kind of error.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The error code, if there is one: a broker's (above 0, or -1 for an unknown server error) or librdkafka's (below -1).
    ///
    /// Codes that this version does not know are passed through.
    pub fn code(&self) -> Option<i32> {
        self.0.code
    }

    /// The name of the code, if this version knows it: Kafka's name of a broker's code (`NOT_LEADER_OR_FOLLOWER`, as in
    /// `org.apache.kafka.common.protocol.Errors`), librdkafka's name of its own (`_MSG_TIMED_OUT`).
    ///
    /// `docs/errors.md` in the repository lists all of them.
    pub fn name(&self) -> Option<&'static str> {
        self.meaning().map(|meaning| meaning.name).filter(|name| !name.is_empty())
    }

    /// The Java client's exception for this error, without its package (`NotLeaderOrFollowerException`). `None` if Java has none or the
    /// code is unknown.
    pub fn java_exception(&self) -> Option<&'static str> {
        match self.meaning() {
            Some(meaning) => meaning.java,
            None => self.0.kind.java_exception(),
        }
    }

    /// What to do, as a sentence fragment without a full stop. `None` if the message says it all.
    pub fn advice(&self) -> Option<&'static str> {
        match self.meaning() {
            Some(meaning) => meaning.advice,
            None => self.0.kind.advice(),
        }
    }

    /// Whether sending the record again may succeed, as with Java's `RetriableException`. For a transaction call: whether calling it again
    /// continues where this call stopped.
    ///
    /// A report with such an error comes after librdkafka has retried for `delivery.timeout.ms`.
    pub fn is_retriable(&self) -> bool {
        match self.meaning() {
            Some(meaning) => meaning.retriable,
            None => self.0.kind.is_retriable(),
        }
    }

    /// Whether the transaction of the record or call must be aborted, and can be.
    pub fn is_abortable(&self) -> bool {
        match self.meaning() {
            Some(meaning) => meaning.abortable,
            None => self.0.kind.is_abortable(),
        }
    }

    /// Whether the producer can send no more: build a new one.
    pub fn is_fatal(&self) -> bool {
        match self.meaning() {
            Some(meaning) => meaning.fatal,
            None => matches!(self.0.kind, ErrorKind::Fatal | ErrorKind::Fenced | ErrorKind::TransactionExpired),
        }
    }

    /// Whether the record may have been written.
    ///
    /// [`NotPersisted`](Persistence::NotPersisted) if the record was never accepted.
    pub fn persistence(&self) -> Persistence {
        self.0.persistence
    }

    /// The record that failed, with its key and value as they were serialized: ready to be sent by a `Producer<[u8], [u8]>`. Only of a record
    /// that was accepted, by a producer that [returns failed records](crate::ProducerBuilder::return_failed_records). `Display` and `Debug`
    /// do not show it.
    pub fn record(&self) -> Option<ProducerRecord<'_, [u8], [u8]>> {
        self.0.record.as_ref().map(|record| record.record())
    }

    /// The broker's message about the record, if it sent one (KIP-467).
    pub fn broker_message(&self) -> Option<&str> {
        self.0.broker_message.as_deref()
    }

    /// The meaning that was set, or else that of the code.
    fn meaning(&self) -> Option<Meaning> {
        self.0.meaning.or(self.0.code.map(code::meaning))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("code", &self.0.code)
            .field("persistence", &self.0.persistence)
            .field("source", &self.0.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        let source = self.0.source.as_deref()?;
        // The wrapper only tells this crate that the service is unavailable.
        Some(source.downcast_ref::<Unavailable>().map_or(&***source as &(dyn StdError + 'static), |it| it.get_ref()))
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
    fn error_has_names_and_advice() {
        let error = Error::from_code(6, "topic orders");
        assert_eq!(
            (error.name(), error.java_exception()),
            (Some("NOT_LEADER_OR_FOLLOWER"), Some("NotLeaderOrFollowerException"))
        );
        assert!(error.is_retriable() && error.to_string().ends_with("(NOT_LEADER_OR_FOLLOWER)"), "{error}");
        let error = Error::from_code(-192, "topic orders");
        assert_eq!((error.name(), error.java_exception()), (Some("_MSG_TIMED_OUT"), Some("TimeoutException")));
        assert!(error.advice().is_some_and(|advice| advice.contains("delivery.timeout.ms")));
        let error = Error::new(ErrorKind::BufferTimeout, "no room");
        assert_eq!((error.name(), error.java_exception()), (None, Some("BufferExhaustedException")));
        assert!(error.advice().is_some_and(|advice| advice.contains("buffer.memory")));
    }

    #[test]
    fn a_clone_has_the_same_parts_and_the_same_cause() {
        let error = Error::from_code(6, "topic orders").with_source("the cause");
        let clone = error.clone();
        assert_eq!((clone.kind(), clone.code(), clone.to_string()), (error.kind(), error.code(), error.to_string()));
        let cause = |error: &Error| std::ptr::from_ref(error.source().unwrap()).cast::<()>();
        assert_eq!(cause(&clone), cause(&error));
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
    fn failed_send_is_abortable_unless_it_returns_the_record() {
        for (kind, abortable) in [
            (ErrorKind::RecordTooLarge, true),
            (ErrorKind::BufferTimeout, true),
            (ErrorKind::BufferFull, false),
            (ErrorKind::Serialization, true),
            (ErrorKind::InvalidRecord, true),
            (ErrorKind::SchemaTimeout, true),
            (ErrorKind::SchemaPending, false),
            (ErrorKind::TransactionState, false),
            (ErrorKind::TransactionTimeout, false),
        ] {
            assert_eq!(Error::new(kind, "").is_abortable(), abortable, "{kind}");
        }
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
