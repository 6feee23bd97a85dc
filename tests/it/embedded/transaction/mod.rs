//! Transactions: all or nothing, and each error says what to do next.

mod flags;
mod refusal;
mod timing;

use std::time::Duration;

use super::{ends, kafka, producer};
use crate::log;
use futures::{FutureExt, executor::block_on, future::join_all};
use ottla::{
    ConsumerGroupMetadata, Error, ErrorKind, Offsets, Producer, ProducerRecord,
    testing::{ApiKey, BrokerError, EmbeddedKafka},
};

fn record(n: usize) -> ProducerRecord<'static, str, str> {
    ProducerRecord::to("orders").key(format!("{n}")).value(format!("value {n}"))
}

/// A transactional producer with these additional settings.
fn transactional(kafka: &EmbeddedKafka, settings: &[(&str, &str)]) -> Producer<str, str> {
    producer(kafka, &[&[("transactional.id", "tx")], settings].concat())
}

/// A producer that is ready for transactions.
fn ready(kafka: &EmbeddedKafka, settings: &[(&str, &str)]) -> Producer<str, str> {
    let producer = transactional(kafka, settings);
    // With a short max.block.ms this may take several calls.
    while let Err(error) = block_on(producer.init_transactions()) {
        assert!(error.is_retriable(), "{error:?}");
    }
    producer
}

/// Commits a transaction of one record.
fn commit_one(producer: &Producer<str, str>, n: usize) -> Result<(), Error> {
    block_on(async {
        let transaction = producer.begin_transaction().await?;
        drop(transaction.send(record(n)).await?);
        transaction.commit().await
    })
}

/// Commits a transaction of one record, and aborts as often as necessary. After a record that a broker rejected, one abort may be necessary:
/// librdkafka continues the partition's sequence numbers, and the broker has not seen those of the rejected record.
fn commit_one_in_the_end(producer: &Producer<str, str>, n: usize) {
    for _ in 0..2 {
        match commit_one(producer, n) {
            Ok(()) => return,
            Err(error) => assert_abortable(&error),
        }
    }
    panic!("too many aborts");
}

fn count(kafka: &EmbeddedKafka, api_key: ApiKey) -> usize {
    kafka.requests().iter().filter(|request| request.api_key() == api_key).count()
}

fn in_log(kafka: &EmbeddedKafka) -> usize {
    log::read(kafka.bootstrap_servers(), "orders").len()
}

/// Checks an abortable error.
#[track_caller]
fn assert_abortable(error: &Error) {
    assert_eq!(error.kind(), ErrorKind::TransactionFailed, "{error:?}");
    assert!(error.is_abortable() && !error.is_fatal() && !error.is_retriable(), "{error:?}");
}

/// Checks a fatal error.
#[track_caller]
fn assert_fatal(error: &Error, kind: ErrorKind) {
    assert_eq!(error.kind(), kind, "{error:?}");
    assert!(error.is_fatal() && !error.is_abortable() && !error.is_retriable(), "{error:?}");
}

fn source(error: &Error) -> String {
    std::error::Error::source(error).map(ToString::to_string).unwrap_or_default()
}

#[test]
fn commit_sends_lingering_records_and_waits_for_them() {
    let kafka = kafka(6);
    let producer = ready(&kafka, &[("linger.ms", "20000")]);
    kafka.track_requests();
    ends(move || {
        block_on(async {
            let transaction = producer.begin_transaction().await.unwrap();
            for n in 0..50 {
                drop(transaction.send(record(n)).await.unwrap());
                // As in Java, records sent with the producer belong to the transaction.
                drop(producer.send(record(n)).await.unwrap());
            }
            transaction.commit().await.unwrap();
            transaction.commit().await.unwrap();
            let error = transaction.send(record(0)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TransactionState);
        });
        producer.blocking().close(Duration::from_secs(30)).unwrap();
    });
    assert_eq!(in_log(&kafka), 100);
    assert!(count(&kafka, ApiKey::AddPartitionsToTxn) > 0);
    assert_eq!(count(&kafka, ApiKey::EndTxn), 1);
}

