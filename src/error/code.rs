//! What the codes of brokers and of librdkafka mean, after the Java client's exception classes
//! (`org.apache.kafka.common.protocol.Errors`; librdkafka's own codes are below zero, `rdkafka.h`).

use super::ErrorKind;

/// A code's meaning.
#[derive(Clone, Copy)]
pub(super) struct Meaning {
    pub(super) kind: ErrorKind,
    pub(super) retriable: bool,
    pub(super) abortable: bool,
    pub(super) fatal: bool,
}

/// What a code means. One that is not in the table is a broker's or librdkafka's, by its sign, and aborts a transaction.
pub(super) fn meaning(code: i32) -> Meaning {
    use ErrorKind as K;
    match code {
        // librdkafka's
        -197 => plain(K::Closed),                         // _DESTROY
        -195 | -193 | -187 => retriable(K::Network),      // _TRANSPORT, _RESOLVE, _ALL_BROKERS_DOWN
        -192 => retriable(K::DeliveryTimeout),            // _MSG_TIMED_OUT
        -190 | -188 => plain(K::UnknownTopicOrPartition), // _UNKNOWN_PARTITION, _UNKNOWN_TOPIC
        -186 => plain(K::InvalidRecord),                  // _INVALID_ARG
        -185 => retriable(K::MetadataTimeout),            // _TIMED_OUT
        -184 => retriable(K::BufferFull),                 // _QUEUE_FULL
        -181 | -169 => plain(K::Authentication),          // _SSL, _AUTHENTICATION
        -166 => retriable(K::BufferTimeout),              // _TIMED_OUT_QUEUE
        -152 | -151 => plain(K::GivenUp),                 // _PURGE_QUEUE, _PURGE_INFLIGHT
        -150 => fatal(K::Fatal),                          // _FATAL
        -149 => plain(K::Unconfirmed),                    // _INCONSISTENT
        -144 => fatal(K::Fenced),                         // _FENCED
        // brokers'
        3 | 100 => retriable(K::UnknownTopicOrPartition), // UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID
        7 | 13 => retriable(K::Network),                  // REQUEST_TIMED_OUT, NETWORK_EXCEPTION
        10 | 18 => plain(K::RecordTooLarge),              // MSG_SIZE_TOO_LARGE, RECORD_LIST_TOO_LARGE
        17 | 32 | 87 => plain(K::InvalidRecord),          // TOPIC_EXCEPTION, INVALID_TIMESTAMP, INVALID_RECORD
        19 | 20 => retriable(K::NotEnoughReplicas),       // NOT_ENOUGH_REPLICAS, .._AFTER_APPEND
        29 | 30 => plain(K::Authorization),               // TOPIC_, GROUP_AUTHORIZATION_FAILED
        31 | 53 => fatal(K::Authorization),               // CLUSTER_, TRANSACTIONAL_ID_AUTHORIZATION_FAILED
        33 | 34 | 58 => plain(K::Authentication), // UNSUPPORTED_SASL_MECHANISM, ILLEGAL_SASL_STATE, SASL_AUTHENTICATION_FAILED
        47 | 90 => fatal(K::Fenced),              // INVALID_PRODUCER_EPOCH, PRODUCER_FENCED
        35 | 45 | 49 | 59 => fatal(K::Fatal), // UNSUPPORTED_VERSION, OUT_OF_ORDER_SEQUENCE_NUMBER, INVALID_PRODUCER_ID_MAPPING, UNKNOWN_PRODUCER_ID
        // INVALID_MSG, leaders, replicas, coordinators and the controller on the move, CONCURRENT_TRANSACTIONS,
        // KAFKA_STORAGE_ERROR, LISTENER_NOT_FOUND, FENCED_ and UNKNOWN_LEADER_EPOCH, THROTTLING_QUOTA_EXCEEDED
        2 | 5 | 6 | 9 | 14 | 15 | 16 | 41 | 51 | 56 | 72 | 74 | 75 | 89 => retriable(K::Broker),
        code if code < 0 => plain(K::Client),
        _ => plain(K::Broker),
    }
}

/// What the code means here, where librdkafka's sentence does not say it.
pub(super) fn words(code: i32) -> Option<&'static str> {
    match code {
        -192 => Some("not acknowledged within delivery.timeout.ms"),
        -152 | -151 => Some("given up: the producer was closed before the record was delivered"),
        -149 => Some(
            "no broker has acknowledged the record; a later one of its partition was written, but that proves nothing \
             where the producer is new: look into the topic before you send it again",
        ),
        _ => None,
    }
}

const fn plain(kind: ErrorKind) -> Meaning {
    Meaning { kind, retriable: false, abortable: true, fatal: false }
}

const fn retriable(kind: ErrorKind) -> Meaning {
    Meaning { retriable: true, ..plain(kind) }
}

const fn fatal(kind: ErrorKind) -> Meaning {
    Meaning { abortable: false, fatal: true, ..plain(kind) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native;

    #[test]
    fn the_codes_have_the_names_that_librdkafka_gives_them() {
        for (code, name, kind) in [
            (-192, "_MSG_TIMED_OUT", ErrorKind::DeliveryTimeout),
            (-184, "_QUEUE_FULL", ErrorKind::BufferFull),
            (-166, "_TIMED_OUT_QUEUE", ErrorKind::BufferTimeout),
            (-152, "_PURGE_QUEUE", ErrorKind::GivenUp),
            (-144, "_FENCED", ErrorKind::Fenced),
            (10, "MSG_SIZE_TOO_LARGE", ErrorKind::RecordTooLarge),
            (20, "NOT_ENOUGH_REPLICAS_AFTER_APPEND", ErrorKind::NotEnoughReplicas),
            (29, "TOPIC_AUTHORIZATION_FAILED", ErrorKind::Authorization),
            (45, "OUT_OF_ORDER_SEQUENCE_NUMBER", ErrorKind::Fatal),
            (58, "SASL_AUTHENTICATION_FAILED", ErrorKind::Authentication),
        ] {
            assert_eq!(native::error_name(code), name);
            assert_eq!(meaning(code).kind, kind, "{name}");
        }
    }

    #[test]
    fn nothing_is_fatal_and_retriable_or_abortable_at_once() {
        for code in -200..200 {
            let meaning = meaning(code);
            assert!(!meaning.fatal || !(meaning.retriable || meaning.abortable), "{code}");
        }
    }
}
