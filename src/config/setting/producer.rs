//! The rows of the Java producer's own settings, by name, and of those that are not quite the same for other clients. Types, ranges
//! and defaults are those of `ProducerConfig` in kafka-clients 4.1.0.

use super::super::value::{Range, Type};
use super::super::{partitioner_name, serializer_name};
use super::Setting;

use Range::{AtLeast, Between, BetweenOr, NonEmpty, NonNull, OneOf};
use Type::{Boolean, Class, Int, List, Long};

const INT_MAX: i64 = 2_147_483_647;
const METRICS: &str =
    "Producer::metrics has Java's metrics, librdkafka's part of them every librdkafka.statistics.interval.ms; leave it out";

const fn new(name: &'static str, kind: Type, doc: &'static str) -> Setting {
    Setting::new(name, kind, doc)
}

#[rustfmt::skip] // a row is read as a row
pub(super) static SETTINGS: &[Setting] = &[
    new("acks", Type::String, "Which brokers must have a record before it counts as written: all in-sync replicas, the leader (1), or none (0).")
        .range_of(OneOf(&["all", "-1", "0", "1"])).default_of("all").becomes_properties(&["request.required.acks"]).librdkafka("-1")
        .note_of("With 0 no offset is known."),
    new("batch.size", Int, "The greatest batch of records for one partition.").bytes()
        .range_of(AtLeast(0)).default_of("16384").our_default("1000000").becomes_properties(&["batch.size"]).librdkafka("1000000")
        .note_of("One request carries one partition in librdkafka, so small batches cost more here than in Java: the default is librdkafka's. The sticky partitioner switches after the batch.size that was set, else after Java's 16384 bytes. 0 becomes 1; never more than max.request.size."),
    new("buffer.memory", Long, "The memory that records may take from being accepted to being reported.").bytes()
        .range_of(AtLeast(0)).default_of("33554432")
        .note_of("Counts key, value, headers and a constant per record. librdkafka's own limits (1 GiB of payload, 100,000 records) are lifted."),
    new("client.id", Type::String, "The name under which brokers log this client and count its quota.")
        .default_of("").becomes_properties(&["client.id"]).librdkafka("rdkafka")
        .note_of("Made up as in Java if it is empty: producer-N, or producer-TRANSACTIONAL.ID."),
    new("compression.gzip.level", Int, "The level of gzip, if compression.type is that.")
        .range_of(BetweenOr(1, 9, -1)).default_of("-1").becomes_properties(&["compression.level"]).librdkafka("-1"),
    new("compression.lz4.level", Int, "The level of lz4, if compression.type is that.")
        .range_of(Between(1, 17)).here(Between(1, 12)).default_of("9").becomes_properties(&["compression.level"]).librdkafka("-1")
        .note_of("9 is Java's fast compressor and librdkafka's default; librdkafka has no level above 12."),
    new("compression.type", Type::String, "How batches are compressed.")
        .range_of(OneOf(&["none", "gzip", "snappy", "lz4", "zstd"])).default_of("none").becomes_properties(&["compression.codec"]).librdkafka("none")
        .note_of("gzip and zstd are cargo features, on by default."),
    new("compression.zstd.level", Int, "The level of zstd, if compression.type is that.")
        .range_of(Between(-131_072, 22)).here(Between(0, 12)).default_of("3").becomes_properties(&["compression.level"]).librdkafka("-1")
        .note_of("librdkafka has no level below 0 or above 12."),
    new("delivery.timeout.ms", Int, "How long a record may take from being accepted to being reported.").milliseconds()
        .range_of(AtLeast(0)).here(AtLeast(1)).default_of("120000").becomes_properties(&["message.timeout.ms"]).librdkafka("300000")
        .note_of("At least linger.ms + request.timeout.ms, as in Java; with a transactional.id also at most transaction.timeout.ms, to which it is lowered unless it is set. 0 is refused: librdkafka would wait forever."),
    new("enable.idempotence", Boolean, "Whether retries can neither duplicate nor reorder records.")
        .default_of("true").becomes_properties(&["enable.idempotence"]).librdkafka("false")
        .note_of("On as in Java, off by default in librdkafka. Turned off, with a warning, if acks or retries are set against it and it is not set itself."),
    new("interceptor.classes", List, "Interceptors that see every record.")
        .range_of(NonNull).java_only_default("")
        .refused(&[""], "Java classes cannot run here; give interceptors to the producer's builder"),
    new("key.serializer", Class, "How keys become bytes.")
        .checked(serializer_name::check)
        .note_of("Java's class names and short names (string, bytes, integer, long, uuid, ...) choose for programs without types of their own, as the command; in Rust the producer's type parameter chooses. Not required."),
    new("linger.ms", Long, "How long a batch waits for more records.").milliseconds()
        .range_of(AtLeast(0)).here(Between(0, 900_000)).default_of("5").becomes_properties(&["queue.buffering.max.ms"]).librdkafka("5"),
    new("max.block.ms", Long, "How long sending waits: for room, for its serializer, and for a topic or partition that the brokers do not report.").milliseconds()
        .range_of(AtLeast(0)).default_of("60000")
        .note_of("Each of these waits may take as long. A record whose topic no broker has reported yet is accepted, and waits for that in librdkafka, for delivery.timeout.ms at most (and a topic that does not exist for librdkafka.topic.metadata.propagation.max.ms). Where brokers have told of the topic, and it or the partition does not exist, send waits and asks them again. Also how long init, commit and abort of transactions, partitions_for, cluster and max_message_bytes wait."),
    new("max.in.flight.requests.per.connection", Int, "The most requests to one broker that are not answered yet.")
        .range_of(AtLeast(1)).here(Between(1, 1_000_000)).default_of("5").becomes_properties(&["max.in.flight.requests.per.connection"]).librdkafka("1000000")
        .note_of("At most 5 with enable.idempotence, where librdkafka in effect has one a partition."),
    new("max.request.size", Int, "The greatest record, and about the greatest request.").bytes()
        .range_of(AtLeast(0)).here(Between(0, 1_000_000_000)).default_of("1048576").becomes_properties(&["message.max.bytes"]).librdkafka("1000000")
        .note_of("Checked here as Java does, before a record is accepted; librdkafka gets 1 KiB more, for framing."),
    new("metadata.max.idle.ms", Long, "After how long an unused topic is forgotten.").milliseconds()
        .range_of(AtLeast(5000)).java_only_default("300000")
        .refused(&[], "a producer keeps the topics that it has written to for its lifetime (no KIP-526); leave it out"),
    new("metric.reporters", List, "Java classes that report metrics.")
        .range_of(NonNull).java_only_default("org.apache.kafka.common.metrics.JmxReporter").refused(&[""], METRICS),
    new("metrics.num.samples", Int, "The samples that a metric is made of.")
        .range_of(AtLeast(1)).java_only_default("2").refused(&[], METRICS),
    new("metrics.recording.level", Type::String, "How detailed metrics are.")
        .range_of(OneOf(&["INFO", "DEBUG", "TRACE"])).java_only_default("INFO").refused(&[], METRICS),
    new("metrics.sample.window.ms", Long, "The time that a sample covers.").milliseconds()
        .range_of(AtLeast(0)).java_only_default("30000").refused(&[], METRICS),
    new("partitioner.adaptive.partitioning.enable", Boolean, "Whether records without a key prefer partitions with shorter queues (KIP-794).")
        .default_of("true")
        .note_of("A partition's queue is what this producer has accepted for it and has not had reported. Differences count in units of three batches of the size that brokers currently take, and of three times the sticky partitioner's threshold at least."),
    new("partitioner.availability.timeout.ms", Long, "After how long a partition whose broker takes nothing is left out (KIP-794); 0 for never.").milliseconds()
        .range_of(AtLeast(0)).default_of("0")
        .note_of("Measured for each partition: something is under way, and nothing of it has been written for so long. Java measures how long a broker was not ready to be sent to."),
    new("partitioner.class", Class, "How records are spread over partitions.")
        .our_default("DefaultPartitioner").becomes_properties(&["partitioner"]).librdkafka("consistent_random").checked(partitioner_name::check)
        .note_of("Java's by default: murmur2 of the key; librdkafka's is CRC32. RoundRobinPartitioner, UniformStickyPartitioner (which Java had before 4.0), and librdkafka's own by name (random, consistent, consistent_random, murmur2, murmur2_random, fnv1a, fnv1a_random), can be chosen; the builder takes one of your own."),
    new("partitioner.ignore.keys", Boolean, "Whether records with a key are spread as if they had none.")
        .default_of("false"),
    new("receive.buffer.bytes", Int, "The socket's receive buffer; -1 for the system's default.").bytes()
        .range_of(AtLeast(-1)).here(BetweenOr(1, 100_000_000, -1)).default_of("32768").our_default("-1").becomes_properties(&["socket.receive.buffer.bytes"]).librdkafka("0")
        .note_of("A size that is set turns the kernel's own fitting of the buffer off: the default is the system's, as in librdkafka."),
    new("request.timeout.ms", Int, "How long a broker may take to answer.").milliseconds()
        .range_of(AtLeast(0)).here(Between(10, 300_000)).default_of("30000").becomes_properties(&["socket.timeout.ms", "request.timeout.ms"]).librdkafka("60000")
        .note_of("librdkafka's property of the same name is only what the broker is told; its client waits socket.timeout.ms. Both are set. With a transactional.id it is lowered to fit into transaction.timeout.ms unless it is set."),
    new("retries", Int, "How often a record is sent again.")
        .range_of(Between(0, INT_MAX)).default_of("2147483647").becomes_properties(&["message.send.max.retries"]).librdkafka("2147483647"),
    new("transaction.timeout.ms", Int, "How long a transaction may be open before its coordinator aborts it.").milliseconds()
        .here(Between(1000, INT_MAX - 100)).default_of("60000").becomes_properties(&["transaction.timeout.ms"]).librdkafka("60000")
        .note_of("At most the broker's transaction.max.timeout.ms. librdkafka adds 100 to it in 32 bits, hence the upper limit."),
    new("transaction.two.phase.commit.enable", Boolean, "Whether transactions are part of a two-phase commit (KIP-939).")
        .java_only_default("false").refused(&["false"], "librdkafka has no two-phase commit (KIP-939); leave it out"),
    new("transactional.id", Type::String, "The name that makes the producer transactional.")
        .range_of(NonEmpty).becomes_properties(&["transactional.id"]).librdkafka("")
        .note_of("Whoever starts with the same name fences the one before. Records are sent in transactions only. librdkafka does not speak KIP-890's second version of transactions, so that brokers serve the first."),
    new("value.serializer", Class, "How values become bytes.")
        .checked(serializer_name::check)
        .note_of("As key.serializer."),
];
