//! The configuration of a client: Java's names for every setting, read from files, the environment and the program, checked
//! against one table, and turned into properties of librdkafka.
//!
//! [`ProducerConfig`] holds what was set for a producer, `ConsumerConfig` (feature `consumer`) for a consumer. [`settings`] lists every
//! setting that a producer has. What is wrong comes as a [`ConfigError`] with every [`Problem`] in it; [`ProducerConfig::explain`] shows
//! each setting's value, where it came from and what it becomes.

mod assignor_name;
mod client;
mod client_methods;
#[cfg(feature = "consumer")]
mod consumer;
mod deserializer_name;
mod environment;
mod error;
mod explain;
pub(crate) mod file;
mod jaas;
mod kind;
mod librdkafka_property;
#[cfg(test)]
mod markdown;
mod origin;
mod partitioner_name;
mod placeholder;
mod producer;
mod redaction;
mod resolution;
mod resolved;
#[cfg(feature = "consumer")]
mod resolved_consumer;
mod rules;
mod sasl;
mod serialize;
mod serializer_name;
mod server;
mod setting;
mod source;
mod tls;
mod typed;
mod unknown_setting;
mod value;

use client::ClientConfig;
use client_methods::client_methods;
#[cfg(feature = "consumer")]
pub use consumer::ConsumerConfig;
pub use error::{ConfigError, Problem, Warning};
pub use explain::{Explanation, Row};
use kind::ClientKind;
pub use origin::Origin;
pub use partitioner_name::{PartitionerName, UnknownPartitioner};
pub use producer::ProducerConfig;
pub(crate) use redaction::redacted;
use redaction::{exposed, is_secret};
pub(crate) use resolved::Resolved;
#[cfg(feature = "consumer")]
pub(crate) use resolved_consumer::ResolvedConsumer;
#[cfg(feature = "consumer")]
pub use setting::consumer_settings;
#[cfg(feature = "schema-registry")]
pub(crate) use setting::schema_registry_setting;
pub use setting::{Becomes, Setting, schema_registry_settings, settings};
pub use source::{Format, HostSetting, UnknownFormat, client_tables, host_settings};
pub use typed::{Acks, Compression, SaslMechanism, SecurityProtocol};
#[cfg(feature = "consumer")]
pub use typed::{AutoOffsetReset, GroupProtocol, IsolationLevel};
pub use value::{Range, Type, Unit};

/// What is printed in place of a secret.
pub const HIDDEN: &str = crate::secret::HIDDEN;

#[cfg(test)]
mod tests;