#[test]
fn calls_in_the_wrong_order_fail() {
    let kafka = kafka(1);
    let kind = |result: Result<(), Error>| {
        let error = result.unwrap_err();
        assert!(!error.is_fatal() && !error.is_retriable() && !error.is_abortable(), "{error:?}");
        (error.kind(), error.to_string())
    };
    let state = |result: Result<(), Error>, words: &str| {
        let (kind, text) = kind(result);
        assert!(kind == ErrorKind::TransactionState && text.contains(words), "{kind}: {text}");
    };
    let plain = producer(&kafka, &[]);
    state(block_on(plain.init_transactions()), "no transactional.id");
    state(block_on(plain.begin_transaction()).map(drop), "no transactional.id");

    let producer = transactional(&kafka, &[]);
    state(block_on(producer.begin_transaction()).map(drop), "init_transactions");
    state(block_on(producer.send(record(0))).map(drop), "init_transactions");
    block_on(producer.init_transactions()).unwrap();
    state(block_on(producer.init_transactions()), "already called");
    state(block_on(producer.send(record(0))).map(drop), "begin_transaction");
    state(producer.try_send(record(0)).map(drop).map_err(Error::from), "begin_transaction");

    let transaction = block_on(producer.begin_transaction()).unwrap();
    state(block_on(producer.begin_transaction()).map(drop), "a transaction is open");
    block_on(transaction.commit()).unwrap();
    state(block_on(transaction.abort()), "was committed");
    state(block_on(transaction.send_offsets(&Offsets::new(), &ConsumerGroupMetadata::new("g"))), "has ended");
    state(block_on(producer.send(record(0))).map(drop), "begin_transaction");

    let transaction = block_on(producer.begin_transaction()).unwrap();
    block_on(transaction.abort()).unwrap();
    block_on(transaction.abort()).unwrap();
    state(block_on(transaction.commit()), "was aborted");
    drop(transaction);
    commit_one(&producer, 1).unwrap();
    assert_eq!(in_log(&kafka), 1);
}

#[test]
fn abort_discards_unsent_records() {
    let kafka = kafka(1);
    let producer = ready(&kafka, &[("linger.ms", "20000")]);
    kafka.track_requests();
    let transaction = block_on(producer.begin_transaction()).unwrap();
    let deliveries: Vec<_> = (0..10).map(|n| block_on(transaction.send(record(n))).unwrap()).collect();
    block_on(transaction.abort()).unwrap();
    for delivery in deliveries {
        let error = block_on(delivery).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::GivenUp, "{error:?}");
        assert!(error.to_string().contains("aborted"), "{error}");
    }
    commit_one(&producer, 10).unwrap();
    let unsent = producer.blocking().close(Duration::from_secs(30)).unwrap();
    assert!(unsent.is_empty(), "records of an aborted transaction were returned: {unsent:?}");
    assert_eq!(in_log(&kafka), 1);
}

#[test]
fn dropping_a_transaction_aborts_it_before_the_next_begins() {
    let kafka = kafka(1);
    let producer = ready(&kafka, &[]);
    kafka.track_requests();
    for n in 0..5 {
        let transaction = block_on(producer.begin_transaction()).unwrap();
        block_on(block_on(transaction.send(record(n))).unwrap()).unwrap();
        drop(transaction);
    }
    commit_one(&producer, 5).unwrap();
    assert_eq!(count(&kafka, ApiKey::EndTxn), 6);
}

#[test]
fn dropped_begin_leaves_no_open_transaction() {
    let kafka = kafka(1);
    let producer = ready(&kafka, &[]);
    // Each time the thread may be at another point of a transaction that is no longer wanted.
    for round in 0..100 {
        for _ in 0..=round % 3 {
            drop(producer.begin_transaction().now_or_never());
        }
        drop(block_on(producer.begin_transaction()).unwrap());
    }
    commit_one(&producer, 0).unwrap();
}

