//! The enums that typed setters take; each is written as Java writes its value.

use std::fmt;

/// Which brokers must have a record before it counts as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Acks {
    /// None: nothing is waited for, and no offset is known.
    None,
    /// The partition's leader.
    Leader,
    /// All in-sync replicas.
    #[default]
    All,
}

/// How batches are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Compression {
    /// Not at all.
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

/// Whether connections are encrypted and log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SecurityProtocol {
    /// Neither.
    #[default]
    Plaintext,
    /// Encrypted with TLS.
    Ssl,
    /// With a login, not encrypted.
    SaslPlaintext,
    /// Encrypted and with a login.
    SaslSsl,
}

/// How the client says who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SaslMechanism {
    /// Name and password as they are.
    Plain,
    /// SCRAM with SHA-256.
    ScramSha256,
    /// SCRAM with SHA-512.
    ScramSha512,
    /// A token.
    OAuthBearer,
    /// Kerberos; only where the system's librdkafka is linked.
    Gssapi,
}

macro_rules! names {
    ($type:ident { $($variant:ident => $name:literal),+ $(,)? }) => {
        impl fmt::Display for $type {
            /// Writes Java's name of the value.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant => $name),+ })
            }
        }
    };
}

names!(Acks { None => "0", Leader => "1", All => "all" });
names!(Compression { None => "none", Gzip => "gzip", Snappy => "snappy", Lz4 => "lz4", Zstd => "zstd" });
names!(SecurityProtocol { Plaintext => "PLAINTEXT", Ssl => "SSL", SaslPlaintext => "SASL_PLAINTEXT", SaslSsl => "SASL_SSL" });
names!(SaslMechanism {
    Plain => "PLAIN",
    ScramSha256 => "SCRAM-SHA-256",
    ScramSha512 => "SCRAM-SHA-512",
    OAuthBearer => "OAUTHBEARER",
    Gssapi => "GSSAPI",
});
