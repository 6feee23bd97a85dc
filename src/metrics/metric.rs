//! [`Metric`]: one metric and its value.

use super::catalog::Definition;

/// A metric of a producer and its value, under Java's name.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    definition: &'static Definition,
    tags: Vec<(&'static str, String)>,
    value: f64,
}

/// The kind of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MetricKind {
    /// Counts from the start of the producer and never decreases.
    Counter,
    /// Increases and decreases.
    Gauge,
}

impl Metric {
    pub(super) fn new(definition: &'static Definition, tags: Vec<(&'static str, String)>, value: f64) -> Self {
        Self { definition, tags, value }
    }

    /// Java's name, such as `record-send-total`.
    pub fn name(&self) -> &'static str {
        self.definition.name
    }

    /// Java's group: `producer-metrics`, `producer-topic-metrics` or `producer-node-metrics`.
    pub fn group(&self) -> &'static str {
        self.definition.group
    }

    /// A description, with the unit.
    pub fn description(&self) -> &'static str {
        self.definition.description
    }

    /// Whether it is a counter or a gauge.
    pub fn kind(&self) -> MetricKind {
        self.definition.kind
    }

    /// Java's tags: `client-id`, and, depending on the group, `topic` or `node-id` (such as `node-1`).
    pub fn tags(&self) -> &[(&'static str, String)] {
        &self.tags
    }

    /// The value of a tag, `None` if the metric does not have it.
    pub fn tag(&self, name: &str) -> Option<&str> {
        self.tags.iter().find(|(tag, _)| *tag == name).map(|(_, value)| value.as_str())
    }

    /// The value. It is finite and never `NaN`.
    pub fn value(&self) -> f64 {
        self.value
    }

    /// The name outside Java: `kafka_producer_record_send_total`, `kafka_producer_topic_record_send_total`.
    pub(super) fn exposed_name(&self) -> String {
        let group = self.group().trim_end_matches("-metrics");
        format!("kafka_{group}_{}", self.name()).replace('-', "_")
    }

    /// The tags with their names outside Java.
    pub(super) fn exposed_tags(&self) -> impl Iterator<Item = (String, &str)> {
        self.tags.iter().map(|(name, value)| (name.replace('-', "_"), value.as_str()))
    }
}
