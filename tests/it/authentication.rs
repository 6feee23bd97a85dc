//! How long a producer bears that no broker lets it in.

use ottla::{ErrorKind, Producer, ProducerConfig, ProducerRecord};

use ottla_test_support::echoing_broker::EchoingBroker;

/// The error of a record that is sent with these settings where every login is refused.
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
fn how_long_refused_logins_are_borne_is_a_setting() {
    // Well above the three seconds that are the default: the record's own time ends first.
    let patient = [("ottla.authentication.timeout.ms", "600000"), ("delivery.timeout.ms", "6000")];
    assert_eq!(refused(&patient), ErrorKind::DeliveryTimeout);
    assert_eq!(refused(&[("ottla.authentication.timeout.ms", "0")]), ErrorKind::Authentication);
    assert_eq!(refused(&[]), ErrorKind::Authentication);
}
