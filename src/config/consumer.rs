//! [`ConsumerConfig`]: the settings of a consumer.

use std::{fmt, time::Duration};

use super::{
    AutoOffsetReset, ClientConfig, ClientKind, ConfigError, Explanation, GroupProtocol, IsolationLevel, Origin, ProducerConfig,
    SaslMechanism, SecurityProtocol, Warning, client_methods, deserializer_name, explain, exposed, jaas, serialize,
};
use crate::serialize::SerializerName;

/// The settings of a consumer, by Java's names.
///
/// As with [`ProducerConfig`], a later call overrides an earlier one. [`set`](Self::set) and the sources report invalid names,
/// types and ranges at once; [`check`](Self::check) also checks the rules between settings.
///
/// `Debug` and serde's `Serialize` print [`HIDDEN`](super::HIDDEN) in place of secrets.
///
/// ```
/// use ottla::config::{AutoOffsetReset, ConsumerConfig, Format};
///
/// let config = ConsumerConfig::from_str("[consumer]\nbootstrap.servers = \"localhost:9092\"", Format::Toml)?
///     .set("isolation.level", "read_committed")?
///     .group_id("billing")
///     .auto_offset_reset(AutoOffsetReset::Earliest);
/// assert_eq!(config.get("auto.offset.reset"), Some("earliest"));
/// config.check()?;
///
/// let error = config.set("grup.id", "billing").unwrap_err();
/// assert_eq!(error.to_string(), "grup.id: unknown setting; did you mean group.id?");
/// # Ok::<(), ottla::config::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct ConsumerConfig(pub(super) ClientConfig);

client_methods!(ConsumerConfig, ClientKind::Consumer, "consumer");

impl ConsumerConfig {
    /// Copies those settings of a producer that a consumer has too: brokers, security, connections, timeouts, and the
    /// `client.id`.
    ///
    /// ```
    /// use ottla::config::{ConsumerConfig, ProducerConfig};
    ///
    /// let producer = ProducerConfig::from_pairs([("bootstrap.servers", "localhost:9092"), ("linger.ms", "20")])?;
    /// let consumer = ConsumerConfig::from_producer(&producer).group_id("billing");
    /// assert_eq!((consumer.get("bootstrap.servers"), consumer.get("linger.ms")), (Some("localhost:9092"), None));
    /// # Ok::<(), ottla::config::ConfigError>(())
    /// ```
    pub fn from_producer(producer: &ProducerConfig) -> Self {
        let mut config = Self::new();
        let knows = |name: &str| config.0.recognise(name).1.is_none();
        let deferred = producer.0.deferred.iter().filter(|problem| problem.setting().is_some_and(knows)).cloned().collect();
        let entries = producer.0.entries.iter().filter(|(name, _)| knows(name));
        config.0.entries = entries.map(|(name, entry)| (name.clone(), entry.clone())).collect();
        config.0.deferred = deferred;
        config
    }

    /// The format that `key.deserializer` reads, as the name of the matching serializer.
    pub fn key_deserializer_name(&self) -> Option<SerializerName> {
        self.get("key.deserializer").and_then(|name| deserializer_name::parse(name).ok())
    }

    /// The format that `value.deserializer` reads, as the name of the matching serializer.
    pub fn value_deserializer_name(&self) -> Option<SerializerName> {
        self.get("value.deserializer").and_then(|name| deserializer_name::parse(name).ok())
    }

    /// The librdkafka properties of these settings, for a consumer on librdkafka other than ottla's. **Secrets are in plain
    /// text.**
    ///
    /// # Errors
    /// As for [`check`](Self::check).
    pub fn native_properties(&self) -> Result<Vec<(String, String)>, ConfigError> {
        self.parameters().map(|parameters| exposed(&parameters.properties))
    }
}

/// Typed setters. A value out of range is stored as an error, which [`check`](Self::check) and starting the consumer return.
impl ConsumerConfig {
    /// `group.id`: the group that shares partitions and stores committed offsets. Not set by default.
    #[must_use]
    pub fn group_id(self, id: impl Into<String>) -> Self {
        Self(self.0.keep("group.id", id.into()))
    }

    /// `group.instance.id`: the name of a static member (KIP-345). Not set by default.
    #[must_use]
    pub fn group_instance_id(self, id: impl Into<String>) -> Self {
        Self(self.0.keep("group.instance.id", id.into()))
    }

