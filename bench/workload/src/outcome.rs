//! [`Measuring`] and [`Outcome`]: what a run took, and the line that says so.

use std::{fs, mem, time::Instant};

use anyhow::ensure;
use serde_json::{Value, json};

use crate::{Arguments, Commits, Latencies};

/// Started just before the client object is made, ended with the last report.
#[derive(Debug)]
pub struct Measuring {
    start: Instant,
    cpu_s: f64,
}

/// What a run took.
#[derive(Debug)]
pub struct Outcome {
    pub acknowledged: usize,
    pub failed: usize,
    pub seconds: f64,
    pub cpu_s: f64,
}

impl Measuring {
    pub fn start() -> Self {
        Self { start: Instant::now(), cpu_s: cpu_seconds() }
    }

    pub fn end(self, acknowledged: usize, failed: usize) -> Outcome {
        Outcome { acknowledged, failed, seconds: self.start.elapsed().as_secs_f64(), cpu_s: cpu_seconds() - self.cpu_s }
    }
}

impl Outcome {
    /// Prints the line of JSON that the runner reads.
    pub fn print(&self, arguments: &Arguments, latencies: Option<&Latencies>, version: &str) -> anyhow::Result<()> {
        let mut line = self.line(version)?;
        if let Some(latencies) = latencies {
            ensure!(arguments.warm_up < arguments.records, "--warm-up {} leaves no record", arguments.warm_up);
            add_quantiles(&mut line, &latencies.quantiles(arguments.warm_up, &QUANTILES));
        }
        println!("{line}");
        Ok(())
    }

    /// The same for a transactional run.
    pub fn print_commits(&self, commits: &Commits, version: &str) -> anyhow::Result<()> {
        let mut line = self.line(version)?;
        line["init_ms"] = json!(commits.init_ms());
        line["commits_per_s"] = json!(commits.per_second());
        add_quantiles(&mut line, &commits.quantiles(&QUANTILES));
        println!("{line}");
        Ok(())
    }

    pub(crate) fn line(&self, version: &str) -> anyhow::Result<Value> {
        Ok(json!({
            "acknowledged": self.acknowledged,
            "failed": self.failed,
            "seconds": self.seconds,
            "cpu_s": self.cpu_s,
            "peak_rss_mb": rss_mb("VmHWM:")?,
            "version": version,
        }))
    }
}

const QUANTILES: [f64; 3] = [0.5, 0.99, 0.999];

fn add_quantiles(line: &mut Value, quantiles: &[f64]) {
    for (name, value) in ["p50_us", "p99_us", "p999_us"].iter().zip(quantiles) {
        line[name] = json!(value);
    }
}

/// User and system time of this process so far.
pub(crate) fn cpu_seconds() -> f64 {
    // SAFETY: `rusage` is plain integers, for which zeroes are a value.
    let mut usage: libc::rusage = unsafe { mem::zeroed() };
    // SAFETY: the pointer is to a `rusage` that lives through the call.
    unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut usage) };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

/// A size of `/proc/self/status` in megabytes of a million bytes. The peak is `VmHWM`, and not `ru_maxrss`, which does not go below what the
/// process that started this one had.
pub(crate) fn rss_mb(name: &str) -> anyhow::Result<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let kib = status.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    kib.map(|kib| kib * 1024.0 / 1e6).ok_or_else(|| anyhow::anyhow!("/proc/self/status has no {name}"))
}
