//! Corrupted responses: once the corruption ends, every record is delivered.

use std::thread;

use ottla::{Persistence, Producer, ProducerRecord};

use super::super::{config, kafka};
use crate::{
    hostile::{CorruptingProxy, Corruption, Row, Table, lost, send},
    log,
};

const PRODUCE: i16 = 0;
const METADATA: i16 = 3;
const API_VERSIONS: i16 = 18;
const INIT_PRODUCER_ID: i16 = 22;

const RECORDS: usize = 200;

/// Sends records through a proxy that corrupts the first responses with this api key.
fn heal(input: &'static str, api_key: i16, corruption: Corruption) -> Row {
    let kafka = kafka(1);
    let proxy = CorruptingProxy::start(kafka.bootstrap_servers());
    proxy.corrupt(api_key, corruption, 3);
    let config = [
        ("bootstrap.servers", proxy.bootstrap_servers().as_str()),
        ("request.timeout.ms", "1000"),
        ("retry.backoff.ms", "20"),
        ("reconnect.backoff.max.ms", "100"),
        // Several batches, each in its own request.
        ("librdkafka.batch.num.messages", "20"),
    ]
    .into_iter()
    .fold(config(&kafka), |config, (name, value)| config.set(name, value).unwrap());
    let producer: Producer<str, str> = Producer::builder(config).build().unwrap();
    let values: Vec<_> = (0..RECORDS).map(|n| n.to_string()).collect();
    let sent = send(&producer, values.iter().map(|value| ProducerRecord::to("orders").value(&**value)));
    assert_eq!(proxy.left(), 0, "{input}: not all responses were corrupted");
    let found = log::read(kafka.bootstrap_servers(), "orders");
    let (acknowledged, failed) = (sent.acknowledged.len(), sent.failed.len());
    for error in &sent.failed {
        assert_eq!(error.persistence(), Persistence::PossiblyPersisted, "{input}: {error}");
    }
    // The corruption affected these records, and not the producer.
    let after = send(&producer, [ProducerRecord::to("orders").value("after")]);
    assert_eq!(after.acknowledged.len(), 1, "{input}: {}", after.told());
    let lost = lost(&sent.acknowledged, &found);
    if failed == 0 {
        assert!(values.iter().all(|value| found.iter().any(|found| found.value_text() == value)), "{input}");
    }
    Row { input, accepted: sent.accepted, acknowledged, failed, lost, told: sent.told() }
}

#[test]
fn records_are_delivered_once_the_corruption_ends() {
    let mut table = Table::default();
    thread::scope(|scope| {
        let rows: Vec<_> = [
            ("garbage for ApiVersions, three times", API_VERSIONS, Corruption::Garbage(1)),
            ("garbage for Metadata, three times", METADATA, Corruption::Garbage(2)),
            ("garbage for InitProducerId, three times", INIT_PRODUCER_ID, Corruption::Garbage(3)),
            ("garbage for Produce, three times", PRODUCE, Corruption::Garbage(4)),
            ("half an answer to Metadata, three times", METADATA, Corruption::HalfFrame),
            ("half an answer to Produce, three times", PRODUCE, Corruption::HalfFrame),
            ("too short an answer to Metadata, three times", METADATA, Corruption::CutShort),
            ("too short an answer to Produce, three times", PRODUCE, Corruption::CutShort),
            ("no answer to Produce, three times", PRODUCE, Corruption::Silence),
            ("another's answer to Produce, three times", PRODUCE, Corruption::WrongId),
            ("a frame of 2147483647 bytes for Produce, three times", PRODUCE, Corruption::Length(i32::MAX)),
            ("the connection closed for Produce, three times", PRODUCE, Corruption::Close),
            ("answers to Produce a byte at a time", PRODUCE, Corruption::Drip),
        ]
        .map(|(input, api_key, corruption)| scope.spawn(move || heal(input, api_key, corruption)))
        .into();
        rows.into_iter().for_each(|row| table.add(row.join().unwrap()));
    });
    table.finish();
}
