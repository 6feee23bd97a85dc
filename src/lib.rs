//! Kafka producing for Rust.

pub mod config;
mod delivery;
mod error;
mod intercept;
mod native;
mod panic;
pub mod partition;
pub mod producer;
pub mod record;
pub mod serialize;
#[cfg(feature = "testing")]
pub mod testing;

pub use config::ProducerConfig;
pub use delivery::{Delivery, RecordMetadata, Report};
pub use error::{Error, ErrorKind, Persistence};
pub use intercept::{Acknowledgement, Interceptor};
pub use producer::{Producer, ProducerBuilder};
pub use record::{Header, Headers, ProducerRecord};
pub use serialize::{Deserializer, Serializer};

/// The version of the librdkafka that is linked, such as `2.12.1`.
pub fn librdkafka_version() -> String {
    native::library_version()
}

/// The result of what ottla does.
pub type Result<T, E = Error> = std::result::Result<T, E>;
