//! The kinds of error, and whether a failed record may have been written.

use std::fmt;

/// The kinds of error, for matching.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The configuration is wrong; the source is a [`ConfigError`](crate::config::ConfigError) with every problem of it.
    Config,
    /// A serializer failed or panicked.
    Serialization,
    /// A deserializer failed or panicked: the record was read, and is not what was expected.
    Deserialization,
    /// The partitioner panicked, or chose a partition that the topic does not have.
    Partitioner,
    /// The record cannot be sent as it is: its topic's name, partition or timestamp is not a valid one.
    InvalidRecord,
    /// The record is larger than `max.request.size`, `buffer.memory` or the topic's `max.message.bytes`.
    RecordTooLarge,
    /// The batch that the record was sent in is larger than the topic's `max.message.bytes`, and none of it was written. The record
    /// itself may fit: lower `batch.size` to that limit, or send it again alone. This does not count as retriable, because the same
    /// records sent again together make the same batch.
    BatchTooLarge,
    /// The broker has refused the batch that the record was sent in because one of its records is invalid, and none of it was written.
    /// With the code `_INVALID_DIFFERENT_RECORD` that is another record, and this one can be sent again; with another code the broker
    /// did not say which one.
    BatchRejected,
    /// There is no room in `buffer.memory`, and the call does not wait.
    BufferFull,
    /// There was no room in `buffer.memory` for `max.block.ms`.
    BufferTimeout,
    /// The record's schema, or whatever else its serializer waits for, is being asked for, and the call does not wait.
    SchemaPending,
    /// The record's schema, or whatever else its serializer waits for, did not come within `max.block.ms`.
    SchemaTimeout,
    /// The schema registry is out of reach, does not let this client in, or answers what no registry does: the record may be as good as any.
    /// The source is its [`RegistryError`](crate::serialize::registry::RegistryError).
    SchemaRegistry,
    /// No broker told of the topic for `max.block.ms`.
    MetadataTimeout,
    /// The topic or the partition does not exist.
    UnknownTopicOrPartition,
    /// The brokers did not acknowledge the record within `delivery.timeout.ms`.
    DeliveryTimeout,
    /// No broker acknowledged the record, and librdkafka counts it as written, since a later one of its partition was. That does
    /// not follow for the first records that a producer sends to a partition: this one may be lost.
    Unconfirmed,
    /// No connection to a broker, or it broke.
    Network,
    /// The broker does not take the credentials, or TLS failed.
    Authentication,
    /// The credentials are good, but not allowed to do this.
    Authorization,
    /// Fewer in-sync replicas than `min.insync.replicas`.
    NotEnoughReplicas,
    /// Another producer has taken this one's `transactional.id` over. This one can do no more.
    Fenced,
    /// A call in the wrong order: to send without a transaction, to begin a second one, to do either before
    /// [`init_transactions`](crate::Producer::init_transactions), or on a producer without a `transactional.id`
    /// (Java: `IllegalStateException`).
    TransactionState,
    /// The brokers have not done what a transaction call asks for within `max.block.ms`. The same call goes on where this one stopped.
    TransactionTimeout,
    /// The transaction was open for longer than `transaction.timeout.ms`, so that its coordinator has most likely aborted it, and this
    /// producer can do no more. Coordinators answer the same to a producer whose `transactional.id` another one has taken over: that is
    /// [`Fenced`](Self::Fenced), and certain if the transaction was open for less time.
    TransactionExpired,
    /// The transaction cannot be committed, since a record or an offset of it failed: the way on is to abort it.
    TransactionFailed,
    /// A consumer's offsets were not committed, since its group has given the partitions to other members: they read the records again.
    CommitFailed,
    /// This producer can send no more (librdkafka's fatal errors).
    Fatal,
    /// The producer is closed, or is another process's, which this one was forked from.
    Closed,
    /// The producer was closed, or the transaction aborted, before the record was delivered.
    GivenUp,
    /// The producer was closed, and user code on its delivery thread, such as a callback that blocks, holds up the reports of some records
    /// beyond the timeout.
    CloseTimeout,
    /// A call that would wait for itself: from a callback, for what the callback holds up.
    WouldDeadlock,
    /// An embedded Kafka could not start, or was asked for what it does not have or cannot do.
    EmbeddedKafka,
    /// Another error that the broker answered; see [`code`](crate::Error::code).
    Broker,
    /// Another error of librdkafka's; see [`code`](crate::Error::code).
    Client,
}

