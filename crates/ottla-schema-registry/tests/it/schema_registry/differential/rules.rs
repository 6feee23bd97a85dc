//! Random JSON schemas: ottla against Python's `jsonschema`.

use std::fs;

use ottla::{
    Deserializer, Headers, Serializer,
    serialize::{DeserializeContext, SerializeContext},
};
use ottla_schema_registry::{JsonSchema, JsonSchemaError, Schema, SchemaMismatch, SchemaType};
use serde::Deserialize;
use serde_json::Value as Json;

use super::{Registry, chain, first_seed, python::python};

#[derive(Deserialize)]
struct Case {
    seed: u64,
    schema: Json,
    values: Vec<(Json, bool)>,
}

#[test]
#[ignore = "needs Python with jsonschema: make interop"]
fn ottla_and_python_accept_the_same_json() {
    let count = std::env::var("INTEROP_CASES").map_or("5000".to_owned(), |count| count);
    let folder = tempfile::tempdir().unwrap();
    let cases = folder.path().join("cases.jsonl");
    let seed = first_seed().to_string();
    python("json_schema_differential.py", &[count.as_ref(), seed.as_ref(), cases.as_os_str()]);
    let registry = Registry::start();
    let (mut valid, mut invalid, mut disagreements) = (0, 0, Vec::new());
    for line in fs::read_to_string(&cases).unwrap().lines() {
        let Case { seed, schema, values } = serde_json::from_str(line).unwrap();
        let codec = JsonSchema::<Json>::with_schema(&registry.registry, Schema::new(SchemaType::Json, schema.to_string()));
        let unchecked = JsonSchema::<Json>::with_schema(&registry.registry, Schema::new(SchemaType::Json, schema.to_string()))
            .validate(false);
        let topic = format!("json-{seed}");
        for (value, is_valid) in values {
            let (mut headers, mut framed, mut any) = (Headers::new(), Vec::new(), Vec::new());
            let written = codec.serialize(&value, &mut SerializeContext::new(&topic, &mut headers, false), &mut framed);
            unchecked.serialize(&value, &mut SerializeContext::new(&topic, &mut headers, false), &mut any).unwrap();
            let read: Result<Json, _> = codec.deserialize(Some(&any), &DeserializeContext::new(&topic, &headers, false));
            for error in [written.as_ref().err(), read.as_ref().err()].into_iter().flatten() {
                let mismatch: &SchemaMismatch =
                    error.downcast_ref().unwrap_or_else(|| panic!("seed {seed}: {}", chain(&**error)));
                assert!(mismatch.reason().is::<JsonSchemaError>(), "seed {seed}: {}", chain(&**error));
            }
            if (written.is_ok(), read.is_ok()) != (is_valid, is_valid) {
                disagreements.push(format!("seed {seed}: {is_valid} in Python: {schema} {value}"));
            }
            if let Ok(read) = read {
                assert_eq!(read, value, "seed {seed}");
            }
            *if is_valid { &mut valid } else { &mut invalid } += 1;
        }
    }
    println!("{count} JSON schemas, {valid} valid values, {invalid} invalid ones, {} disagreements", disagreements.len());
    assert!(disagreements.is_empty(), "{}", disagreements[..disagreements.len().min(10)].join("\n"));
}
