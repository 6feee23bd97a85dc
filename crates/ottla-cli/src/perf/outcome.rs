//! [`Outcome`]: the figures of a run, as text and as JSON.

use std::{collections::BTreeMap, fmt, time::Duration};

use indicatif::{BinaryBytes, HumanCount};
use ottla::{ProducerConfig, metrics::Metrics};
use serde::{Serialize, ser::SerializeMap as _};

use super::{
    latencies::{Counts, Latencies},
    series::{Sample, Series},
};
use crate::exit::Exit;

/// Everything that a run has measured.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    /// The configuration's name in a comparison.
    pub(crate) name: Option<String>,
    pub(crate) topic: String,
    pub(crate) brokers: Option<String>,
    pub(crate) settings: Vec<SettingInForce>,
    /// With `acks=0` records are sent but not acknowledged.
    pub(crate) is_unacknowledged: bool,
    /// The records per second that were to be sent.
    pub(crate) rate: Option<f64>,
    pub(crate) warmup_records: u64,
    pub(crate) counts: Counts,
    pub(crate) series: Series,
    /// From when the first measured record was due to the last report.
    pub(crate) elapsed: Duration,
    /// Records that failed because this client lacks the permission to write them.
    pub(crate) not_allowed: u64,
    pub(crate) is_interrupted: bool,
    /// Why the run ended early.
    pub(crate) ended: Option<String>,
    pub(crate) metrics: Option<Metrics>,
}

/// A setting of the producer. A secret is hidden.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SettingInForce {
    pub(crate) name: String,
    pub(crate) value: String,
    /// Where the value comes from, such as `orders.toml:7` or `default`.
    pub(crate) origin: String,
}

impl SettingInForce {
    /// Settings that are also shown if they have their default.
    const ALWAYS: [&str; 7] = [
        "acks",
        "batch.size",
        "buffer.memory",
        "compression.type",
        "enable.idempotence",
        "linger.ms",
        "max.in.flight.requests.per.connection",
    ];

    /// The settings that are set, and those that determine throughput and latency.
    pub(crate) fn all(config: &ProducerConfig) -> Vec<Self> {
        let explanation = config.explain();
        let rows = explanation.rows().iter();
        let rows = rows.filter(|row| config.origin(row.name()).is_some() || Self::ALWAYS.contains(&row.name()));
        rows.map(|row| Self { name: row.name().to_owned(), value: row.value().to_owned(), origin: row.origin().to_owned() })
            .collect()
    }
}

/// Latencies in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct LatencyFigures {
    pub(crate) avg: f64,
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) p99: f64,
    pub(crate) p99_9: f64,
    pub(crate) max: f64,
}

impl LatencyFigures {
    /// `None` without latencies.
    pub(crate) fn of(latencies: &Latencies) -> Option<Self> {
        Some(Self {
            avg: latencies.average()?,
            p50: latencies.quantile(0.5)?,
            p95: latencies.quantile(0.95)?,
            p99: latencies.quantile(0.99)?,
            p99_9: latencies.quantile(0.999)?,
            max: latencies.longest()?,
        })
    }
}

/// The figures of a run or of several.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Figures {
    pub(crate) records: u64,
    pub(crate) acknowledged: u64,
    /// With `acks=0`, where `acknowledged` is 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sent: Option<u64>,
    pub(crate) failed: u64,
    pub(crate) bytes: u64,
    pub(crate) elapsed_s: f64,
    pub(crate) records_per_s: f64,
    pub(crate) mib_per_s: f64,
    pub(crate) latency_ms: Option<LatencyFigures>,
    pub(crate) errors: BTreeMap<&'static str, u64>,
}

impl Figures {
    pub(crate) fn of(counts: &Counts, elapsed: Duration, is_unacknowledged: bool) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a rate that is shown")]
        let rate = |count: u64| if elapsed.is_zero() { 0.0 } else { count as f64 / elapsed.as_secs_f64() };
        Self {
            records: counts.acknowledged + counts.failed(),
            acknowledged: if is_unacknowledged { 0 } else { counts.acknowledged },
            sent: is_unacknowledged.then_some(counts.acknowledged),
            failed: counts.failed(),
            bytes: counts.bytes,
            elapsed_s: elapsed.as_secs_f64(),
            records_per_s: rate(counts.acknowledged),
            mib_per_s: rate(counts.bytes) / BYTES_PER_MIB,
            latency_ms: LatencyFigures::of(&counts.latencies),
            errors: counts.errors.iter().map(|(kind, errors)| (*kind, errors.count)).collect(),
        }
    }
}

/// The form of an outcome in JSON.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    figures: Figures,
    target_records_per_s: Option<f64>,
    warmup_records: u64,
    topic: &'a str,
    brokers: Option<&'a str>,
    settings: BTreeMap<&'a str, &'a str>,
    error: Option<&'a str>,
    intervals: &'a [Sample],
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics: Option<MetricValues<'a>>,
}

/// Each metric of the producer, with its tags in the name: `record-send-total{topic=orders}`.
struct MetricValues<'a>(&'a Metrics);

