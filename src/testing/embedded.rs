//! [`EmbeddedKafka`] and its builder.

use std::{
    collections::BTreeSet,
    ffi::CString,
    fmt,
    ops::RangeInclusive,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::{ApiKey, BrokerError, Request};
use crate::{
    Error, ErrorKind, Result,
    native::mock::{MockCluster, code_text},
};

/// The most brokers a cluster may have: each takes an open file and two more per client, and librdkafka aborts when there are none left.
const MAX_BROKERS: usize = 100;
/// The most partitions a topic may have: librdkafka's limit for one request (`RD_KAFKAP_PARTITIONS_MAX`).
const MAX_PARTITIONS: i32 = 100_000;
/// On how many brokers a builder's topic is, if there are as many: what librdkafka's mock gives the topics that it creates itself.
const REPLICATION: usize = 3;

/// A Kafka cluster inside the process, on librdkafka's mock brokers. See [the module](super) for how to test with it and what it is not.
///
/// Brokers are numbered from 1. All methods take `&self` and may be called from any thread, while clients are at work. Dropping it closes
/// every connection and frees every record.
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
    /// Which brokers have an error list of their own, and for which API: the cluster's list reaches them no more.
    own_lists: Mutex<BTreeSet<(i32, ApiKey)>>,
}

/// What an [`EmbeddedKafka`] starts with. Made by [`EmbeddedKafka::builder`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `start`"]
pub struct EmbeddedKafkaBuilder {
    brokers: usize,
    topics: Vec<(String, i32)>,
    group_rebalance_delay: Duration,
}

