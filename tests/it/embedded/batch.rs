//! Many records with one future: `send_all` and the sink.

use futures::{SinkExt, StreamExt, executor::block_on, stream};
use ottla::{ErrorKind, ProducerRecord};

use super::{kafka, producer};
use crate::log;

fn record(n: usize) -> ProducerRecord<'static, str, str> {
    ProducerRecord::to("orders").value(format!("{n}"))
}

#[test]
fn send_all_returns_one_result() {
    let kafka = kafka(6);
    let producer = producer(&kafka, &[("buffer.memory", "50000")]);
    let metadata = block_on(async { producer.send_all((0..5000).map(record)).await.unwrap().await.unwrap() });
    assert_eq!(metadata.records(), 5000);
    assert_eq!(log::read(kafka.bootstrap_servers(), "orders").len(), 5000);
    let nothing = block_on(async { producer.send_all([]).await.unwrap().await.unwrap() });
    assert_eq!(nothing.records(), 0);
}

#[test]
fn send_all_returns_the_failed_records_and_sends_the_others() {
    let kafka = kafka(6);
    let producer = producer(&kafka, &[("max.request.size", "1000"), ("max.block.ms", "500")]);
    let records = (0..100).map(|n| match n {
        10 => ProducerRecord::to("orders").value("x".repeat(1000)),
        20 => record(n).partition(99),
        30 => record(n).partition(-1),
        n => record(n),
    });
    let error = block_on(async { producer.send_all(records).await.unwrap().await.unwrap_err() });
    assert_eq!(error.acknowledged(), 97);
    let failures: Vec<_> = error.failures().iter().map(|(index, error)| (*index, error.kind())).collect();
    assert_eq!(
        failures,
        [(10, ErrorKind::RecordTooLarge), (20, ErrorKind::UnknownTopicOrPartition), (30, ErrorKind::InvalidRecord)]
    );
    assert_eq!(error.to_string(), "3 of 100 records failed, first record 10 of the batch");
    assert_eq!(log::read(kafka.bootstrap_servers(), "orders").len(), 97);
}

#[test]
fn sink_accepts_a_forwarded_stream() {
    let kafka = kafka(6);
    let producer = producer(&kafka, &[("buffer.memory", "50000")]);
    block_on(stream::iter((0..5000).map(record).map(Ok)).forward(producer.sink())).unwrap();
    // `forward` closes the sink, which waits for all reports.
    assert_eq!(log::read(kafka.bootstrap_servers(), "orders").len(), 5000);
}

#[test]
fn failed_record_fails_the_sink() {
    let kafka = kafka(1);
    let producer = producer(&kafka, &[("max.block.ms", "500")]);
    let mut sink = producer.sink();
    block_on(async {
        sink.send(record(1)).await.unwrap();
        let error = sink.send(record(2).partition(9)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnknownTopicOrPartition);
        sink.send(record(3)).await.unwrap();
    });
    assert_eq!(log::read(kafka.bootstrap_servers(), "orders").len(), 2);
}