#[test]
fn rejected_record_fails_its_transaction_as_in_java() {
    let kafka = kafka(1);
    let producer = ready(&kafka, &[("max.request.size", "1000")]);
    let transaction = block_on(producer.begin_transaction()).unwrap();
    drop(block_on(transaction.send(record(0))).unwrap());
    let large = ProducerRecord::to("orders").value("x".repeat(2000));
    let refused = block_on(transaction.send(large)).unwrap_err();
    assert!(refused.kind() == ErrorKind::RecordTooLarge && refused.is_abortable(), "{refused:?}");
    let error = block_on(transaction.send(record(1))).unwrap_err();
    assert_abortable(&error);
    let error = block_on(transaction.commit()).unwrap_err();
    assert_abortable(&error);
    assert!(source(&error).contains("max.request.size"), "{error:?}");
    block_on(transaction.abort()).unwrap();
    commit_one(&producer, 2).unwrap();
}

#[test]
fn record_rejected_by_the_broker_fails_its_transaction() {
    let kafka = kafka(1);
    let producer = ready(&kafka, &[]);
    kafka.fail_next(ApiKey::Produce, &[BrokerError::INVALID_RECORD]).unwrap();
    let transaction = block_on(producer.begin_transaction()).unwrap();
    let delivery = block_on(transaction.send(record(0))).unwrap();
    let error = block_on(transaction.commit()).unwrap_err();
    assert_abortable(&error);
    assert!(source(&error).contains("INVALID_RECORD"), "{error:?}");
    let report = block_on(delivery).unwrap_err();
    assert!(report.kind() == ErrorKind::InvalidRecord && report.is_abortable() && !report.is_fatal(), "{report:?}");
    drop(transaction);
    commit_one_in_the_end(&producer, 1);
}

#[test]
fn errors_fatal_without_transactions_are_abortable() {
    let kafka = kafka(1);
    let producer = ready(&kafka, &[]);
    kafka.fail_next(ApiKey::Produce, &[BrokerError::UNKNOWN_PRODUCER_ID]).unwrap();
    let transaction = block_on(producer.begin_transaction()).unwrap();
    let delivery = block_on(transaction.send(record(0))).unwrap();
    assert_abortable(&block_on(transaction.commit()).unwrap_err());
    let report = block_on(delivery).unwrap_err();
    assert!(report.is_abortable() && !report.is_fatal(), "{report:?}");
    block_on(transaction.abort()).unwrap();
    commit_one(&producer, 1).unwrap();
}

#[test]
fn unauthorized_topic_fails_the_transaction_with_the_reason() {
    let kafka = kafka(1);
    let producer = ready(&kafka, &[]);
    kafka.fail_next(ApiKey::AddPartitionsToTxn, &[BrokerError::TOPIC_AUTHORIZATION_FAILED]).unwrap();
    let error = commit_one(&producer, 0).unwrap_err();
    assert_abortable(&error);
    assert_eq!(error.code(), Some(BrokerError::TOPIC_AUTHORIZATION_FAILED.code().into()), "{error:?}");
    commit_one(&producer, 1).unwrap();
}

#[test]
fn moving_and_loading_coordinators_only_delay() {
    let kafka = kafka(1);
    use BrokerError as E;
    let loading = [E::COORDINATOR_LOAD_IN_PROGRESS, E::NOT_COORDINATOR, E::DISCONNECT];
    kafka.fail_next(ApiKey::InitProducerId, &[E::COORDINATOR_LOAD_IN_PROGRESS]).unwrap();
    let producer = ready(&kafka, &[]);
    kafka.fail_next(ApiKey::AddPartitionsToTxn, &[E::CONCURRENT_TRANSACTIONS, E::COORDINATOR_LOAD_IN_PROGRESS]).unwrap();
    kafka.fail_next(ApiKey::EndTxn, &loading).unwrap();
    kafka.fail_next(ApiKey::Produce, &[E::NOT_LEADER_OR_FOLLOWER, E::REQUEST_TIMED_OUT]).unwrap();
    ends(move || commit_one(&producer, 0).unwrap());
    assert_eq!(in_log(&kafka), 1);
}

