//! A topic's native handle, which is created once, and the partitioner that librdkafka calls for it.
//!
//! `sticky.partitioning.linger.ms` is 0 if ottla chooses partitions, because librdkafka otherwise does not call the partitioner for a null
//! key. The callback runs on any thread, must not block, and may only ask librdkafka for a partition's leader. An invalid choice becomes
//! `i32::MAX`, not a negative number, which would mean "no choice": so the record fails instead of waiting, and its slot stores what the
//! partitioner did.
//!
//! A custom partitioner gets bytes, not objects. librdkafka calls it when it has the topic's metadata: in `send`, or later on its own thread.
//! It passes the key to the callback but not the value. So only with such a partitioner small records stay in their slots
//! (`PreparedRecord::is_kept`).

use std::{
    ffi::{CString, c_void},
    fmt,
    ptr::{self, NonNull},
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicI32, Ordering},
    },
};

use rdkafka_sys as sys;

use super::{counts::TopicCounts, ffi, opaque::Opaque, outcome::ErrorDetails, pool::Pool, record_view::RecordView, slot};
use crate::{panic::contain, record::Headers};

/// The result for an invalid choice: librdkafka rejects a record whose partition does not exist.
const NO_PARTITION: i32 = i32::MAX;

/// Chooses partitions for one topic. librdkafka calls it on any thread that has the record and the topic's metadata; it must not block.
pub(crate) trait TopicPartitioner: Send + Sync {
    /// The partition for a record. A partition that the topic does not have fails the record, and so does a panic.
    fn choose(&self, choice: &Choice<'_>) -> Chosen;

    /// Whether [`Choice::value`] is used: if so, the values of small records are kept in memory.
    fn wants_value(&self) -> bool {
        false
    }

    /// Whether the choice for a record with this key depends on the leaders of the partitions.
    fn needs_leaders(&self, key: Option<&[u8]>) -> bool {
        let _ = key;
        false
    }

    /// Brokers have reported the leader of each partition; -1 for none. Returns whether the partitioner has all that it
    /// [needs](Self::needs_leaders).
    fn on_leaders(&self, leaders: &[i32]) -> bool {
        let _ = leaders;
        true
    }

    /// Counts a record with an explicit partition, if such records count.
    fn count(&self, partition: i32, bytes: usize) -> bool {
        let _ = (partition, bytes);
        false
    }

    /// Counted records have been reported, or were not accepted. Must not panic.
    fn on_reported(&self, reported: PartitionReport) {
        let _ = reported;
    }
}

/// The result of a partitioner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub(crate) partition: i32,
    /// Whether the record is counted, so that [`TopicPartitioner::on_reported`] must be called.
    pub(crate) is_counted: bool,
}

/// Counted records of one partition that librdkafka no longer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PartitionReport {
    pub(crate) partition: i32,
    /// Their size in the queue ([`Choice::queued_size`]).
    pub(crate) bytes: usize,
    /// Whether a record of them was written.
    pub(crate) any_written: bool,
    /// The broker that reported the first of them; negative for none.
    pub(crate) broker: i32,
}

/// The input of a choice.
pub(crate) struct Choice<'a> {
    /// The serialized key, `None` for null.
    pub(crate) key: Option<&'a [u8]>,
    /// The number of partitions of the topic; at least one.
    pub(crate) partitions: i32,
    view: RecordView<'a>,
    value: Option<&'a [u8]>,
    topic: *const sys::rd_kafka_topic_t,
}

impl<'a> Choice<'a> {
    /// The topic name.
    pub(crate) fn topic(&self) -> &'a str {
        self.view.topic_name()
    }

    /// The serialized value, `None` for null. Of a small record it is here only for a partitioner that
    /// [wants](TopicPartitioner::wants_value) it.
    pub(crate) fn value(&self) -> Option<&'a [u8]> {
        self.value
    }

    pub(crate) fn headers(&self) -> &'a Headers {
        self.view.headers
    }

    /// The size of key, value and headers, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.view.size()
    }

    /// The record's size in its partition's queue.
    pub(crate) fn queued_size(&self) -> usize {
        self.view.queued_size()
    }

    /// Whether the partition has a leader.
    pub(crate) fn is_available(&self, partition: i32) -> bool {
        // SAFETY: this function is allowed in a partitioner callback, and a `Choice` lives no longer than one.
        unsafe { sys::rd_kafka_topic_partition_available(self.topic, partition) != 0 }
    }
}

/// A topic of a client, or a name for records that are sent to none.
pub(crate) struct Topic {
    name: Arc<str>,
    /// The name again, for the threads that send: each report changes the reference count of `name`, which is next to its text.
    compared_name: Box<str>,
    /// `None` without a client.
    handle: Option<NonNull<sys::rd_kafka_topic_t>>,
    /// librdkafka keeps its address, until the client is destroyed: the client's own reference to this topic goes after that.
    partition: Option<Opaque<Box<dyn TopicPartitioner>>>,
    wants_value: bool,
    /// Whether the partitioner needs the leaders of the partitions, and whether it has them.
    needs_leaders: bool,
    has_leaders: AtomicBool,
    /// Weak, since the pool holds slots, and a slot holds its topic.
    pool: Weak<Pool>,
    counts: TopicCounts,
    /// The number of partitions that brokers have reported; 0 before that.
    partitions: AtomicI32,
}

