//! Records that wait for their schema, with brokers and a registry in the process.

use std::{error::Error as _, sync::Arc, time::Duration};

use futures::{SinkExt, executor::block_on, future::join_all};
use ottla::{ErrorKind, Producer, ProducerRecord, Serializer, serialize::Optional, testing::EmbeddedKafka};
use ottla_schema_registry::{
    Avro, AvroError, RegistryError, RegistryErrorKind, Schema, SchemaMismatch, SchemaRegistry, SchemaRegistryConfig, SchemaType,
    WireId, apache_avro,
    testing::{EmbeddedRegistry, RegistryFault},
};
use serde::{Deserialize, Serialize};

use super::{config, ends, kafka};
use crate::log;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, apache_avro::AvroSchema)]
#[avro(namespace = "shop")]
struct Order {
    id: i64,
}

fn registry(embedded: &EmbeddedRegistry, settings: &[(&str, &str)]) -> SchemaRegistry {
    let usual = [("schema.registry.url", embedded.url()), ("max.retries", "0")];
    SchemaRegistry::new(&SchemaRegistryConfig::from_pairs(usual.iter().chain(settings).copied()).unwrap()).unwrap()
}

fn producer_with<V: ?Sized + 'static>(
    kafka: &EmbeddedKafka,
    serializer: impl Serializer<V>,
    settings: &[(&str, &str)],
) -> Producer<str, V> {
    let config = settings.iter().fold(config(kafka), |config, (name, value)| config.set(name, value).unwrap());
    let builder = Producer::builder(config).value_serializer(serializer);
    builder.drop_timeout(Duration::from_secs(10)).build().unwrap()
}

fn producer(kafka: &EmbeddedKafka, registry: &SchemaRegistry) -> Producer<str, Order> {
    producer_with(kafka, Avro::<Order>::new(registry), &[])
}

fn record(id: i64) -> ProducerRecord<'static, str, Order> {
    ProducerRecord::to("orders").value(Arc::new(Order { id }))
}

/// The ids of the records in a topic, each encoded in at most two bytes behind the schema id.
fn ids(kafka: &EmbeddedKafka, topic: &str) -> Vec<i64> {
    let id = |value: &[u8]| {
        assert_eq!(value[0], 0);
        value[5..].iter().rev().fold(0, |bits, byte| (bits << 7) | i64::from(byte & 0x7f)) / 2
    };
    log::read(kafka.bootstrap_servers(), topic).iter().map(|found| id(found.value.as_deref().unwrap())).collect()
}

/// The registry's error that caused a record's error. Checks the kind of the record's error.
fn cause(error: &ottla::Error) -> &RegistryError {
    let cause: &RegistryError = error.source().and_then(|source| source.downcast_ref()).unwrap_or_else(|| panic!("{error:?}"));
    let kind = if cause.is_outage() { ErrorKind::SchemaRegistry } else { ErrorKind::Serialization };
    assert_eq!((error.kind(), error.is_retriable()), (kind, cause.is_outage()), "{error:?}");
    cause
}

#[test]
fn a_thousand_concurrent_first_sends_register_once_and_keep_their_order() {
    let (kafka, embedded) = (kafka(1), EmbeddedRegistry::start().unwrap());
    embedded.fail_next(RegistryFault::Slow(Duration::from_millis(100)), 1);
    let producer = producer(&kafka, &registry(&embedded, &[]));
    let waiting: Vec<_> = (0..1000).map(|id| producer.send(record(id))).collect();
    block_on(async {
        // Awaited backwards: the order of the log is still that of the calls.
        let deliveries = join_all(waiting.into_iter().rev()).await;
        for delivery in deliveries {
            delivery.unwrap().await.unwrap();
        }
        producer.send(record(1000)).await.unwrap().await.unwrap();
    });
    assert_eq!(embedded.requests(), ["POST /subjects/orders-value/versions"]);
    assert_eq!(ids(&kafka, "orders"), (0..=1000).collect::<Vec<_>>());
}

