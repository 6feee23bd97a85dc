//! Which partition a record goes to: the Java client's choice, byte for byte, or one of one's own.

mod built_in;
#[cfg(test)]
#[path = "../../tests/it/java_keys.rs"]
mod java_keys;
mod load;
mod murmur2;
mod partitioner;
mod queues;
mod round_robin;
mod uniform_sticky;

use std::num::NonZeroU32;

pub use murmur2::{murmur2, partition_for};
pub use partitioner::{PartitionContext, Partitioner};
pub use round_robin::RoundRobin;

pub(crate) use built_in::BuiltIn;
pub(crate) use queues::Queues;
pub(crate) use uniform_sticky::UniformSticky;

/// What a record's place is chosen from.
#[derive(Debug)]
pub(crate) struct Placing<'a> {
    /// The serialized key, `None` for null.
    pub(crate) key: Option<&'a [u8]>,
    /// The bytes of key, value and headers.
    pub(crate) size: usize,
    /// What it adds to its partition's queue: the bytes of key and value, and one.
    pub(crate) queued_size: usize,
    /// How many partitions the topic has.
    pub(crate) partitions: NonZeroU32,
}
