//! For tests: brokers inside the process, and a producer without brokers.
//!
//! | A test of | takes | so that |
//! |---|---|---|
//! | the code that decides what to send, and what to do if that fails | [`MockProducer`] | each record is seen as it was sent, and its report is made by the test |
//! | what goes over the wire: batches, retries, time, consumers | [`EmbeddedKafka`] | a real producer talks to brokers that fail on demand |
//!
//! With the feature `schema-registry` there is `EmbeddedRegistry` as well, a schema registry that can be told to fail.
//!
//! Code that takes a [`Produce`](crate::Produce) runs with either. `examples/testing.rs` shows both on one function.
//!
//! # `EmbeddedKafka`
//! It runs librdkafka's mock cluster, with errors, delays and lost brokers on demand.
//!
//! A test starts a cluster, points a client at [`bootstrap_servers`](EmbeddedKafka::bootstrap_servers), and says what should go wrong.
//! Nothing is installed and nothing outlives the test: each `EmbeddedKafka` has its own ports on the loopback interface, so tests run
//! side by side.
//!
//! ```
//! use ottla::testing::{ApiKey, BrokerError, EmbeddedKafka};
//! use std::time::Duration;
//!
//! let kafka = EmbeddedKafka::builder().brokers(3).topic("orders", 6).start()?;
//! let client_setting = ("bootstrap.servers", kafka.bootstrap_servers());
//!
//! // The next two produce requests fail and are sent again by the client.
//! kafka.fail_next(ApiKey::Produce, &[BrokerError::NOT_ENOUGH_REPLICAS, BrokerError::DISCONNECT])?;
//! // Broker 2 answers late, broker 3 not at all.
//! kafka.set_round_trip_time(2, Duration::from_millis(50))?;
//! kafka.broker_down(3)?;
//! // What arrives from now on is recorded.
//! kafka.track_requests();
//!
//! // .. the code under test ..
//!
//! assert!(kafka.requests().iter().all(|request| request.broker() != 3));
//! # assert_eq!(client_setting.1.split(',').count(), 3);
//! # Ok::<(), ottla::Error>(())
//! ```
//!
//! # What to know about these brokers
//! They speak enough of the protocol for producers (idempotent and transactional ones too), consumers, groups and offsets. They are not
//! Kafka; as of librdkafka 2.12:
//! - **A partition keeps 5 MiB or 100,000 batches**, whichever is less, and then drops its oldest batches. A test that reads everything
//!   back must stay below that. All of it is in the memory of the process.
//! - **There is no admin API** (`CreateTopics` and its like), no access control, no TLS and no SASL. Topics are made with
//!   [`create_topic`](EmbeddedKafka::create_topic). A client that asks for a missing topic gets it with 4 partitions, unless its
//!   `allow.auto.create.topics` is off; 4 cannot be changed.
//! - **An acknowledgement's timestamp is always 1234**, as if the broker had set it. The record itself keeps its own.
//! - **Sequence numbers are checked for transactional producers only**: a batch that an idempotent producer has to send again after its
//!   acknowledgement got lost is stored twice.
//! - **Transactions leave no markers**: records of an aborted transaction are read like any other.
//! - `acks` and `min.insync.replicas` mean nothing: there is one copy of a log, and the leader always takes the batch.
//! - Taking a broker down moves no leader: that is [`set_leader`](EmbeddedKafka::set_leader)'s part.
//! - Produce is offered up to version 9 and Fetch up to 11, so leaders that moved are found through metadata, not KIP-951.
//!
//! To lose an acknowledgement of records that *were* written: delay the answer ([`fail_next_on`](EmbeddedKafka::fail_next_on) with
//! [`BrokerError::NONE`] and a long time), wait until [`requests`](EmbeddedKafka::requests) shows the produce request, take the broker
//! down and up again. [`BrokerError::DISCONNECT`] loses request and answer both: nothing is written.

mod broker_error;
mod embedded;
#[cfg(feature = "schema-registry")]
mod embedded_registry;
mod mock_builder;
mod mock_producer;
mod mock_record;
mod mock_transaction;
#[cfg(feature = "schema-registry")]
mod registry_store;
mod request;
#[cfg(test)]
mod tests;

pub use broker_error::BrokerError;
pub use embedded::{Coordinator, EmbeddedKafka, EmbeddedKafkaBuilder};
#[cfg(feature = "schema-registry")]
pub use embedded_registry::{EmbeddedRegistry, RegistryFault};
pub use mock_builder::MockProducerBuilder;
pub use mock_producer::MockProducer;
pub use mock_record::MockRecord;
pub use request::{ApiKey, Request};
