//! [`ProducerConfig`]: the settings of a producer, and the [`ProducerParameters`] that they become.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use super::{
    Acks, ClientConfig, ClientKind, Compression, ConfigError, Explanation, Origin, PartitionerName, SaslMechanism,
    SecurityProtocol, Warning, client::partitioner, client_methods, explain, exposed, jaas, redacted, serialize, server,
};
use crate::{
    secret::{Secret, Secrets},
    serialize::SerializerName,
};

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
        self.parameters().map(|parameters| exposed(&parameters.properties))
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
    pub(crate) fn parameters(&self) -> Result<ProducerParameters, ConfigError> {
        let config = &self.0;
        let mut conversion = config.convert();
        conversion.check_files(config);
        let is_idempotent = conversion.derived("enable.idempotence") == Some("true");
        let transactional_id = config.found("transactional.id").map(|found| found.value.to_owned());
        let mut number = |name| config.number(name, &mut conversion);
        let milliseconds = |value: i64| Duration::from_millis(u64::try_from(value).unwrap_or_default());
        let bytes = |value: i64| usize::try_from(value).unwrap_or(usize::MAX);
        let buffer_memory = bytes(number("buffer.memory"));
        let max_request_size = bytes(number("max.request.size"));
        let max_block = milliseconds(number("max.block.ms"));
        let pauses = [number("retry.backoff.ms"), number("retry.backoff.max.ms")];
        let [first, longest] = pauses.map(|pause| milliseconds(pause.max(1)));
        let retry_backoff = (first, longest);
        let authentication_timeout = milliseconds(number("ottla.authentication.timeout.ms"));
        let batch_size = number("batch.size");
        let availability_timeout = milliseconds(number("partitioner.availability.timeout.ms"));
        let metadata_max_age = milliseconds(number("metadata.max.age.ms"));
        let transaction_timeout = transactional_id.as_ref().map(|_| milliseconds(number("transaction.timeout.ms")));
        if !conversion.problems.is_empty() {
            return Err(conversion.problems.into_iter().collect());
        }
        let serializer = |name| config.get(name).and_then(|name| name.parse().ok());
        let client_id = match (config.text("client.id"), &transactional_id) {
            ("", None) => format!("producer-{}", next_producer()),
            ("", Some(id)) => format!("producer-{id}"),
            (id, _) => id.to_owned(),
        };
        let mechanism = conversion.becomes("sasl.mechanisms").map(str::to_owned);
        let mut properties = conversion.into_properties();
        if config.text("client.id").is_empty() {
            properties.push(("client.id".to_owned(), client_id.as_str().into()));
        }
        Ok(ProducerParameters {
            properties,
            client_id,
            bootstrap_servers: server::addresses(config.text("bootstrap.servers")),
            linger: config.milliseconds("linger.ms").unwrap_or_default(),
            buffer_memory,
            max_block,
            max_request_size,
            retry_backoff,
            authentication_timeout,
            sticky_bytes: if config.found("batch.size").is_some() { bytes(batch_size.max(1)) } else { 16_384 },
            is_idempotent,
            transaction_timeout,
            mechanism,
            key_serializer: serializer("key.serializer"),
            value_serializer: serializer("value.serializer"),
            partitioner: partitioner(config),
            ignore_keys: config.text("partitioner.ignore.keys") == "true",
            adaptive_partitioning: config.text("partitioner.adaptive.partitioning.enable") == "true",
            rack: (config.text("partitioner.rack.aware") == "true").then(|| config.text("client.rack").to_owned()),
            metadata_max_age,
            availability_timeout,
            secrets: config.secrets(),
        })
    }
}

/// Typed setters. A value out of range is stored as an error, which [`check`](Self::check) and starting the producer return.
impl ProducerConfig {
    /// `acks`. Defaults to [`Acks::All`].
    #[must_use]
    pub fn acks(self, acks: Acks) -> Self {
        Self(self.0.keep("acks", acks.to_string()))
    }

