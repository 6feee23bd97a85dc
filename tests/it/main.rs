//! The integration tests: one binary, so that it is linked once.
//!
//! Tier 1 needs nothing, tier 2 (`embedded::`) runs on brokers inside the process, tier 3 (`broker::`) on a real Kafka.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed, in its helpers too")]

mod account;
mod authentication;
mod broker;
mod configuration;
mod dependencies;
mod embedded;
mod examples;
mod fuzz_corpus;
mod hostile;
mod java_keys;
mod mock_producer;
mod mock_transaction;
#[cfg(all(feature = "protobuf", feature = "json-schema"))]
mod schema_registry;
mod secrets;

use ottla_test_support::{log, own_process};
