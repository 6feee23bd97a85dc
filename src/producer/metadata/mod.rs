//! Metadata: what the brokers report of topics, partitions and the cluster, and records whose topic or partition librdkafka does not know yet.

pub(super) mod absence;
pub(super) mod cluster;
pub(super) mod partitions;
pub(super) mod producer_id;
pub(super) mod refresh;
mod topic_limit;
