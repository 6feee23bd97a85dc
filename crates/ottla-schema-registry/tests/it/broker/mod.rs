//! Each format with a real Kafka and a real schema registry, at `SCHEMA_REGISTRY_URL`.

use std::{
    env,
    error::Error as _,
    io::{Read, Write},
    net::TcpStream,
    sync::{Mutex, MutexGuard, PoisonError},
};

use futures::executor::block_on;
use ottla::{
    ErrorKind, Headers, Producer, ProducerRecord, Serializer,
    serialize::{DeserializeContext, Deserializer},
};
use ottla_schema_registry::{
    Avro, JsonSchema, Protobuf, RegistryError, RegistryErrorKind, Schema, SchemaRegistry, SchemaRegistryConfig, SchemaType,
    apache_avro, compile_proto,
    prost_reflect::{DynamicMessage, ReflectMessage, Value},
};
use serde::{Deserialize, Serialize};

use ottla_test_support::broker::{bootstrap_servers, config, topic};

use crate::log;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, apache_avro::AvroSchema)]
#[avro(namespace = "shop")]
struct Order {
    id: String,
    quantity: Option<i32>,
}

fn order() -> Order {
    Order { id: "o-1".to_owned(), quantity: Some(3) }
}

fn url() -> String {
    env::var("SCHEMA_REGISTRY_URL").expect("SCHEMA_REGISTRY_URL is not set: run the tests of tier 3 with make test-broker")
}

fn registry() -> SchemaRegistry {
    SchemaRegistry::new(&SchemaRegistryConfig::new().set("schema.registry.url", url()).unwrap()).unwrap()
}

fn json_schema(quantity: &str) -> Schema {
    let schema = r#"{"$schema":"http://json-schema.org/draft-07/schema#","title":"Order","type":"object","required":["id"],"properties":
        {"id":{"type":"string"},"quantity":{"type":["QUANTITY","null"]}}}"#;
    Schema::new(SchemaType::Json, schema.replace("QUANTITY", quantity))
}

/// A message of a file with an import. `kind` is the type of the field `quantity`.
fn message(kind: &str, quantity: Value) -> DynamicMessage {
    let order = "syntax = \"proto3\"; package shop; import \"ottla/shop/customer.proto\"; import \"google/protobuf/timestamp.proto\"; \
                 message Unused {} message Order { string id = 1; KIND quantity = 2; Customer customer = 3; google.protobuf.Timestamp at = 4; }";
    let customer = "syntax = \"proto3\"; package shop; message Customer { string name = 1; }";
    let order = order.replace("KIND", kind);
    let pool = compile_proto([("order.proto", order.as_str()), ("ottla/shop/customer.proto", customer)]).unwrap();
    let mut message = DynamicMessage::new(pool.get_message_by_name("shop.Order").unwrap());
    message.set_field_by_name("id", Value::String("o-1".to_owned()));
    message.set_field_by_name("quantity", quantity);
    message
}

/// Sends a value with a new producer.
fn send<T: 'static>(topic: &str, codec: impl Serializer<T>, value: T) -> ottla::Result<()> {
    let producer: Producer<str, T> = Producer::builder(config()).value_serializer(codec).build().unwrap();
    block_on(async { producer.send(ProducerRecord::to(topic).key("k").value(&value)).await?.await.map(drop) })
}

