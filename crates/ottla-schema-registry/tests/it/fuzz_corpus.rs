//! Runs the fuzz targets (`make fuzz`) with their corpus and their earlier failures as ordinary tests. Other targets are run beside the code
//! that they are about.

#[path = "../../../../fuzz/src/avro.rs"]
mod avro;
#[path = "../../../../fuzz/src/deserializers.rs"]
mod deserializers;
#[path = "../../../../fuzz/src/json_schema.rs"]
mod json_schema;
#[path = "../../../../fuzz/src/protobuf.rs"]
mod protobuf;

use ottla_test_support::fuzz_corpus::each;

#[test]
fn avro() {
    each("avro", avro::run);
}

#[test]
fn deserializers() {
    each("deserializers", deserializers::run);
}

#[test]
fn json_schema() {
    each("json_schema", json_schema::run);
}

#[test]
fn protobuf() {
    each("protobuf", protobuf::run);
}
