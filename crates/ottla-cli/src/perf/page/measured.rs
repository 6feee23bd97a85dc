//! The page of one run.

use indicatif::HumanCount;

use super::{
    Table,
    axis::Axis,
    chart::{Chart, Line, values},
    errors,
    escape::Escaped,
    load, measured_with, page, section,
};
use crate::perf::{
    latencies::Latencies,
    outcome::{Outcome, decimal},
    series::Sample,
};

/// The page of a run with this load.
pub(in crate::perf) fn of_run(run: &Outcome, given: &[(&str, String)]) -> String {
    let title = format!("Producer performance: topic {}", Escaped(&run.topic));
    let brokers = run.brokers.as_deref().unwrap_or_default();
    let lead = format!("{}, brokers {}.", measured_with(), Escaped(brokers));
    let mut content = String::new();
    if let Some(reason) = &run.ended {
        content.push_str(&format!("<p><strong>The run ended early:</strong> {}</p>\n", Escaped(reason)));
    }
    content.push_str(&tiles(run));
    content.push_str("<div class=\"charts\">\n");
    for chart in [throughput(run), percentiles(&[("", &run.counts.latencies)]), latencies(run), batches(run)] {
        content.push_str(&chart.to_string());
    }
    content.push_str("</div>\n");
    content.push_str(&errors(&[(None, &run.counts)]));
    content.push_str(&load(given));
    let settings = run.settings.iter().map(|setting| vec![setting.name.clone(), setting.value.clone(), setting.origin.clone()]);
    let settings = Table { name: "settings", head: &["Setting", "Value", "From"], rows: settings.collect(), has_numbers: false };
    content.push_str(&section("Settings", settings));
    content.push_str(&over_time(run));
    page(&title, &lead, &content)
}

fn tiles(run: &Outcome) -> String {
    let figures = run.figures();
    let acknowledged = if run.is_unacknowledged { "Records sent (acks=0)" } else { "Records acknowledged" };
    let mut tiles = vec![
        (acknowledged, HumanCount(run.counts.acknowledged).to_string()),
        ("Records failed", HumanCount(figures.failed).to_string()),
        ("Records per second", decimal(figures.records_per_s, 0)),
        ("MiB per second", decimal(figures.mib_per_s, 2)),
        ("Duration", format!("{:.1} s", figures.elapsed_s)),
    ];
    if let Some(latency) = figures.latency_ms {
        let milliseconds = |value: f64| format!("{} ms", decimal(value, 2));
        tiles.extend([
            ("Average latency", milliseconds(latency.avg)),
            ("p50", milliseconds(latency.p50)),
            ("p95", milliseconds(latency.p95)),
            ("p99", milliseconds(latency.p99)),
            ("p99.9", milliseconds(latency.p99_9)),
            ("Maximum", milliseconds(latency.max)),
        ]);
    }
    let tiles = tiles.iter().map(|(name, value)| format!("<div><dt>{name}</dt><dd>{}</dd></div>\n", Escaped(value)));
    format!("<dl class=\"tiles\">\n{}</dl>\n", tiles.collect::<String>())
}

/// A line of a value over time.
fn line(run: &Outcome, name: &str, value: impl Fn(&Sample) -> Option<f64>) -> Line {
    let points = run.series.samples().iter().map(|sample| (sample.end_s, value(sample))).collect();
    Line { name: name.to_owned(), points }
}

/// The axis of time. It ends at the last sample, or later.
fn time(run: &Outcome) -> Axis {
    Axis::linear(run.series.samples().last().map_or(1.0, |sample| sample.end_s))
}

/// A sentence about the range of a chart's values.
fn range(what: &str, lines: &[Line], unit: &str) -> String {
    let values = values(lines);
    let (least, most) = (values.clone().fold(f64::INFINITY, f64::min), values.fold(0.0, f64::max));
    format!("{what} between {} and {} {unit}.", decimal(least, 2), decimal(most, 2))
}

fn throughput(run: &Outcome) -> Chart {
    let mut lines = vec![line(run, "acknowledged", |sample| Some(sample.rate()))];
    let description = range("Acknowledged records per second over time,", &lines, "records per second");
    if let Some(rate) = run.rate {
        lines.push(line(run, "target", |_| Some(rate)));
    }
    if run.counts.failed() > 0 {
        lines.push(line(run, "failed", |sample| Some(sample.failure_rate())));
    }
    let y = Axis::linear(values(&lines).fold(0.0, f64::max));
    Chart {
        id: "throughput",
        title: "Throughput over time",
        description,
        x: time(run),
        x_title: "seconds",
        y,
        y_title: "records per second",
        lines,
    }
}

