//! Peers that never act like a broker: each accepted record fails in time, with a reason, and the producer closes.

use std::{env, os::unix::process::ExitStatusExt as _, process::Command, thread, time::Duration};

use futures::executor::block_on;
use ottla::{ErrorKind, Persistence, Producer, ProducerConfig, ProducerRecord};

use super::{Harm, HostileBroker, Row, Table, chain, send};

const RECORDS: usize = 20;

/// The only one with an immediate error: a valid response to ApiVersions without any API, sent byte by byte.
const UNABLE: &str = "a broker that knows no kind of request";

/// Sends records to such a peer.
pub(super) fn suffer(input: &'static str, broker: &HostileBroker, kind: ErrorKind) -> Row {
    let config = [
        ("bootstrap.servers", broker.address().to_string().as_str()),
        ("linger.ms", "0"),
        // Long enough for a request to time out first; for an immediate error so long that no other error can come first.
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
    assert!(block_on(producer.close(Duration::from_secs(60))).unwrap().is_empty(), "{input}: all records were reported before");
    assert!(broker.connections() > 0, "{input}: nobody came");
    let told = sent.told().replace(&broker.address().to_string(), "HOST:PORT");
    let (acknowledged, failed) = (sent.acknowledged.len(), sent.failed.len());
    Row { input, accepted: sent.accepted, acknowledged, failed, lost: sent.accepted - acknowledged - failed, told }
}

#[test]
fn records_fail_in_time_with_a_reason() {
    let brokers = [
        ("a broker that closes every connection", HostileBroker::closing()),
        ("a broker that never answers", HostileBroker::answering(Harm::Silence)),
        ("answers that are garbage", HostileBroker::answering(Harm::Garbage(1))),
        ("noise, which is not even framed", HostileBroker::answering(Harm::Noise(7))),
        ("answers that end in their middle", HostileBroker::answering(Harm::HalfFrame)),
        ("answers that are too short", HostileBroker::answering(Harm::CutShort)),
        ("frames of 2147483647 bytes", HostileBroker::answering(Harm::Length(i32::MAX))),
        ("frames of -1 bytes", HostileBroker::answering(Harm::Length(-1))),
        ("frames of 0 bytes", HostileBroker::answering(Harm::Length(0))),
        ("answers to another request", HostileBroker::answering(Harm::WrongId)),
        (UNABLE, HostileBroker::answering(Harm::Drip)),
    ];
    let mut table = Table::default();
    thread::scope(|scope| {
        let rows: Vec<_> = brokers
            .iter()
            .map(|(input, broker)| {
                scope.spawn(move || {
                    suffer(input, broker, if *input == UNABLE { ErrorKind::Client } else { ErrorKind::DeliveryTimeout })
                })
            })
            .collect();
        rows.into_iter().for_each(|row| table.add(row.join().unwrap()));
    });
    table.finish();
}

#[test]
fn null_array_in_api_versions_ends_the_process() {
    // librdkafka 2.12.1 reads the length -1 as a size (`rd_kafka_handle_ApiVersion`), which a wrapper cannot prevent. When librdkafka is
    // fixed, this test fails: then update docs/what-happens-when.md as well.
    const TEST: &str = "hostile::answers::null_array_in_api_versions_ends_the_process";
    const MARK: &str = "OTTLA_TEST_ENDS";
    if env::var_os(MARK).is_some() {
        suffer("zeros", &HostileBroker::answering(Harm::Zeros), ErrorKind::DeliveryTimeout);
        return;
    }
    let output = Command::new(env::current_exe().unwrap()).args([TEST, "--exact", "--nocapture"]).env(MARK, "").output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.signal().is_some() && stderr.contains("rd_malloc: Assertion"), "{}: {stderr}", output.status);
}
