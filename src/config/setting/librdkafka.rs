//! librdkafka's properties that are checked. Types, ranges and defaults are those of librdkafka 2.12's `CONFIGURATION.md`.

use super::super::value::{Range, Type};
use super::Setting;

const fn own(
    name: &'static str,
    property: &'static [&'static str],
    kind: Type,
    default: &'static str,
    doc: &'static str,
) -> Setting {
    Setting::new(name, kind, doc).becomes_properties(property).librdkafka(default)
}

macro_rules! own {
    ($property:literal, $kind:ident, $default:literal, $doc:literal) => {
        own(concat!("librdkafka.", $property), &[$property], Type::$kind, $default, $doc)
    };
}

/// Properties of every client.
#[rustfmt::skip] // one setting per row
pub(super) static CLIENT: &[Setting] = &[
    own!("debug", List, "", "The parts of librdkafka with debug logging: broker, topic, msg, eos, security, all, and others.")
        .note_of("Logged to the program's log at level debug."),
    own!("https.ca.location", String, "", "File or directory with the CA certificates for token endpoints."),
    own!("https.ca.pem", Password, "", "The CA certificates for token endpoints as PEM text."),
    own!("internal.termination.signal", Int, "0", "The signal that librdkafka uses to stop its threads faster; 0 for none.").range_of(Range::Between(0, 128)),
    own!("log_level", Int, "6", "librdkafka's log level as in syslog: 3 errors, 6 information, 7 debug.").range_of(Range::Between(0, 7)),
    own!("plugin.library.paths", String, "", "librdkafka plug-in libraries, separated by semicolons."),
    own!("sasl.oauthbearer.metadata.authentication.type", String, "none", "The cloud metadata service that supplies tokens: azure_imds, or none."),
    own!("socket.keepalive.enable", Boolean, "false", "Whether connections send TCP keep-alives."),
    own!("statistics.interval.ms", Int, "0", "How often librdkafka emits statistics; 0 disables them.").range_of(Range::Between(0, 86_400_000)).milliseconds(),
    own!("test.mock.num.brokers", Int, "0", "The number of brokers in librdkafka's mock cluster, for tests.").range_of(Range::Between(0, 10_000))
        .note_of("bootstrap.servers is not required then."),
];

/// Properties of a producer.
#[rustfmt::skip] // one setting per row
pub(super) static PRODUCER: &[Setting] = &[
    own!("allow.auto.create.topics", Boolean, "true", "Whether a metadata request for a missing topic may create it, if the brokers allow that."),
    own!("batch.num.messages", Int, "10000", "The maximum number of records in a batch.").range_of(Range::Between(1, 1_000_000)),
    own!("enable.gapless.guarantee", Boolean, "false", "Whether a batch that finally failed stops the producer, so that no later record is written.")
        .note_of("Experimental in librdkafka; requires enable.idempotence=true."),
    own!("message.copy.max.bytes", Int, "65535", "Records up to this size are copied into the request; larger ones are sent without a copy.").range_of(Range::Between(0, 1_000_000_000)).bytes(),
    own!("queue.buffering.backpressure.threshold", Int, "1", "The number of requests waiting for a broker above which no new batches are built.").range_of(Range::Between(1, 1_000_000))
        .note_of("Must be 1 with enable.idempotence."),
    own!("queue.buffering.max.kbytes", Int, "1048576", "The maximum payload in librdkafka's queue.").range_of(Range::Between(1, 2_147_483_647)).kibibytes().our_default("2147483647")
        .note_of("buffer.memory is the limit for keys, values and headers; librdkafka's limit counts only payload and is set to its maximum."),
    own!("queue.buffering.max.messages", Int, "100000", "The maximum number of records in librdkafka's queue; 0 for no limit.").range_of(Range::Between(0, 2_147_483_647)).our_default("0")
        .note_of("buffer.memory is the limit; librdkafka's limit is disabled."),
    own!("sticky.partitioning.linger.ms", Int, "10", "How long librdkafka's partitioners stay on one partition for records without a key.").range_of(Range::Between(0, 900_000)).milliseconds()
        .note_of("If it is not set, librdkafka uses twice linger.ms."),
    own!("topic.metadata.propagation.max.ms", Int, "30000", "How long to wait for an unknown topic to be created before its records fail.").range_of(Range::Between(0, 3_600_000)).milliseconds(),
];

/// Properties of a consumer.
#[rustfmt::skip] // one setting per row
pub(super) static CONSUMER: &[Setting] = &[
    own!("coordinator.query.interval.ms", Int, "600000", "How often the group coordinator is looked up.").range_of(Range::Between(1, 3_600_000)).milliseconds(),
    own!("fetch.error.backoff.ms", Int, "500", "The backoff after a fetch error of a partition.").range_of(Range::Between(0, 300_000)).milliseconds(),
    own!("fetch.queue.backoff.ms", Int, "1000", "The backoff for a partition with enough prefetched records.").range_of(Range::Between(0, 300_000)).milliseconds(),
    own!("message.max.bytes", Int, "1000000", "The expected maximum size of a batch; fetch.max.bytes must be at least this.").range_of(Range::Between(1_000, 1_000_000_000)).bytes(),
    own!("queued.max.messages.kbytes", Int, "65536", "The approximate maximum amount of prefetched data.").range_of(Range::Between(1, 2_097_151)).kibibytes(),
    own!("queued.min.messages", Int, "100000", "The number of records to prefetch per partition, within queued.max.messages.kbytes.").range_of(Range::Between(1, 10_000_000)),
    own!("receive.message.max.bytes", Int, "100000000", "The maximum size of a broker's response.").range_of(Range::Between(1_000, 2_147_483_647)).bytes()
        .note_of("Must be at least fetch.max.bytes + 512; raised to that if it is not set."),
];
