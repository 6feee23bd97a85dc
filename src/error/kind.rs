//! The kinds of error, and whether a failed record may have been written.

use std::fmt;

/// The kind of an [`Error`](crate::Error), for matching.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The configuration is invalid. The source is a [`ConfigError`](crate::config::ConfigError) that lists every problem.
    Config,
    /// A serializer failed or panicked.
    Serialization,
    /// A deserializer failed or panicked.
    Deserialization,
    /// The partitioner panicked, or chose a partition that the topic does not have.
    Partitioner,
    /// The record's topic name, partition or timestamp is invalid.
    InvalidRecord,
    /// The record is larger than `max.request.size`, `buffer.memory` or the topic's `max.message.bytes`.
    RecordTooLarge,
    /// The batch with the record is larger than the topic's `max.message.bytes`, and none of it was written. The record itself may fit:
    /// lower `batch.size` to that limit, or send the record again alone. Not retriable, because the same records sent again make the same
    /// batch.
    BatchTooLarge,
    /// The broker rejected the batch with the record because one of the batch's records is invalid. None of it was written. With the code
    /// `_INVALID_DIFFERENT_RECORD` another record is invalid, and this one can be sent again; with other codes the broker did not say which.
    BatchRejected,
    /// `buffer.memory` is full, and the call does not wait.
    BufferFull,
    /// `buffer.memory` stayed full for `max.block.ms`.
    BufferTimeout,
    /// The record's serializer waits, for its schema for example, and the call does not.
    SchemaPending,
    /// The record's serializer waited, for its schema for example, for longer than `max.block.ms`.
    SchemaTimeout,
    /// A service that a serializer or deserializer needs, such as a schema registry, is unavailable
    /// ([`Unavailable`](crate::serialize::Unavailable)). This says nothing about the record. The source is the service's own error.
    SchemaRegistry,
    /// No metadata of the topic or cluster arrived within `max.block.ms`.
    MetadataTimeout,
    /// The topic or the partition does not exist.
    UnknownTopicOrPartition,
    /// The brokers did not acknowledge the record within `delivery.timeout.ms`.
    DeliveryTimeout,
    /// No broker acknowledged the record, but librdkafka reports it as written because a later record of its partition was. This does not
    /// hold for the first records that a producer sends to a partition: the record may be lost.
    Unconfirmed,
    /// The connection to a broker failed or was lost.
    Network,
    /// Authentication with a broker failed, or TLS failed.
    Authentication,
    /// The authenticated user lacks the permission.
    Authorization,
    /// Fewer in-sync replicas than `min.insync.replicas`.
    NotEnoughReplicas,
    /// Another producer uses this producer's `transactional.id` now. This producer can send no more.
    Fenced,
    /// A call in the wrong order: sending without a transaction, beginning a second one, either of these before
    /// [`init_transactions`](crate::Producer::init_transactions), or any of them without a `transactional.id`
    /// (Java: `IllegalStateException`).
    TransactionState,
    /// A transaction call took longer than `max.block.ms`, or than its own timeout. Make the same call again: it continues where this one stopped.
    TransactionTimeout,
    /// The transaction was open for longer than `transaction.timeout.ms`, so its coordinator has most likely aborted it. This producer can
    /// send no more. A coordinator gives the same answer after another producer has taken over the `transactional.id`; if the transaction
    /// was open for less time, the error is [`Fenced`](Self::Fenced).
    TransactionExpired,
    /// A record or offset of the transaction failed, so it cannot be committed: abort it.
    TransactionFailed,
    /// Consumer offsets were not committed because the group has assigned the partitions to other members, which read the records again.
    CommitFailed,
    /// This producer can send no more: librdkafka reported a fatal error.
    Fatal,
    /// The producer is closed, or was created before `fork` by the parent process.
    Closed,
    /// The record was not delivered before the producer was closed or the transaction aborted.
    GivenUp,
    /// The producer is closed, but some reports are still missing after the timeout, because user code such as a callback blocks the
    /// delivery thread. For a consumer: it has not left its group within the timeout, and continues to close.
    CloseTimeout,
    /// Records were not reported within the timeout of [`flush_timeout`](crate::producer::Blocking::flush_timeout). They are still
    /// outstanding, and may be delivered.
    FlushTimeout,
    /// A call in a callback that would wait for the callback itself.
    WouldDeadlock,
    /// An argument of a call is invalid, such as a negative offset or a name with a NUL (Java: `IllegalArgumentException`). For a record that
    /// cannot be sent, see [`InvalidRecord`](Self::InvalidRecord).
    InvalidArgument,
    /// A call that is not allowed in the present state, such as assigning partitions to a consumer that has subscribed to topics, or
    /// seeking in a partition that is not assigned (Java: `IllegalStateException`). For transactions, see
    /// [`TransactionState`](Self::TransactionState).
    InvalidState,
    /// An embedded Kafka could not start, or a call on it has an invalid argument.
    EmbeddedKafka,
    /// Any other broker error; see [`code`](crate::Error::code).
    Broker,
    /// Any other librdkafka error; see [`code`](crate::Error::code).
    Client,
}

