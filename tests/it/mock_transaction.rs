//! Tests of transactions of `MockProducer`.

use futures::executor::block_on;
use ottla::{
    ConsumerGroupMetadata, ErrorKind, Offsets, Persistence, Produce, ProduceTransaction, ProducerRecord,
    testing::{BrokerError, ErrorBuilder, MockCall, MockProducer},
};

fn transactional(auto_complete: bool) -> MockProducer<str, str> {
    let producer = MockProducer::builder().auto_complete(auto_complete).build().unwrap();
    block_on(producer.init_transactions()).unwrap();
    producer
}

fn begin(producer: &MockProducer<str, str>) -> Box<dyn ProduceTransaction<str, str>> {
    block_on(producer.begin_transaction()).unwrap()
}

fn record(value: &str) -> ProducerRecord<'_, str, str> {
    ProducerRecord::to("payments").value(value)
}

/// The code under test, which accepts any producer.
async fn process(producer: &dyn Produce<str, str>, values: &[&str], offsets: &Offsets) -> ottla::Result<()> {
    let transaction = producer.begin_transaction().await?;
    for value in values {
        drop(transaction.send(record(value)).await?);
    }
    transaction.send_offsets(offsets, &ConsumerGroupMetadata::new("billing")).await?;
    transaction.commit().await
}

#[test]
fn offsets_sent_in_the_open_transaction_are_visible_until_it_ends() {
    let producer = transactional(true);
    let mut offsets = Offsets::new();
    offsets.consumed("orders", 0, 41);
    let group = ConsumerGroupMetadata::new("billing");
    let transaction = block_on(producer.begin_transaction()).unwrap();
    assert!(!producer.has_sent_offsets());
    block_on(transaction.send_offsets(&offsets, &group)).unwrap();
    assert!(producer.has_sent_offsets());
    assert_eq!((producer.uncommitted_offsets(), producer.committed_offsets()), (vec![(group, offsets)], vec![]));
    block_on(transaction.abort()).unwrap();
    assert_eq!((producer.has_sent_offsets(), producer.committed_offsets()), (false, vec![]));
}

#[test]
fn commit_adds_records_and_offsets_to_the_history() {
    let producer = transactional(true);
    let mut offsets = Offsets::new();
    offsets.consumed("orders", 0, 41);
    block_on(process(&producer, &["a", "b"], &offsets)).unwrap();
    let values: Vec<_> = producer.history().iter().map(|record| record.value().unwrap().to_vec()).collect();
    assert_eq!(values, [b"a", b"b"]);
    assert_eq!(producer.committed_offsets(), [(ConsumerGroupMetadata::new("billing"), offsets)]);
    assert_eq!((producer.commits(), producer.aborts(), producer.is_in_transaction()), (1, 0, false));
}

#[test]
fn abort_discards_uncommitted_records() {
    let producer = transactional(false);
    let transaction = begin(&producer);
    let delivery = block_on(transaction.send(record("a"))).unwrap();
    assert!(producer.is_in_transaction());
    assert_eq!((producer.history().len(), producer.uncommitted().len()), (0, 1));
    block_on(transaction.abort()).unwrap();
    assert_eq!(block_on(delivery).unwrap_err().kind(), ErrorKind::GivenUp);
    assert_eq!((producer.history().len(), producer.uncommitted().len(), producer.aborts()), (0, 0, 1));
    assert_eq!(block_on(transaction.commit()).unwrap_err().kind(), ErrorKind::TransactionState);
    assert_eq!(block_on(transaction.send(record("b"))).unwrap_err().kind(), ErrorKind::TransactionState);
}

#[test]
fn commit_acknowledges_unreported_records() {
    let producer = transactional(false);
    let transaction = begin(&producer);
    let delivery = block_on(transaction.send(record("a"))).unwrap();
    block_on(transaction.commit()).unwrap();
    block_on(delivery).unwrap();
    drop(transaction);
    assert_eq!((producer.history().len(), producer.commits(), producer.aborts()), (1, 1, 0));
}

