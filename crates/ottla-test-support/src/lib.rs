//! Shared by the integration tests of the workspace's packages: brokers, independent readers, and tables of results.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic in a helper fails the test")]
#![allow(missing_docs, missing_debug_implementations, reason = "for the tests of this repository only")]

pub mod broker;
pub mod consumer;
pub mod corruption;
pub mod echoing_broker;
pub mod embedded;
pub mod folder;
pub mod fuzz_corpus;
pub mod lines;
pub mod log;
pub mod own_kafka;
pub mod own_process;
pub mod secrets;
pub mod secured;
pub mod seen;
pub mod table;

use std::{
    error::Error,
    path::{Path, PathBuf},
};

/// An error and its causes, as programs print them.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {}", chain(source)))
}

/// The absolute path of a file in the repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}
