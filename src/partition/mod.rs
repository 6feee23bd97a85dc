//! Partitioners: the Java client's choice of a partition, exactly, or a custom one.

mod built_in;
#[cfg(test)]
#[path = "../../tests/it/java_keys.rs"]
mod java_keys;
mod load;
mod murmur2;
mod partitioner;
mod queues;
mod rack;
#[cfg(test)]
mod rack_aware_tests;
mod round_robin;
mod uniform_sticky;

use std::num::NonZeroU32;

pub use murmur2::{murmur2, partition_for};
pub use partitioner::{PartitionContext, Partitioner};
pub use round_robin::RoundRobin;

pub(crate) use built_in::BuiltIn;
pub(crate) use queues::Queues;
pub(crate) use rack::{Rack, RackLeaders};
pub(crate) use uniform_sticky::UniformSticky;

/// The input for the choice of a partition.
#[derive(Debug)]
pub(crate) struct Placing<'a> {
    /// The serialized key, `None` for null.
    pub(crate) key: Option<&'a [u8]>,
    /// The size of key, value and headers, in bytes.
    pub(crate) size: usize,
    /// The record's size in its partition's queue: the size of key and value in bytes, plus one.
    pub(crate) queued_size: usize,
    /// The number of partitions of the topic.
    pub(crate) partitions: NonZeroU32,
}
