//! Kafka producing for Rust: a typed layer over librdkafka's C producer, with Java's names for every setting and a future for
//! every delivery report.
//!
//! ```
//! use std::time::Duration;
//!
//! use futures::executor::block_on;
//! use ottla::{Producer, ProducerConfig, ProducerRecord};
//!
//! # #[cfg(feature = "testing")]
//! # fn main() -> ottla::Result<()> {
//! # let embedded = ottla::testing::EmbeddedKafka::builder().topic("orders", 3).start()?;
//! # let servers = embedded.bootstrap_servers();
//! # #[cfg(any())]
//! let servers = "localhost:9092";
//! let config = ProducerConfig::new().set("bootstrap.servers", servers)?.linger(Duration::from_millis(5));
//! let producer: Producer<str, str> = Producer::builder(config).build()?;
//!
//! block_on(async {
//!     let record = ProducerRecord::to("orders").key("o-1").value("paid");
//!     let delivery = producer.send(record).await?; // accepted: there was room for it
//!     let metadata = delivery.await?; // acknowledged by the brokers
//!     assert_eq!(metadata.topic(), "orders");
//!
//!     let unsent = producer.close(Duration::from_secs(10)).await?;
//!     assert!(unsent.is_empty());
//!     # Ok(())
//! })
//! # }
//! # #[cfg(not(feature = "testing"))]
//! # fn main() {}
//! ```
//!
//! No runtime is needed, and any will do: the producer's own delivery thread wakes the futures and keeps the timers.
//!
//! # The main types
//! - [`ProducerConfig`]: the settings, under the names that they have in Java; from the program, a file or the environment.
//! - [`Producer`]: sends records. A cheap handle that can be cloned and shared; its two parameters are the types of key and value.
//! - [`ProducerRecord`]: topic, key, value, partition, timestamp and headers, borrowed until `send` has serialized them.
//! - [`Delivery`]: the future of an accepted record. It brings [`RecordMetadata`], or an [`Error`] that says whether the record
//!   may have been written all the same ([`Error::persistence`]).
//! - [`Transaction`]: records, and a consumer's offsets, that are committed together.
//! - `Consumer` (feature `consumer`): a stream of typed records, with groups, commits and rebalances as in Java.
//! - [`Serializer`]: turns keys or values into bytes. Text, bytes, numbers and `()` need none to be named; [`serialize`] has
//!   these, [`Json`](serialize::Json), [`Optional`](serialize::Optional) for null, and closures.
//! - [`Interceptor`]: sees every record before it is serialized and every report before the program does.
//! - [`Partitioner`]: chooses the partition of records that name none, in place of the Java client's choice.
//! - `testing` (feature `testing`): `EmbeddedKafka`, brokers inside the process with errors, delays and lost brokers on demand, and
//!   `MockProducer`, a producer without brokers. [`Produce`] is what a test's producer and a real one have in common.
//!
//! # Two awaits
//! `send(..).await` is back-pressure: the record is accepted once there is room for it in `buffer.memory`, in the order in which
//! `send` was called, or refused after `max.block.ms`. Dropping this future withdraws a record that still waits. `delivery.await` is
//! the acknowledgement. Dropping the [`Delivery`] withdraws nothing.
//!
//! Every record that was accepted ends in one report: to its delivery or callback, and to the interceptors. Dropping the last handle
//! of a producer delivers what is under way first ([`ProducerBuilder::drop_timeout`] bounds that, and what was given up is logged);
//! [`Producer::close`] does so without blocking, and gives back the records that were not delivered.
//!
//! # Tasks
//! | To | use | example |
//! |---|---|---|
//! | send one record and wait for it | [`Producer::send`] | `quickstart` |
//! | keep many under way, and see each one's outcome | [`Producer::send`], the deliveries awaited later | `await_each` |
//! | send many and ask once | [`Producer::send_all`] | `from_file` |
//! | wait for nothing | a dropped [`Delivery`], an [`Interceptor`] | `fire_and_forget` |
//! | have a function called with each report | [`Producer::send_with`] | `callback` |
//! | send from threads that block | [`Producer::blocking`] | `sync` |
//! | never wait for room | [`Producer::try_send`] | `backpressure` |
//! | forward a stream | [`Producer::sink`] | `sink` |
//! | send types of one's own | [`Serializer`] | `custom_serializer` |
//! | send Avro, with the schema in a registry | `serialize::registry` (feature `schema-registry`) | `avro` |
//! | send headers, or add some to every record | [`ProducerRecord::header`], [`Interceptor`] | `headers` |
//! | choose partitions by a rule of one's own | [`Partitioner`] | |
//! | send records that count together or not at all | [`Producer::begin_transaction`] | `fatal_error` |
//! | read, transform and write, each record exactly once | [`Transaction::send_offsets`] | `exactly_once` |
//! | read records, alone or in a group | `Consumer` | `consume` |
//! | log in, with tokens of one's own or a password that changes | [`TokenProvider`], [`Producer::set_credentials`] | |
//! | keep the settings in a file | [`ProducerConfig`] | `from_file` |
//! | see, count or change what is sent | [`Interceptor`], [`intercept`] | `audit_log` |
//! | test the code that sends | [`Produce`], `testing::MockProducer` | `testing` |
//! | learn a topic's partitions, or the cluster's brokers | [`Producer::partitions_for`], [`Producer::cluster`] | |
//! | watch the producer | [`Producer::metrics`] | |
//!
//! `cargo run --features testing --example quickstart` runs the first: on a broker inside the process, or on the Kafka at
//! `KAFKA_BOOTSTRAP_SERVERS`.
//!
//! # Errors
//! There is one [`Error`]. Match on its [`kind`](Error::kind); ask [`is_retriable`](Error::is_retriable),
//! [`is_abortable`](Error::is_abortable) and [`is_fatal`](Error::is_fatal); its [`source`](std::error::Error::source) has the cause. It shows neither a record's content nor
//! a secret. By the time a delivery fails, librdkafka has retried for `delivery.timeout.ms`. After a fatal error the producer sends no
//! more, and the way on is a new one.
//!
//! # Logging
//! Through [`tracing`](https://docs.rs/tracing). librdkafka's own lines have the target `ottla::librdkafka`, and the secrets of the
//! configuration are cut out of them.
//!
//! # Features
//! | Feature | |
//! |---|---|
//! | `tls` (default) | TLS, SCRAM and OAUTHBEARER, on an OpenSSL that is built from source |
//! | `zstd`, `gzip` (default) | these two compressions; snappy and lz4 are always there |
//! | `tls-system` | TLS on the system's OpenSSL |
//! | `oidc` | OAUTHBEARER tokens from an endpoint, through a libcurl that is built from source |
//! | `dynamic-linking` | the system's librdkafka in place of the bundled one |
//! | `metrics` | `Metrics::publish`: the producer's metrics through the [`metrics`](https://docs.rs/metrics) crate |
//! | `opentelemetry` | `intercept::TraceParent`: the trace that a record belongs to, in its headers |
//! | `rdkafka` | `ConsumerGroupMetadata::of` a consumer of the crate `rdkafka` |
//! | `consumer` | `Consumer`, the typed read side, and `ConsumerConfig` |
//! | `bytes` | keys and values of the type `bytes::Bytes` |
//! | `uuid` | a serializer for `uuid::Uuid` |
//! | `schema-registry` | `serialize::registry`: Avro, with the schemas in a registry that has Confluent's API |
//! | `protobuf` | `serialize::registry::Protobuf`: Protobuf with the schemas in a registry |
//! | `json-schema` | `serialize::registry::JsonSchema`: JSON with JSON Schemas in a registry |
//! | `testing` | `testing::EmbeddedKafka` and `testing::MockProducer`; with `schema-registry` `testing::EmbeddedRegistry` |
//! | `cli` | what the command `ottla` needs; not for libraries |
//! | `jemalloc` | the command's allocator; part of `cli` |

