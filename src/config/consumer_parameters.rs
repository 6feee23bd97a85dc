//! [`ConsumerParameters`]: the parameters that a consumer is started with.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use super::{ConfigError, ConsumerConfig, deserializer_name, redacted, server};
use crate::{
    secret::{Secret, Secrets},
    serialize::SerializerName,
};

/// The parameters that a consumer is started with. `Debug` hides the secrets.
pub(crate) struct ConsumerParameters {
    /// The librdkafka properties: those that were set, and those whose default differs from librdkafka's.
    pub(crate) properties: Vec<(String, Secret)>,
    /// `client.id`, generated as in Java if it was not set.
    pub(crate) client_id: String,
    /// The brokers in librdkafka's notation; empty only with librdkafka's mock cluster.
    pub(crate) bootstrap_servers: String,
    /// If `None`, librdkafka gets the client id instead, because it requires a group.id.
    pub(crate) group_id: Option<String>,
    pub(crate) enable_auto_commit: bool,
    pub(crate) max_poll_records: usize,
    pub(crate) default_api_timeout: Duration,
    pub(crate) key_deserializer: Option<SerializerName>,
    pub(crate) value_deserializer: Option<SerializerName>,
    /// The secrets to remove from librdkafka's messages.
    pub(crate) secrets: Secrets,
}

/// The next number for a generated `client.id`, counted per process as in Java.
fn next_consumer() -> u64 {
    static CONSUMERS: AtomicU64 = AtomicU64::new(1);
    CONSUMERS.fetch_add(1, Ordering::Relaxed)
}

impl ConsumerConfig {
    /// Converts the settings to librdkafka properties and the consumer's own parameters.
    ///
    /// Generates a new `client.id` on each call if none is set.
    pub(crate) fn parameters(&self) -> Result<ConsumerParameters, ConfigError> {
        let config = &self.0;
        let mut conversion = config.convert();
        conversion.check_files(config);
        let max_poll_records = config.number("max.poll.records", &mut conversion);
        let default_api_timeout = config.number("default.api.timeout.ms", &mut conversion);
        let enable_auto_commit = conversion.derived("enable.auto.commit") == Some("true");
        if !conversion.problems.is_empty() {
            return Err(conversion.problems.into_iter().collect());
        }
        let set = |name| config.found(name).map(|found| found.value.to_owned());
        let deserializer = |name| config.get(name).and_then(|name| deserializer_name::parse(name).ok());
        let group_id = set("group.id");
        let client_id = match config.text("client.id") {
            "" => {
                let group = group_id.as_deref().unwrap_or("null");
                let member = set("group.instance.id").unwrap_or_else(|| next_consumer().to_string());
                format!("consumer-{group}-{member}")
            }
            id => id.to_owned(),
        };
        let mut properties = conversion.into_properties();
        if config.text("client.id").is_empty() {
            properties.push(("client.id".to_owned(), client_id.as_str().into()));
        }
        if group_id.is_none() {
            properties.push(("group.id".to_owned(), client_id.as_str().into()));
        }
        Ok(ConsumerParameters {
            properties,
            client_id,
            bootstrap_servers: server::addresses(config.text("bootstrap.servers")),
            group_id,
            enable_auto_commit,
            max_poll_records: usize::try_from(max_poll_records).unwrap_or(usize::MAX),
            default_api_timeout: Duration::from_millis(u64::try_from(default_api_timeout).unwrap_or_default()),
            key_deserializer: deserializer("key.deserializer"),
            value_deserializer: deserializer("value.deserializer"),
            secrets: config.secrets(),
        })
    }
}

