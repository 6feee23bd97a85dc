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
    /// Transactions a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commits_per_s: Option<f64>,
    /// The time of `init_transactions`, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init_ms: Option<f64>,
    /// The threads of the process, with all its idle producers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<f64>,
    /// Its resident memory then, in megabytes of a million bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rss_mb: Option<f64>,
    /// How often its threads wake up in a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wakeups_per_s: Option<f64>,
    /// Their CPU time, in milliseconds a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_cpu_ms_per_s: Option<f64>,
    /// The time to create all producers, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_ms: Option<f64>,
    /// The time to close them one after the other, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drop_ms: Option<f64>,
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
    Commits,
    Init,
    Threads,
    Rss,
    Wakeups,
    IdleCpu,
    Build,
    Drop,
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
            Self::Commits => "commits/s",
            Self::Init => "init, ms",
            Self::Threads => "threads",
            Self::Rss => "RSS, MB",
            Self::Wakeups => "wake-ups/s",
            Self::IdleCpu => "idle CPU, ms/s",
            Self::Build => "build, ms",
            Self::Drop => "drop, ms",
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
            Self::Commits => measurement.commits_per_s,
            Self::Init => measurement.init_ms,
            Self::Threads => measurement.threads,
            Self::Rss => measurement.rss_mb,
            Self::Wakeups => measurement.wakeups_per_s,
            Self::IdleCpu => measurement.idle_cpu_ms_per_s,
            Self::Build => measurement.build_ms,
            Self::Drop => measurement.drop_ms,
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
