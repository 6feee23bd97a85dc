//! [`Load`]: what is sent, and by whom.

use crate::client;

/// What a client is asked to do; the names on its command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workload {
    Throughput,
    LatencyClosed,
    LatencyOpen,
    Flush,
    Transactions,
    Idle,
}

impl Workload {
    pub fn name(self) -> &'static str {
        match self {
            Self::Throughput => "throughput",
            Self::LatencyClosed => "latency-closed",
            Self::LatencyOpen => "latency-open",
            Self::Flush => "flush",
            Self::Transactions => "transactions",
            Self::Idle => "idle",
        }
    }
}

/// One load of the benchmark.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    pub name: &'static str,
    pub title: &'static str,
    pub workload: Workload,
    /// Bytes of a value.
    pub size: usize,
    pub lz4: bool,
    pub keyed: bool,
    pub topics: usize,
    /// Of each topic.
    pub partitions: usize,
    pub linger_ms: u64,
    /// Records in flight at most, of the clients that await every future, and of franz-go.
    pub window: usize,
    /// `batch.size`, in bytes.
    pub batch_bytes: usize,
    pub records: usize,
    /// Records per transaction, if the load has transactions.
    pub transaction_records: usize,
    /// Of `records`, the first that no latency is taken of.
    pub warm_up: usize,
    pub clients: &'static [&'static str],
}

/// Records in flight at most unless a load says otherwise: the clients' own default.
pub const WINDOW: usize = 10_000;

/// `batch.size` unless a load says otherwise: the clients' own default.
pub const BATCH_BYTES: usize = 1_000_000;

/// Records a second of `latency-open-20k`.
pub const OPEN_RATE: u64 = 20_000;

const MAIN: Load = Load {
    name: "100B-none-6p",
    title: "100 bytes, no compression, 6 partitions",
    workload: Workload::Throughput,
    size: 100,
    lz4: false,
    keyed: true,
    topics: 1,
    partitions: 6,
    linger_ms: 5,
    window: WINDOW,
    batch_bytes: BATCH_BYTES,
    records: 2_000_000,
    transaction_records: 100,
    warm_up: 0,
    clients: &client::CLIENTS,
};

const SECONDARY: Load = Load { clients: &client::SECONDARY, ..MAIN };

const TRANSACTIONS: Load = Load {
    name: "transactions-100",
    title: "transactions of 100 records of 100 bytes, linger 5 ms; the latency is that of a commit",
    workload: Workload::Transactions,
    records: 11_000,
    warm_up: 1_000,
    clients: &client::TRANSACTIONS,
    ..MAIN
};

/// Every load, in the order of the tables.
pub const LOADS: [Load; 18] = [
    MAIN,
    Load {
        name: "100B-none-6p-100k",
        title: "100 bytes, no compression, 6 partitions, 100,000 in flight",
        window: 100_000,
        ..SECONDARY
    },
    Load {
        name: "100B-none-6p-16k-batches",
        title: "100 bytes, no compression, 6 partitions, 100,000 in flight, batch.size=16384 (Java's default)",
        window: 100_000,
        batch_bytes: 16_384,
        clients: &client::BATCHES,
        ..MAIN
    },
    Load {
        name: "100B-none-6p-128k-batches",
        title: "100 bytes, no compression, 6 partitions, 100,000 in flight, batch.size=131072",
        window: 100_000,
        batch_bytes: 131_072,
        clients: &client::BATCHES,
        ..MAIN
    },
    Load { name: "1KiB-none-6p", title: "1 KiB, no compression, 6 partitions", size: 1024, records: 500_000, ..MAIN },
    Load { name: "100B-lz4-6p", title: "100 bytes, lz4, 6 partitions", lz4: true, records: 1_000_000, ..SECONDARY },
    Load { name: "1KiB-lz4-6p", title: "1 KiB, lz4, 6 partitions", size: 1024, lz4: true, records: 500_000, ..MAIN },
    Load {
        name: "100B-none-60p",
        title: "100 bytes, no compression, 60 partitions",
        partitions: 60,
        records: 1_000_000,
        ..SECONDARY
    },
    Load {
        name: "100B-none-600p",
        title: "100 bytes, no compression, 600 partitions",
        partitions: 600,
        records: 200_000,
        ..SECONDARY
    },
    Load {
        name: "100B-none-keyless",
        title: "100 bytes without a key, no compression, 6 partitions",
        keyed: false,
        records: 1_000_000,
        ..SECONDARY
    },
    Load {
        name: "100B-none-100t",
        title: "100 bytes, no compression, 100 topics of 1 partition",
        topics: 100,
        records: 1_000_000,
        partitions: 1,
        ..SECONDARY
    },
    Load {
        name: "100B-none-1000t",
        title: "100 bytes, no compression, 1,000 topics of 1 partition",
        topics: 1000,
        records: 200_000,
        partitions: 1,
        ..SECONDARY
    },
    Load {
        name: "latency-closed",
        title: "latency of one 100-byte record after the other, linger 0",
        workload: Workload::LatencyClosed,
        linger_ms: 0,
        records: 6_000,
        warm_up: 1_000,
        clients: &client::LATENCY,
        ..MAIN
    },
    Load {
        name: "latency-open-20k",
        title: "latency of 100-byte records at 20,000 a second, from the time each is due, linger 5 ms",
        workload: Workload::LatencyOpen,
        records: 100_000,
        warm_up: 20_000,
        clients: &client::SECONDARY,
        ..MAIN
    },
    Load {
        name: "flush",
        title: "one 100-byte record and a flush, linger 5 ms",
        workload: Workload::Flush,
        records: 110,
        warm_up: 10,
        clients: &client::FLUSH,
        ..MAIN
    },
    TRANSACTIONS,
    Load {
        name: "transactions-1000",
        title: "transactions of 1,000 records of 100 bytes, linger 5 ms; the latency is that of a commit",
        transaction_records: 1_000,
        records: 110_000,
        warm_up: 10_000,
        ..TRANSACTIONS
    },
    Load {
        name: "idle-100",
        title: "100 producers in a process; each has sent one record and then sends nothing",
        workload: Workload::Idle,
        records: 100,
        clients: &client::IDLE,
        ..MAIN
    },
];

/// The loads of a quick run.
pub const QUICK: [&str; 3] = ["100B-none-6p", "1KiB-none-6p", "latency-closed"];

impl Load {
    pub fn named(name: &str) -> Option<Self> {
        LOADS.into_iter().find(|load| load.name == name)
    }

    /// How many records a run of a client sends if the command line says `records`, or nothing. That sets only what throughput is taken of.
    pub fn records(&self, client: &str, records: Option<usize>) -> usize {
        match self.workload {
            Workload::Throughput => records.unwrap_or(self.records).min(self.at_most(client)),
            _ => self.records,
        }
    }

    /// How many records a client is given at most, since it would take minutes for more.
    pub fn at_most(&self, client: &str) -> usize {
        if client == client::SLOW_OVER_MANY && self.topics * self.partitions > 6 { 25_000 } else { usize::MAX }
    }

    /// How many offsets the transaction markers of so many records take: one per transaction and partition.
    pub fn markers(&self, records: usize) -> usize {
        match self.workload {
            Workload::Transactions => records / self.transaction_records * self.partitions,
            _ => 0,
        }
    }

    /// True if so many partitions are made that it is done once, not for every run.
    pub fn keeps_topics(&self) -> bool {
        self.topics * self.partitions >= 100
    }
}
