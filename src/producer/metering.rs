//! [`Producer::metrics`]: a snapshot of a producer's metrics.

use std::{sync::Arc, time::Instant};

use super::Producer;
use crate::{
    metrics::{Metrics, Present, Totals, snapshot},
    native::{Client, Counted, TopicCounts},
};

impl<K: ?Sized + 'static, V: ?Sized + 'static> Producer<K, V> {
    /// The current metrics of this producer, with the names of the Java producer's metrics (Java: `metrics()`).
    ///
    /// The metrics from librdkafka require `librdkafka.statistics.interval.ms` and are available after the first interval, see
    /// [`metrics`](crate::metrics).
    ///
    /// Empty in a forked child process.
    pub fn metrics(&self) -> Metrics {
        let core = &self.0.core;
        if core.client.is_left_behind() {
            return Metrics::default();
        }
        let buffer_memory = &core.shared.admission.buffer_memory;
        let present = Present {
            client_id: &core.shared.client_id,
            now: Instant::now(),
            buffer_total: buffer_memory.limit(),
            buffer_available: buffer_memory.available(),
            waiting: buffer_memory.waiting() + core.shared.admission.deferrals.waiting(),
            topics: totals(&core.client, TopicCounts::read),
        };
        snapshot(present, &core.shared.meter)
    }
}

/// The counts of the delivery thread by topic.
pub(super) fn totals(client: &Client, read: impl Fn(&TopicCounts) -> Counted) -> Totals {
    let topics = client.topics().iter().map(|topic| (Arc::clone(topic.name()), read(topic.counts()))).collect();
    Totals { topics, ..Totals::default() }
}