    /// `group.protocol`. Defaults to [`GroupProtocol::Classic`].
    #[must_use]
    pub fn group_protocol(self, protocol: GroupProtocol) -> Self {
        Self(self.0.keep("group.protocol", protocol.to_string()))
    }

    /// `auto.offset.reset`. Defaults to [`AutoOffsetReset::Latest`].
    #[must_use]
    pub fn auto_offset_reset(self, reset: AutoOffsetReset) -> Self {
        Self(self.0.keep("auto.offset.reset", reset.to_string()))
    }

    /// `enable.auto.commit`: commit the offsets of processed records periodically. Defaults to true; without a group to false.
    #[must_use]
    pub fn auto_commit(self, on: bool) -> Self {
        Self(self.0.keep("enable.auto.commit", on.to_string()))
    }

    /// `auto.commit.interval.ms`: the interval between commits, up to a day, in whole milliseconds. Defaults to 5 seconds.
    #[must_use]
    pub fn auto_commit_interval(self, interval: Duration) -> Self {
        Self(self.0.keep_duration("auto.commit.interval.ms", interval))
    }

    /// `isolation.level`. Defaults to [`IsolationLevel::ReadUncommitted`], as in Java and unlike librdkafka.
    #[must_use]
    pub fn isolation_level(self, level: IsolationLevel) -> Self {
        Self(self.0.keep("isolation.level", level.to_string()))
    }

    /// `max.poll.records`: the maximum number of records per poll, at least 1. Defaults to 500.
    #[must_use]
    pub fn max_poll_records(self, records: usize) -> Self {
        Self(self.0.keep("max.poll.records", records.to_string()))
    }

    /// `max.poll.interval.ms`: the maximum time between two polls, up to a day. Defaults to five minutes.
    #[must_use]
    pub fn max_poll_interval(self, interval: Duration) -> Self {
        Self(self.0.keep_duration("max.poll.interval.ms", interval))
    }

    /// `session.timeout.ms`: how long after its last heartbeat a member is considered dead, up to an hour. Defaults to 45
    /// seconds.
    #[must_use]
    pub fn session_timeout(self, timeout: Duration) -> Self {
        Self(self.0.keep_duration("session.timeout.ms", timeout))
    }

    /// `heartbeat.interval.ms`: the interval between heartbeats, less than the session timeout. Defaults to 3 seconds.
    #[must_use]
    pub fn heartbeat_interval(self, interval: Duration) -> Self {
        Self(self.0.keep_duration("heartbeat.interval.ms", interval))
    }

    /// `fetch.min.bytes`: the minimum amount of data in a fetch response, up to 100000000 bytes. Defaults to 1.
    #[must_use]
    pub fn fetch_min_bytes(self, bytes: usize) -> Self {
        Self(self.0.keep("fetch.min.bytes", bytes.to_string()))
    }

    /// `fetch.max.wait.ms`: how long a broker waits for `fetch.min.bytes`, up to five minutes. Defaults to 500 ms.
    #[must_use]
    pub fn fetch_max_wait(self, wait: Duration) -> Self {
        Self(self.0.keep_duration("fetch.max.wait.ms", wait))
    }

    /// `fetch.max.bytes`: the approximate maximum size of a fetch response. Defaults to 52428800 (50 MiB).
    #[must_use]
    pub fn fetch_max_bytes(self, bytes: usize) -> Self {
        Self(self.0.keep("fetch.max.bytes", bytes.to_string()))
    }

    /// `max.partition.fetch.bytes`: the approximate maximum per partition in a response, up to 1000000000. Defaults to 1048576 (1
    /// MiB).
    #[must_use]
    pub fn max_partition_fetch_bytes(self, bytes: usize) -> Self {
        Self(self.0.keep("max.partition.fetch.bytes", bytes.to_string()))
    }

    /// `client.rack`: the client's rack, so that it fetches from the nearest replica (KIP-392). Defaults to empty: fetch from the
    /// leader.
    #[must_use]
    pub fn client_rack(self, rack: impl Into<String>) -> Self {
        Self(self.0.keep("client.rack", rack.into()))
    }

