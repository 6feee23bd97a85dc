//! The metrics that there are: Java's names, and where each value comes from.

use super::MetricKind::{self, Counter, Gauge};

/// A metric of the Java producer that this one has too.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Definition {
    pub(super) name: &'static str,
    pub(super) group: &'static str,
    pub(super) kind: MetricKind,
    pub(super) description: &'static str,
}

/// Of the producer as a whole.
pub(super) const PRODUCER: &str = "producer-metrics";
/// Of one topic.
pub(super) const TOPIC: &str = "producer-topic-metrics";
/// Of one broker.
pub(super) const NODE: &str = "producer-node-metrics";

macro_rules! definitions {
    ($($constant:ident = $group:ident $kind:ident $name:literal, $description:literal;)*) => {
        $(pub(super) const $constant: Definition =
            Definition { name: $name, group: $group, kind: $kind, description: $description };)*

        /// All of them, in the order in which they are shown.
        #[cfg(test)]
        pub(super) const ALL: &[Definition] = &[$($constant),*];
    };
}

#[rustfmt::skip]
definitions! {
    RECORD_SEND_TOTAL = PRODUCER Counter "record-send-total", "Records that the brokers have acknowledged (with acks=0: that were sent).";
    RECORD_SEND_RATE = PRODUCER Gauge "record-send-rate", "Records that the brokers have acknowledged, per second.";
    RECORD_ERROR_TOTAL = PRODUCER Counter "record-error-total", "Records that failed: refused by send, or accepted and not acknowledged.";
    RECORD_ERROR_RATE = PRODUCER Gauge "record-error-rate", "Records that failed, per second.";
    RECORD_SIZE_AVG = PRODUCER Gauge "record-size-avg", "The average acknowledged record's key and value, in bytes.";
    RECORD_SIZE_MAX = PRODUCER Gauge "record-size-max", "The largest acknowledged record's key and value, in bytes.";
    BUFFER_TOTAL_BYTES = PRODUCER Gauge "buffer-total-bytes", "The bytes of buffer.memory.";
    BUFFER_AVAILABLE_BYTES = PRODUCER Gauge "buffer-available-bytes", "The bytes of buffer.memory that no record takes.";
    BUFFER_EXHAUSTED_TOTAL = PRODUCER Counter "buffer-exhausted-total", "Records that were refused because there was no room in buffer.memory.";
    BUFFER_EXHAUSTED_RATE = PRODUCER Gauge "buffer-exhausted-rate", "Records that were refused because there was no room in buffer.memory, per second.";
    WAITING_THREADS = PRODUCER Gauge "waiting-threads", "Senders (tasks or threads) that wait for room in buffer.memory.";
    FLUSH_TIME = PRODUCER Counter "flush-time-ns-total", "Nanoseconds that calls of flush have waited, all of them together.";
    TXN_INIT_TIME = PRODUCER Counter "txn-init-time-ns-total", "Nanoseconds that calls of init_transactions have waited, those that succeeded.";
    TXN_BEGIN_TIME = PRODUCER Counter "txn-begin-time-ns-total", "Nanoseconds that calls of begin_transaction have waited, those that succeeded.";
    TXN_SEND_OFFSETS_TIME = PRODUCER Counter "txn-send-offsets-time-ns-total", "Nanoseconds that calls of send_offsets have waited, those that succeeded.";
    TXN_COMMIT_TIME = PRODUCER Counter "txn-commit-time-ns-total", "Nanoseconds that calls of commit have waited, those that succeeded.";
    TXN_ABORT_TIME = PRODUCER Counter "txn-abort-time-ns-total", "Nanoseconds that calls of abort have waited, those that succeeded.";
    BATCH_SIZE_AVG = PRODUCER Gauge "batch-size-avg", "The average batch sent, compressed, in bytes.";
    BATCH_SIZE_MAX = PRODUCER Gauge "batch-size-max", "The largest batch sent, compressed, in bytes.";
    RECORDS_PER_REQUEST_AVG = PRODUCER Gauge "records-per-request-avg", "The average number of records in a request, which carries one batch in librdkafka.";
    RECORD_QUEUE_TIME_AVG = PRODUCER Gauge "record-queue-time-avg", "Milliseconds from a record's acceptance to its batch's being made, on average.";
    RECORD_QUEUE_TIME_MAX = PRODUCER Gauge "record-queue-time-max", "Milliseconds from a record's acceptance to its batch's being made, at most.";
    REQUEST_LATENCY_AVG = PRODUCER Gauge "request-latency-avg", "Milliseconds from a request to its answer, on average, requests of every kind.";
    REQUEST_LATENCY_MAX = PRODUCER Gauge "request-latency-max", "Milliseconds from a request to its answer, at most.";
    REQUESTS_IN_FLIGHT = PRODUCER Gauge "requests-in-flight", "Requests whose answers are awaited.";
    PRODUCE_THROTTLE_TIME_AVG = PRODUCER Gauge "produce-throttle-time-avg", "Milliseconds for which a broker has held back an answer to a produce request, by quota, on average.";
    PRODUCE_THROTTLE_TIME_MAX = PRODUCER Gauge "produce-throttle-time-max", "Milliseconds for which a broker has held back an answer to a produce request, by quota, at most.";
    METADATA_AGE = PRODUCER Gauge "metadata-age", "Seconds since the oldest metadata of a topic came.";
    CONNECTION_COUNT = PRODUCER Gauge "connection-count", "Connections to brokers that are up.";
    REQUEST_TOTAL = PRODUCER Counter "request-total", "Requests sent, of every kind.";
    REQUEST_RATE = PRODUCER Gauge "request-rate", "Requests sent, per second.";
    RESPONSE_TOTAL = PRODUCER Counter "response-total", "Answers received.";
    RESPONSE_RATE = PRODUCER Gauge "response-rate", "Answers received, per second.";
    OUTGOING_BYTE_TOTAL = PRODUCER Counter "outgoing-byte-total", "Bytes sent.";
    OUTGOING_BYTE_RATE = PRODUCER Gauge "outgoing-byte-rate", "Bytes sent, per second.";
    INCOMING_BYTE_TOTAL = PRODUCER Counter "incoming-byte-total", "Bytes received.";
    INCOMING_BYTE_RATE = PRODUCER Gauge "incoming-byte-rate", "Bytes received, per second.";
    TOPIC_RECORD_SEND_TOTAL = TOPIC Counter "record-send-total", "The topic's records that the brokers have acknowledged.";
    TOPIC_RECORD_SEND_RATE = TOPIC Gauge "record-send-rate", "The topic's records that the brokers have acknowledged, per second.";
    TOPIC_RECORD_ERROR_TOTAL = TOPIC Counter "record-error-total", "The topic's records that were accepted and then failed.";
    TOPIC_RECORD_ERROR_RATE = TOPIC Gauge "record-error-rate", "The topic's records that were accepted and then failed, per second.";
    TOPIC_BYTE_TOTAL = TOPIC Counter "byte-total", "Bytes of the keys and values that the brokers have acknowledged, not compressed.";
    TOPIC_BYTE_RATE = TOPIC Gauge "byte-rate", "Bytes of keys and values that the brokers have acknowledged, not compressed, per second.";
    NODE_REQUEST_LATENCY_AVG = NODE Gauge "request-latency-avg", "Milliseconds from a request to this broker to its answer, on average.";
    NODE_REQUEST_LATENCY_MAX = NODE Gauge "request-latency-max", "Milliseconds from a request to this broker to its answer, at most.";
    NODE_REQUEST_TOTAL = NODE Counter "request-total", "Requests sent to this broker.";
    NODE_REQUEST_RATE = NODE Gauge "request-rate", "Requests sent to this broker, per second.";
    NODE_RESPONSE_TOTAL = NODE Counter "response-total", "This broker's answers.";
    NODE_RESPONSE_RATE = NODE Gauge "response-rate", "This broker's answers, per second.";
    NODE_OUTGOING_BYTE_TOTAL = NODE Counter "outgoing-byte-total", "Bytes sent to this broker.";
    NODE_OUTGOING_BYTE_RATE = NODE Gauge "outgoing-byte-rate", "Bytes sent to this broker, per second.";
    NODE_INCOMING_BYTE_TOTAL = NODE Counter "incoming-byte-total", "Bytes received from this broker.";
    NODE_INCOMING_BYTE_RATE = NODE Gauge "incoming-byte-rate", "Bytes received from this broker, per second.";
}
