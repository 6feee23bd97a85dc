//! The Java producer's own settings, by name, and those that differ from other clients. Types, ranges and defaults are those of
//! `ProducerConfig` in kafka-clients 4.4.0.

use super::super::value::{Range, Type};
use super::super::{partitioner_name, serializer_name};
use super::Setting;

use Range::{AtLeast, Between, BetweenOr, Distinct, NonEmpty, OneOf};
use Type::{Boolean, Class, Int, List, Long};

const INT_MAX: i64 = 2_147_483_647;
const METRICS: &str =
    "Producer::metrics returns Java's metrics, with librdkafka's part updated every librdkafka.statistics.interval.ms; remove it";

const fn new(name: &'static str, kind: Type, doc: &'static str) -> Setting {
    Setting::new(name, kind, doc)
}

#[rustfmt::skip] // one setting per row
pub(super) static SETTINGS: &[Setting] = &[
    new("acks", Type::String, "The replicas that must have a record before it is acknowledged: all in-sync replicas, the leader (1), or none (0).")
        .range_of(OneOf(&["all", "-1", "0", "1"])).default_of("all").becomes_properties(&["request.required.acks"]).librdkafka("-1")
        .note_of("With 0 offsets are unknown."),
    new("batch.size", Int, "The maximum size of a batch.").bytes()
        .range_of(AtLeast(0)).default_of("16384").our_default("1000000").becomes_properties(&["batch.size"]).librdkafka("1000000")
        .note_of("librdkafka sends one partition per request, so small batches cost more than in Java; the default is librdkafka's. The sticky partitioner switches after batch.size if it is set, else after Java's 16384 bytes. 0 becomes 1; limited to max.request.size."),
    new("buffer.memory", Long, "The memory for records between acceptance and report.").bytes()
        .range_of(AtLeast(0)).default_of("33554432")
        .note_of("Counts key, value, headers and a constant per record. librdkafka's own limits (1 GiB of payload, 100,000 records) are disabled."),
    new("client.id", Type::String, "The client's name in the brokers' logs and quotas.")
        .default_of("").becomes_properties(&["client.id"]).librdkafka("rdkafka")
        .note_of("If empty, generated as in Java: producer-N, or producer-TRANSACTIONAL.ID."),
    new("client.rack", Type::String, "The client's rack, as in broker.rack, for partitioner.rack.aware.")
        .default_of("").becomes_properties(&["client.rack"]).librdkafka(""),
    new("compression.gzip.level", Int, "The gzip level, with compression.type=gzip.")
        .range_of(BetweenOr(1, 9, -1)).default_of("-1").becomes_properties(&["compression.level"]).librdkafka("-1"),
    new("compression.lz4.level", Int, "The lz4 level, with compression.type=lz4.")
        .range_of(Between(1, 17)).here(Between(1, 12)).default_of("9").becomes_properties(&["compression.level"]).librdkafka("-1")
        .note_of("9 selects Java's fast compressor, librdkafka's default; librdkafka supports levels up to 12."),
    new("compression.type", Type::String, "The compression of batches.")
        .range_of(OneOf(&["none", "gzip", "snappy", "lz4", "zstd"])).default_of("none").becomes_properties(&["compression.codec"]).librdkafka("none")
        .note_of("gzip and zstd are cargo features, on by default."),
    new("compression.zstd.level", Int, "The zstd level, with compression.type=zstd.")
        .range_of(Between(-131_072, 22)).here(Between(0, 12)).default_of("3").becomes_properties(&["compression.level"]).librdkafka("-1")
        .note_of("librdkafka supports levels from 0 to 12."),
    new("delivery.timeout.ms", Int, "The maximum time from a record's acceptance to its report.").milliseconds()
        .range_of(AtLeast(0)).here(AtLeast(1)).default_of("120000").becomes_properties(&["message.timeout.ms"]).librdkafka("300000")
        .note_of("Must be at least linger.ms + request.timeout.ms, as in Java. With a transactional.id it must be at most transaction.timeout.ms, and is lowered to that if it is not set. 0 is rejected, because librdkafka would wait forever."),
    new("enable.idempotence", Boolean, "Whether retries neither duplicate nor reorder records.")
        .default_of("true").becomes_properties(&["enable.idempotence"]).librdkafka("false")
        .note_of("Enabled by default as in Java, unlike in librdkafka. Disabled with a warning if acks or retries conflict with it and it is not set."),
    new("interceptor.classes", List, "Interceptors that see every record.")
        .range_of(Distinct).java_only_default("")
        .refused(&[""], "Java classes cannot be loaded; pass interceptors to the producer's builder"),
    new("key.serializer", Class, "The serializer of keys.")
        .checked(serializer_name::check)
        .note_of("Java's class names, or short names (string, bytes, integer, long, uuid, ...), for programs that choose serializers at run time, such as the command; usually the producer's type parameter determines it. Not required."),
    new("linger.ms", Long, "How long a batch waits for more records.").milliseconds()
        .range_of(AtLeast(0)).here(Between(0, 900_000)).default_of("5").becomes_properties(&["queue.buffering.max.ms"]).librdkafka("5"),
    new("max.block.ms", Long, "How long send waits for buffer memory, for a serializer, and for a topic or partition that the brokers do not report.").milliseconds()
        .range_of(AtLeast(0)).default_of("60000")
        .note_of("Applies to each of these waits. A record for a topic without metadata yet is accepted and waits in librdkafka, for up to delivery.timeout.ms (for a missing topic up to librdkafka.topic.metadata.propagation.max.ms). If the metadata says that the topic or partition does not exist, send waits and requests metadata again. Also the timeout of init, commit and abort of transactions, partitions_for, cluster and max_message_bytes."),
    new("max.in.flight.requests.per.connection", Int, "The maximum number of requests in flight per broker.")
        .range_of(AtLeast(1)).here(Between(1, 1_000_000)).default_of("5").becomes_properties(&["max.in.flight.requests.per.connection"]).librdkafka("1000000")
        .note_of("At most 5 with enable.idempotence, where librdkafka effectively has one per partition."),
    new("max.request.size", Int, "The maximum size of a record, and the approximate maximum size of a request.").bytes()
        .range_of(AtLeast(0)).here(Between(0, 1_000_000_000)).default_of("1048576").becomes_properties(&["message.max.bytes"]).librdkafka("1000000")
        .note_of("Checked as in Java before a record is accepted; librdkafka's limit is 1 KiB higher, for framing."),
    new("metadata.max.idle.ms", Long, "How long metadata of an unused topic is kept.").milliseconds()
        .range_of(AtLeast(5000)).java_only_default("300000")
        .refused(&[], "a producer keeps the metadata of its topics for its lifetime (no KIP-526); remove it"),
    new("metric.reporters", List, "Java classes that report metrics.")
        .range_of(Distinct).java_only_default("org.apache.kafka.common.metrics.JmxReporter").refused(&[""], METRICS),
    new("metrics.num.samples", Int, "The number of samples per metric.")
        .range_of(AtLeast(1)).java_only_default("2").refused(&[], METRICS),
    new("metrics.recording.level", Type::String, "The level of detail of metrics.")
        .range_of(OneOf(&["INFO", "DEBUG", "TRACE"])).java_only_default("INFO").refused(&[], METRICS),
    new("metrics.sample.window.ms", Long, "The time window of a sample.").milliseconds()
        .range_of(AtLeast(0)).java_only_default("30000").refused(&[], METRICS),
    new("partitioner.adaptive.partitioning.enable", Boolean, "Whether to prefer partitions with shorter queues for records without a key (KIP-794).")
        .default_of("true")
        .note_of("The queue of a partition is the data accepted for it and not yet reported. Differences count in units of three batches of the size that the brokers currently accept, but at least of three times the sticky partitioner's threshold."),
    new("partitioner.availability.timeout.ms", Long, "How long a partition may make no progress before it is skipped (KIP-794); 0 means never.").milliseconds()
        .range_of(AtLeast(0)).default_of("0")
        .note_of("Measured per partition: records are in flight, and none was written for this long. Java measures how long a broker was not ready for requests."),
    new("partitioner.class", Class, "The partitioner.")
        .our_default("DefaultPartitioner").becomes_properties(&["partitioner"]).librdkafka("consistent_random").checked(partitioner_name::check)
        .note_of("Defaults to Java's, murmur2 of the key; librdkafka's default is CRC32. Also RoundRobinPartitioner, UniformStickyPartitioner (in Java before 4.0), and librdkafka's by name (random, consistent, consistent_random, murmur2, murmur2_random, fnv1a, fnv1a_random); a partitioner of your own is passed to the builder."),
    new("partitioner.ignore.keys", Boolean, "Whether to distribute records with a key as if they had none.")
        .default_of("false"),
    new("partitioner.rack.aware", Boolean, "Whether records without a key go to the partitions whose leader is in client.rack (KIP-1123).")
        .default_of("false")
        .note_of("Requires client.rack. If no partition with a leader has it in the rack, all with a leader are used. Only for the built-in partitioner. Racks come from the brokers' broker.rack: the first send of a record without a key to a topic waits for them, for max.block.ms at most, as Java waits for metadata. A moved leader is taken into account within two seconds after librdkafka has learned of it (from a broker's error, a closed connection, a report, or after metadata.max.age.ms), a broker's new rack within metadata.max.age.ms."),
    new("receive.buffer.bytes", Int, "The socket's receive buffer; -1 for the system's default.").bytes()
        .range_of(AtLeast(-1)).here(BetweenOr(1, 100_000_000, -1)).default_of("32768").our_default("-1").becomes_properties(&["socket.receive.buffer.bytes"]).librdkafka("0")
        .note_of("A fixed size disables the kernel's autotuning, so the default is the system's, as in librdkafka."),
    new("request.timeout.ms", Int, "How long to wait for a broker's response.").milliseconds()
        .range_of(AtLeast(0)).here(Between(10, 300_000)).default_of("30000").becomes_properties(&["socket.timeout.ms", "request.timeout.ms"]).librdkafka("60000")
        .note_of("librdkafka's property of the same name is only sent to the broker; the client waits for socket.timeout.ms. Both are set. With a transactional.id it is lowered to fit transaction.timeout.ms if it is not set."),
    new("retries", Int, "The maximum number of retries per record.")
        .range_of(Between(0, INT_MAX)).default_of("2147483647").becomes_properties(&["message.send.max.retries"]).librdkafka("2147483647"),
    new("transaction.timeout.ms", Int, "How long a transaction may be open before the coordinator aborts it.").milliseconds()
        .here(Between(1000, INT_MAX - 100)).default_of("60000").becomes_properties(&["transaction.timeout.ms"]).librdkafka("60000")
        .note_of("Must be at most the broker's transaction.max.timeout.ms. The upper limit prevents an overflow in librdkafka, which adds 100 to it in 32 bits."),
    new("transaction.two.phase.commit.enable", Boolean, "Whether transactions take part in a two-phase commit (KIP-939).")
        .java_only_default("false").refused(&["false"], "librdkafka does not support two-phase commit (KIP-939); remove it"),
    new("transactional.id", Type::String, "Makes the producer transactional, under this name.")
        .range_of(NonEmpty).becomes_properties(&["transactional.id"]).librdkafka("")
        .note_of("A producer that starts with the same name fences the previous one. Records can only be sent in transactions. librdkafka does not support version 2 of transactions (KIP-890), so brokers use version 1."),
    new("value.serializer", Class, "The serializer of values.")
        .checked(serializer_name::check)
        .note_of("As for key.serializer."),
];