    /// `default.api.timeout.ms`: the timeout of calls without a timeout argument. Defaults to a minute.
    #[must_use]
    pub fn default_api_timeout(self, timeout: Duration) -> Self {
        Self(self.0.keep_duration("default.api.timeout.ms", timeout))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_setters_set_the_same_names_as_set() {
        let typed = ConsumerConfig::new()
            .bootstrap_servers(["a:1", "b:2"])
            .client_id("me")
            .request_timeout(Duration::from_secs(2))
            .group_id("g")
            .group_instance_id("m")
            .group_protocol(GroupProtocol::Classic)
            .auto_offset_reset(AutoOffsetReset::None)
            .auto_commit(true)
            .auto_commit_interval(Duration::from_secs(1))
            .isolation_level(IsolationLevel::ReadCommitted)
            .max_poll_records(7)
            .max_poll_interval(Duration::from_secs(60))
            .session_timeout(Duration::from_secs(10))
            .heartbeat_interval(Duration::from_secs(3))
            .fetch_min_bytes(5)
            .fetch_max_wait(Duration::from_millis(50))
            .fetch_max_bytes(3_000_000)
            .max_partition_fetch_bytes(2_000_000)
            .client_rack("here")
            .default_api_timeout(Duration::from_secs(9));
        for (name, wanted) in [
            ("bootstrap.servers", "a:1,b:2"),
            ("client.id", "me"),
            ("request.timeout.ms", "2000"),
            ("group.id", "g"),
            ("group.instance.id", "m"),
            ("group.protocol", "CLASSIC"),
            ("auto.offset.reset", "none"),
            ("enable.auto.commit", "true"),
            ("auto.commit.interval.ms", "1000"),
            ("isolation.level", "read_committed"),
            ("max.poll.records", "7"),
            ("max.poll.interval.ms", "60000"),
            ("session.timeout.ms", "10000"),
            ("heartbeat.interval.ms", "3000"),
            ("fetch.min.bytes", "5"),
            ("fetch.max.wait.ms", "50"),
            ("fetch.max.bytes", "3000000"),
            ("max.partition.fetch.bytes", "2000000"),
            ("client.rack", "here"),
            ("default.api.timeout.ms", "9000"),
        ] {
            assert_eq!(typed.get(name), Some(wanted), "{name}");
        }
        typed.check().unwrap();
        let error = typed.max_poll_records(0).group_id("").check().unwrap_err().to_string();
        assert!(
            error.contains("max.poll.records: \"0\" is out of range") && error.contains("group.id: \"\" is empty"),
            "{error}"
        );
    }

    #[test]
    fn from_producer_copies_connection_settings() {
        let producer = ProducerConfig::from_pairs([
            ("bootstrap.servers", "a:1"),
            ("security.protocol", "SSL"),
            ("ssl.key.password", "hunter2"),
            ("linger.ms", "5"),
            ("transactional.id", "t"),
            ("librdkafka.socket.nagle.disable", "false"),
            ("librdkafka.batch.num.messages", "7"),
        ]);
        let consumer = ConsumerConfig::from_producer(&producer.unwrap().request_timeout(Duration::ZERO).retries(u32::MAX));
        let names: Vec<&str> = consumer.0.entries.keys().map(String::as_str).collect();
        assert_eq!(names, ["bootstrap.servers", "librdkafka.socket.nagle.disable", "security.protocol", "ssl.key.password"]);
        let error = consumer.check().unwrap_err().to_string();
        assert!(error.starts_with("request.timeout.ms: \"0\" is out of range") && !error.contains("retries"), "{error}");
    }

    #[test]
    fn settings_of_the_other_kind_are_named_as_such() {
        for name in ["linger.ms", "acks", "librdkafka.queue.buffering.max.ms", "key.serializer"] {
            let error = ConsumerConfig::new().set(name, "1").unwrap_err().to_string();
            assert!(error.ends_with("is a producer setting and does not apply to a consumer"), "{error}");
        }
        for (name, wanted) in [
            ("fetch.wait.max.ms", "is a librdkafka property; use fetch.max.wait.ms, or librdkafka.fetch.wait.max.ms"),
            ("consumer.auto.ofset.reset", "did you mean auto.offset.reset?"),
            ("zookeeper.connect", "is not a setting of the Java consumer 4.4: removed in Kafka 0.9.0; use bootstrap.servers"),
            ("enable.auto.offset.store", "the consumer stores offsets itself"),
            ("topic", "put the consumer's settings in a table named consumer"),
        ] {
            let error = ConsumerConfig::new().set(name, "1").unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
        }
        let error = ProducerConfig::new().set("max.poll.records", "1").unwrap_err().to_string();
        assert_eq!(error, "max.poll.records: is a consumer setting and does not apply to a producer");
    }
}
