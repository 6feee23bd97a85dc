//! ottla and confluent-kafka-python with the same Kafka and registry: each reads the other's records.

use std::{env, process};

use futures::executor::block_on;
use ottla::{
    Headers, Producer, ProducerConfig, ProducerRecord, Serializer,
    serialize::{DeserializeContext, Deserializer, SerializeContext},
};
use ottla_schema_registry::{GenericAvro, JsonSchema, Protobuf, SchemaRegistry, SchemaRegistryConfig, SchemaType};

use super::{
    Vector,
    avro_json::{avro, plain},
    vectors,
};
use crate::log;

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} is not set: make interop"))
}

/// Runs the Python program and returns the number of vectors that it processed.
fn python(command: &str, prefix: &str) -> usize {
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/schema_registry_interop.py");
    let output = process::Command::new(variable("INTEROP_PYTHON")).args([program, command, prefix]).output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command}: {stdout}{stderr}");
    stdout.trim().parse().unwrap()
}

/// The vectors that both support, each with its index in the file. Not every registry has GUIDs, which ids in headers need, and Python's
/// deserializers reject an empty payload.
fn shared() -> impl Iterator<Item = (usize, Vector)> {
    vectors().into_iter().enumerate().filter(|(_, vector)| vector.header.is_none() && vector.bytes.len() > 5)
}

fn bytes<T>(topic: &str, vector: &Vector, codec: &impl Serializer<T>, value: &T) -> Vec<u8> {
    let (mut headers, mut buffer) = (Headers::new(), Vec::new());
    codec.serialize(value, &mut SerializeContext::new(topic, &mut headers, vector.is_key()), &mut buffer).unwrap();
    buffer
}

fn read<T>(topic: &str, vector: &Vector, codec: &impl Deserializer<T>, data: &[u8]) -> T {
    let headers = Headers::new();
    let read = codec.deserialize(Some(data), &DeserializeContext::new(topic, &headers, vector.is_key()));
    read.unwrap_or_else(|error| panic!("{}: {error}", vector.name))
}

#[test]
#[ignore = "needs Kafka, a schema registry and Python: make interop"]
fn python_and_ottla_read_each_others_records() {
    let (servers, url) = (variable("KAFKA_BOOTSTRAP_SERVERS"), variable("SCHEMA_REGISTRY_URL"));
    let registry = SchemaRegistry::new(&SchemaRegistryConfig::new().set("schema.registry.url", url).unwrap()).unwrap();
    let count = shared().count();

    let prefix = format!("ottla-{}", process::id());
    let config = ProducerConfig::new().set("bootstrap.servers", &servers).unwrap();
    let producer: Producer<[u8], [u8]> = Producer::builder(config).build().unwrap();
    for (number, vector) in shared() {
        let topic = format!("{prefix}-{number}");
        let data = match vector.format {
            SchemaType::Avro => {
                bytes(&topic, &vector, &GenericAvro::with_schema(&registry, vector.registered_schema(&registry)), &avro(&vector))
            }
            // Python can read only this form from a registry that stores the text unchanged.
            SchemaType::Protobuf => bytes(&topic, &vector, &Protobuf::dynamic(&registry).serialized(true), &vector.protobuf()),
            SchemaType::Json => {
                bytes(&topic, &vector, &JsonSchema::with_schema(&registry, vector.registered_schema(&registry)), &vector.value)
            }
        };
        let record = ProducerRecord::to(&*topic).partition(0);
        let record = if vector.is_key() { record.key(&*data) } else { record.value(&*data) };
        block_on(async { producer.send(record).await.unwrap().await.unwrap() });
    }
    assert_eq!(python("read", &prefix), count);

    let prefix = format!("python-{}", process::id());
    assert_eq!(python("write", &prefix), count);
    for (number, vector) in shared() {
        let topic = format!("{prefix}-{number}");
        let found = log::read(&servers, &topic).remove(0);
        let data = if vector.is_key() { found.key } else { found.value }.unwrap();
        // The registry assigns its own ids, so only the bytes behind the id are compared.
        assert_eq!(data[5..], vector.bytes[5..], "{}", vector.name);
        match vector.format {
            SchemaType::Avro => assert_eq!(
                plain(read(&topic, &vector, &GenericAvro::with_schema(&registry, vector.registered_schema(&registry)), &data)),
                avro(&vector),
                "{}",
                vector.name
            ),
            SchemaType::Protobuf => assert_eq!(
                serde_json::to_value(read(&topic, &vector, &Protobuf::dynamic(&registry), &data)).unwrap(),
                serde_json::to_value(vector.protobuf()).unwrap(),
                "{}",
                vector.name
            ),
            SchemaType::Json => assert_eq!(
                read::<serde_json::Value>(
                    &topic,
                    &vector,
                    &JsonSchema::with_schema(&registry, vector.registered_schema(&registry)),
                    &data
                ),
                vector.value,
                "{}",
                vector.name
            ),
        }
    }
    println!("{count} vectors each way");
}