#[test]
fn concurrent_first_sends_of_several_threads_register_once() {
    let (kafka, embedded) = (kafka(3), EmbeddedRegistry::start().unwrap());
    embedded.fail_next(RegistryFault::Slow(Duration::from_millis(50)), 1);
    let producer = producer(&kafka, &registry(&embedded, &[]));
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let producer = &producer;
            scope.spawn(move || {
                for id in 0..125 {
                    producer.blocking().send(record(thread * 125 + id)).unwrap().wait().unwrap();
                }
            });
        }
    });
    assert_eq!(embedded.requests().len(), 1);
    let mut found = ids(&kafka, "orders");
    found.sort_unstable();
    assert_eq!(found, (0..1000).collect::<Vec<_>>());
}

#[test]
fn cached_schemas_are_used_while_the_registry_is_offline() {
    let (kafka, embedded) = (kafka(1), EmbeddedRegistry::start().unwrap());
    let producer = producer(&kafka, &registry(&embedded, &[]));
    block_on(async {
        producer.send(record(0)).await.unwrap().await.unwrap();
        embedded.stop();
        for id in 1..100 {
            producer.try_send(record(id)).unwrap().await.unwrap();
        }
        let error = producer.send(ProducerRecord::to("others").value(&Order { id: 0 })).await.unwrap_err();
        assert_eq!(cause(&error).kind(), RegistryErrorKind::Network, "{error:?}");
        assert_eq!(cause(&error).subject(), Some("others-value"));
        producer.send(record(100)).await.unwrap().await.unwrap();
    });
    assert_eq!(ids(&kafka, "orders"), (0..=100).collect::<Vec<_>>());
}

#[test]
fn try_send_returns_the_record_while_the_lookup_is_pending() {
    let (kafka, embedded) = (kafka(1), EmbeddedRegistry::start().unwrap());
    embedded.fail_next(RegistryFault::Slow(Duration::from_millis(50)), 1);
    let producer = producer(&kafka, &registry(&embedded, &[]));
    let refused = producer.try_send(record(1)).unwrap_err();
    assert_eq!(refused.error().kind(), ErrorKind::SchemaPending);
    assert!(refused.error().is_retriable());
    assert!(refused.to_string().contains("subject orders-value"), "{refused}");
    let mut record = refused.into_record();
    let delivery = loop {
        match producer.try_send(record) {
            Ok(delivery) => break delivery,
            Err(refused) => record = refused.into_record(),
        }
    };
    block_on(delivery).unwrap();
    assert_eq!((ids(&kafka, "orders"), embedded.requests().len()), (vec![1], 1));
}

#[test]
fn a_waiting_record_blocks_its_topic_and_no_other() {
    let kafka = EmbeddedKafka::builder().topic("orders", 1).topic("others", 1).start().unwrap();
    let embedded = EmbeddedRegistry::start().unwrap();
    // Null has no schema to wait for.
    let producer = producer_with(&kafka, Optional(Avro::<Order>::new(&registry(&embedded, &[]))), &[]);
    let other = |id| ProducerRecord::to("others").value(Arc::new(Some(Order { id })));
    block_on(async { producer.send(other(1)).await.unwrap().await.unwrap() });
    embedded.fail_next(RegistryFault::Never, 1);
    let first = producer.send(ProducerRecord::to("orders").value(Some(Order { id: 1 })));
    let second = producer.send(ProducerRecord::to("orders").value(&None::<Order>));
    let refused = producer.try_send(ProducerRecord::to("orders").value(&None::<Order>)).unwrap_err();
    assert_eq!(refused.error().kind(), ErrorKind::SchemaPending, "it would overtake the first record");
    block_on(async { producer.send(other(2)).await.unwrap().await.unwrap() });
    // The first record is cancelled, so the second is sent.
    drop(first);
    block_on(async { second.await.unwrap().await.unwrap() });
    let found = log::read(kafka.bootstrap_servers(), "orders");
    assert_eq!(found.iter().map(|found| &found.value).collect::<Vec<_>>(), [&None]);
    assert_eq!(ids(&kafka, "others"), [1, 2]);
    embedded.stop();
}

