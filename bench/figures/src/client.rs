//! The clients, by name.

/// Every client, in the order of the tables.
pub const CLIENTS: [&str; 12] = [
    "ottla-future",
    "ottla-future-glibc",
    "ottla-batch",
    "ottla-callback",
    "c-loop",
    "c-loop-jemalloc",
    "rdkafka-future",
    "rdkafka-threaded",
    "confluent-kafka-rust",
    "franz-go",
    "java",
    "confluent-kafka-python",
];

/// The client whose figures are the measure of the others: librdkafka in a plain loop.
pub const MEASURE: &str = "c-loop";

/// The client whose ratios docs/performance.md shows.
pub const OURS: &str = "ottla-future";

/// The peers that the fixed list of ratios names.
pub const RIVALS: [&str; 4] = ["c-loop", "rdkafka-future", "confluent-kafka-rust", "franz-go"];

/// The clients of a quick run.
pub const QUICK: [&str; 4] = ["ottla-future", "c-loop", "rdkafka-future", "franz-go"];

/// The clients of the secondary loads: what is no rival of ours is left out of these, so that a benchmark ends in time.
pub const SECONDARY: [&str; 6] =
    ["ottla-future", "ottla-future-glibc", "c-loop", "rdkafka-future", "confluent-kafka-rust", "franz-go"];

/// The client that sends a few thousand records a second over tens of partitions or more: there it is given fewer.
pub const SLOW_OVER_MANY: &str = "confluent-kafka-rust";

/// The clients that await or see single reports, for latencies.
pub const LATENCY: [&str; 7] =
    ["ottla-future", "ottla-future-glibc", "c-loop", "rdkafka-future", "confluent-kafka-rust", "franz-go", "java"];

/// The clients of the loads with smaller batches: what a batch holds is librdkafka's matter, so that one loop on it says how much is ours.
pub const BATCHES: [&str; 2] = ["ottla-future", "c-loop"];

/// The clients that flush a single record.
pub const FLUSH: [&str; 6] = ["ottla-future", "c-loop", "rdkafka-future", "confluent-kafka-rust", "franz-go", "java"];

/// Not a peer: one of ours.
pub fn is_ours(client: &str) -> bool {
    client.starts_with("ottla")
}
