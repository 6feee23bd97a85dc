//! Three brokers, a network in front of them, and what was found of each fault.

use std::{
    collections::HashSet,
    net::TcpListener,
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use futures::executor::block_on;
use ottla::ProducerConfig;
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication},
    client::DefaultClientContext,
};

use super::{scale::Scale, traffic::Traffic};
use crate::{
    account::Row,
    broker::{
        own_kafka::OwnKafka,
        proxy::{Network, Proxy},
    },
    log::Isolation,
};

/// A name whose address a test says (`system.c`).
pub(super) const NAME: &str = "kafka.ottla.test";
const BROKERS: usize = 3;
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) struct Stage {
    pub(super) kafka: OwnKafka,
    pub(super) scale: Scale,
    proxies: Vec<Proxy>,
    /// Where clients are told that the brokers are, under [`NAME`]; they listen three ports further on.
    named_port: u16,
    admin: AdminClient<DefaultClientContext>,
    rows: Mutex<Vec<String>>,
}

impl Stage {
    pub(super) fn new(scale: Scale) -> Self {
        let [port, named_port] = free_ports();
        // They listen before the brokers do, so that nobody else takes the ports.
        let proxies = (0..3).map(|n| Proxy::listen(([127, 0, 0, 1], port + n).into(), port + 3 + n)).collect();
        let (plain, named) = (format!("127.0.0.1:{port}"), format!("{NAME}:{named_port}"));
        let kafka = OwnKafka::start(&[
            "--brokers",
            "3",
            "--no-auto-create",
            "--listener",
            &plain,
            "--listener",
            &named,
            // Otherwise a broker that is gone is missed after six seconds.
            "--set",
            "broker.session.timeout.ms=3000",
            "--set",
            "broker.heartbeat.interval.ms=500",
        ]);
        let admin = ClientConfig::new().set("bootstrap.servers", kafka.bootstrap_servers()).create().unwrap();
        Self { kafka, scale, proxies, named_port, admin, rows: Mutex::default() }
    }

    /// Settings of a producer that reaches the brokers directly.
    pub(super) fn config(&self) -> ProducerConfig {
        ProducerConfig::new().set("bootstrap.servers", self.kafka.bootstrap_servers()).unwrap()
    }

    /// Settings of a producer that reaches them through the proxies.
    pub(super) fn config_through_proxies(&self) -> ProducerConfig {
        ProducerConfig::new().set("bootstrap.servers", self.proxied_servers()).unwrap()
    }

    pub(super) fn proxied_servers(&self) -> String {
        self.proxies.iter().map(|proxy| proxy.address().to_string()).collect::<Vec<_>>().join(",")
    }

    pub(super) fn named_port(&self) -> u16 {
        self.named_port
    }

    /// What the network between the proxies' clients and the brokers is like.
    pub(super) fn set_network(&self, network: Network) {
        self.proxies.iter().for_each(|proxy| proxy.set(network));
    }

    /// Breaks what connections there are.
    pub(super) fn cut(&self) {
        for proxy in &self.proxies {
            proxy.cut();
        }
    }

