//! The cluster as its brokers describe it.

use std::{
    ffi::c_int,
    time::{Duration, Instant},
};

use rdkafka_sys as sys;

use super::{admin::AdminAnswer, client::Client, code, ffi, metadata::array, settings::milliseconds};

/// The cluster's brokers, copied out of librdkafka.
#[derive(Debug)]
pub(crate) struct ClusterDescription {
    /// Empty if the broker did not say.
    pub(crate) id: String,
    pub(crate) controller: Option<i32>,
    pub(crate) nodes: Vec<Node>,
}

/// One broker.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) id: i32,
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Empty if it has none.
    pub(crate) rack: String,
}

impl Client {
    /// Asks a broker for the cluster's; blocks for `timeout` at most, an hour at the longest. The code is librdkafka's.
    ///
    /// In librdkafka this is a metadata request, as an admin client makes it: `rd_kafka_metadata` has no racks. It ends the process if the
    /// answer has no id of the cluster (`rd_kafka_ClusterDescription_new` copies a null pointer), as those of brokers before 0.10.1 and of some
    /// that are not Kafka: these are not asked.
    pub(crate) fn describe_cluster(&self, timeout: Duration) -> Result<ClusterDescription, i32> {
        let begun = Instant::now();
        if !self.has_cluster_id(timeout) {
            return Err(if begun.elapsed() < timeout { code::UNSUPPORTED_FEATURE } else { code::TIMED_OUT });
        }
        let timeout = timeout.saturating_sub(begun.elapsed());
        let operation = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECLUSTER;
        let answer = self.admin_request(operation, timeout, |client, options, queue| {
            // SAFETY: all three are alive during the call.
            unsafe { sys::rd_kafka_DescribeCluster(client, options, queue) };
        })?;
        // SAFETY: the answer is one to this operation.
        unsafe { copy(&answer) }.ok_or(code::TIMED_OUT)
    }
}

impl Client {
    /// Whether the brokers' first answer has told an id of the cluster; waits for it for `timeout` at most.
    fn has_cluster_id(&self, timeout: Duration) -> bool {
        // SAFETY: the client is alive.
        let id = unsafe { sys::rd_kafka_clusterid(self.handle(), milliseconds(timeout)) };
        if id.is_null() {
            return false;
        }
        // SAFETY: librdkafka has allocated it for the caller, who does not use it again.
        unsafe { sys::rd_kafka_mem_free(self.handle(), id.cast()) };
        true
    }
}

/// # Safety
/// The answer is one without an error.
unsafe fn copy(answer: &AdminAnswer) -> Option<ClusterDescription> {
    // SAFETY: the event is alive; null if it is one of another kind.
    let result = unsafe { sys::rd_kafka_event_DescribeCluster_result(answer.event()) };
    if result.is_null() {
        return None;
    }
    let mut count = 0;
    // SAFETY: the result lives as long as its event, and so do the nodes.
    let nodes = unsafe { sys::rd_kafka_DescribeCluster_result_nodes(result, &raw mut count) };
    // SAFETY: so many nodes stand there.
    let nodes = unsafe { array(nodes.cast_const(), c_int::try_from(count).unwrap_or(c_int::MAX)) };
    // SAFETY: as above; null if the broker did not say.
    let controller = unsafe { sys::rd_kafka_DescribeCluster_result_controller(result) };
    // SAFETY: as above.
    let id = unsafe { sys::rd_kafka_DescribeCluster_result_cluster_id(result) };
    // SAFETY: nodes of this result.
    let nodes: Vec<_> = nodes.iter().map(|&node| unsafe { copy_node(node) }).collect();
    // SAFETY: not null, and a node of this result.
    let controller = (!controller.is_null()).then(|| unsafe { sys::rd_kafka_Node_id(controller) });
    Some(ClusterDescription {
        // SAFETY: null, or a text that lives as long as the event.
        id: unsafe { ffi::text(id) },
        controller: controller.filter(|controller| nodes.iter().any(|node| node.id == *controller)),
        nodes,
    })
}

/// # Safety
/// The node is alive during the call.
unsafe fn copy_node(node: *const sys::rd_kafka_Node_t) -> Node {
    // SAFETY: the caller vouches for the node, here and below.
    let id: c_int = unsafe { sys::rd_kafka_Node_id(node) };
    // SAFETY: as above.
    let host = unsafe { sys::rd_kafka_Node_host(node) };
    // SAFETY: as above.
    let port = unsafe { sys::rd_kafka_Node_port(node) };
    // SAFETY: as above.
    let rack = unsafe { sys::rd_kafka_Node_rack(node) };
    // SAFETY: null, or a text that lives as long as the node.
    let host = unsafe { ffi::text(host) };
    // SAFETY: as above.
    let rack = unsafe { ffi::text(rack) };
    Node { id, host, port, rack }
}
