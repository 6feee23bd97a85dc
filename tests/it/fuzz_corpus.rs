//! Runs the fuzz targets (`make fuzz`) with their corpus and their earlier failures as ordinary tests. The target `rows`, which is about
//! modules of the command, is run beside those.

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

/// Runs a target with each input of its corpus.
fn each(target: &str, run: fn(&[u8])) {
    let corpus = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let inputs: Vec<PathBuf> = fs::read_dir(corpus).unwrap().map(|input| input.unwrap().path()).collect();
    assert!(inputs.len() >= 3, "{target}: {inputs:?}");
    for input in inputs {
        eprintln!("{}", input.display()); // to identify the input of a panic
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
