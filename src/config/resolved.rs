//! [`Resolved`]: the parameters that a producer is started with.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use super::{ClientConfig, ConfigError, PartitionerName, redacted, resolution::partitioner, server};
use crate::{
    secret::{Secret, Secrets},
    serialize::SerializerName,
};

/// The parameters that a producer is started with. `Debug` hides the secrets.
pub(crate) struct Resolved {
    /// The librdkafka properties: those that were set, and those whose default differs from librdkafka's.
    pub(crate) native: Vec<(String, Secret)>,
    /// `client.id`, generated as in Java if it was not set.
    pub(crate) client_id: String,
    /// The brokers in librdkafka's notation; empty only with librdkafka's mock cluster.
    pub(crate) bootstrap_servers: String,
    pub(crate) buffer_memory: usize,
    pub(crate) max_block: Duration,
    pub(crate) max_request_size: usize,
    /// `retry.backoff.ms` and `retry.backoff.max.ms`.
    pub(crate) retry_backoff: (Duration, Duration),
    /// `ottla.authentication.timeout.ms`.
    pub(crate) authentication_timeout: Duration,
    /// The number of bytes after which the sticky partitioner switches: `batch.size` if it was set, else Java's 16,384.
    pub(crate) sticky_bytes: usize,
    pub(crate) transactional_id: Option<String>,
    /// `sasl.mechanism`, with a SASL protocol.
    pub(crate) mechanism: Option<String>,
    pub(crate) key_serializer: Option<SerializerName>,
    pub(crate) value_serializer: Option<SerializerName>,
    pub(crate) partitioner: PartitionerName,
    pub(crate) ignore_keys: bool,
    pub(crate) adaptive_partitioning: bool,
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

pub(super) fn resolve(config: &ClientConfig) -> Result<Resolved, ConfigError> {
    let mut resolution = config.resolution();
    resolution.check_files(config);
    let mut number = |name| config.number(name, &mut resolution);
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
    if !resolution.problems.is_empty() {
        return Err(resolution.problems.into_iter().collect());
    }
    let serializer = |name| config.get(name).and_then(|name| name.parse().ok());
    let transactional_id = config.found("transactional.id").map(|found| found.value.to_owned());
    let client_id = match (config.text("client.id"), &transactional_id) {
        ("", None) => format!("producer-{}", next_producer()),
        ("", Some(id)) => format!("producer-{id}"),
        (id, _) => id.to_owned(),
    };
    let mechanism = resolution.becomes("sasl.mechanisms").map(str::to_owned);
    let mut native: Vec<(String, Secret)> = resolution
        .properties
        .into_iter()
        .filter(|property| !property.is_default)
        .map(|property| (property.name, property.value))
        .collect();
    if config.text("client.id").is_empty() {
        native.push(("client.id".to_owned(), client_id.as_str().into()));
    }
    Ok(Resolved {
        native,
        client_id,
        bootstrap_servers: server::addresses(config.text("bootstrap.servers")),
        buffer_memory,
        max_block,
        max_request_size,
        retry_backoff,
        authentication_timeout,
        sticky_bytes: if config.found("batch.size").is_some() { bytes(batch_size.max(1)) } else { 16_384 },
        transactional_id,
        mechanism,
        key_serializer: serializer("key.serializer"),
        value_serializer: serializer("value.serializer"),
        partitioner: partitioner(config),
        ignore_keys: config.text("partitioner.ignore.keys") == "true",
        adaptive_partitioning: config.text("partitioner.adaptive.partitioning.enable") == "true",
        availability_timeout,
        secrets: config.secrets(),
    })
}

impl fmt::Debug for Resolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let native = self.native.iter().map(|(name, value)| (name, redacted(&format!("librdkafka.{name}"), value)));
        f.debug_struct("Resolved")
            .field("native", &native.collect::<Vec<_>>())
            .field("client_id", &self.client_id)
            .field("secrets", &self.secrets.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{exposed, tests::config};
    use super::*;

    #[test]
    fn the_defaults_are_those_of_javas_producer() {
        let resolved = config(&[]).resolve().unwrap();
        let mut native = exposed(&resolved.native);
        native.retain(|(name, _)| !name.starts_with("client."));
        native.sort();
        let wanted = [
            ("connections.max.idle.ms", "540000"),
            ("enable.idempotence", "true"),
            ("max.in.flight.requests.per.connection", "5"),
            ("message.max.bytes", "1049600"),
            ("message.timeout.ms", "120000"),
            ("metadata.broker.list", "localhost:9092"),
            ("partitioner", "murmur2_random"),
            ("queue.buffering.max.kbytes", "2147483647"),
            ("queue.buffering.max.messages", "0"),
            ("reconnect.backoff.max.ms", "1000"),
            ("reconnect.backoff.ms", "50"),
            ("request.required.acks", "-1"),
            ("request.timeout.ms", "30000"),
            ("socket.connection.setup.timeout.ms", "10000"),
            ("socket.timeout.ms", "30000"),
        ];
        assert_eq!(native, wanted.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(resolved.buffer_memory, 33_554_432);
        assert_eq!(resolved.max_request_size, 1_048_576);
        assert_eq!((resolved.max_block.as_millis(), resolved.sticky_bytes), (60_000, 16_384));
        assert_eq!(resolved.authentication_timeout.as_millis(), 3_000);
        assert_eq!((resolved.partitioner, resolved.ignore_keys), (PartitionerName::BuiltIn, false));
        assert_eq!((resolved.adaptive_partitioning, resolved.availability_timeout), (true, Duration::ZERO));
    }

    #[test]
    fn a_client_id_is_generated_as_in_java() {
        let first = config(&[]).resolve().unwrap();
        assert!(first.client_id.strip_prefix("producer-").is_some_and(|number| number.parse::<u64>().is_ok()));
        assert_ne!(config(&[]).resolve().unwrap().client_id, first.client_id);
        assert!(first.native.contains(&("client.id".to_owned(), first.client_id.into())));
        assert_eq!(config(&[("transactional.id", "t")]).resolve().unwrap().client_id, "producer-t");
        assert_eq!(config(&[("client.id", "me")]).resolve().unwrap().client_id, "me");
    }

    #[test]
    fn the_sticky_partitioner_switches_after_batch_size() {
        assert_eq!(config(&[("batch.size", "2000000")]).resolve().unwrap().sticky_bytes, 2_000_000);
        assert_eq!(config(&[("batch.size", "0")]).resolve().unwrap().sticky_bytes, 1);
    }
}
