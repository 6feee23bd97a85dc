//! The clients, by name.

/// Every client, in the order of the tables.
pub const CLIENTS: [&str; 13] = [
    "ottla-future",
    NOISE,
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

/// The program of [`OURS`] once more: its ratio to itself is the noise of the machine.
pub const NOISE: &str = "ottla-future-again";

/// The clients that the fixed list of ratios names, first the noise.
pub const RIVALS: [&str; 5] = [NOISE, "c-loop", "rdkafka-future", "confluent-kafka-rust", "franz-go"];

/// The clients of a quick run.
pub const QUICK: [&str; 5] = ["ottla-future", NOISE, "c-loop", "rdkafka-future", "franz-go"];

/// The clients of the secondary loads: what is no rival of ours is left out of these, so that a benchmark ends in time.
pub const SECONDARY: [&str; 7] =
    ["ottla-future", NOISE, "ottla-future-glibc", "c-loop", "rdkafka-future", "confluent-kafka-rust", "franz-go"];

/// The client that sends a few thousand records a second over tens of partitions or more: there it is given fewer.
pub const SLOW_OVER_MANY: &str = "confluent-kafka-rust";

/// The clients that await or see single reports, for latencies.
pub const LATENCY: [&str; 8] =
    ["ottla-future", NOISE, "ottla-future-glibc", "c-loop", "rdkafka-future", "confluent-kafka-rust", "franz-go", "java"];

/// The clients of the loads with smaller batches: what a batch holds is librdkafka's matter, so that one loop on it says how much is ours.
pub const BATCHES: [&str; 3] = ["ottla-future", NOISE, "c-loop"];

/// The clients that flush a single record.
pub const FLUSH: [&str; 7] = ["ottla-future", NOISE, "c-loop", "rdkafka-future", "confluent-kafka-rust", "franz-go", "java"];

/// The clients with transactions.
pub const TRANSACTIONS: [&str; 6] = ["ottla-future", NOISE, "rdkafka-future", "confluent-kafka-rust", "franz-go", "java"];

/// The clients that build many producers in a process.
pub const IDLE: [&str; 4] = ["ottla-future", NOISE, "rdkafka-future", "java"];

/// The program of a client.
pub fn program(client: &str) -> &str {
    if client == NOISE { OURS } else { client }
}

/// Not a peer: one of ours.
pub fn is_ours(client: &str) -> bool {
    client.starts_with("ottla")
}
