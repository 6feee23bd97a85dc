//! Runs `src/avro.rs` with libFuzzer.
#![no_main]

#[path = "../src/avro.rs"]
mod avro;

libfuzzer_sys::fuzz_target!(|data: &[u8]| avro::run(data));
