//! Hooks for programs without `tracing`, and the state of a producer without a send.

use std::{sync::mpsc, time::Duration};

use futures::executor::block_on;
use ottla::{Error, Producer, ProducerRecord, testing::ApiKey};

use super::{config, kafka};

const GUARD: Duration = Duration::from_secs(120);

#[test]
fn fatal_error_is_reported_by_the_producer_and_to_on_error() {
    let kafka = kafka(1);
    // A broker without idempotence.
    kafka.limit_version(ApiKey::InitProducerId, None).unwrap();
    let (sender, errors) = mpsc::channel::<Error>();
    let builder = Producer::builder(config(&kafka)).on_error(move |error| drop(sender.send(error.clone())));
    let producer: Producer<str, str> = builder.drop_timeout(Duration::ZERO).build().unwrap();
    let failed = block_on(async { producer.send(ProducerRecord::to("orders").value("v")).await?.await }).unwrap_err();
    assert!(failed.is_fatal(), "{failed:?}");
    let fatal = producer.fatal_error().unwrap();
    assert!(fatal.is_fatal() && fatal.code() == Some(-165), "{fatal:?}");
    let heard = loop {
        let error = errors.recv_timeout(GUARD).unwrap();
        if error.is_fatal() {
            break error;
        }
    };
    assert_eq!((heard.code(), heard.kind()), (fatal.code(), fatal.kind()));
}

#[test]
fn hooks_get_librdkafka_s_log_and_statistics() {
    let kafka = kafka(1);
    let config =
        config(&kafka).set("librdkafka.statistics.interval.ms", "10").unwrap().set("librdkafka.debug", "broker").unwrap();
    let ((log, lines), (statistics, reports)) = (mpsc::channel(), mpsc::channel());
    let producer: Producer<str, str> = Producer::builder(config)
        .on_log(move |line| drop(log.send((line.level(), line.facility().to_owned(), line.message().to_owned()))))
        .on_statistics(move |json| drop(statistics.send(json.to_owned())))
        .build()
        .unwrap();
    let report: serde_json::Value = serde_json::from_str(&reports.recv_timeout(GUARD).unwrap()).unwrap();
    assert_eq!(report["type"], "producer");
    let (level, facility, message) = lines.recv_timeout(GUARD).unwrap();
    assert!(level <= 7 && !facility.is_empty() && !message.is_empty(), "{level} {facility} {message}");
    drop(producer);
}
