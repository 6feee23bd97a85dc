//! Typed setters, and the enums that they take. Each writes the same field as [`ProducerConfig::set`] of its name.

use std::{fmt, time::Duration};

use super::{Origin, PartitionerName, Problem, ProducerConfig};

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

/// Typed setters. A value that is out of range is kept as a problem for [`check`](Self::check) and for the producer's start.
impl ProducerConfig {
    /// `bootstrap.servers`: the brokers to ask first, as `host:port`. Required.
    #[must_use]
    pub fn bootstrap_servers<S: AsRef<str>>(self, servers: impl IntoIterator<Item = S>) -> Self {
        let servers: Vec<String> = servers.into_iter().map(|server| server.as_ref().to_owned()).collect();
        self.keep("bootstrap.servers", servers.join(","))
    }

    /// `client.id`: the name under which brokers log this client. Made up as in Java by default.
    #[must_use]
    pub fn client_id(self, id: impl Into<String>) -> Self {
        self.keep("client.id", id.into())
    }

    /// `acks`. Defaults to [`Acks::All`].
    #[must_use]
    pub fn acks(self, acks: Acks) -> Self {
        self.keep("acks", acks.to_string())
    }

    /// `enable.idempotence`. Defaults to true.
    #[must_use]
    pub fn idempotence(self, on: bool) -> Self {
        self.keep("enable.idempotence", on.to_string())
    }

    /// `retries`, 0 to 2147483647. Defaults to 2147483647.
    #[must_use]
    pub fn retries(self, retries: u32) -> Self {
        self.keep("retries", retries.to_string())
    }

    /// `max.in.flight.requests.per.connection`, 1 to 1000000, at most 5 with idempotence. Defaults to 5.
    #[must_use]
    pub fn max_in_flight(self, requests: u32) -> Self {
        self.keep("max.in.flight.requests.per.connection", requests.to_string())
    }

    /// `linger.ms`: how long a batch waits for more records, 0 to 15 minutes, in whole milliseconds. Defaults to 5 ms.
    #[must_use]
    pub fn linger(self, linger: Duration) -> Self {
        self.keep_duration("linger.ms", linger)
    }

    /// `batch.size`: the greatest batch, in bytes. Defaults to 1000000.
    #[must_use]
    pub fn batch_size(self, bytes: usize) -> Self {
        self.keep("batch.size", bytes.to_string())
    }

    /// `compression.type`. Defaults to [`Compression::None`].
    #[must_use]
    pub fn compression(self, compression: Compression) -> Self {
        self.keep("compression.type", compression.to_string())
    }

    /// `delivery.timeout.ms`: how long a record may take to be reported, in whole milliseconds. Defaults to two minutes.
    #[must_use]
    pub fn delivery_timeout(self, timeout: Duration) -> Self {
        self.keep_duration("delivery.timeout.ms", timeout)
    }

    /// `request.timeout.ms`: how long a broker may take to answer, 10 ms to 5 minutes. Defaults to 30 seconds.
    #[must_use]
    pub fn request_timeout(self, timeout: Duration) -> Self {
        self.keep_duration("request.timeout.ms", timeout)
    }

    /// `max.block.ms`: how long sending waits for room and metadata, in whole milliseconds. Defaults to a minute.
    #[must_use]
    pub fn max_block(self, time: Duration) -> Self {
        self.keep_duration("max.block.ms", time)
    }

    /// `buffer.memory`: the memory that records may take, in bytes. Defaults to 33554432 (32 MiB).
    #[must_use]
    pub fn buffer_memory(self, bytes: usize) -> Self {
        self.keep("buffer.memory", bytes.to_string())
    }

    /// `max.request.size`: the greatest record, in bytes, up to 1000000000. Defaults to 1048576 (1 MiB).
    #[must_use]
    pub fn max_request_size(self, bytes: usize) -> Self {
        self.keep("max.request.size", bytes.to_string())
    }

    /// `transactional.id`: makes the producer transactional. Not set by default.
    #[must_use]
    pub fn transactional_id(self, id: impl Into<String>) -> Self {
        self.keep("transactional.id", id.into())
    }

