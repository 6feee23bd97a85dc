//! A soak test: producers of all kinds send to a Kafka cluster of three brokers with faults, for a short or long time. Each record is
//! accounted for, and resource usage does not grow.
//!
//! The producers have their own process, so that its memory, files and threads can be measured ([`load`]). The brokers, their proxies and the
//! faults belong to the process of the test ([`faults`]). `OTTLA_SOAK_MINUTES` or `OTTLA_SOAK_SECONDS` is the duration, `OTTLA_SOAK_SEED`
//! repeats a run's random choices; their timing depends on the machine.

mod cluster;
mod faults;
mod gauge;
mod life;
mod load;
mod summary;
mod transactions;
mod ways;

use std::{env, fs, thread, time::Duration};

use self::{cluster::Cluster, faults::Faults, load::Load, summary::Summary};
use crate::own_process;

const TEST: &str = "broker::soak::every_record_is_accounted_for_and_resources_do_not_grow";

/// Environment variables of the producers' process: the addresses of the brokers, and the file for its results.
const SERVERS: &str = "OTTLA_SOAK_SERVERS";
const SUMMARY: &str = "OTTLA_SOAK_SUMMARY";

/// The default duration and seed.
const SHORT: Duration = Duration::from_secs(25);
const SHORT_SEED: u64 = 7;

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn every_record_is_accounted_for_and_resources_do_not_grow() {
    if own_process::is_alone(TEST) {
        let summary = Load::run(&env::var(SERVERS).unwrap(), seed(), length());
        fs::write(env::var_os(SUMMARY).unwrap(), serde_json::to_vec(&summary).unwrap()).unwrap();
        return;
    }
    let (seed, length) = (seed(), length());
    println!("seed {seed}, {} s", length.as_secs());
    let cluster = Cluster::start();
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut producers = own_process::command(TEST);
    // The GNU C library keeps the memory arenas of ended threads until it shares them. With one arena for all threads, only used memory grows.
    producers.env("MALLOC_ARENA_MAX", "1");
    producers.env(SERVERS, cluster.bootstrap_servers()).env(SUMMARY, file.path()).env("OTTLA_SOAK_SEED", seed.to_string());
    let (faults, output) = thread::scope(|scope| {
        let producers = scope.spawn(move || producers.output().unwrap());
        (Faults::inject(&cluster, seed, length), producers.join().unwrap())
    });
    let told = || format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "seed {seed}: the producers' process: {}\n{}", output.status, told());
    let summary: Summary = serde_json::from_slice(&fs::read(file.path()).unwrap())
        .unwrap_or_else(|error| panic!("seed {seed}: the producers' process has left no summary: {error}\n{}", told()));
    println!("seed {seed}\n{summary}{faults}");
    summary.assert_sound(seed);
    assert!(faults.connections_cut > 0, "seed {seed}: no fault occurred");
}

fn length() -> Duration {
    let number = |name| env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text}: a whole number")));
    let minutes = number("OTTLA_SOAK_MINUTES").map(|minutes: u64| Duration::from_secs(60 * minutes));
    minutes.or(number("OTTLA_SOAK_SECONDS").map(Duration::from_secs)).unwrap_or(SHORT)
}

fn seed() -> u64 {
    match env::var("OTTLA_SOAK_SEED") {
        Ok(text) if text == "random" => fastrand::u64(..),
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("OTTLA_SOAK_SEED={text}: a whole number, or random")),
        Err(_) => SHORT_SEED,
    }
}
