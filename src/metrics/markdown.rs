//! Generates `docs/metrics.md` from the definitions of the metrics.

use super::{
    MetricKind,
    catalog::{ALL, Definition, NODE, PRODUCER, TOPIC},
};
use crate::page::assert_page;

const HEAD: &str = "# Metrics

`Producer::metrics` returns these metrics, under the Java producer's names. Those with the source librdkafka need
`librdkafka.statistics.interval.ms`, and have the value of the last interval. The others are always available; their rates and averages are
over the last 30 to 35 seconds.

This page is generated from the definitions in `src/metrics/catalog.rs`; the test `metrics::markdown` compares them.
";

/// Whether ottla itself counts it.
fn is_own(definition: &Definition) -> bool {
    let own = ["record-send-", "record-error-", "record-size-", "buffer-", "waiting-threads", "flush-time-", "txn-", "byte-"];
    definition.group != NODE && own.iter().any(|prefix| definition.name.starts_with(prefix))
}

fn text() -> String {
    let mut text = HEAD.to_owned();
    for (group, tags) in [(PRODUCER, "`client-id`"), (TOPIC, "`client-id`, `topic`"), (NODE, "`client-id`, `node-id`")] {
        text.push_str(&format!(
            "\n## {group}\n\nTags: {tags}.\n\n| metric | kind | source | description |\n| --- | --- | --- | --- |\n"
        ));
        for definition in ALL.iter().filter(|definition| definition.group == group) {
            let kind = match definition.kind {
                MetricKind::Counter => "counter",
                MetricKind::Gauge => "gauge",
            };
            let source = if is_own(definition) { "" } else { "librdkafka" };
            text.push_str(&format!("| `{}` | {kind} | {source} | {} |\n", definition.name, definition.description));
        }
    }
    text
}

#[test]
fn metrics_page_is_up_to_date() {
    assert_page("metrics.md", &text());
}
