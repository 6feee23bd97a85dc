//! Runs `src/rows.rs` with libFuzzer, on the command's own modules.
#![no_main]

#[allow(dead_code, reason = "the command uses more of it")]
#[path = "../../crates/ottla-cli/src/dead_letter_source.rs"]
mod dead_letter_source;
#[allow(dead_code, reason = "as above")]
#[path = "../../crates/ottla-cli/src/input/mod.rs"]
mod input;
#[allow(dead_code, reason = "as above")]
#[path = "../../crates/ottla-cli/src/row.rs"]
mod row;
#[path = "../src/rows.rs"]
mod rows;

libfuzzer_sys::fuzz_target!(|data: &[u8]| rows::run(data));