/// A coordinator that is still completing a commit knows nothing of the next transaction. Kafka then takes an abort for an invalid request, which
/// librdkafka takes for a fatal error.
#[test]
fn abort_right_after_a_commit_waits_until_the_coordinator_knows_the_transaction() {
    const REFUSED: usize = 5;
    let kafka = kafka(1);
    let producer = ready(&kafka, &[("linger.ms", "20000")]);
    for is_dropped in [false, true] {
        commit_one(&producer, 0).unwrap();
        kafka.track_requests();
        kafka.fail_next(ApiKey::AddPartitionsToTxn, &[BrokerError::CONCURRENT_TRANSACTIONS; REFUSED]).unwrap();
        let transaction = block_on(producer.begin_transaction()).unwrap();
        let delivery = block_on(transaction.send(record(1))).unwrap();
        if is_dropped {
            drop(transaction);
        } else {
            block_on(transaction.abort()).unwrap();
        }
        block_on(delivery).unwrap();
        drop(block_on(producer.begin_transaction()).unwrap());
        let requests: Vec<_> = kafka.requests().iter().map(|request| request.api_key()).collect();
        let end = requests.iter().position(|api_key| *api_key == ApiKey::EndTxn).unwrap();
        let registrations = requests[..end].iter().filter(|api_key| **api_key == ApiKey::AddPartitionsToTxn).count();
        assert_eq!(registrations, REFUSED + 1, "{requests:?}");
    }
}

#[test]
fn fenced_during_commit_is_fatal() {
    let kafka = kafka(1);
    let first = ready(&kafka, &[]);
    let transaction = block_on(first.begin_transaction()).unwrap();
    block_on(block_on(transaction.send(record(0))).unwrap()).unwrap();
    kafka.fail_next(ApiKey::EndTxn, &[BrokerError::PRODUCER_FENCED]).unwrap();
    assert_fatal(&block_on(transaction.commit()).unwrap_err(), ErrorKind::Fenced);
    assert_fatal(&block_on(transaction.abort()).unwrap_err(), ErrorKind::Fenced);
    drop(transaction);
    assert_fatal(&block_on(first.begin_transaction()).unwrap_err(), ErrorKind::Fenced);
    commit_one(&ready(&kafka, &[]), 1).unwrap();
    ends(move || drop(first));
}

#[test]
fn fenced_while_sending_fails_all_calls() {
    let kafka = kafka(1);
    let producer = ready(&kafka, &[]);
    kafka.fail_next(ApiKey::Produce, &[BrokerError::INVALID_PRODUCER_EPOCH]).unwrap();
    let transaction = block_on(producer.begin_transaction()).unwrap();
    let delivery = block_on(transaction.send(record(0))).unwrap();
    let report = block_on(delivery).unwrap_err();
    assert_fatal(&report, ErrorKind::Fenced);
    assert_fatal(&block_on(transaction.send(record(1))).unwrap_err(), ErrorKind::Fenced);
    assert_fatal(&block_on(transaction.commit()).unwrap_err(), ErrorKind::Fenced);
    assert_fatal(&block_on(producer.begin_transaction()).unwrap_err(), ErrorKind::Fenced);
}

#[test]
fn init_transactions_fails_if_the_transactional_id_is_not_authorized() {
    let kafka = kafka(1);
    kafka.fail_next(ApiKey::InitProducerId, &[BrokerError::TRANSACTIONAL_ID_AUTHORIZATION_FAILED]).unwrap();
    let producer = transactional(&kafka, &[]);
    assert_fatal(&block_on(producer.init_transactions()).unwrap_err(), ErrorKind::Authorization);
}

