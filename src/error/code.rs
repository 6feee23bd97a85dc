//! The meaning of broker and librdkafka error codes, modelled on the Java client's exceptions.
//!
//! The tables are [`super::broker_codes`] and [`super::librdkafka_codes`]. `docs/errors.md` shows them.

use super::{ErrorKind, broker_codes, librdkafka_codes};

/// The meaning of an error code.
#[derive(Debug, Clone, Copy)]
pub(super) struct Meaning {
    pub(super) code: i32,
    /// Kafka's name of a broker's code, librdkafka's name of its own; empty for an unknown code.
    pub(super) name: &'static str,
    pub(super) kind: ErrorKind,
    pub(super) retriable: bool,
    pub(super) abortable: bool,
    pub(super) fatal: bool,
    /// The Java client's exception for it, without its package.
    pub(super) java: Option<&'static str>,
    /// What to do about it.
    pub(super) advice: Option<&'static str>,
}

impl Meaning {
    /// A broker's code. Its kind is `Broker` and it is abortable, unless set otherwise.
    pub(super) const fn broker(code: i32, name: &'static str, java: &'static str) -> Self {
        Self { java: Some(java), ..Self::new(code, name, ErrorKind::Broker) }
    }

    /// A code without a Java exception.
    pub(super) const fn new(code: i32, name: &'static str, kind: ErrorKind) -> Self {
        Self { code, name, kind, retriable: false, abortable: true, fatal: false, java: None, advice: None }
    }

    pub(super) const fn kind(self, kind: ErrorKind) -> Self {
        Self { kind, ..self }
    }

    pub(super) const fn retriable(self) -> Self {
        Self { retriable: true, ..self }
    }

    pub(super) const fn fatal(self) -> Self {
        Self { abortable: false, fatal: true, ..self }
    }

    pub(super) const fn java(self, java: &'static str) -> Self {
        Self { java: Some(java), ..self }
    }

    pub(super) const fn advice(self, advice: &'static str) -> Self {
        Self { advice: Some(advice), ..self }
    }
}

/// librdkafka's codes for transaction calls in the wrong order: `_PREV_IN_PROGRESS`, `_CONFLICT`, `_STATE`.
pub(super) const OUT_OF_ORDER: [i32; 3] = [-177, -173, -172];

/// The meaning of a code. The sign of an unknown code tells whether it is librdkafka's or a broker's; it is abortable.
pub(super) fn meaning(code: i32) -> Meaning {
    [broker_codes::CODES, librdkafka_codes::CODES]
        .into_iter()
        .find_map(|table| table.binary_search_by_key(&code, |meaning| meaning.code).ok().and_then(|index| table.get(index)))
        .copied()
        .unwrap_or_else(|| Meaning::new(code, "", if code < 0 { ErrorKind::Client } else { ErrorKind::Broker }))
}

/// The meaning of a code for one record of a batch that the broker rejected; `None` if it is the same.
pub(super) fn of_batch(code: i32) -> Option<Meaning> {
    let (kind, advice) = match code {
        10 => (
            ErrorKind::BatchTooLarge,
            "set batch.size to at most the topic's max.message.bytes, or raise the latter, and send the record again; \
             only a record that is larger by itself must be made smaller",
        ),
        18 => (
            ErrorKind::BatchTooLarge,
            "set batch.size to at most the topic's segment.bytes, or raise the latter, and send the record again; \
             only a record that is larger by itself must be made smaller",
        ),
        32 | 87 => (
            ErrorKind::BatchRejected,
            "one of the batch's records is invalid, and the broker did not say which: send them one at a time, each after the report \
             of the one before",
        ),
        _ => return None,
    };
    Some(Meaning { kind, advice: Some(advice), ..meaning(code) })
}

/// The meaning of a code that ended the producer, with this kind.
pub(super) fn ended(code: i32, kind: ErrorKind) -> Meaning {
    Meaning { kind, retriable: false, abortable: false, fatal: true, advice: kind.advice(), ..meaning(code) }
}

