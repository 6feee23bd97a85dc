//! For tests: [`EmbeddedRegistry`], a schema registry inside the process that can be told to fail (feature `testing`).

mod embedded_registry;
mod registry_store;

pub use embedded_registry::{EmbeddedRegistry, RegistryFault};
