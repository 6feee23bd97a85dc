//! The producer's metrics, under the Java producer's names.
//!
//! [`Producer::metrics`](crate::Producer::metrics) returns a snapshot, [`Metrics`]. Metrics cost the producer almost nothing between
//! snapshots, because the delivery thread counts reports in runs.
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
//! # Sources of the values
//! - **ottla's own metrics** are always available: records sent and failed (in total and by topic), record sizes, `buffer.memory`, senders
//!   that wait for it, and the time spent in flushes and transaction calls. Rates and averages are over the last 30 to 35 seconds, or since
//!   the start. A record is counted with its report. Its delivery may be ready a moment earlier; [`flush`](crate::Producer::flush) is not.
//! - **librdkafka's metrics**: batches, queue time, requests, latencies, throttling, connections and traffic. They are available if
//!   `librdkafka.statistics.interval.ms` is set (default: 0, off) and the first interval is over. Averages, maxima and rates are over the last
//!   interval. 15000 is a good value; values below 1000 cost some CPU time.
//!
//! `docs/metrics.md` in the repository lists all metrics.
//!
//! # Missing metrics
//! Neither librdkafka nor ottla measures the other metrics of Java: `record-retry-*` (librdkafka counts retried requests, not their
//! records), `compression-rate-*`, `batch-split-*`, `bufferpool-wait-*`, `io-*`, `select-*`, `connection-creation-*` and so on. Where Java
//! reports `NaN`, as for an average without values, there is no metric.
//!
//! # Prometheus and other systems
//! [`Metrics::to_prometheus`] writes Prometheus' text format, under the prefix `kafka_producer_`. With the feature `metrics`,
//! `Metrics::publish` passes the values to the recorder of the [`metrics`](https://docs.rs/metrics) crate.

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

/// A snapshot of a producer's metrics. [`Producer::metrics`](crate::Producer::metrics) returns it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metrics(Vec<Metric>);

impl Metrics {
    /// An iterator over all metrics: the producer's, then the topics', then the brokers'. Values of the same metric are adjacent.
    pub fn iter(&self) -> std::slice::Iter<'_, Metric> {
        self.0.iter()
    }

    /// The number of metrics.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no metrics.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of a metric of the group `producer-metrics`; `None` if there is no such metric, or nothing was measured.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.find(catalog::PRODUCER, name, None)
    }

    /// The value of a metric of the group `producer-topic-metrics` for a topic.
    pub fn topic_value(&self, topic: &str, name: &str) -> Option<f64> {
        self.find(catalog::TOPIC, name, Some(("topic", topic)))
    }

    /// The value of a metric of the group `producer-node-metrics` for a broker id.
    pub fn node_value(&self, node: i32, name: &str) -> Option<f64> {
        self.find(catalog::NODE, name, Some(("node-id", &snapshot::node_id(node))))
    }

    /// The metrics in Prometheus' text format 0.0.4.
    ///
    /// A name is `kafka_`, the group without `-metrics`, and Java's name, with `_` for `-`: `kafka_producer_record_send_total`,
    /// `kafka_producer_topic_byte_total`, `kafka_producer_node_request_latency_avg`. The tags are labels: `client_id`, `topic`, `node_id`.
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
