//! Transaction calls return within `max.block.ms`, whatever librdkafka waits for, and run no user code under a lock.

use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Wake, Waker},
    time::Duration,
};

use futures::{FutureExt, executor::block_on};
use ottla::{
    ConsumerGroupMetadata, Error, ErrorKind, Offsets, Producer,
    testing::{ApiKey, BrokerError},
};

use super::{commit_one, count, ready, record, transactional};
use crate::embedded::{ends, kafka};

/// The delay of a broker's responses. librdkafka's calls last a second, or until the response. If a caller waited for them, it would return
/// at most once a second.
const LATE: Duration = Duration::from_secs(8);
/// More returns than that.
const OFTEN: usize = 12;
const SHORT: (&str, &str) = ("max.block.ms", "50");

/// Repeats the call until it succeeds. Returns how often it timed out.
fn times_late(mut call: impl FnMut() -> Result<(), Error>) -> usize {
    let mut late = 0;
    while let Err(error) = call() {
        assert!(error.kind() == ErrorKind::TransactionTimeout && error.is_retriable() && !error.is_abortable(), "{error:?}");
        late += 1;
    }
    late
}

/// Initializes a producer that has a short timeout for each call.
fn ready_shortly(kafka: &ottla::testing::EmbeddedKafka) -> Producer<str, str> {
    let producer = transactional(kafka, &[SHORT]);
    times_late(|| block_on(producer.init_transactions()));
    producer
}

#[test]
fn init_transactions_returns_in_time() {
    ends(|| {
        let kafka = kafka(1);
        kafka.fail_next_on(1, ApiKey::InitProducerId, &[(BrokerError::NONE, LATE)]).unwrap();
        let producer = transactional(&kafka, &[SHORT]);
        let late = times_late(|| block_on(producer.init_transactions()));
        assert!(late > OFTEN, "{late}");
    });
}

#[test]
fn commit_returns_in_time_and_cannot_be_aborted_meanwhile() {
    ends(|| {
        let kafka = kafka(1);
        let producer = ready_shortly(&kafka);
        let transaction = block_on(producer.begin_transaction()).unwrap();
        block_on(block_on(transaction.send(record(0))).unwrap()).unwrap();
        kafka.fail_next_on(1, ApiKey::EndTxn, &[(BrokerError::NONE, LATE)]).unwrap();
        let mut aborts = 0;
        let late = times_late(|| {
            let committed = block_on(transaction.commit());
            if committed.is_err() {
                // At once and not retriable, as in Java.
                let error = block_on(transaction.abort()).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::TransactionState, "{error:?}");
                assert!(!error.is_retriable() && !error.is_abortable() && !error.is_fatal(), "{error:?}");
                aborts += 1;
            }
            committed
        });
        assert!(late > OFTEN && aborts == late, "{late}");
    });
}

#[test]
fn abort_returns_in_time_and_excludes_the_commit() {
    ends(|| {
        let kafka = kafka(1);
        let producer = ready_shortly(&kafka);
        let transaction = block_on(producer.begin_transaction()).unwrap();
        block_on(block_on(transaction.send(record(0))).unwrap()).unwrap();
        kafka.fail_next_on(1, ApiKey::EndTxn, &[(BrokerError::NONE, LATE)]).unwrap();
        let late = times_late(|| {
            let aborted = block_on(transaction.abort());
            if aborted.is_err() {
                let error = block_on(transaction.commit()).unwrap_err();
                assert!(error.kind() == ErrorKind::TransactionState && !error.is_retriable(), "{error:?}");
            }
            aborted
        });
        assert!(late > OFTEN, "{late}");
        // A dropped transaction is aborted with the same delay, and the next one begins after that.
        let transaction = block_on(producer.begin_transaction()).unwrap();
        block_on(block_on(transaction.send(record(1))).unwrap()).unwrap();
        kafka.fail_next_on(1, ApiKey::EndTxn, &[(BrokerError::NONE, LATE)]).unwrap();
        drop(transaction);
        let late = times_late(|| block_on(producer.begin_transaction()).map(drop));
        assert!(late > OFTEN, "{late}");
    });
}

#[test]
fn send_offsets_returns_in_time() {
    ends(|| {
        let mut offsets = Offsets::new();
        offsets.consumed("orders", 0, 41);
        let group = ConsumerGroupMetadata::new("billing");
        let kafka = kafka(1);
        let producer = ready_shortly(&kafka);
        let transaction = block_on(producer.begin_transaction()).unwrap();
        kafka.fail_next_on(1, ApiKey::AddOffsetsToTxn, &[(BrokerError::NONE, LATE)]).unwrap();
        let late = times_late(|| block_on(transaction.send_offsets(&offsets, &group)));
        assert!(late > OFTEN, "{late}");
        times_late(|| block_on(transaction.commit()));
    });
}

