//! The network between the producer and the brokers.

use std::{thread, time::Duration};

use super::stage::{Stage, recovers};
use crate::broker::proxy::Network;

/// Records are under way while the network is bad, for so long each round, and go on when it is well again; none fails.
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
    // Half of what would be needed, over three connections.
    let bytes_a_second = u32::try_from(stage.scale.rate * 120 / 3 / 2).unwrap();
    bad(stage, "network slow", Network::Slow(bytes_a_second), &[], Duration::from_secs(2));
}

pub(super) fn half_open(stage: &Stage) {
    // The client notices after this time that nothing comes back.
    let settings = [("request.timeout.ms", "1000")];
    bad(stage, "network half-open", Network::HalfOpen, &settings, Duration::from_secs(3));
}
