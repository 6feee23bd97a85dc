//! A topic's native handle, looked up once, and the partitioner that librdkafka calls for it.

use std::{
    ffi::{CString, c_void},
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    ptr::{self, NonNull},
    sync::Arc,
};

use rdkafka_sys as sys;

use super::{counts::Counts, ffi, pool::Pool, slot};

/// librdkafka refuses a record whose partition is beyond the topic's last: the answer for a choice that cannot be used.
const NO_PARTITION: i32 = i32::MAX;

/// Chooses partitions for one topic. Called by librdkafka on whichever thread has the record and the topic's metadata;
/// must not block.
pub(crate) trait Partition: Send + Sync {
    /// The partition for a record; what is not one of the topic's fails that record.
    fn choose(&self, choice: &Choice<'_>) -> i32;
}

/// What a choice is made from.
pub(crate) struct Choice<'a> {
    /// The serialized key, `None` for null.
    pub(crate) key: Option<&'a [u8]>,
    /// The bytes of key, value and headers.
    pub(crate) size: usize,
    /// How many partitions the topic has; at least one.
    pub(crate) partitions: i32,
    topic: *const sys::rd_kafka_topic_t,
}

impl Choice<'_> {
    /// Whether the partition has a leader.
    pub(crate) fn is_available(&self, partition: i32) -> bool {
        // SAFETY: this function is allowed in a partitioner callback, and a `Choice` lives no longer than one.
        unsafe { sys::rd_kafka_topic_partition_available(self.topic, partition) != 0 }
    }
}

/// A topic of one client, or a name for records that go to none.
pub(crate) struct Topic {
    name: Arc<str>,
    /// `None` without a client.
    handle: Option<NonNull<sys::rd_kafka_topic_t>>,
    /// Boxed twice: librdkafka keeps the address of the inner box.
    _partition: Option<Box<Box<dyn Partition>>>,
    pool: Arc<Pool>,
    counts: Counts,
}

// SAFETY: `rd_kafka_topic_t` is used under librdkafka's own locks, and a `Partition` is `Send + Sync`.
unsafe impl Send for Topic {}
// SAFETY: as above.
unsafe impl Sync for Topic {}

impl Topic {
    /// Makes the handle; the code is librdkafka's reason against it.
    ///
    /// # Safety
    /// `client` is alive, and outlives every use of the handle: [`Client`](super::Client) destroys all of its topics first.
    pub(super) unsafe fn new(
        client: NonNull<sys::rd_kafka_t>,
        name: &str,
        partition: Option<Box<dyn Partition>>,
        pool: &Arc<Pool>,
    ) -> Result<Self, i32> {
        // SAFETY: the caller vouches for `client`; the copy of its topic settings is ours until `topic_new` takes it.
        let settings = unsafe { sys::rd_kafka_default_topic_conf_dup(client.as_ptr()) };
        let mut partition = partition.map(Box::new);
        if let Some(partition) = &mut partition {
            let address: *mut Box<dyn Partition> = &raw mut **partition;
            // SAFETY: `settings` is ours; the box stays where it is until the handle is gone.
            unsafe { sys::rd_kafka_topic_conf_set_opaque(settings, address.cast()) };
            // SAFETY: `settings` is ours.
            unsafe { sys::rd_kafka_topic_conf_set_partitioner_cb(settings, Some(choose_partition)) };
        }
        let c_name = CString::new(name).unwrap_or_default();
        // SAFETY: the name is NUL-terminated; librdkafka takes `settings` over in any case.
        let handle = unsafe { sys::rd_kafka_topic_new(client.as_ptr(), c_name.as_ptr(), settings) };
        match NonNull::new(handle) {
            Some(handle) => Ok(Self {
                name: name.into(),
                handle: Some(handle),
                _partition: partition,
                pool: Arc::clone(pool),
                counts: Counts::default(),
            }),
            // SAFETY: reads this thread's last error.
            None => Err(unsafe { ffi::rd_kafka_last_error() }),
        }
    }

    /// A topic for records that librdkafka never sees.
    #[cfg(feature = "testing")]
    pub(crate) fn detached(name: &str, pool: &Arc<Pool>) -> Self {
        Self { name: name.into(), handle: None, _partition: None, pool: Arc::clone(pool), counts: Counts::default() }
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// What became of its records so far.
    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Null without a client.
    pub(super) fn handle(&self) -> *mut sys::rd_kafka_topic_t {
        self.handle.map_or(ptr::null_mut(), NonNull::as_ptr)
    }

    pub(super) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Topic").field(&self.name).finish()
    }
}

/// The callback that librdkafka has: no panic gets past it.
unsafe extern "C" fn choose_partition(
    topic: *const sys::rd_kafka_topic_t,
    key: *const c_void,
    key_size: usize,
    partitions: i32,
    topic_opaque: *mut c_void,
    message_opaque: *mut c_void,
) -> i32 {
    // SAFETY: `Topic::new` gave the address of a box that lives as long as the topic's handle.
    let partition = unsafe { &*topic_opaque.cast::<Box<dyn Partition>>() };
    // SAFETY: every message of this client carries a slot, and it is not reported before it is partitioned.
    let body = unsafe { slot::body_in_flight(message_opaque) };
    // SAFETY: null, or librdkafka's own copy of the key, which it keeps during the call.
    let key = unsafe { ffi::bytes(key, key_size) };
    let choice = Choice { key, size: body.size(), partitions, topic };
    let chosen = catch_unwind(AssertUnwindSafe(|| partition.choose(&choice))).unwrap_or(NO_PARTITION);
    if chosen < 0 { NO_PARTITION } else { chosen }
}

/// A topic's native headers for one record, taken over by librdkafka once it accepts the record.
pub(super) fn native_headers(headers: &crate::record::Headers) -> *mut sys::rd_kafka_headers_t {
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

/// A length for C: no slice is longer than `isize::MAX`.
fn signed(length: usize) -> isize {
    isize::try_from(length).unwrap_or(isize::MAX)
}
