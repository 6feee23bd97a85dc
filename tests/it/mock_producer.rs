//! Tests of `MockProducer`.

use std::{
    error::Error as _,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::{FutureExt, executor::block_on};
use ottla::{
    Acknowledgement, ErrorKind, Interceptor, Persistence, Produce, ProducerRecord,
    partition::{PartitionContext, partition_for},
    serialize::Json,
    testing::{BrokerError, ErrorBuilder, MockCall, MockProducer},
};

fn mock(auto_complete: bool) -> MockProducer<str, str> {
    MockProducer::builder().auto_complete(auto_complete).topic("orders", 3).build().unwrap()
}

fn record(value: &str) -> ProducerRecord<'_, str, str> {
    ProducerRecord::to("orders").value(value)
}

#[test]
fn records_are_acknowledged_at_once_and_in_the_history() {
    let producer = mock(true);
    let sent = record("paid").key("o-1").timestamp(1234).header("a", "b");
    let metadata = block_on(async { producer.send(sent).await.unwrap().await.unwrap() });
    let partition = partition_for(b"o-1", 3.try_into().unwrap());
    assert_eq!((metadata.topic(), metadata.partition(), metadata.offset()), ("orders", partition, Some(0)));
    assert_eq!(
        (metadata.timestamp(), metadata.serialized_key_size(), metadata.serialized_value_size()),
        (Some(1234), Some(3), Some(4))
    );
    let history = producer.history();
    let [found] = &history[..] else { panic!("{history:?}") };
    assert_eq!((found.topic(), found.partition(), found.offset(), found.timestamp()), ("orders", partition, 0, Some(1234)));
    assert_eq!((found.key(), found.value()), (Some(&b"o-1"[..]), Some(&b"paid"[..])));
    assert_eq!(found.headers().last("a").unwrap().value(), Some(&b"b"[..]));
}

#[test]
fn offsets_count_by_partition_and_keyless_records_alternate() {
    let producer = mock(true);
    for _ in 0..7 {
        drop(producer.try_send(record("v")).unwrap());
    }
    let places: Vec<_> = producer.history().iter().map(|record| (record.partition(), record.offset())).collect();
    assert_eq!(places, [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1), (0, 2)]);
    let metadata = block_on(producer.try_send(record("v").partition(2)).unwrap()).unwrap();
    assert_eq!((metadata.partition(), metadata.offset()), (2, Some(2)));
}

#[test]
fn partitioner_is_called_for_records_without_a_partition() {
    let by_content = |record: &PartitionContext<'_>| match record.value() {
        Some(b"panic") => panic!("no partition for this"),
        Some(b"none") => record.partitions().get() as i32,
        Some(b"last") => record.available().last().unwrap_or(-1),
        _ if record.headers().last("first").is_some() => 0,
        _ => record.java_partition().unwrap_or(1),
    };
    let producer: MockProducer<str, str> = MockProducer::builder().topic("orders", 3).partitioner(by_content).build().unwrap();
    let partition = |record| block_on(async { producer.send(record).await?.await }).map(|metadata| metadata.partition());
    assert_eq!(partition(record("v")).unwrap(), 1);
    assert_eq!(partition(record("last")).unwrap(), 2);
    assert_eq!(partition(record("v").header("first", "1")).unwrap(), 0);
    assert_eq!(partition(record("v").key("o-1")).unwrap(), partition_for(b"o-1", 3.try_into().unwrap()));
    assert_eq!(partition(record("panic").partition(2)).unwrap(), 2, "the partitioner is not called");
    let error = partition(record("none")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Partitioner);
    assert_eq!(error.to_string(), "topic orders: the partitioner returned 3: must be 0 to 2");
    let error = partition(record("panic")).unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Partitioner, "topic orders: the partitioner panicked"));
    assert_eq!(error.source().unwrap().to_string(), "no partition for this");
    assert_eq!(producer.history().len(), 5);
}

#[test]
fn null_keys_and_values_are_kept() {
    let producer = mock(true);
    drop(producer.try_send(ProducerRecord::to("orders")).unwrap());
    assert_eq!((producer.history()[0].key(), producer.history()[0].value()), (None, None));
}