#[test]
fn drop_aborts_the_transaction() {
    let producer = transactional(true);
    let transaction = begin(&producer);
    drop(block_on(transaction.send(record("a"))).unwrap());
    drop(transaction);
    assert_eq!((producer.history().len(), producer.aborts(), producer.is_in_transaction()), (0, 1, false));
    drop(begin(&producer));
}

#[test]
fn failed_record_fails_the_commit() {
    let producer = transactional(false);
    let transaction = begin(&producer);
    drop(block_on(transaction.send(record("a"))).unwrap());
    producer.error_next(BrokerError::NOT_ENOUGH_REPLICAS, Persistence::NotPersisted);
    let error = block_on(transaction.commit()).unwrap_err();
    assert!(error.kind() == ErrorKind::TransactionFailed && error.is_abortable() && !error.is_fatal(), "{error:?}");
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("NOT_ENOUGH_REPLICAS"));
    assert_eq!(block_on(transaction.send(record("b"))).unwrap_err().kind(), ErrorKind::TransactionFailed);
    block_on(transaction.abort()).unwrap();
    block_on(process(&producer, &["c"], &Offsets::new())).unwrap();
    assert_eq!(producer.history().len(), 1);
}

#[test]
fn calls_in_the_wrong_order_fail() {
    let producer: MockProducer<str, str> = MockProducer::builder().build().unwrap();
    let kind = |result: ottla::Result<()>| result.unwrap_err().kind();
    assert_eq!(kind(block_on(producer.begin_transaction()).map(drop)), ErrorKind::TransactionState);
    drop(producer.try_send(record("without a transaction")).unwrap());
    block_on(producer.init_transactions()).unwrap();
    assert_eq!(kind(block_on(producer.init_transactions())), ErrorKind::TransactionState);
    assert_eq!(producer.try_send(record("a")).unwrap_err().error().kind(), ErrorKind::TransactionState);
    let open = begin(&producer);
    assert_eq!(kind(block_on(producer.begin_transaction()).map(drop)), ErrorKind::TransactionState);
    drop(producer.try_send(record("as the producer's own")).unwrap());
    assert_eq!(producer.uncommitted().len(), 1);
    drop(open);
}

#[test]
fn fenced_producer_fails_all_calls() {
    let producer = transactional(true);
    let transaction = begin(&producer);
    drop(block_on(transaction.send(record("a"))).unwrap());
    producer.fence();
    for error in [
        block_on(transaction.send(record("b"))).unwrap_err(),
        block_on(transaction.commit()).unwrap_err(),
        block_on(transaction.abort()).unwrap_err(),
        block_on(producer.begin_transaction()).map(drop).unwrap_err(),
    ] {
        assert!(error.kind() == ErrorKind::Fenced && error.is_fatal(), "{error:?}");
    }
    assert!(producer.history().is_empty());
}

#[test]
fn offsets_of_one_group_are_merged() {
    let producer = transactional(true);
    let transaction = begin(&producer);
    let offsets = |partition, next| {
        let mut offsets = Offsets::new();
        offsets.set_next("orders", partition, next);
        offsets
    };
    let billing = ConsumerGroupMetadata::new("billing");
    let member = ConsumerGroupMetadata::new("billing").member_id("billing-1").generation_id(2);
    let shipping = ConsumerGroupMetadata::new("shipping");
    for (sent, group) in [
        (offsets(0, 1), &billing),
        (offsets(0, 7), &shipping),
        (offsets(0, 2), &billing),
        (offsets(1, 3), &member),
        (Offsets::new(), &shipping),
    ] {
        block_on(transaction.send_offsets(&sent, group)).unwrap();
    }
    block_on(transaction.commit()).unwrap();
    let mut of_billing = offsets(0, 2);
    of_billing.set_next("orders", 1, 3);
    assert_eq!(producer.committed_offsets(), [(member, of_billing), (shipping, offsets(0, 7))]);
}

#[test]
fn close_aborts_an_open_transaction_and_returns_none_of_its_records() {
    let producer = transactional(false);
    let transaction = begin(&producer);
    let delivery = block_on(transaction.send(record("a"))).unwrap();
    let unsent = block_on(producer.close(std::time::Duration::ZERO)).unwrap();
    assert!(unsent.is_empty(), "{unsent:?}");
    assert_eq!(block_on(delivery).unwrap_err().kind(), ErrorKind::GivenUp);
    assert_eq!((producer.aborts(), producer.is_in_transaction(), producer.history().len()), (1, false, 0));
    drop(transaction);
    assert_eq!(producer.aborts(), 1);
}

