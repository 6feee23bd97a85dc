//! Which errors the program gets.

use super::*;
use ottla::{
    ErrorKind,
    testing::{ApiKey, BrokerError},
};

#[test]
fn errors_that_java_throws_are_items_and_consuming_continues() {
    let kafka = kafka(1);
    write(&kafka, 0, 0..3);
    kafka.fail_next(ApiKey::Fetch, &[BrokerError::TOPIC_AUTHORIZATION_FAILED]).unwrap();
    let consumer = subscribed(&kafka, &[]);
    let error = block_on(soon(consumer.recv())).unwrap().unwrap_err();
    assert_eq!((error.kind(), error.error().code()), (ErrorKind::Authorization, Some(29)));
    assert!(error.to_string().starts_with("topic orders, partition 0: "), "{error}");
    assert!(error.record().is_none() && !error.error().is_fatal());
    assert_eq!(values(&take(&consumer, 3)), [0, 1, 2]);
}

#[test]
fn offset_out_of_range_without_reset_is_an_error() {
    let kafka = kafka(1);
    write(&kafka, 0, 0..3);
    let consumer = builder(&kafka, &[("auto.offset.reset", "none")]).build().unwrap();
    block_on(consumer.assign([("orders", 0)])).unwrap();
    let error = block_on(soon(consumer.recv())).unwrap().unwrap_err();
    assert_eq!(error.error().name(), Some("_AUTO_OFFSET_RESET"), "{error:?}");
    assert!(error.to_string().starts_with("topic orders, partition 0: "), "{error}");
}

#[test]
fn broker_outage_is_not_an_item() {
    let kafka = kafka(1);
    let consumer = subscribed(&kafka, &[]);
    write(&kafka, 0, 0..1);
    assert_eq!(values(&take(&consumer, 1)), [0]);
    kafka.broker_down(1).unwrap();
    assert!(is_quiet(&consumer));
    kafka.broker_up(1).unwrap();
    write(&kafka, 0, 1..2);
    assert_eq!(values(&take(&consumer, 1)), [1]);
}

#[test]
fn settings_that_librdkafka_rejects_are_named() {
    let kafka = kafka(1);
    let config = config(&kafka, &[("security.protocol", "SSL"), ("librdkafka.ssl.cipher.suites", "nonsense")]);
    let error = Consumer::<(), ()>::builder(config).build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().starts_with("librdkafka rejects "), "{error}");
}
