//! [`ConsumerBuilder`]: configures and starts a consumer.

use std::{
    fmt,
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use super::{
    Consumer, RebalanceListener,
    call_thread::CallThread,
    consumer_state::{ConsumerState, End, Ending},
    context::{Membership, Signals},
    deserializers::Deserializers,
    poll_wakeup::PollWakeup,
    polling::Polling,
    record_queue::{Intake, RecordQueue},
    starting::Starting,
    untyped_consumer::UntypedConsumer,
};
use crate::{
    Deserializer, Error, ErrorKind,
    config::{ConsumerConfig, ConsumerParameters},
    native::{ConsumerClient, SettingRefused, code},
    panic::{contain, emit},
    secret::{Secret, Secrets},
};

/// The default of [`ConsumerBuilder::drop_timeout`].
const DROP_TIMEOUT: Duration = Duration::from_millis(500);

/// The default of `max.poll.interval.ms` in Java and librdkafka.
const MAX_POLL_INTERVAL: u64 = 300_000;

/// The default of `auto.commit.interval.ms` in Java and librdkafka.
const AUTO_COMMIT_INTERVAL: u64 = 5_000;

/// Builds a [`Consumer`]. [`Consumer::builder`] returns it.
pub struct ConsumerBuilder<K, V> {
    config: ConsumerConfig,
    key_deserializer: Option<Box<dyn Deserializer<K>>>,
    value_deserializer: Option<Box<dyn Deserializer<V>>>,
    listener: Option<Box<dyn RebalanceListener>>,
    drop_timeout: Duration,
    explicit_done: bool,
}

impl<K: Send + 'static, V: Send + 'static> Consumer<K, V> {
    /// Starts building a consumer with these settings.
    ///
    /// ```
    /// use ottla::{Consumer, ConsumerConfig};
    ///
    /// let config = ConsumerConfig::new().set("bootstrap.servers", "localhost:9092")?.set("group.id", "billing")?;
    /// let consumer: Consumer<String, Vec<u8>> = Consumer::builder(config).build()?;
    /// # Ok::<(), ottla::Error>(())
    /// ```
    pub fn builder(config: ConsumerConfig) -> ConsumerBuilder<K, V> {
        ConsumerBuilder {
            config,
            key_deserializer: None,
            value_deserializer: None,
            listener: None,
            drop_timeout: DROP_TIMEOUT,
            explicit_done: false,
        }
    }
}

impl<K: Send + 'static, V: Send + 'static> ConsumerBuilder<K, V> {
    /// Sets the deserializer of keys. As in Java it takes precedence over the setting `key.deserializer`.
    ///
    /// Defaults to that setting, or else to the default deserializer of `K`: [`Utf8`](crate::serialize::Utf8) for text,
    /// [`Bytes`](crate::serialize::Bytes) for bytes, [`BigEndian`](crate::serialize::BigEndian) for numbers,
    /// [`Void`](crate::serialize::Void) for `()`, and [`Optional`](crate::serialize::Optional) around these for an `Option`, with null as `None`.
    /// Other types fail to deserialize null.
    #[must_use]
    pub fn key_deserializer(mut self, deserializer: impl Deserializer<K>) -> Self {
        self.key_deserializer = Some(Box::new(deserializer));
        self
    }

    /// Sets the deserializer of values; see [`key_deserializer`](Self::key_deserializer).
    #[must_use]
    pub fn value_deserializer(mut self, deserializer: impl Deserializer<V>) -> Self {
        self.value_deserializer = Some(Box::new(deserializer));
        self
    }

    /// Sets the listener for rebalances. There is none by default.
    #[must_use]
    pub fn rebalance_listener(mut self, listener: impl RebalanceListener) -> Self {
        self.listener = Some(Box::new(listener));
        self
    }

    /// Sets whether a record counts as processed when the program calls its [`done`](super::ConsumerRecord::done), not when it requests the next
    /// record: for programs that process records in parallel. Automatic commits, the commit of a rebalance, [`commit`](Consumer::commit) and
    /// [`taken`](Consumer::taken) then stop before the first record of each partition that is not done.
    ///
    /// Mark every record, including those that could not be deserialized ([`ConsumeError::done`](super::ConsumeError::done)): no record after
    /// one that is never marked can be committed.
    ///
    /// ```no_run
    /// use futures::StreamExt;
    /// use ottla::{Consumer, ConsumerConfig};
    ///
    /// # async fn run() -> ottla::Result<()> {
    /// let config = ConsumerConfig::from_pairs([("bootstrap.servers", "localhost:9092"), ("group.id", "billing")])?;
    /// let consumer: Consumer<String, String> = Consumer::builder(config).explicit_done(true).build()?;
    /// consumer.subscribe(&["orders"]).await?;
    /// (&consumer)
    ///     .for_each_concurrent(32, |item| async {
    ///         match item {
    ///             Ok(record) => record.done(), // once it is processed
    ///             Err(error) => error.done(),
    ///         }
    ///     })
    ///     .await;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Defaults to false.
    #[must_use]
    pub fn explicit_done(mut self, explicit_done: bool) -> Self {
        self.explicit_done = explicit_done;
        self
    }

    /// Sets how long dropping the consumer waits for it to leave its group, so that the program may exit right after the drop. After this time
    /// leaving continues in the background. Zero does not wait, [`Duration::MAX`] waits without a limit.
    ///
    /// Defaults to 500 ms.
    #[must_use]
    pub fn drop_timeout(mut self, timeout: Duration) -> Self {
        self.drop_timeout = timeout;
        self
    }

    /// Starts the consumer. It does not wait for a connection and reads nothing yet.
    ///
    /// # Errors
    /// [`Config`](ErrorKind::Config) with all invalid settings, with a setting that librdkafka rejects, or for a type without a default
    /// deserializer.
    pub fn build(self) -> Result<Consumer<K, V>, Error> {
        for warning in self.config.warnings() {
            emit!(warn, "{warning}");
        }
        let parameters = self.config.parameters()?;
        let deserializers = Deserializers::new(
            (self.key_deserializer, parameters.key_deserializer),
            (self.value_deserializer, parameters.value_deserializer),
        )?;
        let wakeup = Arc::new(PollWakeup::default());
        let explicit_done = self.explicit_done;
        let record_queue =
            Arc::new(RecordQueue::new(deserializers, parameters.max_poll_records, explicit_done, Arc::clone(&wakeup)));
        let intake = Arc::clone(&record_queue) as Arc<dyn Intake>;
        let state = start(parameters, self.listener, explicit_done, intake, wakeup)?;
        Ok(Consumer { record_queue, untyped: UntypedConsumer { state, drop_timeout: self.drop_timeout } })
    }
}

/// Starts the librdkafka client and the polling thread.
fn start(
    parameters: ConsumerParameters,
    listener: Option<Box<dyn RebalanceListener>>,
    explicit_done: bool,
    intake: Arc<dyn Intake>,
    wakeup: Arc<PollWakeup>,
) -> Result<Arc<ConsumerState>, Error> {
    let number = |name: &str, default: u64| {
        Duration::from_millis(property(&parameters.properties, name).and_then(|value| value.parse().ok()).unwrap_or(default))
    };
    let max_poll_interval = number("max.poll.interval.ms", MAX_POLL_INTERVAL);
    let auto_commit_interval = number("auto.commit.interval.ms", AUTO_COMMIT_INTERVAL);
    let commits = parameters.enable_auto_commit && parameters.group_id.is_some();
    let is_cooperative = is_cooperative(&parameters.properties);
    let starting = Starting {
        has_group: parameters.group_id.is_some(),
        reset: reset(&parameters.properties),
        timeout: parameters.default_api_timeout,
    };

    let signals = Arc::new(Signals::default());
    let secrets = Arc::new(parameters.secrets);
    let properties = properties(parameters.properties, commits);
    let client = Arc::new(ConsumerClient::new(&properties).map_err(|error| refused(&error, &secrets))?);
    wakeup.attach(Arc::clone(&client));
    let membership = Membership {
        client: Arc::clone(&client),
        intake: Arc::clone(&intake),
        listener,
        signals: Arc::clone(&signals),
        stores_offsets: commits,
        is_cooperative,
        explicit_done,
        max_poll_interval,
        api_timeout: parameters.default_api_timeout,
        starting,
        lost: Vec::new(),
    };

    let (sender, receiver) = mpsc::channel();
    let state = Arc::new(ConsumerState {
        intake,
        wakeup,
        signals,
        calls: CallThread::new(client),
        commands: sender,
        group_id: parameters.group_id,
        stores_offsets: commits,
        max_poll_interval,
        api_timeout: parameters.default_api_timeout,
        ending: Mutex::new(Ending::Awaited(Vec::new())),
        subscribed: Mutex::default(),
    });
    let polling = Polling::new(membership, Arc::clone(&state), receiver, auto_commit_interval, secrets);
    let end = End::new(Arc::clone(&state));
    let spawned =
        thread::Builder::new().name(format!("ottla-{}", parameters.client_id)).spawn(move || match contain(|| polling.run()) {
            Ok(()) => end.disarm(),
            Err(panic) => {
                drop(end);
                emit!(error, %panic, "a consumer's polling thread panicked");
            }
        });
    spawned.map_err(|error| {
        state.wakeup.detach();
        Error::new(ErrorKind::Client, "cannot start the polling thread").with_source(error)
    })?;
    Ok(state)
}

/// The value of a librdkafka property. Of several values the last one counts.
fn property<'a>(native: &'a [(String, Secret)], name: &str) -> Option<&'a str> {
    native.iter().rev().find(|(property, _)| property == name).map(|(_, value)| value.expose())
}

