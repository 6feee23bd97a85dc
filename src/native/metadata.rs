//! The partitions of a topic in the brokers' metadata.

use std::{
    ffi::c_int,
    ptr::{self, NonNull},
    slice,
    time::Duration,
};

use rdkafka_sys as sys;

use super::{client::Client, code, ffi, settings::milliseconds, topic::Topic};

/// The partitions of a topic, copied from librdkafka.
#[derive(Debug)]
pub(crate) struct Metadata {
    /// 0, or the brokers' error for this topic.
    pub(crate) code: i32,
    pub(crate) partitions: Vec<PartitionMetadata>,
    /// Whether the response came from a broker whose id is known, not from a bootstrap server.
    pub(crate) is_from_known_broker: bool,
}

/// A partition.
#[derive(Debug)]
pub(crate) struct PartitionMetadata {
    pub(crate) id: i32,
    /// -1 for none.
    pub(crate) leader: i32,
    pub(crate) replicas: Vec<i32>,
    pub(crate) in_sync_replicas: Vec<i32>,
}

impl Client {
    /// Requests the partitions of a topic. Blocks for `timeout` at most. The error is librdkafka's code.
    pub(crate) fn metadata(&self, topic: &Topic, timeout: Duration) -> Result<Metadata, i32> {
        // SAFETY: `self` and `topic` keep client and topic alive.
        let metadata = unsafe { ask(self.handle(), topic.handle(), timeout) }?;
        // librdkafka has updated its own metadata before it returned the response.
        if metadata.code == code::NO_ERROR {
            topic.set_partitions(i32::try_from(metadata.partitions.len()).unwrap_or(i32::MAX));
            topic.set_leaders(&metadata.leaders());
        }
        Ok(metadata)
    }

    /// Requests the first of the topics that the client knows, or only the brokers if it knows none. Blocks for `timeout` at most. The error is
    /// librdkafka's code.
    pub(crate) fn known_metadata(&self, timeout: Duration) -> Result<Metadata, i32> {
        // SAFETY: `self` keeps the client alive; a null topic asks for the topics that the client knows.
        unsafe { MetadataAnswer::ask(self.handle(), ptr::null_mut(), timeout) }.map(|answer| answer.first_topic())
    }
}

impl Metadata {
    /// The leaders by partition; -1 for none.
    pub(crate) fn leaders(&self) -> Vec<i32> {
        let mut leaders = vec![-1; self.partitions.len()];
        for partition in &self.partitions {
            if let Some(leader) = usize::try_from(partition.id).ok().and_then(|id| leaders.get_mut(id)) {
                *leader = partition.leader;
            }
        }
        leaders
    }
}

/// An owned `rd_kafka_metadata_t`: a broker's response.
pub(super) struct MetadataAnswer(NonNull<sys::rd_kafka_metadata>);

impl MetadataAnswer {
    /// Requests a topic, or, with a null pointer, the topics that the client knows. Blocks for `timeout` at most. The error is librdkafka's
    /// code.
    ///
    /// # Safety
    /// `client` is alive, and `topic` is null or a live topic of it.
    pub(super) unsafe fn ask(
        client: *mut sys::rd_kafka_t,
        topic: *mut sys::rd_kafka_topic_t,
        timeout: Duration,
    ) -> Result<Self, i32> {
        let mut answer: *const sys::rd_kafka_metadata = ptr::null();
        // SAFETY: the caller guarantees client and topic; an answer that the call writes is ours.
        let code = unsafe { ffi::rd_kafka_metadata(client, 0, topic, &raw mut answer, milliseconds(timeout)) };
        match NonNull::new(answer.cast_mut()) {
            Some(answer) if code == code::NO_ERROR => Ok(Self(answer)),
            _ => Err(code),
        }
    }

    fn metadata(&self) -> &sys::rd_kafka_metadata {
        // SAFETY: the answer is alive until `drop`, nobody writes to it, and at this level it has no enum that a broker's code could break.
        unsafe { self.0.as_ref() }
    }

    pub(super) fn brokers(&self) -> &[sys::rd_kafka_metadata_broker] {
        // SAFETY: librdkafka has written `broker_cnt` brokers there, which live as long as the answer.
        unsafe { array(self.metadata().brokers, self.metadata().broker_cnt) }
    }

    /// The id of the broker that responded; `None` if the client knows only its address.
    pub(super) fn answering_broker(&self) -> Option<i32> {
        Some(self.metadata().orig_broker_id).filter(|&id| id >= 0)
    }

    /// The partitions of the first topic, copied.
    fn first_topic(&self) -> Metadata {
        let is_from_known_broker = self.answering_broker().is_some();
        // SAFETY: librdkafka has written `topic_cnt` topics there, which live as long as the answer; `ffi::MetadataTopic` has their layout.
        let topics = unsafe { array(self.metadata().topics.cast::<ffi::MetadataTopic>(), self.metadata().topic_cnt) };
        let Some(topic) = topics.first() else {
            return Metadata { code: code::NO_ERROR, partitions: Vec::new(), is_from_known_broker };
        };
        // SAFETY: librdkafka has written `partition_count` partitions there, which live as long as the answer.
        let partitions = unsafe { array(topic.partitions, topic.partition_count) };
        let partitions = partitions.iter().map(|partition| {
            // SAFETY: librdkafka has written as many ids to both lists as it says; they live as long as the answer.
            let (replicas, in_sync) = unsafe {
                (array(partition.replicas, partition.replica_count), array(partition.in_sync, partition.in_sync_count))
            };
            PartitionMetadata {
                id: partition.id,
                leader: partition.leader,
                replicas: replicas.to_vec(),
                in_sync_replicas: in_sync.to_vec(),
            }
        });
        Metadata { code: topic.code, partitions: partitions.collect(), is_from_known_broker }
    }
}

impl Drop for MetadataAnswer {
    fn drop(&mut self) {
        // SAFETY: `ask` took ownership of the answer, and this is its one drop.
        unsafe { sys::rd_kafka_metadata_destroy(self.0.as_ptr()) };
    }
}

/// Requests the partitions of a topic.
///
/// # Safety
/// Client and topic are alive, and the topic is one of the client's.
pub(super) unsafe fn ask(
    client: *mut sys::rd_kafka_t,
    topic: *mut sys::rd_kafka_topic_t,
    timeout: Duration,
) -> Result<Metadata, i32> {
    // SAFETY: the caller guarantees client and topic.
    unsafe { MetadataAnswer::ask(client, topic, timeout) }.map(|answer| answer.first_topic())
}

/// A C array of `count` values.
///
/// # Safety
/// There are `count` values at `first` as long as the result is used; if `count` is 0, `first` may be null.
pub(super) unsafe fn array<'a, T>(first: *const T, count: c_int) -> &'a [T] {
    match usize::try_from(count) {
        Ok(count) if count > 0 && !first.is_null() => {
            // SAFETY: the caller guarantees `count` values there, for as long as the result is used.
            unsafe { slice::from_raw_parts(first, count) }
        }
        _ => &[],
    }
}
