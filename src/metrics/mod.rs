//! What a producer counts and measures, under the Java producer's metric names.
//!
//! [`Producer::metrics`](crate::Producer::metrics) takes a snapshot, [`Metrics`]. It costs the producer next to nothing until then: the
//! delivery thread counts its reports in runs.
//!
//! ```
//! # #[cfg(feature = "testing")]
//! # fn main() -> ottla::Result<()> {
//! use futures::executor::block_on;
//! use ottla::{Producer, ProducerConfig, ProducerRecord, testing::EmbeddedKafka};
//!
//! let kafka = EmbeddedKafka::builder().topic("orders", 3).start()?;
//! let config = ProducerConfig::new().set("bootstrap.servers", kafka.bootstrap_servers())?;
//! let producer: Producer<str, str> = Producer::builder(config).build()?;
//! block_on(async {
//!     let delivery = producer.send(ProducerRecord::to("orders").value("paid")).await?;
//!     producer.flush().await?;
//!     delivery.await
//! })?;
//!
//! let metrics = producer.metrics();
//! assert_eq!(metrics.value("record-send-total"), Some(1.0));
//! assert_eq!(metrics.topic_value("orders", "byte-total"), Some(4.0));
//! assert!(metrics.to_prometheus().contains("kafka_producer_record_send_total{client_id="));
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "testing"))]
//! # fn main() {}
//! ```
//!
//! # Where the values come from
//! - **The layer's own** are always there: records sent and failed, by topic as well, sizes, `buffer.memory`, those who wait for it, the time
//!   spent in flushes and in transaction calls. Rates and averages are over the last 30 to 35 seconds, or since the start. A record is
//!   counted with its report; a future that is polled just then may be ready a moment before that, [`flush`](crate::Producer::flush) is not.
//! - **librdkafka's**: batches, queue time, requests, latencies, throttling, connections, traffic. They are there once
//!   `librdkafka.statistics.interval.ms` is set (it is 0: never) and the first interval is over, and are as old as the last one.
//!   Averages, maxima and rates are over that last interval. 15000 is a good value; one below 1000 costs something.
//!
//! `docs/metrics.md` in the repository lists them all.
//!
//! # What is not there
//! The rest of Java's, since neither librdkafka nor the layer knows it truly: `record-retry-*` (librdkafka counts the requests that it
//! sends again, not their records), `compression-rate-*`, `batch-split-*`, `bufferpool-wait-*`, `io-*`, `select-*`, `connection-creation-*` and the
//! like. Where Java has `NaN`, as for an average of nothing,
//! there is no metric.
//!
//! # Prometheus and others
//! [`Metrics::to_prometheus`] writes the text that Prometheus reads, under `kafka_producer_..`. With the feature `metrics`,
//! `Metrics::publish` hands the values to whatever recorder the [`metrics`](https://docs.rs/metrics) crate has.

mod catalog;
#[cfg(feature = "metrics")]
mod facade;
#[cfg(test)]
mod markdown;
mod meter;
mod metric;
mod prometheus;
mod snapshot;
mod statistics;
mod window;

pub use metric::{Metric, MetricKind};

pub(crate) use self::{
    meter::{Meter, Timed},
    snapshot::{Present, snapshot},
    window::Totals,
};

/// A producer's metrics at one time. Taken by [`Producer::metrics`](crate::Producer::metrics).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metrics(Vec<Metric>);

impl Metrics {
    /// All of them, each definition's values in a row: the producer's first, then the topics', then the brokers'.
    pub fn iter(&self) -> std::slice::Iter<'_, Metric> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of one of the group `producer-metrics`; `None` if there is none of this name, or nothing was measured.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.find(catalog::PRODUCER, name, None)
    }

    /// The value of one of the group `producer-topic-metrics`.
    pub fn topic_value(&self, topic: &str, name: &str) -> Option<f64> {
        self.find(catalog::TOPIC, name, Some(("topic", topic)))
    }

    /// The value of one of the group `producer-node-metrics`, by the broker's id.
    pub fn node_value(&self, node: i32, name: &str) -> Option<f64> {
        self.find(catalog::NODE, name, Some(("node-id", &snapshot::node_id(node))))
    }

    /// The metrics as Prometheus reads them (its text format 0.0.4).
    ///
    /// A metric's name is `kafka_`, its group without `-metrics`, and Java's name, with `_` for `-`: `kafka_producer_record_send_total`,
    /// `kafka_producer_topic_byte_total`, `kafka_producer_node_request_latency_avg`. Tags become labels likewise: `client_id`, `topic`,
    /// `node_id`.
    pub fn to_prometheus(&self) -> String {
        prometheus::text(self)
    }

    fn find(&self, group: &str, name: &str, tag: Option<(&str, &str)>) -> Option<f64> {
        self.0
            .iter()
            .find(|metric| {
                metric.group() == group
                    && metric.name() == name
                    && tag.is_none_or(|(name, value)| metric.tag(name) == Some(value))
            })
            .map(Metric::value)
    }
}

impl<'a> IntoIterator for &'a Metrics {
    type Item = &'a Metric;
    type IntoIter = std::slice::Iter<'a, Metric>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
