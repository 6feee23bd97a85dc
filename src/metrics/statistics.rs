//! The part of librdkafka's statistics that is used (librdkafka: `STATISTICS.md`).

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::panic::emit;

/// The JSON that librdkafka emits every `statistics.interval.ms`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Statistics {
    /// librdkafka's clock, in microseconds.
    ts: i64,
    /// The time since the client was created, in microseconds.
    age: i64,
    pub(super) brokers: BTreeMap<String, Broker>,
    pub(super) topics: BTreeMap<String, Topic>,
}

/// A connection. Several may go to the same broker.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Broker {
    /// Negative until the broker id is known.
    pub(super) nodeid: i32,
    pub(super) state: String,
    pub(super) waitresp_cnt: u64,
    tx: u64,
    txbytes: u64,
    rx: u64,
    rxbytes: u64,
    req: Requests,
    /// From a record's acceptance until its batch is built, in microseconds.
    pub(super) int_latency: Spread,
    /// From a request to its response, in microseconds.
    pub(super) rtt: Spread,
    /// In milliseconds; only throttled responses are counted.
    pub(super) throttle: Spread,
}

/// The number of requests sent, by kind.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Requests {
    #[serde(rename = "Produce")]
    produce: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Topic {
    /// In milliseconds; 0 if there is no metadata.
    pub(super) metadata_age: i64,
    pub(super) batchsize: Spread,
    pub(super) batchcnt: Spread,
}

/// The values of one interval.
#[derive(Debug, Default, Clone, Copy, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Spread {
    max: i64,
    sum: i64,
    cnt: i64,
}

/// The totals of one or several connections.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Traffic {
    pub(super) requests: u64,
    pub(super) responses: u64,
    pub(super) sent_bytes: u64,
    pub(super) received_bytes: u64,
    pub(super) produce_requests: u64,
}

impl Statistics {
    /// Parses librdkafka's statistics. librdkafka escapes nothing: a `client.id` with a quotation mark or a backslash makes invalid JSON.
    pub(super) fn read(json: &str) -> Option<Self> {
        serde_json::from_str(json).inspect_err(|error| emit!(debug, %error, "librdkafka's statistics are not valid JSON")).ok()
    }

    /// The seconds between the previous statistics and these, or since the client was created.
    pub(super) fn seconds_since(&self, before: Option<&Self>) -> f64 {
        let microseconds = before.map_or(self.age, |before| self.ts - before.ts);
        microseconds as f64 / 1e6
    }

    /// The traffic of the chosen connections.
    pub(super) fn traffic(&self, chosen: impl Fn(&Broker) -> bool) -> Traffic {
        self.brokers.values().filter(|broker| chosen(broker)).fold(Traffic::default(), |sum, broker| Traffic {
            requests: sum.requests + broker.tx,
            responses: sum.responses + broker.rx,
            sent_bytes: sum.sent_bytes + broker.txbytes,
            received_bytes: sum.received_bytes + broker.rxbytes,
            produce_requests: sum.produce_requests + broker.req.produce,
        })
    }
}

impl Spread {
    /// Merges several.
    pub(super) fn together(spreads: impl Iterator<Item = Self>) -> Self {
        spreads.filter(|spread| spread.cnt > 0).fold(Self::default(), |all, one| Self {
            max: all.max.max(one.max),
            sum: all.sum.saturating_add(one.sum),
            cnt: all.cnt.saturating_add(one.cnt),
        })
    }

    /// `None` if nothing was measured.
    pub(super) fn average(self) -> Option<f64> {
        (self.cnt > 0).then(|| self.sum as f64 / self.cnt as f64)
    }

    /// `None` if nothing was measured.
    pub(super) fn maximum(self) -> Option<f64> {
        (self.cnt > 0).then_some(self.max as f64)
    }

    pub(super) fn sum(self) -> f64 {
        self.sum as f64
    }
}
