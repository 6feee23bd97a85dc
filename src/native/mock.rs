//! [`MockCluster`]: librdkafka's mock cluster (`rdkafka_mock.h`) and the client handle that it needs.
//!
//! The caller, [`EmbeddedKafka`](crate::testing::EmbeddedKafka), checks all arguments: with a negative partition or too many brokers
//! librdkafka reads out of bounds or aborts the process.
//!
//! Operations are paced, because librdkafka's mock may otherwise sleep through the next one for a second. The offered API versions are limited
//! to those without a null pointer dereference in the mock.

use std::{
    ffi::{CStr, c_char, c_int},
    panic::{AssertUnwindSafe, catch_unwind},
    ptr::NonNull,
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use rdkafka_sys::{
    rd_kafka_conf_new, rd_kafka_conf_set_log_cb, rd_kafka_destroy, rd_kafka_mock_clear_request_errors,
    rd_kafka_mock_cluster_bootstraps, rd_kafka_mock_cluster_destroy, rd_kafka_mock_cluster_new, rd_kafka_mock_cluster_t,
    rd_kafka_mock_get_requests, rd_kafka_mock_group_initial_rebalance_delay_ms, rd_kafka_mock_request_api_key,
    rd_kafka_mock_request_destroy_array, rd_kafka_mock_request_id, rd_kafka_mock_request_t, rd_kafka_mock_request_timestamp,
    rd_kafka_mock_start_request_tracking, rd_kafka_mock_stop_request_tracking, rd_kafka_new, rd_kafka_t, rd_kafka_type_t,
};

use super::fork_guard::ForkGuard;
use crate::{lock::lock, panic::emit};

// `rd_kafka_resp_err_t` is a Rust enum in rdkafka-sys, and an unknown number in it is undefined behaviour. These declarations have the same
// link names and use the plain C int.
unsafe extern "C" {
    fn rd_kafka_err2str(err: c_int) -> *const c_char;
    fn rd_kafka_mock_push_request_errors_array(
        cluster: *mut rd_kafka_mock_cluster_t,
        api_key: i16,
        count: usize,
        errors: *const c_int,
    );
    fn rd_kafka_mock_broker_push_request_error_rtts(
        cluster: *mut rd_kafka_mock_cluster_t,
        broker: i32,
        api_key: i16,
        count: usize,
        ...
    ) -> c_int;
    fn rd_kafka_mock_broker_error_stack_cnt(
        cluster: *mut rd_kafka_mock_cluster_t,
        broker: i32,
        api_key: i16,
        count: *mut usize,
    ) -> c_int;
    fn rd_kafka_mock_topic_set_error(cluster: *mut rd_kafka_mock_cluster_t, topic: *const c_char, error: c_int);
    fn rd_kafka_mock_topic_create(
        cluster: *mut rd_kafka_mock_cluster_t,
        topic: *const c_char,
        partitions: c_int,
        replication: c_int,
    ) -> c_int;
    fn rd_kafka_mock_partition_set_leader(
        cluster: *mut rd_kafka_mock_cluster_t,
        topic: *const c_char,
        partition: i32,
        broker: i32,
    ) -> c_int;
    fn rd_kafka_mock_broker_set_down(cluster: *mut rd_kafka_mock_cluster_t, broker: i32) -> c_int;
    fn rd_kafka_mock_broker_set_up(cluster: *mut rd_kafka_mock_cluster_t, broker: i32) -> c_int;
    fn rd_kafka_mock_broker_set_rtt(cluster: *mut rd_kafka_mock_cluster_t, broker: i32, milliseconds: c_int) -> c_int;
    fn rd_kafka_mock_broker_set_rack(cluster: *mut rd_kafka_mock_cluster_t, broker: i32, rack: *const c_char) -> c_int;
    fn rd_kafka_mock_coordinator_set(
        cluster: *mut rd_kafka_mock_cluster_t,
        key_type: *const c_char,
        key: *const c_char,
        broker: i32,
    ) -> c_int;
    fn rd_kafka_mock_set_apiversion(cluster: *mut rd_kafka_mock_cluster_t, api_key: i16, min: i16, max: i16) -> c_int;
}

/// The highest versions of these APIs that the brokers offer, below the 10 and 16 of librdkafka's mock: from 10 and 12 on its
/// NOT_LEADER_OR_FOLLOWER has the new leader's address (KIP-951), which it reads through a null pointer if there is no leader.
const VERSION_LIMITS: [(i16, i16); 2] = [(0, 9), (1, 11)];

/// The highest version of an API that the brokers may offer: what librdkafka 2.12's mock implements (`rd_kafka_mock_api_handlers`), within
/// [`VERSION_LIMITS`]; `None` for an API that it does not know, or that it offers in a single version.
pub(crate) fn highest_version(api_key: i16) -> Option<i16> {
    let highest = match api_key {
        2 => 7,
        3 => 12,
        8 => 9,
        9 | 11 => 6,
        10 | 28 => 3,
        12 => 5,
        13 | 14 | 22 => 4,
        18 => 2,
        24..=26 => 1,
        _ => return VERSION_LIMITS.iter().find(|(key, _)| *key == api_key).map(|(_, highest)| *highest),
    };
    Some(highest)
}

/// The pause of the cluster's thread after an operation. The thread first replies to an operation and then empties its wake-up pipe
/// (`rd_kafka_mock_cluster_io_poll`): the wake-up of an operation that arrives in between is lost, and this operation waits for up to a
/// second. Without this pause every third call did.
const PAUSE: Duration = Duration::from_millis(1);

/// The number for "no broker".
const NO_BROKER: i32 = -1;

/// An error code of librdkafka, never 0.
pub(crate) type Code = i32;

/// A request that the mock cluster recorded.
pub(crate) struct TrackedRequest {
    pub(crate) broker: i32,
    pub(crate) api_key: i16,
    /// On the monotonic clock.
    pub(crate) microseconds: i64,
}

/// A mock cluster with its own producer handle, which has no brokers. Dropping it ends both.
pub(crate) struct MockCluster {
    cluster: NonNull<rd_kafka_mock_cluster_t>,
    handle: NonNull<rd_kafka_t>,
    bootstrap_servers: String,
    /// When the last operation ended.
    last_operation: Mutex<Option<Instant>>,
    fork_guard: ForkGuard,
}

// SAFETY: neither object is tied to a thread: librdkafka's handle is documented as thread-safe, and the cluster runs on a thread of its
// own that `rd_kafka_mock_cluster_destroy` ends and joins from wherever it is called.
unsafe impl Send for MockCluster {}

// SAFETY: every method below either goes through the cluster's operation queue and waits for the answer (topics, leaders, brokers up
// and down, round-trip times, coordinators, versions) or takes the cluster's mutex (errors, request tracking, rebalance delay), so
// librdkafka orders calls from several threads. The broker list, which the error functions walk under that mutex and the cluster's
// thread without it, never changes after `start`: nothing here adds or decommissions a broker. The bootstrap list is copied at `start`.
unsafe impl Sync for MockCluster {}

impl MockCluster {
    /// Starts `brokers` brokers, numbered from 1, on free ports of the loopback interface. The error is librdkafka's text.
    ///
    /// `brokers` must be positive, and small compared with the limit of open files: librdkafka aborts the process when it runs out of them.
    pub(crate) fn start(brokers: c_int) -> Result<Self, String> {
        // SAFETY: takes nothing; never returns null (librdkafka aborts when memory is out).
        let conf = unsafe { rd_kafka_conf_new() };
        // SAFETY: `conf` is ours, fresh from `rd_kafka_conf_new`; the callback is a plain function that lives as long as the program.
        unsafe { rd_kafka_conf_set_log_cb(conf, Some(log)) };
        let mut text = [0_u8; 512];
        // SAFETY: `conf` is ours and becomes the handle's when the call succeeds; `text` is writable for the length given.
        let handle =
            unsafe { rd_kafka_new(rd_kafka_type_t::RD_KAFKA_PRODUCER, conf, text.as_mut_ptr().cast::<c_char>(), text.len()) };
        let Some(handle) = NonNull::new(handle) else {
            // SAFETY: after a failed `rd_kafka_new` the configuration is still ours, and is not used again.
            unsafe { rdkafka_sys::rd_kafka_conf_destroy(conf) };
            return Err(CStr::from_bytes_until_nul(&text).map(|text| text.to_string_lossy().into_owned()).unwrap_or_default());
        };
        // SAFETY: `handle` is alive, and outlives the cluster: `drop` destroys the cluster first.
        let cluster = unsafe { rd_kafka_mock_cluster_new(handle.as_ptr(), brokers) };
        let Some(cluster) = NonNull::new(cluster) else {
            // SAFETY: the handle is ours, has no cluster, and is not used again.
            unsafe { rd_kafka_destroy(handle.as_ptr()) };
            return Err("librdkafka could not start its mock cluster; see its log".to_owned());
        };
        let (bootstrap_servers, last_operation) = (String::new(), Mutex::default());
        let mut cluster = Self { cluster, handle, bootstrap_servers, last_operation, fork_guard: ForkGuard::current() };
        for (api_key, max) in VERSION_LIMITS {
            // SAFETY: the cluster is alive; librdkafka refuses API keys that it does not know.
            let set = || unsafe { rd_kafka_mock_set_apiversion(cluster.as_ptr(), api_key, 0, max) };
            cluster.operate(set).map_err(code_text)?;
        }
        // SAFETY: the cluster is alive; the list was written before `rd_kafka_mock_cluster_new` returned and never changes.
        let list = unsafe { rd_kafka_mock_cluster_bootstraps(cluster.as_ptr()) };
        // SAFETY: `list` is a NUL-terminated string that the cluster owns, and the cluster is alive.
        let list = unsafe { CStr::from_ptr(list) };
        cluster.bootstrap_servers = list.to_string_lossy().into_owned();
        Ok(cluster)
    }

    /// `host:port` of each broker, separated by commas.
    pub(crate) fn bootstrap_servers(&self) -> &str {
        &self.bootstrap_servers
    }

    /// Creates a topic. `partitions` must be positive and moderate: librdkafka allocates memory without a check.
    pub(crate) fn create_topic(&self, topic: &CStr, partitions: c_int, replication: c_int) -> Result<(), Code> {
        // SAFETY: the cluster is alive as long as `self`; `topic` is NUL-terminated and copied before the call returns.
        self.operate(|| unsafe { rd_kafka_mock_topic_create(self.as_ptr(), topic.as_ptr(), partitions, replication) })
    }

    /// Makes Metadata and AddPartitionsToTxn return this error for the topic; 0 resets it. Creates the topic if it is missing.
    pub(crate) fn set_topic_error(&self, topic: &CStr, error: c_int) {
        // SAFETY: the cluster is alive as long as `self`; `topic` is NUL-terminated and copied before the call returns.
        let set = || unsafe { rd_kafka_mock_topic_set_error(self.as_ptr(), topic.as_ptr(), error) };
        self.paced(set);
    }

    /// Changes the leader of a partition. `partition` must not be negative: librdkafka uses it as an unchecked index.
    pub(crate) fn set_leader(&self, topic: &CStr, partition: i32, broker: Option<i32>) -> Result<(), Code> {
        let broker = broker.unwrap_or(NO_BROKER);
        // SAFETY: the cluster is alive as long as `self`; `topic` is NUL-terminated and copied before the call returns; the caller
        // keeps `partition` at 0 or above.
        self.operate(|| unsafe { rd_kafka_mock_partition_set_leader(self.as_ptr(), topic.as_ptr(), partition, broker) })
    }

    /// Fails the next requests of an API on any broker, in order.
    pub(crate) fn push_errors(&self, api_key: i16, errors: &[c_int]) {
        // SAFETY: the cluster is alive as long as `self`; `errors` is readable for its length and copied under the cluster's mutex.
        unsafe { rd_kafka_mock_push_request_errors_array(self.as_ptr(), api_key, errors.len(), errors.as_ptr()) };
    }

    /// Clears the list of `push_errors`.
    pub(crate) fn clear_errors(&self, api_key: i16) {
        // SAFETY: the cluster is alive as long as `self`.
        unsafe { rd_kafka_mock_clear_request_errors(self.as_ptr(), api_key) };
    }

    /// Adds an answer to a broker's own list for an API: this error (0 for none) after this delay.
    pub(crate) fn push_broker_error(&self, broker: i32, api_key: i16, error: c_int, milliseconds: c_int) -> Result<(), Code> {
        // SAFETY: the cluster is alive as long as `self`; the count says one pair, and one pair of C ints follows.
        check(unsafe { rd_kafka_mock_broker_push_request_error_rtts(self.as_ptr(), broker, api_key, 1, error, milliseconds) })
    }

    /// The number of answers in a broker's own list for an API.
    pub(crate) fn broker_errors_left(&self, broker: i32, api_key: i16) -> Result<usize, Code> {
        let mut count = 0;
        // SAFETY: the cluster is alive as long as `self`; `count` is writable, and left at 0 when the broker has no such list.
        check(unsafe { rd_kafka_mock_broker_error_stack_cnt(self.as_ptr(), broker, api_key, &raw mut count) }).map(|()| count)
    }

    /// Closes a broker's connections and refuses new ones. It keeps its port.
    pub(crate) fn broker_down(&self, broker: i32) -> Result<(), Code> {
        // SAFETY: the cluster is alive as long as `self`.
        self.operate(|| unsafe { rd_kafka_mock_broker_set_down(self.as_ptr(), broker) })
    }

    /// Sets a broker's rack.
    pub(crate) fn set_rack(&self, broker: i32, rack: &CStr) -> Result<(), Code> {
        // SAFETY: the cluster is alive as long as `self`; the text is terminated, and librdkafka copies it.
        self.operate(|| unsafe { rd_kafka_mock_broker_set_rack(self.as_ptr(), broker, rack.as_ptr()) })
    }

    /// Makes a broker accept connections again, on the same port.
    pub(crate) fn broker_up(&self, broker: i32) -> Result<(), Code> {
        // SAFETY: the cluster is alive as long as `self`.
        self.operate(|| unsafe { rd_kafka_mock_broker_set_up(self.as_ptr(), broker) })
    }

    /// Delays all responses of a broker.
    pub(crate) fn set_round_trip_time(&self, broker: i32, milliseconds: c_int) -> Result<(), Code> {
        // SAFETY: the cluster is alive as long as `self`.
        self.operate(|| unsafe { rd_kafka_mock_broker_set_rtt(self.as_ptr(), broker, milliseconds) })
    }

    /// Sets the coordinator of a group or transactional id (`key_type` "group" or "transaction").
    pub(crate) fn set_coordinator(&self, key_type: &CStr, key: &CStr, broker: Option<i32>) -> Result<(), Code> {
        let broker = broker.unwrap_or(NO_BROKER);
        // SAFETY: the cluster is alive as long as `self`; both strings are NUL-terminated and copied before the call returns.
        self.operate(|| unsafe { rd_kafka_mock_coordinator_set(self.as_ptr(), key_type.as_ptr(), key.as_ptr(), broker) })
    }

    /// Sets how long a new consumer group waits for more members; must be positive (in librdkafka a timer of 0 is off).
    pub(crate) fn set_group_rebalance_delay(&self, milliseconds: i32) {
        // SAFETY: the cluster is alive as long as `self`.
        unsafe { rd_kafka_mock_group_initial_rebalance_delay_ms(self.as_ptr(), milliseconds) };
    }

    /// Clears the recorded requests and starts recording.
    pub(crate) fn start_tracking(&self) {
        // SAFETY: the cluster is alive as long as `self`.
        unsafe { rd_kafka_mock_start_request_tracking(self.as_ptr()) };
    }

    /// Stops recording and clears the recorded requests (despite the documentation in `rdkafka_mock.h`).
    pub(crate) fn stop_tracking(&self) {
        // SAFETY: the cluster is alive as long as `self`.
        unsafe { rd_kafka_mock_stop_request_tracking(self.as_ptr()) };
    }

    /// The recorded requests, in the order in which the brokers read them.
    pub(crate) fn requests(&self) -> Vec<TrackedRequest> {
        let mut count = 0;
        // SAFETY: the cluster is alive as long as `self`; `count` is writable. The array and what it points to become ours.
        let array = unsafe { rd_kafka_mock_get_requests(self.as_ptr(), &raw mut count) };
        let pointers: &[*mut rd_kafka_mock_request_t] = if array.is_null() {
            &[]
        } else {
            // SAFETY: librdkafka allocated `count` pointers at `array`, aligned and all set; nobody else has them.
            unsafe { std::slice::from_raw_parts(array, count) }
        };
        let requests = pointers.iter().map(|&request| tracked_request(request)).collect();
        // SAFETY: the array is ours, of `count` requests, none of them freed yet; null with 0 is allowed (`rd_free` is `free`).
        unsafe { rd_kafka_mock_request_destroy_array(array, count) };
        requests
    }

    /// Sets the highest version of an API that the brokers offer, from 0; `None` removes the API. The caller keeps it at or below what
    /// librdkafka's mock implements ([`highest_version`]).
    pub(crate) fn limit_version(&self, api_key: i16, max: Option<i16>) -> Result<(), Code> {
        let (min, max) = max.map_or((-1, -1), |max| (0, max));
        // SAFETY: the cluster is alive as long as `self`; librdkafka refuses API keys that it does not know, and the caller keeps `max`
        // at what the mock implements.
        self.operate(|| unsafe { rd_kafka_mock_set_apiversion(self.as_ptr(), api_key, min, max) })
    }

    /// Runs a call that goes through the cluster's operation queue, and checks its result.
    fn operate(&self, call: impl FnOnce() -> c_int) -> Result<(), Code> {
        check(self.paced(call))
    }

    /// Runs a call that uses the cluster's operation queue, one at a time and with a [`PAUSE`] in between.
    fn paced<T>(&self, call: impl FnOnce() -> T) -> T {
        let mut last = lock(&self.last_operation);
        if let Some(rest) = last.and_then(|last| PAUSE.checked_sub(last.elapsed())) {
            thread::sleep(rest);
        }
        let answer = call();
        *last = Some(Instant::now());
        answer
    }

    fn as_ptr(&self) -> *mut rd_kafka_mock_cluster_t {
        self.cluster.as_ptr()
    }
}

impl Drop for MockCluster {
    fn drop(&mut self) {
        // A fork has no thread to join; the brokers belong to its parent.
        if self.fork_guard.is_left() {
            return;
        }
        // SAFETY: the cluster is ours and alive; `&mut self` says that no other call is in progress. Its thread is joined here, so that
        // nothing of it uses the handle afterwards.
        self.paced(|| unsafe { rd_kafka_mock_cluster_destroy(self.cluster.as_ptr()) });
        // SAFETY: the handle is ours and alive, and its cluster is gone.
        unsafe { rd_kafka_destroy(self.handle.as_ptr()) };
    }
}

/// librdkafka's text for an error code.
pub(crate) fn code_text(code: Code) -> String {
    // SAFETY: takes any number; for one that is not in its table it writes "Err-N?" into a buffer of this thread.
    let text = unsafe { rd_kafka_err2str(code) };
    // SAFETY: `text` is a NUL-terminated string, static or this thread's until its next call, and is copied at once.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

fn check(code: c_int) -> Result<(), Code> {
    if code == 0 { Ok(()) } else { Err(code) }
}

/// Reads an element of the array of `rd_kafka_mock_get_requests`. The caller keeps the array until this returns.
fn tracked_request(request: *mut rd_kafka_mock_request_t) -> TrackedRequest {
    // SAFETY: `request` is an element of an array that the caller has not destroyed yet.
    unsafe {
        TrackedRequest {
            broker: rd_kafka_mock_request_id(request),
            api_key: rd_kafka_mock_request_api_key(request),
            microseconds: rd_kafka_mock_request_timestamp(request),
        }
    }
}

/// Passes the mock's log lines to `tracing`: errors (such as an unsupported request) as warnings, because in a test they only explain a
/// failure; the rest as debug events.
unsafe extern "C" fn log(_handle: *const rd_kafka_t, level: c_int, facility: *const c_char, line: *const c_char) {
    const LOG_ERR: c_int = 3;
    let text = |text: *const c_char| {
        if text.is_null() {
            return String::new();
        }
        // SAFETY: librdkafka gives NUL-terminated strings that live until the callback returns; the copy is made here.
        unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
    };
    // A user's subscriber may panic. Unwinding into C would abort the process, so the panic is dropped.
    let _ = catch_unwind(AssertUnwindSafe(|| {
        let (facility, line) = (text(facility), text(line));
        if level <= LOG_ERR {
            emit!(warn, target: "ottla::testing", facility, "{line}");
        } else {
            emit!(debug, target: "ottla::testing", facility, "{line}");
        }
    }));
}
