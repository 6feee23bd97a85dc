//! The bytes of other implementations, and errors.

use std::collections::BTreeMap;

use apache_avro::types::Value;
use ottla::{Headers, serialize::Optional};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::*;
use crate::{SchemaIdLocation, SchemaReference, SchemaRegistryConfig, StrategyName, testing::EmbeddedRegistry};

fn registry(embedded: &EmbeddedRegistry) -> SchemaRegistry {
    SchemaRegistry::new(&SchemaRegistryConfig::new().set("schema.registry.url", embedded.url()).unwrap()).unwrap()
}

fn schema(json: &serde_json::Value) -> Schema {
    Schema::new(SchemaType::Avro, json.to_string())
}

/// The value encoded with the schema.
fn written<T: Serialize + ?Sized>(json: &serde_json::Value, value: &T) -> Result<Vec<u8>, String> {
    let parsed = ParsedSchema::new(&json.to_string(), []).map_err(|error| error.to_string())?;
    let mut buffer = Vec::new();
    parsed.plan.write(value, &mut buffer).map_err(|error| error.to_string())?;
    Ok(buffer)
}

fn sent<T: ?Sized>(serializer: &impl Serializer<T>, value: &T) -> Result<(Vec<u8>, Headers), BoxError> {
    let (mut headers, mut buffer) = (Headers::new(), Vec::new());
    serializer.serialize(value, &mut SerializeContext::new("orders", &mut headers, false), &mut buffer)?;
    Ok((buffer, headers))
}

fn received<T>(deserializer: &impl Deserializer<T>, data: &[u8], headers: &Headers) -> Result<T, BoxError> {
    deserializer.deserialize(Some(data), &DeserializeContext::new("orders", headers, false))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn bytes_equal_those_of_confluents_serializers() {
    #[derive(Deserialize)]
    struct Vectors {
        avro: Vec<Vector>,
    }
    #[derive(Deserialize)]
    struct Vector {
        schema: serde_json::Value,
        value: serde_json::Value,
        bytes: String,
    }
    let vectors: Vectors = serde_json::from_str(include_str!("../../tests/data/schema-registry.json")).unwrap();
    assert!(!vectors.avro.is_empty());
    for vector in vectors.avro {
        let embedded = EmbeddedRegistry::start().unwrap();
        let avro = Avro::<serde_json::Value>::with_schema(&registry(&embedded), schema(&vector.schema));
        let (bytes, headers) = sent(&avro, &vector.value).unwrap();
        assert_eq!(hex(&bytes), vector.bytes);
        assert_eq!(received(&avro, &bytes, &headers).unwrap(), vector.value);
    }
}

/// The vectors were written by `fastavro`, which confluent-kafka-python's serializer uses.
#[test]
fn every_type_is_encoded_like_fastavro() {
    #[derive(Deserialize)]
    struct Vector {
        schema: serde_json::Value,
        value: serde_json::Value,
        bytes: String,
    }
    let vectors: Vec<Vector> = serde_json::from_str(include_str!("../../tests/data/avro.json")).unwrap();
    assert!(vectors.len() > 30, "{}", vectors.len());
    for Vector { schema, value, bytes } in vectors {
        assert_eq!(written(&schema, &value).map(|written| hex(&written)), Ok(bytes), "{schema} {value}");
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "shop")]
struct Order {
    id: String,
    quantity: i32,
    price: f64,
    tags: Vec<String>,
    counts: std::collections::HashMap<String, i64>,
    state: State,
    note: Option<String>,
    paid: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, AvroSchema)]
enum State {
    Placed,
    Sent,
}

fn order() -> Order {
    let (tags, counts) = (vec!["gift".to_owned(), String::new()], [("a".to_owned(), -7)].into());
    let (id, note) = ("o-1".to_owned(), Some("please wrap".to_owned()));
    Order { id, quantity: 3, price: 12.5, tags, counts, state: State::Sent, note, paid: true }
}

#[test]
fn derived_types_round_trip() {
    let embedded = EmbeddedRegistry::start().unwrap();
    let avro = Avro::<Order>::new(&registry(&embedded));
    for order in [order(), Order { note: None, tags: Vec::new(), ..order() }] {
        let (bytes, headers) = sent(&avro, &order).unwrap();
        assert_eq!(received(&avro, &bytes, &headers).unwrap(), order);
    }
    assert_eq!(embedded.requests(), ["POST /subjects/orders-value/versions", "GET /schemas/ids/1"]);
}