impl MetricValues<'_> {
    fn each(&self) -> impl Iterator<Item = (String, f64)> {
        self.0.iter().map(|metric| {
            let tags = metric.tags().iter().filter(|(tag, _)| *tag != "client-id");
            let tags: Vec<String> = tags.map(|(tag, value)| format!("{tag}={value}")).collect();
            let tags = if tags.is_empty() { String::new() } else { format!("{{{}}}", tags.join(",")) };
            (format!("{}{tags}", metric.name()), metric.value())
        })
    }
}

impl Serialize for MetricValues<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.each() {
            map.serialize_entry(&name, &value)?;
        }
        map.end()
    }
}

impl Serialize for Outcome {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let document = Document {
            figures: self.figures(),
            target_records_per_s: self.rate,
            warmup_records: self.warmup_records,
            topic: &self.topic,
            brokers: self.brokers.as_deref(),
            settings: self.settings.iter().map(|setting| (&*setting.name, &*setting.value)).collect(),
            error: self.ended.as_deref(),
            intervals: self.series.samples(),
            metrics: self.metrics.as_ref().map(MetricValues),
        };
        document.serialize(serializer)
    }
}

impl Outcome {
    pub(crate) fn figures(&self) -> Figures {
        Figures::of(&self.counts, self.elapsed, self.is_unacknowledged)
    }

    /// The exit code of the run.
    pub(crate) fn exit(&self) -> Exit {
        let failed = self.counts.failed();
        if self.is_interrupted {
            Exit::Interrupted
        } else if failed > 0 && self.counts.acknowledged == 0 && self.not_allowed == failed {
            Exit::Unreachable
        } else if failed > 0 || self.ended.is_some() {
            Exit::Failed
        } else {
            Exit::Done
        }
    }
}

/// ```text
/// 100,000 records acknowledged in 10.00 s: 10,000.0/s, 0.95 MiB/s, 9.54 MiB
/// latency in ms: avg 2.31, p50 2.10, p95 4.02, p99 5.20, p99.9 9.11, max 12.40
/// 2 records failed
///           2   RecordTooLarge: the message of the first one
/// ```
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let figures = self.figures();
        let acknowledged = self.counts.acknowledged;
        write!(
            f,
            "{} record{} {} in {:.2} s: {}/s, {:.2} MiB/s, {}",
            HumanCount(acknowledged),
            if acknowledged == 1 { "" } else { "s" },
            if self.is_unacknowledged { "sent, none of them acknowledged (acks=0)," } else { "acknowledged" },
            figures.elapsed_s,
            decimal(figures.records_per_s, 1),
            figures.mib_per_s,
            BinaryBytes(figures.bytes),
        )?;
        if let Some(LatencyFigures { avg, p50, p95, p99, p99_9, max }) = figures.latency_ms {
            write!(f, "\nlatency in ms: avg {avg:.2}, p50 {p50:.2}, p95 {p95:.2}, p99 {p99:.2}, p99.9 {p99_9:.2}, max {max:.2}")?;
        }
        if figures.failed > 0 {
            write!(f, "\n{} record{} failed", HumanCount(figures.failed), if figures.failed == 1 { "" } else { "s" })?;
        }
        for (kind, errors) in &self.counts.errors {
            write!(f, "\n  {:>9}   {kind}: {}", HumanCount(errors.count).to_string(), errors.message)?;
        }
        for (name, value) in self.metrics.iter().flat_map(|metrics| MetricValues(metrics).each().collect::<Vec<_>>()) {
            write!(f, "\n{name}: {value}")?;
        }
        Ok(())
    }
}

const BYTES_PER_MIB: f64 = 1_048_576.0;

/// `0.95 MiB`.
pub(crate) fn mebibytes(bytes: f64) -> String {
    format!("{:.2} MiB", bytes / BYTES_PER_MIB)
}

