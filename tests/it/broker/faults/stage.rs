//! Three brokers, a network in front of them, and the results of each fault.

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

/// A host name whose address the test sets (`system.c`).
pub(super) const NAME: &str = "kafka.ottla.test";
const BROKERS: usize = 3;
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) struct Stage {
    pub(super) kafka: OwnKafka,
    pub(super) scale: Scale,
    proxies: Vec<Proxy>,
    /// The advertised addresses, under [`NAME`]. The brokers listen on ports that are three higher.
    named_port: u16,
    admin: AdminClient<DefaultClientContext>,
    rows: Mutex<Vec<String>>,
}

impl Stage {
    pub(super) fn new(scale: Scale) -> Self {
        let [port, named_port] = free_ports();
        // Opened before the brokers start, so that no other process gets the ports.
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
            // By default a stopped broker is noticed after six seconds.
            "--set",
            "broker.session.timeout.ms=3000",
            "--set",
            "broker.heartbeat.interval.ms=500",
        ]);
        let admin = ClientConfig::new().set("bootstrap.servers", kafka.bootstrap_servers()).create().unwrap();
        Self { kafka, scale, proxies, named_port, admin, rows: Mutex::default() }
    }

    /// Settings of a producer that connects to the brokers directly.
    pub(super) fn config(&self) -> ProducerConfig {
        ProducerConfig::new().set("bootstrap.servers", self.kafka.bootstrap_servers()).unwrap()
    }

    /// Settings of a producer that connects through the proxies.
    pub(super) fn config_through_proxies(&self) -> ProducerConfig {
        ProducerConfig::new().set("bootstrap.servers", self.proxied_servers()).unwrap()
    }

    pub(super) fn proxied_servers(&self) -> String {
        self.proxies.iter().map(|proxy| proxy.address().to_string()).collect::<Vec<_>>().join(",")
    }

    pub(super) fn named_port(&self) -> u16 {
        self.named_port
    }

    /// Sets the state of the network between the proxies and their clients.
    pub(super) fn set_network(&self, network: Network) {
        self.proxies.iter().for_each(|proxy| proxy.set(network));
    }

    /// Closes all connections.
    pub(super) fn cut(&self) {
        for proxy in &self.proxies {
            proxy.cut();
        }
    }

    /// Creates a topic on all brokers, and waits until all know it.
    pub(super) fn create(&self, topic: &str, partitions: i32) {
        let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(3));
        let created = block_on(self.admin.create_topics([&new], &AdminOptions::new())).unwrap();
        created.into_iter().for_each(|created| drop(created.unwrap()));
        self.await_in_sync(topic);
    }

    pub(super) fn delete(&self, topic: &str) {
        let deleted = block_on(self.admin.delete_topics(&[topic], &AdminOptions::new())).unwrap();
        deleted.into_iter().for_each(|deleted| drop(deleted.unwrap()));
        await_that("the topic is deleted", || self.partitions(topic).is_empty());
    }

    pub(super) fn grow(&self, topic: &str, partitions: usize) {
        let new = NewPartitions::new(topic, partitions);
        let grown = block_on(self.admin.create_partitions([&new], &AdminOptions::new())).unwrap();
        grown.into_iter().for_each(|grown| drop(grown.unwrap()));
    }

    /// Waits until each partition has a leader and all replicas are in sync.
    pub(super) fn await_in_sync(&self, topic: &str) {
        await_that("all replicas are in sync", || {
            let partitions = self.partitions(topic);
            !partitions.is_empty() && partitions.iter().all(|(leader, in_sync)| *leader >= 0 && *in_sync == BROKERS)
        });
    }

    pub(super) fn leader(&self, topic: &str, partition: usize) -> usize {
        await_that("the partition has a leader", || self.partitions(topic).get(partition).is_some_and(|(leader, _)| *leader > 0));
        self.partitions(topic)[partition].0 as usize
    }

    /// The leader of each partition, and its number of in-sync replicas.
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

    /// Starts sending to a new topic with six partitions. Returns when records are in flight.
    pub(super) fn traffic(&self, topic: &str, config: ProducerConfig) -> Traffic {
        self.create(topic, 6);
        Traffic::flowing(config, topic, self.scale)
    }

    /// Ends the traffic and stores its row, which must show no error.
    pub(super) fn settle(&self, fault: &str, traffic: Traffic) -> Row {
        let row = self.finish(fault, traffic);
        row.assert_sound();
        row
    }

    /// Like [`settle`](Self::settle), but the caller checks the row.
    pub(super) fn finish(&self, fault: &str, traffic: Traffic) -> Row {
        let account = traffic.end();
        let row = account.settle(fault, self.kafka.bootstrap_servers(), Isolation::Uncommitted);
        self.keep(row.to_string());
        row.tell();
        row
    }

    /// Stores a row of the table.
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

/// Waits until each partition that gets records has acknowledged a record that was sent after the account's last check.
pub(super) fn await_watched(traffic: &Traffic, partitions: u32) {
    let wanted = traffic.account().partitions(partitions);
    let missing = || wanted.difference(&traffic.account().watched()).copied().collect::<HashSet<i32>>();
    assert!(
        comes(|| missing().is_empty()),
        "timeout: partitions {:?} do not work: {:?}",
        missing(),
        traffic.account().failures()
    );
}

/// Call when a fault has ended: waits until all partitions work.
pub(super) fn recovers(traffic: &Traffic) {
    traffic.account().fault_ended();
    await_watched(traffic, 6);
}

/// Waits until a condition holds.
pub(super) fn await_that(what: &str, condition: impl Fn() -> bool) {
    assert!(comes(condition), "timeout after three minutes: {what}");
}

/// Three minutes: no measurement.
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

/// Two ports, each followed by five free ones: above those that `scripts/kafka` uses, and below those that the system uses for outgoing
/// connections.
fn free_ports() -> [u16; 2] {
    let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    let first = u16::try_from(std::process::id() % 400).unwrap();
    let ports = (0..400).map(|n| 30_000 + (first + n) % 400 * 6);
    let mut free = ports.filter(|port| (*port..port + 6).all(is_free));
    [(); 2].map(|()| free.next().unwrap())
}
