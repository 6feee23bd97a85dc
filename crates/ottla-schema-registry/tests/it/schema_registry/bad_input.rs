//! Invalid values, schemas and bytes: the errors, and that no incomplete value is written.

use ottla::{
    Headers, Serializer,
    serialize::{BoxError, DeserializeContext, Deserializer, SerializeContext},
};
use ottla_schema_registry::{
    JsonSchema, JsonSchemaError, Protobuf, ProtobufError, RegistryError, RegistryErrorKind, Schema, SchemaMismatch,
    SchemaReference, SchemaRegistry, SchemaRegistryConfig, SchemaType, WireFormatError, WireId, compile_proto,
    prost_reflect::{DynamicMessage, ReflectMessage, prost_types::Timestamp},
    testing::EmbeddedRegistry,
};
use serde_json::{Value, json};

fn registry(embedded: &EmbeddedRegistry) -> SchemaRegistry {
    let config = SchemaRegistryConfig::from_pairs([("schema.registry.url", embedded.url()), ("max.retries", "0")]);
    SchemaRegistry::new(&config.unwrap()).unwrap()
}

fn write<T: ?Sized>(codec: &impl Serializer<T>, value: &T) -> Result<Vec<u8>, BoxError> {
    let (mut headers, mut buffer) = (Headers::new(), Vec::new());
    let result = codec.serialize(value, &mut SerializeContext::new("orders", &mut headers, false), &mut buffer);
    assert!(result.is_ok() || buffer.is_empty(), "{buffer:?}");
    result.map(|_| buffer)
}

fn read<T>(codec: &impl Deserializer<T>, data: &[u8]) -> Result<T, BoxError> {
    codec.deserialize(Some(data), &DeserializeContext::new("orders", &Headers::new(), false))
}

fn cause<E: std::error::Error + Clone + 'static>(result: Result<impl Sized, BoxError>) -> E {
    let error = result.err().expect("it must fail");
    error.downcast_ref::<E>().unwrap_or_else(|| panic!("{error:?}")).clone()
}

/// The subject and the reason of a mismatch with the schema of id 1.
fn mismatch<E: std::error::Error + Clone + 'static>(result: Result<impl Sized, BoxError>) -> (Option<String>, E) {
    let error = result.err().expect("it must fail");
    let mismatch: &SchemaMismatch = error.downcast_ref().unwrap_or_else(|| panic!("{error:?}"));
    assert_eq!(mismatch.schema_id(), Some(WireId::Id(1)));
    assert!(mismatch.to_string().contains("schema id 1: "), "{mismatch}");
    let reason = mismatch.reason().downcast_ref::<E>().unwrap_or_else(|| panic!("{error:?}")).clone();
    (mismatch.subject().map(str::to_owned), reason)
}

fn json_schema(registry: &SchemaRegistry, schema: &Value) -> JsonSchema<Value> {
    JsonSchema::with_schema(registry, Schema::new(SchemaType::Json, schema.to_string()))
}

