//! The cluster as its brokers describe it.

use std::{
    ffi::c_int,
    ptr::{self, NonNull},
    time::{Duration, Instant},
};

use rdkafka_sys as sys;

use super::{client::Client, code, ffi, metadata::array, settings::milliseconds};

/// The longest request timeout that librdkafka's admin requests take (`rdkafka_admin.c`): an hour.
const MAX_TIMEOUT: Duration = Duration::from_secs(3600);

/// What librdkafka may be late with the news that a request has timed out.
const GRACE: Duration = Duration::from_secs(5);

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

/// An owned `rd_kafka_queue_t`, for one answer.
struct Queue(NonNull<sys::rd_kafka_queue_t>);

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: ours, destroyed once.
        unsafe { sys::rd_kafka_queue_destroy(self.0.as_ptr()) };
    }
}

/// An owned `rd_kafka_AdminOptions_t`.
struct Options(NonNull<sys::rd_kafka_AdminOptions_t>);

impl Drop for Options {
    fn drop(&mut self) {
        // SAFETY: ours, destroyed once.
        unsafe { sys::rd_kafka_AdminOptions_destroy(self.0.as_ptr()) };
    }
}

/// An owned `rd_kafka_event_t` that brings the answer.
struct Answer(NonNull<sys::rd_kafka_event_t>);

impl Drop for Answer {
    fn drop(&mut self) {
        // SAFETY: ours, destroyed once.
        unsafe { sys::rd_kafka_event_destroy(self.0.as_ptr()) };
    }
}

impl Client {
    /// Asks a broker for the cluster's; blocks for `timeout` at most, an hour at the longest. The code is librdkafka's.
    ///
    /// In librdkafka this is a metadata request, as an admin client makes it: `rd_kafka_metadata` has no racks. It is sent to a broker that
    /// has just answered, and not to the controller, as librdkafka would: the mock cluster names one that it does not have.
    pub(crate) fn describe_cluster(&self, timeout: Duration) -> Result<ClusterDescription, i32> {
        let begun = Instant::now();
        let timeout = timeout.min(MAX_TIMEOUT);
        let broker = self.any_broker(timeout)?;
        let timeout = timeout.saturating_sub(begun.elapsed());
        // SAFETY: the handle is alive; the options are ours.
        let options =
            unsafe { sys::rd_kafka_AdminOptions_new(self.handle(), sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECLUSTER) };
        let options = Options(NonNull::new(options).ok_or(code::TIMED_OUT)?);
        // SAFETY: the options are ours, the time is one that they take, and no text of a reason is asked for.
        unsafe {
            ffi::rd_kafka_AdminOptions_set_request_timeout(options.0.as_ptr(), milliseconds(timeout), ptr::null_mut(), 0);
        }
        // SAFETY: as above.
        unsafe { ffi::rd_kafka_AdminOptions_set_broker(options.0.as_ptr(), broker, ptr::null_mut(), 0) };
        // SAFETY: the handle is alive; the queue is ours.
        let queue = unsafe { sys::rd_kafka_queue_new(self.handle()) };
        let queue = Queue(NonNull::new(queue).ok_or(code::TIMED_OUT)?);
        // SAFETY: all three are alive; librdkafka copies the options and keeps a reference of its own to the queue.
        unsafe { sys::rd_kafka_DescribeCluster(self.handle(), options.0.as_ptr(), queue.0.as_ptr()) };
        // SAFETY: the queue is alive.
        let answer = unsafe { sys::rd_kafka_queue_poll(queue.0.as_ptr(), milliseconds(timeout + GRACE)) };
        let answer = Answer(NonNull::new(answer).ok_or(code::TIMED_OUT)?);
        // SAFETY: the event is ours.
        match unsafe { ffi::rd_kafka_event_error(answer.0.as_ptr()) } {
            // SAFETY: as above.
            code::NO_ERROR => unsafe { copy(&answer) }.ok_or(code::TIMED_OUT),
            code => Err(code),
        }
    }
}

impl Client {
    /// A broker that answers. The code is librdkafka's. Of a client that has sent nothing yet librdkafka asks for all topics here, since it
    /// takes none for all.
    fn any_broker(&self, timeout: Duration) -> Result<i32, i32> {
        let mut answer: *const sys::rd_kafka_metadata = ptr::null();
        // SAFETY: the client is alive; without a topic, those that it knows are asked for. On success `answer` is ours to destroy.
        let code = unsafe { ffi::rd_kafka_metadata(self.handle(), 0, ptr::null_mut(), &raw mut answer, milliseconds(timeout)) };
        if code != code::NO_ERROR || answer.is_null() {
            return Err(code);
        }
        // SAFETY: alive until it is destroyed below, and without an enum at this level.
        let metadata = unsafe { &*answer };
        // SAFETY: so many brokers stand there.
        let brokers = unsafe { array(metadata.brokers, metadata.broker_cnt) };
        // The one that has answered, unless it is known by its address only.
        let broker = Some(metadata.orig_broker_id).filter(|&id| id >= 0).or_else(|| brokers.first().map(|broker| broker.id));
        // SAFETY: ours, and read.
        unsafe { sys::rd_kafka_metadata_destroy(answer) };
        broker.ok_or(code::TRANSPORT)
    }
}

/// # Safety
/// The answer is one without an error.
unsafe fn copy(answer: &Answer) -> Option<ClusterDescription> {
    // SAFETY: the event is alive; null if it is one of another kind.
    let result = unsafe { sys::rd_kafka_event_DescribeCluster_result(answer.0.as_ptr()) };
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
