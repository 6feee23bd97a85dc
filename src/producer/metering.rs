//! What a producer's metrics are made of.

use std::{sync::Arc, time::Instant};

use super::Producer;
use crate::{
    metrics::{Metrics, Present, Totals, snapshot},
    native::{Client, Counted, TopicCounts},
};

impl<K: ?Sized + 'static, V: ?Sized + 'static> Producer<K, V> {
    /// What this producer has counted and measured so far, under the Java producer's metric names (Java: `metrics()`).
    ///
    /// librdkafka's part of them is there once `librdkafka.statistics.interval.ms` is set and one interval is over; see
    /// [`metrics`](crate::metrics).
    ///
    /// There are none in a fork of the process that the producer is of.
    pub fn metrics(&self) -> Metrics {
        let core = &self.0.core;
        if core.client.is_left_behind() {
            return Metrics::default();
        }
        let buffer_memory = &core.shared.buffer_memory;
        let present = Present {
            client_id: &core.shared.client_id,
            now: Instant::now(),
            buffer_total: buffer_memory.limit(),
            buffer_available: buffer_memory.available(),
            waiting: buffer_memory.waiting() + core.shared.deferrals.waiting(),
            topics: totals(&core.client, TopicCounts::read),
        };
        snapshot(present, &core.shared.meter)
    }
}

/// What the delivery thread has counted, by topic.
pub(super) fn totals(client: &Client, read: impl Fn(&TopicCounts) -> Counted) -> Totals {
    let topics = client.topics().iter().map(|topic| (Arc::clone(topic.name()), read(topic.counts()))).collect();
    Totals { topics, ..Totals::default() }
}
