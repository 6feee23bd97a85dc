//! The Java consumer's own settings, by name, and those that differ from other clients. Types, ranges and defaults are those of
//! `ConsumerConfig` in kafka-clients 4.4.0.

use super::super::value::{Range, Type};
use super::super::{assignor_name, deserializer_name};
use super::Setting;

use Range::{AtLeast, Between, BetweenOr, Distinct, NonEmpty, OneOf, OneOfAnyCase};
use Type::{Boolean, Class, Int, List, Long};

const METRICS: &str = "librdkafka emits statistics every librdkafka.statistics.interval.ms; remove it";
const SHARE_GROUPS: &str = "librdkafka does not support share groups (KIP-932); remove it";
const INTERNAL_TOPICS: &str = "Internal topics are those of consumer offsets, transactions and share groups. Unlike in Java, they must be enabled with false even to be subscribed to by name.";

const fn new(name: &'static str, kind: Type, doc: &'static str) -> Setting {
    Setting::new(name, kind, doc)
}

#[rustfmt::skip] // one setting per row
pub(super) static SETTINGS: &[Setting] = &[
    new("allow.auto.create.topics", Boolean, "Whether subscribing to a missing topic may create it, if the brokers allow that.")
        .default_of("true").becomes_properties(&["allow.auto.create.topics"]).librdkafka("false"),
    new("auto.commit.interval.ms", Int, "How often offsets are committed with enable.auto.commit.").milliseconds()
        .range_of(AtLeast(0)).here(Between(0, 86_400_000)).default_of("5000").becomes_properties(&["auto.commit.interval.ms"]).librdkafka("5000")
        .note_of("0 becomes 1, because librdkafka's 0 would disable it."),
    new("auto.offset.reset", Type::String, "Where to start in a partition without a committed offset, or with one that no longer exists: at the end (latest), at the first record (earliest), or with an error (none).")
        .range_of(OneOf(&["latest", "earliest", "none", "by_duration:PnDTnHnMn.nS"])).here(OneOf(&["latest", "earliest", "none"]))
        .default_of("latest").becomes_properties(&["auto.offset.reset"]).librdkafka("largest")
        .note_of("librdkafka does not support by_duration (KIP-1106); seek to the offset of a timestamp instead."),
    new("check.crcs", Boolean, "Whether to verify the checksums of fetched records.")
        .default_of("true").becomes_properties(&["check.crcs"]).librdkafka("false"),
    new("client.id", Type::String, "The client's name in the brokers' logs and quotas.")
        .default_of("").becomes_properties(&["client.id"]).librdkafka("rdkafka")
        .note_of("If empty, generated as in Java: consumer-GROUP.ID-N, or consumer-GROUP.ID-GROUP.INSTANCE.ID."),
    new("client.rack", Type::String, "The client's rack, so that it fetches from the nearest replica (KIP-392).")
        .default_of("").becomes_properties(&["client.rack"]).librdkafka(""),
    new("default.api.timeout.ms", Int, "The timeout of calls without a timeout argument.").milliseconds()
        .range_of(AtLeast(0)).default_of("60000"),
    new("enable.auto.commit", Boolean, "Whether to commit the offsets of processed records periodically.")
        .default_of("true").becomes_properties(&["enable.auto.commit"]).librdkafka("true")
        .note_of("Disabled without a group.id; enabling it then is an error, as in Java."),
    new("exclude.internal.topics", Boolean, "Whether a pattern subscription excludes internal topics.")
        .default_of("true").becomes_properties(&["topic.blacklist"]).librdkafka("")
        .note_of(INTERNAL_TOPICS),
    new("fetch.max.bytes", Int, "The approximate maximum size of a fetch response.").bytes()
        .range_of(AtLeast(0)).here(Between(0, 2_147_483_135)).default_of("52428800").becomes_properties(&["fetch.max.bytes"]).librdkafka("52428800")
        .note_of("Must be at least librdkafka.message.max.bytes, which is 1000000 by default."),
    new("fetch.max.wait.ms", Int, "How long a broker waits for fetch.min.bytes of data.").milliseconds()
        .range_of(AtLeast(0)).here(Between(0, 300_000)).default_of("500").becomes_properties(&["fetch.wait.max.ms"]).librdkafka("500"),
    new("fetch.min.bytes", Int, "The minimum amount of data in a fetch response.").bytes()
        .range_of(AtLeast(0)).here(Between(0, 100_000_000)).default_of("1").becomes_properties(&["fetch.min.bytes"]).librdkafka("1")
        .note_of("0 becomes 1."),
    new("group.id", Type::String, "The group that shares partitions and stores committed offsets.")
        .here(NonEmpty).becomes_properties(&["group.id"]).librdkafka("")
        .note_of("Required to subscribe and to commit. If it is not set, librdkafka, which requires a group.id, gets the client.id."),
    new("group.instance.id", Type::String, "The name of a static member, which keeps its partitions when it restarts (KIP-345).")
        .range_of(NonEmpty).becomes_properties(&["group.instance.id"]).librdkafka(""),
    new("group.protocol", Type::String, "How partitions are assigned: by the members (classic), or by the broker (consumer, KIP-848).")
        .range_of(OneOfAnyCase(&["CONSUMER", "CLASSIC"])).default_of("classic").our_default("CLASSIC").becomes_properties(&["group.protocol"]).librdkafka("classic")
        .note_of("With consumer, the broker determines session.timeout.ms and heartbeat.interval.ms, and group.remote.assignor replaces partition.assignment.strategy."),
    new("group.remote.assignor", Type::String, "The broker's assignor with group.protocol=consumer: uniform or range. Defaults to the broker's choice.")
        .becomes_properties(&["group.remote.assignor"]).librdkafka(""),
    new("heartbeat.interval.ms", Int, "The interval between heartbeats to the group coordinator.").milliseconds()
        .here(Between(1, 3_600_000)).default_of("3000").becomes_properties(&["heartbeat.interval.ms"]).librdkafka("3000")
        .note_of("Must be less than session.timeout.ms; not with group.protocol=consumer."),
    new("interceptor.classes", List, "Interceptors that see every record.")
        .range_of(Distinct).java_only_default("")
        .refused(&[""], "Java classes cannot be loaded; inspect records where the program polls them"),
    new("isolation.level", Type::String, "Whether to return records of transactions that are not committed.")
        .range_of(OneOf(&["read_committed", "read_uncommitted"])).default_of("read_uncommitted").becomes_properties(&["isolation.level"]).librdkafka("read_committed")
        .note_of("Java's default; librdkafka's is read_committed."),
    new("key.deserializer", Class, "The deserializer of keys.")
        .checked(deserializer_name::check)
        .note_of("Java's class names, or short names (string, bytes, integer, long, uuid, ...), for programs that choose deserializers at run time; usually the consumer's type parameter determines it. Not required."),
    new("max.partition.fetch.bytes", Int, "The approximate maximum per partition in a fetch response.").bytes()
        .range_of(AtLeast(0)).here(Between(1, 1_000_000_000)).default_of("1048576").becomes_properties(&["fetch.message.max.bytes"]).librdkafka("1048576")
        .note_of("A larger batch is returned anyway."),
    new("max.poll.interval.ms", Int, "The maximum time between two polls before the group revokes the member's partitions.").milliseconds()
        .range_of(AtLeast(1)).here(Between(1, 86_400_000)).default_of("300000").becomes_properties(&["max.poll.interval.ms"]).librdkafka("300000")
        .note_of("Must be at least session.timeout.ms, a requirement of librdkafka."),
    new("max.poll.records", Int, "The maximum number of records per poll.")
        .range_of(AtLeast(1)).default_of("500"),
    new("metric.reporters", List, "Java classes that report metrics.")
        .range_of(Distinct).java_only_default("org.apache.kafka.common.metrics.JmxReporter").refused(&[""], METRICS),
    new("metrics.num.samples", Int, "The number of samples per metric.")
        .range_of(AtLeast(1)).java_only_default("2").refused(&[], METRICS),
    new("metrics.recording.level", Type::String, "The level of detail of metrics.")
        .range_of(OneOf(&["INFO", "DEBUG", "TRACE"])).java_only_default("INFO").refused(&[], METRICS),
    new("metrics.sample.window.ms", Long, "The time window of a sample.").milliseconds()
        .range_of(AtLeast(0)).java_only_default("30000").refused(&[], METRICS),
    new("partition.assignment.strategy", List, "The assignors with group.protocol=classic; the group uses the first one that all members support.")
        .range_of(Distinct).default_of("org.apache.kafka.clients.consumer.RangeAssignor,org.apache.kafka.clients.consumer.CooperativeStickyAssignor").our_default("RangeAssignor")
        .becomes_properties(&["partition.assignment.strategy"]).librdkafka("range,roundrobin").checked(assignor_name::check)
        .note_of("RangeAssignor and RoundRobinAssignor, or only CooperativeStickyAssignor, which librdkafka cannot combine with the others. A group with Java's default uses range too."),
    new("receive.buffer.bytes", Int, "The socket's receive buffer; -1 for the system's default.").bytes()
        .range_of(AtLeast(-1)).here(BetweenOr(1, 100_000_000, -1)).default_of("65536").our_default("-1").becomes_properties(&["socket.receive.buffer.bytes"]).librdkafka("0")
        .note_of("A fixed size disables the kernel's autotuning, so the default is the system's, as in librdkafka."),
    new("request.timeout.ms", Int, "How long to wait for a broker's response.").milliseconds()
        .range_of(AtLeast(0)).here(Between(10, 300_000)).default_of("30000").becomes_properties(&["socket.timeout.ms"]).librdkafka("60000")
        .note_of("librdkafka adds the time that the broker may wait, such as fetch.max.wait.ms."),
    new("session.timeout.ms", Int, "How long after its last heartbeat a member is considered dead.").milliseconds()
        .here(Between(1, 3_600_000)).default_of("45000").becomes_properties(&["session.timeout.ms"]).librdkafka("45000")
        .note_of("Not with group.protocol=consumer."),
    new("share.acknowledgement.mode", Type::String, "How records of a share group are acknowledged (KIP-932).")
        .range_of(OneOf(&["implicit", "explicit"])).java_only_default("implicit").refused(&[], SHARE_GROUPS),
    new("share.acquire.mode", Type::String, "How many records a share consumer acquires (KIP-932).")
        .range_of(OneOf(&["batch_optimized", "record_limit"])).java_only_default("BATCH_OPTIMIZED").refused(&[], SHARE_GROUPS),
    new("value.deserializer", Class, "The deserializer of values.")
        .checked(deserializer_name::check)
        .note_of("As for key.deserializer."),
];
