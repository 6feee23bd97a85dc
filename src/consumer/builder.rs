//! [`ConsumerBuilder`]: from settings and plug-ins to a running consumer.

use std::{
    fmt,
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use rdkafka::{
    ClientConfig, Offset,
    config::{FromClientConfigAndContext as _, RDKafkaLogLevel},
    error::KafkaError,
};

use super::{
    Consumer, Core, RebalanceListener,
    bell::Bell,
    calls::Calls,
    context::{Context, NativeConsumer, Signals},
    deserializers::Deserializers,
    hand_over::{HandOver, Intake},
    polling::Polling,
    shared::{End, Ending, Shared},
};
use crate::{
    Deserializer, Error, ErrorKind,
    config::{ConsumerConfig, ResolvedConsumer},
    native::ConsumerQueue,
    secret::Secrets,
};

/// How long dropping a consumer waits for it to leave its group, unless it is set.
const DROP_TIMEOUT: Duration = Duration::from_millis(500);

/// Java's and librdkafka's default of `max.poll.interval.ms`.
const MAX_POLL_INTERVAL: u64 = 300_000;

/// Java's and librdkafka's default of `auto.commit.interval.ms`.
const AUTO_COMMIT_INTERVAL: u64 = 5_000;

/// Builds a [`Consumer`]. Made by [`Consumer::builder`].
pub struct ConsumerBuilder<K, V> {
    config: ConsumerConfig,
    key_deserializer: Option<Box<dyn Deserializer<K>>>,
    value_deserializer: Option<Box<dyn Deserializer<V>>>,
    listener: Option<Box<dyn RebalanceListener>>,
    drop_timeout: Duration,
}

impl<K: Send + 'static, V: Send + 'static> Consumer<K, V> {
    /// Begins a consumer with these settings.
    ///
    /// ```
    /// use ottla::{Consumer, ConsumerConfig};
    ///
    /// let config = ConsumerConfig::new().set("bootstrap.servers", "localhost:9092")?.set("group.id", "billing")?;
    /// let consumer: Consumer<String, Vec<u8>> = Consumer::builder(config).build()?;
    /// # Ok::<(), ottla::Error>(())
    /// ```
    pub fn builder(config: ConsumerConfig) -> ConsumerBuilder<K, V> {
        ConsumerBuilder { config, key_deserializer: None, value_deserializer: None, listener: None, drop_timeout: DROP_TIMEOUT }
    }
}

impl<K: Send + 'static, V: Send + 'static> ConsumerBuilder<K, V> {
    /// Sets what deserializes keys. As in Java it comes before the setting `key.deserializer`.
    ///
    /// Defaults to that setting, and without it to the natural deserializer of `K`: [`Utf8`](crate::serialize::Utf8) for text,
    /// [`Bytes`](crate::serialize::Bytes) for bytes, [`BigEndian`](crate::serialize::BigEndian) for numbers,
    /// [`Void`](crate::serialize::Void) for `()`, and for an `Option` of these the same in
    /// [`Optional`](crate::serialize::Optional): null is `None`. Without `Option`, a null cannot be deserialized.
    #[must_use]
    pub fn key_deserializer(mut self, deserializer: impl Deserializer<K>) -> Self {
        self.key_deserializer = Some(Box::new(deserializer));
        self
    }

    /// Sets what deserializes values; see [`key_deserializer`](Self::key_deserializer).
    #[must_use]
    pub fn value_deserializer(mut self, deserializer: impl Deserializer<V>) -> Self {
        self.value_deserializer = Some(Box::new(deserializer));
        self
    }

    /// Sets who hears of the partitions that come and go. Defaults to nobody.
    #[must_use]
    pub fn rebalance_listener(mut self, listener: impl RebalanceListener) -> Self {
        self.listener = Some(Box::new(listener));
        self
    }

    /// Sets how long dropping the consumer waits for it to leave its group, so that a program may end right behind it. What is not done
    /// then goes on in the background. Zero waits for nothing.
    ///
    /// Defaults to 500 ms.
    #[must_use]
    pub fn drop_timeout(mut self, timeout: Duration) -> Self {
        self.drop_timeout = timeout;
        self
    }

    /// Starts the consumer. Does not wait for a connection, and reads nothing yet.
    ///
    /// # Errors
    /// [`Config`](ErrorKind::Config) with all that is wrong with the settings, or with what librdkafka has against them, or for
    /// a type that has no deserializer.
    pub fn build(self) -> Result<Consumer<K, V>, Error> {
        for warning in self.config.warnings() {
            tracing::warn!("{warning}");
        }
        let resolved = self.config.resolve()?;
        let deserializers = Deserializers::new(
            (self.key_deserializer, resolved.key_deserializer),
            (self.value_deserializer, resolved.value_deserializer),
        )?;
        let bell = Arc::new(Bell::default());
        let hand_over = Arc::new(HandOver::new(deserializers, resolved.max_poll_records, Arc::clone(&bell)));
        let intake = Arc::clone(&hand_over) as Arc<dyn Intake>;
        let shared = start(resolved, self.listener, intake, bell)?;
        Ok(Consumer { hand_over, core: Core { shared, drop_timeout: self.drop_timeout } })
    }
}

/// Starts librdkafka and the polling thread.
fn start(
    resolved: ResolvedConsumer,
    listener: Option<Box<dyn RebalanceListener>>,
    intake: Arc<dyn Intake>,
    bell: Arc<Bell>,
) -> Result<Arc<Shared>, Error> {
    let number = |name: &str, default: u64| {
        let found = resolved.native.iter().rev().find(|(property, _)| property == name);
        Duration::from_millis(found.and_then(|(_, value)| value.expose().parse().ok()).unwrap_or(default))
    };
    let max_poll_interval = number("max.poll.interval.ms", MAX_POLL_INTERVAL);
    let auto_commit_interval = number("auto.commit.interval.ms", AUTO_COMMIT_INTERVAL);
    let commits = resolved.enable_auto_commit && resolved.group_id.is_some();
    let config = client_config(&resolved, commits);
    let first_offset = first_offset(&resolved);

    let signals = Arc::new(Signals::default());
    let secrets = Arc::new(resolved.secrets);
    let context = Context {
        intake: Arc::clone(&intake),
        listener,
        signals: Arc::clone(&signals),
        stores_offsets: commits,
        max_poll_interval,
        secrets: Arc::clone(&secrets),
    };
    let consumer = NativeConsumer::from_config_and_context(&config, context).map_err(|error| refused(&error, &secrets))?;
    let consumer = Arc::new(consumer);
    let none = || Error::new(ErrorKind::Client, "librdkafka gave the consumer no queue");
    let queue = Arc::new(ConsumerQueue::of(&*consumer).ok_or_else(none)?);
    bell.attach(Arc::clone(&queue));

    let (sender, receiver) = mpsc::channel();
    let shared = Arc::new(Shared {
        intake,
        bell,
        signals,
        calls: Calls::new(Arc::clone(&consumer)),
        commands: sender,
        group_id: resolved.group_id,
        max_poll_interval,
        api_timeout: resolved.default_api_timeout,
        first_offset,
        ending: Mutex::new(Ending::Awaited(Vec::new())),
        subscribed: Mutex::default(),
    });
    let polling = Polling::new(consumer, queue, Arc::clone(&shared), receiver, auto_commit_interval);
    let end = End::of(Arc::clone(&shared));
    let spawned = thread::Builder::new().name(format!("ottla-{}", resolved.client_id)).spawn(move || {
        polling.run();
        drop(end);
    });
    spawned.map_err(|error| {
        shared.bell.silence();
        Error::new(ErrorKind::Client, "no thread to poll librdkafka").with_source(error)
    })?;
    Ok(shared)
}

fn client_config(resolved: &ResolvedConsumer, commits: bool) -> ClientConfig {
    let mut config = ClientConfig::new();
    for (name, value) in &resolved.native {
        config.set(name, value.expose());
    }
    // What is stored is what the program has taken, and so it is stored here.
    config.set("enable.auto.commit", commits.to_string()).set("enable.auto.offset.store", "false");
    // Otherwise rdkafka takes the level of the crate `log`, which nobody has set.
    let level = match (config.get("log_level"), config.get("debug")) {
        (Some("0"), _) => RDKafkaLogLevel::Emerg,
        (Some("1"), _) => RDKafkaLogLevel::Alert,
        (Some("2"), _) => RDKafkaLogLevel::Critical,
        (Some("3"), _) => RDKafkaLogLevel::Error,
        (Some("4"), _) => RDKafkaLogLevel::Warning,
        (Some("5"), _) => RDKafkaLogLevel::Notice,
        (Some("7"), _) | (None, Some(_)) => RDKafkaLogLevel::Debug,
        _ => RDKafkaLogLevel::Info,
    };
    config.set_log_level(level);
    config
}

/// librdkafka asks the group where to begin. Without one the answer is `auto.offset.reset`'s at once.
fn first_offset(resolved: &ResolvedConsumer) -> Offset {
    let reset = resolved.native.iter().rev().find(|(name, _)| name == "auto.offset.reset").map(|(_, value)| value.expose());
    match (&resolved.group_id, reset) {
        (Some(_), _) | (None, Some("error" | "none")) => Offset::Invalid,
        (None, Some("earliest" | "smallest" | "beginning")) => Offset::Beginning,
        (None, _) => Offset::End,
    }
}

/// Without the value, which may be a secret.
fn refused(error: &KafkaError, secrets: &Secrets) -> Error {
    let message = match error {
        KafkaError::ClientConfig(_, reason, property, _) => format!("librdkafka refuses {property}: {reason}"),
        KafkaError::ClientCreation(reason) => format!("librdkafka refuses the settings: {reason}"),
        error => format!("librdkafka refuses the settings: {error}"),
    };
    Error::new(ErrorKind::Config, secrets.redact(&message))
}

impl<K, V> fmt::Debug for ConsumerBuilder<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsumerBuilder")
            .field("config", &self.config)
            .field("rebalance_listener", &self.listener.as_ref().map(|_| ".."))
            .field("drop_timeout", &self.drop_timeout)
            .finish_non_exhaustive()
    }
}
