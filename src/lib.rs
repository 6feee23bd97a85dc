//! Kafka producing for Rust.

pub mod config;
mod error;
mod native;
pub mod record;
pub mod serialize;
#[cfg(feature = "testing")]
pub mod testing;

pub use config::ProducerConfig;
pub use error::{Error, ErrorKind, Persistence};
pub use record::{Header, Headers, ProducerRecord};
pub use serialize::{Deserializer, Serializer};

/// The result of what ottla does.
pub type Result<T, E = Error> = std::result::Result<T, E>;