#[test]
fn json_violations_name_location_and_rule_and_not_the_content() {
    let embedded = EmbeddedRegistry::start().unwrap();
    let registry = registry(&embedded);
    let codec = json_schema(
        &registry,
        &json!({
            "type": "object",
            "required": ["id"],
            "properties": { "id": { "type": "string" }, "lines": { "items": { "properties": { "cents": { "maximum": 10 } } } } },
        }),
    );
    for (value, place, rule, property) in [
        (json!({ "secret": "hunter2" }), "", "/required", Some("id")),
        (json!({ "id": 4_242_424 }), "/id", "/properties/id/type", None),
        (
            json!({ "id": "a", "lines": [{}, { "cents": 4_242_424 }] }),
            "/lines/1/cents",
            "/properties/lines/items/properties/cents/maximum",
            None,
        ),
        (json!(4_242_424), "", "/type", None),
    ] {
        let (subject, error): (_, JsonSchemaError) = mismatch(write(&codec, &value));
        assert_eq!(subject.as_deref(), Some("orders-value"));
        let text = error.to_string();
        assert!(!text.contains("hunter2") && !text.contains("4242424"), "{text}");
        let expected = JsonSchemaError::Invalid { place: place.into(), rule: rule.into(), property: property.map(str::to_owned) };
        assert_eq!(error, expected);
        // Reading gives the same error, if the writer did not validate.
        let data = [&[0, 0, 0, 0, 1], value.to_string().as_bytes()].concat();
        assert_eq!(mismatch::<JsonSchemaError>(read(&codec, &data)), (None, expected));
    }
    let unchecked = codec.validate(false);
    assert_eq!(write(&unchecked, &json!({})).unwrap(), b"\0\0\0\0\x01{}");
    assert_eq!(read(&unchecked, b"\0\0\0\0\x01{}").unwrap(), json!({}));
    let error = read(&unchecked, b"\0\0\0\0\x01{").unwrap_err();
    assert_eq!(error.to_string(), "schema id 1: does not match the schema");
    assert!(error.source().unwrap().to_string().contains("got 1 bytes with an error at line 1 column 1"), "{error:?}");
}

