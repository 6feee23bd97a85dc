//! [`ProducerBuilder`]: starts a producer from settings and plug-ins.

use std::{fmt, sync::Arc, time::Duration};

use super::{
    Listeners, Producer, TypedProducer,
    admission::buffer_memory::BufferMemory,
    authentication::{auth_state::AuthState, tokens::Tokens},
    delivery::{
        drop_on::DropOn,
        flush_helper::FlushHelper,
        hooks::{Hooks, LogLine},
        throttle::{OnThrottle, Throttle},
    },
    metadata::{producer_id::ProducerId, racks::Racks, refresh::Refresh},
    partitioning::{partition_for, rack_of},
    plugins::{Installed, Plugins},
    producer_state::ProducerState,
    transaction::Transactions,
    untyped_producer::UntypedProducer,
};
use crate::{
    Error, ErrorKind, ProducerConfig, Serializer, TokenProvider,
    config::{ProducerParameters, Setting, settings},
    intercept::Interceptor,
    native::{Client, SettingRefused},
    panic::emit,
    partition::Partitioner,
    secret::Secrets,
};

/// The default of [`ProducerBuilder::drop_timeout`].
const DROP_TIMEOUT: Duration = Duration::from_secs(30);

/// Builds a [`Producer`]. Created by [`Producer::builder`].
pub struct ProducerBuilder<K: ?Sized, V: ?Sized> {
    config: ProducerConfig,
    plugins: Plugins<K, V>,
    partitioner: Option<Arc<dyn Partitioner>>,
    token_provider: Option<Box<dyn TokenProvider>>,
    on_throttle: OnThrottle,
    drop_timeout: Duration,
    drop_on: DropOn,
    hooks: Hooks,
    returns_records: bool,
}

impl<K: ?Sized + 'static, V: ?Sized + 'static> Producer<K, V> {
    /// Creates a builder with these settings.
    ///
    /// ```
    /// use ottla::{Producer, ProducerConfig};
    ///
    /// let config = ProducerConfig::new().set("bootstrap.servers", "localhost:9092")?;
    /// let producer: Producer<str, [u8]> = Producer::builder(config).build()?;
    /// # Ok::<(), ottla::Error>(())
    /// ```
    pub fn builder(config: ProducerConfig) -> ProducerBuilder<K, V> {
        ProducerBuilder {
            config,
            plugins: Plugins::default(),
            partitioner: None,
            token_provider: None,
            on_throttle: OnThrottle::default(),
            drop_timeout: DROP_TIMEOUT,
            drop_on: DropOn::default(),
            hooks: Hooks::default(),
            returns_records: false,
        }
    }
}

impl<K: ?Sized + 'static, V: ?Sized + 'static> ProducerBuilder<K, V> {
    /// Sets the serializer of keys. As in Java, it takes precedence over the setting `key.serializer`.
    ///
    /// Defaults to that setting, or else to the default serializer of `K`: [`Utf8`](crate::serialize::Utf8) for strings,
    /// [`Bytes`](crate::serialize::Bytes) for bytes, [`BigEndian`](crate::serialize::BigEndian) for numbers,
    /// [`Void`](crate::serialize::Void) for `()`.
    #[must_use]
    pub fn key_serializer(mut self, serializer: impl Serializer<K>) -> Self {
        self.plugins.key_serializer = Some(Box::new(serializer));
        self
    }

    /// Sets the serializer of values; see [`key_serializer`](Self::key_serializer).
    #[must_use]
    pub fn value_serializer(mut self, serializer: impl Serializer<V>) -> Self {
        self.plugins.value_serializer = Some(Box::new(serializer));
        self
    }

    /// Adds an interceptor, called after those added before.
    #[must_use]
    pub fn interceptor(mut self, interceptor: impl Interceptor<K, V>) -> Self {
        self.plugins.interceptors.push(Box::new(interceptor));
        self
    }