    /// `transaction.timeout.ms`: after how long an idle transaction is aborted, at least a second. Defaults to a minute.
    #[must_use]
    pub fn transaction_timeout(self, timeout: Duration) -> Self {
        self.keep_duration("transaction.timeout.ms", timeout)
    }

    /// `retry.backoff.ms`: the first wait before a request is sent again. Defaults to 100 ms.
    #[must_use]
    pub fn retry_backoff(self, wait: Duration) -> Self {
        self.keep_duration("retry.backoff.ms", wait)
    }

    /// `partitioner.ignore.keys`: spread records with a key as if they had none. Defaults to false.
    #[must_use]
    pub fn ignore_keys(self, on: bool) -> Self {
        self.keep("partitioner.ignore.keys", on.to_string())
    }

    /// `partitioner.class`: how records are spread over partitions. Defaults to [`PartitionerName::BuiltIn`]. One of your own is given to
    /// [`ProducerBuilder::partitioner`](crate::ProducerBuilder::partitioner).
    #[must_use]
    pub fn partitioner(self, partitioner: PartitionerName) -> Self {
        self.keep("partitioner.class", partitioner.to_string())
    }

    /// `partitioner.adaptive.partitioning.enable`: prefer partitions with short queues for records without a key (KIP-794). Defaults to
    /// true.
    #[must_use]
    pub fn adaptive_partitioning(self, on: bool) -> Self {
        self.keep("partitioner.adaptive.partitioning.enable", on.to_string())
    }

    /// `partitioner.availability.timeout.ms`: leave a partition out when nothing that is under way to it was written for so long
    /// (KIP-794), in whole milliseconds. Defaults to zero: never.
    #[must_use]
    pub fn partition_availability_timeout(self, timeout: Duration) -> Self {
        self.keep_duration("partitioner.availability.timeout.ms", timeout)
    }

    /// `security.protocol`. Defaults to [`SecurityProtocol::Plaintext`].
    #[must_use]
    pub fn security_protocol(self, protocol: SecurityProtocol) -> Self {
        self.keep("security.protocol", protocol.to_string())
    }

    /// `sasl.mechanism`. Must be set with a protocol that logs in.
    #[must_use]
    pub fn sasl_mechanism(self, mechanism: SaslMechanism) -> Self {
        self.keep("sasl.mechanism", mechanism.to_string())
    }

    /// `sasl.mechanism` and `sasl.jaas.config` for [`SaslMechanism::Plain`] and SCRAM, with any characters in name and password.
    #[must_use]
    pub fn sasl_login(self, mechanism: SaslMechanism, name: &str, password: &str) -> Self {
        let class = match mechanism {
            SaslMechanism::Plain => "org.apache.kafka.common.security.plain.PlainLoginModule",
            _ => "org.apache.kafka.common.security.scram.ScramLoginModule",
        };
        let jaas = format!("{class} required username=\"{}\" password=\"{}\";", quoted(name), quoted(password));
        self.sasl_mechanism(mechanism).keep("sasl.jaas.config", jaas)
    }

    fn keep_duration(self, name: &'static str, duration: Duration) -> Self {
        if duration.subsec_nanos() % 1_000_000 != 0 {
            let mut config = self;
            config.defer(name, format!("{duration:?} is not a whole number of milliseconds"));
            return config;
        }
        self.keep(name, duration.as_millis().to_string())
    }

    fn keep(mut self, name: &'static str, value: String) -> Self {
        if let Err(problem) = self.put(name, &value, None, Origin::Code) {
            self.defer(name, problem.message().to_owned());
        }
        self
    }

    /// Keeps a problem; what was set before is gone, so that it does not look as if it counted.
    fn defer(&mut self, name: &'static str, message: String) {
        self.entries.remove(name);
        self.deferred.retain(|problem| problem.setting() != Some(name));
        self.deferred.push(Problem::new(Some(&Origin::Code), Some(name), message));
    }
}

