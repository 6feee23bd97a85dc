//! [`outage`]: whether it is the schema registry that keeps a value from being written or read, and not the value.

use std::error::Error as StdError;

/// Whether the value may be as good as any: the registry is what failed.
#[cfg(feature = "schema-registry")]
pub(crate) fn outage(error: &(dyn StdError + 'static)) -> bool {
    error.downcast_ref::<super::registry::RegistryError>().is_some_and(super::registry::RegistryError::is_outage)
}

/// Whether the value may be as good as any: without schemas it never is.
#[cfg(not(feature = "schema-registry"))]
pub(crate) fn outage(_: &(dyn StdError + 'static)) -> bool {
    false
}