#[test]
fn without_auto_complete_reports_are_made_in_the_order_of_sending() {
    let producer = mock(false);
    let mut deliveries: Vec<_> = ["a", "b", "c"].iter().map(|value| producer.try_send(record(value)).unwrap()).collect();
    assert!(deliveries.iter_mut().all(|delivery| delivery.now_or_never().is_none()));
    assert_eq!((producer.waiting(), producer.is_flushed(), producer.history().len()), (3, false, 3));
    assert!(producer.complete_next());
    assert!(producer.error_next(BrokerError::NOT_ENOUGH_REPLICAS, Persistence::PossiblyPersisted));
    let reports: Vec<_> = deliveries.iter_mut().map(|delivery| delivery.now_or_never()).collect();
    assert_eq!(reports[0].as_ref().unwrap().as_ref().unwrap().offset(), Some(0));
    let error = reports[1].as_ref().unwrap().as_ref().unwrap_err();
    assert_eq!(
        (error.kind(), error.code(), error.persistence()),
        (ErrorKind::NotEnoughReplicas, Some(19), Persistence::PossiblyPersisted)
    );
    assert!(error.is_retriable(), "{error}");
    assert!(reports[2].is_none());
    assert!(producer.complete_next());
    assert!(!producer.complete_next() && !producer.error_next(BrokerError::NONE, Persistence::NotPersisted), "nothing is left");
    assert!(producer.is_flushed());
}

#[test]
fn error_next_with_reports_any_error() {
    let producer: MockProducer<str, str> = MockProducer::builder().auto_complete(false).topic("orders", 3).build().unwrap();
    let seen = Arc::new(Mutex::new(None));
    let callback = {
        let seen = Arc::clone(&seen);
        move |report: ottla::Report| *seen.lock().unwrap() = Some(report)
    };
    let delivery = producer.try_send(record("a")).unwrap();
    producer.send_with(record("b"), Box::new(callback)).unwrap();
    let error = ErrorBuilder::new(ErrorKind::Unconfirmed)
        .message("the network failed")
        .persistence(Persistence::PossiblyPersisted)
        .source("cable")
        .build();
    assert!(producer.error_next_with(error.clone()) && producer.error_next_with(error.clone()));
    assert!(!producer.error_next_with(error), "nothing is left");
    let by_callback = seen.lock().unwrap().take().unwrap();
    for report in [block_on(delivery), by_callback] {
        let error = report.unwrap_err();
        assert_eq!(
            (error.kind(), error.to_string().as_str(), error.code()),
            (ErrorKind::Unconfirmed, "the network failed", None)
        );
        assert_eq!(
            (error.persistence(), error.source().unwrap().to_string().as_str()),
            (Persistence::PossiblyPersisted, "cable")
        );
    }
    assert_eq!(producer.history().len(), 2);
}

#[test]
fn calls_fail_as_the_test_wants() {
    let producer = mock(false);
    let error = |kind| ErrorBuilder::new(kind).build();
    let delivery = producer.try_send(record("a")).unwrap();
    producer.set_error(MockCall::Flush, error(ErrorKind::Authentication));
    producer.set_error(MockCall::PartitionsFor, error(ErrorKind::MetadataTimeout));
    producer.set_error(MockCall::Close, error(ErrorKind::CloseTimeout));
    producer.fail_next(MockCall::Send, error(ErrorKind::BufferFull));
    producer.fail_next(MockCall::Send, error(ErrorKind::SchemaTimeout));
    for _ in 0..2 {
        assert_eq!(block_on(producer.flush()).unwrap_err().kind(), ErrorKind::Authentication);
        assert_eq!(block_on(producer.partitions_for("orders")).unwrap_err().kind(), ErrorKind::MetadataTimeout);
        assert_eq!(block_on(producer.close(Duration::ZERO)).unwrap_err().kind(), ErrorKind::CloseTimeout);
    }
    assert_eq!((producer.flushes(), producer.waiting(), producer.is_closed()), (2, 1, false));
    let sends = [(); 3].map(|()| producer.try_send(record("b")).map(drop).map_err(|refused| refused.error().kind()));
    assert_eq!(sends, [Err(ErrorKind::BufferFull), Err(ErrorKind::SchemaTimeout), Ok(())]);

    producer.fail_next(MockCall::Flush, error(ErrorKind::Network));
    for call in [MockCall::Flush, MockCall::PartitionsFor, MockCall::Close] {
        producer.set_error(call, None);
    }
    block_on(producer.flush()).unwrap();
    block_on(delivery).unwrap();
    assert_eq!(block_on(producer.partitions_for("orders")).unwrap().len(), 3);
    assert!(block_on(producer.close(Duration::ZERO)).unwrap().is_empty());
    assert!(producer.is_closed());
}