#[test]
fn a_record_waits_for_its_schema_for_max_block_ms() {
    let (kafka, embedded) = (kafka(1), EmbeddedRegistry::start().unwrap());
    embedded.fail(Some(RegistryFault::Never));
    let avro = Avro::<Order>::new(&registry(&embedded, &[("http.read.timeout.ms", "300000")]));
    let producer = producer_with(&kafka, avro, &[("max.block.ms", "200")]);
    ends(move || {
        let error = block_on(producer.send(record(1))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SchemaTimeout);
        let text = "topic orders: the schema of subject orders-value was not available within max.block.ms (200 ms)";
        assert_eq!(error.to_string(), text);
        assert!(producer.blocking().close(Duration::from_secs(10)).unwrap().is_empty());
    });
    assert!(ids(&kafka, "orders").is_empty());
}

#[test]
fn close_fails_records_that_wait_for_their_schema() {
    let (kafka, embedded) = (kafka(1), EmbeddedRegistry::start().unwrap());
    embedded.fail(Some(RegistryFault::Never));
    let producer = producer(&kafka, &registry(&embedded, &[]));
    let waiting = producer.send(record(1));
    ends(move || {
        block_on(producer.clone().close(Duration::from_secs(10))).unwrap();
        assert_eq!(block_on(waiting).unwrap_err().kind(), ErrorKind::Closed);
        assert_eq!(block_on(producer.send(record(2))).unwrap_err().kind(), ErrorKind::Closed);
    });
}

#[test]
fn registry_errors_are_the_source_of_the_records_error() {
    let (kafka, embedded) = (kafka(1), EmbeddedRegistry::start().unwrap());
    let registry = registry(&embedded, &[]);
    let producer = producer(&kafka, &registry);
    for (fault, kind) in [
        (RegistryFault::Status(401), RegistryErrorKind::Authentication),
        (RegistryFault::Status(403), RegistryErrorKind::Authorization),
        (RegistryFault::Status(404), RegistryErrorKind::NotFound),
        (RegistryFault::Status(409), RegistryErrorKind::Incompatible),
        (RegistryFault::Status(422), RegistryErrorKind::InvalidSchema),
        (RegistryFault::Status(500), RegistryErrorKind::Unavailable),
        (RegistryFault::Status(418), RegistryErrorKind::UnexpectedAnswer),
        (RegistryFault::Garbage, RegistryErrorKind::UnexpectedAnswer),
        (RegistryFault::NoHttp, RegistryErrorKind::UnexpectedAnswer),
    ] {
        embedded.fail_next(fault, 1);
        let error = block_on(producer.send(record(1))).unwrap_err();
        assert_eq!((cause(&error).kind(), cause(&error).subject()), (kind, Some("orders-value")), "{fault:?}: {error:?}");
        let says = if cause(&error).is_outage() {
            "topic orders: the schema of the value could not be looked up"
        } else {
            "topic orders: the value could not be serialized"
        };
        assert_eq!(error.to_string(), says);
    }
    embedded.fail_next(RegistryFault::Disconnect, 1);
    let error = block_on(producer.send(record(1))).unwrap_err();
    assert!(cause(&error).is_retriable() || cause(&error).kind() == RegistryErrorKind::UnexpectedAnswer, "{error:?}");
    block_on(async { producer.send(record(7)).await.unwrap().await.unwrap() });

    // An incompatible schema, an invalid one, one that is not registered, and an unknown id.
    let other = Schema::new(
        SchemaType::Avro,
        r#"{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"int"}]}"#,
    );
    let refused = |avro: Avro<Order>| {
        let producer = producer_with(&kafka, avro, &[]);
        block_on(producer.send(record(1))).unwrap_err()
    };
    let error = refused(Avro::with_schema(&registry, other.clone()));
    assert_eq!((cause(&error).kind(), cause(&error).status()), (RegistryErrorKind::Incompatible, Some(409)));
    assert!(cause(&error).message().contains("incompatible with an earlier schema"), "{error:?}");
    let error = refused(Avro::with_schema(&registry, Schema::new(SchemaType::Avro, "{")));
    assert!(error.source().unwrap().to_string().contains("the schema cannot be parsed"), "{error:?}");
    let error = refused(Avro::with_schema(&registry, other).auto_register(false));
    assert_eq!((cause(&error).kind(), cause(&error).code()), (RegistryErrorKind::NotFound, Some(40403)));
    let error = refused(Avro::from_registry(&registry).use_schema_id(4711));
    assert_eq!((cause(&error).kind(), cause(&error).schema_id()), (RegistryErrorKind::NotFound, Some(4711)));
    assert_eq!(ids(&kafka, "orders"), [7], "no other record was written");
}

