//! What the integration tests of the workspace's packages share: brokers, readers that are not ours, and tables of results.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed, in its helpers too")]
#![allow(missing_docs, missing_debug_implementations, reason = "for the tests of this repository only")]

pub mod broker;
pub mod echoing_broker;
pub mod embedded;
pub mod folder;
pub mod harm;
pub mod log;
pub mod own_kafka;
pub mod own_process;
pub mod secrets;
pub mod secured;
pub mod seen;
pub mod table;

use std::path::{Path, PathBuf};

/// A file of the repository, by its path there.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}