/// ottla's text for a code, where librdkafka's is not clear.
pub(super) fn own_text(code: i32) -> Option<&'static str> {
    match code {
        -192 => Some("not acknowledged within delivery.timeout.ms"),
        -152 | -151 => Some("not delivered: the producer was closed or the transaction was aborted first"),
        -149 => Some(
            "no broker acknowledged the record; a later record of its partition was written, which proves nothing \
             if the producer is new: check the topic before sending it again",
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::native;

    /// An entry of Kafka's `Errors`.
    #[derive(Deserialize)]
    struct JavaError {
        code: i32,
        name: String,
        exception: Option<String>,
        retriable: bool,
    }

    #[derive(Deserialize)]
    struct JavaErrors {
        errors: Vec<JavaError>,
    }

    #[test]
    fn broker_codes_equal_the_java_client() {
        let java: JavaErrors = serde_json::from_str(include_str!("../../tests/data/java-errors.json")).unwrap();
        assert!(java.errors.len() > 130, "{}", java.errors.len());
        let theirs: Vec<_> = java
            .errors
            .iter()
            .map(|error| (error.code, error.name.as_str(), error.exception.as_deref(), error.retriable))
            .collect();
        let ours: Vec<_> =
            broker_codes::CODES.iter().map(|meaning| (meaning.code, meaning.name, meaning.java, meaning.retriable)).collect();
        assert_eq!(ours, theirs);
    }

    #[test]
    fn librdkafka_codes_and_names_are_complete() {
        let ours: Vec<_> = librdkafka_codes::CODES.iter().map(|meaning| (meaning.code, meaning.name.to_owned())).collect();
        // librdkafka's name for an unknown code is like "ERR_-101?".
        let theirs: Vec<_> =
            (-199..-100).map(|code| (code, native::error_name(code))).filter(|(_, name)| name.starts_with('_')).collect();
        assert_eq!(ours, theirs);
    }

    #[test]
    fn meaning_finds_every_code_and_keeps_unknown_ones() {
        for known in broker_codes::CODES.iter().chain(librdkafka_codes::CODES) {
            assert_eq!(meaning(known.code).name, known.name);
        }
        for (code, kind) in [(4711, ErrorKind::Broker), (-101, ErrorKind::Client), (i32::MIN, ErrorKind::Client)] {
            let unknown = meaning(code);
            assert_eq!((unknown.code, unknown.kind, unknown.name), (code, kind, ""));
            assert!(unknown.abortable && !unknown.fatal && !unknown.retriable);
        }
    }

    #[test]
    fn of_batch_differs_from_the_code_of_a_single_record() {
        for code in native::code::BATCH_SIZES.into_iter().chain(native::code::BATCH_CONTENTS) {
            let (alone, of_batch) = (meaning(code), of_batch(code).unwrap());
            assert_ne!((alone.kind, alone.advice), (of_batch.kind, of_batch.advice), "{code}");
            assert_eq!((alone.retriable, alone.fatal, alone.java), (of_batch.retriable, of_batch.fatal, of_batch.java), "{code}");
        }
        assert!(of_batch(6).is_none());
    }

    #[test]
    fn codes_map_to_kinds() {
        for (name, kind) in [
            ("_MSG_TIMED_OUT", ErrorKind::DeliveryTimeout),
            ("_QUEUE_FULL", ErrorKind::BufferFull),
            ("_TIMED_OUT_QUEUE", ErrorKind::BufferTimeout),
            ("_PURGE_QUEUE", ErrorKind::GivenUp),
            ("_FENCED", ErrorKind::Fenced),
            ("_INCONSISTENT", ErrorKind::Unconfirmed),
            ("_INVALID_DIFFERENT_RECORD", ErrorKind::BatchRejected),
            ("UNKNOWN_SERVER_ERROR", ErrorKind::Broker),
            ("MESSAGE_TOO_LARGE", ErrorKind::RecordTooLarge),
            ("NOT_ENOUGH_REPLICAS_AFTER_APPEND", ErrorKind::NotEnoughReplicas),
            ("TOPIC_AUTHORIZATION_FAILED", ErrorKind::Authorization),
            ("OUT_OF_ORDER_SEQUENCE_NUMBER", ErrorKind::Fatal),
            ("SASL_AUTHENTICATION_FAILED", ErrorKind::Authentication),
        ] {
            let found = broker_codes::CODES.iter().chain(librdkafka_codes::CODES).find(|meaning| meaning.name == name);
            assert_eq!(found.map(|meaning| meaning.kind), Some(kind), "{name}");
        }
    }

    #[test]
    fn fatal_excludes_retriable_and_abortable() {
        for code in -200..200 {
            let meaning = meaning(code);
            assert!(!meaning.fatal || !(meaning.retriable || meaning.abortable), "{code}");
        }
    }
}