#[test]
fn timeouts_and_missing_subjects_are_errors_with_the_subject() {
    let (kafka, embedded) = (kafka(1), EmbeddedRegistry::start().unwrap());
    let slow = registry(&embedded, &[("http.read.timeout.ms", "100")]);
    embedded.fail_next(RegistryFault::Never, 1);
    let producer = producer(&kafka, &slow);
    let error = block_on(producer.send(record(1))).unwrap_err();
    assert_eq!((cause(&error).kind(), cause(&error).subject()), (RegistryErrorKind::Timeout, Some("orders-value")), "{error:?}");
    let missing = producer_with(&kafka, Avro::<Order>::from_registry(&registry(&embedded, &[])), &[]);
    let error = block_on(missing.send(record(1))).unwrap_err();
    assert_eq!((cause(&error).kind(), cause(&error).code()), (RegistryErrorKind::NotFound, Some(40401)), "{error:?}");
    let text = "subject orders-value: not found in the schema registry (404, code 40401): Subject 'orders-value' not found.";
    assert_eq!(cause(&error).to_string(), text);
    block_on(async { producer.send(record(7)).await.unwrap().await.unwrap() });
    assert_eq!(ids(&kafka, "orders"), [7], "no other record was written");
}

#[test]
fn a_mismatch_names_schema_and_field() {
    let (kafka, embedded) = (kafka(1), EmbeddedRegistry::start().unwrap());
    let registry = registry(&embedded, &[]);
    let text = r#"{"type":"record","name":"Order","fields":[{"name":"id","type":"string"}]}"#;
    registry.register("orders-value", &Schema::new(SchemaType::Avro, text)).wait().unwrap();
    let producer = producer_with(&kafka, Avro::<Order>::from_registry(&registry), &[]);
    // The first record waits for the schema, the second finds it in the cache.
    for _ in 0..2 {
        let error = block_on(producer.send(record(1234))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Serialization);
        let mismatch: &SchemaMismatch = error.source().unwrap().downcast_ref().unwrap_or_else(|| panic!("{error:?}"));
        assert_eq!((mismatch.subject(), mismatch.schema_id()), (Some("orders-value"), Some(WireId::Id(1))));
        assert_eq!(mismatch.to_string(), "subject orders-value, schema id 1: does not match the schema");
        let reason: &AvroError = mismatch.source().unwrap().downcast_ref().unwrap();
        assert_eq!((reason.to_string().as_str(), &*reason.field()), ("field id: expected a string, got an integer", "id"));
    }
}

#[test]
fn send_all_sinks_and_callbacks_wait_for_the_schema() {
    let (kafka, embedded) = (kafka(1), EmbeddedRegistry::start().unwrap());
    let first = |id: i64| {
        embedded.fail_next(RegistryFault::Slow(Duration::from_millis(20)), 1);
        (producer(&kafka, &registry(&embedded, &[])), record(id))
    };
    block_on(async {
        let (producer, record) = first(1);
        assert_eq!(producer.send_all([record]).await.unwrap().await.unwrap().records(), 1);
        let (producer, record) = first(2);
        let mut sink = producer.sink();
        sink.send(record).await.unwrap();
        sink.close().await.unwrap();
    });
    let (producer, record) = first(3);
    let (sender, receiver) = std::sync::mpsc::channel();
    producer.blocking().send_with(record, move |report| sender.send(report.is_ok()).unwrap()).unwrap();
    assert!(receiver.recv().unwrap());
    assert_eq!(ids(&kafka, "orders"), [1, 2, 3]);
}

