//! The check for `key.serializer` and `value.serializer`.

use crate::serialize::{SerializerName, UnknownSerializer};

/// The error does not show the name.
pub(crate) fn check(name: &str) -> Result<(), String> {
    name.parse::<SerializerName>().map(drop).map_err(|_| UnknownSerializer::reason())
}
