//! [`Racks`]: keeps the racks of leaders up to date, for rack-aware partitioning (KIP-1123).
//!
//! `rd_kafka_metadata` has the leaders of partitions but no racks, and the description of the cluster has the racks of brokers. So the thread of
//! [`Refresh`](super::refresh::Refresh) requests both. Racks are requested again for an unknown broker, and when they are old.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{
    lock::lock,
    native::{Client, Topic, code},
    partition::Rack,
};

pub(in crate::producer) struct Racks {
    rack: Arc<Rack>,
    /// How old the racks of brokers may become: half of `metadata.max.age.ms`, so that each periodic refresh of the metadata requests them.
    max_age: Duration,
    described: Mutex<Option<Instant>>,
    /// The number of metadata responses at the last check.
    seen: AtomicU64,
    /// Whether responses may be those to the requests below.
    is_asking: AtomicBool,
}

impl Racks {
    pub(in crate::producer) fn new(rack: Arc<Rack>, metadata_max_age: Duration) -> Self {
        let max_age = metadata_max_age / 2;
        Self { rack, max_age, described: Mutex::new(None), seen: AtomicU64::new(0), is_asking: AtomicBool::new(false) }
    }

    /// Requests a topic's leaders, and the racks of brokers if they are unknown or old. Blocks for `timeout` at most.
    pub(super) fn ask(&self, client: &Client, topic: &Topic, timeout: Duration) {
        let begun = Instant::now();
        let left = || timeout.saturating_sub(begun.elapsed());
        self.is_asking.store(true, Ordering::Release);
        let described = *lock(&self.described);
        if described.is_none_or(|described| described.elapsed() >= self.max_age) {
            self.describe(client, left());
        }
        let leaders = client.metadata(topic, left()).map(|metadata| metadata.leaders());
        if leaders.is_ok_and(|leaders| !self.rack.knows(&leaders)) && self.describe(client, left()) {
            let _ = client.metadata(topic, left());
        }
        self.seen.store(client.metadata_responses(), Ordering::Relaxed);
        self.is_asking.store(false, Ordering::Release);
    }

    /// Requests the racks of brokers. Returns whether they are known now.
    fn describe(&self, client: &Client, timeout: Duration) -> bool {
        match client.describe_cluster(timeout) {
            Ok(cluster) => self.rack.set_brokers(cluster.nodes.iter().map(|node| (node.id, &*node.rack))),
            // Brokers that cannot describe the cluster have no racks.
            Err(code::UNSUPPORTED_FEATURE) => self.rack.set_brokers([]),
            Err(_) => return false,
        }
        *lock(&self.described) = Some(Instant::now());
        true
    }

    /// Whether leaders may have moved since the last check: librdkafka has received metadata, or a broker has written records of a partition that
    /// had another leader.
    pub(super) fn are_outdated(&self, client: &Client) -> bool {
        if self.is_asking.load(Ordering::Acquire) {
            return false;
        }
        let responses = client.metadata_responses();
        let has_new_metadata = self.seen.swap(responses, Ordering::Relaxed) != responses;
        self.rack.take_outdated() || has_new_metadata
    }
}