#[test]
fn commit_waits_for_records_without_a_schema_and_abort_does_not() {
    let (kafka, embedded) = (kafka(1), EmbeddedRegistry::start().unwrap());
    let avro = Avro::<Order>::new(&registry(&embedded, &[]));
    let producer = producer_with(&kafka, avro, &[("transactional.id", "orders")]);
    ends(move || {
        block_on(async {
            producer.init_transactions().await.unwrap();
            let transaction = producer.begin_transaction().await.unwrap();
            embedded.fail_next(RegistryFault::Never, 1);
            let waiting = transaction.send(record(1));
            transaction.abort().await.unwrap();
            assert_eq!(waiting.await.unwrap_err().kind(), ErrorKind::TransactionFailed);
        });
        // The first request is still pending in the first handle, so this uses another one.
        let avro = Avro::<Order>::new(&registry(&embedded, &[]));
        let producer = producer_with(&kafka, avro, &[("transactional.id", "orders")]);
        block_on(async {
            producer.init_transactions().await.unwrap();
            let transaction = producer.begin_transaction().await.unwrap();
            embedded.fail_next(RegistryFault::Slow(Duration::from_millis(50)), 1);
            let waiting = transaction.send(record(2));
            transaction.commit().await.unwrap();
            waiting.await.unwrap().await.unwrap();
        });
        assert_eq!(ids(&kafka, "orders"), [2]);
    });
}