    /// Starts a topic that is on all brokers, once all of them know it.
    pub(super) fn create(&self, topic: &str, partitions: i32) {
        let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(3));
        let created = block_on(self.admin.create_topics([&new], &AdminOptions::new())).unwrap();
        created.into_iter().for_each(|created| drop(created.unwrap()));
        self.await_in_sync(topic);
    }

    pub(super) fn delete(&self, topic: &str) {
        let deleted = block_on(self.admin.delete_topics(&[topic], &AdminOptions::new())).unwrap();
        deleted.into_iter().for_each(|deleted| drop(deleted.unwrap()));
        await_that("the topic is gone", || self.partitions(topic).is_empty());
    }

    pub(super) fn grow(&self, topic: &str, partitions: usize) {
        let new = NewPartitions::new(topic, partitions);
        let grown = block_on(self.admin.create_partitions([&new], &AdminOptions::new())).unwrap();
        grown.into_iter().for_each(|grown| drop(grown.unwrap()));
    }

    /// Waits until every partition has a leader and all of its replicas.
    pub(super) fn await_in_sync(&self, topic: &str) {
        await_that("every replica is in sync", || {
            let partitions = self.partitions(topic);
            !partitions.is_empty() && partitions.iter().all(|(leader, in_sync)| *leader >= 0 && *in_sync == BROKERS)
        });
    }

    pub(super) fn leader(&self, topic: &str, partition: usize) -> usize {
        await_that("there is a leader", || self.partitions(topic).get(partition).is_some_and(|(leader, _)| *leader > 0));
        self.partitions(topic)[partition].0 as usize
    }

    /// Of each partition its leader, and how many replicas are in sync.
    fn partitions(&self, topic: &str) -> Vec<(i32, usize)> {
        let Ok(metadata) = self.admin.inner().fetch_metadata(Some(topic), PATIENCE) else { return Vec::new() };
        let topic = &metadata.topics()[0];
        if topic.error().is_some() {
            return Vec::new();
        }
        let mut partitions: Vec<_> = topic.partitions().iter().collect();
        partitions.sort_by_key(|partition| partition.id());
        partitions.into_iter().map(|partition| (partition.leader(), partition.isr().len())).collect()
    }

    /// The other two brokers.
    pub(super) fn others(broker: usize) -> [usize; 2] {
        [1, 2, 3].into_iter().filter(|other| *other != broker).collect::<Vec<_>>().try_into().unwrap()
    }

    /// Starts records to a new topic of six partitions, which are under way when this returns.
    pub(super) fn traffic(&self, topic: &str, config: ProducerConfig) -> Traffic {
        self.create(topic, 6);
        Traffic::flowing(config, topic, self.scale)
    }

    /// Ends the traffic, and keeps the row that it gives. Nothing may be wrong with it.
    pub(super) fn settle(&self, fault: &str, traffic: Traffic) -> Row {
        let row = self.finish(fault, traffic);
        row.assert_sound();
        row
    }

    /// As [`settle`](Self::settle), and what may be wrong is the caller's to say.
    pub(super) fn finish(&self, fault: &str, traffic: Traffic) -> Row {
        let account = traffic.end();
        let row = account.settle(fault, self.kafka.bootstrap_servers(), Isolation::Uncommitted);
        self.keep(row.to_string());
        row.tell();
        row
    }

    /// Keeps a row of the table.
    pub(super) fn keep(&self, row: String) {
        println!("{row}");
        self.rows.lock().unwrap().push(row);
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        println!("{}\n{}", Row::HEAD, self.rows.lock().unwrap_or_else(PoisonError::into_inner).join("\n"));
    }
}

/// Waits until every partition that gets records has acknowledged one that was sent since the account's last look.
pub(super) fn await_watched(traffic: &Traffic, partitions: u32) {
    let wanted = traffic.account().partitions(partitions);
    let missing = || wanted.difference(&traffic.account().watched()).copied().collect::<HashSet<i32>>();
    assert!(comes(|| missing().is_empty()), "partitions {:?} do not go on: {:?}", missing(), traffic.account().failures());
}

/// A fault has ended: waits until every partition goes on.
pub(super) fn recovers(traffic: &Traffic) {
    traffic.account().fault_ended();
    await_watched(traffic, 6);
}

/// Waits for what must come.
pub(super) fn await_that(what: &str, condition: impl Fn() -> bool) {
    assert!(comes(condition), "not so within three minutes: {what}");
}

/// No measure of speed: three minutes are ages.
fn comes(condition: impl Fn() -> bool) -> bool {
    let end = Instant::now() + Duration::from_secs(180);
    while !condition() {
        if Instant::now() > end {
            return false;
        }
        thread::sleep(Duration::from_millis(50));
    }
    true
}

/// Two ports, each with five free ones behind it: above those that `scripts/kafka` chooses from, below those that the system gives to
/// outgoing connections.
fn free_ports() -> [u16; 2] {
    let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    let first = u16::try_from(std::process::id() % 400).unwrap();
    let ports = (0..400).map(|n| 30_000 + (first + n) % 400 * 6);
    let mut free = ports.filter(|port| (*port..port + 6).all(is_free));
    [(); 2].map(|()| free.next().unwrap())
}
