//! A schema registry that does not answer: records wait for it, and none is skipped.

use std::{
    error::Error as _,
    thread,
    time::{Duration, Instant},
};

use futures::executor::block_on;
use ottla::{
    ConsumeError, Consumer, ConsumerRecord, ErrorKind, Producer, ProducerConfig, ProducerRecord, testing::EmbeddedKafka,
};
use ottla_schema_registry::{
    Avro, RegistryError, Schema, SchemaRegistry, SchemaRegistryConfig, SchemaType,
    testing::{EmbeddedRegistry, RegistryFault},
};

use super::{builder, consumer::config, kafka, soon};

type Numbers = Consumer<(), i64>;
type Number = Result<ConsumerRecord<(), i64>, ConsumeError>;

fn registry(embedded: &EmbeddedRegistry) -> SchemaRegistry {
    let settings = [
        ("schema.registry.url", embedded.url()),
        ("max.retries", "1"),
        ("retries.wait.ms", "100"),
        ("retries.max.wait.ms", "100"),
    ];
    SchemaRegistry::new(&SchemaRegistryConfig::from_pairs(settings).unwrap()).unwrap()
}

fn long(registry: &SchemaRegistry) -> Avro<i64> {
    Avro::with_schema(registry, Schema::new(SchemaType::Avro, "\"long\""))
}

fn producer(kafka: &EmbeddedKafka, embedded: &EmbeddedRegistry, settings: &[(&str, &str)]) -> Producer<str, i64> {
    let usual = ProducerConfig::new().set("bootstrap.servers", kafka.bootstrap_servers()).unwrap();
    let config = settings.iter().fold(usual, |config, (name, value)| config.set(name, value).unwrap());
    Producer::builder(config).value_serializer(long(&registry(embedded))).build().unwrap()
}

fn record(number: i64) -> ProducerRecord<'static, str, i64> {
    ProducerRecord::to("orders").partition(0).value(std::sync::Arc::new(number))
}

/// Writes `0..count` while the registry answers.
fn write(kafka: &EmbeddedKafka, embedded: &EmbeddedRegistry, count: i64) {
    let producer = producer(kafka, embedded, &[]);
    block_on(async { producer.send_all((0..count).map(record)).await.unwrap().await.unwrap() });
}

fn consumer(kafka: &EmbeddedKafka, embedded: &EmbeddedRegistry) -> Numbers {
    let consumer: Numbers = Consumer::builder(config(kafka, &[]))
        .value_deserializer(long(&registry(embedded)))
        .drop_timeout(Duration::from_secs(10))
        .build()
        .unwrap();
    block_on(consumer.subscribe(&["orders"])).unwrap();
    consumer
}

fn next(consumer: &Numbers) -> Number {
    block_on(soon(consumer.recv())).unwrap()
}

#[test]
fn records_wait_for_an_unavailable_registry() {
    let (kafka, embedded) = (kafka(1), EmbeddedRegistry::start().unwrap());
    write(&kafka, &embedded, 300);
    let before = embedded.requests().len();
    for (fault, is_retriable) in
        [(RegistryFault::Status(503), true), (RegistryFault::Status(401), false), (RegistryFault::Garbage, false)]
    {
        embedded.fail(Some(fault));
        let consumer = consumer(&kafka, &embedded);
        let error = next(&consumer).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SchemaRegistry, "{error:?}");
        assert!(error.error().is_retriable() && error.record().is_none(), "{error:?}");
        let cause: &RegistryError = error.source().unwrap().downcast_ref().unwrap();
        assert_eq!((cause.schema_id(), cause.is_outage(), cause.is_retriable()), (Some(1), true, is_retriable), "{error:?}");
        // No record is taken, so nothing is committed.
        assert_eq!((consumer.position(("orders", 0)), consumer.taken().is_empty()), (None, true));
        block_on(consumer.commit()).unwrap();
        assert!(block_on(consumer.committed([("orders", 0)])).unwrap().is_empty());

        embedded.fail(None);
        let mut numbers = Vec::new();
        while numbers.len() < 300 {
            match next(&consumer) {
                Ok(record) => numbers.push(*record.value()),
                // From a lookup that had already started.
                Err(error) => assert_eq!(error.kind(), ErrorKind::SchemaRegistry, "{error:?}"),
            }
        }
        assert_eq!(numbers, (0..300).collect::<Vec<_>>());
        block_on(consumer.close(Duration::from_secs(60))).unwrap();
    }
    // A failing lookup makes two requests, and one more each second: not one for each record.
    let requests = embedded.requests().len() - before;
    assert!(requests < 150, "{requests} requests for 900 records");
}

