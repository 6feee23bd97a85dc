//! Runs `src/jaas.rs` with libFuzzer.
#![no_main]

#[path = "../src/jaas.rs"]
mod jaas;

libfuzzer_sys::fuzz_target!(|data: &[u8]| jaas::run(data));