    /// `enable.idempotence`. Defaults to true.
    #[must_use]
    pub fn idempotence(self, on: bool) -> Self {
        Self(self.0.keep("enable.idempotence", on.to_string()))
    }

    /// `retries`, 0 to 2147483647. Defaults to 2147483647.
    #[must_use]
    pub fn retries(self, retries: u32) -> Self {
        Self(self.0.keep("retries", retries.to_string()))
    }

    /// `max.in.flight.requests.per.connection`, 1 to 1000000, at most 5 with idempotence. Defaults to 5.
    #[must_use]
    pub fn max_in_flight(self, requests: u32) -> Self {
        Self(self.0.keep("max.in.flight.requests.per.connection", requests.to_string()))
    }

    /// `linger.ms`: how long a batch waits for more records, 0 to 15 minutes, in whole milliseconds. Defaults to 5 ms.
    #[must_use]
    pub fn linger(self, linger: Duration) -> Self {
        Self(self.0.keep_duration("linger.ms", linger))
    }

    /// `batch.size`: the maximum size of a batch, in bytes. Defaults to 1000000.
    #[must_use]
    pub fn batch_size(self, bytes: usize) -> Self {
        Self(self.0.keep("batch.size", bytes.to_string()))
    }

    /// `compression.type`. Defaults to [`Compression::None`].
    #[must_use]
    pub fn compression(self, compression: Compression) -> Self {
        Self(self.0.keep("compression.type", compression.to_string()))
    }

    /// `delivery.timeout.ms`: the maximum time until a record is reported, in whole milliseconds. Defaults to two minutes.
    #[must_use]
    pub fn delivery_timeout(self, timeout: Duration) -> Self {
        Self(self.0.keep_duration("delivery.timeout.ms", timeout))
    }

    /// `max.block.ms`: how long `send` waits for buffer memory, for a serializer, or for a topic or partition that the brokers do
    /// not report, in whole milliseconds. Defaults to a minute.
    #[must_use]
    pub fn max_block(self, time: Duration) -> Self {
        Self(self.0.keep_duration("max.block.ms", time))
    }

    /// `ottla.authentication.timeout.ms`: how long all brokers may reject a producer that has never been authenticated before its
    /// records fail, in whole milliseconds. Defaults to three seconds.
    #[must_use]
    pub fn authentication_timeout(self, time: Duration) -> Self {
        Self(self.0.keep_duration("ottla.authentication.timeout.ms", time))
    }

    /// `buffer.memory`: the memory for records, in bytes. Defaults to 33554432 (32 MiB).
    #[must_use]
    pub fn buffer_memory(self, bytes: usize) -> Self {
        Self(self.0.keep("buffer.memory", bytes.to_string()))
    }

    /// `max.request.size`: the maximum size of a record, in bytes, up to 1000000000. Defaults to 1048576 (1 MiB).
    #[must_use]
    pub fn max_request_size(self, bytes: usize) -> Self {
        Self(self.0.keep("max.request.size", bytes.to_string()))
    }

    /// `transactional.id`: makes the producer transactional. Not set by default.
    #[must_use]
    pub fn transactional_id(self, id: impl Into<String>) -> Self {
        Self(self.0.keep("transactional.id", id.into()))
    }

    /// `transaction.timeout.ms`: how long a transaction may be open before the coordinator aborts it, at least a second. Defaults
    /// to a minute.
    #[must_use]
    pub fn transaction_timeout(self, timeout: Duration) -> Self {
        Self(self.0.keep_duration("transaction.timeout.ms", timeout))
    }

    /// `partitioner.ignore.keys`: distribute records with a key as if they had none. Defaults to false.
    #[must_use]
    pub fn ignore_keys(self, on: bool) -> Self {
        Self(self.0.keep("partitioner.ignore.keys", on.to_string()))
    }

    /// `partitioner.class`: the partitioner. Defaults to [`PartitionerName::BuiltIn`]. A partitioner of your own is passed to
    /// [`ProducerBuilder::partitioner`](crate::ProducerBuilder::partitioner).
    #[must_use]
    pub fn partitioner(self, partitioner: PartitionerName) -> Self {
        Self(self.0.keep("partitioner.class", partitioner.to_string()))
    }