// SAFETY: `rd_kafka_topic_t` may be used on any thread, and all else in a topic is `Send`.
unsafe impl Send for Topic {}
// SAFETY: `rd_kafka_topic_t` is used under librdkafka's own locks, and all else in a topic is `Sync`.
unsafe impl Sync for Topic {}

impl Topic {
    /// Creates the handle. The error is librdkafka's code.
    ///
    /// # Safety
    /// `client` is alive, and outlives every use of the handle: [`Client`](super::Client) destroys the handles of all of its topics
    /// first, and drops the topics themselves, with their partitioners, after it has destroyed `client`.
    pub(super) unsafe fn new(
        client: NonNull<sys::rd_kafka_t>,
        name: &str,
        partition: Option<Box<dyn TopicPartitioner>>,
        pool: &Arc<Pool>,
    ) -> Result<Self, i32> {
        // SAFETY: the caller guarantees a live client; the copy of its topic settings is ours until `rd_kafka_topic_new` takes it.
        let settings = unsafe { sys::rd_kafka_default_topic_conf_dup(client.as_ptr()) };
        let partition = partition.map(Opaque::new);
        if let Some(partition) = &partition {
            // SAFETY: `settings` is ours. The caller guarantees that the topic, which owns the partitioner, is dropped after the client: so the
            // pointer is valid whenever the callback is called.
            unsafe {
                sys::rd_kafka_topic_conf_set_opaque(settings, partition.as_ptr());
                sys::rd_kafka_topic_conf_set_partitioner_cb(settings, Some(choose_partition));
            }
        }
        let c_name = CString::new(name).unwrap_or_default();
        // SAFETY: the name is NUL-terminated; librdkafka takes `settings` over in any case.
        let handle = unsafe { sys::rd_kafka_topic_new(client.as_ptr(), c_name.as_ptr(), settings) };
        match NonNull::new(handle) {
            Some(handle) => {
                let wants_value = partition.as_ref().is_some_and(|partition| partition.wants_value());
                let needs_leaders = partition.as_ref().is_some_and(|partition| partition.needs_leaders(None));
                let (handle, pool) = (Some(handle), Arc::downgrade(pool));
                Ok(Self {
                    name: name.into(),
                    compared_name: name.into(),
                    handle,
                    partition,
                    wants_value,
                    needs_leaders,
                    has_leaders: AtomicBool::new(false),
                    pool,
                    counts: TopicCounts::default(),
                    partitions: AtomicI32::new(0),
                })
            }
            // SAFETY: reads this thread's last error.
            None => Err(unsafe { ffi::rd_kafka_last_error() }),
        }
    }

    /// A topic for records that librdkafka never gets.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn detached(name: &str, pool: &Arc<Pool>) -> Self {
        let pool = Arc::downgrade(pool);
        Self {
            name: name.into(),
            compared_name: name.into(),
            handle: None,
            partition: None,
            wants_value: false,
            needs_leaders: false,
            has_leaders: AtomicBool::new(false),
            pool,
            counts: TopicCounts::default(),
            partitions: AtomicI32::new(0),
        }
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Whether this is its name.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        *self.compared_name == *name
    }

    /// The number of partitions that brokers have reported, in their last metadata response and by acknowledging records; 0 before that.
    pub(crate) fn partitions(&self) -> i32 {
        self.partitions.load(Ordering::Relaxed)
    }

    pub(super) fn set_partitions(&self, partitions: i32) {
        self.partitions.store(partitions, Ordering::Relaxed);
    }

    /// Passes the leaders that brokers have reported to the partitioner; -1 for none.
    pub(super) fn set_leaders(&self, leaders: &[i32]) {
        let partition = self.partition().filter(|_| self.needs_leaders);
        if partition.is_some_and(|partition| partition.on_leaders(leaders)) {
            self.has_leaders.store(true, Ordering::Release);
        }
    }

    /// Whether the partitioner needs the leaders of the partitions.
    pub(crate) fn needs_leaders(&self) -> bool {
        self.needs_leaders
    }

    /// Whether the partitioner needs leaders, and has them.
    pub(crate) fn has_leaders(&self) -> bool {
        self.needs_leaders && self.has_leaders.load(Ordering::Acquire)
    }

    /// Whether the partitioner needs leaders for a record with this key, and does not have them yet.
    pub(crate) fn awaits_leaders(&self, key: Option<&[u8]>) -> bool {
        self.needs_leaders && !self.has_leaders() && self.partition().is_some_and(|partition| partition.needs_leaders(key))
    }

    /// Records that a broker has acknowledged a record of this partition.
    pub(super) fn note_partition(&self, partition: i32) {
        if partition >= self.partitions() {
            self.partitions.fetch_max(partition.saturating_add(1), Ordering::Relaxed);
        }
    }

    /// Records that librdkafka does not know this partition (or, for 0, the topic), whatever brokers have reported before.
    pub(crate) fn forget_partition(&self, partition: i32) {
        self.partitions.fetch_min(partition, Ordering::Relaxed);
    }

    /// The counts of its records.
    pub(crate) fn counts(&self) -> &TopicCounts {
        &self.counts
    }

    /// The partitioner, unless the choice is left to librdkafka.
    pub(super) fn partition(&self) -> Option<&dyn TopicPartitioner> {
        self.partition.as_ref().map(|partition| &***partition)
    }

    /// Whether the partitioner needs the values of records.
    pub(super) fn wants_value(&self) -> bool {
        self.wants_value
    }

    /// Null without a client.
    pub(super) fn handle(&self) -> *mut sys::rd_kafka_topic_t {
        self.handle.map_or(ptr::null_mut(), NonNull::as_ptr)
    }

    /// The pool that its slots come from; `None` once its owner has dropped it.
    pub(super) fn pool(&self) -> Option<Arc<Pool>> {
        self.pool.upgrade()
    }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Topic").field(&self.name).finish()
    }
}

