//! Builds a snapshot from the meter and librdkafka's statistics.

use std::{collections::BTreeSet, time::Instant};

use super::{
    Metric, Metrics,
    catalog::{self as has, Definition},
    meter::{Meter, Timed},
    statistics::{Broker, Spread, Statistics, Topic, Traffic},
    window::{Beginning, Totals},
};
use crate::native::Counted;

/// The state of a producer at the time of a snapshot.
#[derive(Debug)]
pub(crate) struct Present<'a> {
    pub(crate) client_id: &'a str,
    pub(crate) now: Instant,
    /// `buffer.memory`, in bytes.
    pub(crate) buffer_total: usize,
    pub(crate) buffer_available: usize,
    /// Senders that wait for room in the buffer.
    pub(crate) waiting: usize,
    /// Counts by topic, with the largest record since the last sample.
    pub(crate) topics: Totals,
}

/// Shorter windows would give meaningless rates.
const SHORTEST: f64 = 1.0;

/// Builds a snapshot.
pub(crate) fn snapshot(present: Present<'_>, meter: &Meter) -> Metrics {
    let [last, before] = meter.statistics();
    let counted = LayerCounts { beginning: meter.beginning(present.now), totals: meter.totals(present.topics) };
    let mut collector = Collector { client_id: present.client_id.to_owned(), metrics: Vec::new() };
    counted.of_the_producer(&mut collector);
    collector.add(&has::BUFFER_TOTAL_BYTES, present.buffer_total as f64);
    collector.add(&has::BUFFER_AVAILABLE_BYTES, present.buffer_available as f64);
    collector.add(&has::WAITING_THREADS, present.waiting as f64);
    for (definition, call) in TIMES {
        collector.add(definition, meter.nanoseconds(call) as f64);
    }
    let measured = last.map(|last| Measured { last, before });
    if let Some(measured) = &measured {
        measured.of_the_producer(&mut collector);
    }
    counted.of_topics(&mut collector);
    if let Some(measured) = &measured {
        measured.of_nodes(&mut collector);
    }
    Metrics(collector.metrics)
}

/// The metric for the duration of each kind of call.
const TIMES: [(&Definition, Timed); 6] = [
    (&has::FLUSH_TIME, Timed::Flush),
    (&has::TXN_INIT_TIME, Timed::InitTransactions),
    (&has::TXN_BEGIN_TIME, Timed::BeginTransaction),
    (&has::TXN_SEND_OFFSETS_TIME, Timed::SendOffsets),
    (&has::TXN_COMMIT_TIME, Timed::Commit),
    (&has::TXN_ABORT_TIME, Timed::Abort),
];

/// Collects metrics and adds the tag `client-id`.
struct Collector {
    client_id: String,
    metrics: Vec<Metric>,
}

impl Collector {
    fn add(&mut self, definition: &'static Definition, value: impl Into<Option<f64>>) {
        self.add_tagged(definition, None, value);
    }

    fn add_tagged(
        &mut self,
        definition: &'static Definition,
        tag: Option<(&'static str, String)>,
        value: impl Into<Option<f64>>,
    ) {
        if let Some(value) = value.into().filter(|value| value.is_finite()) {
            let tags = [("client-id", self.client_id.clone())].into_iter().chain(tag).collect();
            self.metrics.push(Metric::new(definition, tags, value));
        }
    }
}

/// ottla's own counts, now and at the beginning of the window.
struct LayerCounts {
    totals: Totals,
    beginning: Beginning,
}

impl LayerCounts {
    fn rate(&self, now: u64, then: u64) -> f64 {
        now.saturating_sub(then) as f64 / self.beginning.seconds.max(SHORTEST)
    }

    fn of_the_producer(&self, collector: &mut Collector) {
        let (totals, before) = (&self.totals, &self.beginning.totals);
        let (sum, past) = (totals.sum(), before.sum());
        let (errors, past_errors) = (sum.failed + totals.refused, past.failed + before.refused);
        collector.add(&has::RECORD_SEND_TOTAL, sum.acknowledged as f64);
        collector.add(&has::RECORD_SEND_RATE, self.rate(sum.acknowledged, past.acknowledged));
        collector.add(&has::RECORD_ERROR_TOTAL, errors as f64);
        collector.add(&has::RECORD_ERROR_RATE, self.rate(errors, past_errors));
        let records = sum.acknowledged.saturating_sub(past.acknowledged);
        if records > 0 {
            collector.add(&has::RECORD_SIZE_AVG, sum.bytes.saturating_sub(past.bytes) as f64 / records as f64);
            collector.add(&has::RECORD_SIZE_MAX, sum.largest.max(self.beginning.largest) as f64);
        }
        collector.add(&has::BUFFER_EXHAUSTED_TOTAL, totals.exhausted as f64);
        collector.add(&has::BUFFER_EXHAUSTED_RATE, self.rate(totals.exhausted, before.exhausted));
    }

