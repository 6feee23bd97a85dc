//! Metrics in Prometheus'
//! [text format](https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format).

use super::{MetricKind, Metrics};

pub(super) fn text(metrics: &Metrics) -> String {
    let mut text = String::new();
    let mut family = String::new();
    for metric in metrics {
        let name = metric.exposed_name();
        if name != family {
            let kind = match metric.kind() {
                MetricKind::Counter => "counter",
                MetricKind::Gauge => "gauge",
            };
            // The descriptions contain no characters that need escaping (backslash, newline); a test checks this.
            text.push_str(&format!("# HELP {name} {}\n# TYPE {name} {kind}\n", metric.description()));
            family.clone_from(&name);
        }
        let labels: Vec<_> = metric.exposed_tags().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        text.push_str(&format!("{name}{{{}}} {}\n", labels.join(","), metric.value()));
    }
    text
}

fn escaped(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::metrics::{Metric, catalog};

    type Labels = BTreeMap<String, String>;

    /// Parses a label value after its opening quotation mark; returns it and the rest after the closing one.
    fn label(text: &str) -> (String, &str) {
        let (mut value, mut characters) = (String::new(), text.char_indices());
        while let Some((index, character)) = characters.next() {
            match character {
                '"' => return (value, &text[index + 1..]),
                '\\' => value.push(match characters.next().unwrap().1 {
                    'n' => '\n',
                    escaped => escaped,
                }),
                other => value.push(other),
            }
        }
        panic!("unterminated label: {text}");
    }

    /// Parses a sample line.
    fn sample(line: &str) -> (String, Labels, f64) {
        let (name, mut rest) = line.split_once('{').unwrap();
        let mut labels = Labels::new();
        while !rest.starts_with('}') {
            let (label_name, value) = rest.split_once("=\"").unwrap();
            let (value, after) = label(value);
            labels.insert(label_name.trim_start_matches(',').to_owned(), value);
            rest = after;
        }
        (name.to_owned(), labels, rest.trim_start_matches("} ").parse().unwrap())
    }

    proptest! {
        #[test]
        fn samples_round_trip(client in ".*", value in proptest::num::f64::NORMAL | proptest::num::f64::ZERO) {
            let metric = Metric::new(&catalog::TOPIC_BYTE_RATE, vec![("client-id", client.clone()), ("topic", "a".to_owned())], value);
            let text = text(&Metrics(vec![metric]));
            let line = text.splitn(3, '\n').last().unwrap().strip_suffix('\n').unwrap();
            prop_assert!(!line.contains('\n'), "{line:?}");
            let (name, labels, found) = sample(line);
            prop_assert_eq!(name, "kafka_producer_topic_byte_rate");
            prop_assert_eq!(labels, Labels::from([("client_id".to_owned(), client), ("topic".to_owned(), "a".to_owned())]));
            prop_assert_eq!(found, value);
        }
    }

    #[test]
    fn a_family_has_one_help_and_type_line() {
        let metric = |topic: &str| Metric::new(&catalog::TOPIC_BYTE_TOTAL, vec![("topic", topic.to_owned())], 5.0);
        let text = text(&Metrics(vec![metric("a"), metric("b")]));
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 4, "{text}");
        assert!(lines[0].starts_with("# HELP kafka_producer_topic_byte_total Bytes "), "{text}");
        assert_eq!(lines[1], "# TYPE kafka_producer_topic_byte_total counter");
        assert_eq!(
            lines[2..],
            ["kafka_producer_topic_byte_total{topic=\"a\"} 5", "kafka_producer_topic_byte_total{topic=\"b\"} 5"]
        );
    }

    #[test]
    fn names_and_descriptions_are_valid() {
        let mut names = Vec::new();
        for definition in catalog::ALL {
            let name = Metric::new(definition, Vec::new(), 0.0).exposed_name();
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
            assert!(!definition.description.contains(['\\', '\n']), "{name}");
            assert_eq!(definition.kind == MetricKind::Counter, name.ends_with("_total"), "{name}");
            assert!(!names.contains(&name), "{name} twice");
            names.push(name);
        }
    }
}
