//! All formats of a schema registry from a producer to a consumer, with invalid records in between.

use std::{error::Error as _, fmt::Debug};

use futures::{StreamExt, executor::block_on};
use ottla::{
    ConsumeError, Consumer, Deserializer, ErrorKind, Headers, Producer, ProducerRecord, Serializer, serialize::SerializeContext,
};
use ottla_schema_registry::{
    Avro, GenericAvro, JsonSchema, Protobuf, Schema, SchemaRegistry, SchemaRegistryConfig, SchemaType, apache_avro,
    compile_proto,
    prost_reflect::{DynamicMessage, prost_types::Timestamp},
    testing::EmbeddedRegistry,
};
use serde::{Deserialize, Serialize};

use super::{consumer, kafka, soon};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, apache_avro::AvroSchema)]
#[avro(namespace = "shop")]
struct Order {
    id: String,
    quantity: Option<i32>,
}

fn order(id: &str) -> Order {
    Order { id: id.to_owned(), quantity: Some(3) }
}

fn client(embedded: &EmbeddedRegistry, settings: &[(&str, &str)]) -> SchemaRegistry {
    let usual = [("schema.registry.url", embedded.url()), ("max.retries", "0")];
    SchemaRegistry::new(&SchemaRegistryConfig::from_pairs(usual.iter().chain(settings).copied()).unwrap()).unwrap()
}

/// Sends two values, as keys and as values, with invalid records in between. Reads them with a consumer whose registry client has an empty
/// cache. `shown` is equal for equal values.
fn around_poison<T, C>(codec: impl Fn(&SchemaRegistry) -> C, settings: &[(&str, &str)], sent: [T; 2], shown: fn(&T) -> String)
where
    T: Debug + Send + 'static,
    C: Serializer<T> + Deserializer<T>,
{
    let (kafka, embedded) = (kafka(1), EmbeddedRegistry::start().unwrap());
    let registry = client(&embedded, settings);
    let builder = Producer::<T, T>::builder(ottla_test_support::embedded::config(&kafka));
    let producer = builder.key_serializer(codec(&registry)).value_serializer(codec(&registry)).build().unwrap();
    let raw: Producer<[u8], [u8]> = Producer::builder(ottla_test_support::embedded::config(&kafka)).build().unwrap();
    let send = |value: &T| {
        let record = ProducerRecord::to("orders").key(value).value(value);
        block_on(async { producer.send(record).await.unwrap().await.unwrap() });
    };
    send(&sent[0]);

    // The keys of the invalid records are valid, and so is the start of one of the values.
    let framed = |is_key| {
        let (mut headers, mut buffer) = (Headers::new(), Vec::new());
        codec(&registry).serialize(&sent[0], &mut SerializeContext::new("orders", &mut headers, is_key), &mut buffer).unwrap();
        (headers, buffer)
    };
    let (of_key, key) = framed(true);
    let whole = framed(false).1;
    let poison: [(Option<&[u8]>, &str); 6] = [
        (Some(b"plain"), "expected the byte 0 in front of a schema id, got 112"),
        (Some(b"\0\0\0"), "expected a schema id and a payload, got 3 bytes"),
        (Some(b"\0\0\0\0\x63\0payload"), "schema id 99: not found in the schema registry"),
        (None, "got null"),
        (Some(b"\0\0\0\0\x01\xff\xff\xff"), "schema id 1"),
        (Some(&whole[..whole.len() - 1]), ""),
    ];
    for (value, _) in poison {
        let record = ProducerRecord::to("orders").key(&*key).headers(of_key.clone());
        let record = match value {
            Some(value) => record.value(value),
            None => record,
        };
        block_on(async { raw.send(record).await.unwrap().await.unwrap() });
    }
    send(&sent[1]);

    let registry = client(&embedded, settings);
    let builder = Consumer::<T, T>::builder(consumer::config(&kafka, &[]));
    let mut consumer = builder.key_deserializer(codec(&registry)).value_deserializer(codec(&registry)).build().unwrap();
    let items: Vec<Result<_, ConsumeError>> = block_on(async {
        consumer.subscribe(&["orders"]).await.unwrap();
        soon(consumer.by_ref().take(poison.len() + 2).collect()).await
    });
    let (first, last) = (items.first().unwrap().as_ref().unwrap(), items.last().unwrap().as_ref().unwrap());
    for (read, sent) in [(first, &sent[0]), (last, &sent[1])] {
        assert_eq!((shown(read.key()), shown(read.value())), (shown(sent), shown(sent)));
    }
    for (offset, ((value, says), item)) in (1..).zip(poison.into_iter().zip(&items[1..])) {
        let error = item.as_ref().expect_err(says);
        assert_eq!((error.kind(), error.error().is_fatal()), (ErrorKind::Deserialization, false), "{error:?}");
        assert_eq!(error.to_string(), format!("topic orders, partition 0, offset {offset}: the value could not be deserialized"));
        let cause = error.source().unwrap_or_else(|| panic!("{error:?}"));
        assert!(cause.to_string().contains(says), "{says}: {cause}");
        let record = error.record().unwrap();
        assert_eq!((record.key().as_deref(), record.value().as_deref()), (Some(&*key), value));
    }
    assert_eq!(consumer.taken().next("orders", 0), Some(8), "skipped records count as taken");
}