#[test]
fn generic_values_round_trip() {
    let embedded = EmbeddedRegistry::start().unwrap();
    let union = json!(["null", "string", {"type": "record", "name": "P", "fields": [{"name": "x", "type": "int"}]}]);
    let text = json!({"type": "record", "name": "R", "fields": [
        {"name": "u", "type": {"type": "array", "items": union}},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "id", "type": {"type": "string", "logicalType": "uuid"}},
        {"name": "code", "type": {"type": "fixed", "name": "F", "size": 2}},
    ]});
    let generic = GenericAvro::with_schema(&registry(&embedded), schema(&text));
    let value = Value::Record(vec![
        (
            "u".to_owned(),
            Value::Array(vec![
                Value::Union(2, Box::new(Value::Record(vec![("x".to_owned(), Value::Int(-2))]))),
                Value::Union(0, Box::new(Value::Null)),
                Value::Union(1, Box::new(Value::String("é".to_owned()))),
            ]),
        ),
        ("day".to_owned(), Value::Date(20_000)),
        ("id".to_owned(), Value::Uuid(uuid::Uuid::from_u128(7))),
        ("code".to_owned(), Value::Fixed(2, vec![1, 2])),
    ]);
    let (bytes, headers) = sent(&generic, &value).unwrap();
    assert_eq!(received(&generic, &bytes, &headers).unwrap(), value);
}

#[test]
fn fields_are_written_in_schema_order_with_defaults_for_missing_ones() {
    #[derive(Serialize)]
    struct Sparse {
        c: i64,
        #[serde(skip_serializing_if = "Option::is_none")]
        b: Option<String>,
        a: bool,
    }
    let text = json!({"type": "record", "name": "Sparse", "fields": [
        {"name": "a", "type": "boolean"},
        {"name": "b", "type": ["string", "null"], "default": "none"},
        {"name": "c", "type": "long"},
        {"name": "d", "type": {"type": "map", "values": "bytes"}, "default": {"k": "\u{ff}"}},
    ]});
    assert_eq!(written(&text, &Sparse { c: 1, b: None, a: true }).unwrap(), b"\x01\0\x08none\x02\x02\x02k\x02\xff\0");
    assert_eq!(written(&text, &Sparse { c: 1, b: Some("x".to_owned()), a: false }).unwrap(), b"\0\0\x02x\x02\x02\x02k\x02\xff\0");
}

#[test]
fn decimals_are_as_short_as_in_java() {
    // fastavro writes one byte more for the lowest number of each length.
    let text = json!({"type": "bytes", "logicalType": "decimal", "precision": 6, "scale": 2});
    for (value, bytes) in [("-1.28", "0280"), ("-327.68", "048000"), ("1.28", "040080")] {
        assert_eq!(written(&text, value).map(|written| hex(&written)), Ok(bytes.to_owned()), "{value}");
    }
}

#[test]
fn recursive_types_are_written() {
    #[derive(Serialize)]
    struct Node {
        value: i32,
        next: Option<Box<Self>>,
    }
    let text = json!({"type": "record", "name": "Node", "namespace": "list", "fields": [
        {"name": "value", "type": "int"}, {"name": "next", "type": ["null", "Node"]},
    ]});
    let list = Node { value: 1, next: Some(Box::new(Node { value: 2, next: None })) };
    assert_eq!(written(&text, &list).unwrap(), [2, 2, 4, 0]);
}

#[test]
fn a_schema_may_have_registered_references() {
    let embedded = EmbeddedRegistry::start().unwrap();
    let registry = registry(&embedded);
    let item = json!({"type": "record", "name": "Item", "namespace": "shop", "fields": [{"name": "sku", "type": "string"}]});
    registry.register("item", &schema(&item)).wait().unwrap();
    let cart = json!({"type": "record", "name": "Cart", "namespace": "shop", "fields": [
        {"name": "first", "type": "Item"}, {"name": "rest", "type": {"type": "array", "items": "shop.Item"}},
    ]});
    let reference = SchemaReference { name: "shop.Item".to_owned(), subject: "item".to_owned(), version: 1 };
    let avro = Avro::<serde_json::Value>::with_schema(&registry, schema(&cart).references([reference.clone()]));
    let value = json!({"first": {"sku": "a"}, "rest": [{"sku": "b"}]});
    let (bytes, headers) = sent(&avro, &value).unwrap();
    assert_eq!(hex(&bytes), "00000000020261020262".to_owned() + "00");
    assert_eq!(received(&avro, &bytes, &headers).unwrap(), value);

    let missing = SchemaReference { version: 9, ..reference };
    let avro = Avro::<serde_json::Value>::with_schema(&registry, schema(&cart).references([missing]));
    let error = sent(&avro, &value).unwrap_err().to_string();
    assert!(error.contains("no schema reference found"), "{error}");
}

