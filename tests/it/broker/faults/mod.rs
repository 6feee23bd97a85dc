//! Faults around a producer: each occurs while records are sent, and each record is accounted for.
//!
//! Three brokers with all topics on each, `min.insync.replicas=2`. The short form belongs to tier 3; `make faults` runs each fault with a
//! million records. `OTTLA_TEST_FAULTS=network cut,fork` runs only these.

mod brokers;
mod network;
mod part;
mod processes;
mod scale;
mod stage;
mod topics;
mod traffic;

use std::{env, thread};

use self::{part::Part, scale::Scale, stage::Stage};

type Fault = (&'static str, fn(&Stage));

/// Faults that affect all other ones.
const BROKERS: &[Fault] = &[
    ("leader killed", brokers::leader_killed),
    ("controller killed", brokers::controller_killed),
    ("two brokers down", brokers::two_brokers_down),
    ("broker paused", brokers::broker_paused),
    ("disk full", brokers::disk_full),
];

/// Faults that share the proxies.
const NETWORK: &[Fault] = &[
    ("network cut", network::cut),
    ("network delayed", network::delayed),
    ("network slow", network::slow),
    ("network lossy", network::lossy),
    ("network half-open", network::half_open),
    ("files exhausted", processes::files_exhausted),
];

const TOPICS: &[Fault] = &[
    ("partitions added", topics::partitions_added),
    ("topic recreated", topics::topic_recreated),
    ("name moved", processes::name_moved),
];

const PROCESSES: &[Fault] =
    &[("clock moved", processes::clock_moved), ("process killed", processes::process_killed), ("fork", processes::fork)];

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn every_record_is_accounted_for() {
    if let Some(part) = Part::of_environment() {
        return processes::run(&part);
    }
    let stage = Stage::new(Scale::of_environment());
    let wanted = env::var("OTTLA_TEST_FAULTS").ok();
    let is_wanted = |name: &str| wanted.as_ref().is_none_or(|wanted| wanted.split(',').any(|wanted| wanted == name));
    let run = |faults: &[Fault]| faults.iter().filter(|(name, _)| is_wanted(name)).for_each(|(_, fault)| fault(&stage));
    run(BROKERS);
    if stage.scale.is_short {
        thread::scope(|scope| [NETWORK, TOPICS, PROCESSES].into_iter().for_each(|faults| drop(scope.spawn(move || run(faults)))));
    } else {
        [NETWORK, TOPICS, PROCESSES].into_iter().for_each(run);
    }
}
