//! Metrics, compared with the records that were sent and with the log.

use std::{thread, time::Duration};

use futures::executor::block_on;
use ottla::{
    Producer, ProducerRecord,
    metrics::Metrics,
    testing::{ApiKey, BrokerError, EmbeddedKafka},
};

use super::{config, kafka, producer};
use crate::log;

/// Takes snapshots until one satisfies `is_wanted`. The 30 seconds are no measurement.
fn metrics_when(producer: &Producer<str, str>, is_wanted: impl Fn(&Metrics) -> bool) -> Metrics {
    for _ in 0..1500 {
        let metrics = producer.metrics();
        if is_wanted(&metrics) {
            return metrics;
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("timeout: the metrics are not as expected:\n{}", producer.metrics().to_prometheus());
}

#[test]
fn metrics_count_sent_records() {
    let kafka = EmbeddedKafka::builder().topic("orders", 3).topic("payments", 1).start().unwrap();
    let producer = producer(&kafka, &[("max.request.size", "2000"), ("client.id", "shop")]);
    let send = |topic: &'static str, count: usize, size: usize| {
        let value = "x".repeat(size);
        for n in 0..count {
            producer.try_send(ProducerRecord::to(topic).key(&*format!("{n:04}")).value(&*value)).map(drop).unwrap();
        }
    };
    send("orders", 1000, 100);
    send("payments", 300, 6);
    block_on(producer.flush()).unwrap();
    // One record that the broker rejects, and two that never reach it.
    kafka.fail_next(ApiKey::Produce, &[BrokerError::MESSAGE_TOO_LARGE]).unwrap();
    block_on(async { producer.send(ProducerRecord::to("payments").value("v")).await.unwrap().await }).unwrap_err();
    block_on(producer.send(ProducerRecord::to("orders").value(&*"x".repeat(2000)))).unwrap_err();
    block_on(producer.send(ProducerRecord::to("no topic"))).unwrap_err();
    block_on(producer.flush()).unwrap();

    let metrics = producer.metrics();
    for (name, value) in [
        ("record-send-total", 1300.0),
        ("record-error-total", 3.0),
        ("record-size-avg", (1000.0 * 104.0 + 300.0 * 10.0) / 1300.0),
        ("record-size-max", 104.0),
        ("buffer-total-bytes", 32.0 * 1024.0 * 1024.0),
        ("buffer-available-bytes", 32.0 * 1024.0 * 1024.0),
        ("buffer-exhausted-total", 0.0),
        ("waiting-threads", 0.0),
    ] {
        assert_eq!(metrics.value(name), Some(value), "{name}");
    }
    for (topic, sent, failed, bytes) in [("orders", 1000.0, 0.0, 104_000.0), ("payments", 300.0, 1.0, 3000.0)] {
        let of = |name| metrics.topic_value(topic, name);
        assert_eq!((of("record-send-total"), of("record-error-total")), (Some(sent), Some(failed)), "{topic}");
        assert_eq!(of("byte-total"), Some(bytes), "{topic}");
        let found = log::read(kafka.bootstrap_servers(), topic);
        assert_eq!(of("record-send-total"), Some(found.len() as f64), "{topic}: records in the log");
    }
    assert!(metrics.value("record-send-rate").is_some_and(|rate| rate > 0.0));
    assert!(metrics.value("flush-time-ns-total").is_some_and(|time| time > 0.0));
    assert_eq!(metrics.value("request-total"), None, "needs librdkafka.statistics.interval.ms");
    let text = metrics.to_prometheus();
    assert!(text.contains("\nkafka_producer_topic_record_send_total{client_id=\"shop\",topic=\"orders\"} 1000\n"), "{text}");
}

#[test]
fn waiting_and_rejected_senders_are_counted() {
    let kafka = kafka(1);
    let producer = producer(&kafka, &[("buffer.memory", "4000"), ("max.block.ms", "2000")]);
    block_on(producer.partitions_for("orders")).unwrap();
    kafka.broker_down(1).unwrap();
    let value = "x".repeat(1000);
    let record = || ProducerRecord::to("orders").value(&*value);
    while producer.try_send(record()).is_ok() {}
    assert_eq!(producer.metrics().value("buffer-exhausted-total"), Some(1.0));
    let waiting = [producer.send(record()), producer.send(record())];
    let metrics = producer.metrics();
    assert_eq!(metrics.value("waiting-threads"), Some(2.0));
    assert_eq!(metrics.value("buffer-available-bytes"), Some(producer.buffer_available_bytes() as f64));
    for sending in waiting {
        block_on(sending).unwrap_err();
    }
    let metrics = producer.metrics();
    assert_eq!(metrics.value("waiting-threads"), Some(0.0));
    assert_eq!((metrics.value("buffer-exhausted-total"), metrics.value("record-error-total")), (Some(3.0), Some(3.0)));
    kafka.broker_up(1).unwrap();
}

#[test]
fn librdkafka_statistics_have_java_names() {
    let kafka = EmbeddedKafka::builder().brokers(2).topic("orders", 2).start().unwrap();
    kafka.set_leader("orders", 0, Some(1)).unwrap();
    kafka.set_leader("orders", 1, Some(2)).unwrap();
    kafka.set_round_trip_time(2, Duration::from_millis(50)).unwrap();
    kafka.track_requests();
    let config = config(&kafka).set("librdkafka.statistics.interval.ms", "100").unwrap();
    let producer: Producer<str, str> = Producer::builder(config).build().unwrap();
    let send_one_to_each = || {
        for partition in 0..2 {
            let record = ProducerRecord::to("orders").value("paid").partition(partition);
            block_on(async { producer.send(record).await.unwrap().await.unwrap() });
        }
    };
    // An average is that of one interval: the interval must contain values.
    let metrics = metrics_when(&producer, |metrics| {
        send_one_to_each();
        let measured = metrics.node_value(2, "request-latency-avg").is_some() && metrics.value("batch-size-avg").is_some();
        measured && metrics.value("request-total").is_some_and(|total| total > 20.0)
    });
    let value = |name| metrics.value(name).unwrap_or_else(|| panic!("{name}: {}", metrics.to_prometheus()));
    assert_eq!(value("records-per-request-avg"), 1.0, "each record was awaited");
    assert!(value("batch-size-avg") > 4.0 && value("batch-size-max") >= value("batch-size-avg"));
    assert!(value("record-queue-time-max") >= value("record-queue-time-avg"));
    assert!(metrics.node_value(2, "request-latency-max").unwrap() >= 50.0, "milliseconds");
    assert!(value("request-latency-max") >= metrics.node_value(2, "request-latency-max").unwrap());
    assert_eq!((value("produce-throttle-time-avg"), value("produce-throttle-time-max")), (0.0, 0.0));
    assert_eq!(value("connection-count"), 2.0);
    assert!(value("outgoing-byte-rate") > 0.0 && value("incoming-byte-total") > 0.0);
    // The requests that the brokers recorded. Those after the statistics were emitted are not included.
    let requests = kafka.stop_tracking();
    let total = value("request-total");
    assert!(total <= requests.len() as f64, "{total} of {}", requests.len());
    let by_node: f64 = (1..=2).filter_map(|node| metrics.node_value(node, "request-total")).sum();
    assert!(by_node <= total && by_node > 0.0, "{by_node} of {total}");
}
