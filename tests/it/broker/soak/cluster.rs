//! Three brokers, each behind a proxy through which everybody reaches it, the other brokers too.

use std::net::TcpListener;

use futures::executor::block_on;
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
};

use super::load::TOPICS;
use crate::broker::{own_kafka::OwnKafka, proxy::Proxy};

pub(super) const BROKERS: u16 = 3;

pub(super) struct Cluster {
    pub(super) kafka: OwnKafka,
    pub(super) proxies: Vec<Proxy>,
}

impl Cluster {
    /// Starts it, and creates the topics.
    pub(super) fn start() -> Self {
        let port = free_ports();
        let proxies: Vec<_> = (0..BROKERS).map(|n| Proxy::start(port + n)).collect();
        let advertised: Vec<_> = proxies.iter().map(|proxy| proxy.address().port().to_string()).collect();
        let kafka = OwnKafka::start(&["--brokers", "3", "--port", &port.to_string(), "--advertise", &advertised.join(",")]);
        let cluster = Self { kafka, proxies };
        let admin: AdminClient<DefaultClientContext> =
            ClientConfig::new().set("bootstrap.servers", cluster.bootstrap_servers()).create().unwrap();
        let topics = TOPICS.map(|topic| NewTopic::new(topic, 6, TopicReplication::Fixed(3)));
        for result in block_on(admin.create_topics(&topics, &AdminOptions::new())).unwrap() {
            result.unwrap();
        }
        cluster
    }

    pub(super) fn bootstrap_servers(&self) -> String {
        let addresses: Vec<_> = self.proxies.iter().map(|proxy| proxy.address().to_string()).collect();
        addresses.join(",")
    }
}

/// The first of as many ports in a row that nobody has.
fn free_ports() -> u16 {
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let candidates = (0..100).map(|_| TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port());
    candidates.into_iter().find(|&port| port < 60_000 && (port..port + BROKERS).all(|port| free(&port))).unwrap()
}