/// A text as it stands between the quotes of a JAAS value.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            c => quoted.push(c),
        }
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_setters_write_the_same_field_as_the_string_ones() {
        let typed = ProducerConfig::new()
            .bootstrap_servers(["a:1", "b:2"])
            .client_id("me")
            .acks(Acks::All)
            .idempotence(true)
            .retries(7)
            .max_in_flight(3)
            .linger(Duration::from_millis(20))
            .batch_size(1000)
            .compression(Compression::Zstd)
            .delivery_timeout(Duration::from_secs(50))
            .request_timeout(Duration::from_secs(2))
            .max_block(Duration::from_secs(3))
            .buffer_memory(4000)
            .max_request_size(5000)
            .transactional_id("t")
            .transaction_timeout(Duration::from_secs(60))
            .retry_backoff(Duration::ZERO)
            .ignore_keys(true)
            .partitioner(PartitionerName::UniformSticky)
            .adaptive_partitioning(false)
            .partition_availability_timeout(Duration::from_secs(4))
            .security_protocol(SecurityProtocol::SaslSsl);
        for (name, wanted) in [
            ("bootstrap.servers", "a:1,b:2"),
            ("client.id", "me"),
            ("acks", "all"),
            ("enable.idempotence", "true"),
            ("retries", "7"),
            ("max.in.flight.requests.per.connection", "3"),
            ("linger.ms", "20"),
            ("batch.size", "1000"),
            ("compression.type", "zstd"),
            ("delivery.timeout.ms", "50000"),
            ("request.timeout.ms", "2000"),
            ("max.block.ms", "3000"),
            ("buffer.memory", "4000"),
            ("max.request.size", "5000"),
            ("transactional.id", "t"),
            ("transaction.timeout.ms", "60000"),
            ("retry.backoff.ms", "0"),
            ("partitioner.ignore.keys", "true"),
            ("partitioner.class", "UniformStickyPartitioner"),
            ("partitioner.adaptive.partitioning.enable", "false"),
            ("partitioner.availability.timeout.ms", "4000"),
            ("security.protocol", "SASL_SSL"),
        ] {
            assert_eq!(typed.get(name), Some(wanted), "{name}");
        }
        assert_eq!(typed.set("linger.ms", "3").unwrap().get("linger.ms"), Some("3"));
    }

    #[test]
    fn what_is_out_of_range_is_told_with_the_rest() {
        let config = ProducerConfig::new()
            .linger(Duration::from_micros(500))
            .delivery_timeout(Duration::from_secs(u64::MAX / 1_000_000))
            .max_in_flight(0)
            .transactional_id("");
        let error = config.clone().check().unwrap_err().to_string();
        for wanted in [
            "linger.ms: 500µs is not a whole number of milliseconds",
            "delivery.timeout.ms: \"18446744073709000\" is out of range; give 1 or more milliseconds",
            "max.in.flight.requests.per.connection: \"0\" is out of range",
            "transactional.id: \"\" is empty",
            "bootstrap.servers: is not set",
        ] {
            assert!(error.contains(wanted), "{wanted}\n{error}");
        }
        let mended = config.linger(Duration::from_millis(1)).max_in_flight(1).set("delivery.timeout.ms", "90000").unwrap();
        let error = mended.merge(ProducerConfig::new().transactional_id("t").bootstrap_servers(["a:1"])).check().unwrap_err();
        assert_eq!(error.to_string(), "delivery.timeout.ms: must be at most transaction.timeout.ms, which is 60000");
    }

    #[test]
    fn any_name_and_password_can_log_in() {
        let (name, password) = ("al\"ice", "hunter\\2\n; \"'");
        let config = ProducerConfig::new().sasl_login(SaslMechanism::ScramSha512, name, password);
        let jaas = super::super::jaas::Jaas::parse(config.get("sasl.jaas.config").unwrap()).unwrap();
        assert_eq!((jaas.get("username"), jaas.get("password")), (Some(name), Some(password)));
        assert_eq!(config.get("sasl.mechanism"), Some("SCRAM-SHA-512"));
    }
}