/// librdkafka's callback. It contains panics.
unsafe extern "C" fn choose_partition(
    topic: *const sys::rd_kafka_topic_t,
    key: *const c_void,
    key_size: usize,
    partitions: i32,
    topic_opaque: *mut c_void,
    message_opaque: *mut c_void,
) -> i32 {
    // SAFETY: `Topic::new` gave the pointer of a partitioner, which its topic drops after the client is destroyed.
    let partition = unsafe { Opaque::<Box<dyn TopicPartitioner>>::from_ptr(topic_opaque) };
    // SAFETY: every message of this client carries a slot, and it is not reported before it is partitioned.
    let (view, value) = unsafe { slot::in_flight(message_opaque) };
    // SAFETY: null, or librdkafka's own copy of the key, which it keeps during the call.
    let key = unsafe { ffi::bytes(key, key_size) };
    let choice = Choice { key, partitions, view, value, topic };
    let (answered, cause) = match contain(|| partition.choose(&choice)) {
        Ok(Chosen { partition, is_counted }) if (0..partitions).contains(&partition) => {
            if is_counted {
                // SAFETY: the message carries a slot and is not reported yet; librdkafka partitions a message on one thread, before anything else becomes of it.
                unsafe { slot::set_counted(message_opaque) };
            }
            return partition;
        }
        Ok(Chosen { partition, .. }) => (format!("returned {partition}: must be 0 to {}", partitions - 1), None),
        Err(panic) => ("panicked".to_owned(), Some(panic.into_boxed_str())),
    };
    let details = ErrorDetails { broker: None, partitioner: Some(answered.into_boxed_str()), cause, ..ErrorDetails::default() };
    // SAFETY: the message carries a slot and is not reported yet, librdkafka partitions it on this thread, and `choice` is used no more.
    unsafe { slot::save_details(message_opaque, details) };
    NO_PARTITION
}

/// Passes reported records to a topic's partitioner.
///
/// # Safety
/// `topic` is a topic of a client that is alive.
pub(super) unsafe fn tell_reported(topic: *const sys::rd_kafka_topic_t, reported: PartitionReport) {
    // SAFETY: the caller guarantees a live topic of a client.
    let opaque = unsafe { sys::rd_kafka_topic_opaque(topic) };
    if opaque.is_null() {
        return;
    }
    // SAFETY: not null, it is the pointer that `Topic::new` gave, of a partitioner that its topic drops after the client is destroyed.
    let partition = unsafe { Opaque::<Box<dyn TopicPartitioner>>::from_ptr(opaque) };
    partition.on_reported(reported);
}

/// The native headers of a record. librdkafka takes ownership of them when it accepts the record.
pub(super) fn native_headers(headers: &Headers) -> *mut sys::rd_kafka_headers_t {
    if headers.is_empty() {
        return ptr::null_mut();
    }
    // SAFETY: takes a count, returns an object that is ours until a record takes it over.
    let list = unsafe { sys::rd_kafka_headers_new(headers.len()) };
    for header in headers {
        let (value, size) = match header.value() {
            Some(value) => (value.as_ptr().cast::<c_void>(), signed(value.len())),
            None => (ptr::null(), 0),
        };
        let name = header.name();
        // SAFETY: `list` is ours; librdkafka copies name and value, whose lengths are given.
        unsafe { ffi::rd_kafka_header_add(list, name.as_ptr().cast(), signed(name.len()), value, size) };
    }
    list
}

/// Converts a length for C; no slice is longer than `isize::MAX`.
fn signed(length: usize) -> isize {
    isize::try_from(length).unwrap_or(isize::MAX)
}
