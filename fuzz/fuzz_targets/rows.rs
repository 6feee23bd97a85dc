//! Runs `src/rows.rs` with libFuzzer, on the command's own modules.
#![no_main]

#[allow(dead_code, reason = "the command uses more of it")]
#[path = "../../src/bin/ottla/input/mod.rs"]
mod input;
#[allow(dead_code, reason = "as above")]
#[path = "../../src/bin/ottla/row.rs"]
mod row;
#[path = "../src/rows.rs"]
mod rows;

libfuzzer_sys::fuzz_target!(|data: &[u8]| rows::run(data));
