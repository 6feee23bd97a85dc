//! [`Client`]: the native producer and its topics.
//!
//! Its methods are where their subject is: `produce` in `in_flight.rs`, transactions in `transaction.rs`, a topic's metadata in `metadata.rs`,
//! the cluster in `cluster.rs`, settings of topics in `topic_setting.rs`, credentials in `credentials.rs`, admin requests in `admin.rs`, and
//! creating topics in `topic_admin.rs`. `event_loop.rs` serves its events, and `reconnect.rs` its connections.
//!
//! Dropping the last `Client` runs `rd_kafka_destroy`, which waits for librdkafka's threads. So `close` drops its handle before it waits, so
//! that the delivery thread drops the last one. The flush helper also has a handle, and is joined there first. A client destroys its topics
//! before itself.

use std::{
    collections::HashMap,
    fmt,
    mem::ManuallyDrop,
    ptr::{self, NonNull},
    sync::{Arc, RwLock},
    time::Duration,
};

use rdkafka_sys as sys;

use super::{
    callbacks::Callbacks,
    code,
    connections::Connections,
    event::Event,
    ffi,
    fork_guard::ForkGuard,
    metadata_watch::MetadataWatch,
    opaque::Opaque,
    pool::Pool,
    queue::Queue,
    reconnect::Reconnect,
    returned_error::ReturnedError,
    settings::{SettingRefused, Settings, makes_tokens, milliseconds},
    text_buffer::TextBuffer,
    throttle::Throttled,
    topic::{Topic, TopicPartitioner},
    wakeup::Wakeup,
};
use crate::{
    lock::{read, unpoisoned, write},
    secret::Secret,
};

/// Creates the partitioner of a topic; `None` leaves the choice to librdkafka's partitioner.
type PartitionFor = Box<dyn Fn() -> Option<Box<dyn TopicPartitioner>> + Send + Sync>;

/// An owned `rd_kafka_t`. Dropping the last reference destroys it, which waits for librdkafka's threads.
pub(crate) struct Client {
    handle: NonNull<sys::rd_kafka_t>,
    /// Dropped by `drop`, before the client is destroyed.
    events: ManuallyDrop<Queue>,
    topics: RwLock<HashMap<Arc<str>, Arc<Topic>>>,
    partition_for: PartitionFor,
    pool: Arc<Pool>,
    fork_guard: ForkGuard,
    /// librdkafka keeps the addresses of both until `drop` has destroyed the client.
    wakeup: Opaque<Wakeup>,
    callbacks: Opaque<Callbacks>,
    reconnect: Reconnect,
}

// SAFETY: librdkafka's functions may be called from any thread, and all else in a `Client` is `Send`.
unsafe impl Send for Client {}
// SAFETY: librdkafka's functions may be called from several threads at once, and all else in a `Client` is `Sync`.
unsafe impl Sync for Client {}

impl Client {
    pub(crate) fn new(properties: &[(String, Secret)], partition_for: PartitionFor) -> Result<Self, SettingRefused> {
        let callbacks = Opaque::new(Callbacks { metadata: MetadataWatch::new(properties), ..Callbacks::default() });
        // SAFETY: `Client` drops the callbacks after its `drop` has destroyed the producer; if none is made, nobody uses the callbacks.
        let handle = unsafe { Settings::of_producer(properties, &callbacks) }?.into_producer(properties)?;
        if makes_tokens(properties) {
            // SAFETY: the client was just made, and is ours; the error that the call returns is ours.
            let enabled = unsafe { ReturnedError::check(sys::rd_kafka_sasl_background_callbacks_enable(handle.as_ptr())) };
            // An error means that the client uses no SASL, so no token is needed.
            drop(enabled);
        }
        // SAFETY: the client was just made, and is ours; a null queue means the main one.
        unsafe { ffi::rd_kafka_set_log_queue(handle.as_ptr(), ptr::null_mut()) };
        // SAFETY: the client was just made, and is ours, and the reference that the call returns is ours; `drop` drops it before the client.
        let events = unsafe { Queue::from_reference(sys::rd_kafka_queue_get_main(handle.as_ptr())) };
        let Some(events) = events else {
            // SAFETY: the client is ours, and nobody else has seen it; it is not used again.
            unsafe { sys::rd_kafka_destroy(handle.as_ptr()) };
            return Err(SettingRefused { property: None, reason: "librdkafka returned no event queue".to_owned() });
        };
        let (topics, pool, fork_guard) = (RwLock::default(), Arc::new(Pool::default()), ForkGuard::current());
        let wakeup = Opaque::new(Wakeup::default());
        // SAFETY: the queue is alive; `drop` unties the wakeup, which is dropped after that.
        unsafe { Wakeup::tie(&wakeup, events.as_ptr()) };
        let reconnect = Reconnect::new(properties);
        Ok(Self {
            handle,
            events: ManuallyDrop::new(events),
            topics,
            partition_for,
            pool,
            fork_guard,
            wakeup,
            callbacks,
            reconnect,
        })
    }

    /// The backoff for connection attempts.
    pub(super) fn reconnect(&self) -> &Reconnect {
        &self.reconnect
    }