/// A number with a comma between thousands: `12,345.6`.
pub(crate) fn decimal(number: f64, digits: usize) -> String {
    let text = format!("{number:.digits$}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    match whole.parse() {
        Ok(whole) if digits > 0 => format!("{}.{fraction}", HumanCount(whole)),
        Ok(whole) => HumanCount(whole).to_string(),
        Err(_) => text,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::perf::series::sample;

    /// An outcome of two seconds with 2,000 records and one that failed.
    pub(in crate::perf) fn outcome(name: &str) -> Outcome {
        let (mut counts, mut series) = (Counts::new(), Series::new());
        for second in 1..=2 {
            let mut interval = Counts::new();
            for record in 1..=1000 {
                let due = Duration::from_secs(second);
                interval.acknowledge(due, due + Duration::from_micros(record * 10), 1000);
            }
            if second == 2 {
                interval.fail("RecordTooLarge", Duration::from_secs(2), || "of 2 MB".to_owned());
            }
            series.push(sample(&interval, Duration::from_secs(second), Duration::from_secs(1), [Some(16_000.0), Some(16.0)]));
            counts.add(&interval);
        }
        let setting = |name: &str, value: &str| SettingInForce {
            name: name.to_owned(),
            value: value.to_owned(),
            origin: "orders.toml:7".to_owned(),
        };
        Outcome {
            name: Some(name.to_owned()),
            topic: "orders".to_owned(),
            brokers: Some("a:1".to_owned()),
            settings: vec![setting("acks", "all"), setting("linger.ms", "5")],
            is_unacknowledged: false,
            rate: Some(1000.0),
            warmup_records: 10,
            counts,
            series,
            elapsed: Duration::from_secs(2),
            not_allowed: 0,
            is_interrupted: false,
            ended: None,
            metrics: None,
        }
    }

    #[test]
    fn the_text_form_has_figures_and_errors() {
        let text = "\
2,000 records acknowledged in 2.00 s: 1,000.0/s, 0.95 MiB/s, 1.91 MiB
latency in ms: avg 5.00, p50 5.00, p95 9.50, p99 9.90, p99.9 9.99, max 10.00
1 record failed
          1   RecordTooLarge: of 2 MB";
        assert_eq!(outcome("a").to_string(), text);
        let unacknowledged = Outcome { is_unacknowledged: true, ..outcome("a") }.to_string();
        assert!(
            unacknowledged.starts_with("2,000 records sent, none of them acknowledged (acks=0), in 2.00 s"),
            "{unacknowledged}"
        );
    }

    #[test]
    fn the_json_form_has_all_figures() {
        let json = serde_json::to_value(outcome("a")).unwrap();
        for (name, value) in [
            ("records", serde_json::json!(2001)),
            ("acknowledged", serde_json::json!(2000)),
            ("failed", serde_json::json!(1)),
            ("bytes", serde_json::json!(2_000_000)),
            ("elapsed_s", serde_json::json!(2.0)),
            ("records_per_s", serde_json::json!(1000.0)),
            ("target_records_per_s", serde_json::json!(1000.0)),
            ("warmup_records", serde_json::json!(10)),
            ("errors", serde_json::json!({"RecordTooLarge": 1})),
            ("settings", serde_json::json!({"acks": "all", "linger.ms": "5"})),
            ("topic", serde_json::json!("orders")),
            ("error", serde_json::json!(null)),
        ] {
            assert_eq!(json[name], value, "{name}");
        }
        assert_eq!(json["latency_ms"]["max"], 10.0);
        assert_eq!(json["intervals"].as_array().unwrap().len(), 2);
        assert_eq!(json["intervals"][1]["failed"], 1);
        assert!(json.get("sent").is_none() && json.get("metrics").is_none(), "{json}");
    }

    #[test]
    fn with_acks_0_records_count_as_sent() {
        let json = serde_json::to_value(Outcome { is_unacknowledged: true, ..outcome("a") }).unwrap();
        assert_eq!((&json["acknowledged"], &json["sent"]), (&serde_json::json!(0), &serde_json::json!(2000)));
    }

    #[test]
    fn a_run_without_records_has_no_latency_and_no_rate() {
        let empty = Outcome { counts: Counts::new(), elapsed: Duration::ZERO, ..outcome("a") };
        assert_eq!(empty.to_string(), "0 records acknowledged in 0.00 s: 0.0/s, 0.00 MiB/s, 0 B");
        assert_eq!(serde_json::to_value(&empty).unwrap()["latency_ms"], serde_json::json!(null));
        assert_eq!(empty.exit(), Exit::Done);
    }

    #[test]
    fn exits_are_those_of_the_table() {
        assert_eq!(outcome("a").exit(), Exit::Failed);
        assert_eq!(Outcome { is_interrupted: true, ..outcome("a") }.exit(), Exit::Interrupted);
        let mut refused = Outcome { not_allowed: 1, counts: Counts::new(), ..outcome("a") };
        refused.counts.fail("Authorization", Duration::ZERO, String::new);
        assert_eq!(refused.exit(), Exit::Unreachable);
        let stopped = Outcome { ended: Some("fenced".to_owned()), counts: Counts::new(), ..outcome("a") };
        assert_eq!(stopped.exit(), Exit::Failed);
    }

    #[test]
    fn numbers_have_commas() {
        assert_eq!(
            (decimal(1_234_567.89, 1), decimal(999.96, 1), decimal(0.04, 1)),
            ("1,234,567.9".into(), "1,000.0".into(), "0.0".into())
        );
        assert_eq!((decimal(1234.4, 0), decimal(f64::NAN, 1)), ("1,234".into(), "NaN".into()));
    }

    #[test]
    fn settings_in_force_hide_secrets() {
        let jaas = "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"a\" password=\"hunter2\";";
        let pairs = [("bootstrap.servers", "a:1"), ("sasl.jaas.config", jaas), ("linger.ms", "7")];
        let Ok(config) = ProducerConfig::from_pairs(pairs) else { panic!("valid settings") };
        let shown = SettingInForce::all(&config);
        let value = |name: &str| shown.iter().find(|setting| setting.name == name).map(|setting| setting.value.as_str());
        assert_eq!((value("linger.ms"), value("acks"), value("sasl.jaas.config")), (Some("7"), Some("all"), Some("[hidden]")));
        assert_eq!(value("retries"), None, "a default that is not of interest");
    }
}
