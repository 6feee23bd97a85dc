//! Runs `src/protobuf.rs` with libFuzzer.
#![no_main]

#[path = "../src/protobuf.rs"]
mod protobuf;

libfuzzer_sys::fuzz_target!(|data: &[u8]| protobuf::run(data));
