//! A Kafka producer for Rust: a typed layer over librdkafka, with the Java client's setting names and a future for each delivery
//! report.
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
//!     let delivery = producer.send(record).await?; // accepted: buffer.memory had room for it
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
//! No async runtime is required, and any runtime works. Each producer has one thread, the *delivery thread*, which wakes the futures and
//! runs the timers.
//!
//! # Main types
//! - [`ProducerConfig`]: the settings, under their Java names, from code, a file or environment variables.
//! - [`Producer`]: sends records. It is a cheap handle that can be cloned and shared. Its type parameters are the types of key and value.
//! - [`ProducerRecord`]: a topic, and optionally key, value, partition, timestamp and headers. `send` serializes it before it returns.
//! - [`Delivery`]: the future of an accepted record. It resolves to [`RecordMetadata`] or to an [`Error`], which says whether the record
//!   may have been written ([`Error::persistence`]).
//! - [`Transaction`]: records and consumer offsets that are committed together.
//! - `Consumer` (feature `consumer`): a stream of typed records, with groups, commits and rebalances as in Java.
//! - [`Serializer`]: turns keys and values into bytes. Strings, bytes, numbers and `()` have a default serializer. [`serialize`] has the
//!   built-in ones, [`Json`](serialize::Json), [`Optional`](serialize::Optional) for null, and closures.
//! - [`Interceptor`]: sees each record before it is serialized, and each report before the program does.
//! - [`Partitioner`]: chooses the partition of records that name none. The default is the Java client's partitioner.
//! - `testing` (feature `testing`): `EmbeddedKafka`, in-process brokers with errors, delays and outages on demand, and `MockProducer`, a
//!   producer without brokers. The trait [`Produce`] is implemented by `MockProducer` and [`Producer`].
//!
//! # Acceptance and delivery
//! `send(..).await` waits for acceptance; this is the back-pressure. A record is accepted when `buffer.memory` has room for it, in the order
//! of the calls of `send`. After `max.block.ms` it fails. Dropping this future withdraws a record that is not accepted yet.
//!
//! `delivery.await` waits for the acknowledgement. Dropping the [`Delivery`] does not cancel the record.
//!
//! Each accepted record gets exactly one report, which goes to the interceptors and then to its delivery or callback.
//!
//! # Shutdown
//! Dropping the last handle of a producer delivers the outstanding records first. [`ProducerBuilder::drop_timeout`] limits the time for
//! this; records that are given up are logged. [`Producer::close`] does the same without blocking, and returns the records that were not
//! delivered.
//!
//! # Tasks
//! | Task | API | Example |
//! |---|---|---|
//! | send one record and wait for it | [`Producer::send`] | `quickstart` |
//! | keep many records in flight and check each result | [`Producer::send`], deliveries awaited later | `await_each` |
//! | send many records and check one result | [`Producer::send_all`] | `from_file` |
//! | fire and forget | a dropped [`Delivery`], an [`Interceptor`] | `fire_and_forget` |
//! | get a callback for each report | [`Producer::send_with`] | `callback` |
//! | send from blocking threads | [`Producer::blocking`] | `sync` |
//! | fail instead of waiting when the buffer is full | [`Producer::try_send`] | `backpressure` |
//! | forward a stream | [`Producer::sink`] | `sink` |
//! | send custom types | [`Serializer`] | `custom_serializer` |
//! | send Avro with a schema registry | the crate `ottla-schema-registry` | its `avro` |
//! | send headers, or add headers to every record | [`ProducerRecord::header`], [`Interceptor`] | `headers` |
//! | use a custom partitioner | [`Partitioner`] | |
//! | send records in a transaction | [`Producer::begin_transaction`] | `fatal_error` |
//! | consume, transform and produce exactly once | [`Transaction::send_offsets`] | `exactly_once` |
//! | consume records, alone or in a group | `Consumer` | `consume` |
//! | authenticate with OAuth tokens, or rotate a password | [`TokenProvider`], [`Producer::set_credentials`] | |
//! | read the settings from a file | [`ProducerConfig`] | `from_file` |
//! | log, count or change the records that are sent | [`Interceptor`], [`intercept`] | `audit_log`, `counter` |
//! | test code that sends | [`Produce`], `testing::MockProducer` | `testing` |
//! | list a topic's partitions or the cluster's brokers | [`Producer::partitions_for`], [`Producer::cluster`] | |
//! | read the producer's metrics | [`Producer::metrics`] | |
//!
//! `cargo run --features testing --example quickstart` runs the first one. The examples use an in-process broker, or the Kafka cluster at
//! `KAFKA_BOOTSTRAP_SERVERS`.
//!
//! # Errors
//! There is one error type, [`Error`]. Match on its [`kind`](Error::kind), and ask [`is_retriable`](Error::is_retriable),
//! [`is_abortable`](Error::is_abortable) and [`is_fatal`](Error::is_fatal). Its [`source`](std::error::Error::source) is the cause. It never
//! shows record content or a secret.
//!
//! librdkafka retries for `delivery.timeout.ms` before a delivery fails. After a fatal error the producer sends nothing more: build a new one.
//!
//! # Logging
//! Log events go to [`tracing`](https://docs.rs/tracing). librdkafka's own log lines have the target `ottla::librdkafka`. The secrets of the
//! configuration are removed from them.
//!
//! # Features
//! | Feature | Contents |
//! |---|---|
//! | `config-files` (default) | configurations in TOML, YAML, JSON and `.properties` |
//! | `tls` (default) | TLS, SCRAM and OAUTHBEARER, with the system's OpenSSL |
//! | `zstd`, `gzip` (default) | these two compressions; snappy and lz4 are always available |
//! | `tls-vendored` | TLS with an OpenSSL that is built from source |
//! | `oidc` | OAUTHBEARER tokens from an HTTP endpoint, with a libcurl that is built from source |
//! | `dynamic-linking` | the system's librdkafka instead of the bundled one |
//! | `metrics` | `Metrics::publish`: the producer's metrics through the [`metrics`](https://docs.rs/metrics) crate |
//! | `opentelemetry` | `intercept::TraceParent`: the current trace in each record's headers; `intercept::ProducerSpans`: a span for each record |
//! | `rdkafka` | `ConsumerGroupMetadata::from_rdkafka` for a consumer of the crate `rdkafka` |
//! | `consumer` | `Consumer` and `ConsumerConfig` |
//! | `bytes` | keys and values of the type `bytes::Bytes` |
//! | `tokio` | a producer that is dropped inside a tokio runtime does not block it; `on_tokio` for token providers |
//! | `uuid` | a serializer for `uuid::Uuid` |
//! | `testing` | `testing::EmbeddedKafka` and `testing::MockProducer` |
#![cfg_attr(docsrs, feature(doc_cfg))] // docs.rs shows which feature an item needs

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
mod lock;
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
#[cfg(feature = "tokio")]
pub use token::{OnTokio, on_tokio};
pub use token::{Token, TokenError, TokenFuture, TokenProvider};

/// The version of the linked librdkafka, such as `2.12.1`.
pub fn librdkafka_version() -> String {
    native::library_version()
}

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
