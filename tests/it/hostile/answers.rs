//! Brokers that never respond correctly: each accepted record fails in time with a reason, and the producer closes.

use std::{env, os::unix::process::ExitStatusExt as _, process::Command, thread, time::Duration};

use futures::executor::block_on;
use ottla::{ErrorKind, Persistence, Producer, ProducerConfig, ProducerRecord};

use super::{Corruption, HostileBroker, Row, Table, chain, send};

const RECORDS: usize = 20;

/// The only broker whose fault is known: its ApiVersions response is valid, although it arrives byte by byte.
const UNABLE: &str = "a broker that supports no API";

/// Sends records to this broker.
pub(super) fn send_to(input: &'static str, broker: &HostileBroker, kind: ErrorKind) -> Row {
    let config = [
        ("bootstrap.servers", broker.address().to_string().as_str()),
        ("linger.ms", "0"),
        // With a timeout: long enough for a request to time out first. With an immediate error: long enough that it cannot time
        // out first.
        ("delivery.timeout.ms", if kind == ErrorKind::DeliveryTimeout { "4000" } else { "60000" }),
        ("request.timeout.ms", "1000"),
        ("librdkafka.socket.connection.setup.timeout.ms", "1000"),
    ]
    .into_iter()
    .fold(ProducerConfig::new(), |config, (name, value)| config.set(name, value).unwrap());
    let producer: Producer<str, str> = Producer::builder(config).build().unwrap();
    let sent = send(&producer, (0..RECORDS).map(|_| ProducerRecord::to("orders").value("v")));
    assert_eq!((sent.accepted, sent.acknowledged.len()), (RECORDS, 0), "{input}");
    for error in &sent.failed {
        assert_eq!((error.kind(), error.persistence()), (kind, Persistence::NotPersisted), "{input}: {}", chain(error));
    }
    assert!(block_on(producer.close(Duration::from_secs(60))).unwrap().is_empty(), "{input}: records without a report at close");
    assert!(broker.connections() > 0, "{input}: the broker saw no connection");
    let told = sent.told().replace(&broker.address().to_string(), "HOST:PORT");
    let (acknowledged, failed) = (sent.acknowledged.len(), sent.failed.len());
    Row { input, accepted: sent.accepted, acknowledged, failed, lost: sent.accepted - acknowledged - failed, told }
}

#[test]
fn every_record_fails_in_time_with_a_reason() {
    let brokers = [
        ("a broker that closes every connection", HostileBroker::closing()),
        ("a broker that never answers", HostileBroker::answering(Corruption::Silence)),
        ("garbage responses", HostileBroker::answering(Corruption::Garbage(1))),
        ("noise without framing", HostileBroker::answering(Corruption::Noise(7))),
        ("responses cut off by a closed connection", HostileBroker::answering(Corruption::HalfFrame)),
        ("responses that are too short", HostileBroker::answering(Corruption::CutShort)),
        ("frames of 2147483647 bytes", HostileBroker::answering(Corruption::Length(i32::MAX))),
        ("frames of -1 bytes", HostileBroker::answering(Corruption::Length(-1))),
        ("frames of 0 bytes", HostileBroker::answering(Corruption::Length(0))),
        ("responses to another request", HostileBroker::answering(Corruption::WrongId)),
        (UNABLE, HostileBroker::answering(Corruption::Drip)),
    ];
    let mut table = Table::default();
    thread::scope(|scope| {
        let rows: Vec<_> = brokers
            .iter()
            .map(|(input, broker)| {
                scope.spawn(move || {
                    send_to(input, broker, if *input == UNABLE { ErrorKind::Client } else { ErrorKind::DeliveryTimeout })
                })
            })
            .collect();
        rows.into_iter().for_each(|row| table.add(row.join().unwrap()));
    });
    table.finish();
}

#[test]
fn a_null_list_in_an_api_versions_response_aborts_the_process() {
    // librdkafka 2.12.1 uses the length -1 as a size (`rd_kafka_handle_ApiVersion`), and a wrapper cannot prevent that. This test
    // fails once librdkafka has a fix; docs/what-happens-when.md must be updated then.
    const TEST: &str = "hostile::answers::a_null_list_in_an_api_versions_response_aborts_the_process";
    const MARK: &str = "OTTLA_TEST_ENDS";
    if env::var_os(MARK).is_some() {
        send_to("zeros", &HostileBroker::answering(Corruption::Zeros), ErrorKind::DeliveryTimeout);
        return;
    }
    let output = Command::new(env::current_exe().unwrap()).args([TEST, "--exact", "--nocapture"]).env(MARK, "").output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.signal().is_some() && stderr.contains("rd_malloc: Assertion"), "{}: {stderr}", output.status);
}
