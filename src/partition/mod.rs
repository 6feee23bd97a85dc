//! Which partition a record goes to: the Java client's choice, byte for byte.

mod built_in;
mod murmur2;
mod round_robin;

use std::num::NonZeroU32;

pub use murmur2::{murmur2, partition_for};
pub use round_robin::RoundRobin;

pub(crate) use built_in::BuiltIn;

/// What a record's place is chosen from.
#[derive(Debug)]
pub(crate) struct Placing<'a> {
    /// The serialized key, `None` for null.
    pub(crate) key: Option<&'a [u8]>,
    /// The bytes of key, value and headers.
    pub(crate) size: usize,
    /// How many partitions the topic has.
    pub(crate) partitions: NonZeroU32,
}
