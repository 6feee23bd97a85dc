//! [`EmbeddedKafka`] and its builder.

use std::{collections::BTreeSet, ffi::CString, fmt, ops::RangeInclusive, sync::Mutex, time::Duration};

use super::{ApiKey, BrokerError, Request};
use crate::{
    Error, ErrorKind, Result,
    lock::lock,
    native::mock::{MockCluster, code_text, highest_version},
};

/// The most brokers of a cluster. Each needs one open file and two more per client, and librdkafka aborts when there are none left.
const MAX_BROKERS: usize = 100;
/// The most partitions of a topic: librdkafka's limit for one request (`RD_KAFKAP_PARTITIONS_MAX`).
const MAX_PARTITIONS: i32 = 100_000;
/// The replication factor of a builder's topic, if there are enough brokers. librdkafka's mock uses the same for topics that it creates.
const REPLICATION: usize = 3;

/// An in-process Kafka cluster of librdkafka's mock brokers. See [the module](super) for its use and limits.
///
/// Brokers are numbered from 1. All methods take `&self` and may be called from any thread while clients are running. Dropping it closes all
/// connections and frees all records.
///
/// ```
/// use ottla::testing::EmbeddedKafka;
///
/// let kafka = EmbeddedKafka::start(1)?;
/// kafka.create_topic("orders", 6, 1)?;
/// assert!(kafka.bootstrap_servers().starts_with("127.0.0.1:"));
/// # Ok::<(), ottla::Error>(())
/// ```
pub struct EmbeddedKafka {
    cluster: MockCluster,
    brokers: i32,
    /// The broker and API of each error list that belongs to one broker. The cluster's list no longer applies there.
    own_lists: Mutex<BTreeSet<(i32, ApiKey)>>,
}

/// Configures an [`EmbeddedKafka`]. [`EmbeddedKafka::builder`] returns it.
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `start`"]
pub struct EmbeddedKafkaBuilder {
    brokers: usize,
    topics: Vec<(String, i32)>,
    group_rebalance_delay: Duration,
}