    /// Sets the partitioner of records without an explicit partition: a closure or another [`Partitioner`]. It takes precedence over the setting
    /// `partitioner.class`, and the other settings of Java's partitioners (`partitioner.*`) then have no effect.
    ///
    /// Defaults to that setting, or else to the Java client's default: the hash of the key, or without a key sticky partitions (KIP-794).
    #[must_use]
    pub fn partitioner(mut self, partitioner: impl Partitioner) -> Self {
        self.partitioner = Some(Arc::new(partitioner));
        self
    }

    /// Sets the provider of OAuth tokens: a closure or another [`TokenProvider`]. Requires `sasl.mechanism=OAUTHBEARER` and no other source of
    /// tokens.
    ///
    /// Defaults to the settings, such as `sasl.oauthbearer.token.endpoint.url`.
    #[must_use]
    pub fn token_provider(mut self, provider: impl TokenProvider) -> Self {
        self.token_provider = Some(Box::new(provider));
        self
    }

    /// Sets a callback for throttling by a broker's quota (KIP-219): called when throttling starts, when its time changes, and when it ends. It
    /// runs on the delivery thread and must not block, since no report is served meanwhile. A panic in it is logged.
    ///
    /// Defaults to none. `produce-throttle-time-avg` and `-max` are among the [`metrics`](crate::metrics).
    #[must_use]
    pub fn on_throttle(mut self, listener: impl Fn(&Throttle) + Send + Sync + 'static) -> Self {
        self.on_throttle = OnThrottle::new(listener);
        self
    }

    /// Sets what is called with each error that concerns no single record: a broker that is not reached, credentials that are refused, a fatal
    /// error. It is called on the delivery thread: while it runs no report is served, so it must not block. A panic in it is logged. Most
    /// such errors pass, since librdkafka tries again; whether the producer can go on, [`Error::is_fatal`] says.
    ///
    /// Defaults to nothing. They are logged through `tracing` in any case.
    #[must_use]
    pub fn on_error(mut self, hook: impl Fn(&Error) + Send + Sync + 'static) -> Self {
        self.hooks.on_error(hook);
        self
    }

