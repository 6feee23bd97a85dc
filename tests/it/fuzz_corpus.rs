//! Runs the fuzz targets (`make fuzz`) with their corpus and their earlier failures as ordinary tests. Other targets are run beside the code
//! that they are about.

#[path = "../../fuzz/src/config.rs"]
mod config;
#[path = "../../fuzz/src/jaas.rs"]
mod jaas;

use ottla_test_support::fuzz_corpus::each;

#[test]
fn config() {
    each("config", config::run);
}

#[test]
fn jaas() {
    each("jaas", jaas::run);
}