    fn of_topics(&self, collector: &mut Collector) {
        let pairs: [Total<Counted>; 3] = [
            (&has::TOPIC_RECORD_SEND_TOTAL, &has::TOPIC_RECORD_SEND_RATE, |counted| counted.acknowledged),
            (&has::TOPIC_RECORD_ERROR_TOTAL, &has::TOPIC_RECORD_ERROR_RATE, |counted| counted.failed),
            (&has::TOPIC_BYTE_TOTAL, &has::TOPIC_BYTE_RATE, |counted| counted.bytes),
        ];
        for (total, rate, of) in pairs {
            for (topic, counted) in &self.totals.topics {
                collector.add_tagged(total, Some(("topic", topic.to_string())), of(counted) as f64);
            }
            for (topic, counted) in &self.totals.topics {
                let past = self.beginning.totals.topics.get(topic).map_or(0, of);
                collector.add_tagged(rate, Some(("topic", topic.to_string())), self.rate(of(counted), past));
            }
        }
    }
}

/// librdkafka's measurements of the last interval.
struct Measured {
    last: Statistics,
    before: Option<Statistics>,
}

impl Measured {
    fn topics(&self, spread: fn(&Topic) -> Spread) -> Spread {
        Spread::together(self.last.topics.values().map(spread))
    }

    /// Metrics of the chosen connections.
    fn brokers(&self, chosen: impl Fn(&Broker) -> bool, spread: fn(&Broker) -> Spread) -> Spread {
        Spread::together(self.last.brokers.values().filter(|broker| chosen(broker)).map(spread))
    }

    /// The traffic up to now, and up to the beginning of the interval.
    fn traffic(&self, chosen: impl Fn(&Broker) -> bool) -> [Traffic; 2] {
        [self.last.traffic(&chosen), self.before.as_ref().map(|before| before.traffic(&chosen)).unwrap_or_default()]
    }

    fn rate(&self, now: u64, then: u64) -> f64 {
        now.saturating_sub(then) as f64 / self.last.seconds_since(self.before.as_ref())
    }

    fn of_the_producer(&self, collector: &mut Collector) {
        let batch_size = self.topics(|topic| topic.batchsize);
        collector.add(&has::BATCH_SIZE_AVG, batch_size.average());
        collector.add(&has::BATCH_SIZE_MAX, batch_size.maximum());
        collector.add(&has::RECORDS_PER_REQUEST_AVG, self.topics(|topic| topic.batchcnt).average());
        let queue_time = self.brokers(|_| true, |broker| broker.int_latency);
        collector.add(&has::RECORD_QUEUE_TIME_AVG, queue_time.average().map(milliseconds));
        collector.add(&has::RECORD_QUEUE_TIME_MAX, queue_time.maximum().map(milliseconds));
        let latency = self.brokers(|_| true, |broker| broker.rtt);
        collector.add(&has::REQUEST_LATENCY_AVG, latency.average().map(milliseconds));
        collector.add(&has::REQUEST_LATENCY_MAX, latency.maximum().map(milliseconds));
        let brokers = || self.last.brokers.values();
        collector.add(&has::REQUESTS_IN_FLIGHT, brokers().map(|broker| broker.waitresp_cnt).sum::<u64>() as f64);
        let [traffic, past] = self.traffic(|_| true);
        let produced = traffic.produce_requests.saturating_sub(past.produce_requests);
        if produced > 0 {
            // librdkafka's own average omits responses that were not throttled.
            let throttle = self.brokers(|_| true, |broker| broker.throttle);
            collector.add(&has::PRODUCE_THROTTLE_TIME_AVG, throttle.sum() / produced as f64);
            collector.add(&has::PRODUCE_THROTTLE_TIME_MAX, throttle.maximum().unwrap_or(0.0));
        }
        let age = self.last.topics.values().map(|topic| topic.metadata_age).filter(|&age| age > 0).max();
        collector.add(&has::METADATA_AGE, age.map(|age| age as f64 / 1000.0));
        collector.add(&has::CONNECTION_COUNT, brokers().filter(|broker| broker.state == "UP").count() as f64);
        for (total, rate, of) in TRAFFIC {
            collector.add(total, of(&traffic) as f64);
            collector.add(rate, self.rate(of(&traffic), of(&past)));
        }
    }