#[test]
fn requests_are_retried_and_fall_back_to_the_next_url() {
    let (embedded, other) = (EmbeddedRegistry::start().unwrap(), EmbeddedRegistry::start().unwrap());
    let schema = Schema::new(SchemaType::Avro, r#""string""#);
    let again = [("retries.wait.ms", "1"), ("max.retries", "2")];
    embedded.fail_next(RegistryFault::Status(503), 2);
    registry(&embedded, &again).register("a", &schema).wait().unwrap();
    assert_eq!(embedded.requests().len(), 3);
    embedded.fail_next(RegistryFault::Status(429), 3);
    let error = registry(&embedded, &again).register("b", &schema).wait().unwrap_err();
    assert_eq!((error.kind(), embedded.requests().len()), (RegistryErrorKind::Unavailable, 6));
    embedded.stop();
    let urls = format!("{},{}", embedded.url(), other.url());
    registry(&other, &[("schema.registry.url", &urls)]).register("c", &schema).wait().unwrap();
    assert_eq!(other.requests(), ["POST /subjects/c/versions"]);
}

#[test]
fn a_schema_that_another_client_registers_at_the_same_moment_is_looked_up() {
    let embedded = EmbeddedRegistry::start().unwrap();
    let schema = Schema::new(SchemaType::Avro, r#""string""#);
    let settings = [("max.retries", "0"), ("normalize.schemas", "true")];
    let normalizing = registry(&embedded, &settings);
    embedded.fail_next(RegistryFault::Conflict, 1);
    let registered = normalizing.register("a", &schema).wait().unwrap();
    assert_eq!((registered.id(), registered.version(), registered.subject()), (Some(1), Some(1), Some("a")));
    normalizing.register("a", &schema).wait().unwrap();
    let asked = ["POST /subjects/a/versions?normalize=true", "POST /subjects/a?normalize=true"];
    assert_eq!(embedded.requests(), asked, "the response of the lookup is cached");

    let kafka = kafka(1);
    embedded.fail_next(RegistryFault::Conflict, 1);
    let producer = producer(&kafka, &registry(&embedded, &[]));
    block_on(async { producer.send(record(7)).await.unwrap().await.unwrap() });
    assert_eq!(ids(&kafka, "orders"), [7]);
}

#[test]
fn a_rejected_schema_is_looked_up_only_once_and_its_error_is_kept() {
    let embedded = EmbeddedRegistry::start().unwrap();
    let registry = registry(&embedded, &[("max.retries", "0")]);
    let schema = Schema::new(SchemaType::Avro, r#""string""#);
    let lookups = [None, Some(RegistryFault::Status(500)), Some(RegistryFault::Status(409)), Some(RegistryFault::Garbage)];
    for (round, lookup) in lookups.into_iter().enumerate() {
        embedded.fail_next(RegistryFault::Status(409), 1);
        lookup.into_iter().for_each(|fault| embedded.fail_next(fault, 1));
        let error = registry.register("a", &schema).wait().unwrap_err();
        assert_eq!((error.kind(), error.status()), (RegistryErrorKind::Incompatible, Some(409)), "{lookup:?}: {error}");
        assert_eq!(embedded.requests().len(), 2 * (round + 1));
    }
    assert_eq!(registry.register("a", &schema).wait().unwrap().version(), Some(1));
}

#[test]
fn credentials_are_sent_and_never_printed() {
    let embedded = EmbeddedRegistry::start().unwrap();
    let schema = Schema::new(SchemaType::Avro, r#""string""#);
    let ask = |settings: &[(&str, &str)]| registry(&embedded, settings).register("a/b c", &schema).wait();
    embedded.require_login("alice", "hunter2");
    let user_info = [("basic.auth.credentials.source", "USER_INFO"), ("basic.auth.user.info", "alice:hunter2")];
    ask(&user_info).unwrap();
    let url = embedded.url().replace("http://", "http://alice:hunter2@");
    ask(&[("schema.registry.url", &url)]).unwrap();
    let error = ask(&[]).unwrap_err();
    assert_eq!((error.kind(), error.status()), (RegistryErrorKind::Authentication, Some(401)));
    embedded.require_token("hunter2");
    ask(&[("bearer.auth.credentials.source", "STATIC_TOKEN"), ("bearer.auth.token", "hunter2")]).unwrap();
    assert_eq!(embedded.requests()[0], "POST /subjects/a%2Fb%20c/versions");

    embedded.stop();
    let error = ask(&[("schema.registry.url", &url)]).unwrap_err();
    let producer = [("schema.registry.url", url.as_str())].into_iter().chain(user_info);
    let producer = ottla::ProducerConfig::from_pairs(producer.chain([("bootstrap.servers", "localhost:1")])).unwrap();
    let config = SchemaRegistryConfig::from_producer(&producer);
    for text in [format!("{error} {error:?}"), format!("{config:?}"), format!("{producer:?} {}", producer.explain())] {
        assert!(!text.contains("hunter2"), "{text}");
        assert!(text.contains("schema.registry.url") || text.contains("127.0.0.1"), "{text}");
    }
}

#[test]
fn conflicting_settings_are_errors() {
    let url = ("schema.registry.url", "http://localhost:1");
    for (settings, says) in [
        (vec![], "schema.registry.url: is not set"),
        (vec![url, ("use.latest.version", "true")], "use.latest.version: requires auto.register.schemas=false"),
        (vec![url, ("basic.auth.user.info", "a:b")], "basic.auth.user.info: has no effect without"),
        (
            vec![url, ("schema.registry.ssl.truststore.location", "/nowhere.pem")],
            "schema.registry.ssl.truststore.location: cannot be read",
        ),
        (vec![url, ("schema.registry.ssl.keystore.key", "x")], "must be set together with"),
    ] {
        let error = SchemaRegistryConfig::from_pairs(settings).unwrap().check().unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    let error = SchemaRegistryConfig::new().set("schema.registry.urls", "http://a").unwrap_err().to_string();
    assert!(error.contains("did you mean schema.registry.url?"), "{error}");
    let error = SchemaRegistryConfig::new().set("schema.registry.url", "localhost:8081").unwrap_err().to_string();
    assert!(error.contains("begin with http:// or https://"), "{error}");
    let pem = SchemaRegistryConfig::from_pairs([url, ("schema.registry.ssl.truststore.certificates", "hunter2")]).unwrap();
    let error = SchemaRegistry::new(&pem).unwrap_err();
    assert!(
        error.to_string().contains("contains no certificate in PEM") && !format!("{error:?}").contains("hunter2"),
        "{error:?}"
    );
}
