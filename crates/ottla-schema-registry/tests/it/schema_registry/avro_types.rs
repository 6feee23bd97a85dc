//! Rust types in Avro: each value round trips and is valid for its schema, or is an error.

use std::{collections::BTreeMap, fmt::Debug, io::Cursor};

use ottla::{
    Deserializer, Headers, Serializer,
    serialize::{BoxError, DeserializeContext, SerializeContext},
};
use ottla_schema_registry::{
    Avro, AvroError, GenericAvro, Schema, SchemaMismatch, SchemaRegistry, SchemaType, apache_avro::types::Value,
    testing::EmbeddedRegistry,
};
use ottla_test_support::chain;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value as Json, json};

use super::start_registry;

/// Serializes and deserializes with any schema, with a registry in the process.
struct Registry {
    registry: SchemaRegistry,
    _embedded: EmbeddedRegistry,
}

impl Registry {
    fn start() -> Self {
        let (embedded, registry) = start_registry();
        Self { registry, _embedded: embedded }
    }

    fn write<T: Serialize + 'static>(&self, schema: &Json, value: &T) -> Result<Vec<u8>, BoxError> {
        let codec = Avro::<T>::with_schema(&self.registry, Schema::new(SchemaType::Avro, schema.to_string()));
        let (mut headers, mut buffer) = (Headers::new(), Vec::new());
        // A topic for each schema, so that they need not be compatible.
        let topic = schema.to_string();
        codec.serialize(value, &mut SerializeContext::new(&topic, &mut headers, false), &mut buffer)?;
        Ok(buffer)
    }

    fn read<T: DeserializeOwned + 'static>(&self, schema: &Json, data: &[u8]) -> Result<T, BoxError> {
        let codec = Avro::<T>::with_schema(&self.registry, Schema::new(SchemaType::Avro, schema.to_string()));
        codec.deserialize(Some(data), &DeserializeContext::new("t", &Headers::new(), false))
    }

    fn read_as_written<T: DeserializeOwned + 'static>(&self, data: &[u8]) -> Result<T, BoxError> {
        Avro::<T>::from_registry(&self.registry).deserialize(Some(data), &DeserializeContext::new("t", &Headers::new(), false))
    }

    fn generic(&self, schema: &Json, data: &[u8]) -> Result<Value, BoxError> {
        let codec = GenericAvro::with_schema(&self.registry, Schema::new(SchemaType::Avro, schema.to_string()));
        codec.deserialize(Some(data), &DeserializeContext::new("t", &Headers::new(), false))
    }

    /// Asserts that the value round trips, both with the schema and with the registered one. Returns the bytes.
    fn round_trip<T: Serialize + DeserializeOwned + PartialEq + Debug + 'static>(&self, schema: &Json, value: &T) -> Vec<u8> {
        let data = self.write(schema, value).unwrap_or_else(|error| panic!("{schema} {value:?}: {}", chain(&*error)));
        let read: T = self.read(schema, &data).unwrap_or_else(|error| panic!("{schema} {value:?}: {}", chain(&*error)));
        assert_eq!(&read, value, "{schema}");
        let read: T = self.read_as_written(&data).unwrap_or_else(|error| panic!("{schema} {value:?}: {}", chain(&*error)));
        assert_eq!(&read, value, "{schema}");
        // The bytes are a complete value of the schema for apache_avro too.
        let parsed = apache_avro::Schema::parse_str(&schema.to_string()).unwrap();
        if !matches!(parsed, apache_avro::Schema::Bytes) {
            let mut rest = Cursor::new(&data[5..]);
            apache_avro::from_avro_datum(&parsed, &mut rest, None).unwrap_or_else(|error| panic!("{schema} {value:?}: {error}"));
            assert_eq!(rest.position(), data.len() as u64 - 5, "{schema} {value:?}");
        }
        data
    }
}

/// The reason of the error, with the field.
fn reason<T: Debug>(result: Result<T, BoxError>) -> String {
    let error = result.unwrap_err();
    let mismatch: &SchemaMismatch = error.downcast_ref().unwrap_or_else(|| panic!("{error:?}"));
    mismatch.reason().downcast_ref::<AvroError>().unwrap_or_else(|| panic!("{error:?}")).to_string()
}

