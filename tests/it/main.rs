//! The integration tests, in one binary so that it is linked once.
//!
//! Tier 1 needs nothing, tier 2 (`embedded::`) uses in-process brokers, tier 3 (`broker::`) a real Kafka.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails if it cannot continue, also in helper functions")]

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
mod kafka_script;
mod layering;
mod mock_producer;
mod mock_transaction;
mod monitoring;
mod pages;
mod secrets;
mod wording;

use ottla_test_support::{log, own_process};