#[test]
fn error_next_accepts_librdkafka_codes() {
    let producer = mock(false);
    let delivery = producer.try_send(record("v")).unwrap();
    producer.error_next(BrokerError::from(-192), Persistence::PossiblyPersisted);
    assert_eq!(block_on(delivery).unwrap_err().kind(), ErrorKind::DeliveryTimeout);
}

#[test]
fn flush_acknowledges_unreported_records() {
    let producer = mock(false);
    let delivery = producer.try_send(record("v")).unwrap();
    block_on(producer.flush()).unwrap();
    assert_eq!((producer.flushes(), producer.is_flushed()), (1, true));
    block_on(delivery).unwrap();
}

#[test]
fn rejected_records_are_returned_and_not_in_the_history() {
    let producer = mock(true);
    producer.set_error(MockCall::Send, ErrorBuilder::new(ErrorKind::BufferFull).build());
    let refused = producer.try_send(record("v").key("k")).unwrap_err();
    assert_eq!(refused.error().kind(), ErrorKind::BufferFull);
    let again = refused.into_record();
    assert_eq!(block_on(producer.send(again.clone())).unwrap_err().kind(), ErrorKind::BufferFull);
    assert!(producer.history().is_empty());
    producer.set_error(MockCall::Send, None);
    block_on(producer.try_send(again).unwrap()).unwrap();
    assert_eq!(producer.history()[0].offset(), 0);
}

#[test]
fn invalid_records_are_rejected_as_by_a_real_producer() {
    let producer = mock(true);
    let kind = |record| producer.try_send(record).unwrap_err().error().kind();
    assert_eq!(kind(ProducerRecord::to("..").value("v")), ErrorKind::InvalidRecord);
    assert_eq!(kind(record("v").partition(-1)), ErrorKind::InvalidRecord);
    assert_eq!(kind(record("v").timestamp(0)), ErrorKind::InvalidRecord);
    assert_eq!(kind(record("v").partition(3)), ErrorKind::UnknownTopicOrPartition);
    let floats: MockProducer<str, f64> = MockProducer::builder()
        .value_serializer(|value: &f64, buffer: &mut Vec<u8>| {
            buffer.extend(value.to_be_bytes());
            if value.is_finite() { Ok(()) } else { Err("not finite") }
        })
        .build()
        .unwrap();
    let refused = floats.try_send(ProducerRecord::to("t").value(f64::NAN)).unwrap_err();
    assert_eq!(refused.error().kind(), ErrorKind::Serialization);
    assert!(floats.history().is_empty());
}

#[test]
fn clear_removes_the_history_and_unreported_records() {
    let producer = mock(false);
    let delivery = producer.try_send(record("v").partition(0)).unwrap();
    producer.clear();
    assert_eq!((producer.history().len(), producer.waiting()), (0, 0));
    assert_eq!(block_on(delivery).unwrap_err().kind(), ErrorKind::Closed);
    drop(producer.try_send(record("v").partition(0)).unwrap());
    assert_eq!(producer.history()[0].offset(), 1, "offsets continue");
}

#[test]
fn close_returns_unreported_records_and_rejects_new_ones() {
    let producer = mock(false);
    let delivery = producer.try_send(record("v").key("k").partition(1)).unwrap();
    let unsent = block_on(producer.clone().close(Duration::ZERO)).unwrap();
    assert_eq!(unsent.len(), 1);
    assert_eq!((unsent[0].record().key_ref(), unsent[0].record().value_ref()), (Some(&b"k"[..]), Some(&b"v"[..])));
    assert_eq!(block_on(delivery).unwrap_err().kind(), ErrorKind::GivenUp);
    assert!(producer.is_closed());
    assert_eq!(producer.try_send(record("v")).unwrap_err().error().kind(), ErrorKind::Closed);
}

