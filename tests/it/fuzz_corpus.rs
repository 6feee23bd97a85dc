//! The inputs of the fuzz targets (`make fuzz`) as ordinary tests: what a target begins with, and what it once fell over. Those of `rows`, which
//! is about the command's own modules, run beside these.

#[path = "../../fuzz/src/avro.rs"]
mod avro;
#[path = "../../fuzz/src/config.rs"]
mod config;
#[path = "../../fuzz/src/deserializers.rs"]
mod deserializers;
#[path = "../../fuzz/src/jaas.rs"]
mod jaas;
#[cfg(feature = "json-schema")]
#[path = "../../fuzz/src/json_schema.rs"]
mod json_schema;
#[cfg(feature = "protobuf")]
#[path = "../../fuzz/src/protobuf.rs"]
mod protobuf;

use std::{fs, path::PathBuf};

/// Runs a target with each of its inputs.
fn each(target: &str, run: fn(&[u8])) {
    let corpus = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let inputs: Vec<PathBuf> = fs::read_dir(corpus).unwrap().map(|input| input.unwrap().path()).collect();
    assert!(inputs.len() >= 3, "{target}: {inputs:?}");
    for input in inputs {
        eprintln!("{}", input.display()); // so that one that panics is named
        run(&fs::read(input).unwrap());
    }
}

#[test]
fn avro() {
    each("avro", avro::run);
}

#[test]
fn config() {
    each("config", config::run);
}

#[test]
fn deserializers() {
    each("deserializers", deserializers::run);
}

#[test]
fn jaas() {
    each("jaas", jaas::run);
}

#[cfg(feature = "json-schema")]
#[test]
fn json_schema() {
    each("json_schema", json_schema::run);
}

#[cfg(feature = "protobuf")]
#[test]
fn protobuf() {
    each("protobuf", protobuf::run);
}
