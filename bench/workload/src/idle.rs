//! [`idle`]: what many producers cost that send nothing.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use anyhow::Result;
use serde_json::json;

use crate::{
    Arguments, Measuring,
    outcome::{cpu_seconds, rss_mb},
};

/// Until the clients have ended what a first record starts.
const SETTLE: Duration = Duration::from_secs(5);

/// How long wake-ups are counted.
const WATCH: Duration = Duration::from_secs(10);

/// Builds one producer per record, sends one record with each, waits, and drops them. `send` waits for the acknowledgement.
pub fn idle<P>(
    arguments: &Arguments,
    version: &str,
    build: impl Fn() -> Result<P>,
    send: impl Fn(&P, usize) -> Result<()>,
    end: impl Fn(P) -> Result<()>,
) -> Result<()> {
    let measuring = Measuring::start();
    let start = Instant::now();
    let producers = (0..arguments.records).map(|_| build()).collect::<Result<Vec<_>>>()?;
    let build_ms = start.elapsed().as_secs_f64() * 1e3;
    for (index, producer) in producers.iter().enumerate() {
        send(producer, index)?;
    }
    thread::sleep(SETTLE);
    let before = (cpu_seconds(), wakeups()?);
    thread::sleep(WATCH);
    let after = (cpu_seconds(), wakeups()?);
    let (threads, rss) = (fs::read_dir("/proc/self/task")?.count(), rss_mb("VmRSS:")?);
    let start = Instant::now();
    producers.into_iter().try_for_each(end)?;
    let drop_ms = start.elapsed().as_secs_f64() * 1e3;

    let mut line = measuring.end(arguments.records, 0).line(version)?;
    line["build_ms"] = json!(build_ms);
    line["drop_ms"] = json!(drop_ms);
    line["threads"] = json!(threads);
    line["rss_mb"] = json!(rss);
    line["wakeups_per_s"] = json!((after.1 - before.1) as f64 / WATCH.as_secs_f64());
    line["idle_cpu_ms_per_s"] = json!((after.0 - before.0) * 1e3 / WATCH.as_secs_f64());
    println!("{line}");
    Ok(())
}

/// How often the threads of this process have gone to sleep so far. A thread that has ended meanwhile is not counted.
fn wakeups() -> Result<u64> {
    let mut sum = 0;
    for task in fs::read_dir("/proc/self/task")? {
        let Ok(status) = fs::read_to_string(task?.path().join("status")) else { continue };
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        sum += line.map_or(Ok(0), |count| count.trim().parse::<u64>())?;
    }
    Ok(sum)
}
