//! Which partition a record goes to: the Java client's choice, byte for byte.

mod murmur2;
mod round_robin;

pub use murmur2::{murmur2, partition_for};
pub use round_robin::RoundRobin;