#[test]
fn invalid_json_schemas_fail_the_record() {
    let embedded = EmbeddedRegistry::start().unwrap();
    let registry = registry(&embedded);
    let unusable = |schema: Schema, says: &str| {
        let error: RegistryError = cause(write(&JsonSchema::<Value>::with_schema(&registry, schema), &json!({})));
        // The registry rejects text that is not JSON; the client detects the other errors.
        assert!(matches!(error.kind(), RegistryErrorKind::UnusableSchema | RegistryErrorKind::InvalidSchema), "{error}");
        assert!(error.to_string().contains("orders-value") && error.to_string().contains(says), "{error}");
    };
    unusable(Schema::new(SchemaType::Json, "{\n  \"type\" 1}"), "line 2 column 10");
    unusable(Schema::new(SchemaType::Json, r#"{ "type": "text" }"#), "/type");
    unusable(Schema::new(SchemaType::Json, r#"{ "$ref": "money.json" }"#), "no reference of the schema is named money.json");
    unusable(Schema::new(SchemaType::Json, r#"{ "$ref": "https://192.0.2.1/money.json" }"#), "https://192.0.2.1/money.json");
    let referred = registry.register("money", &Schema::new(SchemaType::Json, r#"{ "type": "integer" }"#)).wait().unwrap();
    let reference =
        SchemaReference { name: "money.json".into(), subject: "money".into(), version: referred.version().unwrap_or(1) };
    let schema = Schema::new(SchemaType::Json, r#"{ "$ref": "money.json" }"#).references([reference]);
    let codec = JsonSchema::<Value>::with_schema(&registry, schema);
    assert!(write(&codec, &json!(1)).is_ok());
    let error = write(&codec, &json!("1")).unwrap_err();
    let error: &JsonSchemaError = error.source().unwrap().downcast_ref().unwrap();
    assert!(matches!(&error, JsonSchemaError::Invalid { place, .. } if place.is_empty()), "{error:?}");
}

fn messages(embedded: &EmbeddedRegistry) -> (SchemaRegistry, DynamicMessage, DynamicMessage) {
    let text = "syntax = \"proto3\"; package t; message A { message B {} string text = 1; } message C {}";
    let pool = compile_proto([("t.proto", text)]).unwrap();
    let [a, c] = ["t.A", "t.C"].map(|name| DynamicMessage::new(pool.get_message_by_name(name).unwrap()));
    (registry(embedded), a, c)
}

#[test]
fn truncated_and_invalid_protobuf_records_are_errors() {
    let embedded = EmbeddedRegistry::start().unwrap();
    let (registry, a, c) = messages(&embedded);
    let codec = Protobuf::dynamic(&registry);
    assert_eq!(write(&codec, &a).unwrap(), [0, 0, 0, 0, 1, 0]);
    assert_eq!(write(&codec, &c).unwrap(), [0, 0, 0, 0, 1, 2, 2]);
    assert_eq!(embedded.requests().len(), 1, "{:?}", embedded.requests());
    for length in 0..5 {
        assert_eq!(cause::<WireFormatError>(read(&codec, &[0, 0, 0, 0, 1][..length])), WireFormatError::Truncated { length });
    }
    assert_eq!(cause::<WireFormatError>(read(&codec, b"{\"id\":1}")), WireFormatError::Magic { expected: 0, found: b'{' });
    let read_with = |tail: &[u8]| read(&codec, &[&[0, 0, 0, 0, 1], tail].concat());
    for (tail, expected) in [
        (&[][..], ProtobufError::TruncatedIndexes),
        (&[0xfe, 0xff, 0xff, 0xff, 0x1f], ProtobufError::IndexCount { left: 0 }),
        (&[2, 1], ProtobufError::IndexRange { index: -1 }),
    ] {
        assert_eq!(mismatch::<ProtobufError>(read_with(tail)), (None, expected));
    }
    let error = |tail: &[u8]| cause::<ProtobufError>(read_with(tail));
    for (tail, indexes) in [
        (&[2, 4][..], "[2]"),
        (&[4, 0, 2], "[0, 1]"),
        (&[4, 2, 0], "[1, 0]"),
        (&[2, 0xfe, 0xff, 0xff, 0xff, 0x1f], "[4294967295]"),
    ] {
        let error = error(tail);
        assert_eq!(error.to_string(), format!("schema id 1 has no message with the indexes {indexes}"));
    }
    let error = error(&[0, 0x0a, 2, 0xff, 0xff]);
    assert!(matches!(&error, ProtobufError::Message { message, length: 4, .. } if message == "t.A"), "{error:?}");
    let unknown: RegistryError = cause(read(&codec, &[0, 0, 0, 0, 9, 0]));
    assert_eq!((unknown.kind(), unknown.schema_id()), (RegistryErrorKind::NotFound, Some(9)), "{unknown}");
}

#[test]
fn other_messages_and_other_schema_languages_are_errors() {
    let embedded = EmbeddedRegistry::start().unwrap();
    let (registry, a, _) = messages(&embedded);
    let written = write(&Protobuf::dynamic(&registry), &a).unwrap();
    let timestamp = a.descriptor().parent_pool().get_message_by_name("google.protobuf.Timestamp").unwrap();
    let timestamps = Protobuf::<Timestamp>::with_descriptor(&registry, timestamp);
    let error = cause::<ProtobufError>(read(&timestamps, &written));
    assert_eq!(error.to_string(), "expected the message google.protobuf.Timestamp, got t.A of schema id 1");
    let error: RegistryError = cause(read(&json_schema(&registry, &json!(true)), &written));
    assert_eq!(error.to_string(), "schema id 1: the schema cannot be used: expected a schema of type JSON, got PROTOBUF");
    registry.register("other", &Schema::new(SchemaType::Json, "true")).wait().unwrap();
    let error: RegistryError = cause(read(&Protobuf::dynamic(&registry), &[0, 0, 0, 0, 2, 0]));
    assert_eq!(error.to_string(), "schema id 2: the schema cannot be used: expected a schema of type PROTOBUF, got JSON");
}

#[test]
fn message_indexes_follow_the_registered_version() {
    let embedded = EmbeddedRegistry::start().unwrap();
    let (registry, a, c) = messages(&embedded);
    let text = "syntax = \"proto3\"; package t; message First {} message A { string text = 1; }";
    registry.register("orders-value", &Schema::new(SchemaType::Protobuf, text)).wait().unwrap();
    let codec = Protobuf::dynamic(&registry).use_latest_version(true);
    assert_eq!(write(&codec, &a).unwrap(), [0, 0, 0, 0, 1, 2, 2]);
    let error: RegistryError = cause(write(&codec, &c));
    assert!(error.to_string().contains("the schema under subject orders-value has no message t.C"), "{error}");
}