fn record(name: &str, fields: Json) -> Json {
    json!({"type": "record", "name": name, "namespace": "shop", "fields": fields})
}

/// The records `Created` and `Deleted` with the same field.
fn created_or_deleted() -> [Json; 2] {
    ["Created", "Deleted"].map(|name| record(name, json!([{"name": "id", "type": "long"}])))
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Event {
    Created { id: i64 },
    Deleted { id: i64 },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Created {
    id: i64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Deleted {
    id: i64,
}

/// The same two records, which are named by the payloads and not by the variants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Change {
    First(Created),
    Second(Deleted),
}

#[test]
fn a_record_of_a_union_is_read_as_the_same_record() {
    let registry = Registry::start();
    let [created, deleted] = created_or_deleted();
    for schema in [json!([created, deleted]), json!([deleted, created]), json!(["null", created, "string", deleted])] {
        for event in [Event::Created { id: 1 }, Event::Deleted { id: 2 }] {
            let data = registry.round_trip(&schema, &event);
            let value = registry.generic(&schema, &data).unwrap();
            let Value::Union(branch, _) = value else { panic!("{value:?}") };
            assert_eq!(data[5], u8::try_from(branch).unwrap() * 2, "{schema} {event:?}");
        }
    }
    // The reader's union has the records in another order, or lacks one.
    let data = registry.write(&json!([created, deleted]), &Event::Deleted { id: 2 }).unwrap();
    assert_eq!(registry.read::<Event>(&json!(["null", deleted, created]), &data).unwrap(), Event::Deleted { id: 2 });
    let error = reason(registry.read::<Event>(&json!(["null", created]), &data));
    assert_eq!(error, "written as a record shop.Deleted, cannot be read as null or a record Created");
}

#[test]
fn an_enum_in_an_option_maps_variants_to_types() {
    let registry = Registry::start();
    let [created, deleted] = created_or_deleted();
    for schema in [json!(["null", created, deleted]), json!([created, "null", deleted]), json!([deleted, created, "null"])] {
        for event in [None, Some(Event::Created { id: 1 }), Some(Event::Deleted { id: 2 })] {
            registry.round_trip(&schema, &event);
        }
    }
    for change in [None, Some(Change::First(Created { id: 1 })), Some(Change::Second(Deleted { id: 2 }))] {
        registry.round_trip(&json!(["null", created, deleted]), &change);
    }
    // The position and the payload's name determine different types, so neither is chosen.
    let error = reason(registry.write(&json!([deleted, created]), &Change::First(Created { id: 1 })));
    assert!(error.starts_with("the enum variant First with a struct matches no type of the union"), "{error}");
}

#[test]
fn variants_map_to_unnamed_types_by_name_or_position() {
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    enum Any {
        Nothing,
        Number(i64),
        Text(String),
        Many(Vec<i32>),
    }
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    enum Called {
        String(String),
        Long(i64),
        Null,
        #[serde(rename = "Hash")]
        Digest([u8; 4]),
        Bytes(Vec<u8>),
    }
    let registry = Registry::start();
    // A string that equals a variant's name is still a string if each type has a variant.
    let schema = json!(["null", "long", "string", {"type": "array", "items": "int"}]);
    for value in [Any::Number(5), Any::Text("Number".into()), Any::Text(String::new()), Any::Many(vec![1, 2])] {
        registry.round_trip(&schema, &value);
    }
    let error = reason(registry.write(&schema, &Any::Nothing));
    assert!(error.contains("could be null or a string of the union"), "{error}");
    registry.round_trip(&json!(["null", "long"]), &Any::Nothing);
    let hash = json!({"type": "fixed", "name": "Hash", "size": 4});
    let schema = json!(["null", "bytes", hash, "long", "string"]);
    for value in [
        Called::Null,
        Called::Long(i64::MAX),
        Called::Long(1),
        Called::String("Null".into()),
        Called::Digest([0, 1, 0xfe, 0xff]),
        Called::Bytes(vec![0, 1, 0xfe, 0xff]),
    ] {
        registry.round_trip(&schema, &value);
        if value != Called::Null {
            registry.round_trip(&schema, &Some(value));
        }
    }
}

#[test]
fn a_value_without_a_type_name_must_have_the_fields_of_exactly_one_record() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Shape {
        Circle { radius: f64 },
        Square { side: f64 },
    }
    let registry = Registry::start();
    let [created, deleted] = created_or_deleted();
    let error = reason(registry.write(&json!([created, deleted]), &json!({"id": 1})));
    assert!(error.starts_with("the value matches several records of the union, Created or Deleted"), "{error}");
    let named = |name, field| {
        record(name, json!([{"name": field, "type": "double"}, {"name": "note", "type": "string", "default": "none"}]))
    };
    let schema = json!([named("Circle", "radius"), named("Square", "side")]);
    registry.round_trip(&schema, &Shape::Circle { radius: 1.5 });
    let data = registry.write(&schema, &Shape::Square { side: 2.5 }).unwrap();
    assert_eq!(data[5..], *b"\x02\0\0\0\0\0\0\x04\x40\x08none");
    assert_eq!(registry.read::<Shape>(&schema, &data).unwrap(), Shape::Square { side: 2.5 });
    registry.round_trip(&schema, &json!({"side": 0.5, "note": ""}));
    // A struct is written as the record with its name, and read from no other.
    let data = registry.write(&json!([created, deleted]), &Deleted { id: 4 }).unwrap();
    assert_eq!(data[5..], [2, 8]);
    assert_eq!(registry.read::<Deleted>(&json!([created, deleted]), &data).unwrap(), Deleted { id: 4 });
    assert_eq!(reason(registry.read::<Created>(&json!([created, deleted]), &data)), "expected Created, got a Deleted");
}

#[test]
fn types_round_trip() {
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
    enum State {
        Placed,
        Sent,
    }
    #[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
    struct Name(String);
    let registry = Registry::start();
    let decimal = |precision, scale| json!({"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale});
    for text in ["12.50", "-0.05", "0.00", "1234567.89", "-12.30"] {
        registry.round_trip(&decimal(9, 2), &text.to_owned());
        let fixed = json!({"type": "fixed", "name": "D", "size": 5, "logicalType": "decimal", "precision": 9, "scale": 2});
        registry.round_trip(&fixed, &text.to_owned());
        registry.round_trip(&json!(["null", decimal(9, 2)]), &Some(text.to_owned()));
        registry.round_trip(&decimal(9, 2), &json!(text));
    }
    registry.round_trip(&decimal(38, 0), &"-17014118346046923173168730371588410572".to_owned());
    for bytes in [vec![], vec![0, 0xff, 7]] {
        registry.round_trip(
            &record("R", json!([{"name": "f", "type": "bytes"}])),
            &BTreeMap::from([("f".to_owned(), bytes.clone())]),
        );
        registry.round_trip(&json!(["null", "bytes"]), &Some(bytes));
    }
    let fixed = |size| json!({"type": "fixed", "name": "F", "size": size});
    registry.round_trip(&fixed(4), &[0_u8, 1, 0xfe, 0xff]);
    registry.round_trip(&json!(["null", fixed(2)]), &Some([1_u8, 2]));
    registry.round_trip(&fixed(3), &vec![1_u8, 2, 3]);
    registry.round_trip(&fixed(2), &(1_u8, 2_u8));
    registry.round_trip(&json!("string"), &'é');
    registry.round_trip(&json!(["null", "string"]), &Some('x'));
    registry.round_trip(&json!("string"), &Name("x".to_owned()));
    registry.round_trip(&json!({"type": "map", "values": "int"}), &BTreeMap::from([('a', 1), ('b', -1)]));
    registry.round_trip(&json!({"type": "map", "values": "int"}), &BTreeMap::from([(Name("a".into()), 1)]));
    registry.round_trip(&json!({"type": "map", "values": "int"}), &BTreeMap::from([(State::Sent, 1)]));
    let state = json!({"type": "enum", "name": "State", "symbols": ["Placed", "Sent"]});
    registry.round_trip(&state, &State::Sent);
    registry.round_trip(&json!(["null", state]), &Some(State::Placed));
    registry.round_trip(&json!(["null", "string"]), &Some(State::Sent));
    registry.round_trip(&json!("string"), &State::Placed);
    for number in [i64::MIN, -1, 0, 1, i64::MAX] {
        registry.round_trip(&json!("long"), &number);
        registry.round_trip(&json!(["null", "int", "long"]), &Some(number));
    }
    registry.round_trip(&json!("double"), &(1_i64 << 53));
    registry.round_trip(&json!("float"), &5_u8);
    registry.round_trip(&json!("double"), &1.1_f64);
    registry.round_trip(&json!("float"), &1.1_f32);
    registry.round_trip(&json!("int"), &i8::MIN);
    registry.round_trip(&json!("long"), &u32::MAX);
    registry.round_trip(&json!("boolean"), &true);
    registry.round_trip(&json!("null"), &());
    registry.round_trip(&json!({"type": "array", "items": ["null", "string"]}), &vec![Some("a".to_owned()), None]);
    registry.round_trip(&json!({"type": "array", "items": "int"}), &(1, 2, 3));
    registry.round_trip(&json!("string"), &Some("always".to_owned()));
    let uuid = ottla_schema_registry::Uuid::from_u128(0x1234_5678_1234_5678_1234_5678_1234_5678);
    registry.round_trip(&json!({"type": "string", "logicalType": "uuid"}), &uuid);
    registry.round_trip(&json!({"type": "string", "logicalType": "uuid"}), &uuid.to_string());
}

/// `apache_avro` writes and reads such a UUID as a string.
#[test]
fn a_uuid_in_a_fixed_is_sixteen_bytes() {
    let registry = Registry::start();
    let schema = json!({"type": "fixed", "name": "Id", "size": 16, "logicalType": "uuid"});
    let uuid = ottla_schema_registry::Uuid::from_u128(7);
    let data = registry.write(&schema, &uuid).unwrap();
    assert_eq!(data[5..], *uuid.as_bytes());
    assert_eq!(registry.read::<ottla_schema_registry::Uuid>(&schema, &data).unwrap(), uuid);
    assert_eq!(registry.write(&schema, &uuid.to_string()).unwrap(), data);
    assert_eq!(registry.read::<String>(&schema, &data).unwrap(), uuid.to_string());
    assert_eq!(registry.generic(&schema, &data).unwrap(), Value::Uuid(uuid));
}

#[test]
fn values_that_would_lose_information_are_errors() {
    let registry = Registry::start();
    let decimal = json!({"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2});
    assert!(reason(registry.write(&decimal, &"100.00".to_owned())).contains("with more digits than the precision 4"));
    assert!(reason(registry.write(&json!("float"), &1e300_f64)).contains("got a number out of range for a float"));
    assert!(reason(registry.write(&json!("double"), &((1_i64 << 53) + 1))).contains("expected a double"));
    assert!(
        reason(registry.write(&json!({"type": "string", "logicalType": "uuid"}), &"x".to_owned())).contains("expected a UUID")
    );
}

#[test]
fn type_errors_name_field_and_reason() {
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its shape is used")]
    struct Order {
        id: String,
        lines: Vec<Line>,
    }
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only its shape is used")]
    struct Line {
        quantity: u8,
    }
    let registry = Registry::start();
    let line = |kind| record("Line", json!([{"name": "quantity", "type": kind}]));
    let order = |kind| {
        record(
            "Order",
            json!([{"name": "id", "type": "string"}, {"name": "lines", "type": {"type": "array", "items": line(kind)}}]),
        )
    };
    for (schema, value, says) in [
        (
            order("int"),
            json!({"id": "hunter2", "lines": [{"quantity": 4_242}]}),
            "field lines.quantity: expected u8, got an integer out of its range",
        ),
        (
            order("string"),
            json!({"id": "hunter2", "lines": [{"quantity": "4242"}]}),
            "field lines.quantity: expected u8, got a string",
        ),
        (
            record("Order", json!([{"name": "id", "type": "string"}])),
            json!({"id": "hunter2"}),
            "field lines: missing in the reader's schema, but required by the type",
        ),
    ] {
        let data = registry.write(&schema, &value).unwrap();
        let error = reason(registry.read::<Order>(&schema, &data));
        assert_eq!(error, says);
    }
}

#[test]
fn aliases_and_default_symbols_are_resolved() {
    let registry = Registry::start();
    let state = |name: &str, symbols: Json| json!({"type": "enum", "name": name, "namespace": "shop", "symbols": symbols});
    let old = record(
        "Order",
        json!([
            {"name": "id", "type": "long"},
            {"name": "state", "type": state("State", json!(["NEW", "GONE"]))},
            {"name": "left", "type": "string"},
            {"name": "extra", "type": ["null", {"type": "record", "name": "Extra", "fields": [{"name": "x", "type": "int"}]}]},
        ]),
    );
    let new = json!({"type": "record", "name": "Purchase", "namespace": "shop", "aliases": ["Order"], "fields": [
        {"name": "extra", "type": ["null", {"type": "record", "name": "More", "aliases": ["Extra"], "fields": [
            {"name": "y", "type": "double", "aliases": ["x"]}]}]},
        {"name": "number", "type": "long", "aliases": ["key", "id"]},
        {"name": "state", "type": {"type": "enum", "name": "State", "symbols": ["UNKNOWN", "NEW"], "default": "UNKNOWN"}},
        {"name": "added", "type": ["null", "string"], "default": null},
    ]});
    let data = registry.write(&old, &json!({"id": 7, "state": "GONE", "left": "x", "extra": {"x": 3}})).unwrap();
    let read: Json = registry.read(&new, &data).unwrap();
    assert_eq!(read, json!({"extra": {"y": 3.0}, "number": 7, "state": "UNKNOWN", "added": null}));
    // An alias does not match if the writer has a field with the name itself.
    let both = record("Both", json!([{"name": "a", "type": "int"}, {"name": "b", "type": "int"}]));
    let reader = record("Both", json!([{"name": "b", "type": "int", "aliases": ["a"]}]));
    let data = registry.write(&both, &json!({"a": 1, "b": 2})).unwrap();
    assert_eq!(registry.read::<Json>(&reader, &data).unwrap(), json!({"b": 2}));
}

#[test]
fn decimals_and_times_are_converted_exactly_or_not_at_all() {
    let registry = Registry::start();
    let decimal = |precision, scale| json!({"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale});
    let data = registry.write(&decimal(9, 2), &"12.50".to_owned()).unwrap();
    assert_eq!(registry.read::<String>(&decimal(12, 4), &data).unwrap(), "12.5000");
    assert_eq!(registry.read::<String>(&decimal(9, 1), &data).unwrap(), "12.5");
    assert!(reason(registry.read::<String>(&decimal(9, 0), &data)).contains("does not fit a decimal of precision 9 and scale 0"));
    assert!(reason(registry.read::<String>(&decimal(3, 2), &data)).contains("does not fit a decimal of precision 3 and scale 2"));
    let time = |kind: &str| json!({"type": "long", "logicalType": kind});
    let data = registry.write(&time("timestamp-millis"), &1_500_i64).unwrap();
    assert_eq!(registry.read::<i64>(&time("timestamp-micros"), &data).unwrap(), 1_500_000);
    let data = registry.write(&time("timestamp-micros"), &1_500_i64).unwrap();
    assert!(reason(registry.read::<i64>(&time("timestamp-millis"), &data)).contains("cannot be converted exactly"));
    assert!(reason(registry.read::<i64>(&time("time-micros"), &data)).contains("written as a long, cannot be read as"));
}

/// Like a producer during the lookup of the schema.
#[test]
fn a_deferred_value_is_encoded_the_same() {
    let registry = Registry::start();
    let [created, deleted] = created_or_deleted();
    let events = json!({"type": "array", "items": ["null", created, "string", deleted]});
    registry.registry.register("events-value", &Schema::new(SchemaType::Avro, events.to_string())).wait().unwrap();
    let value = vec![Some(Event::Deleted { id: 1 }), None, Some(Event::Created { id: 2 })];
    let codec = Avro::<Vec<Option<Event>>>::from_registry(&registry.registry);
    let (mut headers, mut waited, mut direct) = (Headers::new(), Vec::new(), Vec::new());
    let mut context = SerializeContext::new("events", &mut headers, false);
    let deferred = codec.defer(&value, &context).unwrap().expect("the schema is unknown");
    futures::executor::block_on(deferred).unwrap()(&mut context, &mut waited).unwrap();
    codec.serialize(&value, &mut context, &mut direct).unwrap();
    assert_eq!(waited, direct);
    assert_eq!(registry.read::<Vec<Option<Event>>>(&events, &waited).unwrap(), value);
}
