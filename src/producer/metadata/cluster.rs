//! What the brokers tell of their cluster.

use std::sync::Arc;

use super::partitions::{elsewhere, persist};
use crate::{
    Error,
    native::{Client, ClusterDescription, code},
    producer::Producer,
};

/// The brokers that a producer writes to: what Java's `Cluster` and `Admin.describeCluster` tell.
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
    /// The cluster's id, `None` if the broker did not tell it.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The broker that the cluster names as its controller, which under KRaft is any broker; `None` if it
    /// names none of its brokers, as the embedded one does.
    pub fn controller(&self) -> Option<i32> {
        self.controller
    }

    /// The brokers that are up, by their ids, ascending.
    pub fn brokers(&self) -> &[Broker] {
        &self.brokers
    }
}

impl Broker {
    /// The broker's id.
    pub fn id(&self) -> i32 {
        self.id
    }

    /// The host that it gives clients, of its `advertised.listeners`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port that goes with it.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its `broker.rack`, `None` if that is not set.
    pub fn rack(&self) -> Option<&str> {
        self.rack.as_deref()
    }
}

impl<K: ?Sized + 'static, V: ?Sized + 'static> Producer<K, V> {
    /// The cluster's id, brokers and controller, asked of a broker; waits for `max.block.ms` at most (an hour at the longest).
    ///
    /// # Errors
    /// [`Closed`](crate::ErrorKind::Closed) once the producer is closed;
    /// [`MetadataTimeout`](crate::ErrorKind::MetadataTimeout) if no broker answered, with the last connection's error as its source;
    /// [`Authentication`](crate::ErrorKind::Authentication) if the brokers do not let this client in; librdkafka's `__UNSUPPORTED_FEATURE` if
    /// they have no id for their cluster, as before Kafka 0.10.1: librdkafka cannot read their description.
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
        self.0.core.check_open()?;
        let timeout = self.0.core.shared.buffer_memory.max_block();
        let shared = Arc::clone(&self.0.core.shared);
        let ask = move |client: &Client| persist(client, &shared, timeout, |timeout| client.describe_cluster(timeout));
        match elsewhere(&self.0.core.client, ask).await? {
            Ok(description) => Ok(description.into()),
            Err(code::TIMED_OUT | code::TRANSPORT) => Err(self.unanswered("the cluster")),
            Err(code) => Err(self.0.core.shared.broker_errors.blame(Error::from_code(code, "the cluster"))),
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
