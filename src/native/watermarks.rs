//! The first and the last offset of a partition, from its leader.

use std::{ffi::c_char, time::Duration};

use rdkafka_sys as sys;

use super::{client::Client, code, ffi, settings::milliseconds, topic::Topic};

/// The first offset of the partition, and the one after its last record. Blocks for `timeout` at most. The error is a code of librdkafka or of
/// the broker.
///
/// # Safety
/// `client` is alive, and `topic` is a NUL-terminated text.
pub(super) unsafe fn ask(
    client: *mut sys::rd_kafka_t,
    topic: *const c_char,
    partition: i32,
    timeout: Duration,
) -> Result<(i64, i64), i32> {
    let (mut low, mut high) = (-1, -1);
    // SAFETY: the caller guarantees client and name; the two numbers are written on success only.
    let code = unsafe {
        ffi::rd_kafka_query_watermark_offsets(client, topic, partition, &raw mut low, &raw mut high, milliseconds(timeout))
    };
    if code == code::NO_ERROR { Ok((low, high)) } else { Err(code) }
}

impl Client {
    /// Whether the partition's leader hosts it: brokers report a new topic before each of them has opened its partitions, and reject records
    /// until then. Blocks for `timeout` at most.
    pub(crate) fn probe_leader(&self, topic: &Topic, partition: i32, timeout: Duration) -> Result<(), i32> {
        // SAFETY: `self` and `topic` keep client and topic alive, and the name is the topic's.
        unsafe { ask(self.handle(), sys::rd_kafka_topic_name(topic.handle()), partition, timeout) }.map(drop)
    }
}