/// The group or producer whose coordinator is set, for [`EmbeddedKafka::set_coordinator`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coordinator<'a> {
    /// The consumer group with this `group.id`.
    Group(&'a str),
    /// The transactional producer with this `transactional.id`.
    Transaction(&'a str),
}

impl EmbeddedKafkaBuilder {
    /// Sets the number of brokers, 1 to 100. Defaults to 1.
    pub fn brokers(mut self, brokers: usize) -> Self {
        self.brokers = brokers;
        self
    }

    /// Adds a topic with this number of partitions (1 to 100,000), each on up to three brokers.
    pub fn topic(mut self, name: impl Into<String>, partitions: i32) -> Self {
        self.topics.push((name.into(), partitions));
        self
    }

    /// Sets how long a new consumer group waits for more members, as the broker's `group.initial.rebalance.delay.ms`: at least 1 ms, rounded
    /// up to milliseconds. Defaults to 1 ms, so that consumers start at once. (Kafka's default is 3 s.)
    pub fn group_rebalance_delay(mut self, delay: Duration) -> Self {
        self.group_rebalance_delay = delay;
        self
    }

    /// Starts the brokers and creates the topics.
    ///
    /// # Errors
    /// [`ErrorKind::EmbeddedKafka`]: an invalid number of brokers, a topic that [`create_topic`](EmbeddedKafka::create_topic) rejects, a
    /// delay above 24 days, or no free port.
    pub fn start(self) -> Result<EmbeddedKafka> {
        let brokers = match i32::try_from(self.brokers) {
            Ok(brokers) if (1..=MAX_BROKERS).contains(&self.brokers) => brokers,
            _ => return Err(refused(format!("{} brokers: must be 1 to {MAX_BROKERS}", self.brokers))),
        };
        let delay = milliseconds("group rebalance delay", self.group_rebalance_delay)?.max(1);
        let cluster =
            MockCluster::start(brokers).map_err(|text| refused(format!("the embedded brokers could not start: {text}")))?;
        cluster.set_group_rebalance_delay(delay);
        let kafka = EmbeddedKafka { cluster, brokers, own_lists: Mutex::default() };
        for (name, partitions) in &self.topics {
            kafka.create_topic(name, *partitions, REPLICATION.min(self.brokers))?;
        }
        Ok(kafka)
    }
}

impl EmbeddedKafka {
    /// Starts a cluster of this many brokers, 1 to 100, without topics.
    ///
    /// # Errors
    /// See [`EmbeddedKafkaBuilder::start`].
    pub fn start(brokers: usize) -> Result<Self> {
        Self::builder().brokers(brokers).start()
    }

    /// A builder, for a cluster with topics. It starts one broker, unless [`brokers`](EmbeddedKafkaBuilder::brokers) sets another number.
    pub fn builder() -> EmbeddedKafkaBuilder {
        EmbeddedKafkaBuilder { brokers: 1, topics: Vec::new(), group_rebalance_delay: Duration::from_millis(1) }
    }

    /// The value for a client's `bootstrap.servers`: `host:port` of each broker, separated by commas.
    pub fn bootstrap_servers(&self) -> &str {
        self.cluster.bootstrap_servers()
    }

    /// The ids of the brokers, from 1.
    pub fn brokers(&self) -> RangeInclusive<i32> {
        1..=self.brokers
    }

    /// Creates a topic with 1 to 100,000 partitions, each on `replication` brokers, with one of these as its leader.
    ///
    /// # Errors
    /// [`ErrorKind::EmbeddedKafka`]: an invalid topic name, a number out of range, more replicas than brokers, or an existing topic.
    pub fn create_topic(&self, name: &str, partitions: i32, replication: usize) -> Result<()> {
        let topic = topic_name(name)?;
        if !(1..=MAX_PARTITIONS).contains(&partitions) {
            return Err(refused(format!("topic {name} with {partitions} partitions: must be 1 to {MAX_PARTITIONS}")));
        }
        match i32::try_from(replication) {
            Ok(replication) if self.brokers().contains(&replication) => self
                .cluster
                .create_topic(&topic, partitions, replication)
                .map_err(|code| refused(format!("cannot create topic {name}: {}", code_text(code)))),
            _ => Err(refused(format!(
                "topic {name} with {replication} replicas: must be 1 to {} (the number of brokers)",
                self.brokers
            ))),
        }
    }

    /// Fails the next requests of this kind, in order, on any broker: one request for each error.
    ///
    /// Several calls add to the same list. A produce request that fails this way is not written.
    ///
    /// # Errors
    /// [`ErrorKind::EmbeddedKafka`]: the API is [`ApiKey::Metadata`] (see [`set_topic_error`](Self::set_topic_error)) or is not supported by
    /// the brokers; or [`fail_next_on`](Self::fail_next_on) was called for this API before, which hides this list from that broker
    /// permanently.
    ///
    /// ```
    /// use ottla::testing::{ApiKey, BrokerError, EmbeddedKafka};
    ///
    /// let kafka = EmbeddedKafka::start(1)?;
    /// kafka.fail_next(ApiKey::Produce, &[BrokerError::REQUEST_TIMED_OUT; 3])?;
    /// kafka.fail_next(ApiKey::InitProducerId, &[BrokerError::COORDINATOR_LOAD_IN_PROGRESS])?;
    /// # Ok::<(), ottla::Error>(())
    /// ```
    pub fn fail_next(&self, api_key: ApiKey, errors: &[BrokerError]) -> Result<()> {
        injectable(api_key)?;
        let own_lists = lock(&self.own_lists);
        if let Some((broker, _)) = own_lists.iter().find(|(_, own)| *own == api_key) {
            return Err(refused(format!(
                "fail_next_on was called for {api_key} on broker {broker}, which hides this list from it: use fail_next_on \
                 for every broker"
            )));
        }
        let codes: Vec<i32> = errors.iter().map(|error| error.code().into()).collect();
        self.cluster.push_errors(api_key.code(), &codes);
        Ok(())
    }

    /// Sets how one broker answers the next requests of this kind, in order: with which error ([`BrokerError::NONE`] for none) and after
    /// which delay, rounded up to milliseconds. Records of a request without an error are written when the request arrives, not after the delay.
    ///
    /// From the first call on, this broker ignores the list of [`fail_next`](Self::fail_next) for this API, even when its own list is empty.
    /// A [`BrokerError::DISCONNECT`] is never delayed.
    ///
    /// # Errors
    /// [`ErrorKind::EmbeddedKafka`]: no such broker, an API without error injection, or a delay above 24 days.
    pub fn fail_next_on(&self, broker: i32, api_key: ApiKey, answers: &[(BrokerError, Duration)]) -> Result<()> {
        injectable(api_key)?;
        self.known_broker(broker)?;
        let answers = answers
            .iter()
            .map(|&(error, delay)| Ok((i32::from(error.code()), milliseconds("delay", delay)?)))
            .collect::<Result<Vec<_>>>()?;
        let mut own_lists = lock(&self.own_lists);
        for (error, delay) in answers {
            self.cluster.push_broker_error(broker, api_key.code(), error, delay).map_err(|code| broker_refused(broker, code))?;
            own_lists.insert((broker, api_key));
        }
        Ok(())
    }

    /// The number of answers of [`fail_next_on`](Self::fail_next_on) that are not used yet.
    ///
    /// # Errors
    /// [`ErrorKind::EmbeddedKafka`]: no such broker.
    pub fn failures_left_on(&self, broker: i32, api_key: ApiKey) -> Result<usize> {
        self.cluster.broker_errors_left(broker, api_key.code()).map_err(|code| broker_refused(broker, code))
    }

    /// Clears the list of [`fail_next`](Self::fail_next) for this API. A broker's own list cannot be cleared.
    pub fn clear_failures(&self, api_key: ApiKey) {
        self.cluster.clear_errors(api_key.code());
    }

    /// Makes a topic fail: Metadata and AddPartitionsToTxn requests return this error until it is set to [`BrokerError::NONE`].
    /// A topic that does not exist is created with 4 partitions.
    ///
    /// # Errors
    /// [`ErrorKind::EmbeddedKafka`]: an invalid topic name.
    pub fn set_topic_error(&self, topic: &str, error: BrokerError) -> Result<()> {
        self.cluster.set_topic_error(&topic_name(topic)?, error.code().into());
        Ok(())
    }

    /// Delays all responses of a broker by this time, rounded up to milliseconds. Zero, the default, means no delay.
    ///
    /// # Errors
    /// [`ErrorKind::EmbeddedKafka`]: no such broker, or a time above 24 days.
    pub fn set_round_trip_time(&self, broker: i32, time: Duration) -> Result<()> {
        self.known_broker(broker)?;
        let time = milliseconds("round-trip time", time)?;
        self.cluster.set_round_trip_time(broker, time).map_err(|code| broker_refused(broker, code))
    }

    /// Takes a broker down: it closes its connections and refuses new ones. It keeps its port, records and partitions; use
    /// [`set_leader`](Self::set_leader) to move these. Does nothing if the broker is already down.
    ///
    /// Do not start a process in another thread meanwhile: until it executes its program, it shares the broker's socket, and librdkafka aborts
    /// this process if it cannot open the port again (`rd_kafka_mock_broker_new_listener`).
    ///
    /// # Errors
    /// [`ErrorKind::EmbeddedKafka`]: no such broker.
    pub fn broker_down(&self, broker: i32) -> Result<()> {
        self.known_broker(broker)?;
        self.cluster.broker_down(broker).map_err(|code| broker_refused(broker, code))
    }

    /// Starts a broker that was taken down, at the same address.
    ///
    /// # Errors
    /// [`ErrorKind::EmbeddedKafka`]: no such broker.
    pub fn broker_up(&self, broker: i32) -> Result<()> {
        self.known_broker(broker)?;
        self.cluster.broker_up(broker).map_err(|code| broker_refused(broker, code))
    }

    /// Sets a broker's rack, its `broker.rack`. By default brokers have none.
    ///
    /// # Errors
    /// [`ErrorKind::EmbeddedKafka`]: no such broker, or a NUL byte in the name.
    pub fn set_rack(&self, broker: i32, rack: &str) -> Result<()> {
        self.known_broker(broker)?;
        let rack = CString::new(rack).map_err(|_| refused(format!("the rack of broker {broker} contains a NUL byte")))?;
        self.cluster.set_rack(broker, &rack).map_err(|code| broker_refused(broker, code))
    }

    /// Moves a partition to another leader, or leaves it without one. Clients learn of it through NOT_LEADER_OR_FOLLOWER and metadata.
    /// A topic that does not exist is created, with partitions up to this one.
    ///
    /// # Errors
    /// [`ErrorKind::EmbeddedKafka`]: no such partition, no such broker, or an invalid topic name.
    pub fn set_leader(&self, topic: &str, partition: i32, leader: Option<i32>) -> Result<()> {
        let name = topic_name(topic)?;
        if !(0..MAX_PARTITIONS).contains(&partition) {
            return Err(refused(format!("partition {partition} of topic {topic}: must be 0 to {}", MAX_PARTITIONS - 1)));
        }
        if let Some(broker) = leader {
            self.known_broker(broker)?;
        }
        self.cluster.set_leader(&name, partition, leader).map_err(|code| {
            refused(format!("cannot set the leader of partition {partition} of topic {topic}: {}", code_text(code)))
        })
    }

    /// Sets the coordinator of a group or transactional producer. With `None`, FindCoordinator finds none. By default a hash of the name
    /// selects the coordinator.
    ///
    /// # Errors
    /// [`ErrorKind::EmbeddedKafka`]: no such broker, or a name that contains a NUL.
    pub fn set_coordinator(&self, of: Coordinator<'_>, broker: Option<i32>) -> Result<()> {
        let (key_type, name) = match of {
            Coordinator::Group(id) => (c"group", id),
            Coordinator::Transaction(id) => (c"transaction", id),
        };
        if let Some(broker) = broker {
            self.known_broker(broker)?;
        }
        let key = CString::new(name).map_err(|source| refused(format!("{of:?} must not contain a NUL")).with_source(source))?;
        self.cluster
            .set_coordinator(key_type, &key, broker)
            .map_err(|code| refused(format!("cannot set the coordinator of {of:?}: {}", code_text(code))))
    }

    /// Sets the highest version of an API that the brokers offer, from 0, as older brokers do; `None` removes the API. Clients learn of it
    /// when they connect: call it before the client is built.
    ///
    /// ```
    /// use ottla::testing::{ApiKey, EmbeddedKafka};
    ///
    /// let kafka = EmbeddedKafka::start(1)?;
    /// // Brokers without idempotence.
    /// kafka.limit_version(ApiKey::InitProducerId, None)?;
    /// // Kafka 2.0's produce requests.
    /// kafka.limit_version(ApiKey::Produce, Some(6))?;
    /// # Ok::<(), ottla::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::EmbeddedKafka`]: an API that the brokers do not support, or a version above the highest that they implement.
    pub fn limit_version(&self, api_key: ApiKey, highest: Option<i16>) -> Result<()> {
        if let Some(version) = highest {
            match highest_version(api_key.code()) {
                Some(known) if (0..=known).contains(&version) => {}
                Some(known) => return Err(refused(format!("{api_key} version {version}: must be 0 to {known}"))),
                None => return Err(refused(format!("{api_key}: its version cannot be set, it can only be removed"))),
            }
        }
        self.cluster
            .limit_version(api_key.code(), highest)
            .map_err(|code| refused(format!("cannot set the version of {api_key}: {}", code_text(code))))
    }

    /// Starts recording requests, and discards those recorded before.
    pub fn track_requests(&self) {
        self.cluster.start_tracking();
    }

    /// The requests recorded since [`track_requests`](Self::track_requests), in the order in which the brokers read them; empty without that
    /// call. Requests with an injected answer are included.
    pub fn requests(&self) -> Vec<Request> {
        self.cluster.requests().into_iter().map(Request::from).collect()
    }

    /// Stops recording and returns the recorded requests.
    pub fn stop_tracking(&self) -> Vec<Request> {
        let requests = self.requests();
        self.cluster.stop_tracking();
        requests
    }

    fn known_broker(&self, broker: i32) -> Result<()> {
        if self.brokers().contains(&broker) {
            return Ok(());
        }
        Err(refused(format!("broker {broker}: must be 1 to {} (the number of brokers)", self.brokers)))
    }
}

impl fmt::Debug for EmbeddedKafka {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedKafka").field("bootstrap_servers", &self.bootstrap_servers()).finish_non_exhaustive()
    }
}

