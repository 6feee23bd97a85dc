//! Test support: in-process brokers, and a producer without brokers.
//!
//! | To test | use | how |
//! |---|---|---|
//! | code that decides what to send and how to handle errors | [`MockProducer`] | the test reads the records that were sent and makes their reports |
//! | what happens on the wire: batches, retries, timing, consumers | [`EmbeddedKafka`] | a real producer talks to brokers that fail on demand |
//! | what only a real Kafka shows: transactions, access control, large volumes | [`TestTopics`] | it creates and deletes the topics of the test |
//!
//! The crate `ottla-schema-registry` has `EmbeddedRegistry`, a schema registry that fails on demand.
//!
//! Code that takes a [`Produce`](crate::Produce) runs with either. `examples/testing.rs` tests one function with both.
//!
//! # `EmbeddedKafka`
//! It runs librdkafka's mock cluster, with errors, delays and outages on demand.
//!
//! A test starts a cluster, passes [`bootstrap_servers`](EmbeddedKafka::bootstrap_servers) to a client, and sets what should fail. Nothing
//! needs to be installed, and nothing outlives the test. Each `EmbeddedKafka` has its own ports on the loopback interface, so tests can run
//! in parallel.
//!
//! ```
//! use ottla::testing::{ApiKey, BrokerError, EmbeddedKafka};
//! use std::time::Duration;
//!
//! let kafka = EmbeddedKafka::builder().brokers(3).topic("orders", 6).start()?;
//! let client_setting = ("bootstrap.servers", kafka.bootstrap_servers());
//!
//! // The next two produce requests fail; the client retries them.
//! kafka.fail_next(ApiKey::Produce, &[BrokerError::NOT_ENOUGH_REPLICAS, BrokerError::DISCONNECT])?;
//! // Broker 2 responds late, broker 3 not at all.
//! kafka.set_round_trip_time(2, Duration::from_millis(50))?;
//! kafka.broker_down(3)?;
//! // Records all requests from now on.
//! kafka.track_requests();
//!
//! // .. the code under test ..
//!
//! assert!(kafka.requests().iter().all(|request| request.broker() != 3));
//! # assert_eq!(client_setting.1.split(',').count(), 3);
//! # Ok::<(), ottla::Error>(())
//! ```
//!
//! # Limits of the embedded brokers
//! They speak enough of the protocol for producers (also idempotent and transactional ones), consumers, groups and offsets. They are not
//! Kafka. As of librdkafka 2.12:
//! - **A partition keeps 5 MiB or 100,000 batches**, whichever is less, and then drops its oldest batches. A test that reads everything back
//!   must stay below that. All records are in the memory of the process.
//! - **There is no admin API** (`CreateTopics` and so on), no access control, no TLS and no SASL. Create topics with
//!   [`create_topic`](EmbeddedKafka::create_topic). If a client requests a missing topic, it is created with 4 partitions (a fixed number),
//!   unless the client's `allow.auto.create.topics` is off.
//! - **The timestamp of an acknowledgement is always 1234**, as if set by the broker. The stored record keeps its own.
//! - **Sequence numbers are checked for transactional producers only**: if an idempotent producer resends a batch because its acknowledgement
//!   was lost, the batch is stored twice.
//! - **Transactions leave no markers**: records of an aborted transaction are read like any other.
//! - `acks` and `min.insync.replicas` have no effect: a log has one copy, and the leader always accepts the batch.
//! - Taking a broker down does not move its leaders: use [`set_leader`](EmbeddedKafka::set_leader).
//! - Produce is supported up to version 9 and Fetch up to 11, so clients find moved leaders through metadata, not KIP-951.
//!
//! To lose the acknowledgement of records that *were* written: delay the response ([`fail_next_on`](EmbeddedKafka::fail_next_on) with
//! [`BrokerError::NONE`] and a long time), wait until [`requests`](EmbeddedKafka::requests) shows the produce request, and take the broker
//! down and up again. [`BrokerError::DISCONNECT`] loses both request and response: nothing is written.

mod broker_error;
mod embedded;
mod mock_builder;
mod mock_errors;
mod mock_producer;
mod mock_record;
mod mock_state;
mod mock_transaction;
mod request;
mod test_topics;
#[cfg(test)]
mod tests;

pub use broker_error::BrokerError;
pub use embedded::{Coordinator, EmbeddedKafka, EmbeddedKafkaBuilder};
pub use mock_builder::MockProducerBuilder;
pub use mock_errors::MockCall;
pub use mock_producer::MockProducer;
pub use mock_record::MockRecord;
pub use request::{ApiKey, Request};
pub use test_topics::TestTopics;

pub use crate::producer::NewTopic;

pub use crate::error::ErrorBuilder;
