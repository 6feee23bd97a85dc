//! Faults of the network between producer and brokers.

use std::{thread, time::Duration};

use super::stage::{Stage, recovers};
use crate::broker::proxy::Network;

/// Records are sent while the network is bad, this long in each round, and continue when it works again; none fails.
fn bad(stage: &Stage, fault: &str, network: Network, settings: &[(&str, &str)], lasts: Duration) {
    let mut config = stage.config_through_proxies();
    for (name, value) in settings {
        config = config.set(name, value).unwrap();
    }
    let traffic = stage.traffic(&fault.replace(' ', "-"), config);
    stage.set_network(network);
    thread::sleep(lasts * stage.scale.rounds);
    stage.set_network(Network::Clear);
    recovers(&traffic);
    assert_eq!(stage.settle(fault, traffic).failed, 0);
}

pub(super) fn cut(stage: &Stage) {
    bad(stage, "network cut", Network::Cut, &[], Duration::from_secs(2));
}

pub(super) fn delayed(stage: &Stage) {
    bad(stage, "network delayed", Network::Delayed(Duration::from_millis(250)), &[], Duration::from_secs(2));
}

pub(super) fn lossy(stage: &Stage) {
    bad(stage, "network lossy", Network::Lossy, &[], Duration::from_secs(2));
}

pub(super) fn slow(stage: &Stage) {
    // Half of the necessary bandwidth, over three connections.
    let bytes_a_second = u32::try_from(stage.scale.rate * 120 / 3 / 2).unwrap();
    bad(stage, "network slow", Network::Slow(bytes_a_second), &[], Duration::from_secs(2));
}

pub(super) fn half_open(stage: &Stage) {
    // After this time the client notices that no response arrives.
    let settings = [("request.timeout.ms", "1000")];
    bad(stage, "network half-open", Network::HalfOpen, &settings, Duration::from_secs(3));
}
