//! The definitions of all metrics: Java's names, kinds and descriptions.

use super::MetricKind::{self, Counter, Gauge};

/// A metric of the Java producer that ottla also has.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Definition {
    pub(super) name: &'static str,
    pub(super) group: &'static str,
    pub(super) kind: MetricKind,
    pub(super) description: &'static str,
}

/// The group of metrics of the producer.
pub(super) const PRODUCER: &str = "producer-metrics";
/// The group of metrics by topic.
pub(super) const TOPIC: &str = "producer-topic-metrics";
/// The group of metrics by broker.
pub(super) const NODE: &str = "producer-node-metrics";

macro_rules! definitions {
    ($($constant:ident = $group:ident $kind:ident $name:literal, $description:literal;)*) => {
        $(pub(super) const $constant: Definition =
            Definition { name: $name, group: $group, kind: $kind, description: $description };)*

        /// All definitions, in the order of the documentation.
        #[cfg(test)]
        pub(super) const ALL: &[Definition] = &[$($constant),*];
    };
}

#[rustfmt::skip]
definitions! {
    RECORD_SEND_TOTAL = PRODUCER Counter "record-send-total", "Records acknowledged by the brokers (with acks=0: records sent).";
    RECORD_SEND_RATE = PRODUCER Gauge "record-send-rate", "Records acknowledged by the brokers, per second.";
    RECORD_ERROR_TOTAL = PRODUCER Counter "record-error-total", "Records that failed: rejected by send, or accepted and not delivered.";
    RECORD_ERROR_RATE = PRODUCER Gauge "record-error-rate", "Records that failed, per second.";
    RECORD_SIZE_AVG = PRODUCER Gauge "record-size-avg", "The average size of key and value of an acknowledged record, in bytes.";
    RECORD_SIZE_MAX = PRODUCER Gauge "record-size-max", "The largest size of key and value of an acknowledged record, in bytes.";
    BUFFER_TOTAL_BYTES = PRODUCER Gauge "buffer-total-bytes", "The size of buffer.memory, in bytes.";
    BUFFER_AVAILABLE_BYTES = PRODUCER Gauge "buffer-available-bytes", "The unused part of buffer.memory, in bytes.";
    BUFFER_EXHAUSTED_TOTAL = PRODUCER Counter "buffer-exhausted-total", "Records that failed because buffer.memory was full.";
    BUFFER_EXHAUSTED_RATE = PRODUCER Gauge "buffer-exhausted-rate", "Records that failed because buffer.memory was full, per second.";
    WAITING_THREADS = PRODUCER Gauge "waiting-threads", "Senders (tasks or threads) that wait for room in buffer.memory.";
    FLUSH_TIME = PRODUCER Counter "flush-time-ns-total", "Total time of calls of flush, in nanoseconds.";
    TXN_INIT_TIME = PRODUCER Counter "txn-init-time-ns-total", "Total time of successful calls of init_transactions, in nanoseconds.";
    TXN_BEGIN_TIME = PRODUCER Counter "txn-begin-time-ns-total", "Total time of successful calls of begin_transaction, in nanoseconds.";
    TXN_SEND_OFFSETS_TIME = PRODUCER Counter "txn-send-offsets-time-ns-total", "Total time of successful calls of send_offsets, in nanoseconds.";
    TXN_COMMIT_TIME = PRODUCER Counter "txn-commit-time-ns-total", "Total time of successful calls of commit, in nanoseconds.";
    TXN_ABORT_TIME = PRODUCER Counter "txn-abort-time-ns-total", "Total time of successful calls of abort, in nanoseconds.";
    BATCH_SIZE_AVG = PRODUCER Gauge "batch-size-avg", "The average compressed size of a batch, in bytes.";
    BATCH_SIZE_MAX = PRODUCER Gauge "batch-size-max", "The largest compressed size of a batch, in bytes.";
    RECORDS_PER_REQUEST_AVG = PRODUCER Gauge "records-per-request-avg", "The average number of records in a produce request, which has one batch in librdkafka.";
    RECORD_QUEUE_TIME_AVG = PRODUCER Gauge "record-queue-time-avg", "The average time from a record's acceptance until its batch is built, in milliseconds.";
    RECORD_QUEUE_TIME_MAX = PRODUCER Gauge "record-queue-time-max", "The longest time from a record's acceptance until its batch is built, in milliseconds.";
    REQUEST_LATENCY_AVG = PRODUCER Gauge "request-latency-avg", "The average time from a request of any kind to its response, in milliseconds.";
    REQUEST_LATENCY_MAX = PRODUCER Gauge "request-latency-max", "The longest time from a request of any kind to its response, in milliseconds.";
    REQUESTS_IN_FLIGHT = PRODUCER Gauge "requests-in-flight", "Requests that wait for a response.";
    PRODUCE_THROTTLE_TIME_AVG = PRODUCER Gauge "produce-throttle-time-avg", "The average time for which a broker throttled a produce request, in milliseconds.";
    PRODUCE_THROTTLE_TIME_MAX = PRODUCER Gauge "produce-throttle-time-max", "The longest time for which a broker throttled a produce request, in milliseconds.";
    METADATA_AGE = PRODUCER Gauge "metadata-age", "The age of the oldest topic metadata, in seconds.";
    CONNECTION_COUNT = PRODUCER Gauge "connection-count", "Open connections to brokers.";
    REQUEST_TOTAL = PRODUCER Counter "request-total", "Requests sent, of any kind.";
    REQUEST_RATE = PRODUCER Gauge "request-rate", "Requests sent, per second.";
    RESPONSE_TOTAL = PRODUCER Counter "response-total", "Responses received.";
    RESPONSE_RATE = PRODUCER Gauge "response-rate", "Responses received, per second.";
    OUTGOING_BYTE_TOTAL = PRODUCER Counter "outgoing-byte-total", "Bytes sent.";
    OUTGOING_BYTE_RATE = PRODUCER Gauge "outgoing-byte-rate", "Bytes sent, per second.";
    INCOMING_BYTE_TOTAL = PRODUCER Counter "incoming-byte-total", "Bytes received.";
    INCOMING_BYTE_RATE = PRODUCER Gauge "incoming-byte-rate", "Bytes received, per second.";
    TOPIC_RECORD_SEND_TOTAL = TOPIC Counter "record-send-total", "The topic's records that the brokers acknowledged.";
    TOPIC_RECORD_SEND_RATE = TOPIC Gauge "record-send-rate", "The topic's records that the brokers acknowledged, per second.";
    TOPIC_RECORD_ERROR_TOTAL = TOPIC Counter "record-error-total", "The topic's records that failed after they were accepted.";
    TOPIC_RECORD_ERROR_RATE = TOPIC Gauge "record-error-rate", "The topic's records that failed after they were accepted, per second.";
    TOPIC_BYTE_TOTAL = TOPIC Counter "byte-total", "Bytes of acknowledged keys and values, before compression.";
    TOPIC_BYTE_RATE = TOPIC Gauge "byte-rate", "Bytes of acknowledged keys and values, before compression, per second.";
    NODE_REQUEST_LATENCY_AVG = NODE Gauge "request-latency-avg", "The average time from a request to this broker to its response, in milliseconds.";
    NODE_REQUEST_LATENCY_MAX = NODE Gauge "request-latency-max", "The longest time from a request to this broker to its response, in milliseconds.";
    NODE_REQUEST_TOTAL = NODE Counter "request-total", "Requests sent to this broker.";
    NODE_REQUEST_RATE = NODE Gauge "request-rate", "Requests sent to this broker, per second.";
    NODE_RESPONSE_TOTAL = NODE Counter "response-total", "Responses received from this broker.";
    NODE_RESPONSE_RATE = NODE Gauge "response-rate", "Responses received from this broker, per second.";
    NODE_OUTGOING_BYTE_TOTAL = NODE Counter "outgoing-byte-total", "Bytes sent to this broker.";
    NODE_OUTGOING_BYTE_RATE = NODE Gauge "outgoing-byte-rate", "Bytes sent to this broker, per second.";
    NODE_INCOMING_BYTE_TOTAL = NODE Counter "incoming-byte-total", "Bytes received from this broker.";
    NODE_INCOMING_BYTE_RATE = NODE Gauge "incoming-byte-rate", "Bytes received from this broker, per second.";
}
