//! Serializers and deserializers whose schemas stand in a registry with Confluent's API (feature `schema-registry`).
//!
//! A [`SchemaRegistry`] is made of [settings by Confluent's names](crate::config::schema_registry_settings) and given to the serializers. The first record
//! of a topic has its schema looked up or registered, in Java's order: `auto.register.schemas`, `use.schema.id`, `use.latest.version`, what
//! is registered already. [`Producer::send`](crate::Producer::send) returns at once all the same: the record waits for the answer within `max.block.ms`, the
//! topic's later records behind it, and no thread is blocked. From then on the id is known, and records are written as by any other serializer,
//! whether the registry lives or not.
//!
//! A record says which schema wrote it: in front of its bytes, or in a header ([`SchemaIdLocation`]). Null has no schema and no frame.
//!
//! # The client
//! The registry is asked by the few requests in [`SchemaRegistry`], over `ureq`. Three crates have a whole client, under Apache-2.0 or MIT as
//! this one, each kept up by one person (the first two were worked on in the summer of 2026). None of them fits:
//! - `schema-registry-client` 0.4 is the most complete: by the author of Confluent's own, with normalization, references, GUIDs, several URLs
//!   and retries. But all of its formats come with it, on a tokio runtime with several threads: `reqwest`, `jsonschema`, an older
//!   `prost`, `tink-core`, 30 direct dependencies. Requests for the same at the same time are each made.
//! - `schema_registry_converter` 6 needs Rust 1.88, newer than this crate does. It has Avro, Protobuf and JSON Schema on `reqwest`,
//!   asynchronous or blocking, without normalization, GUIDs or header ids; it takes part in choosing the schema for each record.
//! - `schemreg` 0.6 is the tidiest, joins requests, and needs Rust 1.88 too; it has one URL, trusts its own list of CAs only, and has neither
//!   client certificates nor the order in which Java finds a schema.
//!
//! What is left after caches, single requests, retries and the order of resolution is seven requests of JSON; they need no runtime.

mod answer;
mod avro;
mod cache;
mod choices;
mod client;
mod config;
mod error;
mod frame;
mod http;
#[cfg(feature = "json-schema")]
mod json_schema;
mod mismatch;
#[cfg(feature = "protobuf")]
mod protobuf;
mod readers;
mod schema;
mod subject;
mod workers;
mod writers;
mod zigzag;

pub use answer::Answer;
/// The crate whose schemas and values [`Avro`] and [`GenericAvro`] take, in the version that they take.
pub use apache_avro;
pub use avro::{Avro, AvroError, GenericAvro};
pub use client::{Compatibility, SchemaRegistry};
pub use config::SchemaRegistryConfig;
pub use error::{RegistryError, RegistryErrorKind};
pub use frame::{FrameError, SchemaIdLocation, WireId};
#[cfg(feature = "json-schema")]
pub use json_schema::{JsonSchema, JsonSchemaError};
pub use mismatch::SchemaMismatch;
#[cfg(feature = "protobuf")]
pub use protobuf::{Protobuf, ProtobufError, compile_proto, prost_reflect};
pub use schema::{RegisteredSchema, Schema, SchemaReference, SchemaType};
pub use subject::{StrategyName, SubjectNameStrategy};
/// A GUID of a schema.
pub use uuid::Uuid;

pub(crate) use choices::choices;
