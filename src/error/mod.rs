//! [`Error`]: one opaque type, with a kind to match on and questions to ask.

mod auth_failure;
mod broker;
mod code;
mod kind;
mod librdkafka;
#[cfg(test)]
mod markdown;

use std::{error::Error as StdError, fmt};

pub(crate) use auth_failure::{AuthFailure, broker_of};
pub use kind::{ErrorKind, Persistence};

use self::code::Meaning;
use crate::native::{self, Contained, Outcome, TransactionRefused};

type Source = Box<dyn StdError + Send + Sync + 'static>;

/// What went wrong, where, and what it means for the record.
///
/// `Display` tells this level only; [`source`](StdError::source) tells the cause. It never shows a record's content or a secret.
///
/// ```
/// use ottla::{ErrorKind, Producer, ProducerConfig};
///
/// let config = ProducerConfig::new().set("liger.ms", "5");
/// assert_eq!(ottla::Error::from(config.unwrap_err()).kind(), ErrorKind::Config);
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    code: Option<i32>,
    /// What the error means where its code and its kind do not say it.
    meaning: Option<Meaning>,
    broker_message: Option<Box<str>>,
    persistence: Persistence,
    /// Dropped wherever the error is, on a thread of this layer too.
    source: Option<Contained<Source>>,
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
            source: None,
        }))
    }

    /// An error of librdkafka's or the broker's; `context` says where.
    pub(crate) fn from_code(code: i32, context: &str) -> Self {
        let meaning = code::meaning(code);
        let details = code::details(code).map_or_else(|| native::error_text(code), str::to_owned);
        let name = if meaning.name.is_empty() { native::error_name(code) } else { meaning.name.to_owned() };
        let message = format!("{context}: {details} ({name})");
        let mut error = Self::new(meaning.kind, message);
        error.0.code = Some(code);
        error
    }

    /// The error of a record that was accepted and then failed.
    pub(crate) fn from_report(topic: &str, outcome: &Outcome) -> Self {
        let context = if outcome.partition < 0 {
            format!("topic {topic}")
        } else {
            format!("topic {topic}, partition {}", outcome.partition)
        };
        let refusal = outcome.details.as_ref().and_then(|details| details.refusal.as_ref());
        let mut error = match refusal {
            Some(refusal) => Self::from_auth_failure(refusal, &context),
            None => Self::from_code(outcome.code(), &context),
        };
        error.0.persistence = Persistence::from_status(outcome.status.into());
        let Some(details) = &outcome.details else { return error };
        if let Some(answered) = &details.partitioner {
            // The code is what librdkafka was told in place of a partition, and means nothing.
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
                    format!("{context}: the batch of {records} records that it was sent in is too large for the broker ({name})")
                }
                _ => {
                    let text = native::error_text(outcome.code());
                    format!("{context}: the broker refused the batch of {records} records for one of them: {text} ({name})")
                }
            };
        }
        if details.only_aborts && error.is_fatal() {
            // Java, too: such an error is fatal outside transactions only.
            error.0.kind = ErrorKind::Broker;
            let by_code = code::meaning(outcome.code());
            error.0.meaning = Some(Meaning { kind: ErrorKind::Broker, abortable: true, fatal: false, advice: None, ..by_code });
        }
        if details.has_expired {
            let kind = ErrorKind::TransactionExpired;
            error.0.kind = kind;
            error.0.meaning = Some(code::ended(outcome.code(), kind));
            error.0.message.push_str("; the transaction was open for longer than transaction.timeout.ms, and its coordinator has most likely aborted it");
        }
        if let Some(text) = &details.broker {
            error.0.message.push_str("; the broker says: ");
            error.0.message.push_str(text);
            error.0.broker_message = Some(text.clone());
        }
        if let Some(cause) = &details.cause {
            error.0.source = Some(Contained::new(cause.clone().into_string().into()));
        }
        error
    }

    /// The error of a client that a broker does not let in; `context` says where.
    pub(crate) fn from_auth_failure(refusal: &AuthFailure, context: &str) -> Self {
        let meaning = Meaning { advice: Some(refusal.reason().advice()), ..code::meaning(refusal.code()) };
        let mut error = Self::new(meaning.kind, format!("{context}: {refusal} ({})", meaning.name));
        error.0.code = Some(refusal.code());
        error.0.meaning = Some(meaning);
        error.with_source(refusal.details())
    }

    /// The error of a transaction call. What it means is in librdkafka's flags, not in its code; `context` says which call.
    pub(crate) fn from_transaction(refused: &TransactionRefused, context: &str) -> Self {
        let by_code = code::meaning(refused.code);
        let (kind, advice) = match by_code.kind {
            kind @ (ErrorKind::Fenced | ErrorKind::Authorization | ErrorKind::Authentication) if refused.fatal => {
                (kind, "; this producer can do no more: build a new one")
            }
            _ if refused.fatal => (ErrorKind::Fatal, "; this producer can do no more: build a new one"),
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

    /// The error of a producer that has come to its end as this kind, by this code.
    pub(crate) fn from_ended(kind: ErrorKind, code: i32, message: String) -> Self {
        let mut error = Self::new(kind, message);
        error.0.code = Some(code);
        error.0.meaning = Some(code::ended(code, kind));
        error
    }

    /// The same error of a call that leaves the transaction as it is.
    pub(crate) fn that_fails_nothing(mut self) -> Self {
        self.0.meaning = self.meaning().map(|meaning| Meaning { abortable: false, ..meaning });
        self
    }

    /// The error that ends a client which is no producer.
    #[cfg(feature = "consumer")]
    pub(crate) fn from_fatal(code: i32, cause: &str, context: &str) -> Self {
        let by_code = code::meaning(code);
        let mut error = Self::from_code(code, context).with_source(cause);
        error.0.kind = ErrorKind::Fatal;
        error.0.meaning = Some(Meaning { kind: ErrorKind::Fatal, retriable: false, abortable: false, fatal: true, ..by_code });
        error
    }

    /// The error of a commit that came too late: the group has given the partitions to others.
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

    /// The same for a record that can be sent again as it is: its transaction goes on.
    pub(crate) fn not_abortable(mut self) -> Self {
        self.0.meaning = self.meaning().map(|meaning| Meaning { abortable: false, ..meaning });
        self
    }

    pub(crate) fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.0.source = Some(Contained::new(source.into()));
        self
    }

    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The code of the broker (above 0, or -1 for an error that it does not explain) or of librdkafka (below -1), if it came from one.
    ///
    /// Codes that this version does not know are kept as they came.
    pub fn code(&self) -> Option<i32> {
        self.0.code
    }

    /// The name of its code, if it came from one that this version knows: Kafka's for a broker's code
    /// (`NOT_LEADER_OR_FOLLOWER`, as in `org.apache.kafka.common.protocol.Errors`), librdkafka's for its own (`_MSG_TIMED_OUT`).
    ///
    /// `docs/errors.md` in the repository lists them all.
    pub fn name(&self) -> Option<&'static str> {
        self.meaning().map(|meaning| meaning.name).filter(|name| !name.is_empty())
    }

    /// The exception that the Java client has in its place, without its package (`NotLeaderOrFollowerException`); `None` where Java
    /// has none, or where the code is not known.
    pub fn java_exception(&self) -> Option<&'static str> {
        match self.meaning() {
            Some(meaning) => meaning.java,
            None => self.0.kind.java_exception(),
        }
    }

    /// What to do about it, as the rest of a sentence without a full stop; `None` where there is nothing to say beyond the message.
    pub fn advice(&self) -> Option<&'static str> {
        match self.meaning() {
            Some(meaning) => meaning.advice,
            None => self.0.kind.advice(),
        }
    }

    /// Whether sending the record again may succeed, as Java's `RetriableException`. Of a transaction call: whether the same call may
    /// go on where this one stopped.
    ///
    /// librdkafka has retried for `delivery.timeout.ms` already when such an error reaches a report.
    pub fn is_retriable(&self) -> bool {
        match self.meaning() {
            Some(meaning) => meaning.retriable,
            None => self.0.kind.is_retriable(),
        }
    }

    /// Whether the transaction that the record or the call belongs to must be aborted, and can be.
    pub fn is_abortable(&self) -> bool {
        match self.meaning() {
            Some(meaning) => meaning.abortable,
            None => self.0.kind.is_abortable(),
        }
    }

    /// Whether this producer can send no more: the way on is a new one.
    pub fn is_fatal(&self) -> bool {
        match self.meaning() {
            Some(meaning) => meaning.fatal,
            None => matches!(self.0.kind, ErrorKind::Fatal | ErrorKind::Fenced | ErrorKind::TransactionExpired),
        }
    }

    /// Whether the record may have been written all the same.
    ///
    /// [`NotPersisted`](Persistence::NotPersisted) for what was never accepted.
    pub fn persistence(&self) -> Persistence {
        self.0.persistence
    }

    /// The broker's own words about the record, if it said any (KIP-467).
    pub fn broker_message(&self) -> Option<&str> {
        self.0.broker_message.as_deref()
    }

    /// What its code means, if it has one, or what it means all the same.
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
        self.0.source.as_ref().map(|source| &***source as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::ErrorDetails;

    #[test]
    fn a_broker_code_that_nobody_knows_survives() {
        let outcome = Outcome { code: 4711, partition: 2, status: 1, ..Outcome::default() };
        let error = Error::from_report("orders", &outcome);
        assert_eq!(error.code(), Some(4711));
        assert_eq!(error.kind(), ErrorKind::Broker);
        assert_eq!(error.persistence(), Persistence::PossiblyPersisted);
        assert_eq!((error.name(), error.java_exception(), error.advice()), (None, None, None));
        assert!(error.to_string().starts_with("topic orders, partition 2: "), "{error}");
    }

    #[test]
    fn an_error_says_what_kafka_and_java_call_it_and_what_to_do() {
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
    fn of_a_transaction_call_the_flags_count_and_not_the_code() {
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
        // A coordinator that loads.
        assert_eq!(refused(14, true, false, false), ErrorKind::Broker);
    }

    #[test]
    fn what_a_send_is_refused_for_fails_the_transaction_unless_the_record_comes_back() {
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
    fn a_record_is_not_blamed_for_its_batch() {
        let report = |code, batch_records| {
            let details = Box::new(ErrorDetails { batch_records, ..ErrorDetails::default() });
            Error::from_report("orders", &Outcome { code, partition: 0, details: Some(details), ..Outcome::default() })
        };
        let (alone, together) = (report(10, 0), report(10, 200));
        assert_eq!((alone.kind(), together.kind()), (ErrorKind::RecordTooLarge, ErrorKind::BatchTooLarge));
        assert_eq!(together.code(), Some(10));
        assert!(together.to_string().contains("the batch of 200 records"), "{together}");
        assert!(together.advice().is_some_and(|advice| advice.contains("batch.size") && advice.contains("max.message.bytes")));
        let together = report(32, 3);
        assert_eq!((together.kind(), together.is_retriable()), (ErrorKind::BatchRejected, false));
        assert!(
            together
                .to_string()
                .ends_with("the batch of 3 records for one of them: Broker: Invalid timestamp (INVALID_TIMESTAMP)"),
            "{together}"
        );
        assert_eq!(report(87, 0).kind(), ErrorKind::InvalidRecord);
    }

    #[test]
    fn the_broker_is_quoted() {
        let details = Box::new(ErrorDetails { broker: Some("no key".into()), ..ErrorDetails::default() });
        let outcome = Outcome { code: 87, partition: 0, details: Some(details), ..Outcome::default() };
        let error = Error::from_report("compacted", &outcome);
        assert_eq!(error.broker_message(), Some("no key"));
        assert!(error.to_string().ends_with("; the broker says: no key"), "{error}");
    }
}