    /// The state of the connections to brokers.
    pub(crate) fn connections(&self) -> &Connections {
        &self.callbacks.connections
    }

    /// The number of metadata responses, if the client has a rack; else 0.
    pub(crate) fn metadata_responses(&self) -> u64 {
        self.callbacks.metadata.responses()
    }

    /// Whether this process was forked from the client's process. The client's threads do not exist here, so no other method may be called.
    pub(crate) fn is_left_behind(&self) -> bool {
        self.fork_guard.is_left()
    }

    pub(crate) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// The topic with this name, created on first use. The error is librdkafka's code.
    pub(crate) fn topic(&self, name: &str) -> Result<Arc<Topic>, i32> {
        if let Some(topic) = read(&self.topics).get(name) {
            return Ok(Arc::clone(topic));
        }
        let mut topics = write(&self.topics);
        if let Some(topic) = topics.get(name) {
            return Ok(Arc::clone(topic));
        }
        // SAFETY: `self` keeps the client alive, and `drop` destroys the topics before it.
        let topic = Arc::new(unsafe { Topic::new(self.handle, name, (self.partition_for)(), &self.pool) }?);
        topics.insert(Arc::clone(topic.name()), Arc::clone(&topic));
        Ok(topic)
    }

    /// The topics used so far, in no order.
    pub(crate) fn topics(&self) -> Vec<Arc<Topic>> {
        read(&self.topics).values().map(Arc::clone).collect()
    }

    /// The next event. If there is none, waits for an event, for a [`wake`](Self::wake), or for `timeout`.
    pub(super) fn poll(&self, timeout: Duration) -> Option<Event> {
        self.events.poll(Duration::ZERO).or_else(|| {
            self.wakeup.wait(timeout);
            self.events.poll(Duration::ZERO)
        })
    }

    /// The throttling that the polls so far have reported.
    pub(super) fn throttled(&self) -> Vec<Throttled> {
        self.callbacks.throttles.take()
    }

    /// Wakes the delivery thread.
    pub(crate) fn wake(&self) {
        self.wakeup.ring();
    }

    /// Fails all records that are queued or in flight. Their reports follow.
    pub(crate) fn purge(&self) {
        // SAFETY: `self` keeps the client alive; the flags are librdkafka's own.
        unsafe {
            ffi::rd_kafka_purge(self.handle.as_ptr(), sys::RD_KAFKA_PURGE_F_QUEUE | sys::RD_KAFKA_PURGE_F_INFLIGHT);
        }
    }

    /// Fails all records that are queued and not in flight. Their reports follow. It does not wait for librdkafka's threads.
    pub(crate) fn purge_queued(&self) {
        // SAFETY: `self` keeps the client alive; the flags are librdkafka's own.
        unsafe {
            ffi::rd_kafka_purge(self.handle.as_ptr(), sys::RD_KAFKA_PURGE_F_QUEUE | sys::RD_KAFKA_PURGE_F_NON_BLOCKING);
        }
    }

    /// The fatal error of this producer, if there is one: the code and text of its cause.
    pub(crate) fn fatal_error(&self) -> Option<(i32, String)> {
        let mut text = TextBuffer::new();
        // SAFETY: `self` keeps the client alive, and `text` has as many bytes as are said here.
        let code = unsafe { ffi::rd_kafka_fatal_error(self.handle.as_ptr(), text.as_mut_ptr(), TextBuffer::SIZE) };
        (code != code::NO_ERROR).then(|| (code, text.text()))
    }

    pub(super) fn handle(&self) -> *mut sys::rd_kafka_t {
        self.handle.as_ptr()
    }

    /// librdkafka's value of a property.
    #[cfg(test)]
    pub(crate) fn property(&self, name: &str) -> Option<String> {
        // SAFETY: `self` keeps the client alive.
        unsafe { super::settings::property_of(self.handle, name) }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // librdkafka would wait for threads that do not exist in this process.
        if self.is_left_behind() {
            return;
        }
        let topics = unpoisoned(self.topics.get_mut());
        for topic in topics.values() {
            // SAFETY: one reference a topic, given back once; with the last `Client` gone nobody produces any more.
            unsafe { sys::rd_kafka_topic_destroy(topic.handle()) };
        }
        // SAFETY: `self.events` keeps the queue alive until the next line.
        unsafe { Wakeup::untie(self.events.as_ptr()) };
        // SAFETY: this is its one drop: nothing uses `events` afterwards.
        unsafe { ManuallyDrop::drop(&mut self.events) };
        // SAFETY: the client is ours, and its topics and queue are given back. The values to which it points, the partitioners in `topics`,
        // `wakeup` and `callbacks`, are fields of `self`, and so dropped after this.
        unsafe { sys::rd_kafka_destroy(self.handle.as_ptr()) };
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

/// Sends all queued records without lingering and waits until none is outstanding, for `timeout` at most. Blocks.
pub(crate) fn flush_now(client: &Client, timeout: Duration) {
    // SAFETY: `client` keeps the producer alive; reports are served by the delivery thread meanwhile.
    unsafe { ffi::rd_kafka_flush(client.handle(), milliseconds(timeout)) };
}
