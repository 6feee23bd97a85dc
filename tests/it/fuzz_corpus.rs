//! Runs the fuzz targets (`make fuzz`) with their corpus and their earlier failures as ordinary tests. Other targets are run beside the code
//! that they are about.

#[path = "../../fuzz/src/config.rs"]
mod config;
#[path = "../../fuzz/src/jaas.rs"]
mod jaas;

use std::fs;

use ottla_test_support::repository;

/// Runs a target with each input of its corpus.
fn each(target: &str, run: fn(&[u8])) {
    let corpus = repository("fuzz/corpus").join(target);
    let inputs: Vec<_> = fs::read_dir(corpus).unwrap().map(|input| input.unwrap().path()).collect();
    assert!(inputs.len() >= 3, "{target}: {inputs:?}");
    for input in inputs {
        eprintln!("{}", input.display()); // to identify the input of a panic
        run(&fs::read(input).unwrap());
    }
}

#[test]
fn config() {
    each("config", config::run);
}

#[test]
fn jaas() {
    each("jaas", jaas::run);
}
