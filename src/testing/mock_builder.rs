//! [`MockProducerBuilder`].

use std::{
    fmt,
    num::NonZeroU32,
    sync::{Arc, Mutex},
};

use super::{
    MockProducer,
    mock_producer::Mock,
    mock_state::{Log, State},
};
use crate::{
    Error, Interceptor, Serializer,
    native::Pool,
    partition::Partitioner,
    producer::{Installed, Plugins, check_topic_name},
};

/// Builds a [`MockProducer`].
pub struct MockProducerBuilder<K: ?Sized, V: ?Sized> {
    plugins: Plugins<K, V>,
    topics: Vec<(String, NonZeroU32)>,
    partitioner: Option<Box<dyn Partitioner>>,
    auto_complete: bool,
    transactional: Option<bool>,
}

impl<K: ?Sized + 'static, V: ?Sized + 'static> MockProducerBuilder<K, V> {
    /// Sets whether records are acknowledged as soon as they are sent. Defaults to true.
    #[must_use]
    pub fn auto_complete(mut self, auto_complete: bool) -> Self {
        self.auto_complete = auto_complete;
        self
    }

    /// Sets whether the producer has a `transactional.id`. With `true` it requires transactions from the start; with `false` it rejects them.
    /// By default it accepts records without transactions until `init_transactions` is called, as Java's `MockProducer` does.
    #[must_use]
    pub fn transactional(mut self, transactional: bool) -> Self {
        self.transactional = Some(transactional);
        self
    }

    /// Adds a topic with this number of partitions; 0 means 1. A topic that is not added has one partition, and exists from its first record.
    #[must_use]
    pub fn topic(mut self, name: impl Into<String>, partitions: u32) -> Self {
        self.topics.push((name.into(), NonZeroU32::new(partitions).unwrap_or(NonZeroU32::MIN)));
        self
    }

    /// Sets the serializer of keys. Defaults to the default serializer of `K`, as for a real producer.
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

    /// Adds an interceptor after the existing ones.
    #[must_use]
    pub fn interceptor(mut self, interceptor: impl Interceptor<K, V>) -> Self {
        self.plugins.interceptors.push(Box::new(interceptor));
        self
    }

    /// Sets the partitioner, as [`ProducerBuilder::partitioner`](crate::ProducerBuilder::partitioner) does. All partitions are available.
    /// By default the Java client's hash places records with a key, and records without a key are distributed in turn.
    #[must_use]
    pub fn partitioner(mut self, partitioner: impl Partitioner) -> Self {
        self.partitioner = Some(Box::new(partitioner));
        self
    }

    /// Builds the producer.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config) for a type without a default serializer, [`InvalidRecord`](crate::ErrorKind::InvalidRecord) for an
    /// invalid topic name.
    pub fn build(self) -> Result<MockProducer<K, V>, Error> {
        let Installed { serializers, interceptors, listeners } = self.plugins.install(None, None)?;
        let pool = Arc::new(Pool::default());
        let mut state = State::default();
        state.transactions.has_id = self.transactional;
        for (name, partitions) in self.topics {
            check_topic_name(&name)?;
            let log = Log::new(&name, partitions, &pool);
            state.topics.insert(name, log);
        }
        let Self { partitioner, auto_complete, .. } = self;
        let state = Mutex::new(state);
        Ok(MockProducer(Arc::new(Mock { serializers, interceptors, listeners, partitioner, auto_complete, pool, state })))
    }
}

impl<K: ?Sized + 'static, V: ?Sized + 'static> MockProducer<K, V> {
    /// A builder of a producer that acknowledges records at once.
    pub fn builder() -> MockProducerBuilder<K, V> {
        MockProducerBuilder {
            plugins: Plugins::default(),
            topics: Vec::new(),
            partitioner: None,
            auto_complete: true,
            transactional: None,
        }
    }
}

impl<K: ?Sized, V: ?Sized> fmt::Debug for MockProducerBuilder<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockProducerBuilder")
            .field("auto_complete", &self.auto_complete)
            .field("transactional", &self.transactional)
            .field("topics", &self.topics)
            .field("interceptors", &self.plugins.interceptors.len())
            .field("partitioner", &self.partitioner.as_ref().map(|_| ".."))
            .finish_non_exhaustive()
    }
}