    /// Sets what is called with each line of librdkafka's log, for a program that does not use `tracing`; otherwise as
    /// [`on_error`](Self::on_error).
    ///
    /// Defaults to nothing. The lines are logged through `tracing` in any case, with the target `ottla::librdkafka`.
    #[must_use]
    pub fn on_log(mut self, hook: impl Fn(&LogLine<'_>) + Send + Sync + 'static) -> Self {
        self.hooks.on_log(hook);
        self
    }

    /// Sets what is called with librdkafka's statistics, as JSON, every `librdkafka.statistics.interval.ms`; otherwise as
    /// [`on_error`](Self::on_error).
    ///
    /// Defaults to nothing. [`Producer::statistics`] has the last ones.
    #[must_use]
    pub fn on_statistics(mut self, hook: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.hooks.on_statistics(hook);
        self
    }

    /// Sets whether the error of a record that was accepted and not delivered has the record, as it was serialized: [`Error::record`]. It costs
    /// a copy of each record that fails, which `buffer.memory` does not count, until its error is dropped; records that are delivered cost
    /// nothing.
    ///
    /// Defaults to false.
    ///
    /// ```
    /// # use futures::executor::block_on;
    /// # use ottla::{Producer, ProducerConfig, ProducerRecord};
    /// # #[cfg(feature = "testing")] {
    /// # use ottla::testing::{ApiKey, BrokerError, EmbeddedKafka};
    /// # let kafka = EmbeddedKafka::start(1)?;
    /// # kafka.fail_next(ApiKey::Produce, &[BrokerError::TOPIC_AUTHORIZATION_FAILED])?;
    /// # let config = ProducerConfig::new().set("bootstrap.servers", kafka.bootstrap_servers())?;
    /// let producer: Producer<str, str> = Producer::builder(config).return_failed_records(true).build()?;
    /// let delivery = block_on(producer.send(ProducerRecord::to("orders").key("o-1").value("paid")))?;
    /// let error = block_on(delivery).unwrap_err();
    /// let record = error.record().expect("the producer returns failed records");
    /// assert_eq!((record.topic(), record.value_ref()), ("orders", Some(&b"paid"[..])));
    /// # }
    /// # Ok::<(), ottla::Error>(())
    /// ```
    #[must_use]
    pub fn return_failed_records(mut self, returns: bool) -> Self {
        self.returns_records = returns;
        self
    }

    /// Sets where the drop of the last handle waits for what was accepted, for up to [`drop_timeout`](Self::drop_timeout): `spawn` gets a
    /// function that blocks, and has it run on another thread, so that the one that drops the handle goes on at once.
    ///
    /// The function must run before the process ends, or the records that are not delivered by then are lost. If it is dropped without being
    /// called, it waits where it is dropped.
    ///
    /// Defaults to the thread that drops the handle. With the feature `tokio`, and inside a tokio runtime, it defaults to
    /// [`spawn_blocking`](https://docs.rs/tokio/latest/tokio/task/fn.spawn_blocking.html), for which the runtime waits when it is dropped, as at
    /// the end of `#[tokio::main]`; but not in `Runtime::shutdown_timeout` and `shutdown_background`.
    ///
    /// ```
    /// use ottla::{Producer, ProducerConfig};
    ///
    /// let (sender, receiver) = std::sync::mpsc::channel();
    /// let config = ProducerConfig::new().set("bootstrap.servers", "localhost:9092")?;
    /// let producer: Producer<str, str> = Producer::builder(config)
    ///     .drop_on(move |wait| drop(sender.send(std::thread::spawn(wait))))
    ///     .build()?;
    /// drop(producer); // does not block
    ///
    /// // At the end of `main`:
    /// for waiting in receiver {
    ///     let _ = waiting.join();
    /// }
    /// # Ok::<(), ottla::Error>(())
    /// ```
    #[must_use]
    pub fn drop_on(mut self, spawn: impl Fn(Box<dyn FnOnce() + Send>) + Send + Sync + 'static) -> Self {
        self.drop_on = DropOn::hook(spawn);
        self
    }

    /// Sets how long dropping the last handle waits for the delivery of accepted records. The others are given up, and their number is logged
    /// (or printed to stderr without a `tracing` subscriber). `Duration::MAX` is no limit: records then have `delivery.timeout.ms`.
    ///
    /// The drop does not wait for a blocking callback: some seconds after the timeout (at most five) it returns, and the number of unreported
    /// records is logged.
    ///
    /// Defaults to 30 s.
    #[must_use]
    pub fn drop_timeout(mut self, timeout: Duration) -> Self {
        self.drop_timeout = timeout;
        self
    }

    /// Starts the producer. Does not wait for a connection.
    ///
    /// # Errors
    /// [`Config`](ErrorKind::Config) with all problems of the settings, with the property that librdkafka rejects, or for a type without a
    /// serializer.
    pub fn build(mut self) -> Result<Producer<K, V>, Error> {
        if self.token_provider.is_some() {
            self.config.expect_tokens();
        }
        for warning in self.config.warnings() {
            emit!(warn, "{warning}");
        }
        if self.partitioner.is_some() {
            let idle =
                settings().map(Setting::name).filter(|name| name.starts_with("partitioner.") && self.config.get(name).is_some());
            idle.for_each(|name| emit!(warn, "{name}: has no effect, because the builder has a partitioner"));
        }
        let parameters = self.config.parameters()?;
        let Installed { serializers, interceptors, mut listeners } =
            self.plugins.install(parameters.key_serializer, parameters.value_serializer)?;
        listeners.on_throttle = self.on_throttle;
        listeners.hooks = self.hooks;
        listeners.returns_records = self.returns_records;
        let untyped = start(parameters, self.partitioner, self.token_provider, listeners, self.drop_timeout, self.drop_on)?;
        Ok(Producer(Arc::new(TypedProducer { untyped, serializers, interceptors })))
    }
}

/// Starts librdkafka and the delivery thread.
pub(super) fn start(
    parameters: ProducerParameters,
    partitioner: Option<Arc<dyn Partitioner>>,
    token_provider: Option<Box<dyn TokenProvider>>,
    listeners: Listeners,
    drop_timeout: Duration,
    drop_on: DropOn,
) -> Result<Arc<UntypedProducer>, Error> {
    let rack = rack_of(&parameters, partitioner.as_ref());
    let racks = rack.as_ref().map(|rack| Racks::new(Arc::clone(rack), parameters.metadata_max_age));
    let partition_for = partition_for(&parameters, partitioner, rack);
    let mut properties = parameters.properties;
    if partition_for.is_some() {
        properties.retain(|(name, _)| name != "partitioner");
        // Otherwise librdkafka does not call the partitioner for records without a key.
        properties.push(("sticky.partitioning.linger.ms".to_owned(), "0".into()));
    }
    let partition_for = move || partition_for.as_ref().map(|make| make());
    let client =
        Arc::new(Client::new(&properties, Box::new(partition_for)).map_err(|reason| refused(&reason, &parameters.secrets))?);
    let transactions = parameters.transaction_timeout.map(|timeout| Transactions::new(parameters.max_block, timeout));
    let buffer_memory = BufferMemory::new(parameters.buffer_memory, parameters.max_block);
    let ProducerParameters {
        client_id,
        bootstrap_servers,
        linger,
        max_request_size,
        authentication_timeout,
        retry_backoff,
        is_idempotent,
        mechanism,
        secrets,
        ..
    } = parameters;
    let mut state =
        ProducerState::new(buffer_memory, listeners, transactions, client_id, bootstrap_servers, max_request_size, secrets);
    state.authentication.state = AuthState::new(authentication_timeout);
    state.metadata.refresh = Refresh::new(retry_backoff.0, retry_backoff.1, racks);
    state.delivery.flush_helper = FlushHelper::new(linger);
    state.metadata.producer_id = ProducerId::new(is_idempotent && state.transactions.is_none());
    state.authentication.tokens = token_provider.is_some().then(|| Arc::new(Tokens::new(Arc::clone(&client))));
    let state = Arc::new(state);
    if let (Some(tokens), Some(provider)) = (&state.authentication.tokens, token_provider) {
        tokens.start(provider, Arc::downgrade(&state))?;
    }
    state.start(Arc::clone(&client)).inspect_err(|_| {
        if let Some(tokens) = &state.authentication.tokens {
            tokens.end();
        }
    })?;
    Ok(Arc::new(UntypedProducer { client, state, mechanism, max_request_size, drop_timeout, drop_on }))
}

fn refused(refused: &SettingRefused, secrets: &Secrets) -> Error {
    let what = refused.property.as_deref().unwrap_or("the settings");
    Error::new(ErrorKind::Config, format!("librdkafka rejected {what}: {}", secrets.redact(&refused.reason)))
}

impl<K: ?Sized, V: ?Sized> fmt::Debug for ProducerBuilder<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProducerBuilder")
            .field("config", &self.config)
            .field("interceptors", &self.plugins.interceptors.len())
            .field("partitioner", &self.partitioner.as_ref().map(|_| ".."))
            .field("token_provider", &self.token_provider.as_ref().map(|_| ".."))
            .field("on_throttle", &self.on_throttle)
            .field("drop_timeout", &self.drop_timeout)
            .field("drop_on", &self.drop_on)
            .field("hooks", &self.hooks)
            .field("return_failed_records", &self.returns_records)
            .finish_non_exhaustive()
    }
}
