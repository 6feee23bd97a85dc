//! [`outage`]: whether an error comes from the schema registry, not from the value.

use std::error::Error as StdError;

/// Why the schema registry has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "schema-registry"), expect(dead_code, reason = "there is no registry that could fail"))]
pub(crate) enum Outage {
    /// It has not answered yet.
    Pending,
    /// It is unreachable, or its answer is invalid.
    Failed,
}

/// Whether the registry failed, so that the error says nothing about the value.
#[cfg(feature = "schema-registry")]
pub(crate) fn outage(error: &(dyn StdError + 'static)) -> Option<Outage> {
    if error.is::<SchemaPending>() {
        return Some(Outage::Pending);
    }
    error.downcast_ref::<super::registry::RegistryError>().filter(|error| error.is_outage()).map(|_| Outage::Failed)
}

/// Without schemas an error is always about the value.
#[cfg(not(feature = "schema-registry"))]
pub(crate) fn outage(_: &(dyn StdError + 'static)) -> Option<Outage> {
    None
}

/// The registry has not answered within the time limit of one record. The lookup continues.
#[cfg(feature = "schema-registry")]
#[derive(Debug, thiserror::Error)]
#[error("{0}: the schema registry has not answered yet")]
pub(crate) struct SchemaPending(String);

#[cfg(feature = "schema-registry")]
impl SchemaPending {
    /// `asked` is what was looked up.
    pub(crate) fn new(asked: String) -> Self {
        Self(asked)
    }
}