#[test]
fn dropping_the_last_handle_fails_unreported_records() {
    let producer = mock(false);
    let delivery = producer.try_send(record("v")).unwrap();
    drop(producer);
    assert_eq!(block_on(delivery).unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn partitions_for_returns_the_configured_partitions() {
    let producer = mock(true);
    let partitions = block_on(producer.partitions_for("orders")).unwrap();
    assert_eq!(
        partitions.iter().map(|partition| (partition.partition(), partition.leader())).collect::<Vec<_>>(),
        [(0, Some(0)), (1, Some(0)), (2, Some(0))]
    );
    assert_eq!(block_on(producer.partitions_for("else")).unwrap_err().kind(), ErrorKind::UnknownTopicOrPartition);
    drop(producer.try_send(ProducerRecord::to("else").value("v")).unwrap());
    assert_eq!(block_on(producer.partitions_for("else")).unwrap().len(), 1);
}

#[test]
fn callbacks_can_send() {
    let producer = mock(true);
    let again = producer.clone();
    let callback = move |report: ottla::Report| drop(again.try_send(record(&report.unwrap().to_string())).unwrap());
    producer.send_with(record("first").partition(0), Box::new(callback)).unwrap();
    assert_eq!(producer.history()[1].value(), Some(&b"orders-0@0"[..]));
}

#[derive(Default)]
struct Watch {
    sent: AtomicUsize,
    results: Mutex<Vec<Result<i32, ErrorKind>>>,
}

impl Interceptor<str, str> for Watch {
    fn on_send(&self, record: &mut ProducerRecord<'_, str, str>) {
        record.headers_mut().push("n", Some(self.sent.fetch_add(1, Ordering::Relaxed).to_string().as_bytes()));
    }

    fn on_acknowledgement(&self, acknowledgement: &Acknowledgement<'_>) {
        let result = acknowledgement.result.map(|metadata| metadata.partition()).map_err(ottla::Error::kind);
        self.results.lock().unwrap().push(result);
    }
}

#[test]
fn interceptors_see_records_and_reports() {
    let watch = Arc::new(Watch::default());
    let producer: MockProducer<str, str> =
        MockProducer::builder().auto_complete(false).interceptor(Arc::clone(&watch)).build().unwrap();
    drop(producer.try_send(record("v")).unwrap());
    drop(producer.try_send(record("v")).unwrap());
    producer.complete_next();
    producer.error_next(BrokerError::MESSAGE_TOO_LARGE, Persistence::NotPersisted);
    producer.try_send(record("v").partition(9)).unwrap_err();
    let seen = watch.results.lock().unwrap().clone();
    assert_eq!(seen, [Ok(0), Err(ErrorKind::RecordTooLarge), Err(ErrorKind::UnknownTopicOrPartition)]);
    assert_eq!(producer.history()[1].headers().last("n").unwrap().value(), Some(&b"1"[..]));
}

#[test]
fn mock_producer_supports_all_types_and_dyn_produce() {
    let producer: MockProducer<i64, Vec<u32>> = MockProducer::builder().value_serializer(Json::new()).build().unwrap();
    let object: &dyn Produce<i64, Vec<u32>> = &producer;
    block_on(async { object.send(ProducerRecord::to("t").key(7).value(vec![1, 2])).await.unwrap().await.unwrap() });
    assert_eq!(producer.history()[0].key(), Some(&7i64.to_be_bytes()[..]));
    assert_eq!(producer.history()[0].value(), Some(&b"[1,2]"[..]));
}

/// Adds a header when it is asked to serialize.
struct Marks;

impl ottla::Serializer<str> for Marks {
    fn serialize(
        &self,
        data: &str,
        context: &mut ottla::serialize::SerializeContext<'_>,
        buffer: &mut Vec<u8>,
    ) -> Result<ottla::serialize::Serialized, ottla::serialize::BoxError> {
        context.headers.push("serializer", Some(b"was here"));
        buffer.extend_from_slice(data.as_bytes());
        Ok(ottla::serialize::Serialized::Bytes)
    }
}

/// Changes every part of a record.
struct Changes;

impl Interceptor<str, str> for Changes {
    fn on_send(&self, record: &mut ProducerRecord<'_, str, str>) {
        record.headers_mut().remove("a");
        record.headers_mut().push("interceptor", None);
        record.set_key("changed".to_owned());
        record.set_value(None::<&str>);
        record.set_topic("elsewhere");
    }
}

#[test]
fn refused_records_come_back_as_they_were_given() {
    let plain: MockProducer<str, str> = MockProducer::builder().value_serializer(Marks).build().unwrap();
    let intercepted: MockProducer<str, str> = MockProducer::builder().interceptor(Changes).build().unwrap();
    let given = [record("v").key("k"), record("v").partition(0).timestamp(7).header("a", "1").null_header("b")];
    for producer in [plain, intercepted] {
        producer.set_error(MockCall::Send, ErrorBuilder::new(ErrorKind::BufferFull).build());
        for record in &given {
            assert_eq!(producer.try_send(record.clone()).unwrap_err().into_record(), *record);
            assert_eq!(producer.send_with(record.clone(), Box::new(|_| ())).unwrap_err().into_record(), *record);
        }
    }
}
