//! [`Launch`]: runs a client once and takes its figures.

use std::{
    fs,
    io::Read,
    mem,
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Command, ExitStatus, Stdio},
    thread,
};

use anyhow::{Context, Result, anyhow, ensure};
use bench_figures::{
    Load, Measurement, Workload,
    client::program,
    load::{BATCH_BYTES, OPEN_RATE, WINDOW},
};
use serde_json::Value;

use crate::broker::{Broker, Topics};

/// One load, as all of its clients get it.
pub(crate) struct Launch<'a> {
    pub(crate) load: Load,
    /// As the command line says.
    pub(crate) records: Option<usize>,
    pub(crate) built: &'a Path,
    pub(crate) values: &'a Path,
}

impl Launch<'_> {
    /// Why a client is not there.
    pub(crate) fn missing(&self, client: &str) -> Option<String> {
        if self.built.join(program(client)).is_file() {
            return None;
        }
        let why = fs::read_to_string(self.built.join(format!("{}.missing", program(client))));
        Some(why.map_or_else(|_| "it was not built".to_owned(), |why| why.trim().to_owned()))
    }

    /// Runs a client; gives its figures, or says why there are none, and which version it says it is. Round 0 sends a fifth.
    pub(crate) fn run(&self, client: &str, round: usize, broker: &Broker, topics: &Topics) -> (Measurement, Option<String>) {
        let measurement =
            Measurement { load: self.load.name.into(), client: client.into(), round: Some(round), ..Measurement::default() };
        let records = self.load.records(client, self.records);
        let records = if round == 0 { (records / 5).max(1) } else { records };
        match self.try_run(client, records, broker, topics) {
            Ok(line) => {
                let number = |name: &str| line[name].as_f64();
                let million = records as f64 / 1e6;
                let throughput = self.load.workload == Workload::Throughput;
                let figures = Measurement {
                    // A few hundred records are mostly start and waiting.
                    cpu_s_per_million: number("cpu_s")
                        .map(|cpu| cpu / million)
                        .filter(|_| !matches!(self.load.workload, Workload::Flush | Workload::Idle)),
                    records_per_s: number("seconds").map(|seconds| records as f64 / seconds).filter(|_| throughput),
                    peak_rss_mb: number("peak_rss_mb"),
                    commits_per_s: number("commits_per_s"),
                    init_ms: number("init_ms"),
                    threads: number("threads"),
                    rss_mb: number("rss_mb"),
                    wakeups_per_s: number("wakeups_per_s"),
                    idle_cpu_ms_per_s: number("idle_cpu_ms_per_s"),
                    build_ms: number("build_ms"),
                    drop_ms: number("drop_ms"),
                    p50_us: number("p50_us"),
                    p99_us: number("p99_us"),
                    p999_us: number("p999_us"),
                    process_cpu_s: number("process_cpu_s"),
                    records: Some(records),
                    ..measurement
                };
                (figures, line["version"].as_str().map(str::to_owned))
            }
            Err(error) => (Measurement { failed: Some(format!("{error:#}")), ..measurement }, None),
        }
    }

    fn try_run(&self, client: &str, records: usize, broker: &Broker, topics: &Topics) -> Result<Value> {
        let load = &self.load;
        let before = broker.end(topics)?;
        let mut command = Command::new(self.built.join(program(client)));
        command
            .arg(load.workload.name())
            .args(["--bootstrap", broker.bootstrap(), "--topic", &topics.base])
            .args(["--topics", &load.topics.to_string(), "--records", &records.to_string()])
            .args(["--warm-up", &load.warm_up.min(records / 2).to_string(), "--size", &load.size.to_string()])
            .args(["--compression", if load.lz4 { "lz4" } else { "none" }, if load.keyed { "--keyed" } else { "--keyless" }])
            .args(["--rate", &OPEN_RATE.to_string(), "--linger-ms", &load.linger_ms.to_string()])
            .arg("--values")
            .arg(self.values);
        if load.window != WINDOW {
            command.args(["--window", &load.window.to_string()]);
        }
        if load.batch_bytes != BATCH_BYTES {
            command.args(["--batch-bytes", &load.batch_bytes.to_string()]);
        }
        if load.workload == Workload::Transactions {
            command.args(["--transaction-records", &load.transaction_records.to_string()]);
        }
        let ended = run(command)?;
        let said = || ended.errors.lines().last().unwrap_or("it said nothing").to_owned();
        ensure!(ended.status.success(), "{}: {}", ended.status, said());
        let line = ended.output.lines().last().ok_or_else(|| anyhow!("it printed nothing; {}", said()))?;
        let mut line: Value = serde_json::from_str(line).with_context(|| format!("not a line of JSON: {line}"))?;
        let (acknowledged, failed) = (line["acknowledged"].as_u64(), line["failed"].as_u64());
        ensure!(
            acknowledged == Some(records as u64) && failed == Some(0),
            "of {records} records it had {acknowledged:?} acknowledged and {failed:?} failed"
        );
        let markers = load.markers(records) as u64;
        let there = broker.end_at_least(topics, before + records as u64 + markers)? - before;
        ensure!(
            there == records as u64 + markers,
            "{records} records were acknowledged, {there} offsets are in the topic, {markers} of them for transaction markers"
        );
        line["process_cpu_s"] = ended.cpu_s.into();
        Ok(line)
    }
}

struct Ended {
    status: ExitStatus,
    output: String,
    errors: String,
    /// User and system time of the process and those it waited for.
    cpu_s: f64,
}

fn run(mut command: Command) -> Result<Ended> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    thread::scope(|scope| {
        scope.spawn(|| stderr.map(|mut stderr| stderr.read_to_end(&mut errors)));
        stdout.map(|mut stdout| stdout.read_to_end(&mut output)).transpose()
    })?;
    let pid = libc::pid_t::try_from(child.id())?;
    let mut status = 0;
    // SAFETY: `rusage` is plain integers, for which zeroes are a value.
    let mut usage: libc::rusage = unsafe { mem::zeroed() };
    // SAFETY: the pointers are to values that live through the call; the child is ours, and nothing else waits for it.
    let waited = unsafe { libc::wait4(pid, &mut status, 0, &mut usage) };
    ensure!(waited == pid, "wait4: {}", std::io::Error::last_os_error());
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    Ok(Ended {
        status: ExitStatus::from_raw(status),
        output: String::from_utf8_lossy(&output).into_owned(),
        errors: String::from_utf8_lossy(&errors).into_owned(),
        cpu_s: seconds(usage.ru_utime) + seconds(usage.ru_stime),
    })
}

/// A run in a few words, for the terminal.
pub(crate) fn summary(run: &Measurement) -> String {
    if let Some(why) = &run.failed {
        return format!("FAILED: {why}");
    }
    let figures = [
        (run.cpu_s_per_million, 2, "CPU-s a million"),
        (run.records_per_s, 0, "records/s"),
        (run.peak_rss_mb, 0, "MB"),
        (run.commits_per_s, 0, "commits/s"),
        (run.init_ms, 0, "ms init"),
        (run.threads, 0, "threads"),
        (run.wakeups_per_s, 0, "wake-ups/s"),
        (run.p50_us, 0, "µs p50"),
        (run.p99_us, 0, "µs p99"),
    ];
    let words = figures.iter().filter_map(|(figure, digits, unit)| Some(format!("{:.*} {unit}", *digits, (*figure)?)));
    words.collect::<Vec<_>>().join(", ")
}
