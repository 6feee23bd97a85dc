//! The enums of the typed setters, displayed as Java's values.

use std::fmt;

/// The replicas that must have a record before it is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Acks {
    /// None: the producer does not wait for a response, and offsets are unknown.
    None,
    /// The partition's leader.
    Leader,
    /// All in-sync replicas.
    #[default]
    All,
}

/// The compression of batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Compression {
    /// No compression.
    #[default]
    None,
    /// gzip; a cargo feature, on by default.
    Gzip,
    /// Snappy.
    Snappy,
    /// LZ4.
    Lz4,
    /// Zstandard; a cargo feature, on by default.
    Zstd,
}

/// Whether connections are encrypted and authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SecurityProtocol {
    /// Neither encrypted nor authenticated.
    #[default]
    Plaintext,
    /// Encrypted with TLS.
    Ssl,
    /// Authenticated with SASL, not encrypted.
    SaslPlaintext,
    /// Encrypted with TLS and authenticated with SASL.
    SaslSsl,
}

/// The SASL mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SaslMechanism {
    /// User name and password in plain text.
    Plain,
    /// SCRAM with SHA-256.
    ScramSha256,
    /// SCRAM with SHA-512.
    ScramSha512,
    /// An OAuth 2 bearer token.
    OAuthBearer,
    /// Kerberos; only with the system's librdkafka.
    Gssapi,
}

/// Where a consumer starts in a partition without a committed offset.
#[cfg(feature = "consumer")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum AutoOffsetReset {
    /// At the first available record.
    Earliest,
    /// At the end, with the next record.
    #[default]
    Latest,
    /// Nowhere: it reports an error.
    None,
}

/// The transactional records that a consumer returns.
#[cfg(feature = "consumer")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum IsolationLevel {
    /// All records, including those of aborted transactions.
    #[default]
    ReadUncommitted,
    /// Only records of committed transactions.
    ReadCommitted,
}

/// How the partitions of a group are assigned.
#[cfg(feature = "consumer")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum GroupProtocol {
    /// By the members of the group.
    #[default]
    Classic,
    /// By the broker (KIP-848).
    Consumer,
}

macro_rules! names {
    ($type:ident { $($variant:ident => $name:literal),+ $(,)? }) => {
        impl fmt::Display for $type {
            /// Writes Java's name for the value.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant => $name),+ })
            }
        }
    };
}

names!(Acks { None => "0", Leader => "1", All => "all" });
names!(Compression { None => "none", Gzip => "gzip", Snappy => "snappy", Lz4 => "lz4", Zstd => "zstd" });
names!(SecurityProtocol { Plaintext => "PLAINTEXT", Ssl => "SSL", SaslPlaintext => "SASL_PLAINTEXT", SaslSsl => "SASL_SSL" });
#[cfg(feature = "consumer")]
names!(AutoOffsetReset { Earliest => "earliest", Latest => "latest", None => "none" });
#[cfg(feature = "consumer")]
names!(IsolationLevel { ReadUncommitted => "read_uncommitted", ReadCommitted => "read_committed" });
#[cfg(feature = "consumer")]
names!(GroupProtocol { Classic => "CLASSIC", Consumer => "CONSUMER" });
names!(SaslMechanism {
    Plain => "PLAIN",
    ScramSha256 => "SCRAM-SHA-256",
    ScramSha512 => "SCRAM-SHA-512",
    OAuthBearer => "OAUTHBEARER",
    Gssapi => "GSSAPI",
});
