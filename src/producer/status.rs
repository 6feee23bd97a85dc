//! What a program can ask a producer: its metrics, its outstanding records, its fatal error.

use std::{sync::Arc, time::Instant};

use super::Producer;
use crate::{
    Error,
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
        let untyped = &self.0.untyped;
        if untyped.client.is_left_behind() {
            return Metrics::default();
        }
        let buffer_memory = &untyped.state.admission.buffer_memory;
        let present = Present {
            client_id: &untyped.state.client_id,
            now: Instant::now(),
            buffer_total: buffer_memory.limit(),
            buffer_available: buffer_memory.available(),
            waiting: buffer_memory.waiting() + untyped.state.admission.deferrals.waiting(),
            topics: totals(&untyped.client, TopicCounts::read),
        };
        snapshot(present, &untyped.state.meter)
    }

    /// The number of records that are accepted and not reported yet. Records whose reports arrive together count until the last is reported.
    pub fn outstanding(&self) -> usize {
        self.0.untyped.state.admission.outstanding.len()
    }

    /// The fatal error of this producer, if there was one: it can send no more, so create another one. Sends and transaction calls fail with
    /// the same error; a health check can ask here.
    ///
    /// `None` in a forked child process.
    pub fn fatal_error(&self) -> Option<Error> {
        self.0.untyped.check_process().ok()?;
        self.0.untyped.fatal_error()
    }

    /// The free bytes of `buffer.memory`.
    pub fn buffer_available_bytes(&self) -> usize {
        self.0.untyped.state.admission.buffer_memory.available()
    }

    /// librdkafka's last statistics as JSON (librdkafka: `STATISTICS.md`). `None` before the first interval of
    /// `librdkafka.statistics.interval.ms`, and in a forked child process.
    pub fn statistics(&self) -> Option<String> {
        self.0.untyped.check_process().ok()?;
        self.0.untyped.state.meter.last_statistics()
    }
}

/// The counts of the delivery thread by topic.
pub(super) fn totals(client: &Client, read: impl Fn(&TopicCounts) -> Counted) -> Totals {
    let topics = client.topics().iter().map(|topic| (Arc::clone(topic.name()), read(topic.counts()))).collect();
    Totals { topics, ..Totals::default() }
}
