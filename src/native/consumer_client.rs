//! The native consumer and its calls.
//!
//! It does not use a consumer of the crate `rdkafka`: that crate reads brokers' codes into a Rust enum, also while it closes, and an unknown
//! code is undefined behaviour. Here each code is an integer, from the call to the [`Error`](crate::Error).

use std::{
    ffi::{CStr, CString, c_int},
    fmt,
    ptr::{self, NonNull},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use rdkafka_sys as sys;

use super::{
    code,
    consumer_queue::Polled,
    ffi,
    metadata::{self, Metadata},
    offsets::{ListedOffset, OffsetList},
    queue::Queue,
    returned_error::ReturnedError,
    settings::{SettingRefused, Settings, milliseconds, refused},
    text_buffer::TextBuffer,
    transaction::{GroupMember, membership_of},
    watermarks,
};
use crate::secret::Secret;

/// The timeout of the first request for metadata.
const FIRST_ATTEMPT: Duration = Duration::from_secs(1);

/// The timeout of a poll while the consumer closes.
const CLOSE_POLL: Duration = Duration::from_millis(100);

/// An owned `rd_kafka_t` of a consumer with a `group.id`. Dropping it destroys it, which waits for librdkafka's threads.
pub(crate) struct ConsumerClient {
    /// `None` only during the drop: the queue must be released before the client.
    queue: Option<Queue>,
    handle: NonNull<sys::rd_kafka_t>,
    has_closed: AtomicBool,
}

// SAFETY: librdkafka's functions may be called from any thread.
unsafe impl Send for ConsumerClient {}
// SAFETY: librdkafka's functions may be called from several threads at once.
unsafe impl Sync for ConsumerClient {}

impl ConsumerClient {
    pub(crate) fn new(properties: &[(String, Secret)]) -> Result<Self, SettingRefused> {
        let handle = Settings::of_consumer(properties)?.into_consumer()?;
        // SAFETY: the client was just made, and is ours; a null queue means the main one.
        unsafe { ffi::rd_kafka_set_log_queue(handle.as_ptr(), ptr::null_mut()) };
        // Logs and errors then also come from the consumer's queue. Without a group this fails, and so does the next call.
        // SAFETY: the client was just made, and is ours.
        unsafe { ffi::rd_kafka_poll_set_consumer(handle.as_ptr()) };
        // SAFETY: the client was just made, and is ours; `drop` drops the queue before it destroys the client.
        match unsafe { Queue::of_consumer(handle) } {
            Some(queue) => Ok(Self { queue: Some(queue), handle, has_closed: AtomicBool::new(false) }),
            None => {
                // SAFETY: the client is ours, nothing else uses it yet, and it is not used again.
                unsafe { sys::rd_kafka_destroy(handle.as_ptr()) };
                Err(refused(None, "librdkafka returned no consumer queue".to_owned()))
            }
        }
    }

    /// Passes the next event to `handle`, after waiting for it for `timeout` at most or until a [`wake`](Self::wake); `None` if there is none.
    pub(crate) fn poll<R>(&self, timeout: Duration, handle: impl FnOnce(Polled<'_>) -> R) -> Option<R> {
        self.queue.as_ref()?.poll_with(timeout, handle)
    }

    /// Ends a waiting [`poll`](Self::poll), or the next one.
    pub(crate) fn wake(&self) {
        if let Some(queue) = &self.queue {
            queue.wake();
        }
    }

    /// Leaves the group. Passes the resulting events to `handle`, which must handle rebalances, until librdkafka has closed the consumer.
    /// Returns the code of a fatal error, if there is one: then librdkafka leaves the group when it is destroyed.
    pub(crate) fn close(&self, mut handle: impl FnMut(Polled<'_>)) -> Result<(), i32> {
        let Some(queue) = &self.queue else { return Ok(()) };
        self.has_closed.store(true, Ordering::Release);
        // SAFETY: `self` keeps client and queue alive; the error that the call returns is ours.
        unsafe { taken_over(sys::rd_kafka_consumer_close_queue(self.handle.as_ptr(), queue.as_ptr())) }?;
        // SAFETY: `self` keeps the client alive.
        while unsafe { sys::rd_kafka_consumer_closed(self.handle.as_ptr()) } == 0 {
            queue.poll_with(CLOSE_POLL, &mut handle);
        }
        Ok(())
    }

    /// Subscribes to these topics and patterns.
    pub(crate) fn subscribe(&self, topics: &[CString]) -> Result<(), i32> {
        let list = OffsetList::of(topics.iter().map(|topic| (topic.as_c_str(), code::ANY_PARTITION, code::NO_OFFSET_YET)));
        // SAFETY: `self` and the borrowed list are alive; librdkafka copies the list.
        checked(unsafe { ffi::rd_kafka_subscribe(self.handle.as_ptr(), list.as_ptr()) })
    }

    pub(crate) fn unsubscribe(&self) -> Result<(), i32> {
        // SAFETY: `self` keeps the client alive.
        checked(unsafe { ffi::rd_kafka_unsubscribe(self.handle.as_ptr()) })
    }

    /// Replaces the assignment; `None` removes it.
    pub(crate) fn assign(&self, partitions: Option<&OffsetList>) -> Result<(), i32> {
        let list = partitions.map_or(ptr::null(), OffsetList::as_ptr);
        // SAFETY: `self` and the borrowed list are alive, null is none; librdkafka copies the list.
        checked(unsafe { ffi::rd_kafka_assign(self.handle.as_ptr(), list) })
    }

    /// Adds these partitions to the assignment.
    pub(crate) fn incremental_assign(&self, partitions: &OffsetList) -> Result<(), i32> {
        // SAFETY: `self` and the borrowed list are alive; librdkafka copies the list; the error that the call returns is ours.
        unsafe { taken_over(sys::rd_kafka_incremental_assign(self.handle.as_ptr(), partitions.as_ptr())) }
    }

    pub(crate) fn incremental_unassign(&self, partitions: &OffsetList) -> Result<(), i32> {
        // SAFETY: `self` and the borrowed list are alive; librdkafka copies the list; the error that the call returns is ours.
        unsafe { taken_over(sys::rd_kafka_incremental_unassign(self.handle.as_ptr(), partitions.as_ptr())) }
    }

    pub(crate) fn pause(&self, partitions: &mut OffsetList) -> Result<(), i32> {
        // SAFETY: `self` and the borrowed list are alive.
        checked(unsafe { ffi::rd_kafka_pause_partitions(self.handle.as_ptr(), partitions.as_mut_ptr()) })
    }

    /// Resumes the partitions. It does so twice: librdkafka ignores a request, without an error, that it overtakes with one of its own for a
    /// rebalance (`_OUTDATED`), and the partition would be paused forever. The second one has no effect on a partition that is not paused.
    pub(crate) fn resume(&self, partitions: &mut OffsetList) -> Result<(), i32> {
        for _ in 0..2 {
            // SAFETY: `self` and the borrowed list are alive.
            checked(unsafe { ffi::rd_kafka_resume_partitions(self.handle.as_ptr(), partitions.as_mut_ptr()) })?;
        }
        Ok(())
    }

    /// Seeks in each partition. The elements' codes are the results.
    pub(crate) fn seek(&self, partitions: &mut OffsetList, timeout: Duration) -> Result<Vec<ListedOffset>, i32> {
        // SAFETY: `self` and the borrowed list are alive; the error that the call returns is ours.
        unsafe {
            taken_over(sys::rd_kafka_seek_partitions(self.handle.as_ptr(), partitions.as_mut_ptr(), milliseconds(timeout)))
        }?;
        Ok(partitions.elements())
    }

    /// Stores the offsets for the next automatic commit.
    pub(crate) fn store(&self, offsets: &mut OffsetList) -> Result<(), i32> {
        // SAFETY: `self` and the borrowed list are alive.
        checked(unsafe { ffi::rd_kafka_offsets_store(self.handle.as_ptr(), offsets.as_mut_ptr()) })
    }

    /// Commits, and waits for the response for `timeout` at most. The first error of a partition fails the call: librdkafka's own result is an
    /// error only if all partitions failed.
    pub(crate) fn commit(&self, offsets: &OffsetList, timeout: Duration) -> Result<(), i32> {
        // SAFETY: `self` keeps the client alive.
        let replies = unsafe { Queue::new(self.handle.as_ptr()) }.ok_or(code::UNKNOWN)?;
        // SAFETY: client, list and queue are alive; librdkafka copies the list, and keeps its own reference to the queue.
        checked(unsafe {
            ffi::rd_kafka_commit_queue(self.handle.as_ptr(), offsets.as_ptr(), replies.as_ptr(), ptr::null_mut(), ptr::null_mut())
        })?;
        let begun = Instant::now();
        loop {
            let left = timeout.saturating_sub(begun.elapsed());
            let answer = replies.poll_with(left, |polled| match polled {
                Polled::Committed { code, partitions } => Some((code, partitions)),
                _ => None,
            });
            match answer.flatten() {
                Some((code, partitions)) => {
                    let failed = partitions.iter().map(|partition| partition.code).find(|code| *code != code::NO_ERROR);
                    return checked(if code == code::NO_ERROR { failed.unwrap_or(code) } else { code });
                }
                None if left.is_zero() => return Err(code::TIMED_OUT),
                None => {}
            }
        }
    }

    /// The group's committed offsets of these partitions.
    pub(crate) fn committed(&self, mut partitions: OffsetList, timeout: Duration) -> Result<Vec<ListedOffset>, i32> {
        // SAFETY: `self` and the borrowed list are alive.
        checked(unsafe { ffi::rd_kafka_committed(self.handle.as_ptr(), partitions.as_mut_ptr(), milliseconds(timeout)) })?;
        Ok(partitions.elements())
    }

    /// The first offsets whose records are not older than the given times, which are in the offset fields.
    pub(crate) fn offsets_for_times(&self, mut times: OffsetList, timeout: Duration) -> Result<Vec<ListedOffset>, i32> {
        // SAFETY: `self` and the borrowed list are alive.
        checked(unsafe { ffi::rd_kafka_offsets_for_times(self.handle.as_ptr(), times.as_mut_ptr(), milliseconds(timeout)) })?;
        Ok(times.elements())
    }

    /// The first offset of the partition, and the one after its last record.
    pub(crate) fn watermarks(&self, topic: &CStr, partition: i32, timeout: Duration) -> Result<(i64, i64), i32> {
        // SAFETY: `self` keeps the client alive, the name terminated.
        unsafe { watermarks::ask(self.handle.as_ptr(), topic.as_ptr(), partition, timeout) }
    }

    /// Requests the partitions of the topic.
    pub(crate) fn metadata(&self, topic: &CStr, timeout: Duration) -> Result<Metadata, i32> {
        // SAFETY: `self` keeps the client alive, the name terminated, the settings are the default ones; the handle is ours to destroy.
        let topic = unsafe { sys::rd_kafka_topic_new(self.handle.as_ptr(), topic.as_ptr(), ptr::null_mut()) };
        if topic.is_null() {
            // SAFETY: takes nothing.
            return Err(unsafe { ffi::rd_kafka_last_error() });
        }
        // In attempts that become longer, because librdkafka never answers a request for which it has chosen a broker that it then drops.
        let (begun, mut patience) = (Instant::now(), FIRST_ATTEMPT);
        let metadata = loop {
            let left = timeout.saturating_sub(begun.elapsed());
            // SAFETY: client and topic are alive.
            match unsafe { metadata::ask(self.handle.as_ptr(), topic, left.min(patience)) } {
                Err(code::TIMED_OUT) if left > patience => patience = patience.saturating_mul(2),
                metadata => break metadata,
            }
        };
        // SAFETY: the topic is ours, and not used again; the client is alive.
        unsafe { sys::rd_kafka_topic_destroy(topic) };
        metadata
    }

    /// The fatal error of the client, with librdkafka's text.
    pub(crate) fn fatal_error(&self) -> Option<(i32, String)> {
        let mut text = TextBuffer::new();
        // SAFETY: `self` keeps the client alive, and `text` has as many bytes as are said here.
        let code = unsafe { ffi::rd_kafka_fatal_error(self.handle.as_ptr(), text.as_mut_ptr(), TextBuffer::SIZE) };
        (code != code::NO_ERROR).then(|| (code, text.text()))
    }

    /// Whether the client's partitions already belong to other members.
    pub(crate) fn is_assignment_lost(&self) -> bool {
        // SAFETY: `self` keeps the client alive.
        unsafe { sys::rd_kafka_assignment_lost(self.handle.as_ptr()) != 0 }
    }

    /// The client's current group membership.
    pub(crate) fn membership(&self) -> Option<GroupMember> {
        // SAFETY: `self` keeps the client alive.
        unsafe { membership_of(self.handle.as_ptr()) }
    }
}

impl Drop for ConsumerClient {
    fn drop(&mut self) {
        self.queue = None;
        // Without `close`, only because its thread has panicked, librdkafka would close the group and might wait forever for the answer to a
        // rebalance. The group then learns of the end by `session.timeout.ms`.
        let flags = if self.has_closed.load(Ordering::Acquire) { 0 } else { sys::RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE };
        // SAFETY: `self` owns the client, this is its one drop, and its queue is dropped above.
        unsafe { sys::rd_kafka_destroy_flags(self.handle.as_ptr(), flags) };
    }
}

impl fmt::Debug for ConsumerClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsumerClient").finish_non_exhaustive()
    }
}

fn checked(code: c_int) -> Result<(), i32> {
    if code == code::NO_ERROR { Ok(()) } else { Err(code) }
}

/// Reads the code of a returned error and destroys the error.
///
/// # Safety
/// `error` is null, or an error that nobody else destroys.
unsafe fn taken_over(error: *mut sys::rd_kafka_error_t) -> Result<(), i32> {
    // SAFETY: the caller guarantees null or an error that is ours.
    unsafe { ReturnedError::check(error) }.map_err(|error| error.code())
}
