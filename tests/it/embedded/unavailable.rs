//! Serializers and deserializers whose service is unavailable, as any crate can write them.

use std::{
    error::Error as _,
    io::{Error, ErrorKind::ConnectionRefused},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::executor::block_on;
use ottla::{
    Consumer, Deserializer, ErrorKind, Producer, ProducerRecord,
    serialize::{BoxError, DeserializeContext, SerializeContext, Serialized, Serializer, Unavailable, Utf8},
};
use ottla_test_support::consumer::{self, soon};

use super::{config, kafka, producer};

/// Fails as often as it says: at every other call because the service does not answer in time.
struct Failing(Arc<AtomicUsize>);

impl Failing {
    fn ask(&self) -> Result<(), BoxError> {
        match self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) {
            Ok(left) if left % 2 == 0 => Err(Unavailable::pending("no answer").into()),
            Ok(_) => Err(Unavailable::new(Error::from(ConnectionRefused)).into()),
            Err(_) => Ok(()),
        }
    }
}

impl Serializer<str> for Failing {
    fn serialize(&self, data: &str, context: &mut SerializeContext<'_>, buffer: &mut Vec<u8>) -> Result<Serialized, BoxError> {
        self.ask()?;
        Utf8.serialize(data, context, buffer)
    }
}

impl Deserializer<String> for Failing {
    fn deserialize(&self, data: Option<&[u8]>, context: &DeserializeContext<'_>) -> Result<String, BoxError> {
        assert_eq!(context.max_block(), Some(Duration::from_millis(200)));
        self.ask()?;
        Utf8.deserialize(data, context)
    }
}

#[test]
fn a_record_can_be_sent_again() {
    let kafka = kafka(1);
    let serializer = Failing(Arc::new(AtomicUsize::new(1)));
    let producer: Producer<str, str> = Producer::builder(config(&kafka)).value_serializer(serializer).build().unwrap();
    let record = || ProducerRecord::to("orders").value("paid");
    let error = block_on(producer.send(record())).unwrap_err();
    assert!(error.kind() == ErrorKind::SchemaRegistry && error.is_retriable(), "{error:?}");
    let source: &Error = error.source().unwrap().downcast_ref().unwrap();
    assert_eq!(source.kind(), ConnectionRefused);
    block_on(async { producer.send(record()).await.unwrap().await.unwrap() });
}

#[test]
fn a_consumer_skips_no_record_and_keeps_their_order() {
    const FAILURES: usize = 5;
    let kafka = kafka(1);
    let producer = producer(&kafka, &[]);
    block_on(async {
        let records = ["1", "2", "3"].map(|value| ProducerRecord::to("orders").value(value));
        producer.send_all(records).await.unwrap().await.unwrap();
    });
    let left = Arc::new(AtomicUsize::new(FAILURES));
    let consumer: Consumer<Option<String>, String> = Consumer::builder(consumer::config(&kafka, &[]))
        .value_deserializer(Failing(Arc::clone(&left)))
        .drop_timeout(Duration::from_secs(10))
        .build()
        .unwrap();
    block_on(consumer.subscribe(&["orders"])).unwrap();
    let (mut values, mut errors) = (Vec::new(), Vec::new());
    while values.len() < 3 {
        match block_on(soon(consumer.recv())).unwrap() {
            Ok(record) => values.push(record.value().clone()),
            Err(error) => errors.push(error),
        }
    }
    assert_eq!(values, ["1", "2", "3"]);
    assert_eq!(left.load(Ordering::SeqCst), 0);
    // Told once in ten seconds, and without a record: none is skipped.
    let [error] = errors.as_slice() else { panic!("{errors:?}") };
    assert!(error.kind() == ErrorKind::SchemaRegistry && error.record().is_none(), "{error:?}");
    let source: &Error = error.source().unwrap().downcast_ref().unwrap();
    assert_eq!(source.kind(), ConnectionRefused);
}