/// The latency of each percentile, on a logarithmic axis. A name is empty if there is one line.
pub(super) fn percentiles(all: &[(&str, &Latencies)]) -> Chart {
    /// The points for each nine.
    const POINTS: u32 = 20;
    /// Up to 99.999 %, for which the axis has space.
    const MOST_NINES: u32 = 5;
    let mut most_nines = 1.0_f64;
    let mut described = Vec::new();
    let mut lines = Vec::new();
    for (name, latencies) in all {
        #[expect(clippy::cast_precision_loss, reason = "a place in a chart")]
        let nines = (latencies.count() as f64).log10().clamp(1.0, MOST_NINES.into());
        most_nines = most_nines.max(nines);
        let places =
            (0..=POINTS * MOST_NINES).map(|index| f64::from(index) / f64::from(POINTS)).take_while(|place| *place <= nines);
        let points = places.map(|place| (place, latencies.quantile(1.0 - 10_f64.powf(-place)).filter(|value| *value > 0.0)));
        lines.push(Line { name: (*name).to_owned(), points: points.collect() });
        if let (Some(median), Some(high)) = (latencies.quantile(0.5), latencies.quantile(0.99)) {
            let name = if name.is_empty() { String::new() } else { format!("{name}: ") };
            described.push(format!("{name}half of the records within {median:.2} ms, 99 % within {high:.2} ms"));
        }
    }
    let description = format!("Latency by percentile. {}.", described.join("; "));
    let y = Axis::logarithmic(values(&lines));
    let x = Axis::percentiles(most_nines);
    Chart {
        id: "percentiles",
        title: "Latency percentiles",
        description,
        x,
        x_title: "percentile of the records",
        y,
        y_title: "milliseconds",
        lines,
    }
}

fn latencies(run: &Outcome) -> Chart {
    let lines = vec![
        line(run, "p50", |sample| sample.p50_ms),
        line(run, "p99", |sample| sample.p99_ms),
        line(run, "maximum", |sample| sample.max_ms),
    ];
    let description = range("Median, 99th percentile and maximum of the latency over time,", &lines, "milliseconds");
    let y = Axis::logarithmic(values(&lines));
    Chart {
        id: "latency",
        title: "Latency over time",
        description,
        x: time(run),
        x_title: "seconds",
        y,
        y_title: "milliseconds",
        lines,
    }
}

fn batches(run: &Outcome) -> Chart {
    let lines = vec![line(run, "size", |sample| sample.batch_bytes.map(|bytes| bytes / 1024.0))];
    let description = range("Average compressed size of a batch over time,", &lines, "KiB");
    let y = Axis::linear(values(&lines).fold(0.0, f64::max));
    Chart {
        id: "batches",
        title: "Average batch size over time",
        description,
        x: time(run),
        x_title: "seconds",
        y,
        y_title: "KiB",
        lines,
    }
}

/// The values of the charts.
fn over_time(run: &Outcome) -> String {
    let number = |value: Option<f64>, digits| value.map_or_else(|| "-".to_owned(), |value| decimal(value, digits));
    let rows = run.series.samples().iter().map(|sample| {
        vec![
            decimal(sample.end_s, 1),
            decimal(sample.rate(), 0),
            HumanCount(sample.failed).to_string(),
            number(sample.p50_ms, 2),
            number(sample.p99_ms, 2),
            number(sample.max_ms, 2),
            number(sample.batch_bytes, 0),
            number(sample.batch_records, 1),
        ]
    });
    let head = &["Until s", "Records/s", "Failed", "p50 ms", "p99 ms", "Max ms", "Batch bytes", "Batch records"];
    let table = Table { name: "values over time", head, rows: rows.collect(), has_numbers: true };
    format!("<section>\n<details>\n<summary>All values over time</summary>\n{table}</details>\n</section>\n")
}

#[cfg(test)]
mod tests {
    use super::{super::super::outcome::tests::outcome, *};

    #[test]
    fn texts_from_settings_are_escaped() {
        let mut run = outcome("a");
        run.topic = "<b>topic".to_owned();
        run.brokers = Some("<b>brokers".to_owned());
        run.ended = Some("<b>ended".to_owned());
        run.settings[0].name = "<b>name".to_owned();
        run.settings[1].value = "<b>value".to_owned();
        run.settings[1].origin = "<b>origin".to_owned();
        run.counts.fail("Client", std::time::Duration::ZERO, || "<b>message".to_owned());
        let page = of_run(&run, &[("keys", "<b>keys".to_owned())]);
        assert!(!page.contains("<b>"), "{page}");
        assert_eq!(page.matches("&lt;b&gt;").count(), 9, "{page}");
    }

    #[test]
    fn the_page_has_each_part() {
        let page = of_run(&outcome("a"), &[]);
        for part in ["Throughput over time", "Latency percentiles", "Latency over time", "Average batch size", "RecordTooLarge"] {
            assert!(page.contains(part), "{part}");
        }
        assert!(page.contains("half of the records within 5.00 ms, 99 % within 9.90 ms"), "{page}");
        assert!(page.contains("<dt>Records per second</dt><dd>1,000</dd>"), "{page}");
    }

    #[test]
    fn an_empty_run_has_a_page() {
        let mut run = outcome("a");
        run.counts = crate::perf::latencies::Counts::new();
        run.series = crate::perf::series::Series::new();
        let page = of_run(&run, &[]);
        assert_eq!(page.matches("There are no values.").count(), 4, "{page}");
        assert!(page.contains("No record failed.") && !page.contains("NaN") && !page.contains("inf"), "{page}");
    }
}
