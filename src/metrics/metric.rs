//! [`Metric`]: one value with its name.

use super::catalog::Definition;

/// One value of a producer, under the name that it has in Java.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    definition: &'static Definition,
    tags: Vec<(&'static str, String)>,
    value: f64,
}

/// How a metric moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MetricKind {
    /// It counts from the producer's start, and never goes down.
    Counter,
    /// It goes up and down.
    Gauge,
}

impl Metric {
    pub(super) fn new(definition: &'static Definition, tags: Vec<(&'static str, String)>, value: f64) -> Self {
        Self { definition, tags, value }
    }

    /// Java's name of it, such as `record-send-total`.
    pub fn name(&self) -> &'static str {
        self.definition.name
    }

    /// Java's group: `producer-metrics`, `producer-topic-metrics` or `producer-node-metrics`.
    pub fn group(&self) -> &'static str {
        self.definition.group
    }

    /// What it counts or measures, and in which unit.
    pub fn description(&self) -> &'static str {
        self.definition.description
    }

    /// Whether it only goes up.
    pub fn kind(&self) -> MetricKind {
        self.definition.kind
    }

    /// Java's tags: `client-id`, and by group `topic` or `node-id`, the last as `node-1`.
    pub fn tags(&self) -> &[(&'static str, String)] {
        &self.tags
    }

    /// The value of a tag, `None` if the metric has none of that name.
    pub fn tag(&self, name: &str) -> Option<&str> {
        self.tags.iter().find(|(tag, _)| *tag == name).map(|(_, value)| value.as_str())
    }

    /// The value. Never infinite and never `NaN`: where nothing was measured there is no metric.
    pub fn value(&self) -> f64 {
        self.value
    }

    /// The name that it has outside of Java: `kafka_producer_record_send_total`, `kafka_producer_topic_record_send_total`.
    pub(super) fn exposed_name(&self) -> String {
        let group = self.group().trim_end_matches("-metrics");
        format!("kafka_{group}_{}", self.name()).replace('-', "_")
    }

    /// The tags with the names that they have outside of Java.
    pub(super) fn exposed_tags(&self) -> impl Iterator<Item = (String, &str)> {
        self.tags.iter().map(|(name, value)| (name.replace('-', "_"), value.as_str()))
    }
}
