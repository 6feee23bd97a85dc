//! Avro, Protobuf and JSON Schema for the clients of [`ottla`], with the schemas in a registry that has Confluent's API.
//!
//! ```
//! # #[cfg(feature = "testing")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use ottla::{Producer, ProducerConfig};
//! use ottla_schema_registry::{Avro, SchemaRegistry, SchemaRegistryConfig, apache_avro};
//!
//! #[derive(serde::Serialize, apache_avro::AvroSchema)]
//! struct Order {
//!     id: String,
//!     quantity: i32,
//! }
//!
//! let config = ProducerConfig::new()
//!     .set("bootstrap.servers", "localhost:9092")?
//!     .set("schema.registry.url", "http://localhost:8081")?;
//! let registry = SchemaRegistry::new(&SchemaRegistryConfig::from_producer(&config))?;
//! let producer: Producer<str, Order> = Producer::builder(config).value_serializer(Avro::<Order>::new(&registry)).build()?;
//! # drop(producer);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "testing"))]
//! # fn main() {}
//! ```
//!
//! # Features
//! | Feature | Contents |
//! |---|---|
//! | `avro` (default) | `Avro` and `GenericAvro` |
//! | `protobuf` | `Protobuf` |
//! | `json-schema` | `JsonSchema` |
//! | `testing` | `testing::EmbeddedRegistry`, an in-process registry |
//!
//! # How schemas are found
//! Build a [`SchemaRegistry`] from [settings with Confluent's names](ottla::config::schema_registry_settings) and pass it to the serializers.
//! The first record of a topic looks its schema up or registers it, in Java's order: `auto.register.schemas`, `use.schema.id`,
//! `use.latest.version`, the schema that is already registered. [`Producer::send`](ottla::Producer::send) does not wait for the registry: the
//! record waits for the response for up to `max.block.ms`, the topic's later records wait behind it, and no thread is blocked. Afterwards the id
//! is cached, and the registry may go offline.
//!
//! A record carries the id of its schema in front of its bytes or in a header ([`SchemaIdLocation`]). Null has no schema and no id.
//!
//! # Alternatives
//! [`SchemaRegistry`] sends its few requests with `ureq`. Three crates have a complete client, licensed under Apache-2.0 or MIT like this one.
//! Each has one maintainer; the first two were active in the summer of 2026. None of them fits:
//! - `schema-registry-client` 0.4, by the author of Confluent's own clients, is the most complete: normalization, references, GUIDs, several URLs,
//!   retries. It always includes all formats on a multi-threaded tokio runtime: `reqwest`, `jsonschema`, an older `prost`, `tink-core`, 30 direct
//!   dependencies. It sends concurrent requests for the same schema separately.
//! - `schema_registry_converter` 6 requires Rust 1.88, newer than this crate does. It supports Avro, Protobuf and JSON Schema on `reqwest`,
//!   asynchronous or blocking, without normalization, GUIDs or header ids. It takes part in choosing the schema for each record.
//! - `schemreg` 0.6 has the smallest design and joins concurrent requests. It also requires Rust 1.88, supports one URL, trusts only its own
//!   list of CAs, and has neither client certificates nor Java's lookup order.
//!
//! Besides caches, joined requests, retries and the lookup order, a client only needs seven JSON requests, which need no runtime.

#[cfg(feature = "avro")]
mod avro;
mod block_on;
mod cache;
mod client;
mod config;
mod deserializer_cache;
#[cfg(doctest)]
mod documentation;
mod error;
mod http;
#[cfg(feature = "json-schema")]
mod json_schema;
mod lookup_options;
mod mismatch;
mod panic;
#[cfg(feature = "protobuf")]
mod protobuf;
mod response;
mod schema;
mod secret;
mod serializer_cache;
mod subject;
#[cfg(feature = "testing")]
pub mod testing;
mod thread_pool;
mod wire_format;
mod zigzag;

/// The version of the crate `apache_avro` whose schemas and values [`Avro`] and [`GenericAvro`] accept.
#[cfg(feature = "avro")]
pub use apache_avro;
#[cfg(feature = "avro")]
pub use avro::{Avro, AvroError, GenericAvro};
pub use client::{Compatibility, SchemaRegistry};
pub use config::SchemaRegistryConfig;
pub use error::{RegistryError, RegistryErrorKind};
#[cfg(feature = "json-schema")]
pub use json_schema::{JsonSchema, JsonSchemaError};
pub use mismatch::SchemaMismatch;
#[cfg(feature = "protobuf")]
pub use protobuf::{Protobuf, ProtobufError, compile_proto, prost_reflect};
pub use response::ResponseFuture;
pub use schema::{RegisteredSchema, Schema, SchemaReference, SchemaType};
pub use subject::{StrategyName, SubjectNameStrategy, UnknownStrategy};
/// The GUID of a schema.
pub use uuid::Uuid;
pub use wire_format::{SchemaIdLocation, WireFormatError, WireId};

pub(crate) use lookup_options::lookup_options;
