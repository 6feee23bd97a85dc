//! The rows of librdkafka's own properties that are checked here. Types, ranges and defaults are those of librdkafka 2.12's
//! `CONFIGURATION.md`.

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

/// Those of every client.
#[rustfmt::skip] // a row is read as a row
pub(super) static CLIENT: &[Setting] = &[
    own!("debug", List, "", "The parts of librdkafka that log in detail: broker, topic, msg, eos, security, all, and others.")
        .note_of("The lines go to the program's log, at the level debug."),
    own!("https.ca.location", String, "", "File or directory of the CA certificates that check a token endpoint."),
    own!("https.ca.pem", Password, "", "The same CA certificates as PEM text."),
    own!("internal.termination.signal", Int, "0", "The signal with which librdkafka ends its threads faster; 0 for none.").range_of(Range::Between(0, 128)),
    own!("log_level", Int, "6", "The least important of librdkafka's log lines that are let through, as syslog counts: 3 errors, 6 information, 7 debug.").range_of(Range::Between(0, 7)),
    own!("plugin.library.paths", String, "", "Libraries of librdkafka plug-ins, between semicolons."),
    own!("sasl.oauthbearer.metadata.authentication.type", String, "none", "Where a cloud's own metadata service gives the token: azure_imds, or none."),
    own!("socket.keepalive.enable", Boolean, "false", "Whether connections send TCP keep-alives."),
    own!("statistics.interval.ms", Int, "0", "How often librdkafka reports its statistics; 0 for never.").range_of(Range::Between(0, 86_400_000)).milliseconds(),
    own!("test.mock.num.brokers", Int, "0", "The number of brokers that librdkafka plays itself, in the process, for tests.").range_of(Range::Between(0, 10_000))
        .note_of("bootstrap.servers is then not needed."),
];

/// Those of a producer.
#[rustfmt::skip] // a row is read as a row
pub(super) static PRODUCER: &[Setting] = &[
    own!("allow.auto.create.topics", Boolean, "true", "Whether asking for a topic that does not exist may create it, if the brokers allow that."),
    own!("batch.num.messages", Int, "10000", "The most records in one batch.").range_of(Range::Between(1, 1_000_000)),
    own!("enable.gapless.guarantee", Boolean, "false", "Whether a batch that failed for good stops the producer, so that no record after it is written.")
        .note_of("Experimental in librdkafka; needs enable.idempotence=true."),
    own!("message.copy.max.bytes", Int, "65535", "Records up to this size are copied into the request, greater ones are sent from where they are.").range_of(Range::Between(0, 1_000_000_000)).bytes(),
    own!("queue.buffering.backpressure.threshold", Int, "1", "The requests waiting for a broker from which on no new batch is made.").range_of(Range::Between(1, 1_000_000))
        .note_of("Must be 1 with enable.idempotence."),
    own!("queue.buffering.max.kbytes", Int, "1048576", "The most payload in librdkafka's queue.").range_of(Range::Between(1, 2_147_483_647)).kibibytes().our_default("2147483647")
        .note_of("buffer.memory is the limit, of keys, values and headers; librdkafka's own counts payloads only and is set to its greatest value."),
    own!("queue.buffering.max.messages", Int, "100000", "The most records in librdkafka's queue; 0 for no limit.").range_of(Range::Between(0, 2_147_483_647)).our_default("0")
        .note_of("buffer.memory is the limit; librdkafka's own is off."),
    own!("sticky.partitioning.linger.ms", Int, "10", "How long librdkafka's own partitioners keep one partition for records without a key.").range_of(Range::Between(0, 900_000)).milliseconds()
        .note_of("librdkafka takes twice linger.ms if it is not set."),
    own!("topic.metadata.propagation.max.ms", Int, "30000", "How long a topic that the brokers do not know may still appear before its records fail.").range_of(Range::Between(0, 3_600_000)).milliseconds(),
];