#[test]
fn calls_with_a_short_timeout_return_and_continue() {
    const TIMEOUT: Duration = Duration::from_millis(20);
    let late = |name: &str, call: &mut dyn FnMut() -> Result<(), Error>| {
        let mut late = 0;
        while let Err(error) = call() {
            assert_eq!(error.to_string(), format!("{name} did not complete within the timeout of the call (20ms)"));
            assert!(error.kind() == ErrorKind::TransactionTimeout && error.is_retriable(), "{error:?}");
            assert!(!error.is_abortable() && !error.is_fatal(), "{error:?}");
            late += 1;
        }
        assert!(late > OFTEN, "{name}: {late}");
    };
    ends(move || {
        let mut offsets = Offsets::new();
        offsets.consumed("orders", 0, 41);
        let group = ConsumerGroupMetadata::new("billing");
        let kafka = kafka(1);
        kafka.track_requests();
        let no_answer = |api_key| kafka.fail_next_on(1, api_key, &[(BrokerError::NONE, LATE)]).unwrap();
        // max.block.ms is a minute.
        let producer = transactional(&kafka, &[]);
        no_answer(ApiKey::InitProducerId);
        late("init_transactions", &mut || block_on(producer.init_transactions_timeout(TIMEOUT)));

        let transaction = block_on(producer.begin_transaction_timeout(Duration::MAX)).unwrap();
        no_answer(ApiKey::AddOffsetsToTxn);
        late("send_offsets", &mut || block_on(transaction.send_offsets_timeout(&offsets, &group, TIMEOUT)));
        block_on(block_on(transaction.send(record(0))).expect("still open")).unwrap();
        no_answer(ApiKey::EndTxn);
        late("commit", &mut || {
            let committed = block_on(transaction.commit_timeout(TIMEOUT));
            if committed.is_err() {
                for refused in [block_on(transaction.send(record(1))).map(drop), block_on(transaction.abort_timeout(TIMEOUT))] {
                    assert_eq!(refused.unwrap_err().kind(), ErrorKind::TransactionState);
                }
            }
            committed
        });
        assert_eq!(count(&kafka, ApiKey::EndTxn), 1, "one commit for all calls");

        let transaction = producer.blocking().begin_transaction_timeout(Duration::MAX).unwrap();
        transaction.send(record(1)).unwrap().wait().unwrap();
        no_answer(ApiKey::EndTxn);
        late("abort", &mut || transaction.abort_timeout(TIMEOUT));

        let transaction = producer.blocking().begin_transaction().unwrap();
        transaction.send(record(1)).unwrap().wait().unwrap();
        no_answer(ApiKey::EndTxn);
        drop(transaction);
        late("begin_transaction", &mut || producer.blocking().begin_transaction_timeout(TIMEOUT).map(drop));
        commit_one(&producer, 2).unwrap();
    });
}

#[test]
fn calls_with_a_long_timeout_outlast_max_block_ms() {
    const TIMEOUT: Duration = Duration::from_secs(300);
    ends(|| {
        let kafka = kafka(1);
        let delayed = |api_key| kafka.fail_next_on(1, api_key, &[(BrokerError::NONE, Duration::from_secs(2))]).unwrap();
        let producer = transactional(&kafka, &[SHORT]);
        let producer = producer.blocking();
        delayed(ApiKey::InitProducerId);
        producer.init_transactions_timeout(TIMEOUT).unwrap();
        let transaction = producer.begin_transaction_timeout(TIMEOUT).unwrap();
        let mut offsets = Offsets::new();
        offsets.consumed("orders", 0, 41);
        delayed(ApiKey::AddOffsetsToTxn);
        transaction.send_offsets_timeout(&offsets, &ConsumerGroupMetadata::new("billing"), TIMEOUT).unwrap();
        delayed(ApiKey::EndTxn);
        transaction.commit_timeout(TIMEOUT).unwrap();
    });
}

/// A waker that runs a closure.
struct Runs<F>(F);

impl<F: Fn() + Send + Sync> Wake for Runs<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

#[test]
fn panic_in_a_waker_ends_no_thread() {
    ends(|| {
        let kafka = kafka(1);
        let producer = ready(&kafka, &[]);
        for n in 0..3 {
            let transaction = block_on(producer.begin_transaction()).unwrap();
            drop(block_on(transaction.send(record(n))).unwrap());
            let waker = Waker::from(Arc::new(Runs(|| panic!("in a waker"))));
            let mut first = pin!(transaction.commit());
            assert!(first.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            block_on(transaction.commit()).unwrap();
            block_on(first).unwrap();
        }
        // Another thread wakes the calls that have timed out.
        let producer = ready_shortly(&kafka);
        let transaction = block_on(producer.begin_transaction()).unwrap();
        block_on(block_on(transaction.send(record(0))).unwrap()).unwrap();
        kafka.fail_next_on(1, ApiKey::EndTxn, &[(BrokerError::NONE, Duration::from_secs(1))]).unwrap();
        let waker = Waker::from(Arc::new(Runs(|| panic!("in a waker"))));
        let mut first = pin!(transaction.commit());
        assert!(first.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        times_late(|| block_on(transaction.commit()));
    });
}

#[test]
fn waker_can_call_the_producer() {
    ends(|| {
        let kafka = kafka(1);
        let producer = ready(&kafka, &[]);
        let transaction = Arc::new(Mutex::new(Some(block_on(producer.begin_transaction()).unwrap())));
        let (woken, calls) = (Arc::new(AtomicUsize::new(0)), producer.clone());
        let (counted, ended) = (Arc::clone(&woken), Arc::clone(&transaction));
        let waker = Waker::from(Arc::new(Runs(move || {
            drop(ended.lock().unwrap().take());
            drop(calls.begin_transaction().now_or_never());
            assert!(!calls.metrics().is_empty());
            counted.fetch_add(1, Ordering::SeqCst);
        })));
        let mut committing = {
            let guard = transaction.lock().unwrap();
            let open = guard.as_ref().unwrap();
            drop(block_on(open.send(record(0))).unwrap());
            // A future borrows its transaction, which the waker drops: so the call is started here, and another call waits for it.
            assert!(pin!(open.commit()).poll(&mut Context::from_waker(&waker)).is_pending());
            producer.begin_transaction().boxed()
        };
        // After the commit; its waker drops the transaction and begins another one.
        assert!(committing.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        while woken.load(Ordering::SeqCst) == 0 {
            std::thread::yield_now();
        }
        drop(committing);
        commit_one(&producer, 1).unwrap();
    });
}
