//! Avro: the first byte chooses a schema, the rest is a record's payload after its id.

use std::sync::LazyLock;

use apache_avro::types::Value;
use ottla::{
    Deserializer, Headers, Serializer,
    serialize::{DeserializeContext, SerializeContext},
};
use ottla_schema_registry::{
    Avro, GenericAvro, Schema, SchemaRegistry, SchemaRegistryConfig, SchemaType, testing::EmbeddedRegistry,
};

/// Every Avro type; recursive types; items that take no bytes.
const SCHEMAS: &[&str] = &[
    r#"{"type": "record", "name": "Order", "namespace": "shop", "fields": [
        {"name": "id", "type": "string"},
        {"name": "quantity", "type": "int"},
        {"name": "tags", "type": {"type": "array", "items": "string"}, "default": []},
        {"name": "price", "type": ["null", "double"], "default": null}]}"#,
    r#"{"type": "record", "name": "All", "fields": [
        {"name": "a", "type": "boolean"}, {"name": "b", "type": "long"}, {"name": "c", "type": "float"}, {"name": "d", "type": "bytes"},
        {"name": "e", "type": {"type": "fixed", "name": "F", "size": 3}},
        {"name": "f", "type": {"type": "enum", "name": "E", "symbols": ["ONE", "TWO"]}},
        {"name": "g", "type": {"type": "map", "values": ["null", "E", "F"]}},
        {"name": "h", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
        {"name": "i", "type": {"type": "fixed", "name": "D", "size": 5, "logicalType": "decimal", "precision": 9, "scale": 2}},
        {"name": "j", "type": {"type": "string", "logicalType": "uuid"}},
        {"name": "k", "type": {"type": "int", "logicalType": "date"}},
        {"name": "l", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "m", "type": {"type": "fixed", "name": "P", "size": 12, "logicalType": "duration"}}]}"#,
    r#"{"type": "record", "name": "Node", "fields": [
        {"name": "value", "type": "int"}, {"name": "next", "type": ["null", "Node"]}]}"#,
    r#"{"type": "record", "name": "Tree", "fields": [{"name": "branches", "type": {"type": "array", "items": "Tree"}}]}"#,
    r#"{"type": "array", "items": "null"}"#,
    r#"{"type": "array", "items": {"type": "record", "name": "Nothing", "fields": []}}"#,
    r#"{"type": "map", "values": {"type": "map", "values": {"type": "array", "items": ["null", "long"]}}}"#,
    r#"["null", "string", {"type": "array", "items": ["boolean", "bytes"]}]"#,
    r#""bytes""#,
    r#""string""#,
];

/// A program's type.
#[derive(Debug, serde::Serialize, serde::Deserialize, apache_avro::AvroSchema)]
#[avro(namespace = "shop")]
struct Order {
    id: String,
    quantity: i32,
    price: Option<f64>,
}

struct Registered {
    ids: Vec<i32>,
    generic: GenericAvro,
    typed: Avro<Order>,
    resolving: GenericAvro,
    again: Vec<GenericAvro>,
    _embedded: EmbeddedRegistry,
}

static REGISTERED: LazyLock<Registered> = LazyLock::new(|| {
    let embedded = EmbeddedRegistry::start().expect("a registry");
    let config = SchemaRegistryConfig::new().set("schema.registry.url", embedded.url()).expect("its URL");
    let registry = SchemaRegistry::new(&config).expect("its client");
    let schema = |text: &&str| Schema::new(SchemaType::Avro, *text);
    let register = |(number, text)| {
        let registered = registry.register(&format!("{number}-value"), &schema(text)).wait().expect("a schema");
        registered.id().expect("an id")
    };
    Registered {
        ids: SCHEMAS.iter().enumerate().map(register).collect(),
        generic: GenericAvro::from_registry(&registry),
        typed: Avro::new(&registry),
        resolving: GenericAvro::with_schema(&registry, schema(&SCHEMAS[0])),
        again: SCHEMAS.iter().map(|text| GenericAvro::with_schema(&registry, schema(text))).collect(),
        _embedded: embedded,
    }
});

/// Reads the bytes under the schema, as a program's type and under another schema. Writing a read value normalizes it, for example
/// decimals without redundant bytes: reading and writing it once more does not change it.
pub(crate) fn run(data: &[u8]) {
    let Some((which, payload)) = data.split_first() else { return };
    let registered = &*REGISTERED;
    let which = usize::from(*which) % registered.ids.len();
    let framed = [&[0][..], &registered.ids[which].to_be_bytes(), payload].concat();
    let headers = Headers::new();
    let context = DeserializeContext::new("t", &headers, false);
    let _: Result<Order, _> = registered.typed.deserialize(Some(&framed), &context);
    let _: Result<Value, _> = registered.resolving.deserialize(Some(&framed), &context);
    let Ok(value) = registered.generic.deserialize(Some(&framed), &context) else { return };
    let Some(written) = write(which, &value) else { return };
    let again: Value = registered.generic.deserialize(Some(&written), &context).expect("what was written is read");
    let written_again = write(which, &again).expect("what was written once is written again");
    // The entries of a map have no order.
    let sorted = |mut bytes: Vec<u8>| {
        bytes.sort_unstable();
        bytes
    };
    assert_eq!(sorted(written_again), sorted(written), "{value:?} is read as {again:?}");
}

fn write(which: usize, value: &Value) -> Option<Vec<u8>> {
    let (mut headers, mut written) = (Headers::new(), Vec::new());
    let topic = which.to_string();
    let mut context = SerializeContext::new(&topic, &mut headers, false);
    REGISTERED.again[which].serialize(value, &mut context, &mut written).is_ok().then_some(written)
}