    fn of_nodes(&self, collector: &mut Collector) {
        let nodes: BTreeSet<i32> = self.last.brokers.values().map(|broker| broker.nodeid).filter(|&node| node >= 0).collect();
        let latency = |node| self.brokers(|broker| broker.nodeid == node, |broker| broker.rtt);
        for &node in &nodes {
            let average = latency(node).average().map(milliseconds);
            collector.add_tagged(&has::NODE_REQUEST_LATENCY_AVG, tag(node), average);
        }
        for &node in &nodes {
            let maximum = latency(node).maximum().map(milliseconds);
            collector.add_tagged(&has::NODE_REQUEST_LATENCY_MAX, tag(node), maximum);
        }
        for (total, rate, of) in NODE_TRAFFIC {
            for &node in &nodes {
                let [traffic, _] = self.traffic(|broker| broker.nodeid == node);
                collector.add_tagged(total, tag(node), of(&traffic) as f64);
            }
            for &node in &nodes {
                let [traffic, past] = self.traffic(|broker| broker.nodeid == node);
                collector.add_tagged(rate, tag(node), self.rate(of(&traffic), of(&past)));
            }
        }
    }
}

/// A total, its rate, and how to read it.
type Total<T> = (&'static Definition, &'static Definition, fn(&T) -> u64);

const TRAFFIC: [Total<Traffic>; 4] = [
    (&has::REQUEST_TOTAL, &has::REQUEST_RATE, |traffic| traffic.requests),
    (&has::RESPONSE_TOTAL, &has::RESPONSE_RATE, |traffic| traffic.responses),
    (&has::OUTGOING_BYTE_TOTAL, &has::OUTGOING_BYTE_RATE, |traffic| traffic.sent_bytes),
    (&has::INCOMING_BYTE_TOTAL, &has::INCOMING_BYTE_RATE, |traffic| traffic.received_bytes),
];

const NODE_TRAFFIC: [Total<Traffic>; 4] = [
    (&has::NODE_REQUEST_TOTAL, &has::NODE_REQUEST_RATE, |traffic| traffic.requests),
    (&has::NODE_RESPONSE_TOTAL, &has::NODE_RESPONSE_RATE, |traffic| traffic.responses),
    (&has::NODE_OUTGOING_BYTE_TOTAL, &has::NODE_OUTGOING_BYTE_RATE, |traffic| traffic.sent_bytes),
    (&has::NODE_INCOMING_BYTE_TOTAL, &has::NODE_INCOMING_BYTE_RATE, |traffic| traffic.received_bytes),
];

fn milliseconds(microseconds: f64) -> f64 {
    microseconds / 1000.0
}

fn tag(node: i32) -> Option<(&'static str, String)> {
    Some(("node-id", node_id(node)))
}

/// A broker id in the form of Java's tag.
pub(super) fn node_id(node: i32) -> String {
    format!("node-{node}")
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc, time::Duration};

    use super::*;

    fn counted(acknowledged: u64, failed: u64, bytes: u64, largest: u64) -> Counted {
        Counted { acknowledged, failed, bytes, largest }
    }

    fn totals(topics: &[(&str, Counted)]) -> Totals {
        let topics: BTreeMap<_, _> = topics.iter().map(|(topic, counted)| (Arc::from(*topic), *counted)).collect();
        Totals { topics, ..Totals::default() }
    }

    fn taken(meter: &Meter, now: Instant, topics: Totals) -> Metrics {
        let present = Present { client_id: "me", now, buffer_total: 100, buffer_available: 60, waiting: 2, topics };
        snapshot(present, meter)
    }

