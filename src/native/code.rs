//! Error codes that ottla uses by name (`rdkafka.h`, `rd_kafka_resp_err_t`).

pub(crate) const NO_ERROR: i32 = 0;
pub(crate) const BAD_MSG: i32 = -199;
pub(crate) const DESTROY: i32 = -197;
pub(crate) const FAIL: i32 = -196;
pub(crate) const TRANSPORT: i32 = -195;
pub(crate) const MSG_TIMED_OUT: i32 = -192;
pub(crate) const UNKNOWN_PARTITION: i32 = -190;
pub(crate) const UNKNOWN_TOPIC: i32 = -188;
pub(crate) const INVALID_ARG: i32 = -186;
pub(crate) const ALL_BROKERS_DOWN: i32 = -187;
pub(crate) const TIMED_OUT: i32 = -185;
pub(crate) const SSL: i32 = -181;
pub(crate) const STATE: i32 = -172;
#[cfg(feature = "consumer")]
pub(crate) const NO_OFFSET: i32 = -168;
#[cfg(feature = "consumer")]
pub(crate) const ASSIGNMENT_LOST: i32 = -142;
#[cfg(feature = "consumer")]
pub(crate) const AUTO_OFFSET_RESET: i32 = -140;
#[cfg(feature = "consumer")]
pub(crate) const LOG_TRUNCATION: i32 = -139;
pub(crate) const AUTHENTICATION: i32 = -169;
pub(crate) const TIMED_OUT_QUEUE: i32 = -166;
pub(crate) const UNSUPPORTED_FEATURE: i32 = -165;
pub(crate) const UNDERFLOW: i32 = -155;
pub(crate) const PURGE_QUEUE: i32 = -152;
pub(crate) const PURGE_INFLIGHT: i32 = -151;
/// Purged from the queue, or in flight.
pub(crate) const PURGES: [i32; 2] = [PURGE_QUEUE, PURGE_INFLIGHT];
pub(crate) const INCONSISTENT: i32 = -149;
pub(crate) const FATAL: i32 = -150;

/// The producer is fenced or its transaction was ended by the coordinator: `_FENCED`, and the brokers' INVALID_PRODUCER_EPOCH and
/// PRODUCER_FENCED.
pub(crate) const FENCES: [i32; 3] = [-144, 47, 90];

/// Failed authentication.
pub(crate) const REFUSALS: [i32; 2] = [SSL, AUTHENTICATION];

/// A broker's code for an unexpected error.
pub(crate) const UNKNOWN: i32 = -1;
/// The topic or partition does not exist (any more).
pub(crate) const ABSENCES: [i32; 3] = [UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC, UNKNOWN_PARTITION];

/// Brokers' codes for a topic that is being created.
pub(crate) const UNKNOWN_TOPIC_OR_PARTITION: i32 = 3;
pub(crate) const LEADER_NOT_AVAILABLE: i32 = 5;
pub(crate) const NOT_LEADER: i32 = 6;

/// Another record of the batch was invalid; none of the batch was written.
pub(crate) const INVALID_DIFFERENT_RECORD: i32 = -138;
/// Brokers' codes for a batch that is too large: `MESSAGE_TOO_LARGE` and `RECORD_LIST_TOO_LARGE`.
pub(crate) const BATCH_SIZES: [i32; 2] = [10, 18];
/// Brokers' codes for a batch with an invalid record: `INVALID_TIMESTAMP` and `INVALID_RECORD`.
pub(crate) const BATCH_CONTENTS: [i32; 2] = [32, 87];

/// Brokers' codes for a missing permission: on a topic, a group, the cluster, a transactional id.
pub(crate) const NOT_AUTHORIZED: [i32; 4] = [29, 30, 31, 53];

/// `RD_KAFKA_PARTITION_UA`: no particular partition.
#[cfg(feature = "consumer")]
pub(crate) const ANY_PARTITION: i32 = -1;
/// librdkafka's logical offsets (`RD_KAFKA_OFFSET_BEGINNING` and so on).
#[cfg(feature = "consumer")]
pub(crate) const OFFSET_BEGINNING: i64 = -2;
#[cfg(feature = "consumer")]
pub(crate) const OFFSET_END: i64 = -1;
/// `RD_KAFKA_OFFSET_INVALID`: no offset; start at the committed one, or as `auto.offset.reset` says.
#[cfg(feature = "consumer")]
pub(crate) const NO_OFFSET_YET: i64 = -1001;
/// librdkafka's codes for a partition that is being assigned and has not started, or that librdkafka itself has just paused or resumed.
#[cfg(feature = "consumer")]
pub(crate) const NOT_STARTED: [i32; 5] = [STATE, PREV_IN_PROGRESS, UNKNOWN_PARTITION, IN_PROGRESS, OUTDATED];
#[cfg(feature = "consumer")]
const OUTDATED: i32 = -167;
#[cfg(feature = "consumer")]
const PREV_IN_PROGRESS: i32 = -177;
#[cfg(feature = "consumer")]
const IN_PROGRESS: i32 = -178;