#[test]
fn init_transactions_times_out_without_a_broker_and_can_be_repeated() {
    let kafka = kafka(1);
    kafka.broker_down(1).unwrap();
    let producer = transactional(&kafka, &[("max.block.ms", "300")]);
    let error = block_on(producer.init_transactions()).unwrap_err();
    assert!(error.kind() == ErrorKind::TransactionTimeout && error.is_retriable() && !error.is_abortable(), "{error:?}");
    assert!(error.to_string().contains("max.block.ms"), "{error}");
    kafka.broker_up(1).unwrap();
    ends(move || {
        while let Err(error) = block_on(producer.init_transactions()) {
            assert!(error.is_retriable(), "{error:?}");
        }
        commit_one(&producer, 0).unwrap();
    });
}

#[test]
fn commit_is_resumed_after_a_timeout() {
    let kafka = kafka(1);
    let producer = ready(&kafka, &[("max.block.ms", "1000")]);
    kafka.track_requests();
    kafka.fail_next_on(1, ApiKey::EndTxn, &[(BrokerError::NONE, Duration::from_secs(4))]).unwrap();
    let transaction = block_on(producer.begin_transaction()).unwrap();
    drop(block_on(transaction.send(record(0))).unwrap());
    let error = block_on(transaction.commit()).unwrap_err();
    assert!(error.kind() == ErrorKind::TransactionTimeout && error.is_retriable(), "{error:?}");
    let error = block_on(transaction.send(record(1))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TransactionState);
    ends(move || {
        while let Err(error) = block_on(transaction.commit()) {
            assert!(error.is_retriable(), "{error:?}");
        }
        commit_one(&producer, 2).unwrap();
    });
    assert_eq!(count(&kafka, ApiKey::EndTxn), 2, "one request for each transaction");
    assert_eq!(in_log(&kafka), 2);
}

#[test]
fn commit_continues_after_its_future_and_the_transaction_are_dropped() {
    let kafka = kafka(1);
    let producer = ready(&kafka, &[("linger.ms", "10000")]);
    let transaction = block_on(producer.begin_transaction()).unwrap();
    let deliveries: Vec<_> = (0..10).map(|n| block_on(transaction.send(record(n))).unwrap()).collect();
    assert!(transaction.commit().now_or_never().is_none());
    drop(transaction);
    commit_one(&producer, 10).unwrap();
    for delivery in deliveries {
        block_on(delivery).unwrap();
    }
    assert_eq!(in_log(&kafka), 11);
}

#[test]
fn next_begin_returns_the_error_of_an_unawaited_commit_once() {
    let kafka = kafka(1);
    let producer = ready(&kafka, &[]);
    kafka.fail_next(ApiKey::Produce, &[BrokerError::INVALID_RECORD]).unwrap();
    let transaction = block_on(producer.begin_transaction()).unwrap();
    drop(block_on(transaction.send(record(0))).unwrap());
    assert!(transaction.commit().now_or_never().is_none());
    drop(transaction);
    let error = block_on(producer.begin_transaction()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TransactionFailed);
    assert!(error.to_string().contains("was not awaited"), "{error}");
    commit_one_in_the_end(&producer, 1);
}

#[test]
fn records_that_wait_for_the_buffer_belong_to_the_commit() {
    let kafka = kafka(1);
    let producer = ready(&kafka, &[("buffer.memory", "5000")]);
    kafka.set_round_trip_time(1, Duration::from_millis(20)).unwrap();
    let large = |n: usize| ProducerRecord::to("orders").value(format!("{n:0>1000}"));
    ends(move || {
        let transaction = block_on(producer.begin_transaction()).unwrap();
        let sending: Vec<_> = (0..30).map(|n| transaction.send(large(n))).collect();
        block_on(transaction.commit()).unwrap();
        for accepted in block_on(join_all(sending)) {
            block_on(accepted.unwrap()).unwrap();
        }
        let transaction = block_on(producer.begin_transaction()).unwrap();
        let sending: Vec<_> = (30..60).map(|n| transaction.send(large(n))).collect();
        block_on(transaction.abort()).unwrap();
        let refused: Vec<_> = block_on(join_all(sending)).into_iter().filter_map(Result::err).collect();
        assert!(refused.len() > 10, "{}", refused.len());
        refused.iter().for_each(assert_abortable);
        commit_one(&producer, 60).unwrap();
    });
    let values: Vec<_> =
        log::read(kafka.bootstrap_servers(), "orders").iter().map(|found| found.value_text().to_owned()).collect();
    assert!(values.len() >= 31 && values.len() < 41, "{}", values.len());
    assert_eq!(values.last().unwrap(), "value 60");
}

