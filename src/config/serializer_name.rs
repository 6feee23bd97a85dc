//! The check of `key.serializer` and `value.serializer`.

use crate::serialize::{SerializerName, UnknownSerializer};

/// The error does not repeat the name.
pub(crate) fn check(name: &str) -> Result<(), String> {
    name.parse::<SerializerName>().map(drop).map_err(|_| UnknownSerializer::reason())
}
