//! A topic's partitions, as the brokers name them.

use std::{ffi::c_int, ptr, slice, time::Duration};

use rdkafka_sys as sys;

use super::{client::Client, code, ffi, settings::milliseconds, topic::Topic};

/// One topic's partitions, copied out of librdkafka.
#[derive(Debug)]
pub(crate) struct Metadata {
    /// 0, or why the brokers do not give this topic's partitions.
    pub(crate) code: i32,
    pub(crate) partitions: Vec<PartitionMetadata>,
}

/// One partition.
#[derive(Debug)]
pub(crate) struct PartitionMetadata {
    pub(crate) id: i32,
    /// -1 while it has none.
    pub(crate) leader: i32,
    pub(crate) replicas: Vec<i32>,
    pub(crate) in_sync_replicas: Vec<i32>,
}

impl Client {
    /// Asks the brokers for the topic's partitions; blocks for `timeout` at most. The code is librdkafka's.
    pub(crate) fn metadata(&self, topic: &Topic, timeout: Duration) -> Result<Metadata, i32> {
        let mut answer: *const sys::rd_kafka_metadata = ptr::null();
        // SAFETY: client and topic are alive; on success `answer` is ours to destroy.
        let code = unsafe {
            ffi::rd_kafka_metadata(self.handle(), 0, topic.handle(), &raw mut answer, milliseconds(timeout))
        };
        if code != code::NO_ERROR || answer.is_null() {
            return Err(code);
        }
        // SAFETY: alive until it is destroyed below.
        let metadata = unsafe { copy(answer) };
        // SAFETY: ours, and copied.
        unsafe { sys::rd_kafka_metadata_destroy(answer) };
        Ok(metadata)
    }
}

/// # Safety
/// `answer` is alive during the call.
unsafe fn copy(answer: *const sys::rd_kafka_metadata) -> Metadata {
    // SAFETY: the caller vouches for `answer`; only fields that are plain integers and pointers are read, never an enum.
    let (topics, count) = unsafe { ((*answer).topics, (*answer).topic_cnt) };
    if topics.is_null() || count < 1 {
        return Metadata { code: code::NO_ERROR, partitions: Vec::new() };
    }
    // SAFETY: at least one topic is there. Its code is read as the integer that it is in C.
    let code = unsafe { (&raw const (*topics).err).cast::<c_int>().read() };
    // SAFETY: as above.
    let (first, partitions) = unsafe { ((*topics).partitions, (*topics).partition_cnt) };
    let partitions = (0..usize::try_from(partitions).unwrap_or(0))
        .map(|index| {
            // SAFETY: `partitions` entries stand at `first`.
            let partition = unsafe { first.add(index) };
            // SAFETY: as above; fields are read one by one, since `err` may be no variant of its enum.
            unsafe {
                PartitionMetadata {
                    id: (*partition).id,
                    leader: (*partition).leader,
                    replicas: integers((*partition).replicas, (*partition).replica_cnt),
                    in_sync_replicas: integers((*partition).isrs, (*partition).isr_cnt),
                }
            }
        })
        .collect();
    Metadata { code, partitions }
}

/// # Safety
/// `count` integers stand at `first`.
unsafe fn integers(first: *const i32, count: c_int) -> Vec<i32> {
    match usize::try_from(count) {
        Ok(count) if count > 0 && !first.is_null() => {
            // SAFETY: the caller vouches for them.
            unsafe { slice::from_raw_parts(first, count) }.to_vec()
        }
        _ => Vec::new(),
    }
}
