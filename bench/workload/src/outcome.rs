//! [`Measuring`] and [`Outcome`]: what a run took, and the line that says so.

use std::{fs, mem, time::Instant};

use anyhow::ensure;
use serde_json::json;

use crate::{Arguments, Latencies};

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
        let mut line = json!({
            "acknowledged": self.acknowledged,
            "failed": self.failed,
            "seconds": self.seconds,
            "cpu_s": self.cpu_s,
            "peak_rss_mb": peak_rss_mb()?,
            "version": version,
        });
        if let Some(latencies) = latencies {
            ensure!(arguments.warm_up < arguments.records, "--warm-up {} leaves no record", arguments.warm_up);
            let quantiles = latencies.quantiles(arguments.warm_up, &[0.5, 0.99, 0.999]);
            for (name, value) in ["p50_us", "p99_us", "p999_us"].iter().zip(quantiles) {
                line[name] = json!(value);
            }
        }
        println!("{line}");
        Ok(())
    }
}

/// User and system time of this process so far.
fn cpu_seconds() -> f64 {
    // SAFETY: `rusage` is plain integers, for which zeroes are a value.
    let mut usage: libc::rusage = unsafe { mem::zeroed() };
    // SAFETY: the pointer is to a `rusage` that lives through the call.
    unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut usage) };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

/// `VmHWM` in megabytes of a million bytes. Not `ru_maxrss`, which does not go below what the process that started this one had.
fn peak_rss_mb() -> anyhow::Result<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    kib.map(|kib| kib * 1024.0 / 1e6).ok_or_else(|| anyhow::anyhow!("/proc/self/status has no VmHWM"))
}