    #[test]
    fn own_counts_need_no_statistics() {
        let start = Instant::now();
        let meter = Meter::new(start);
        meter.refuse(3);
        meter.exhaust();
        for (nanoseconds, call) in (17..).zip(TIMES.map(|(_, call)| call)) {
            meter.took(call, Duration::from_nanos(nanoseconds));
        }
        let at = |seconds| start + Duration::from_secs(seconds);
        meter.sample(at(5), || totals(&[("a", counted(10, 0, 100, 70))]));
        let metrics = taken(&meter, at(10), totals(&[("a", counted(20, 2, 300, 30)), ("b", counted(0, 1, 0, 0))]));
        for (name, value) in [
            ("record-send-total", 20.0),
            ("record-send-rate", 2.0),
            ("record-error-total", 6.0),
            ("record-error-rate", 0.6),
            ("record-size-avg", 15.0),
            ("record-size-max", 70.0),
            ("buffer-total-bytes", 100.0),
            ("buffer-available-bytes", 60.0),
            ("buffer-exhausted-total", 1.0),
            ("waiting-threads", 2.0),
            ("flush-time-ns-total", 17.0),
            ("txn-init-time-ns-total", 18.0),
            ("txn-begin-time-ns-total", 19.0),
            ("txn-send-offsets-time-ns-total", 20.0),
            ("txn-commit-time-ns-total", 21.0),
            ("txn-abort-time-ns-total", 22.0),
        ] {
            assert_eq!(metrics.value(name), Some(value), "{name}");
        }
        assert_eq!(metrics.topic_value("a", "byte-total"), Some(300.0));
        assert_eq!(metrics.topic_value("a", "byte-rate"), Some(30.0));
        assert_eq!(metrics.topic_value("b", "record-error-total"), Some(1.0));
        assert_eq!(metrics.topic_value("c", "record-error-total"), None);
        assert_eq!(metrics.value("request-total"), None);
        assert!(metrics.iter().all(|metric| metric.tag("client-id") == Some("me")));
    }

    #[test]
    fn average_without_values_is_absent() {
        let now = Instant::now();
        let metrics = taken(&Meter::new(now), now, Totals::default());
        assert_eq!((metrics.value("record-send-total"), metrics.value("record-send-rate")), (Some(0.0), Some(0.0)));
        assert_eq!((metrics.value("record-size-avg"), metrics.value("record-size-max")), (None, None));
    }

    #[test]
    fn librdkafka_values_have_java_names_and_units() {
        let now = Instant::now();
        let meter = Meter::new(now);
        let broker = |tx: u64, produce: u64| {
            format!(
                r#"{{"nodeid":1,"state":"UP","waitresp_cnt":3,"tx":{tx},"txbytes":1000,"rx":7,"rxbytes":70,"req":{{"Produce":{produce}}},
                    "int_latency":{{"max":5000,"sum":8000,"cnt":4}},"rtt":{{"max":3000,"sum":4000,"cnt":2}},
                    "throttle":{{"max":90,"sum":100,"cnt":2}}}}"#
            )
        };
        let statistics = |ts: u64, one: String| {
            format!(
                r#"{{"ts":{ts},"age":2000000,"brokers":{{"a:1/1":{one},"a:2/bootstrap":{{"nodeid":-1,"state":"INIT","tx":1}}}},"topics":{{
                    "orders":{{"metadata_age":4500,"batchsize":{{"max":800,"sum":1200,"cnt":3}},"batchcnt":{{"max":9,"sum":12,"cnt":3}}}},
                    "empty":{{"metadata_age":0,"batchsize":{{"max":0,"sum":0,"cnt":0}}}}}}}}"#
            )
        };
        meter.keep_statistics(statistics(10_000_000, broker(10, 6)));
        let first = taken(&meter, now, Totals::default());
        assert_eq!(first.value("request-rate"), Some(5.5), "since the start, two seconds before");
        meter.keep_statistics(statistics(14_000_000, broker(30, 16)));
        let metrics = taken(&meter, now, Totals::default());
        for (name, value) in [
            ("batch-size-avg", 400.0),
            ("batch-size-max", 800.0),
            ("records-per-request-avg", 4.0),
            ("record-queue-time-avg", 2.0),
            ("record-queue-time-max", 5.0),
            ("request-latency-avg", 2.0),
            ("request-latency-max", 3.0),
            ("requests-in-flight", 3.0),
            ("produce-throttle-time-avg", 10.0),
            ("produce-throttle-time-max", 90.0),
            ("metadata-age", 4.5),
            ("connection-count", 1.0),
            ("request-total", 31.0),
            ("request-rate", 5.0),
            ("response-total", 7.0),
            ("outgoing-byte-total", 1000.0),
            ("incoming-byte-total", 70.0),
        ] {
            assert_eq!(metrics.value(name), Some(value), "{name}");
        }
        assert_eq!(metrics.node_value(1, "request-latency-avg"), Some(2.0));
        assert_eq!((metrics.node_value(1, "request-total"), metrics.node_value(1, "request-rate")), (Some(30.0), Some(5.0)));
        assert_eq!(metrics.node_value(-1, "request-total"), None, "a connection whose broker is not known yet");
    }

    #[test]
    fn invalid_statistics_leave_own_counts() {
        let now = Instant::now();
        let meter = Meter::new(now);
        meter.keep_statistics("{\"client_id\":\"a\"b\"}".to_owned());
        let metrics = taken(&meter, now, Totals::default());
        assert_eq!((metrics.value("record-send-total"), metrics.value("request-total")), (Some(0.0), None));
    }
}