/// Who is coordinated, for [`EmbeddedKafka::set_coordinator`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coordinator<'a> {
    /// The consumer group of this `group.id`.
    Group(&'a str),
    /// The transactional producer of this `transactional.id`.
    Transaction(&'a str),
}

impl EmbeddedKafkaBuilder {
    /// How many brokers, 1 to 100. Defaults to 1.
    pub fn brokers(mut self, brokers: usize) -> Self {
        self.brokers = brokers;
        self
    }

    /// Adds a topic of so many partitions (1 to 100,000), each on up to three brokers.
    pub fn topic(mut self, name: impl Into<String>, partitions: i32) -> Self {
        self.topics.push((name.into(), partitions));
        self
    }

    /// How long a new consumer group waits for more members, as the broker's `group.initial.rebalance.delay.ms`; at least 1 ms, rounded
    /// up to milliseconds. Defaults to 1 ms, so that a test's consumer starts at once (Kafka's default is 3 s).
    pub fn group_rebalance_delay(mut self, delay: Duration) -> Self {
        self.group_rebalance_delay = delay;
        self
    }

    /// Starts the brokers and creates the topics.
    ///
    /// # Errors
    /// [`ErrorKind::EmbeddedKafka`]: no brokers or too many, a topic that [`create_topic`](EmbeddedKafka::create_topic) refuses, a delay
    /// above 24 days, or no free port.
    pub fn start(self) -> Result<EmbeddedKafka> {
        let brokers = match i32::try_from(self.brokers) {
            Ok(brokers) if (1..=MAX_BROKERS).contains(&self.brokers) => brokers,
            _ => return Err(refused(format!("{} brokers: an embedded cluster has 1 to {MAX_BROKERS}", self.brokers))),
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
    /// Starts a cluster of so many brokers, 1 to 100, without topics.
    ///
    /// # Errors
    /// As [`EmbeddedKafkaBuilder::start`].
    pub fn start(brokers: usize) -> Result<Self> {
        Self::builder().brokers(brokers).start()
    }

    /// A cluster with topics: one broker, unless [`brokers`](EmbeddedKafkaBuilder::brokers) says more.
    pub fn builder() -> EmbeddedKafkaBuilder {
        EmbeddedKafkaBuilder { brokers: 1, topics: Vec::new(), group_rebalance_delay: Duration::from_millis(1) }
    }

    /// What a client's `bootstrap.servers` is set to: `host:port` of every broker, with commas between.
    pub fn bootstrap_servers(&self) -> &str {
        self.cluster.bootstrap_servers()
    }

    /// The brokers' numbers, from 1.
    pub fn brokers(&self) -> RangeInclusive<i32> {
        1..=self.brokers
    }

    /// Creates a topic: 1 to 100,000 partitions, each on `replication` brokers, one of which is picked as its leader.
    ///
    /// # Errors
    /// [`ErrorKind::EmbeddedKafka`]: a name that Kafka would not take, a number out of range, more replicas than brokers, or a topic that
    /// exists.
    pub fn create_topic(&self, name: &str, partitions: i32, replication: usize) -> Result<()> {
        let topic = topic_name(name)?;
        if !(1..=MAX_PARTITIONS).contains(&partitions) {
            return Err(refused(format!("topic {name} with {partitions} partitions: a topic has 1 to {MAX_PARTITIONS}")));
        }
        match i32::try_from(replication) {
            Ok(replication) if self.brokers().contains(&replication) => self
                .cluster
                .create_topic(&topic, partitions, replication)
                .map_err(|code| refused(format!("topic {name} was not created: {}", code_text(code)))),
            _ => Err(refused(format!("topic {name} with {replication} replicas: there are {} brokers", self.brokers))),
        }
    }

    /// Fails the next requests of this kind, in order, on whichever broker they arrive: one request for each error.
    ///
    /// The lists of several calls add up. A produce request that fails this way is not written.
    ///
    /// # Errors
    /// [`ErrorKind::EmbeddedKafka`]: nothing can be injected into [`ApiKey::Metadata`] (see [`set_topic_error`](Self::set_topic_error))
    /// or an API that the brokers do not speak; or a broker has had a list of its own for this API from
    /// [`fail_next_on`](Self::fail_next_on), which hides this one from it for good.
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
        let own_lists = self.own_lists.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((broker, _)) = own_lists.iter().find(|(_, own)| *own == api_key) {
            return Err(refused(format!(
                "broker {broker} answers {api_key} from a list of its own since fail_next_on, and would not see this one: use fail_next_on \
                 for every broker"
            )));
        }
        let codes: Vec<i32> = errors.iter().map(|error| error.code().into()).collect();
        self.cluster.push_errors(api_key.code(), &codes);
        Ok(())
    }

    /// Says how one broker answers the next requests of this kind, in order: with which error ([`BrokerError::NONE`] for none) and how
    /// late, rounded up to milliseconds. What is produced without an error is written when the request arrives, not when the answer leaves.
    ///
    /// From the first call on this broker takes no more from [`fail_next`](Self::fail_next)'s list for this API, even when its own list is
    /// used up. A [`BrokerError::DISCONNECT`] is never late.
    ///
    /// # Errors
    /// [`ErrorKind::EmbeddedKafka`]: no such broker, an API into which nothing can be injected, or a delay above 24 days.
    pub fn fail_next_on(&self, broker: i32, api_key: ApiKey, answers: &[(BrokerError, Duration)]) -> Result<()> {
        injectable(api_key)?;
        self.known_broker(broker)?;
        let answers = answers
            .iter()
            .map(|&(error, delay)| Ok((i32::from(error.code()), milliseconds("delay", delay)?)))
            .collect::<Result<Vec<_>>>()?;
        let mut own_lists = self.own_lists.lock().unwrap_or_else(PoisonError::into_inner);
        for (error, delay) in answers {
            self.cluster.push_broker_error(broker, api_key.code(), error, delay).map_err(|code| broker_refused(broker, code))?;
            own_lists.insert((broker, api_key));
        }
        Ok(())
    }

    /// How many answers of [`fail_next_on`](Self::fail_next_on) are still to be given.
    ///
    /// # Errors
    /// [`ErrorKind::EmbeddedKafka`]: no such broker.
    pub fn failures_left_on(&self, broker: i32, api_key: ApiKey) -> Result<usize> {
        self.cluster.broker_errors_left(broker, api_key.code()).map_err(|code| broker_refused(broker, code))
    }

    /// Forgets what [`fail_next`](Self::fail_next) has still to fail of this API. A broker's own list cannot be taken back.
    pub fn clear_failures(&self, api_key: ApiKey) {
        self.cluster.clear_errors(api_key.code());
    }

    /// Makes a topic fail: metadata requests and AddPartitionsToTxn answer with this error until it is set to [`BrokerError::NONE`].
    /// A topic that does not exist is created, with 4 partitions.
    ///
    /// # Errors
    /// [`ErrorKind::EmbeddedKafka`]: a name that Kafka would not take.
    pub fn set_topic_error(&self, topic: &str, error: BrokerError) -> Result<()> {
        self.cluster.set_topic_error(&topic_name(topic)?, error.code().into());
        Ok(())
    }

    /// Holds every answer of a broker back for this long, rounded up to milliseconds; zero, which it starts with, for not at all.
    ///
    /// # Errors
    /// [`ErrorKind::EmbeddedKafka`]: no such broker, or a time above 24 days.
    pub fn set_round_trip_time(&self, broker: i32, time: Duration) -> Result<()> {
        self.known_broker(broker)?;
        let time = milliseconds("round-trip time", time)?;
        self.cluster.set_round_trip_time(broker, time).map_err(|code| broker_refused(broker, code))
    }

    /// Takes a broker down: its connections are closed and new ones refused. It keeps its port, its records and its partitions; to move
    /// those, see [`set_leader`](Self::set_leader). A broker that is down already stays down.
    ///
    /// # Errors
    /// [`ErrorKind::EmbeddedKafka`]: no such broker.
    pub fn broker_down(&self, broker: i32) -> Result<()> {
        self.known_broker(broker)?;
        self.cluster.broker_down(broker).map_err(|code| broker_refused(broker, code))
    }

    /// Lets a broker that was taken down accept connections again, at its old address.
    ///
    /// # Errors
    /// [`ErrorKind::EmbeddedKafka`]: no such broker.
    pub fn broker_up(&self, broker: i32) -> Result<()> {
        self.known_broker(broker)?;
        self.cluster.broker_up(broker).map_err(|code| broker_refused(broker, code))
    }

    /// Moves a partition to another leader, or leaves it without one. Clients learn of it from NOT_LEADER_OR_FOLLOWER and metadata.
    /// A topic that does not exist is created, with partitions up to this one.
    ///
    /// # Errors
    /// [`ErrorKind::EmbeddedKafka`]: no such partition, no such broker, or a name that Kafka would not take.
    pub fn set_leader(&self, topic: &str, partition: i32, leader: Option<i32>) -> Result<()> {
        let name = topic_name(topic)?;
        if !(0..MAX_PARTITIONS).contains(&partition) {
            return Err(refused(format!(
                "partition {partition} of topic {topic}: partitions are numbered 0 to {}",
                MAX_PARTITIONS - 1
            )));
        }
        if let Some(broker) = leader {
            self.known_broker(broker)?;
        }
        self.cluster.set_leader(&name, partition, leader).map_err(|code| {
            refused(format!("the leader of partition {partition} of topic {topic} was not set: {}", code_text(code)))
        })
    }

    /// Names the broker that coordinates a group or a transactional producer, or none, so that FindCoordinator finds none. Unless named,
    /// it follows from a hash of the name.
    ///
    /// # Errors
    /// [`ErrorKind::EmbeddedKafka`]: no such broker, or a name with a NUL in it.
    pub fn set_coordinator(&self, of: Coordinator<'_>, broker: Option<i32>) -> Result<()> {
        let (key_type, name) = match of {
            Coordinator::Group(id) => (c"group", id),
            Coordinator::Transaction(id) => (c"transaction", id),
        };
        if let Some(broker) = broker {
            self.known_broker(broker)?;
        }
        let key = CString::new(name).map_err(|source| refused(format!("{of:?} cannot be a name")).with_source(source))?;
        self.cluster
            .set_coordinator(key_type, &key, broker)
            .map_err(|code| refused(format!("the coordinator of {of:?} was not set: {}", code_text(code))))
    }

    /// Records every request from now on, and forgets those recorded before.
    pub fn track_requests(&self) {
        self.cluster.start_tracking();
    }

    /// The requests recorded since [`track_requests`](Self::track_requests), in the order in which the brokers read them; none if it was
    /// not called. A request with an injected answer is among them.
    pub fn requests(&self) -> Vec<Request> {
        self.cluster.requests().into_iter().map(Request::from).collect()
    }

    /// Stops recording, and gives what was recorded.
    pub fn stop_tracking(&self) -> Vec<Request> {
        let requests = self.requests();
        self.cluster.stop_tracking();
        requests
    }

    fn known_broker(&self, broker: i32) -> Result<()> {
        if self.brokers().contains(&broker) {
            return Ok(());
        }
        Err(refused(format!("broker {broker}: the brokers of this cluster are 1 to {}", self.brokers)))
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
    refused(format!("broker {broker} of the embedded cluster refused: {}", code_text(code)))
}

/// Metadata has no error list in librdkafka's mock cluster (`rd_kafka_mock_handle_Metadata`): what is pushed there would wait for ever.
fn injectable(api_key: ApiKey) -> Result<()> {
    match api_key {
        ApiKey::Metadata => {
            Err(refused("Metadata cannot be made to fail by request: use set_topic_error or broker_down".to_owned()))
        }
        ApiKey::Other(_) => Err(refused(format!("{api_key}: the embedded brokers do not speak it"))),
        _ => Ok(()),
    }
}

/// Kafka's rule for names (`org.apache.kafka.common.internals.Topic`): 1 to 249 of the letters below, and neither `.` nor `..`.
fn topic_name(name: &str) -> Result<CString> {
    let legal = |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'.' | b'_' | b'-');
    if matches!(name, "." | "..") || !(1..=249).contains(&name.len()) || !name.bytes().all(legal) {
        return Err(refused(format!("topic {name:?}: a topic's name is 1 to 249 of a-z, A-Z, 0-9, '.', '_' and '-'")));
    }
    CString::new(name).map_err(|source| refused(format!("topic {name:?}")).with_source(source))
}

/// Rounded up, since 0 would mean "not at all".
fn milliseconds(what: &str, time: Duration) -> Result<i32> {
    let rounded = time.as_micros().div_ceil(1000);
    i32::try_from(rounded)
        .map_err(|_| refused(format!("{what} of {time:?}: at most {:?}", Duration::from_millis(i32::MAX as u64))))
}
