//! The corpus of the fuzz targets, as inputs of ordinary tests.

use std::fs;

use crate::repository;

/// Runs a target with each input of its corpus.
pub fn each(target: &str, run: fn(&[u8])) {
    let corpus = repository("fuzz/corpus").join(target);
    let inputs: Vec<_> = fs::read_dir(corpus).unwrap().map(|input| input.unwrap().path()).collect();
    assert!(inputs.len() >= 3, "{target}: {inputs:?}");
    for input in inputs {
        eprintln!("{}", input.display()); // to identify the input of a panic
        run(&fs::read(input).unwrap());
    }
}
