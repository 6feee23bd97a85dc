//! The rows of the Java consumer's own settings, by name, and of those that are not quite the same for other clients. Types, ranges
//! and defaults are those of `ConsumerConfig` in kafka-clients 4.1.0.

use super::super::value::{Range, Type};
use super::super::{assignor_name, deserializer_name};
use super::Setting;

use Range::{AtLeast, Between, BetweenOr, NonEmpty, NonNull, OneOf, OneOfAnyCase};
use Type::{Boolean, Class, Int, List, Long};

const METRICS: &str = "librdkafka's statistics come every librdkafka.statistics.interval.ms; leave it out";
const INTERNAL_TOPICS: &str = "Kafka's own topics are those of consumers' offsets, of transactions and of share groups. librdkafka then knows them under no name, so that to read one of them false must be set, also where Java would let it be named.";

const fn new(name: &'static str, kind: Type, doc: &'static str) -> Setting {
    Setting::new(name, kind, doc)
}

#[rustfmt::skip] // a row is read as a row
pub(super) static SETTINGS: &[Setting] = &[
    new("allow.auto.create.topics", Boolean, "Whether reading a topic that does not exist may create it, if the brokers allow that.")
        .default_of("true").becomes_properties(&["allow.auto.create.topics"]).librdkafka("false"),
    new("auto.commit.interval.ms", Int, "How often offsets are committed with enable.auto.commit.").milliseconds()
        .range_of(AtLeast(0)).here(Between(0, 86_400_000)).default_of("5000").becomes_properties(&["auto.commit.interval.ms"]).librdkafka("5000")
        .note_of("0 becomes 1: librdkafka's 0 would turn it off."),
    new("auto.offset.reset", Type::String, "Where to begin in a partition for which the group has no offset, or one that is not there any more: with the next record (latest), the first that there is (earliest), or with an error (none).")
        .range_of(OneOf(&["latest", "earliest", "none", "by_duration:PnDTnHnMn.nS"])).here(OneOf(&["latest", "earliest", "none"]))
        .default_of("latest").becomes_properties(&["auto.offset.reset"]).librdkafka("largest")
        .note_of("librdkafka has no by_duration (KIP-1106); seek to the offset of a time instead."),
    new("check.crcs", Boolean, "Whether the checksums of what is read are verified.")
        .default_of("true").becomes_properties(&["check.crcs"]).librdkafka("false"),
    new("client.id", Type::String, "The name under which brokers log this client and count its quota.")
        .default_of("").becomes_properties(&["client.id"]).librdkafka("rdkafka")
        .note_of("Made up as in Java if it is empty: consumer-GROUP.ID-N, or consumer-GROUP.ID-GROUP.INSTANCE.ID."),
    new("client.rack", Type::String, "Where the client is, so that it reads from a replica nearby (KIP-392).")
        .default_of("").becomes_properties(&["client.rack"]).librdkafka(""),
    new("default.api.timeout.ms", Int, "How long a call may take that is given no time of its own.").milliseconds()
        .range_of(AtLeast(0)).default_of("60000"),
    new("enable.auto.commit", Boolean, "Whether the offsets of what was read are committed from time to time.")
        .default_of("true").becomes_properties(&["enable.auto.commit"]).librdkafka("true")
        .note_of("Off without a group.id, and then an error if it is turned on, as in Java."),
    new("exclude.internal.topics", Boolean, "Whether a pattern leaves Kafka's own topics out.")
        .default_of("true").becomes_properties(&["topic.blacklist"]).librdkafka("")
        .note_of(INTERNAL_TOPICS),
    new("fetch.max.bytes", Int, "About the most that a broker answers to one request.").bytes()
        .range_of(AtLeast(0)).here(Between(0, 2_147_483_135)).default_of("52428800").becomes_properties(&["fetch.max.bytes"]).librdkafka("52428800")
        .note_of("librdkafka wants at least librdkafka.message.max.bytes, 1000000."),
    new("fetch.max.wait.ms", Int, "How long a broker waits for fetch.min.bytes to be there.").milliseconds()
        .range_of(AtLeast(0)).here(Between(0, 300_000)).default_of("500").becomes_properties(&["fetch.wait.max.ms"]).librdkafka("500"),
    new("fetch.min.bytes", Int, "How much a broker should have before it answers.").bytes()
        .range_of(AtLeast(0)).here(Between(0, 100_000_000)).default_of("1").becomes_properties(&["fetch.min.bytes"]).librdkafka("1")
        .note_of("0 becomes 1."),
    new("group.id", Type::String, "The name of the group that shares the partitions and keeps the offsets.")
        .here(NonEmpty).becomes_properties(&["group.id"]).librdkafka("")
        .note_of("Needed to subscribe and to commit. Without one librdkafka is told the client.id: it reads for nobody without a name."),
    new("group.instance.id", Type::String, "The name of a static member, which keeps its partitions when it restarts (KIP-345).")
        .range_of(NonEmpty).becomes_properties(&["group.instance.id"]).librdkafka(""),
    new("group.protocol", Type::String, "Who assigns partitions: the members among themselves (classic), or the broker (consumer, KIP-848).")
        .range_of(OneOfAnyCase(&["CONSUMER", "CLASSIC"])).default_of("classic").our_default("CLASSIC").becomes_properties(&["group.protocol"]).librdkafka("classic")
        .note_of("With consumer the broker has session.timeout.ms and heartbeat.interval.ms, and group.remote.assignor takes the place of partition.assignment.strategy."),
    new("group.remote.assignor", Type::String, "The broker's assignor, with group.protocol=consumer: uniform or range; the broker chooses without it.")
        .becomes_properties(&["group.remote.assignor"]).librdkafka(""),
    new("heartbeat.interval.ms", Int, "How often a member tells the group's coordinator that it is there.").milliseconds()
        .here(Between(1, 3_600_000)).default_of("3000").becomes_properties(&["heartbeat.interval.ms"]).librdkafka("3000")
        .note_of("Less than session.timeout.ms; not with group.protocol=consumer."),
    new("interceptor.classes", List, "Interceptors that see every record.")
        .range_of(NonNull).java_only_default("")
        .refused(&[""], "Java classes cannot run here; look at the records where they are read"),
    new("internal.leave.group.on.close", Boolean, "Whether closing leaves the group; Kafka Streams' own.")
        .java_only_default("true").refused(&["true"], "librdkafka leaves the group on closing, unless group.instance.id is set; leave it out"),
    new("internal.throw.on.fetch.stable.offset.unsupported", Boolean, "How old brokers are met; Kafka Streams' own.")
        .java_only_default("false").refused(&["false"], "it is for Kafka Streams alone; leave it out"),
    new("isolation.level", Type::String, "Whether records of transactions are read before they are committed.")
        .range_of(OneOf(&["read_committed", "read_uncommitted"])).default_of("read_uncommitted").becomes_properties(&["isolation.level"]).librdkafka("read_committed")
        .note_of("As in Java; librdkafka's own default is the other."),
    new("key.deserializer", Class, "How keys are read.")
        .checked(deserializer_name::check)
        .note_of("Java's class names and short names (string, bytes, integer, long, uuid, ...) choose for programs without types of their own; in Rust the consumer's type parameter chooses. Not required."),
    new("max.partition.fetch.bytes", Int, "About the most of one partition in a broker's answer.").bytes()
        .range_of(AtLeast(0)).here(Between(1, 1_000_000_000)).default_of("1048576").becomes_properties(&["fetch.message.max.bytes"]).librdkafka("1048576")
        .note_of("A greater batch of records comes all the same."),
    new("max.poll.interval.ms", Int, "How long the program may take from one poll to the next before the group takes its partitions away.").milliseconds()
        .range_of(AtLeast(1)).here(Between(1, 86_400_000)).default_of("300000").becomes_properties(&["max.poll.interval.ms"]).librdkafka("300000")
        .note_of("At least session.timeout.ms, which librdkafka asks for."),
    new("max.poll.records", Int, "The most records that are handed over at once.")
        .range_of(AtLeast(1)).default_of("500"),
    new("metric.reporters", List, "Java classes that report metrics.")
        .range_of(NonNull).java_only_default("org.apache.kafka.common.metrics.JmxReporter").refused(&[""], METRICS),
    new("metrics.num.samples", Int, "The samples that a metric is made of.")
        .range_of(AtLeast(1)).java_only_default("2").refused(&[], METRICS),
    new("metrics.recording.level", Type::String, "How detailed metrics are.")
        .range_of(OneOf(&["INFO", "DEBUG", "TRACE"])).java_only_default("INFO").refused(&[], METRICS),
    new("metrics.sample.window.ms", Long, "The time that a sample covers.").milliseconds()
        .range_of(AtLeast(0)).java_only_default("30000").refused(&[], METRICS),
    new("partition.assignment.strategy", List, "How the members of a group share the partitions, with group.protocol=classic; the first that all of them have.")
        .range_of(NonNull).default_of("org.apache.kafka.clients.consumer.RangeAssignor,org.apache.kafka.clients.consumer.CooperativeStickyAssignor").our_default("RangeAssignor")
        .becomes_properties(&["partition.assignment.strategy"]).librdkafka("range,roundrobin").checked(assignor_name::check)
        .note_of("RangeAssignor and RoundRobinAssignor, or CooperativeStickyAssignor alone, which librdkafka cannot mix with the others; range is what a group with Java's default uses."),
    new("receive.buffer.bytes", Int, "The socket's receive buffer; -1 for the system's default.").bytes()
        .range_of(AtLeast(-1)).here(BetweenOr(1, 100_000_000, -1)).default_of("65536").our_default("-1").becomes_properties(&["socket.receive.buffer.bytes"]).librdkafka("0")
        .note_of("A size that is set turns the kernel's own fitting of the buffer off: the default is the system's, as in librdkafka."),
    new("request.timeout.ms", Int, "How long a broker may take to answer.").milliseconds()
        .range_of(AtLeast(0)).here(Between(10, 300_000)).default_of("30000").becomes_properties(&["socket.timeout.ms"]).librdkafka("60000")
        .note_of("librdkafka adds what a broker may wait by itself, such as fetch.max.wait.ms."),
    new("session.timeout.ms", Int, "After how long without a heartbeat a member is taken for lost.").milliseconds()
        .here(Between(1, 3_600_000)).default_of("45000").becomes_properties(&["session.timeout.ms"]).librdkafka("45000")
        .note_of("Not with group.protocol=consumer."),
    new("share.acknowledgement.mode", Type::String, "How records of a share group are acknowledged (KIP-932).")
        .range_of(OneOf(&["implicit", "explicit"])).java_only_default("implicit").refused(&[], "librdkafka has no share groups (KIP-932); leave it out"),
    new("value.deserializer", Class, "How values are read.")
        .checked(deserializer_name::check)
        .note_of("As key.deserializer."),
];