fn refused(message: String) -> Error {
    Error::new(ErrorKind::EmbeddedKafka, message)
}

fn broker_refused(broker: i32, code: i32) -> Error {
    refused(format!("the call failed on embedded broker {broker}: {}", code_text(code)))
}

/// librdkafka's mock cluster has no error list for Metadata (`rd_kafka_mock_handle_Metadata`): an error pushed there would never be used.
fn injectable(api_key: ApiKey) -> Result<()> {
    match api_key {
        ApiKey::Metadata => Err(refused("Metadata has no error list: use set_topic_error or broker_down".to_owned())),
        ApiKey::Other(_) => Err(refused(format!("{api_key}: not supported by the embedded brokers"))),
        _ => Ok(()),
    }
}

/// Kafka's rule for topic names (`org.apache.kafka.common.internals.Topic`): 1 to 249 of these characters, and neither `.` nor `..`.
fn topic_name(name: &str) -> Result<CString> {
    let legal = |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'.' | b'_' | b'-');
    if matches!(name, "." | "..") || !(1..=249).contains(&name.len()) || !name.bytes().all(legal) {
        return Err(refused(format!(
            "topic {name:?}: must be 1 to 249 characters of a-z, A-Z, 0-9, '.', '_' and '-', and not \".\" or \"..\""
        )));
    }
    CString::new(name).map_err(|source| refused(format!("topic {name:?}")).with_source(source))
}

/// Rounds up, because 0 would mean no delay.
fn milliseconds(what: &str, time: Duration) -> Result<i32> {
    let rounded = time.as_micros().div_ceil(1000);
    i32::try_from(rounded)
        .map_err(|_| refused(format!("{what} of {time:?}: must be at most {:?}", Duration::from_millis(i32::MAX as u64))))
}
