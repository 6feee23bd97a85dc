//! The time after which failed logins fail the records.

use ottla::{ErrorKind, Producer, ProducerConfig, ProducerRecord};

use ottla_test_support::echoing_broker::EchoingBroker;

/// The kind of a record's error with these settings, if every login fails.
fn refused(settings: &[(&str, &str)]) -> ErrorKind {
    let broker = EchoingBroker::start();
    let common = [
        ("bootstrap.servers", broker.address()),
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanism", "PLAIN"),
        ("sasl.jaas.config", "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"a\" password=\"p\";"),
        ("request.timeout.ms", "1000"),
    ];
    let config = ProducerConfig::from_pairs(common.iter().chain(settings).copied()).unwrap();
    let producer: Producer<str, str> = Producer::builder(config).build().unwrap();
    producer.blocking().send(ProducerRecord::to("orders").value("v")).unwrap().wait().unwrap_err().kind()
}

#[test]
fn time_until_failed_logins_fail_records_is_a_setting() {
    // Longer than the default of three seconds: the record's own timeout ends first.
    let patient = [("ottla.authentication.timeout.ms", "600000"), ("delivery.timeout.ms", "6000")];
    assert_eq!(refused(&patient), ErrorKind::DeliveryTimeout);
    assert_eq!(refused(&[("ottla.authentication.timeout.ms", "0")]), ErrorKind::Authentication);
    assert_eq!(refused(&[]), ErrorKind::Authentication);
}