impl ErrorKind {
    /// The kind's name, as it stands in reports: `DeliveryTimeout`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Config => "Config",
            Self::Serialization => "Serialization",
            Self::Deserialization => "Deserialization",
            Self::Partitioner => "Partitioner",
            Self::InvalidRecord => "InvalidRecord",
            Self::RecordTooLarge => "RecordTooLarge",
            Self::BatchTooLarge => "BatchTooLarge",
            Self::BatchRejected => "BatchRejected",
            Self::BufferFull => "BufferFull",
            Self::BufferTimeout => "BufferTimeout",
            Self::SchemaPending => "SchemaPending",
            Self::SchemaTimeout => "SchemaTimeout",
            Self::SchemaRegistry => "SchemaRegistry",
            Self::MetadataTimeout => "MetadataTimeout",
            Self::UnknownTopicOrPartition => "UnknownTopicOrPartition",
            Self::DeliveryTimeout => "DeliveryTimeout",
            Self::Unconfirmed => "Unconfirmed",
            Self::Network => "Network",
            Self::Authentication => "Authentication",
            Self::Authorization => "Authorization",
            Self::NotEnoughReplicas => "NotEnoughReplicas",
            Self::Fenced => "Fenced",
            Self::TransactionState => "TransactionState",
            Self::TransactionTimeout => "TransactionTimeout",
            Self::TransactionExpired => "TransactionExpired",
            Self::TransactionFailed => "TransactionFailed",
            Self::CommitFailed => "CommitFailed",
            Self::Fatal => "Fatal",
            Self::Closed => "Closed",
            Self::GivenUp => "GivenUp",
            Self::CloseTimeout => "CloseTimeout",
            Self::WouldDeadlock => "WouldDeadlock",
            Self::EmbeddedKafka => "EmbeddedKafka",
            Self::Broker => "Broker",
            Self::Client => "Client",
        }
    }

    /// What the Java client throws where this layer itself finds the error, before there is a code.
    pub(super) fn java_exception(self) -> Option<&'static str> {
        Some(match self {
            Self::Config => "ConfigException",
            Self::Serialization | Self::SchemaRegistry => "SerializationException",
            Self::Deserialization => "RecordDeserializationException",
            Self::InvalidRecord | Self::Partitioner => "IllegalArgumentException",
            Self::RecordTooLarge => "RecordTooLargeException",
            Self::BufferFull | Self::BufferTimeout => "BufferExhaustedException",
            Self::MetadataTimeout | Self::DeliveryTimeout | Self::TransactionTimeout | Self::SchemaTimeout => "TimeoutException",
            Self::UnknownTopicOrPartition => "UnknownTopicOrPartitionException",
            Self::Network => "NetworkException",
            Self::Authentication => "AuthenticationException",
            Self::Authorization => "AuthorizationException",
            Self::NotEnoughReplicas => "NotEnoughReplicasException",
            Self::Fenced | Self::TransactionExpired => "ProducerFencedException",
            Self::CommitFailed => "CommitFailedException",
            Self::Closed | Self::TransactionState => "IllegalStateException",
            Self::Fatal
            | Self::BatchTooLarge
            | Self::BatchRejected
            | Self::SchemaPending
            | Self::TransactionFailed
            | Self::Unconfirmed
            | Self::GivenUp
            | Self::CloseTimeout
            | Self::WouldDeadlock
            | Self::EmbeddedKafka
            | Self::Broker
            | Self::Client => return None,
        })
    }

    /// What to do about an error that this layer itself finds.
    pub(super) fn advice(self) -> Option<&'static str> {
        Some(match self {
            Self::Config => "mend the settings: the source names each problem, with its file and line",
            Self::Serialization => "mend the record or its serializer: the source is the serializer's own error",
            Self::Deserialization => "mend the deserializer, or pass the record over: the source is the deserializer's own error",
            Self::Partitioner => "mend the partitioner: it names one of the topic's partitions, from 0",
            Self::RecordTooLarge => {
                "make the record smaller, or raise max.request.size (and the topic's max.message.bytes) or buffer.memory"
            }
            Self::BufferFull => "await send, or try again when some of what is under way has been reported",
            Self::BufferTimeout => "send more slowly, or raise buffer.memory or max.block.ms",
            Self::MetadataTimeout => "look whether the brokers are up; raise max.block.ms if they only are slow",
            Self::SchemaPending => "await send, or try again when the schema registry has answered",
            Self::SchemaTimeout => "look whether the schema registry is up; raise max.block.ms if it only is slow",
            Self::SchemaRegistry => "look whether the schema registry is up and lets this client in, then do the same again",
            Self::TransactionTimeout => "make the same call again: it goes on where this one stopped",
            Self::TransactionExpired => {
                "build a new producer, and do the transaction again: none of it is committed; make transactions shorter, or raise \
                 transaction.timeout.ms"
            }
            Self::TransactionFailed => "abort the transaction",
            Self::CommitFailed => {
                "read on: the group's members read the records again; ask for records more often than max.poll.interval.ms"
            }
            Self::Closed | Self::Fatal | Self::Fenced => "build a new producer",
            Self::CloseTimeout => "let callbacks return soon: hand what takes long to another thread",
            Self::WouldDeadlock => "hand the work to another thread",
            _ => return None,
        })
    }

    pub(crate) fn is_retriable(self) -> bool {
        matches!(
            self,
            Self::BufferFull
                | Self::BufferTimeout
                | Self::SchemaPending
                | Self::SchemaTimeout
                | Self::SchemaRegistry
                | Self::MetadataTimeout
                | Self::DeliveryTimeout
                | Self::Network
                | Self::TransactionTimeout
        )
    }

    /// Whether such an error, of this layer's own, fails the transaction: it ends a record that was sent in it.
    pub(crate) fn is_abortable(self) -> bool {
        matches!(
            self,
            Self::Serialization
                | Self::InvalidRecord
                | Self::RecordTooLarge
                | Self::BufferTimeout
                | Self::SchemaTimeout
                | Self::TransactionFailed
        )
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether a record that failed may have been written all the same (librdkafka's `rd_kafka_msg_status_t`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Persistence {
    /// It was certainly not written: sending it again cannot make a duplicate.
    NotPersisted,
    /// It may have been written: sending it again may make a duplicate.
    PossiblyPersisted,
    /// It was written.
    Persisted,
}

impl Persistence {
    pub(crate) fn from_status(status: i32) -> Self {
        match status {
            0 => Self::NotPersisted,
            2 => Self::Persisted,
            _ => Self::PossiblyPersisted,
        }
    }
}
