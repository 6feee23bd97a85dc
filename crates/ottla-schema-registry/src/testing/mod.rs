//! For tests: [`EmbeddedRegistry`], a schema registry inside the process, with injected faults (feature `testing`).

mod embedded_registry;
mod registry_store;

pub use embedded_registry::{EmbeddedRegistry, RegistryFault};