#[test]
fn avro() {
    let shown = |order: &Order| format!("{order:?}");
    around_poison(Avro::<Order>::new, &[], [order("o-1"), order("o-2")], shown);
}

#[test]
fn avro_of_generic_values() {
    let schema = Schema::new(SchemaType::Avro, r#"{"type":"record","name":"Order","fields":[{"name":"id","type":"string"}]}"#);
    let value = |id: &str| {
        let fields = vec![("id".to_owned(), apache_avro::types::Value::String(id.to_owned()))];
        apache_avro::types::Value::Record(fields)
    };
    let codec = |registry: &SchemaRegistry| GenericAvro::with_schema(registry, schema.clone());
    around_poison(codec, &[], [value("o-1"), value("o-2")], |value| format!("{value:?}"));
}

#[test]
fn protobuf_messages_of_prost() {
    let pool = compile_proto([("t.proto", "syntax = \"proto3\"; import \"google/protobuf/timestamp.proto\";")]).unwrap();
    let descriptor = pool.get_message_by_name("google.protobuf.Timestamp").unwrap();
    let codec = |registry: &SchemaRegistry| Protobuf::<Timestamp>::with_descriptor(registry, descriptor.clone());
    let time = |seconds| Timestamp { seconds, nanos: 5 };
    around_poison(codec, &[], [time(1_700_000_000), time(-1)], |time| format!("{time:?}"));
}

#[test]
fn dynamic_protobuf_messages() {
    let text = "syntax = \"proto3\"; message Other {} message Order { message Line { string sku = 1; } Line line = 1; }";
    let message = compile_proto([("order.proto", text)]).unwrap().get_message_by_name("Order").unwrap();
    let order = |sku: &str| DynamicMessage::deserialize(message.clone(), &serde_json::json!({ "line": { "sku": sku } })).unwrap();
    let shown = |message: &DynamicMessage| serde_json::to_string(message).unwrap();
    around_poison(Protobuf::dynamic, &[], [order("a"), order("b")], shown);
}

#[test]
fn json_schema() {
    let schema =
        r#"{"type":"object","required":["id"],"properties":{"id":{"type":"string"},"quantity":{"type":["null","integer"]}}}"#;
    let codec = |registry: &SchemaRegistry| JsonSchema::<Order>::with_schema(registry, Schema::new(SchemaType::Json, schema));
    around_poison(codec, &[], [order("o-1"), order("o-2")], |order| format!("{order:?}"));
}

#[test]
fn ids_in_headers() {
    let class = "io.confluent.kafka.serializers.schema.id.HeaderSchemaIdSerializer";
    let settings = [("key.schema.id.serializer", class), ("value.schema.id.serializer", class)];
    let shown = |order: &Order| format!("{order:?}");
    around_poison(Avro::<Order>::new, &settings, [order("o-1"), order("o-2")], shown);
}
