//! A soak: producers of every kind send to a Kafka of three brokers that breaks, for a while or for long; every record is accounted for,
//! and nothing grows.
//!
//! The producers have a process of their own, whose memory, files and threads are theirs alone ([`load`]). The brokers, the proxies in
//! front of them and what breaks them belong to the process of the test ([`faults`]). `OTTLA_SOAK_MINUTES` or `OTTLA_SOAK_SECONDS` says how
//! long, `OTTLA_SOAK_SEED` repeats a run's choices; how they fall in time depends on the machine.

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

const TEST: &str = "broker::soak::every_record_is_accounted_for_and_nothing_grows";

/// For the process of the producers: where the brokers are, and the file for what it has counted.
const SERVERS: &str = "OTTLA_SOAK_SERVERS";
const SUMMARY: &str = "OTTLA_SOAK_SUMMARY";

/// How long, unless it is said, and the choices of that short run.
const SHORT: Duration = Duration::from_secs(25);
const SHORT_SEED: u64 = 7;

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn every_record_is_accounted_for_and_nothing_grows() {
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
    // For threads that are gone the GNU C library keeps their memory, an arena each, until there are so many that they are shared. With one
    // for all of them what grows is what is held.
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
    assert!(faults.connections_cut > 0, "seed {seed}: nothing was broken");
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
