//! [`Cluster`]: the description of the cluster.

use std::sync::Arc;

use super::partitions::{elsewhere, persist};
use crate::{
    Error,
    native::{Client, ClusterDescription, code},
    producer::Producer,
};

/// The cluster that a producer writes to, like Java's `Cluster` and `Admin.describeCluster`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    id: Option<String>,
    controller: Option<i32>,
    brokers: Vec<Broker>,
}

/// One broker of a [`Cluster`]: Java's `Node`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broker {
    id: i32,
    host: String,
    port: u16,
    rack: Option<String>,
}

impl Cluster {
    /// The cluster's id; `None` if the broker did not report it.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The broker id of the controller, which under KRaft is any broker; `None` if the cluster reports none, like the embedded one.
    pub fn controller(&self) -> Option<i32> {
        self.controller
    }

    /// The brokers that are up, sorted by id.
    pub fn brokers(&self) -> &[Broker] {
        &self.brokers
    }
}

impl Broker {
    /// The broker's id.
    pub fn id(&self) -> i32 {
        self.id
    }

    /// The host of its `advertised.listeners`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port of its `advertised.listeners`.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its `broker.rack`; `None` if that is not set.
    pub fn rack(&self) -> Option<&str> {
        self.rack.as_deref()
    }
}

impl<K: ?Sized + 'static, V: ?Sized + 'static> Producer<K, V> {
    /// Requests the cluster's id, brokers and controller from a broker. Waits at most `max.block.ms` (and at most an hour).
    ///
    /// # Errors
    /// - [`Closed`](crate::ErrorKind::Closed) if the producer is closed
    /// - [`MetadataTimeout`](crate::ErrorKind::MetadataTimeout) if no broker responded, with the last broker error as the source
    /// - [`Authentication`](crate::ErrorKind::Authentication) if the brokers reject this client
    /// - librdkafka's `__UNSUPPORTED_FEATURE` if the cluster has no id (before Kafka 0.10.1)
    ///
    /// ```
    /// # #[cfg(feature = "testing")]
    /// # fn main() -> ottla::Result<()> {
    /// use futures::executor::block_on;
    /// use ottla::{Producer, ProducerConfig, testing::EmbeddedKafka};
    ///
    /// let kafka = EmbeddedKafka::start(3)?;
    /// let config = ProducerConfig::new().set("bootstrap.servers", kafka.bootstrap_servers())?;
    /// let producer: Producer<str, str> = Producer::builder(config).build()?;
    /// let cluster = block_on(producer.cluster())?;
    /// assert_eq!(cluster.brokers().len(), 3);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "testing"))]
    /// # fn main() {}
    /// ```
    pub async fn cluster(&self) -> Result<Cluster, Error> {
        self.0.untyped.check_open()?;
        let timeout = self.0.untyped.state.admission.buffer_memory.max_block();
        let state = Arc::clone(&self.0.untyped.state);
        let ask = move |client: &Client| persist(client, &state, timeout, |timeout| client.describe_cluster(timeout));
        match elsewhere(&self.0.untyped.client, ask).await? {
            Ok(description) => Ok(description.into()),
            Err(code::TIMED_OUT | code::TRANSPORT) => Err(self.unanswered("the cluster")),
            Err(code) => Err(self.0.untyped.state.authentication.broker_errors.blame(Error::from_code(code, "the cluster"))),
        }
    }
}

impl From<ClusterDescription> for Cluster {
    fn from(description: ClusterDescription) -> Self {
        let told = |text: String| (!text.is_empty()).then_some(text);
        let brokers = description.nodes.into_iter().map(|node| Broker {
            id: node.id,
            host: node.host,
            port: node.port,
            rack: told(node.rack),
        });
        let mut brokers: Vec<_> = brokers.collect();
        brokers.sort_by_key(Broker::id);
        Self { id: told(description.id), controller: description.controller, brokers }
    }
}
