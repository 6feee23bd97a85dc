//! Faults of the brokers, chosen by the seed.

use std::{
    fmt,
    thread::{self, ScopedJoinHandle},
    time::{Duration, Instant},
};

use super::cluster::{BROKERS, Cluster};

/// The faults so far.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) connections_cut: usize,
    paused: usize,
    killed: usize,
}

impl Faults {
    /// Causes faults for this long; then all brokers work again.
    pub(super) fn inject(cluster: &Cluster, seed: u64, length: Duration) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut faults = Self::default();
        let begun = Instant::now();
        thread::scope(|scope| {
            // Only one broker is down at a time: with two of them down the others cannot write (`min.insync.replicas`).
            let mut away: Option<ScopedJoinHandle<'_, ()>> = None;
            while begun.elapsed() < length {
                thread::sleep(Duration::from_millis(random.u64(500..4_000)));
                let what = if away.as_ref().is_some_and(|away| !away.is_finished()) {
                    faults.cut(cluster, &mut random)
                } else {
                    let (broker, choice) = (usize::from(random.u16(1..=BROKERS)), random.u8(0..10));
                    match choice {
                        0..5 => faults.cut(cluster, &mut random),
                        5..8 => {
                            // Sometimes longer than a broker keeps its leaderships (6 s), and than the timeout of some records.
                            let most = if random.u8(0..3) == 0 { 10_000 } else { 3_000 };
                            let time = Duration::from_millis(random.u64(200..most));
                            faults.paused += 1;
                            away = Some(scope.spawn(move || {
                                cluster.kafka.pause(broker);
                                thread::sleep(time);
                                cluster.kafka.resume(broker);
                            }));
                            format!("broker {broker} paused for {:.1} s", time.as_secs_f64())
                        }
                        _ => {
                            let time = Duration::from_millis(random.u64(0..4_000));
                            faults.killed += 1;
                            away = Some(scope.spawn(move || {
                                cluster.kafka.kill(broker);
                                thread::sleep(time);
                                cluster.kafka.restart(broker);
                            }));
                            format!("broker {broker} killed, to be started {:.1} s later", time.as_secs_f64())
                        }
                    }
                };
                println!("{:6.1} s: {what}", begun.elapsed().as_secs_f64());
            }
        });
        faults
    }

    /// Closes the connections of one broker, or of all.
    fn cut(&mut self, cluster: &Cluster, random: &mut fastrand::Rng) -> String {
        let (broker, all) = (random.usize(..cluster.proxies.len()), random.u8(0..4) == 0);
        let proxies = cluster.proxies.iter().enumerate().filter(|(n, _)| all || *n == broker);
        let cut: usize = proxies.map(|(_, proxy)| proxy.cut()).sum();
        self.connections_cut += cut;
        if all { format!("{cut} connections cut") } else { format!("{cut} connections of broker {} cut", broker + 1) }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { connections_cut, paused, killed } = self;
        writeln!(
            f,
            "| faults | connections cut {connections_cut}, brokers paused {paused}, brokers killed and restarted {killed} |"
        )
    }
}