#[test]
fn rejected_record_fails_the_transaction() {
    let producer = transactional(true);
    let transaction = begin(&producer);
    block_on(transaction.send(ProducerRecord::to("not a topic").value("v"))).unwrap_err();
    let error = block_on(transaction.commit()).unwrap_err();
    assert!(error.kind() == ErrorKind::TransactionFailed && error.is_abortable(), "{error:?}");
    block_on(transaction.abort()).unwrap();
    let transaction = begin(&producer);
    producer.set_error(MockCall::Send, ErrorBuilder::new(ErrorKind::BufferFull).build());
    assert!(producer.try_send(record("comes back")).is_err());
    producer.set_error(MockCall::Send, None);
    block_on(transaction.commit()).unwrap();
}

#[test]
fn transaction_calls_fail_as_the_test_wants() {
    let producer: MockProducer<str, str> = MockProducer::builder().auto_complete(false).build().unwrap();
    let late = || ErrorBuilder::new(ErrorKind::TransactionTimeout).build();
    let is_late = |result: ottla::Result<()>| assert_eq!(result.unwrap_err().kind(), ErrorKind::TransactionTimeout);
    for call in [MockCall::InitTransactions, MockCall::BeginTransaction, MockCall::SendOffsets, MockCall::Commit, MockCall::Abort]
    {
        producer.fail_next(call, late());
    }
    // The state is checked first, so that this call does not use up the error.
    assert_eq!(block_on(producer.begin_transaction()).map(drop).unwrap_err().kind(), ErrorKind::TransactionState);
    is_late(block_on(producer.init_transactions()));
    block_on(producer.init_transactions()).unwrap();
    is_late(block_on(producer.begin_transaction()).map(drop));
    assert!(!producer.is_in_transaction());
    let transaction = begin(&producer);
    let (mut offsets, group) = (Offsets::new(), ConsumerGroupMetadata::new("billing"));
    offsets.consumed("orders", 0, 41);
    is_late(block_on(transaction.send_offsets(&offsets, &group)));
    assert!(!producer.has_sent_offsets());
    block_on(transaction.send_offsets(&offsets, &group)).unwrap();
    let delivery = block_on(transaction.send(record("a"))).unwrap();
    is_late(block_on(transaction.commit()));
    assert_eq!((producer.commits(), producer.waiting(), producer.is_in_transaction()), (0, 1, true));
    block_on(transaction.commit()).unwrap();
    block_on(delivery).unwrap();
    assert_eq!((producer.commits(), producer.history().len(), producer.committed_offsets()), (1, 1, vec![(group, offsets)]));

    let transaction = begin(&producer);
    is_late(block_on(transaction.abort()));
    assert!(producer.is_in_transaction());
    producer.set_error(MockCall::Abort, late());
    drop(transaction);
    assert_eq!((producer.aborts(), producer.is_in_transaction()), (1, false), "a drop aborts without the error");
}

#[test]
fn abortable_error_of_a_commit_fails_the_transaction() {
    let producer = transactional(true);
    for call in [MockCall::SendOffsets, MockCall::Commit] {
        let transaction = begin(&producer);
        producer.fail_next(call, ErrorBuilder::from_code(32).message("too late").build());
        let (mut offsets, group) = (Offsets::new(), ConsumerGroupMetadata::new("billing"));
        offsets.consumed("orders", 0, 41);
        let failed = match call {
            MockCall::Commit => block_on(transaction.commit()),
            _ => block_on(transaction.send_offsets(&offsets, &group)),
        };
        assert!(failed.unwrap_err().is_abortable());
        let error = block_on(transaction.commit()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TransactionFailed, "{error:?}");
        assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "too late");
        assert_eq!(block_on(transaction.send(record("a"))).unwrap_err().kind(), ErrorKind::TransactionFailed);
        block_on(transaction.abort()).unwrap();
    }
    assert_eq!((producer.commits(), producer.aborts()), (0, 2));
}