#[test]
fn offsets_are_sent_before_the_transaction_ends() {
    let kafka = kafka(2);
    let producer = ready(&kafka, &[]);
    kafka.track_requests();
    let transaction = block_on(producer.begin_transaction()).unwrap();
    let mut offsets = Offsets::new();
    offsets.consumed("orders", 0, 41);
    offsets.set_next("orders", 1, 7);
    let group = ConsumerGroupMetadata::new("billing");
    block_on(transaction.send_offsets(&Offsets::new(), &group)).unwrap();
    block_on(transaction.send_offsets(&offsets, &group)).unwrap();
    block_on(transaction.commit()).unwrap();
    let asked = [ApiKey::AddOffsetsToTxn, ApiKey::TxnOffsetCommit, ApiKey::EndTxn];
    let requests: Vec<_> =
        kafka.requests().iter().map(|request| request.api_key()).filter(|api_key| asked.contains(api_key)).collect();
    assert_eq!(requests, asked);
}

#[test]
fn blocking_producer_commits_and_aborts() {
    let kafka = kafka(1);
    let producer = transactional(&kafka, &[("linger.ms", "20000")]);
    ends(move || {
        let threads = producer.blocking();
        assert_eq!(threads.begin_transaction().unwrap_err().kind(), ErrorKind::TransactionState);
        threads.init_transactions().unwrap();
        let mut offsets = Offsets::new();
        offsets.consumed("orders", 0, 41);
        let transaction = threads.begin_transaction().unwrap();
        let delivery = transaction.send(record(1)).unwrap();
        transaction.send_offsets(&offsets, &ConsumerGroupMetadata::new("billing")).unwrap();
        transaction.commit().unwrap();
        assert_eq!(delivery.wait().unwrap().offset(), Some(0));
        assert_eq!(transaction.send(record(2)).unwrap_err().kind(), ErrorKind::TransactionState);

        let transaction = threads.begin_transaction().unwrap();
        let delivery = transaction.send(record(3)).unwrap();
        transaction.abort().unwrap();
        assert!(delivery.wait().is_ok(), "so soon after a commit, the abort waits for an acknowledgement");

        // A callback must not wait for reports, but it may send.
        let transaction = threads.begin_transaction().unwrap();
        let (sender, receiver) = std::sync::mpsc::channel();
        let inner = producer.clone();
        transaction.producer().send_with(record(4), move |_| sender.send(refused_in_callback(&inner)).unwrap()).unwrap();
        transaction.producer().blocking().flush().unwrap();
        assert_eq!(receiver.recv().unwrap(), [ErrorKind::WouldDeadlock; 2]);
        transaction.commit().unwrap();

        // The time of successful calls is counted.
        let metrics = producer.metrics();
        for call in ["init", "begin", "send-offsets", "commit", "abort"] {
            assert!(metrics.value(&format!("txn-{call}-time-ns-total")) > Some(0.0), "{call}");
        }
        drop(threads.begin_transaction().unwrap());
        drop(producer);
    });
    assert_eq!(in_log(&kafka), 4);
}

fn refused_in_callback(producer: &Producer<str, str>) -> [ErrorKind; 2] {
    drop(producer.blocking().send(record(5)).unwrap());
    let kind = |result: Result<(), Error>| result.unwrap_err().kind();
    [kind(producer.blocking().init_transactions()), kind(producer.blocking().begin_transaction().map(drop))]
}

