//! [`PartitionerName`]: the partitioners that can be selected by name.

use std::{fmt, str::FromStr};

/// A partitioner selected by name: Java's class name with or without its package, or librdkafka's name.
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
    /// Java's default: murmur2 of the key, or KIP-794 without a key. `DefaultPartitioner` of older Java clients selects it too.
    BuiltIn,
    /// `RoundRobinPartitioner`: each available partition in turn, ignoring keys.
    RoundRobin,
    /// `UniformStickyPartitioner`, which Java had until Kafka 4.0: stays on one partition until its batch is complete, ignoring
    /// keys (KIP-480).
    UniformSticky,
    /// A partitioner of librdkafka.
    Native(&'static str),
}

const JAVA_PARTITIONERS: &[&str] = &["org.apache.kafka.clients.producer.internals.", "org.apache.kafka.clients.producer."];
const NATIVE_PARTITIONERS: &[&str] =
    &["random", "consistent", "consistent_random", "murmur2", "murmur2_random", "fnv1a", "fnv1a_random"];

/// The class name without its package, if the package is one of `packages` or missing.
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

    /// Parses a partitioner's name. The error lists the alternatives.
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

/// The error for an unknown partitioner name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownPartitioner(String);

impl UnknownPartitioner {
    /// The message without the name.
    fn reason() -> String {
        format!(
            "is not a known partitioner; must be RoundRobinPartitioner, UniformStickyPartitioner, DefaultPartitioner or one of \
             librdkafka's {}; pass a partitioner of your own to the producer's builder",
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

/// The check for `partitioner.class`.
pub(crate) fn check(name: &str) -> Result<(), String> {
    name.parse::<PartitionerName>().map(|_| ()).map_err(|_| UnknownPartitioner::reason())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitioners_are_parsed_by_class_and_name() {
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
