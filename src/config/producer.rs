//! [`ProducerConfig`]: the settings of a producer.

use std::{fmt, time::Duration};

use super::{
    Acks, ClientConfig, ClientKind, Compression, ConfigError, Explanation, Origin, PartitionerName, Resolved, SaslMechanism,
    SecurityProtocol, Warning, client_methods, explain, exposed, jaas, resolved, serialize,
};
use crate::serialize::SerializerName;

/// The settings of a producer, by Java's names.
///
/// A later call overrides an earlier one, so apply sources in increasing precedence: file, environment, program.
/// [`set`](Self::set) and the sources report invalid names, types and ranges at once. Typed setters cannot fail;
/// [`check`](Self::check) and starting the producer return their errors, and also check the rules between settings.
///
/// `Debug` and serde's `Serialize` print [`HIDDEN`](super::HIDDEN) in place of secrets.
///
/// ```
/// use std::time::Duration;
/// use ottla::config::{Acks, Format, ProducerConfig};
///
/// let config = ProducerConfig::from_str("[producer]\nbootstrap.servers = \"localhost:9092\"", Format::Toml)?
///     .set("compression.type", "zstd")?
///     .acks(Acks::All)
///     .linger(Duration::from_millis(20));
/// assert_eq!(config.get("linger.ms"), Some("20"));
/// config.check()?;
///
/// let error = config.set("liger.ms", "5").unwrap_err();
/// assert_eq!(error.to_string(), "liger.ms: unknown setting; did you mean linger.ms?");
/// # Ok::<(), ottla::config::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct ProducerConfig(pub(super) ClientConfig);

client_methods!(ProducerConfig, ClientKind::Producer, "producer");

impl ProducerConfig {
    /// The serializer that `key.serializer` names.
    pub fn key_serializer_name(&self) -> Option<SerializerName> {
        self.get("key.serializer").and_then(|name| name.parse().ok())
    }

    /// The serializer that `value.serializer` names.
    pub fn value_serializer_name(&self) -> Option<SerializerName> {
        self.get("value.serializer").and_then(|name| name.parse().ok())
    }

    /// The librdkafka properties of these settings, for another kind of client with the same connection, such as a consumer.
    /// **Secrets are in plain text**, and properties of producers are included.
    ///
    /// # Errors
    /// As for [`check`](Self::check).
    pub fn native_properties(&self) -> Result<Vec<(String, String)>, ConfigError> {
        self.resolve().map(|resolved| exposed(&resolved.native))
    }

    /// The user name and password in `sasl.jaas.config`, for a service that accepts the same credentials as the brokers; `None` if there are
    /// none. The password is in plain text.
    pub fn sasl_credentials(&self) -> Option<(String, String)> {
        let jaas = jaas::Jaas::parse(self.get("sasl.jaas.config")?).ok()?;
        Some((jaas.get("username")?.to_owned(), jaas.get("password")?.to_owned()))
    }

    /// Notes that the program supplies tokens.
    pub(crate) fn expect_tokens(&mut self) {
        self.0.has_token_provider = true;
    }

    /// Converts the settings to librdkafka properties and the producer's own parameters.
    ///
    /// Generates a new `client.id` on each call if none is set.
    pub(crate) fn resolve(&self) -> Result<Resolved, ConfigError> {
        resolved::resolve(&self.0)
    }
}

/// Typed setters. A value out of range is stored as an error, which [`check`](Self::check) and starting the producer return.
impl ProducerConfig {
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

    /// `batch.size`: the maximum size of a batch, in bytes. Defaults to 1000000.
    #[must_use]
    pub fn batch_size(self, bytes: usize) -> Self {
        self.keep("batch.size", bytes.to_string())
    }

    /// `compression.type`. Defaults to [`Compression::None`].
    #[must_use]
    pub fn compression(self, compression: Compression) -> Self {
        self.keep("compression.type", compression.to_string())
    }

    /// `delivery.timeout.ms`: the maximum time until a record is reported, in whole milliseconds. Defaults to two minutes.
    #[must_use]
    pub fn delivery_timeout(self, timeout: Duration) -> Self {
        self.keep_duration("delivery.timeout.ms", timeout)
    }

    /// `max.block.ms`: how long `send` waits for buffer memory, for a serializer, or for a topic or partition that the brokers do
    /// not report, in whole milliseconds. Defaults to a minute.
    #[must_use]
    pub fn max_block(self, time: Duration) -> Self {
        self.keep_duration("max.block.ms", time)
    }

