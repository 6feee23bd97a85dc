//! What the figures are taken on.

use std::{env, fs, process::Command, thread};

use bench_figures::Machine;

pub(crate) fn describe() -> Machine {
    let cpu_info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory_kib = field(&memory, "MemTotal").and_then(|total| total.trim_end_matches(" kB").parse::<f64>().ok());
    Machine {
        date: said("date", &["-u", "+%Y-%m-%d %H:%M UTC"]),
        cpu: field(&cpu_info, "model name").unwrap_or("unknown").to_owned(),
        cores: thread::available_parallelism().map_or(0, usize::from),
        kernel: said("uname", &["-sr"]),
        memory_gb: memory_kib.map_or(0.0, |kib| (kib * 1024.0 / 1e9).round()),
        load_average: fs::read_to_string("/proc/loadavg")
            .ok()
            .and_then(|line| line.split(' ').next().map(str::to_owned))
            .unwrap_or_default(),
        kafka: env::var("BENCH_KAFKA").unwrap_or_else(|_| "of unknown version".to_owned()),
        commit: said("git", &["describe", "--always", "--dirty", "--exclude=*"]),
        ..Machine::default()
    }
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim())
    })
}

fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map_or_else(|_| "unknown".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
