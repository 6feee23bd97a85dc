//! [`outage`]: whether it is the schema registry that keeps a value from being written or read, and not the value.

use std::error::Error as StdError;

/// What is wrong with the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "schema-registry"), expect(dead_code, reason = "there is no registry that could fail"))]
pub(crate) enum Outage {
    /// It has been asked, and has not answered yet.
    Pending,
    /// It cannot be asked, or its answer is not one.
    Failed,
}

/// Whether the value may be as good as any: the registry is what failed.
#[cfg(feature = "schema-registry")]
pub(crate) fn outage(error: &(dyn StdError + 'static)) -> Option<Outage> {
    if error.is::<SchemaPending>() {
        return Some(Outage::Pending);
    }
    error.downcast_ref::<super::registry::RegistryError>().filter(|error| error.is_outage()).map(|_| Outage::Failed)
}

/// Whether the value may be as good as any: without schemas it never is.
#[cfg(not(feature = "schema-registry"))]
pub(crate) fn outage(_: &(dyn StdError + 'static)) -> Option<Outage> {
    None
}

/// The registry has not answered within the time that one record may take. The lookup goes on.
#[cfg(feature = "schema-registry")]
#[derive(Debug, thiserror::Error)]
#[error("{0}: the schema registry has not answered yet")]
pub(crate) struct SchemaPending(String);

#[cfg(feature = "schema-registry")]
impl SchemaPending {
    /// `asked` is what it was asked for.
    pub(crate) fn new(asked: String) -> Self {
        Self(asked)
    }
}