/// Whether the group's rebalances are incremental: with the assignor `cooperative-sticky`, which librdkafka does not mix with others, and with the
/// protocol of KIP-848.
fn is_cooperative(native: &[(String, Secret)]) -> bool {
    property(native, "group.protocol").is_some_and(|protocol| protocol.eq_ignore_ascii_case("consumer"))
        || property(native, "partition.assignment.strategy").is_some_and(|strategy| strategy.contains("cooperative"))
}

/// Disables librdkafka's own offset store: automatic commits must commit processed records only, so they are stored by this crate.
fn properties(mut native: Vec<(String, Secret)>, commits: bool) -> Vec<(String, Secret)> {
    native.push(("enable.auto.commit".to_owned(), commits.to_string().into()));
    native.push(("enable.auto.offset.store".to_owned(), "false".to_owned().into()));
    native
}

/// The logical offset of `auto.offset.reset`, or `None` for an error.
fn reset(native: &[(String, Secret)]) -> Option<i64> {
    match property(native, "auto.offset.reset") {
        Some("error" | "none") => None,
        Some("earliest" | "smallest" | "beginning") => Some(code::OFFSET_BEGINNING),
        _ => Some(code::OFFSET_END),
    }
}

/// The error of a rejected setting, without the value, which may be a secret.
fn refused(error: &SettingRefused, secrets: &Secrets) -> Error {
    let message = match &error.property {
        Some(property) => format!("librdkafka rejects {property}: {}", error.reason),
        None => format!("librdkafka rejects the settings: {}", error.reason),
    };
    Error::new(ErrorKind::Config, secrets.redact(&message))
}

impl<K, V> fmt::Debug for ConsumerBuilder<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsumerBuilder")
            .field("config", &self.config)
            .field("rebalance_listener", &self.listener.as_ref().map(|_| ".."))
            .field("drop_timeout", &self.drop_timeout)
            .field("explicit_done", &self.explicit_done)
            .finish_non_exhaustive()
    }
}
