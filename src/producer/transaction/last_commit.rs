//! [`LastCommit`]: whether the coordinator may still be completing the previous transaction.
//!
//! A coordinator answers a commit before its markers are in the log. Until they are, it refuses the partitions of the next transaction
//! (`CONCURRENT_TRANSACTIONS`), and librdkafka asks again. An abort in between is a mistake of librdkafka (its issue 4849): it asks the
//! coordinator to abort a transaction that the coordinator does not know, and the answer, `INVALID_TXN_STATE`, is fatal for the producer.
//! So such an abort waits until one of the transaction's records is acknowledged, which proves that the coordinator knows the transaction.

use std::time::{Duration, Instant};

use crate::native::Client;

/// How long a coordinator may take to complete a commit. Usually it takes milliseconds.
const COMPLETION: Duration = Duration::from_secs(10);

/// The last commit of a producer.
#[derive(Debug, Clone, Copy)]
pub(super) struct LastCommit {
    at: Instant,
    /// The producer's acknowledged records until then. No record was outstanding.
    acknowledged: u64,
}

impl LastCommit {
    /// A commit that has just succeeded.
    pub(super) fn now(client: &Client) -> Self {
        Self { at: Instant::now(), acknowledged: acknowledged(client) }
    }

    /// Whether the coordinator may not know the open transaction yet: the commit was just now, and no record since is acknowledged.
    pub(super) fn may_be_incomplete(&self, client: &Client) -> bool {
        self.at.elapsed() < COMPLETION && self.acknowledged == acknowledged(client)
    }
}

fn acknowledged(client: &Client) -> u64 {
    client.topics().iter().map(|topic| topic.counts().read().acknowledged).sum()
}
