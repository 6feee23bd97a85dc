//! The command's metrics: names, kinds and descriptions. `docs/command-metrics.md` is generated from them.

/// A metric of the command.
pub(super) struct Definition {
    pub(super) name: &'static str,
    pub(super) kind: &'static str,
    /// The label, if it has one.
    pub(super) label: &'static str,
    pub(super) help: &'static str,
}

const fn counter(name: &'static str, label: &'static str, help: &'static str) -> Definition {
    Definition { name, kind: "counter", label, help }
}

const fn gauge(name: &'static str, label: &'static str, help: &'static str) -> Definition {
    Definition { name, kind: "gauge", label, help }
}

pub(super) const BUILD: Definition = gauge("ottla_build_info", "version", "1, with the version of the command.");
pub(super) const HEALTHY: Definition = gauge("ottla_healthy", "", "1 if /healthz answers with 200, otherwise 0.");
pub(super) const START: Definition = gauge("ottla_start_time_seconds", "", "When the run began, in seconds since 1970.");
pub(super) const ACKNOWLEDGED: Definition = counter(
    "ottla_rows_acknowledged_total",
    "input",
    "Rows that the brokers acknowledged (with acks=0: rows sent; with transactions: rows committed).",
);
pub(super) const FAILED: Definition =
    counter("ottla_rows_failed_total", "input", "Rows that were not acknowledged: dead letters if there is a dead-letter file.");
pub(super) const FAILURES: Definition =
    counter("ottla_failures_total", "kind", "Rows that were not acknowledged, by the kind of error.");
pub(super) const LETTERS: Definition = counter("ottla_dead_letters_total", "", "Rows written to the dead-letter file.");
pub(super) const BYTES: Definition =
    counter("ottla_acknowledged_bytes_total", "", "Bytes of keys and values that the brokers acknowledged, before compression.");
pub(super) const READ: Definition = counter("ottla_read_bytes_total", "", "Bytes read of the inputs, as they are stored.");
pub(super) const BROKEN: Definition =
    gauge("ottla_input_broken", "input", "1 if a file of the input could not be read to its end, otherwise 0.");
pub(super) const LAG: Definition =
    gauge("ottla_input_lag_bytes", "input", "Bytes of a followed input that are not read yet, as they are stored.");
pub(super) const FILES: Definition = gauge("ottla_followed_files", "", "Followed files that are open.");
pub(super) const CHECKPOINTS: Definition =
    counter("ottla_checkpoints_total", "", "Checkpoints written, if there is [checkpoint].");
pub(super) const AGE: Definition = gauge(
    "ottla_checkpoint_age_seconds",
    "",
    "The time since the last checkpoint, or since no row was left that is in none, if there is [checkpoint].",
);

/// All metrics, in the order of the text.
#[cfg(test)]
pub(super) const ALL: [&Definition; 14] = [
    &BUILD,
    &HEALTHY,
    &START,
    &ACKNOWLEDGED,
    &FAILED,
    &FAILURES,
    &LETTERS,
    &BYTES,
    &READ,
    &BROKEN,
    &LAG,
    &FILES,
    &CHECKPOINTS,
    &AGE,
];

/// How many inputs have a label of their own; the others share `other`.
pub(super) const MAX_INPUTS: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_all_metrics() {
        let mut page = String::from(
            "# Metrics of the command\n\n`ottla produce --metrics ADDRESS` serves these metrics at `/metrics`, and those of the producer \
             ([metrics.md](metrics.md)) with the prefix `kafka_producer_` and `_` for `-`, such as `kafka_producer_record_send_total`. Generated from the source; \
             `UPDATE_DOCS=1 cargo test -p ottla-cli` writes it again.\n\n| Metric | Type | Label | |\n| --- | --- | --- | --- |\n",
        );
        for Definition { name, kind, label, help } in ALL {
            let label = if label.is_empty() { String::new() } else { format!("`{label}`") };
            page.push_str(&format!("| `{name}` | {kind} | {label} | {help} |\n"));
        }
        page.push_str(&format!(
            "\nThe label `input` is the path of an input. The first {MAX_INPUTS} inputs have one each, and the others share `other`.\n"
        ));
        let path = ottla_test_support::repository("docs/command-metrics.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&path, &page).unwrap();
        }
        let found = std::fs::read_to_string(path).unwrap_or_default();
        assert!(found == page, "docs/command-metrics.md is out of date; run UPDATE_DOCS=1 cargo test -p ottla-cli");
    }
}