mod block_on;
pub mod config;
#[cfg(feature = "consumer")]
pub mod consumer;
mod deadline;
mod delivery;
#[cfg(doctest)]
mod documentation;
mod error;
pub mod intercept;
pub mod metrics;
mod native;
#[cfg(test)]
mod page;
mod panic;
pub mod partition;
mod produce;
pub mod producer;
pub mod record;
mod secret;
pub mod serialize;
#[cfg(feature = "testing")]
pub mod testing;
mod token;
mod yielding;

#[cfg(feature = "consumer")]
pub use config::ConsumerConfig;
pub use config::ProducerConfig;
#[cfg(feature = "consumer")]
pub use consumer::{ConsumeError, Consumer, ConsumerBuilder, ConsumerRecord, RebalanceListener, TopicPartition};
pub use delivery::{Delivery, RecordMetadata, Report};
pub use error::{Error, ErrorKind, Persistence};
pub use intercept::{Acknowledgement, Interceptor};
pub use partition::Partitioner;
pub use produce::{Produce, ProduceTransaction};
pub use producer::{ConsumerGroupMetadata, OffsetAndMetadata, Offsets, Producer, ProducerBuilder, Transaction};
pub use record::{Header, Headers, ProducerRecord};
pub use serialize::{Deserializer, Serializer};
pub use token::{Token, TokenError, TokenFuture, TokenProvider};

/// The version of the librdkafka that is linked, such as `2.12.1`.
pub fn librdkafka_version() -> String {
    native::library_version()
}

/// The result of what ottla does.
pub type Result<T, E = Error> = std::result::Result<T, E>;
