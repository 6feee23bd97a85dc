//! The errors of records in a batch that a broker rejects.

use futures::executor::block_on;
use ottla::{
    Delivery, Error, ErrorKind, Persistence, ProducerRecord,
    testing::{ApiKey, BrokerError, EmbeddedKafka},
};

use super::{ends, kafka, producer};
use crate::hostile::{CorruptingProxy, Corruption};

/// API keys and versions of the protocol.
const PRODUCE: i16 = 0;

/// Sends these records in one batch and returns their errors. It uses a new producer, because after a flush records may not linger.
fn send(kafka: &EmbeddedKafka, settings: &[(&str, &str)], values: &[&str]) -> Vec<Error> {
    let producer = producer(kafka, &[settings, &[("linger.ms", "60000")]].concat());
    block_on(producer.partitions_for("orders")).unwrap();
    let deliveries: Vec<Delivery> =
        values.iter().map(|value| producer.try_send(ProducerRecord::to("orders").value(*value)).unwrap()).collect();
    block_on(producer.flush()).unwrap();
    deliveries.into_iter().map(|delivery| block_on(delivery).unwrap_err()).collect()
}

#[test]
fn batch_too_large_does_not_blame_the_record() {
    ends(|| {
        let kafka = kafka(1);
        for code in [BrokerError::MESSAGE_TOO_LARGE, BrokerError::RECORD_LIST_TOO_LARGE] {
            kafka.fail_next(ApiKey::Produce, &[code]).unwrap();
            for error in send(&kafka, &[], &["a", "b", "c"]) {
                assert_eq!((error.kind(), error.persistence()), (ErrorKind::BatchTooLarge, Persistence::NotPersisted), "{error}");
                assert!(!error.is_retriable() && error.is_abortable() && !error.is_fatal());
                assert!(error.to_string().contains("its batch of 3 records"), "{error}");
                assert!(error.advice().is_some_and(|advice| advice.contains("batch.size")), "{error}");
            }
            kafka.fail_next(ApiKey::Produce, &[code]).unwrap();
            let alone = send(&kafka, &[], &["a"]).remove(0);
            assert_eq!((alone.kind(), alone.persistence()), (ErrorKind::RecordTooLarge, Persistence::NotPersisted), "{alone}");
        }
    });
}

#[test]
fn record_is_not_invalid_if_the_broker_names_none() {
    ends(|| {
        let kafka = kafka(1);
        for code in [BrokerError::INVALID_TIMESTAMP, BrokerError::INVALID_RECORD] {
            kafka.fail_next(ApiKey::Produce, &[code]).unwrap();
            for error in send(&kafka, &[], &["a", "b"]) {
                assert_eq!((error.kind(), error.code()), (ErrorKind::BatchRejected, Some(code.code().into())), "{error}");
                assert!(error.to_string().contains("its batch of 2 records because of one of them"), "{error}");
                assert!(!error.is_retriable(), "with the invalid record it would be rejected again");
            }
            kafka.fail_next(ApiKey::Produce, &[code]).unwrap();
            assert_eq!(send(&kafka, &[], &["a"]).remove(0).kind(), ErrorKind::InvalidRecord);
        }
    });
}

#[test]
fn valid_records_of_a_rejected_batch_can_be_sent_again() {
    ends(|| {
        let kafka = kafka(1);
        let between = CorruptingProxy::start(kafka.bootstrap_servers());
        between.corrupt(PRODUCE, Corruption::Rewritten(|answer| refuse_the_second(answer, b"too old")), 1);
        let errors = send(&kafka, &[("bootstrap.servers", &between.bootstrap_servers())], &["a", "b", "c"]);
        assert_eq!((errors[1].kind(), errors[1].code()), (ErrorKind::InvalidRecord, Some(32)), "{}", errors[1]);
        assert_eq!((errors[1].broker_message(), errors[1].is_retriable()), (Some("too old"), false));
        for good in [&errors[0], &errors[2]] {
            assert_eq!((good.kind(), good.name()), (ErrorKind::BatchRejected, Some("_INVALID_DIFFERENT_RECORD")), "{good}");
            assert_eq!((good.is_retriable(), good.persistence()), (true, Persistence::NotPersisted));
            assert_eq!(good.broker_message(), None, "the broker sent no message for this record");
        }
    });
}

/// A response to a produce request (version 10) that rejects the batch because of its second record (KIP-467).
fn refuse_the_second(answer: &[u8], why: &[u8]) -> Vec<u8> {
    let compact = |bytes: &[u8]| [&[u8::try_from(bytes.len() + 1).unwrap()], bytes].concat();
    let invalid_timestamp = 32_i16.to_be_bytes();
    let second = [&1_i32.to_be_bytes()[..], &compact(why), &[0]].concat();
    [
        &answer[..4], // correlation id
        &[0, 2],      // no tags; one topic
        &compact(b"orders"),
        &[2, 0, 0, 0, 0], // one partition, 0
        &invalid_timestamp,
        &[0xff; 16],          // no offset, no timestamp
        &0_i64.to_be_bytes(), // log start offset
        &[2],                 // one record error
        &second,
        &[0, 0, 0],       // no text for the batch; no tags
        &[0, 0, 0, 0, 0], // not throttled; no tags
    ]
    .concat()
}