#[test]
fn unknown_schema_id_is_an_error_of_the_record() {
    let (kafka, embedded) = (kafka(1), EmbeddedRegistry::start().unwrap());
    write(&kafka, &embedded, 2);
    let bytes = ottla_test_support::embedded::producer(&kafka, &[]);
    let foreign = ProducerRecord::to("orders").partition(0).value("\0\0\0\x10\0x".to_owned());
    block_on(async { bytes.send(foreign).await.unwrap().await.unwrap() });
    let consumer = consumer(&kafka, &embedded);
    assert_eq!((*next(&consumer).unwrap().value(), *next(&consumer).unwrap().value()), (0, 1));
    let error = next(&consumer).unwrap_err();
    assert_eq!((error.kind(), error.error().is_retriable()), (ErrorKind::Deserialization, false), "{error:?}");
    assert_eq!(error.record().unwrap().offset(), 2);
    assert_eq!(consumer.position(("orders", 0)), Some(3));
}

#[test]
fn neither_close_nor_a_rebalance_waits_for_the_registry() {
    for fault in [RegistryFault::Status(503), RegistryFault::Never] {
        let (kafka, embedded) = (kafka(2), EmbeddedRegistry::start().unwrap());
        write(&kafka, &embedded, 200);
        embedded.fail(Some(fault));
        let first = consumer(&kafka, &embedded);
        // It has reached the records when it has requested their schema.
        let deadline = Instant::now() + Duration::from_secs(60);
        while !embedded.requests().iter().any(|request| request.contains("/schemas/ids/")) {
            assert!(Instant::now() < deadline, "timeout: no request for the schema");
            thread::sleep(Duration::from_millis(10));
        }
        // Another member gets its partitions although the first one waits.
        let second = builder(&kafka, &[]).build().unwrap();
        block_on(second.subscribe(&["orders"])).unwrap();
        while second.assignment().len() + first.assignment().len() != 2 || second.assignment().is_empty() {
            assert!(Instant::now() < deadline, "{:?} {:?}", first.assignment(), second.assignment());
            thread::sleep(Duration::from_millis(10));
        }
        block_on(soon(first.close(Duration::from_secs(60)))).unwrap();
        block_on(soon(second.close(Duration::from_secs(60)))).unwrap();
        drop(first);
        embedded.stop();
    }
}

/// A producer sends failed records again if the error is retriable.
#[test]
fn registry_outage_loses_no_record() {
    let seconds = std::env::var("OTTLA_TEST_OUTAGE_SECONDS").map_or(2, |seconds| seconds.parse().unwrap());
    let count = if seconds > 10 { 10_000_i64 } else { 1_000 };
    let (kafka, embedded) = (kafka(1), EmbeddedRegistry::start().unwrap());
    embedded.fail(Some(RegistryFault::Status(503)));
    let sent = thread::scope(|scope| {
        let (kafka, embedded) = (&kafka, &embedded);
        let sending = scope.spawn(move || {
            let producer = producer(kafka, embedded, &[]);
            let (mut waiting, mut failures) = ((0..count).collect::<Vec<_>>(), 0);
            while !waiting.is_empty() {
                let sendings: Vec<_> = waiting.iter().map(|number| (*number, producer.send(record(*number)))).collect();
                waiting.clear();
                for (number, sending) in sendings {
                    let delivered =
                        block_on(async { sending.await.map_err(|refused| refused.kind())?.await.map_err(|error| error.kind()) });
                    if let Err(kind) = delivered {
                        assert!(
                            matches!(kind, ErrorKind::SchemaRegistry | ErrorKind::SchemaTimeout | ErrorKind::BufferTimeout),
                            "{kind}"
                        );
                        waiting.push(number);
                        failures += 1;
                    }
                }
            }
            let unsent = block_on(producer.close(Duration::from_secs(30))).unwrap();
            (unsent.len(), failures)
        });
        thread::sleep(Duration::from_secs(seconds));
        embedded.fail(None);
        sending.join().unwrap()
    });
    assert_eq!(sent.0, 0);

    embedded.fail(Some(RegistryFault::Status(503)));
    let consumer = consumer(&kafka, &embedded);
    let (mut numbers, mut outages) = (Vec::new(), 0);
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_secs(seconds));
            embedded.fail(None);
        });
        while numbers.len() < usize::try_from(count).unwrap() {
            match next(&consumer) {
                Ok(record) => numbers.push(*record.value()),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::SchemaRegistry, "{error:?}");
                    outages += 1;
                }
            }
        }
    });
    block_on(soon(consumer.close(Duration::from_secs(60)))).unwrap();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers, (0..count).collect::<Vec<_>>());
    println!(
        "an outage of {seconds} s: {count} records sent with {} failures that were sent again, {count} read with {outages} errors of the registry, none invalid",
        sent.1
    );
}