impl fmt::Debug for ConsumerParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let properties = self.properties.iter().map(|(name, value)| (name, redacted(&format!("librdkafka.{name}"), value)));
        f.debug_struct("ConsumerParameters")
            .field("properties", &properties.collect::<Vec<_>>())
            .field("client_id", &self.client_id)
            .field("bootstrap_servers", &self.bootstrap_servers)
            .field("group_id", &self.group_id)
            .field("enable_auto_commit", &self.enable_auto_commit)
            .field("max_poll_records", &self.max_poll_records)
            .field("default_api_timeout", &self.default_api_timeout)
            .field("key_deserializer", &self.key_deserializer)
            .field("value_deserializer", &self.value_deserializer)
            .field("secrets", &self.secrets.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        exposed,
        tests::{consumer, native_of},
    };
    use super::*;

    #[test]
    fn the_defaults_are_those_of_javas_consumer() {
        let parameters = consumer(&[("group.id", "g")]).parameters().unwrap();
        let mut native = exposed(&parameters.properties);
        native.retain(|(name, _)| !name.starts_with("client."));
        native.sort();
        let wanted = [
            ("allow.auto.create.topics", "true"),
            ("auto.offset.reset", "latest"),
            ("check.crcs", "true"),
            ("connections.max.idle.ms", "540000"),
            ("enable.auto.commit", "true"),
            ("group.id", "g"),
            ("isolation.level", "read_uncommitted"),
            ("metadata.broker.list", "localhost:9092"),
            ("partition.assignment.strategy", "range"),
            ("reconnect.backoff.max.ms", "1000"),
            ("reconnect.backoff.ms", "50"),
            ("socket.connection.setup.timeout.ms", "10000"),
            ("socket.timeout.ms", "30000"),
            ("topic.blacklist", "^__consumer_offsets$,^__transaction_state$,^__share_group_state$"),
        ];
        assert_eq!(native, wanted.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!((parameters.max_poll_records, parameters.default_api_timeout), (500, Duration::from_secs(60)));
        assert_eq!((parameters.group_id.as_deref(), parameters.enable_auto_commit), (Some("g"), true));
        assert_eq!((parameters.key_deserializer, parameters.bootstrap_servers.as_str()), (None, "localhost:9092"));
    }

    #[test]
    fn a_client_id_is_generated_as_in_java() {
        let first = consumer(&[("group.id", "g")]).parameters().unwrap();
        assert!(first.client_id.strip_prefix("consumer-g-").is_some_and(|number| number.parse::<u64>().is_ok()));
        assert_ne!(consumer(&[("group.id", "g")]).parameters().unwrap().client_id, first.client_id);
        assert!(first.properties.contains(&("client.id".to_owned(), first.client_id.into())));
        let member = consumer(&[("group.id", "g"), ("group.instance.id", "m")]).parameters().unwrap();
        assert_eq!(member.client_id, "consumer-g-m");
        assert_eq!(consumer(&[("client.id", "me")]).parameters().unwrap().client_id, "me");
        let alone = consumer(&[]).parameters().unwrap();
        assert!(alone.client_id.starts_with("consumer-null-") && alone.group_id.is_none());
        assert!(alone.properties.contains(&("group.id".to_owned(), alone.client_id.into())), "librdkafka requires a group.id");
    }

    #[test]
    fn values_are_translated_to_librdkafkas_notation() {
        for (name, value, property, wanted) in [
            ("auto.commit.interval.ms", "0", "auto.commit.interval.ms", Some("1")),
            ("auto.offset.reset", "none", "auto.offset.reset", Some("error")),
            ("bootstrap.servers", "SSL://a:1, b:2", "metadata.broker.list", Some("a:1,b:2")),
            ("client.rack", "", "client.rack", None),
            ("exclude.internal.topics", "false", "topic.blacklist", None),
            ("fetch.max.wait.ms", "7", "fetch.wait.max.ms", Some("7")),
            ("fetch.min.bytes", "0", "fetch.min.bytes", Some("1")),
            ("group.protocol", "Consumer", "group.protocol", Some("consumer")),
            ("max.partition.fetch.bytes", "7", "fetch.message.max.bytes", Some("7")),
            (
                "partition.assignment.strategy",
                "CooperativeStickyAssignor",
                "partition.assignment.strategy",
                Some("cooperative-sticky"),
            ),
            ("request.timeout.ms", "2000", "socket.timeout.ms", Some("2000")),
            ("request.timeout.ms", "2000", "request.timeout.ms", None),
        ] {
            let config = consumer(&[("group.id", "g")]).set(name, value).unwrap();
            assert_eq!(native_of(&config, property).as_deref(), wanted, "{name}={value}");
        }
    }

    #[test]
    fn no_secret_is_printed() {
        let jaas = "a.PlainLoginModule required username=\"alice\" password=\"hunter2\";";
        let config =
            consumer(&[("security.protocol", "SASL_PLAINTEXT"), ("sasl.mechanism", "PLAIN"), ("sasl.jaas.config", jaas)]);
        let parameters = config.parameters().unwrap();
        assert!(parameters.properties.iter().any(|(_, value)| value.expose() == "hunter2"));
        assert_eq!(parameters.secrets.redact("is hunter2"), "is [hidden]");
        for text in [format!("{parameters:?} {config:?} {}", config.explain()), serde_json::to_string(&config).unwrap()] {
            assert!(!text.contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn deserializers_are_selected_by_javas_class_names() {
        let class = "org.apache.kafka.common.serialization.StringDeserializer";
        let parameters = consumer(&[("key.deserializer", class), ("value.deserializer", "long")]).parameters().unwrap();
        assert_eq!(parameters.key_deserializer, Some(SerializerName::String));
        assert_eq!(parameters.value_deserializer, Some(SerializerName::Long));
    }
}
