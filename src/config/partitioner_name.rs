//! [`PartitionerName`]: the names that choose a partitioner.

use std::{fmt, str::FromStr};

/// A partitioner chosen by name: Java's class name, its last part, or librdkafka's name.
///
/// ```
/// use ottla::config::PartitionerName;
///
/// assert_eq!("org.apache.kafka.clients.producer.RoundRobinPartitioner".parse(), Ok(PartitionerName::RoundRobin));
/// assert_eq!("consistent_random".parse(), Ok(PartitionerName::Native("consistent_random")));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PartitionerName {
    /// Java's own: murmur2 of the key, KIP-794 without one. `DefaultPartitioner` of older Java clients is this too.
    BuiltIn,
    /// `RoundRobinPartitioner`: one available partition after the other, whatever the key.
    RoundRobin,
    /// `UniformStickyPartitioner`, which Java had until Kafka 4.0: one partition until its batch is complete, whatever the key (KIP-480).
    UniformSticky,
    /// One of librdkafka's.
    Native(&'static str),
}

const JAVA_PARTITIONERS: &[&str] = &["org.apache.kafka.clients.producer.internals.", "org.apache.kafka.clients.producer."];
const NATIVE_PARTITIONERS: &[&str] =
    &["random", "consistent", "consistent_random", "murmur2", "murmur2_random", "fnv1a", "fnv1a_random"];

/// The last part of a class name, if the rest is one of `packages` or nothing.
fn simple<'a>(name: &'a str, packages: &[&str]) -> Option<&'a str> {
    let name = name.strip_prefix("class ").unwrap_or(name).trim();
    packages.iter().find_map(|package| name.strip_prefix(package)).or(Some(name)).filter(|name| !name.contains('.'))
}

impl fmt::Display for PartitionerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BuiltIn => "DefaultPartitioner",
            Self::RoundRobin => "RoundRobinPartitioner",
            Self::UniformSticky => "UniformStickyPartitioner",
            Self::Native(name) => name,
        })
    }
}

impl FromStr for PartitionerName {
    type Err = UnknownPartitioner;

    /// Gives the partitioner of a name; the error says what can be used instead.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match simple(name, JAVA_PARTITIONERS) {
            Some("DefaultPartitioner") => Ok(Self::BuiltIn),
            Some("RoundRobinPartitioner") => Ok(Self::RoundRobin),
            Some("UniformStickyPartitioner") => Ok(Self::UniformSticky),
            short => NATIVE_PARTITIONERS
                .iter()
                .find(|native| Some(**native) == short)
                .map(|native| Self::Native(native))
                .ok_or_else(|| UnknownPartitioner(name.to_owned())),
        }
    }
}

/// A name that is not the name of a partitioner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownPartitioner(String);

impl UnknownPartitioner {
    /// What is wrong with the name, without the name.
    fn reason() -> String {
        format!(
            "is no partitioner that can be chosen by name; known are RoundRobinPartitioner, UniformStickyPartitioner, \
             DefaultPartitioner and librdkafka's {}; \
             give a partitioner of your own to the producer's builder",
            NATIVE_PARTITIONERS.join(", ")
        )
    }
}

impl fmt::Display for UnknownPartitioner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.0, Self::reason())
    }
}

impl std::error::Error for UnknownPartitioner {}

/// The check of `partitioner.class`.
pub(crate) fn check(name: &str) -> Result<(), String> {
    name.parse::<PartitionerName>().map(|_| ()).map_err(|_| UnknownPartitioner::reason())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitioners() {
        for (name, wanted) in [
            ("org.apache.kafka.clients.producer.RoundRobinPartitioner", PartitionerName::RoundRobin),
            ("RoundRobinPartitioner", PartitionerName::RoundRobin),
            ("org.apache.kafka.clients.producer.internals.DefaultPartitioner", PartitionerName::BuiltIn),
            ("org.apache.kafka.clients.producer.UniformStickyPartitioner", PartitionerName::UniformSticky),
            ("UniformStickyPartitioner", PartitionerName::UniformSticky),
            ("fnv1a_random", PartitionerName::Native("fnv1a_random")),
        ] {
            assert_eq!(name.parse(), Ok(wanted));
            assert_eq!(wanted.to_string().parse(), Ok(wanted));
        }
        assert!("com.acme.RoundRobinPartitioner".parse::<PartitionerName>().unwrap_err().to_string().contains("murmur2_random"));
    }
}
