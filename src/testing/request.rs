//! [`ApiKey`]: the kinds of request. [`Request`]: a recorded request.

use std::{fmt, time::Duration};

use crate::native::mock::TrackedRequest;

/// A request that a broker of an [`EmbeddedKafka`](crate::testing::EmbeddedKafka) has recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    broker: i32,
    api_key: ApiKey,
    timestamp: Duration,
}

impl Request {
    /// The id of the broker that received it, from 1.
    pub fn broker(&self) -> i32 {
        self.broker
    }

    /// The kind of request.
    pub fn api_key(&self) -> ApiKey {
        self.api_key
    }

    /// When the broker read it, on the machine's monotonic clock, in microseconds. Only the difference between two requests of one process is
    /// meaningful.
    pub fn timestamp(&self) -> Duration {
        self.timestamp
    }
}

impl From<TrackedRequest> for Request {
    fn from(request: TrackedRequest) -> Self {
        Self {
            broker: request.broker,
            api_key: request.api_key.into(),
            timestamp: Duration::from_micros(u64::try_from(request.microseconds).unwrap_or(0)),
        }
    }
}

macro_rules! api_keys {
    ($($name:ident = $code:literal,)*) => {
        /// The kinds of request that the embedded brokers support, with Kafka's names.
        ///
        /// The numbers are those of Kafka's [protocol guide](https://kafka.apache.org/protocol.html#protocol_api_keys).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum ApiKey {
            $(
                #[doc = concat!("`", stringify!($name), "`, ", stringify!($code), ".")]
                $name,
            )*
            /// Another kind, by its number. Only in [`Request`]s, and only with a librdkafka newer than the bundled one. Errors cannot be
            /// injected into it.
            Other(i16),
        }

        impl ApiKey {
            /// The numeric code.
            pub const fn code(self) -> i16 {
                match self {
                    $(Self::$name => $code,)*
                    Self::Other(code) => code,
                }
            }
        }

        impl From<i16> for ApiKey {
            fn from(code: i16) -> Self {
                match code {
                    $($code => Self::$name,)*
                    other => Self::Other(other),
                }
            }
        }
    };
}

api_keys! {
    Produce = 0,
    Fetch = 1,
    ListOffsets = 2,
    Metadata = 3,
    OffsetCommit = 8,
    OffsetFetch = 9,
    FindCoordinator = 10,
    JoinGroup = 11,
    Heartbeat = 12,
    LeaveGroup = 13,
    SyncGroup = 14,
    ApiVersions = 18,
    InitProducerId = 22,
    OffsetForLeaderEpoch = 23,
    AddPartitionsToTxn = 24,
    AddOffsetsToTxn = 25,
    EndTxn = 26,
    TxnOffsetCommit = 28,
    ConsumerGroupHeartbeat = 68,
    GetTelemetrySubscriptions = 71,
    PushTelemetry = 72,
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other(code) => write!(f, "API {code}"),
            named => fmt::Debug::fmt(named, f),
        }
    }
}