impl ErrorKind {
    /// The name of the kind, such as `DeliveryTimeout`.
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
            Self::FlushTimeout => "FlushTimeout",
            Self::WouldDeadlock => "WouldDeadlock",
            Self::InvalidArgument => "InvalidArgument",
            Self::InvalidState => "InvalidState",
            Self::EmbeddedKafka => "EmbeddedKafka",
            Self::Broker => "Broker",
            Self::Client => "Client",
        }
    }

    /// The Java client's exception for an error that ottla itself detects, which has no code.
    pub(super) fn java_exception(self) -> Option<&'static str> {
        Some(match self {
            Self::Config => "ConfigException",
            Self::Serialization | Self::SchemaRegistry => "SerializationException",
            Self::Deserialization => "RecordDeserializationException",
            Self::InvalidRecord | Self::InvalidArgument | Self::Partitioner => "IllegalArgumentException",
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
            Self::Closed | Self::TransactionState | Self::InvalidState => "IllegalStateException",
            Self::Fatal
            | Self::BatchTooLarge
            | Self::BatchRejected
            | Self::SchemaPending
            | Self::TransactionFailed
            | Self::Unconfirmed
            | Self::GivenUp
            | Self::CloseTimeout
            | Self::FlushTimeout
            | Self::WouldDeadlock
            | Self::EmbeddedKafka
            | Self::Broker
            | Self::Client => return None,
        })
    }

    /// What to do about an error that ottla itself detects.
    pub(super) fn advice(self) -> Option<&'static str> {
        Some(match self {
            Self::Config => "fix the settings: the source lists each problem, with file and line",
            Self::Serialization => "fix the record or its serializer: the source is the serializer's error",
            Self::Deserialization => "fix the deserializer, or skip the record: the source is the deserializer's error",
            Self::Partitioner => "fix the partitioner: it must return a partition of the topic, counted from 0",
            Self::RecordTooLarge => {
                "make the record smaller, or raise max.request.size (and the topic's max.message.bytes) or buffer.memory"
            }
            Self::BufferFull => "await send, or try again after some outstanding records have been reported",
            Self::BufferTimeout => "send more slowly, or raise buffer.memory or max.block.ms",
            Self::MetadataTimeout => "check that the brokers are up; if they are slow, raise max.block.ms",
            Self::SchemaPending => "await send, or try again after the schema registry has answered",
            Self::SchemaTimeout => "check that the schema registry is up; if it is slow, raise max.block.ms",
            Self::SchemaRegistry => "check that the schema registry is up and accepts this client, then try again",
            Self::TransactionTimeout => "make the same call again: it continues where this one stopped",
            Self::TransactionExpired => {
                "build a new producer and repeat the transaction: none of it is committed; make transactions shorter, or raise \
                 transaction.timeout.ms"
            }
            Self::TransactionFailed => "abort the transaction",
            Self::CommitFailed => {
                "continue: the group's new members read the records again; poll more often than max.poll.interval.ms"
            }
            Self::Closed | Self::Fatal | Self::Fenced => "build a new producer",
            Self::CloseTimeout => "make callbacks return quickly: move long work to another thread",
            Self::WouldDeadlock => "make the call on another thread",
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
                | Self::FlushTimeout
        )
    }

    /// Whether an error that ottla itself detects fails the transaction: a record of the transaction ends with it.
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

/// Whether a failed record may have been written (librdkafka's `rd_kafka_msg_status_t`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Persistence {
    /// Not written: sending it again cannot create a duplicate.
    NotPersisted,
    /// Possibly written: sending it again may create a duplicate.
    PossiblyPersisted,
    /// Written.
    Persisted,
}

impl Persistence {
    /// `rd_kafka_msg_status_t`
    #[cfg(feature = "testing")]
    pub(crate) fn status(self) -> u8 {
        match self {
            Self::NotPersisted => 0,
            Self::PossiblyPersisted => 1,
            Self::Persisted => 2,
        }
    }

    pub(crate) fn from_status(status: i32) -> Self {
        match status {
            0 => Self::NotPersisted,
            2 => Self::Persisted,
            _ => Self::PossiblyPersisted,
        }
    }
}