    /// `partitioner.adaptive.partitioning.enable`: prefer partitions with shorter queues for records without a key (KIP-794).
    /// Defaults to true.
    #[must_use]
    pub fn adaptive_partitioning(self, on: bool) -> Self {
        Self(self.0.keep("partitioner.adaptive.partitioning.enable", on.to_string()))
    }

    /// `partitioner.rack.aware`: prefer partitions whose leader is in [`client_rack`](Self::client_rack) for records without a key
    /// (KIP-1123). Defaults to false.
    #[must_use]
    pub fn rack_aware_partitioning(self, on: bool) -> Self {
        Self(self.0.keep("partitioner.rack.aware", on.to_string()))
    }

    /// `client.rack`: the client's rack, as in the brokers' `broker.rack`. Defaults to empty: none.
    #[must_use]
    pub fn client_rack(self, rack: impl Into<String>) -> Self {
        Self(self.0.keep("client.rack", rack.into()))
    }

    /// `partitioner.availability.timeout.ms`: skip a partition if none of its records in flight was written for this long
    /// (KIP-794), in whole milliseconds. Defaults to zero: never.
    #[must_use]
    pub fn partition_availability_timeout(self, timeout: Duration) -> Self {
        Self(self.0.keep_duration("partitioner.availability.timeout.ms", timeout))
    }
}

/// The parameters that a producer is started with. `Debug` hides the secrets.
pub(crate) struct ProducerParameters {
    /// The librdkafka properties: those that were set, and those whose default differs from librdkafka's.
    pub(crate) properties: Vec<(String, Secret)>,
    /// `client.id`, generated as in Java if it was not set.
    pub(crate) client_id: String,
    /// The brokers in librdkafka's notation; empty only with librdkafka's mock cluster.
    pub(crate) bootstrap_servers: String,
    pub(crate) linger: Duration,
    pub(crate) buffer_memory: usize,
    pub(crate) max_block: Duration,
    pub(crate) max_request_size: usize,
    /// `retry.backoff.ms` and `retry.backoff.max.ms`.
    pub(crate) retry_backoff: (Duration, Duration),
    /// `ottla.authentication.timeout.ms`.
    pub(crate) authentication_timeout: Duration,
    /// The number of bytes after which the sticky partitioner switches: `batch.size` if it was set, else Java's 16,384.
    pub(crate) sticky_bytes: usize,
    pub(crate) is_idempotent: bool,
    /// `transaction.timeout.ms`, with a `transactional.id`.
    pub(crate) transaction_timeout: Option<Duration>,
    /// `sasl.mechanism`, with a SASL protocol.
    pub(crate) mechanism: Option<String>,
    pub(crate) key_serializer: Option<SerializerName>,
    pub(crate) value_serializer: Option<SerializerName>,
    pub(crate) partitioner: PartitionerName,
    pub(crate) ignore_keys: bool,
    pub(crate) adaptive_partitioning: bool,
    /// `client.rack`, with `partitioner.rack.aware`.
    pub(crate) rack: Option<String>,
    pub(crate) metadata_max_age: Duration,
    /// Zero means never.
    pub(crate) availability_timeout: Duration,
    /// The secrets to remove from librdkafka's messages.
    pub(crate) secrets: Secrets,
}

/// The next number for a generated `client.id`, counted per process as in Java.
fn next_producer() -> u64 {
    static PRODUCERS: AtomicU64 = AtomicU64::new(1);
    PRODUCERS.fetch_add(1, Ordering::Relaxed)
}

impl fmt::Debug for ProducerParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let properties = self.properties.iter().map(|(name, value)| (name, redacted(&format!("librdkafka.{name}"), value)));
        f.debug_struct("ProducerParameters")
            .field("properties", &properties.collect::<Vec<_>>())
            .field("client_id", &self.client_id)
            .field("secrets", &self.secrets.len())
            .finish_non_exhaustive()
    }
}
