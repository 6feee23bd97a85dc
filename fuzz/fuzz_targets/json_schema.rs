//! Runs `src/json_schema.rs` with libFuzzer.
#![no_main]

#[path = "../src/json_schema.rs"]
mod json_schema;

libfuzzer_sys::fuzz_target!(|data: &[u8]| json_schema::run(data));
