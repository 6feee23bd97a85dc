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
    /// Whether a broker that is known by its id has answered, and not one that is known by the address of a bootstrap server only.
    pub(crate) is_from_known_broker: bool,
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
        // SAFETY: client and topic are alive.
        let metadata = unsafe { ask(self.handle(), topic.handle(), timeout) }?;
        // librdkafka has taken them over before it passed the answer on.
        if metadata.code == code::NO_ERROR {
            topic.set_partitions(i32::try_from(metadata.partitions.len()).unwrap_or(i32::MAX));
        }
        Ok(metadata)
    }
}

/// Asks the brokers for the topic's partitions.
///
/// # Safety
/// Client and topic are alive, and the topic is one of the client's.
pub(super) unsafe fn ask(
    client: *mut sys::rd_kafka_t,
    topic: *mut sys::rd_kafka_topic_t,
    timeout: Duration,
) -> Result<Metadata, i32> {
    let mut answer: *const sys::rd_kafka_metadata = ptr::null();
    // SAFETY: the caller guarantees client and topic; on success `answer` is ours to destroy.
    let code = unsafe { ffi::rd_kafka_metadata(client, 0, topic, &raw mut answer, milliseconds(timeout)) };
    if code != code::NO_ERROR || answer.is_null() {
        return Err(code);
    }
    // SAFETY: alive until it is destroyed below.
    let metadata = unsafe { copy(answer) };
    // SAFETY: ours, and copied.
    unsafe { sys::rd_kafka_metadata_destroy(answer) };
    Ok(metadata)
}

/// # Safety
/// `answer` is alive during the call.
unsafe fn copy(answer: *const sys::rd_kafka_metadata) -> Metadata {
    // SAFETY: the caller vouches for `answer`, which has no enum in it.
    let answer = unsafe { &*answer };
    // SAFETY: so many topics stand there; `ffi::MetadataTopic` has their layout.
    let topics = unsafe { array(answer.topics.cast::<ffi::MetadataTopic>(), answer.topic_cnt) };
    let is_from_known_broker = answer.orig_broker_id >= 0;
    let Some(topic) = topics.first() else {
        return Metadata { code: code::NO_ERROR, partitions: Vec::new(), is_from_known_broker };
    };
    // SAFETY: so many partitions stand there.
    let partitions = unsafe { array(topic.partitions, topic.partition_count) };
    let partitions = partitions.iter().map(|partition| PartitionMetadata {
        id: partition.id,
        leader: partition.leader,
        // SAFETY: so many replicas stand there.
        replicas: unsafe { array(partition.replicas, partition.replica_count) }.to_vec(),
        // SAFETY: so many of them are in sync.
        in_sync_replicas: unsafe { array(partition.in_sync, partition.in_sync_count) }.to_vec(),
    });
    Metadata { code: topic.code, partitions: partitions.collect(), is_from_known_broker }
}

/// C's array of `count` things.
///
/// # Safety
/// `count` things stand at `first` for as long as the result is used; with none, `first` may be null.
pub(super) unsafe fn array<'a, T>(first: *const T, count: c_int) -> &'a [T] {
    match usize::try_from(count) {
        Ok(count) if count > 0 && !first.is_null() => {
            // SAFETY: the caller vouches for them.
            unsafe { slice::from_raw_parts(first, count) }
        }
        _ => &[],
    }
}
