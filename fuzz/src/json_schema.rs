//! JSON with a JSON Schema: the first byte chooses a schema, the rest is a record's payload after its id.

use std::sync::LazyLock;

use ottla::{Deserializer, Headers, serialize::DeserializeContext};
use ottla_schema_registry::{JsonSchema, Schema, SchemaRegistry, SchemaRegistryConfig, SchemaType, testing::EmbeddedRegistry};
use serde_json::Value;

/// Several drafts; a recursive schema; patterns and formats.
const SCHEMAS: &[&str] = &[
    r#"{"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Order", "type": "object",
        "properties": {"id": {"type": "string", "minLength": 1}, "quantity": {"type": "integer", "minimum": 1, "multipleOf": 0.5},
            "tags": {"type": "array", "items": {"type": "string"}, "uniqueItems": true}},
        "required": ["id"], "additionalProperties": false}"#,
    r##"{"$schema": "http://json-schema.org/draft-07/schema#", "$ref": "#/definitions/Tree",
        "definitions": {"Tree": {"type": "object", "additionalProperties": {"$ref": "#/definitions/Tree"}}}}"##,
    r##"{"$schema": "http://json-schema.org/draft-04/schema#", "oneOf": [{"type": "null"}, {"type": "number", "maximum": 9, "exclusiveMaximum": true},
        {"type": "string", "pattern": "^(a|b)*c$"}, {"type": "string", "format": "date-time"}, {"type": "array", "items": {"$ref": "#"}}]}"##,
];

struct Registered {
    ids: Vec<i32>,
    json: JsonSchema<Value>,
    _embedded: EmbeddedRegistry,
}

static REGISTERED: LazyLock<Registered> = LazyLock::new(|| {
    let embedded = EmbeddedRegistry::start().expect("a registry");
    let config = SchemaRegistryConfig::new().set("schema.registry.url", embedded.url()).expect("its URL");
    let registry = SchemaRegistry::new(&config).expect("its client");
    let register = |(number, text): (usize, &&str)| {
        let schema = Schema::new(SchemaType::Json, *text);
        registry.register(&format!("{number}-value"), &schema).wait().expect("a schema").id().expect("an id")
    };
    let ids = SCHEMAS.iter().enumerate().map(register).collect();
    Registered { ids, json: JsonSchema::from_registry(&registry), _embedded: embedded }
});

/// Reads the bytes. What is accepted is JSON.
pub(crate) fn run(data: &[u8]) {
    let Some((which, payload)) = data.split_first() else { return };
    let registered = &*REGISTERED;
    let id = registered.ids[usize::from(*which) % registered.ids.len()];
    let framed = [&[0][..], &id.to_be_bytes(), payload].concat();
    let headers = Headers::new();
    let read: Result<Value, _> = registered.json.deserialize(Some(&framed), &DeserializeContext::new("t", &headers, false));
    assert!(read.is_err() || serde_json::from_slice::<Value>(payload).is_ok());
}
