//! The command's metrics in Prometheus' text format.

use std::{collections::BTreeMap, fmt::Display, time::UNIX_EPOCH};

use super::{
    Run,
    catalog::{
        ACKNOWLEDGED, AGE, BROKEN, BUILD, BYTES, CHECKPOINTS, Definition, FAILED, FAILURES, FILES, HEALTHY, LAG, LETTERS,
        MAX_INPUTS, READ, START,
    },
};

/// The metrics of a run, followed by those of its producer.
pub(super) fn metrics(run: &Run, is_healthy: bool) -> String {
    let mut text = of_the_command(is_healthy);
    let report = run.totals.snapshot();
    let started = run.progress.started.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
    family(&mut text, &START, [("", started)]);
    let inputs: Vec<_> = report.inputs().iter().enumerate().map(|(index, input)| (label(index, input.name()), input)).collect();
    let of_inputs = |value: &dyn Fn(&crate::input_totals::InputTotals) -> u64| {
        let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
        inputs.iter().for_each(|(label, input)| *sums.entry(label).or_default() += value(input));
        sums
    };
    family(&mut text, &ACKNOWLEDGED, of_inputs(&|input| input.acknowledged));
    family(&mut text, &FAILED, of_inputs(&|input| input.failed));
    family(&mut text, &FAILURES, report.errors().iter().map(|(kind, count)| (kind.as_str(), *count)));
    family(&mut text, &LETTERS, [("", run.totals.letters())]);
    family(&mut text, &BYTES, [("", report.bytes())]);
    family(&mut text, &READ, [("", run.progress.read())]);
    family(
        &mut text,
        &BROKEN,
        of_inputs(&|input| u64::from(input.error().is_some())).into_iter().map(|(input, count)| (input, count.min(1))),
    );
    let followed = run.progress.followed();
    let mut lags: BTreeMap<&str, u64> = BTreeMap::new();
    for file in &followed {
        if let Some((label, _)) = inputs.get(file.input) {
            *lags.entry(label).or_default() += file.lag();
        }
    }
    let waiting = run.progress.waiting();
    for file in &waiting {
        let known = inputs.iter().find(|(_, input)| input.name() == file.name);
        *lags.entry(known.map_or_else(|| label(inputs.len(), &file.name), |(label, _)| label)).or_default() += file.size;
    }
    family(&mut text, &LAG, lags);
    if !followed.is_empty() {
        family(&mut text, &FILES, [("", followed.len())]);
    }
    if run.progress.interval.is_some() {
        family(&mut text, &CHECKPOINTS, [("", run.progress.checkpoints())]);
        family(&mut text, &AGE, [("", run.progress.age().as_secs_f64())]);
    }
    text.push_str(&run.producer.metrics().to_prometheus());
    text
}

/// The metrics that there are without a run.
pub(super) fn before_the_run() -> String {
    of_the_command(false)
}

fn of_the_command(is_healthy: bool) -> String {
    let mut text = String::new();
    family(&mut text, &BUILD, [(env!("CARGO_PKG_VERSION"), 1)]);
    family(&mut text, &HEALTHY, [("", u8::from(is_healthy))]);
    text
}

/// The value of an input's label.
fn label(index: usize, name: &str) -> &str {
    if index < MAX_INPUTS { name } else { "other" }
}

/// Adds a metric with a value for each label; nothing if there is none.
fn family<'a>(text: &mut String, definition: &Definition, values: impl IntoIterator<Item = (&'a str, impl Display)>) {
    let Definition { name, kind, label, help } = definition;
    for (index, (of, value)) in values.into_iter().enumerate() {
        if index == 0 {
            text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
        }
        let labels = if label.is_empty() { String::new() } else { format!("{{{label}=\"{}\"}}", escaped(of)) };
        text.push_str(&format!("{name}{labels} {value}\n"));
    }
}

fn escaped(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_has_its_description_once_and_labels_are_escaped() {
        let mut text = String::new();
        family(&mut text, &FAILURES, [("a", 1), ("\"b\\\n", 2)]);
        family(&mut text, &FAILED, [] as [(&str, u64); 0]);
        family(&mut text, &LETTERS, [("", 3)]);
        let wanted = format!(
            "# HELP ottla_failures_total {}\n# TYPE ottla_failures_total counter\nottla_failures_total{{kind=\"a\"}} 1\n\
             ottla_failures_total{{kind=\"\\\"b\\\\\\n\"}} 2\n# HELP ottla_dead_letters_total {}\n# TYPE ottla_dead_letters_total counter\n\
             ottla_dead_letters_total 3\n",
            FAILURES.help, LETTERS.help
        );
        assert_eq!(text, wanted);
        assert_eq!((label(99, "a.csv"), label(100, "a.csv")), ("a.csv", "other"));
    }
}