/// Sends a value, reads the log with another client, and decodes the record with a new registry handle, whose cache is empty.
fn round_trip<T: Clone + 'static, C: Serializer<T> + Deserializer<T>>(
    name: &str,
    codec: fn(&SchemaRegistry) -> C,
    value: &T,
) -> T {
    let topic = topic(name, 1, &[]);
    send(&topic, codec(&registry()), value.clone()).unwrap();
    let found = log::read(&bootstrap_servers(), &topic);
    assert_eq!(found.len(), 1);
    let headers = Headers::new();
    codec(&registry()).deserialize(found[0].value.as_deref(), &DeserializeContext::new(&topic, &headers, false)).unwrap()
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn every_format_round_trips() {
    let _alone = lock_imports();
    assert_eq!(round_trip("avro", Avro::<Order>::new, &order()), order());
    let json = |registry: &_| JsonSchema::<Order>::with_schema(registry, json_schema("integer"));
    assert_eq!(round_trip("json-schema", json, &order()), order());
    let read = round_trip("protobuf", Protobuf::dynamic, &message("int32", Value::I32(3)));
    assert_eq!(read.descriptor().full_name(), "shop.Order");
    assert_eq!(read.get_field_by_name("id").as_deref(), Some(&Value::String("o-1".to_owned())));
    assert_eq!(read.get_field_by_name("quantity").as_deref(), Some(&Value::I32(3)));
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn imports_are_registered_as_references() {
    let _alone = lock_imports();
    let (topic, registry) = (topic("imports", 1, &[]), registry());
    send(&topic, Protobuf::dynamic(&registry), message("int32", Value::I32(3))).unwrap();
    let latest = registry.latest(&format!("{topic}-value")).wait().unwrap();
    let [reference] = latest.schema().uses() else { panic!("{latest:?}") };
    assert_eq!((reference.name.as_str(), reference.subject.as_str()), ("ottla/shop/customer.proto", "ottla/shop/customer.proto"));
    let customer = registry.version(&reference.subject, reference.version).wait().unwrap();
    assert!(customer.schema().text().contains("message Customer {"), "{customer:?}");
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn an_incompatible_schema_is_an_error_with_the_subject_and_the_registrys_message() {
    let _alone = lock_imports();
    let incompatible = |topic: &str, result: ottla::Result<()>| {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Serialization, "{error:?}");
        let cause: &RegistryError =
            error.source().and_then(|source| source.downcast_ref()).unwrap_or_else(|| panic!("{error:?}"));
        let subject = format!("{topic}-value");
        assert_eq!((cause.kind(), cause.status()), (RegistryErrorKind::Incompatible, Some(409)), "{cause}");
        assert_eq!(cause.subject(), Some(subject.as_str()));
        assert!(cause.message().len() > 20, "{cause}");
        assert!(cause.to_string().contains(&subject), "{cause}");
        // No second version was registered.
        assert_eq!(registry().versions(&subject).wait().unwrap(), [1]);
    };

    let avro = topic("avro-409", 1, &[]);
    send(&avro, Avro::<Order>::new(&registry()), order()).unwrap();
    enforce(&avro);
    let other = Schema::new(
        SchemaType::Avro,
        r#"{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"int"}]}"#,
    );
    incompatible(&avro, send(&avro, Avro::<Id>::with_schema(&registry(), other), Id { id: 1 }));

    let json = topic("json-409", 1, &[]);
    send(&json, JsonSchema::<Order>::with_schema(&registry(), json_schema("integer")), order()).unwrap();
    enforce(&json);
    let nothing = Order { quantity: None, ..order() };
    incompatible(&json, send(&json, JsonSchema::<Order>::with_schema(&registry(), json_schema("string")), nothing));

    let protobuf = topic("protobuf-409", 1, &[]);
    send(&protobuf, Protobuf::dynamic(&registry()), message("int32", Value::I32(1))).unwrap();
    enforce(&protobuf);
    incompatible(&protobuf, send(&protobuf, Protobuf::dynamic(&registry()), message("string", Value::String("1".to_owned()))));
}

#[derive(Serialize)]
struct Id {
    id: i32,
}

/// One test at a time registers the imported file, whose subject all tests share: Apicurio answers one of two first registrations at the same
/// time with 409.
fn lock_imports() -> MutexGuard<'static, ()> {
    static IMPORTS: Mutex<()> = Mutex::new(());
    IMPORTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes the registry enforce compatibility for the topic's values, which is off by default in Apicurio.
fn enforce(topic: &str) {
    let url = url();
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap_or((url.strip_prefix("http://").unwrap(), ""));
    let (path, body) = (path.trim_end_matches('/'), r#"{"compatibility":"BACKWARD"}"#);
    let mut stream = TcpStream::connect(host).unwrap();
    write!(
        stream,
        "PUT {}{path}/config/{topic}-value HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        if path.is_empty() { "" } else { "/" },
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
