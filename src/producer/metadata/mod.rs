//! Metadata: what the brokers report of topics, partitions and the cluster, and records whose topic or partition librdkafka does not know yet.

pub(super) mod absence;
pub(super) mod cluster;
pub(super) mod new_topic;
mod opening;
pub(super) mod partitions;
pub(super) mod producer_id;
pub(super) mod racks;
pub(super) mod refresh;
mod topic_admin;
pub(super) mod topic_config;

use std::time::Duration;

use absence::Absent;
use producer_id::ProducerId;
use refresh::Refresh;

use crate::producer::admission::deferrals::Deferrals;

/// The state of requests for metadata, shared by the handles and the delivery thread.
pub(super) struct MetadataState {
    /// The records that wait for their topic or partition. They also count as engaged in `deferrals`.
    pub(super) absent: Deferrals<Absent>,
    pub(super) refresh: Refresh,
    pub(super) producer_id: ProducerId,
}

impl MetadataState {
    pub(super) fn new(max_block: Duration) -> Self {
        Self {
            absent: Deferrals::new(max_block),
            refresh: Refresh::new(Duration::from_millis(100), Duration::from_secs(1), None),
            producer_id: ProducerId::new(false),
        }
    }
}