#[test]
fn a_schema_of_bytes_has_no_length_prefix() {
    let embedded = EmbeddedRegistry::start().unwrap();
    let generic = GenericAvro::with_schema(&registry(&embedded), schema(&json!("bytes")));
    for payload in [vec![], vec![7; 300]] {
        let (bytes, headers) = sent(&generic, &Value::Bytes(payload.clone())).unwrap();
        assert_eq!(bytes, [vec![0, 0, 0, 0, 1], payload.clone()].concat());
        assert_eq!(received(&generic, &bytes, &headers).unwrap(), Value::Bytes(payload));
    }
}

#[test]
fn old_records_are_resolved_to_the_new_schema() {
    #[derive(Debug, PartialEq, Serialize, Deserialize, AvroSchema)]
    struct Old {
        id: i32,
        gone: String,
    }
    let embedded = EmbeddedRegistry::start().unwrap();
    let registry = registry(&embedded);
    let (bytes, headers) = sent(&Avro::<Old>::new(&registry), &Old { id: 5, gone: "x".to_owned() }).unwrap();
    let now = json!({"type": "record", "name": "Old", "fields": [
        {"name": "id", "type": "long"}, {"name": "added", "type": "string", "default": "new"},
    ]});
    let avro = Avro::<BTreeMap<String, serde_json::Value>>::with_schema(&registry, schema(&now));
    let read = received(&avro, &bytes, &headers).unwrap();
    assert_eq!(read, BTreeMap::from([("id".to_owned(), json!(5)), ("added".to_owned(), json!("new"))]));
}

#[test]
fn the_id_may_be_in_a_header_and_null_has_no_id() {
    let embedded = EmbeddedRegistry::start().unwrap();
    let avro = || Avro::<Order>::new(&registry(&embedded)).schema_id_location(SchemaIdLocation::Header);
    let (bytes, headers) = sent(&avro(), &order()).unwrap();
    let value = headers.last("__value_schema_id").unwrap().value().unwrap();
    assert_eq!((value.len(), value[0], bytes[0]), (17, 1, 6));
    assert_eq!(received(&avro(), &bytes, &headers).unwrap(), order());
    assert!(embedded.requests().last().unwrap().starts_with("GET /schemas/guids/"));

    let (nothing, headers) = sent(&Optional(avro()), &None).unwrap();
    assert!(nothing.is_empty() && headers.is_empty());
    let null: Option<Order> = Optional(avro()).deserialize(None, &DeserializeContext::new("orders", &headers, false)).unwrap();
    assert_eq!(null, None);
}

#[test]
fn subjects_follow_the_strategy() {
    for (strategy, subject) in [
        (StrategyName::Topic, "orders-value"),
        (StrategyName::Record, "shop.Order"),
        (StrategyName::TopicRecord, "orders-shop.Order"),
    ] {
        let embedded = EmbeddedRegistry::start().unwrap();
        sent(&Avro::<Order>::new(&registry(&embedded)).subject_name_strategy(strategy), &order()).unwrap();
        assert_eq!(embedded.requests(), [format!("POST /subjects/{subject}/versions")]);
    }
    let embedded = EmbeddedRegistry::start().unwrap();
    let avro =
        Avro::<str>::with_schema(&registry(&embedded), schema(&json!("string"))).subject_name_strategy(StrategyName::Record);
    let error = sent(&avro, "x").unwrap_err().to_string();
    assert_eq!(error, "RecordNameStrategy requires a schema with a record name, and the schema has none");
}

