//! Three brokers, each behind a proxy.

use std::{net::TcpListener, process};

use ottla::testing::NewTopic;

use super::load::TOPICS;
use crate::broker::{own_kafka::OwnKafka, patient_topics, proxy::Proxy};

pub(super) const BROKERS: u16 = 3;

pub(super) struct Cluster {
    pub(super) kafka: OwnKafka,
    pub(super) proxies: Vec<Proxy>,
}

impl Cluster {
    /// Starts the brokers and creates the topics.
    pub(super) fn start() -> Self {
        let port = free_ports();
        let proxies = (0..BROKERS).map(|n| Proxy::listen(([127, 0, 0, 1], port + n).into(), port + BROKERS + n)).collect();
        let kafka = OwnKafka::start(&["--brokers", "3", "--listener", &format!("127.0.0.1:{port}")]);
        let cluster = Self { kafka, proxies };
        let topics = patient_topics(&cluster.bootstrap_servers());
        for topic in TOPICS {
            topics.create(NewTopic::new(topic).partitions(6).replication_factor(3)).unwrap();
        }
        cluster
    }

    pub(super) fn bootstrap_servers(&self) -> String {
        let addresses: Vec<_> = self.proxies.iter().map(|proxy| proxy.address().to_string()).collect();
        addresses.join(",")
    }
}

/// The first of a range of free ports, for the proxies and the brokers behind them: below those that the system uses for outgoing
/// connections.
fn free_ports() -> u16 {
    let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    let first = u16::try_from(process::id() % 400).unwrap();
    let mut ports = (0..400).map(|n| 27_600 + (first + n) % 400 * 6);
    ports.find(|port| (*port..port + 2 * BROKERS).all(is_free)).unwrap()
}
