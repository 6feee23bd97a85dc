//! [`Measurement`]: the figures of one run, and [`Machine`]: what they were taken on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One client under one load in one round; or why there is none.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Measurement {
    pub load: String,
    pub client: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub round: Option<usize>,
    /// User and system time from just before the client object is made to the last report, per million records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_s_per_million: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub records_per_s: Option<f64>,
    /// Megabytes of a million bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_rss_mb: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p50_us: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p99_us: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p999_us: Option<f64>,
    /// User and system time of the whole process, its start and end included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process_cpu_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub records: Option<usize>,
    /// Why the client did not run at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
    /// Why this run has no figures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

/// A figure of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    Cpu,
    Throughput,
    PeakRss,
    P50,
    P99,
    P999,
}

impl Figure {
    /// The title of its column.
    pub fn title(self) -> &'static str {
        match self {
            Self::Cpu => "CPU-s per million",
            Self::Throughput => "records/s",
            Self::PeakRss => "peak RSS, MB",
            Self::P50 => "p50, µs",
            Self::P99 => "p99, µs",
            Self::P999 => "p99.9, µs",
        }
    }

    /// Of a run; `None` where it has none.
    pub fn of(self, measurement: &Measurement) -> Option<f64> {
        match self {
            Self::Cpu => measurement.cpu_s_per_million,
            Self::Throughput => measurement.records_per_s,
            Self::PeakRss => measurement.peak_rss_mb,
            Self::P50 => measurement.p50_us,
            Self::P99 => measurement.p99_us,
            Self::P999 => measurement.p999_us,
        }
    }
}

/// What the figures were taken on.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Machine {
    pub date: String,
    pub cpu: String,
    pub cores: usize,
    pub kernel: String,
    pub memory_gb: f64,
    /// The load average of the last minute, when the first run began.
    pub load_average: String,
    pub kafka: String,
    pub commit: String,
    pub rounds: usize,
    /// Of each client, what it says of itself.
    pub versions: BTreeMap<String, String>,
}
