//! [`Error`]: one opaque error type with a kind to match on and methods to classify it.

mod broker_codes;
#[cfg(feature = "testing")]
mod builder;
mod code;
mod kind;
mod librdkafka_codes;
#[cfg(test)]
mod markdown;
mod native_error;

use std::{error::Error as StdError, fmt, sync::Arc};

#[cfg(feature = "testing")]
pub use builder::ErrorBuilder;
pub use kind::{ErrorKind, Persistence};

use self::code::Meaning;
use crate::{ProducerRecord, native::Contained, record::SerializedRecord, serialize::Unavailable};

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
}
