//! The configuration of a producer: Java's names for every setting, read from files, the environment and the program, checked
//! against one table, and turned into properties of librdkafka.
//!
//! [`ProducerConfig`] holds what was set. [`settings`] lists every setting there is. What is wrong comes as a [`ConfigError`] with
//! every [`Problem`] in it; [`ProducerConfig::explain`] shows each setting's value, where it came from and what it becomes.

mod client;
mod client_methods;
mod environment;
mod error;
mod explain;
mod jaas;
mod kind;
#[cfg(test)]
mod markdown;
mod native_name;
mod origin;
mod partitioner_name;
mod placeholder;
mod producer;
mod resolution;
mod resolved;
mod rules;
mod sasl;
mod serialize;
mod serializer_name;
mod server;
mod setting;
mod source;
mod stranger;
mod tls;
mod typed;
mod value;

use client::ClientConfig;
use client_methods::client_methods;
pub use error::{ConfigError, Problem, Warning};
pub use explain::{Explanation, Row};
use kind::ClientKind;
pub use origin::Origin;
pub use partitioner_name::PartitionerName;
pub use producer::ProducerConfig;
pub(crate) use resolved::Resolved;
#[cfg(feature = "schema-registry")]
pub(crate) use setting::schema_registry_setting;
pub use setting::{Becomes, Setting, schema_registry_settings, settings};
pub use source::{Format, HostSetting, host_settings};
pub use typed::{Acks, Compression, SaslMechanism, SecurityProtocol};
pub use value::{Range, Type, Unit};

/// What is printed in place of a secret.
pub const HIDDEN: &str = "[hidden]";

/// Whether the value of a setting is a secret.
fn is_secret(name: &str) -> bool {
    match (ClientKind::setting_of_any(name), name.strip_prefix("librdkafka.")) {
        (Some(setting), _) => setting.is_secret(),
        (None, Some(property)) => native_name::is_secret(property),
        (None, None) => true,
    }
}

/// A value as it may be printed. A registry's URL may have a password in it.
fn redacted<'a>(name: &str, value: &'a str) -> &'a str {
    if is_secret(name) || (name == "schema.registry.url" && value.contains('@')) { HIDDEN } else { value }
}

#[cfg(test)]
mod tests;
