//! The configuration of a client: settings with Java's names, read from files, the environment and the program, checked against
//! one table, and converted to librdkafka properties.
//!
//! [`ProducerConfig`] holds the settings of a producer, `ConsumerConfig` (feature `consumer`) those of a consumer. [`settings`]
//! lists all settings of a producer. A [`ConfigError`] holds every [`Problem`] found; [`ProducerConfig::explain`] shows the
//! value, origin and effect of each setting.

mod assignor_name;
mod client;
mod client_methods;
#[cfg(feature = "consumer")]
mod consumer;
#[cfg(feature = "consumer")]
mod consumer_parameters;
mod conversion;
mod deserializer_name;
mod environment;
mod error;
mod explain;
mod file;
mod jaas;
mod jaas_tokens;
mod kind;
mod librdkafka_property;
#[cfg(test)]
mod markdown;
mod origin;
mod partitioner_name;
mod producer;
mod redaction;
mod rules;
mod sasl;
mod serialize;
mod serializer_name;
mod server;
mod setting;
#[cfg(feature = "config-files")]
mod source;
mod tls;
mod typed;
mod unknown_setting;
mod value;

use client::ClientConfig;
use client_methods::client_methods;
#[cfg(feature = "consumer")]
pub use consumer::ConsumerConfig;
#[cfg(feature = "consumer")]
pub(crate) use consumer_parameters::ConsumerParameters;
pub use error::{ConfigError, Problem, Warning};
pub use explain::{Explanation, Row};
use kind::ClientKind;
pub use origin::Origin;
pub use partitioner_name::{PartitionerName, UnknownPartitioner};
pub use producer::ProducerConfig;
pub(crate) use producer::ProducerParameters;
pub(crate) use redaction::redacted;
use redaction::{exposed, is_secret};
#[cfg(feature = "consumer")]
pub use setting::consumer_settings;
pub use setting::{Becomes, Setting, schema_registry_settings, settings};
#[cfg(all(feature = "config-files", feature = "consumer"))]
pub use source::OtherSetting;
#[cfg(feature = "config-files")]
pub use source::{Format, HostSetting, UnknownFormat, client_tables, host_settings};
pub use typed::{Acks, Compression, SaslMechanism, SecurityProtocol};
#[cfg(feature = "consumer")]
pub use typed::{AutoOffsetReset, GroupProtocol, IsolationLevel};
pub use value::{Range, Type, Unit};

/// What is printed in place of a secret.
pub const HIDDEN: &str = crate::secret::HIDDEN;

#[cfg(test)]
mod tests;
