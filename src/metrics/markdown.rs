//! The metrics as Markdown, from their definitions; `docs/metrics.md` must be what comes out.

use super::{
    MetricKind,
    catalog::{ALL, Definition, NODE, PRODUCER, TOPIC},
};
use crate::page::assert_page;

const HEAD: &str = "# Metrics

What `Producer::metrics` gives, under the Java producer's names. Where librdkafka is named as the source,
`librdkafka.statistics.interval.ms` must be set, and the value is that of the last interval; the others are always there, their rates and
averages over the last 30 to 35 seconds.
This page is made from the definitions in `src/metrics/catalog.rs`; the test `metrics::markdown` holds the two equal.
";

/// Whether the layer itself knows it.
fn is_own(definition: &Definition) -> bool {
    let own = ["record-send-", "record-error-", "record-size-", "buffer-", "waiting-threads", "flush-time-", "txn-", "byte-"];
    definition.group != NODE && own.iter().any(|prefix| definition.name.starts_with(prefix))
}

fn text() -> String {
    let mut text = HEAD.to_owned();
    for (group, tags) in [(PRODUCER, "`client-id`"), (TOPIC, "`client-id`, `topic`"), (NODE, "`client-id`, `node-id`")] {
        text.push_str(&format!("\n## {group}\n\nTags: {tags}.\n\n| metric | kind | source | |\n| --- | --- | --- | --- |\n"));
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
fn the_page_of_metrics_is_what_the_definitions_say() {
    assert_page("metrics.md", &text());
}
