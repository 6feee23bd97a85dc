//! [`BrokerError`]: an error code in a broker's response.

use std::fmt;

/// An error code of the Kafka protocol, with its name in Kafka's `Errors`.
///
/// There are constants for the errors of producers, consumers and transactions. Create any other code from its number:
///
/// ```
/// use ottla::testing::BrokerError;
///
/// assert_eq!(BrokerError::from(6), BrokerError::NOT_LEADER_OR_FOLLOWER);
/// assert_eq!(BrokerError::NOT_ENOUGH_REPLICAS.to_string(), "NOT_ENOUGH_REPLICAS (19)");
/// assert_eq!(BrokerError::from(1234).to_string(), "error 1234");
/// ```
///
/// The codes are listed in Kafka's [protocol guide](https://kafka.apache.org/protocol.html#protocol_error_codes).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BrokerError(i16);

impl BrokerError {
    /// No error. In [`fail_next_on`](crate::testing::EmbeddedKafka::fail_next_on) it means a response that is only delayed; in a list, a
    /// request that succeeds between failing ones.
    pub const NONE: Self = Self(0);

    /// Not a response: the broker closes the connection without handling the request. (librdkafka's mock cluster uses its own code
    /// `RD_KAFKA_RESP_ERR__TRANSPORT`, -195, for this; no real broker sends that.)
    pub const DISCONNECT: Self = Self(-195);

    /// The numeric code.
    pub const fn code(self) -> i16 {
        self.0
    }
}

macro_rules! codes {
    ($($name:ident = $code:literal,)*) => {
        impl BrokerError {
            $(
                #[doc = concat!("Kafka's error `", stringify!($name), "`, ", stringify!($code), ".")]
                pub const $name: Self = Self($code);
            )*

            /// Kafka's name of the error, if there is a constant for it.
            pub const fn name(self) -> Option<&'static str> {
                match self {
                    Self::NONE => Some("NONE"),
                    Self::DISCONNECT => Some("DISCONNECT"),
                    $(Self::$name => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

codes! {
    UNKNOWN_SERVER_ERROR = -1,
    OFFSET_OUT_OF_RANGE = 1,
    CORRUPT_MESSAGE = 2,
    UNKNOWN_TOPIC_OR_PARTITION = 3,
    LEADER_NOT_AVAILABLE = 5,
    NOT_LEADER_OR_FOLLOWER = 6,
    REQUEST_TIMED_OUT = 7,
    BROKER_NOT_AVAILABLE = 8,
    REPLICA_NOT_AVAILABLE = 9,
    MESSAGE_TOO_LARGE = 10,
    OFFSET_METADATA_TOO_LARGE = 12,
    NETWORK_EXCEPTION = 13,
    COORDINATOR_LOAD_IN_PROGRESS = 14,
    COORDINATOR_NOT_AVAILABLE = 15,
    NOT_COORDINATOR = 16,
    INVALID_TOPIC_EXCEPTION = 17,
    RECORD_LIST_TOO_LARGE = 18,
    NOT_ENOUGH_REPLICAS = 19,
    NOT_ENOUGH_REPLICAS_AFTER_APPEND = 20,
    INVALID_REQUIRED_ACKS = 21,
    ILLEGAL_GENERATION = 22,
    UNKNOWN_MEMBER_ID = 25,
    REBALANCE_IN_PROGRESS = 27,
    TOPIC_AUTHORIZATION_FAILED = 29,
    GROUP_AUTHORIZATION_FAILED = 30,
    CLUSTER_AUTHORIZATION_FAILED = 31,
    INVALID_TIMESTAMP = 32,
    UNSUPPORTED_VERSION = 35,
    INVALID_REQUEST = 42,
    UNSUPPORTED_FOR_MESSAGE_FORMAT = 43,
    POLICY_VIOLATION = 44,
    OUT_OF_ORDER_SEQUENCE_NUMBER = 45,
    DUPLICATE_SEQUENCE_NUMBER = 46,
    INVALID_PRODUCER_EPOCH = 47,
    INVALID_TXN_STATE = 48,
    INVALID_PRODUCER_ID_MAPPING = 49,
    INVALID_TRANSACTION_TIMEOUT = 50,
    CONCURRENT_TRANSACTIONS = 51,
    TRANSACTION_COORDINATOR_FENCED = 52,
    TRANSACTIONAL_ID_AUTHORIZATION_FAILED = 53,
    OPERATION_NOT_ATTEMPTED = 55,
    KAFKA_STORAGE_ERROR = 56,
    UNKNOWN_PRODUCER_ID = 59,
    FENCED_LEADER_EPOCH = 74,
    UNKNOWN_LEADER_EPOCH = 75,
    UNSUPPORTED_COMPRESSION_TYPE = 76,
    OFFSET_NOT_AVAILABLE = 78,
    MEMBER_ID_REQUIRED = 79,
    FENCED_INSTANCE_ID = 82,
    INVALID_RECORD = 87,
    UNSTABLE_OFFSET_COMMIT = 88,
    THROTTLING_QUOTA_EXCEEDED = 89,
    PRODUCER_FENCED = 90,
    UNKNOWN_TOPIC_ID = 100,
    TRANSACTION_ABORTABLE = 120,
    REBOOTSTRAP_REQUIRED = 129,
}

impl From<i16> for BrokerError {
    fn from(code: i16) -> Self {
        Self(code)
    }
}

impl fmt::Display for BrokerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} ({})", self.0),
            None => write!(f, "error {}", self.0),
        }
    }
}

impl fmt::Debug for BrokerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