#[test]
fn offsets_of_lost_partitions_fail_the_transaction() {
    let kafka = kafka(1);
    let producer = ready(&kafka, &[]);
    kafka.fail_next(ApiKey::TxnOffsetCommit, &[BrokerError::ILLEGAL_GENERATION]).unwrap();
    let transaction = block_on(producer.begin_transaction()).unwrap();
    let mut offsets = Offsets::new();
    offsets.consumed("orders", 0, 1);
    let group = ConsumerGroupMetadata::new("billing").generation_id(3).member_id("gone");
    assert_abortable(&block_on(transaction.send_offsets(&offsets, &group)).unwrap_err());
    assert_abortable(&block_on(transaction.commit()).unwrap_err());
    block_on(transaction.abort()).unwrap();
    offsets.set_next("orders", 0, -5);
    let transaction = block_on(producer.begin_transaction()).unwrap();
    let error = block_on(transaction.send_offsets(&offsets, &group)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
}

#[test]
fn close_aborts_an_open_transaction() {
    let kafka = kafka(1);
    kafka.track_requests();
    let producer = ready(&kafka, &[("linger.ms", "20000")]);
    let transaction = block_on(producer.begin_transaction()).unwrap();
    block_on(producer.flush()).unwrap();
    drop(block_on(transaction.send(record(0))).unwrap());
    block_on(producer.flush()).unwrap();
    drop(block_on(transaction.send(record(1))).unwrap());
    let closing = producer.clone();
    ends(move || assert!(block_on(closing.close(Duration::from_secs(60))).unwrap().is_empty()));
    assert_eq!(count(&kafka, ApiKey::EndTxn), 1);
    for error in [
        block_on(transaction.commit()).unwrap_err(),
        block_on(transaction.abort()).unwrap_err(),
        block_on(transaction.send(record(2))).unwrap_err(),
        block_on(producer.begin_transaction()).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Closed, "{error:?}");
    }
}

#[test]
fn close_does_not_wait_for_a_broker_that_is_down() {
    for forgotten in [false, true] {
        let kafka = kafka(1);
        let producer = ready(&kafka, &[]);
        let transaction = block_on(producer.begin_transaction()).unwrap();
        block_on(block_on(transaction.send(record(0))).unwrap()).unwrap();
        kafka.broker_down(1).unwrap();
        let delivery = block_on(transaction.send(record(1))).unwrap();
        ends(move || {
            if forgotten {
                // The transaction has a handle, so close the producer.
                drop(block_on(producer.close(Duration::from_millis(200))).unwrap());
                drop(transaction);
            } else {
                drop(transaction);
                drop(producer); // takes 10 s, the tests' drop_timeout
            }
            assert_eq!(block_on(delivery).unwrap_err().kind(), ErrorKind::GivenUp);
        });
    }
}

#[test]
fn close_waits_for_a_commit() {
    let kafka = kafka(1);
    let producer = ready(&kafka, &[]);
    kafka.fail_next_on(1, ApiKey::EndTxn, &[(BrokerError::NONE, Duration::from_millis(500))]).unwrap();
    let transaction = block_on(producer.begin_transaction()).unwrap();
    drop(block_on(transaction.send(record(0))).unwrap());
    let mut committing = Box::pin(transaction.commit());
    assert!((&mut committing).now_or_never().is_none());
    let closing = producer.clone();
    ends(move || drop(block_on(closing.close(Duration::from_secs(60))).unwrap()));
    block_on(committing).unwrap();
}

#[test]
fn uninitialized_producer_closes_at_once() {
    let kafka = kafka(1);
    kafka.broker_down(1).unwrap();
    let producer = transactional(&kafka, &[]);
    ends(move || drop(block_on(producer.close(Duration::from_secs(60))).unwrap()));
}
