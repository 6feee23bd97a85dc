//! The description of the cluster by its brokers.

use std::{
    ffi::c_int,
    ptr::NonNull,
    time::{Duration, Instant},
};

use rdkafka_sys as sys;

use super::{admin::Recipient, client::Client, code, event::Event, ffi, metadata::array, settings::milliseconds};

/// The brokers of the cluster, copied from librdkafka.
#[derive(Debug)]
pub(crate) struct ClusterDescription {
    /// Empty if the broker did not return it.
    pub(crate) id: String,
    pub(crate) controller: Option<i32>,
    pub(crate) nodes: Vec<Node>,
}

/// A broker.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) id: i32,
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Empty for none.
    pub(crate) rack: String,
}

impl Client {
    /// Requests the cluster's description from a broker. Blocks for `timeout` at most (an hour at most). The error is librdkafka's code.
    ///
    /// In librdkafka this is a metadata request of an admin client, because `rd_kafka_metadata` has no racks. librdkafka aborts the process if
    /// the response has no cluster id (`rd_kafka_ClusterDescription_new` copies a null pointer), as with brokers before 0.10.1 and some servers
    /// that are not Kafka. So these get no such request.
    pub(crate) fn describe_cluster(&self, timeout: Duration) -> Result<ClusterDescription, i32> {
        let begun = Instant::now();
        if !self.has_cluster_id(timeout) {
            return Err(if begun.elapsed() < timeout { code::UNSUPPORTED_FEATURE } else { code::TIMED_OUT });
        }
        let timeout = timeout.saturating_sub(begun.elapsed());
        let operation = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECLUSTER;
        let answer = self.admin_request(operation, Recipient::AnyBroker, timeout, |client, options, queue| {
            // SAFETY: all three are alive during the call.
            unsafe { sys::rd_kafka_DescribeCluster(client, options, queue) };
        })?;
        copy(&answer).ok_or(code::TIMED_OUT)
    }
}

impl Client {
    /// Whether the first response of the brokers contained a cluster id. Waits for it for `timeout` at most.
    fn has_cluster_id(&self, timeout: Duration) -> bool {
        // SAFETY: `self` keeps the client alive.
        let id = unsafe { sys::rd_kafka_clusterid(self.handle(), milliseconds(timeout)) };
        if id.is_null() {
            return false;
        }
        // SAFETY: librdkafka has allocated it for the caller, who does not use it again.
        unsafe { sys::rd_kafka_mem_free(self.handle(), id.cast()) };
        true
    }
}

/// Copies the description; `None` for an event of another kind.
fn copy(answer: &Event) -> Option<ClusterDescription> {
    // SAFETY: `answer` keeps the event alive; the result, which is null for an answer of another kind, lives as long.
    let result = NonNull::new(unsafe { sys::rd_kafka_event_DescribeCluster_result(answer.as_ptr()) }.cast_mut())?.as_ptr();
    let mut count = 0;
    // SAFETY: the result is alive; `count` nodes are written there, which live as long, as do the controller, null if the broker did not
    // name one, and the text of the id, null likewise.
    let (nodes, controller, id) = unsafe {
        let nodes = sys::rd_kafka_DescribeCluster_result_nodes(result, &raw mut count);
        (
            array(nodes.cast_const(), c_int::try_from(count).unwrap_or(c_int::MAX)),
            sys::rd_kafka_DescribeCluster_result_controller(result),
            ffi::text(sys::rd_kafka_DescribeCluster_result_cluster_id(result)),
        )
    };
    // SAFETY: each is a node of the result, which is alive.
    let nodes: Vec<_> = nodes.iter().map(|&node| unsafe { copy_node(node) }).collect();
    // SAFETY: the controller is not null, and is a node of the result, which is alive.
    let controller = (!controller.is_null()).then(|| unsafe { sys::rd_kafka_Node_id(controller) });
    Some(ClusterDescription {
        id,
        controller: controller.filter(|controller| nodes.iter().any(|node| node.id == *controller)),
        nodes,
    })
}

/// # Safety
/// The node is alive during the call.
unsafe fn copy_node(node: *const sys::rd_kafka_Node_t) -> Node {
    // SAFETY: the caller guarantees a live node; its texts are null or live as long, and are copied here.
    unsafe {
        Node {
            id: sys::rd_kafka_Node_id(node),
            host: ffi::text(sys::rd_kafka_Node_host(node)),
            port: sys::rd_kafka_Node_port(node),
            rack: ffi::text(sys::rd_kafka_Node_rack(node)),
        }
    }
}