    /// `ottla.authentication.timeout.ms`: how long all brokers may reject a producer that has never been authenticated before its
    /// records fail, in whole milliseconds. Defaults to three seconds.
    #[must_use]
    pub fn authentication_timeout(self, time: Duration) -> Self {
        self.keep_duration("ottla.authentication.timeout.ms", time)
    }

    /// `buffer.memory`: the memory for records, in bytes. Defaults to 33554432 (32 MiB).
    #[must_use]
    pub fn buffer_memory(self, bytes: usize) -> Self {
        self.keep("buffer.memory", bytes.to_string())
    }

    /// `max.request.size`: the maximum size of a record, in bytes, up to 1000000000. Defaults to 1048576 (1 MiB).
    #[must_use]
    pub fn max_request_size(self, bytes: usize) -> Self {
        self.keep("max.request.size", bytes.to_string())
    }

    /// `transactional.id`: makes the producer transactional. Not set by default.
    #[must_use]
    pub fn transactional_id(self, id: impl Into<String>) -> Self {
        self.keep("transactional.id", id.into())
    }

    /// `transaction.timeout.ms`: how long a transaction may be open before the coordinator aborts it, at least a second. Defaults
    /// to a minute.
    #[must_use]
    pub fn transaction_timeout(self, timeout: Duration) -> Self {
        self.keep_duration("transaction.timeout.ms", timeout)
    }

    /// `partitioner.ignore.keys`: distribute records with a key as if they had none. Defaults to false.
    #[must_use]
    pub fn ignore_keys(self, on: bool) -> Self {
        self.keep("partitioner.ignore.keys", on.to_string())
    }

    /// `partitioner.class`: the partitioner. Defaults to [`PartitionerName::BuiltIn`]. A partitioner of your own is passed to
    /// [`ProducerBuilder::partitioner`](crate::ProducerBuilder::partitioner).
    #[must_use]
    pub fn partitioner(self, partitioner: PartitionerName) -> Self {
        self.keep("partitioner.class", partitioner.to_string())
    }

    /// `partitioner.adaptive.partitioning.enable`: prefer partitions with shorter queues for records without a key (KIP-794).
    /// Defaults to true.
    #[must_use]
    pub fn adaptive_partitioning(self, on: bool) -> Self {
        self.keep("partitioner.adaptive.partitioning.enable", on.to_string())
    }

    /// `partitioner.availability.timeout.ms`: skip a partition if none of its records in flight was written for this long
    /// (KIP-794), in whole milliseconds. Defaults to zero: never.
    #[must_use]
    pub fn partition_availability_timeout(self, timeout: Duration) -> Self {
        self.keep_duration("partitioner.availability.timeout.ms", timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_setters_set_the_same_names_as_set() {
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
    fn values_out_of_range_are_reported_by_check() {
        let config = ProducerConfig::new()
            .linger(Duration::from_micros(500))
            .delivery_timeout(Duration::from_secs(u64::MAX / 1_000_000))
            .max_in_flight(0)
            .transactional_id("");
        let error = config.clone().check().unwrap_err().to_string();
        for wanted in [
            "linger.ms: 500µs is not a whole number of milliseconds",
            "delivery.timeout.ms: \"18446744073709000\" is out of range; must be 1 or more milliseconds",
            "max.in.flight.requests.per.connection: \"0\" is out of range",
            "transactional.id: \"\" is empty",
            "bootstrap.servers: is not set",
        ] {
            assert!(error.contains(wanted), "{wanted}\n{error}");
        }
        let fixed = config.linger(Duration::from_millis(1)).max_in_flight(1).set("delivery.timeout.ms", "90000").unwrap();
        let error = fixed.merge(ProducerConfig::new().transactional_id("t").bootstrap_servers(["a:1"])).check().unwrap_err();
        assert_eq!(error.to_string(), "delivery.timeout.ms: must be at most transaction.timeout.ms (60000)");
    }

    #[test]
    fn any_name_and_password_are_quoted_correctly() {
        let (name, password) = ("al\"ice", "hunter\\2\n; \"'");
        let config = ProducerConfig::new().sasl_login(SaslMechanism::ScramSha512, name, password);
        let jaas = super::super::jaas::Jaas::parse(config.get("sasl.jaas.config").unwrap()).unwrap();
        assert_eq!((jaas.get("username"), jaas.get("password")), (Some(name), Some(password)));
        assert_eq!(config.get("sasl.mechanism"), Some("SCRAM-SHA-512"));
    }
}
