//! The dashboard and the alert rules of `docs/monitoring/`: they name only metrics that exist.

use std::{collections::BTreeSet, fs};

use ottla_test_support::repository;

/// The Prometheus names of the metrics in `docs/metrics.md` and `docs/command-metrics.md`, which unit tests compare with the code.
fn known_metrics() -> BTreeSet<String> {
    let page = fs::read_to_string(repository("docs/command-metrics.md")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let mut names: BTreeSet<String> = rows.map(str::to_owned).collect();
    let page = fs::read_to_string(repository("docs/metrics.md")).unwrap();
    for section in page.split("\n## ").skip(1) {
        let Some(group) = section.lines().next().unwrap().strip_suffix("-metrics") else { continue };
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        names.extend(rows.map(|name| format!("kafka_{group}_{name}").replace('-', "_")));
    }
    names
}

/// The words of a text that begin like a metric of ottla.
fn metrics_of(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("kafka_producer_") || word.starts_with("ottla_")).map(str::to_owned).collect()
}

#[test]
fn dashboard_and_alerts_name_only_metrics_that_exist() {
    let known = known_metrics();
    for name in ["kafka_producer_node_request_total", "ottla_input_lag_bytes"] {
        assert!(known.contains(name), "{known:?}");
    }
    for file in ["dashboard.json", "alerts.yaml", "alerts-test.yaml"] {
        let text = fs::read_to_string(repository("docs/monitoring").join(file)).unwrap();
        let used = metrics_of(&text);
        assert!(used.len() >= 5, "{file}: {used:?}");
        let unknown: Vec<_> = used.difference(&known).collect();
        assert!(unknown.is_empty(), "docs/monitoring/{file} names metrics that do not exist: {unknown:?}");
    }
}

#[test]
fn the_dashboard_is_valid_json_with_a_query_in_each_panel() {
    let text = fs::read_to_string(repository("docs/monitoring/dashboard.json")).unwrap();
    let dashboard: serde_json::Value = serde_json::from_str(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len(), "two panels have one id");
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        let queries = panel["targets"].as_array().unwrap();
        assert!(!queries.is_empty() && queries.iter().all(|query| !query["expr"].as_str().unwrap().is_empty()), "{panel}");
        assert!(!panel["description"].as_str().unwrap().is_empty(), "{panel}");
    }
}

#[test]
fn each_alert_is_documented() {
    let rules = fs::read_to_string(repository("docs/monitoring/alerts.yaml")).unwrap();
    let names: BTreeSet<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    let page = fs::read_to_string(repository("docs/monitoring.md")).unwrap();
    let table = page.split("| alert |").nth(1).unwrap().split("\n\n").next().unwrap();
    let documented: BTreeSet<&str> = table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert_eq!(names, documented);
}