#[test]
fn mismatches_name_the_field_and_not_the_value() {
    let record = |kind: serde_json::Value| json!({"type": "record", "name": "R", "fields": [{"name": "f", "type": kind}]});
    let decimal = json!({"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2});
    let enumeration = json!({"type": "enum", "name": "E", "symbols": ["A", "B"]});
    for (kind, value, says) in [
        (json!("int"), json!("hunter2"), "field f: expected an int, got a string"),
        (json!("int"), json!(3_000_000_000_u64), "field f: expected an int, got an integer out of range for an int"),
        (json!(["null", "long"]), json!("hunter2"), "field f: expected null or a long, got a string"),
        (json!("string"), json!(null), "field f: expected a string, got null"),
        (enumeration, json!("hunter2"), "field f: expected one of A, B, got a string"),
        (decimal, json!("1.234"), "field f: expected a decimal of scale 2, as text, got a string"),
        (json!({"type": "array", "items": "int"}), json!(["hunter2"]), "field f: expected an int, got a string"),
        (
            json!({"type": "map", "values": "int"}),
            json!({"hunter2": "x"}),
            "field f.a map's value: expected an int, got a string",
        ),
    ] {
        let error = written(&record(kind), &json!({ "f": value })).unwrap_err();
        assert_eq!(error, says);
    }
    let text = record(json!("int"));
    assert_eq!(
        written(&text, &json!({})).unwrap_err(),
        "field f: missing field, and the schema's record R has no default for it"
    );
    assert_eq!(
        written(&text, &json!({"f": 1, "g": 2})).unwrap_err(),
        "field g: unknown field: the schema's record R does not have it"
    );
}

#[test]
fn read_errors_give_the_reason_and_not_the_content() {
    let embedded = EmbeddedRegistry::start().unwrap();
    let avro = Avro::<Order>::new(&registry(&embedded));
    let (bytes, headers) = sent(&avro, &order()).unwrap();
    let read = |data: Option<&[u8]>| {
        let result: Result<Order, _> = avro.deserialize(data, &DeserializeContext::new("orders", &headers, false));
        let error = result.unwrap_err();
        error.source().map_or(error.to_string(), |cause| format!("{error}: {cause}"))
    };
    assert_eq!(read(None), "expected a schema id and a payload, got null; use the deserializer Optional to accept null");
    assert_eq!(read(Some(b"{}")), "expected the byte 0 in front of a schema id, got 123: not written with a schema registry");
    assert!(read(Some(&bytes[..3])).starts_with("expected a schema id and a payload, got 3 bytes"));
    assert!(
        read(Some(b"\0\0\0\x01\x00payload")).starts_with("schema id 256: not found in the schema registry (404, code 40403)")
    );
    let truncated = read(Some(&bytes[..bytes.len() - 1]));
    assert_eq!(
        truncated,
        format!(
            "schema id 1: does not match the schema: {} bytes are not a value of the writer's schema: truncated",
            bytes.len() - 6
        )
    );
    for end in 5..bytes.len() {
        let error = read(Some(&bytes[..end]));
        assert!(error.starts_with("schema id 1: ") && !error.contains("o-1"), "{error}");
    }
    let mut garbage = bytes.clone();
    garbage[5..].fill(0xff);
    assert!(read(Some(&garbage)).starts_with("schema id 1: "));
}

#[test]
fn the_latest_version_is_refreshed_while_the_cached_one_is_used() {
    let embedded = EmbeddedRegistry::start().unwrap();
    let config = [("schema.registry.url", embedded.url()), ("latest.cache.ttl.sec", "0"), ("max.retries", "0")];
    let follower = SchemaRegistry::new(&SchemaRegistryConfig::from_pairs(config).unwrap()).unwrap();
    let register = |text: serde_json::Value| registry(&embedded).register("orders-value", &schema(&text)).wait().unwrap();
    let first = json!({"type": "record", "name": "R", "fields": [{"name": "a", "type": "int"}]});
    let second = json!({"type": "record", "name": "R", "fields": [{"name": "a", "type": "int"}, {"name": "b", "type": "int", "default": 9}]});
    register(first);
    let avro = Avro::<serde_json::Value>::from_registry(&follower);
    let id = || sent(&avro, &json!({"a": 1})).unwrap().0[4];
    assert_eq!(id(), 1);
    embedded.fail(Some(crate::testing::RegistryFault::Status(503)));
    assert_eq!((id(), id()), (1, 1), "records are written while the registry fails");
    embedded.fail(None);
    register(second);
    while id() == 1 {
        std::thread::yield_now();
    }
    assert_eq!(sent(&avro, &json!({"a": 1})).unwrap().0, [0, 0, 0, 0, 2, 2, 18]);
}
