//! The shared code of the clients in Rust: command line, records, measurement, and the line that they print.

mod commits;
mod idle;
mod latency;
mod outcome;
mod records;
mod schedule;

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

pub use commits::Commits;
pub use idle::idle;
pub use latency::Latencies;
pub use outcome::{Measuring, Outcome};
pub use records::Records;
pub use schedule::Schedule;

/// How many records a client that awaits every future keeps in flight; franz-go buffers as many, so that all of
/// these clients hold about the same. With ten times as many, the reports are no longer in a core's cache when they are awaited, which dominates the
/// figures.
pub const WINDOW: usize = 10_000;

/// `batch.size` of every client unless its command line says otherwise, in bytes.
pub const BATCH_BYTES: usize = 1_000_000;

/// What is sent and measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Workload {
    /// As many records as the client can send; every report is awaited.
    Throughput,
    /// One record at a time: the next is sent after its report.
    LatencyClosed,
    /// Records at a fixed rate, with latencies from the time at which each should have been sent.
    LatencyOpen,
    /// One record and a flush, the time of both.
    Flush,
    /// Transactions of `transaction_records` records; the time of each commit, and of `init_transactions`.
    Transactions,
    /// One producer per record, which sends it and then nothing.
    Idle,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Compression {
    None,
    Lz4,
}

impl Compression {
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Lz4 => "lz4",
        }
    }
}

/// The command line, the same for every client.
#[derive(Debug, Clone, Parser)]
pub struct Arguments {
    pub workload: Workload,
    #[arg(long, default_value = "localhost:9092")]
    pub bootstrap: String,
    /// The topic; with several, the start of their names: TOPIC-0, TOPIC-1 ..
    #[arg(long)]
    pub topic: String,
    /// Record i goes to topic i % TOPICS
    #[arg(long, default_value_t = 1)]
    pub topics: usize,
    #[arg(long, default_value_t = 1_000_000)]
    pub records: usize,
    /// The number of first RECORDS without a latency
    #[arg(long, default_value_t = 0)]
    pub warm_up: usize,
    /// Records per transaction, for transactions
    #[arg(long, default_value_t = 100)]
    pub transaction_records: usize,
    /// The size of the value, in bytes
    #[arg(long, default_value_t = 100)]
    pub size: usize,
    #[arg(long, value_enum, default_value = "none")]
    pub compression: Compression,
    /// The key is the record's number, 8 bytes, big-endian (the default)
    #[arg(long, overrides_with = "keyless")]
    pub keyed: bool,
    #[arg(long)]
    pub keyless: bool,
    /// Records a second, for latency-open
    #[arg(long, default_value_t = 20_000)]
    pub rate: u64,
    #[arg(long, default_value_t = 5)]
    pub linger_ms: u64,
    /// Records in flight at most, if every future is awaited
    #[arg(long, default_value_t = WINDOW, value_parser = window)]
    pub window: usize,
    /// `batch.size`, of the clients on librdkafka
    #[arg(long, default_value_t = BATCH_BYTES)]
    pub batch_bytes: usize,
    /// `buffer.memory`, in bytes, of ottla and Java [default: the client's]
    #[arg(long)]
    pub buffer_memory: Option<usize>,
    /// The file with the values
    #[arg(long)]
    pub values: PathBuf,
}

fn window(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at least one record must be in flight".to_owned()),
        Ok(window) => Ok(window),
        Err(error) => Err(format!("{error}")),
    }
}
